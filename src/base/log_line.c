/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/log_line.h"

#include "base/jsonw.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const words[LOG_LEVEL_COUNT] = {
#define X(name, word) word,
	LOG_LEVELS(X)
#undef X
};

#define STAMP_SIZE	32

/* Made anew once a second. */
static void
stamp(char out[STAMP_SIZE], int64_t wall_ms, char between)
{
	static char text[STAMP_SIZE];
	static time_t at;
	time_t seconds = (time_t)(wall_ms / 1000);
	int ms = (int)(wall_ms % 1000);
	struct tm tm;
	size_t n;

	if (seconds != at) {
		gmtime_r(&seconds, &tm);
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S.000Z", &tm);
		at = seconds;
	}
	memcpy(out, text, STAMP_SIZE);
	n = strlen(out);
	if (n < 24)
		return;
	out[n - 14] = between;
	out[n - 4] = (char)('0' + ms / 100);
	out[n - 3] = (char)('0' + ms / 10 % 10);
	out[n - 2] = (char)('0' + ms % 10);
}

/* Our own words need no quoting; this is what every request ends with. */
static void
as_json(struct buf *out, const struct log_line *l)
{
	char when[STAMP_SIZE];

	stamp(when, l->wall_ms, 'T');
	buf_str(out, "{\"time\":\"");
	buf_str(out, when);
	buf_str(out, "\",\"level\":\"");
	buf_str(out, words[l->level]);
	buf_str(out, "\",\"pid\":");
	buf_int(out, l->pid);
	buf_str(out, ",\"hostname\":");
	jsonw_quote(out, l->hostname, strlen(l->hostname));
	buf_str(out, ",\"name\":");
	jsonw_quote(out, l->process, strlen(l->process));
	buf_str(out, ",\"token\":");
	jsonw_quote(out, l->token, strlen(l->token));
	if (l->request != NULL) {
		buf_str(out, ",\"req\":");
		jsonw_quote(out, l->request, strlen(l->request));
	}
	buf_str(out, ",\"msg\":");
	jsonw_quote(out, l->msg, l->len);
	if (l->cut)
		buf_str(out, ",\"cut\":true");
	buf_char(out, '}');
}

/* A value of logfmt: quoted unless it is one plain word. */
static void
pair(struct buf *out, const char *key, const char *value)
{
	bool plain = *value != '\0';

	for (const char *p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p == '=' || *p == '"' || *p == '\\' ||
		    *p == 0x7f)
			plain = false;
	if (out->len != 0)
		buf_char(out, ' ');
	buf_str(out, key);
	buf_char(out, '=');
	if (plain)
		buf_str(out, value);
	else
		jsonw_quote(out, value, strlen(value));
}

static void
as_logfmt(struct buf *out, const struct log_line *l)
{
	char when[STAMP_SIZE], pid[16];

	stamp(when, l->wall_ms, 'T');
	snprintf(pid, sizeof(pid), "%d", l->pid);
	pair(out, "time", when);
	pair(out, "level", words[l->level]);
	pair(out, "pid", pid);
	pair(out, "hostname", l->hostname);
	pair(out, "name", l->process);
	pair(out, "token", l->token);
	if (l->request != NULL)
		pair(out, "req", l->request);
	buf_str(out, " msg=");
	jsonw_quote(out, l->msg, l->len);
	if (l->cut)
		buf_str(out, " cut=true");
}

/* For a terminal: nothing in it may move the cursor or begin a new line. */
static void
visible(struct buf *out, const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";

	while (len > 0) {
		unsigned char c = (unsigned char)*s;
		size_t n = utf8_length(s, len);
		bool c1 = n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0;

		if (n == 0 || c < ' ' || c == 0x7f || c1) {
			n = 1;
			if (c == '\n')
				buf_add(out, "\\n", 2);
			else
				buf_add(out, (char[]){ '\\', 'x', hex[c >> 4],
				    hex[c & 15] }, 4);
		} else
			buf_add(out, s, n);
		s += n;
		len -= n;
	}
}

static void
as_text(struct buf *out, const struct log_line *l)
{
	char when[STAMP_SIZE], pid[16];

	stamp(when, l->wall_ms, ' ');
	snprintf(pid, sizeof(pid), "[%d] ", l->pid);
	buf_str(out, when);
	buf_char(out, ' ');
	buf_str(out, words[l->level]);
	buf_char(out, ' ');
	buf_str(out, l->process);
	buf_str(out, pid);
	buf_str(out, l->token);
	buf_str(out, ": ");
	visible(out, l->msg, l->len);
	if (l->cut)
		buf_str(out, " ...");
	if (l->request != NULL) {
		buf_str(out, " req=");
		visible(out, l->request, strlen(l->request));
	}
}

void
log_line_format(struct buf *out, enum log_format format,
    const struct log_line *line)
{
	static void (*const forms[])(struct buf *, const struct log_line *) = {
		[LOG_FORMAT_AUTO] = as_text,
		[LOG_FORMAT_JSON] = as_json,
		[LOG_FORMAT_LOGFMT] = as_logfmt,
		[LOG_FORMAT_TEXT] = as_text,
	};

	forms[format](out, line);
	buf_char(out, '\n');
}
