/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/jsonw.h"

#include "base/log.h"
#include "base/utf8.h"

#include <string.h>

/* The comma before a value or key of this level. */
static void
comma(struct jsonw *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->depth == 0)
		return;
	if (w->more[w->depth - 1])
		buf_char(w->out, ',');
	w->more[w->depth - 1] = true;
}

void
jsonw_open(struct jsonw *w, char bracket)
{
	comma(w);
	if (w->depth == JSONW_DEPTH)
		fatal("JSON deeper than %d levels", JSONW_DEPTH);
	buf_char(w->out, bracket);
	w->close[w->depth] = bracket == '{' ? '}' : ']';
	w->more[w->depth++] = false;
}

void
jsonw_close(struct jsonw *w)
{
	if (w->depth == 0 || w->after_key)
		fatal("JSON closed where nothing is open");
	buf_char(w->out, w->close[--w->depth]);
}

void
jsonw_key(struct jsonw *w, const char *key)
{
	comma(w);
	jsonw_quote(w->out, key, strlen(key));
	buf_char(w->out, ':');
	w->after_key = true;
}

void
jsonw_text(struct jsonw *w, const char *s)
{
	if (s == NULL)
		jsonw_raw(w, "null", 4);
	else
		jsonw_textn(w, s, strlen(s));
}

void
jsonw_textn(struct jsonw *w, const char *s, size_t len)
{
	comma(w);
	jsonw_quote(w->out, s, len);
}

void
jsonw_int(struct jsonw *w, int64_t n)
{
	comma(w);
	buf_int(w->out, n);
}

void
jsonw_bool(struct jsonw *w, bool b)
{
	jsonw_raw(w, b ? "true" : "false", b ? 4 : 5);
}

void
jsonw_raw(struct jsonw *w, const char *text, size_t len)
{
	comma(w);
	buf_add(w->out, text, len);
}

void
jsonw_put_text(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	jsonw_text(w, s);
}

void
jsonw_put_int(struct jsonw *w, const char *key, int64_t n)
{
	jsonw_key(w, key);
	jsonw_int(w, n);
}

void
jsonw_put_bool(struct jsonw *w, const char *key, bool b)
{
	jsonw_key(w, key);
	jsonw_bool(w, b);
}

/* What a byte becomes within quotes; NULL: itself (or a part of UTF-8). */
static const char *const escapes[256] = {
	[0x00] = "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004",
	"\\u0005", "\\u0006", "\\u0007", "\\b", "\\t", "\\n", "\\u000b",
	"\\f", "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012",
	"\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017", "\\u0018",
	"\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e",
	"\\u001f",
	['"'] = "\\\"", ['\\'] = "\\\\", [0x7f] = "\\u007f",
};

/* What stays as it is, and is a character of its own. */
static const bool stays[256] = {
	[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true,
};

void
jsonw_quote(struct buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;
	const unsigned char *run = p;

	buf_char(out, '"');
	while (p < end) {
		const char *escape;
		size_t n = 1;

		if (stays[*p]) {
			p++;
			continue;
		}
		escape = escapes[*p];
		if (escape == NULL) {
			n = utf8_length(p, (size_t)(end - p));
			if (n != 0) {
				p += n;
				continue;
			}
			escape = "\xef\xbf\xbd";
			n = 1;
		}
		buf_add(out, run, (size_t)(p - run));
		buf_str(out, escape);
		p += n;
		run = p;
	}
	buf_add(out, run, (size_t)(p - run));
	buf_char(out, '"');
}
