/* SPDX-License-Identifier: ISC */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A growing run of bytes with a bound.  { 0 } is an empty one; max 0 means the
 * writer is bounded elsewhere.  What would pass max is not added and sets
 * over; from then on nothing is added until buf_reset, so that a caller asks
 * once, at the end.  No memory is fatal. */
struct buf {
	char *p;	/* NUL-terminated once something was added */
	size_t len;
	size_t room;
	size_t max;
	bool over;
};

void buf_add(struct buf *b, const void *bytes, size_t len);

static inline void
buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline void
buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_int(struct buf *b, int64_t n);		/* in decimal digits */
void buf_fmt(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* len bytes at the end, to be filled by the caller who then adds to b->len;
 * NULL and over when that would pass max (it may be asked again after a drop). */
char *buf_room(struct buf *b, size_t len);
/* Takes the first n bytes away. */
void buf_drop(struct buf *b, size_t n);
void buf_reset(struct buf *b);		/* empty, memory kept */
void buf_wipe(struct buf *b);		/* zeroes and frees; safe on empty */

/* application/x-www-form-urlencoded and query strings: everything but
 * A-Z a-z 0-9 - . _ ~ as %XX. */
void buf_url(struct buf *b, const char *bytes, size_t len);
/* Adds "name=value" with & before it unless b is empty. */
void buf_form(struct buf *b, const char *name, const char *value, size_t len);
/* HTML text and attribute values: & < > " ' escaped. */
void buf_html(struct buf *b, const char *s);

#endif
