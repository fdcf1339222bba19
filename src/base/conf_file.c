/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf_row.h"

#include "base/mem.h"
#include "base/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LONGEST	(1024 * 1024)
#define DEFAULT_FILE	SYSCONFDIR "/" PACKAGE_NAME "/" PACKAGE_NAME ".conf"

struct parse {
	const char *file;
	unsigned line;
	struct conf_report *report;
};

static int
bad_line(const struct parse *p, const char *what)
{
	char key[256];

	snprintf(key, sizeof(key), "%s:%u", p->file, p->line);
	conf_error(p->report, key, "%s", what);
	return -1;
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What stands behind a closing quote or a value: nothing, or a comment. */
static bool
nothing(const char *p, const char *end)
{
	while (p < end && blank(*p))
		p++;
	return p == end || *p == '#';
}

/* '…' and `…` as they are; "…" knows \n and \r, as Node's reader does. */
static int
quoted(const struct parse *parse, const char *p, const char *end,
    struct buf *out)
{
	char quote = *p++;

	for (; p < end && *p != quote; p++) {
		if (quote == '"' && *p == '\\' && p + 1 < end &&
		    (p[1] == 'n' || p[1] == 'r'))
			buf_char(out, *++p == 'n' ? '\n' : '\r');
		else
			buf_char(out, *p);
	}
	if (p == end)
		return bad_line(parse,
		    "the quote does not end: close it in the "
		    "same line");
	if (!nothing(p + 1, end))
		return bad_line(parse,
		    "something stands behind the closing quote: "
		    "remove it, or put the other kind of quote around all");
	return 0;
}

static void
plain(const char *p, const char *end, struct buf *out)
{
	const char *stop = p;

	while (stop < end && !(*stop == '#' && (stop == p || blank(stop[-1]))))
		stop++;
	while (stop > p && blank(stop[-1]))
		stop--;
	buf_add(out, p, (size_t)(stop - p));
}

static const char *
skip_export(const char *p, const char *end)
{
	static const char word[] = "export";
	size_t len = sizeof(word) - 1;

	if ((size_t)(end - p) > len && memcmp(p, word, len) == 0 &&
	    blank(p[len]))
		for (p += len; p < end && blank(*p); p++)
			;
	return p;
}

static bool
name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* p..end is a line without its end.  value is the caller's, to be used again. */
static int
parse_line(const struct parse *parse, const char *p, const char *end,
    struct buf *value, size_t *name_len)
{
	const char *name = p;

	while (p < end && name_char(*p))
		p++;
	*name_len = (size_t)(p - name);
	while (p < end && blank(*p))
		p++;
	if (*name_len == 0 || p == end || *p != '=')
		return bad_line(parse,
		    "it is none: write name = value, or # before "
		    "a comment");
	for (p++; p < end && blank(*p); p++)
		;
	if (p < end && memchr(p, '\0', (size_t)(end - p)) != NULL)
		return bad_line(parse,
		    "there is a NUL in it: this is no text file");
	buf_reset(value);
	buf_str(value, "");
	if (p < end && strchr("'\"`", *p) != NULL)
		return quoted(parse, p, end, value);
	plain(p, end, value);
	return 0;
}

void
conf_file_parse(const char *text, size_t len, const char *file,
    conf_line_fn *fn, void *arg, struct conf_report *report)
{
	struct parse parse = { file, 0, report };
	const char *end = text + len, *p = text, *stop, *next;
	struct buf value = { 0 };
	size_t name_len;

	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (; p < end; p = next) {
		stop = memchr(p, '\n', (size_t)(end - p));
		next = stop != NULL ? stop + 1 : end;
		stop = stop != NULL ? stop : end;
		if (stop > p && stop[-1] == '\r')
			stop--;
		parse.line++;
		if (nothing(p, stop))
			continue;
		while (blank(*p))
			p++;
		p = skip_export(p, stop);
		if (parse_line(&parse, p, stop, &value, &name_len) == 0)
			fn(arg, p, name_len, value.p, parse.line);
	}
	buf_wipe(&value);
}

/* Up to max bytes of a regular file; st tells more of it. */
static int
read_file(const char *path, size_t max, struct buf *out, struct stat *st,
    struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = 1;

	if (fd == -1)
		return err_set(err, ERR_INPUT, "cannot read %s: %s", path,
		    strerror(errno));
	if (fstat(fd, st) == -1 || !S_ISREG(st->st_mode)) {
		close(fd);
		return err_set(err, ERR_INPUT,
		    "%s is no regular file: name one", path);
	}
	while (n > 0 && out->len <= max) {
		n = read(fd, buf_room(out, 4096), 4096);
		if (n > 0)
			out->len += (size_t)n;
	}
	close(fd);
	if (n == -1)
		return err_set(err, ERR_INPUT, "cannot read %s: %s", path,
		    strerror(errno));
	if (out->len > max)
		return err_set(err, ERR_INPUT,
		    "%s is longer than %zu bytes: it "
		    "cannot be the right file",
		    path, max);
	return 0;
}

static char *
secret_of(const char *path, struct buf *b, const struct stat *st,
    struct err *err)
{
	if (st->st_mode & S_IROTH) {
		err_set(err, ERR_INPUT, "every user of this host can read %s: "
		    "chmod o= %s", path, path);
		return NULL;
	}
	if (b->len > 0 && b->p[b->len - 1] == '\n')
		b->len--;
	if (b->len > 0 && b->p[b->len - 1] == '\r')
		b->len--;
	if (b->len == 0 || memchr(b->p, '\0', b->len) != NULL) {
		err_set(err, ERR_INPUT,
		    "%s holds no secret: write it there as one "
		    "line",
		    path);
		return NULL;
	}
	return mem_strn(b->p, b->len);
}

char *
conf_secret_read(const char *path, struct err *err)
{
	struct buf b = { 0 };
	struct stat st;
	char *secret = NULL;

	if (*path != '/')
		err_set(err, ERR_INPUT,
		    "its file \"%s\" is relative: write the "
		    "whole path, since the daemon works in /",
		    path);
	else if (read_file(path, CONF_SECRET_MAX, &b, &st, err) == 0)
		secret = secret_of(path, &b, &st, err);
	buf_wipe(&b);
	return secret;
}

struct lines {
	struct conf_loading *l;
	bool secrets;
};

/* Names that a Node server's .env has and that mean nothing here. */
static bool
foreign(const char *name, size_t len)
{
	static const char *const names[] = { "NODE_ENV" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len &&
		    strncasecmp(names[i], name, len) == 0)
			return true;
	return false;
}

static void
unknown(struct conf_loading *l, const char *name, size_t len, unsigned line)
{
	struct nearest near = { 0 };
	const struct conf_row *row;
	char text[80], key[16];

	snprintf(text, sizeof(text), "%.*s", (int)(len < 64 ? len : 64), name);
	snprintf(key, sizeof(key), "line %u", line);
	near.wrong = text;
	for (size_t i = 0; (row = conf_row(i)) != NULL; i++)
		nearest_offer(&near, row->env);
	if (near.word != NULL)
		conf_warn(l->report, key,
		    "there is no option \"%s\": perhaps %s "
		    "is meant",
		    text, near.word);
	else
		conf_warn(l->report, key,
		    "there is no option \"%s\": it is not "
		    "read",
		    text);
}

static void
on_line(void *arg, const char *name, size_t len, const char *value,
    unsigned line)
{
	struct lines *lines = arg;
	struct conf_loading *l = lines->l;
	const struct conf_row *row;
	const struct conf_slot *slot;
	bool by_file;

	if (foreign(name, len))
		return;
	row = conf_row_find(name, len, &by_file);
	if (row == NULL) {
		unknown(l, name, len, line);
		return;
	}
	slot = &l->slots[conf_row_index(row)];
	if (slot->text != NULL && slot->by_file == by_file && *value != '\0')
		conf_warn(l->report, row->env,
		    "it is there twice, line %u holds: "
		    "remove the other",
		    line);
	if (row->type == T_SECRET && !by_file && *value != '\0')
		lines->secrets = true;
	conf_lay(l, row, value, SOURCE_FILE, by_file);
}

void
conf_file_load(struct conf_loading *l)
{
	const char *file = l->in->file != NULL ? l->in->file : DEFAULT_FILE;
	struct lines lines = { .l = l };
	struct buf b = { 0 };
	struct stat st = { 0 };
	struct err err;

	if (l->in->file == NULL && access(file, F_OK) == -1 && errno == ENOENT)
		return;
	if (read_file(file, FILE_LONGEST, &b, &st, &err) == -1) {
		conf_error(l->report, "-c", "%s", err.text);
	} else {
		conf_file_parse(b.p, b.len, file, on_line, &lines, l->report);
		if (lines.secrets && (st.st_mode & S_IROTH))
			conf_warn(l->report, file,
			    "it has secrets in it that every "
			    "user of this host can read: chmod o= %s",
			    file);
	}
	buf_wipe(&b);
}
