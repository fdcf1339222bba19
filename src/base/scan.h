/* SPDX-License-Identifier: ISC */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include "base/err.h"

#include <stddef.h>

/* A strict look at JSON text before json-c, which is too kind: RFC 8259 to the
 * letter, UTF-8 well formed, no NUL (raw or as \u0000), no lone surrogate, no
 * key twice in an object (after unescaping), no number that a double or an
 * int64 cannot tell from another (an integer must fit 64 bits), nothing after
 * the value, depth, members and values bounded: json-c makes 700 bytes of an
 * empty object, and a gigabyte of a body full of them.  Allocates nothing that
 * outlives it. */
#define SCAN_DEPTH	32
#define SCAN_MEMBERS	256	/* of one object */
#define SCAN_VALUES	8192	/* of all together */

/* 0, or -1 and ERR_INPUT with the byte where it went wrong in the text. */
int scan_json(const char *p, size_t len, struct err *err);

enum scan_kind { SCAN_NONE, SCAN_OBJECT, SCAN_ARRAY, SCAN_STRING, SCAN_NUMBER,
	SCAN_BOOL, SCAN_NULL };

/* A value's raw text within the scanned bytes, a string with its quotes. */
struct span {
	enum scan_kind kind;	/* SCAN_NONE: not there */
	const char *p;
	size_t len;
};

/* These read text that scan_json has accepted. */
struct span scan_value(const char *p, size_t len);	/* the one value */
/* The member of that name of an object, however the text writes the name. */
struct span scan_member(struct span object, const char *name);
/* Several at once: found[i] is names[i]'s. */
void scan_members(struct span object, const char *const *names,
    struct span *found, size_t n);
/* The elements of an array: start with *at = NULL; kind SCAN_NONE at the end. */
struct span scan_next(struct span array, const char **at);
/* Is this span a string that means s, which is plain text? */
int scan_is(struct span v, const char *s);
/* An integer without fraction or exponent that fits; else -1. */
int scan_int(struct span v, long long *out);

#endif
