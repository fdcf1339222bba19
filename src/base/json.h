/* SPDX-License-Identifier: ISC */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* A writer that puts JSON straight into a buffer.  Commas are its business:
 *
 *	struct json w = { .out = b };
 *	json_open(&w, '{'); json_key(&w, "ok"); json_bool(&w, true); json_close(&w);
 *
 * At most JSON_DEPTH levels. */
#define JSON_DEPTH	32

struct json {
	struct buf *out;
	unsigned depth;
	bool after_key;
	bool more[JSON_DEPTH];		/* this level has a value already */
	char close[JSON_DEPTH];
};

void json_open(struct json *w, char bracket);	/* '{' or '[' */
void json_close(struct json *w);
void json_key(struct json *w, const char *key);
void json_text(struct json *w, const char *s);		/* NULL: null */
void json_textn(struct json *w, const char *s, size_t len);
void json_int(struct json *w, int64_t n);
void json_bool(struct json *w, bool b);
void json_raw(struct json *w, const char *text, size_t len);	/* JSON already */

/* key and value in one. */
void json_put_text(struct json *w, const char *key, const char *s);
void json_put_int(struct json *w, const char *key, int64_t n);
void json_put_bool(struct json *w, const char *key, bool b);

/* Only the quoted string: control characters, quotes and backslash escaped,
 * bytes that are not UTF-8 as U+FFFD. */
void json_quote(struct buf *out, const char *s, size_t len);

#endif
