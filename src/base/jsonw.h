/* SPDX-License-Identifier: ISC */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* A writer that puts JSON straight into a buffer.  Commas are its business:
 *
 *	struct jsonw w = { .out = b };
 *	jsonw_open(&w, '{'); jsonw_key(&w, "ok"); jsonw_bool(&w, true); jsonw_close(&w);
 *
 * At most JSONW_DEPTH levels. */
#define JSONW_DEPTH	32

struct jsonw {
	struct buf *out;
	unsigned depth;
	bool after_key;
	bool more[JSONW_DEPTH];		/* this level has a value already */
	char close[JSONW_DEPTH];
};

void jsonw_open(struct jsonw *w, char bracket);	/* '{' or '[' */
void jsonw_close(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_text(struct jsonw *w, const char *s);		/* NULL: null */
void jsonw_textn(struct jsonw *w, const char *s, size_t len);
void jsonw_int(struct jsonw *w, int64_t n);
void jsonw_bool(struct jsonw *w, bool b);
void jsonw_raw(struct jsonw *w, const char *text, size_t len);	/* JSON already */

/* key and value in one. */
void jsonw_put_text(struct jsonw *w, const char *key, const char *s);
void jsonw_put_int(struct jsonw *w, const char *key, int64_t n);
void jsonw_put_bool(struct jsonw *w, const char *key, bool b);

/* Only the quoted string: control characters, quotes and backslash escaped,
 * bytes that are not UTF-8 as U+FFFD. */
void jsonw_quote(struct buf *out, const char *s, size_t len);

#endif
