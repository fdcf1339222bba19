/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/conf_row.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of the configuration; its lines "-o key=value" also come as options.
 * covers: base/conf_file.c base/conf_value.c base/conf.c base/conf_check.c
 * covers: base/conf_urls.c base/conf_store.c base/url.c */

#define OPTIONS		8
#define FILE_FD		100		/* so that an input can name its own file */

/* What is shown of a value means the same. */
static void
check_value(const struct conf_row *row, const struct conf *c)
{
	struct conf *more = mem_new(sizeof(*more));
	struct buf shown = { 0 }, again = { 0 };
	struct err err;

	conf_show(row, c, &shown);
	buf_str(&shown, "");
	if (row->type == T_SECRET) {
		MUST(shown.p[0] == '(');
	} else {
		MUST(conf_parse(row, shown.p, more, &err) == 0);
		conf_show(row, more, &again);
		MUST(again.len == shown.len);
		MUST(shown.len == 0 || memcmp(again.p, shown.p, shown.len) == 0);
	}
	conf_wipe(row, more);
	free(more);
	buf_wipe(&shown);
	buf_wipe(&again);
}

static void
on_line(void *arg, const char *name, size_t len, const char *value, unsigned line)
{
	struct conf *c = arg;
	const struct conf_row *row;
	char quoted[CONF_QUOTED_SIZE];
	struct err err;
	bool by_file;

	MUST(len > 0 && line > 0);
	row = conf_row_find(name, len, &by_file);
	if (row == NULL || by_file)
		return;
	conf_quote(quoted, row, value);
	MUST(strlen(quoted) < sizeof(quoted));
	if (conf_parse(row, value, c, &err) == -1)
		MUST(err.kind == ERR_INPUT && err.text[0] != '\0');
	else if (*value != '\0')	/* else it may be conf_derive.c's to make */
		check_value(row, c);
}

static void
by_lines(const char *text, size_t len)
{
	struct conf_report report = { 0 };
	struct conf *c = mem_new(sizeof(*c));
	const struct conf_row *row;
	struct err err;

	for (size_t i = 0; (row = conf_row(i)) != NULL; i++)
		MUST(conf_parse(row, row->dflt != NULL ? row->dflt : "", c, &err)
		    == 0);
	conf_file_parse(text, len, "file", on_line, c, &report);
	conf_report_wipe(&report);
	conf_free(c);
}

static void
on_option(void *arg, const char *name, const char *value, const char *source,
    const char *help)
{
	size_t *n = arg;

	MUST(name[0] != '\0' && value != NULL && source[0] != '\0' && help[0] != '\0');
	++*n;
}

/* Lines that end, as many as are counted. */
static void
check_report(const struct buf *lines, unsigned n)
{
	MUST((lines->len == 0) == (n == 0));
	MUST(lines->len == 0 || lines->p[lines->len - 1] == '\n');
}

static void
check_whole(const struct conf *c)
{
	const struct conf_row *row;
	size_t n = 0, rows = 0;

	conf_each(c, on_option, &n);
	for (; (row = conf_row(rows)) != NULL; rows++)
		check_value(row, c);
	MUST(n == rows);
	MUST(c->base_origin != NULL && c->base_path != NULL);
	MUST(c->workers > 0 && c->run_dir[0] == '/' && c->state_dir[0] == '/');
}

static size_t
options(char *text, const char *out[OPTIONS])
{
	size_t n = 0;
	char *at = text;

	for (char *line; n < OPTIONS && (line = strsep(&at, "\n")) != NULL;)
		if (strncmp(line, "-o ", 3) == 0)
			out[n++] = line + 3;
	return n;
}

static void
whole(const char *text, size_t len, bool manifest, bool store)
{
	int fd = memfd_create("conf", MFD_CLOEXEC);
	bool private = len % 2;
	static char path[] = "/proc/self/fd/100";
	char *copy = mem_strn(text, len);
	const char *given[OPTIONS];
	struct conf_input in = { .file = path, .options = given,
		.noptions = options(copy, given),
		.manifest_only = manifest, .store_only = store };
	struct conf_report report = { 0 };
	struct conf *c;

	MUST(fd != -1 && write(fd, text, len) == (ssize_t)len);
	MUST(fchmod(fd, private ? 0600 : 0644) == 0 && dup2(fd, FILE_FD) == FILE_FD);
	c = conf_load(&in, &report);
	MUST((c == NULL) == (report.nerrors > 0));
	check_report(&report.errors, report.nerrors);
	check_report(&report.warnings, report.nwarnings);
	if (c != NULL)
		check_whole(c);
	conf_free(c);
	conf_report_wipe(&report);
	free(copy);
	close(fd);
	close(FILE_FD);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;

	by_lines(text, len);
	whole(text, len, false, false);
	whole(text, len, true, false);
	whole(text, len, false, true);
	return 0;
}
