/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/scan.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "base/scan_text.h"
#include "base/utf8.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LONGEST	64
#define DIGITS_LONGEST	17	/* a double tells no more of them apart */

/* The keys of all objects that are open, the innermost last. */
struct scan {
	const char *start, *p, *end;
	unsigned depth, values;
	struct err *err;
	uint32_t seed;
	uint32_t *hashes;
	struct span *keys;
	size_t nkeys, room;
};

static int scan_any(struct scan *s);

static int
wrong(struct scan *s, const char *what)
{
	return err_set(s->err, ERR_INPUT, "JSON, byte %zu: %s",
	    (size_t)(s->p - s->start), what);
}

static void
blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' ||
	    *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool
at(const struct scan *s, char c)
{
	return s->p < s->end && *s->p == c;
}

static bool
digit(const struct scan *s)
{
	return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static int
word(struct scan *s, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
		return wrong(s, "no value");
	s->p += len;
	return 0;
}

/* Leaves p behind the closing quote; out is what stands between them. */
static int
string(struct scan *s, struct span *out)
{
	const char *why, *next;

	out->kind = SCAN_STRING;
	out->p = ++s->p;
	while (s->p < s->end) {
		if (scan_plain((unsigned char)*s->p)) {
			s->p++;
			continue;
		}
		if (*s->p == '"') {
			out->len = (size_t)(s->p++ - out->p);
			return 0;
		}
		next = s->p;
		if (scan_char(&next, s->end, &why) < 0)
			return wrong(s, why);
		s->p = next;
	}
	return wrong(s, "the string does not end");
}

static int
same_as_another(const char *from, size_t len, bool integer, size_t digits)
{
	char text[NUMBER_LONGEST + 1];
	long long whole;
	double n;

	if (len > NUMBER_LONGEST)
		return -1;
	if (integer)
		return scan_int((struct span){ SCAN_NUMBER, from, len },
		    &whole);
	if (digits > DIGITS_LONGEST)
		return -1;
	memcpy(text, from, len);
	text[len] = '\0';
	n = strtod(text, NULL);
	return digits == 0 || isnormal(n) ? 0 : -1;
}

static int
number(struct scan *s)
{
	const char *from = s->p;
	size_t digits = 0, zeros = 0;	/* that count, from the first not 0 on */
	bool integer = true;

	if (at(s, '-'))
		s->p++;
	if (!digit(s))
		return wrong(s, "no value");
	if (at(s, '0') && s->p + 1 < s->end && s->p[1] >= '0' && s->p[1] <= '9')
		return wrong(s, "a number with a zero before it");
	for (bool fraction = false;; s->p++) {
		if (digit(s)) {
			if (*s->p == '0') {
				zeros += digits > 0;
			} else {
				digits += zeros + 1;
				zeros = 0;
			}
		} else if (at(s, '.') && !fraction) {
			fraction = true;
			integer = false;
			if (s->p + 1 == s->end || s->p[1] < '0' ||
			    s->p[1] > '9')
				return wrong(s, "no digit after the point");
		} else
			break;
	}
	if (at(s, 'e') || at(s, 'E')) {
		integer = false;
		s->p++;
		if (at(s, '+') || at(s, '-'))
			s->p++;
		if (!digit(s))
			return wrong(s, "no digit in the exponent");
		while (digit(s))
			s->p++;
	}
	if (same_as_another(from, (size_t)(s->p - from), integer, digits) ==
	    -1) {
		s->p = from;
		return wrong(s, "a number that is too large or too exact");
	}
	return 0;
}

static int
deeper(struct scan *s)
{
	if (s->depth == SCAN_DEPTH)
		return wrong(s, "nested too deeply");
	s->depth++;
	s->p++;
	blanks(s);
	return 0;
}

static int
array(struct scan *s)
{
	if (deeper(s) == -1)
		return -1;
	if (!at(s, ']')) {
		for (;;) {
			if (scan_any(s) == -1)
				return -1;
			blanks(s);
			if (!at(s, ','))
				break;
			s->p++;
		}
		if (!at(s, ']'))
			return wrong(s, "neither , nor ]");
	}
	s->p++;
	s->depth--;
	return 0;
}

/* Remembers the key unless this object, whose keys begin at first, has it. */
static int
remember(struct scan *s, size_t first, struct span key)
{
	uint32_t hash = scan_hash(key, s->seed);

	if (s->nkeys - first == SCAN_MEMBERS)
		return wrong(s, "an object with too many members");
	for (size_t i = first; i < s->nkeys; i++)
		if (s->hashes[i] == hash && scan_same(s->keys[i], key))
			return wrong(s, "a key for the second time");
	if (s->nkeys == s->room) {
		s->room = s->room == 0 ? 32 : s->room * 2;
		s->keys = mem_array(s->keys, s->room, sizeof(*s->keys));
		s->hashes = mem_array(s->hashes, s->room, sizeof(*s->hashes));
	}
	s->hashes[s->nkeys] = hash;
	s->keys[s->nkeys++] = key;
	return 0;
}

static int
member(struct scan *s, size_t first)
{
	struct span key = { 0 };

	blanks(s);
	if (!at(s, '"'))
		return wrong(s, "no key");
	if (string(s, &key) == -1 || remember(s, first, key) == -1)
		return -1;
	blanks(s);
	if (!at(s, ':'))
		return wrong(s, "no colon after the key");
	s->p++;
	return scan_any(s);
}

static int
object(struct scan *s)
{
	size_t first = s->nkeys;

	if (deeper(s) == -1)
		return -1;
	if (!at(s, '}')) {
		for (;;) {
			if (member(s, first) == -1)
				return -1;
			blanks(s);
			if (!at(s, ','))
				break;
			s->p++;
		}
		if (!at(s, '}'))
			return wrong(s, "neither , nor }");
	}
	s->p++;
	s->depth--;
	s->nkeys = first;
	return 0;
}

static int
scan_any(struct scan *s)
{
	struct span ignored;

	blanks(s);
	if (s->p == s->end)
		return wrong(s, "no value");
	if (s->values++ == SCAN_VALUES)
		return wrong(s, "too many values");
	switch (scan_kind_of(*s->p)) {
	case SCAN_OBJECT:
		return object(s);
	case SCAN_ARRAY:
		return array(s);
	case SCAN_STRING:
		return string(s, &ignored);
	case SCAN_BOOL:
		return word(s, *s->p == 't' ? "true" : "false");
	case SCAN_NULL:
		return word(s, "null");
	case SCAN_NUMBER:
		return number(s);
	default:
		return wrong(s, "no value");
	}
}

int
scan_json(const char *p, size_t len, struct err *err)
{
	static uint32_t seed;	/* nobody outside can make keys that collide */
	struct scan s = { .start = p, .p = p, .end = p + len, .err = err };
	int rc;

	if (seed == 0)
		crypto_random(&seed, sizeof(seed));
	s.seed = seed;
	rc = scan_any(&s);
	if (rc == 0) {
		blanks(&s);
		if (s.p != s.end)
			rc = wrong(&s, "something after the value");
	}
	free(s.hashes);
	free(s.keys);
	return rc;
}
