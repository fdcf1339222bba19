/* SPDX-License-Identifier: ISC */
#ifndef NET_HTTP1_PARSE_H
#define NET_HTTP1_PARSE_H

#include "net/http1.h"

#include <sys/types.h>

/* RFC 9112's grammar as functions over bytes; strict (http1.h). */
#define HTTP1_LINE_MAX		8192	/* of the request line; else 414 */
#define HTTP1_EXTENSIONS_MAX	4096	/* bytes of all chunk extensions; else 400 */
#define HTTP1_TRAILERS_MAX	8192	/* else 431 */

/* Looks for the end of a head in bytes that come in pieces: call it with all
 * there are from the head's first byte on.  The head's length; 0: there is
 * more to come; -1: *e.  { 0 } to begin. */
struct http1_scan {
	size_t line;			/* where the present line begins */
	size_t seen;
};
ssize_t http1_scan(struct http1_scan *s, const char *p, size_t len, size_t max,
    enum http_error *e);

struct http1_head {
	const char *method, *path, *query;
	int minor;
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t nfields;
	bool chunked, has_length, close, expect;
	uint64_t length;
};
/* A whole head; its bytes are changed, and what h points to lies in them. */
int http1_parse(char *p, size_t len, struct http1_head *h, enum http_error *e);

/* A chunked body in pieces.  { 0 } to begin. */
struct http1_chunked {
	unsigned char state;
	bool done;
	unsigned char digits;
	uint64_t size;			/* of the chunk, then what is left of it */
	size_t extensions, trailers;
	uint64_t total;
};
/* The number of bytes used; all of them unless done; -1: *e.  Data go to out
 * unless that is NULL; more than max are an error. */
ssize_t http1_chunked(struct http1_chunked *c, const char *p, size_t len,
    size_t max, struct buf *out, enum http_error *e);

#endif
