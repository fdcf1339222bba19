/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/scan_text.h"

#include "base/hex.h"
#include "base/utf8.h"

#include <string.h>

enum scan_kind
scan_kind_of(char c)
{
	static const unsigned char kinds[256] = {
		['{'] = SCAN_OBJECT, ['['] = SCAN_ARRAY, ['"'] = SCAN_STRING,
		['t'] = SCAN_BOOL, ['f'] = SCAN_BOOL, ['n'] = SCAN_NULL,
		['-'] = SCAN_NUMBER, ['0'] = SCAN_NUMBER, ['1'] = SCAN_NUMBER,
		['2'] = SCAN_NUMBER, ['3'] = SCAN_NUMBER, ['4'] = SCAN_NUMBER,
		['5'] = SCAN_NUMBER, ['6'] = SCAN_NUMBER, ['7'] = SCAN_NUMBER,
		['8'] = SCAN_NUMBER, ['9'] = SCAN_NUMBER,
	};

	return (enum scan_kind)kinds[(unsigned char)c];
}

/* The XXXX of \uXXXX, -1 when they are not there. */
static int32_t
hex4(const char *p, const char *end)
{
	int32_t n = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex_digit(p[i]);

		if (d < 0)
			return -1;
		n = n << 4 | d;
	}
	return n;
}

/* p stands behind "\u". */
static int32_t
unicode(const char **at, const char *end, const char **why)
{
	const char *p = *at;
	int32_t high = hex4(p, end), low;

	*why = "\\u without four hexadecimal digits";
	if (high < 0)
		return -1;
	p += 4;
	*why = "a NUL";
	if (high == 0)
		return -1;
	*why = "half a surrogate pair";
	if (high >= 0xdc00 && high <= 0xdfff)
		return -1;
	if (high >= 0xd800 && high <= 0xdbff) {
		if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
			return -1;
		low = hex4(p + 2, end);
		if (low < 0xdc00 || low > 0xdfff)
			return -1;
		p += 6;
		high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	}
	*at = p;
	return high;
}

static int32_t
escape(const char **at, const char *end, const char **why)
{
	static const char names[] = "\"\\/bfnrt";
	static const char means[] = "\"\\/\b\f\n\r\t";
	const char *p = *at, *name;

	*why = "an escape that JSON does not have";
	if (p == end || *p == '\0')
		return -1;
	if (*p == 'u') {
		p++;
		*at = p;
		return unicode(at, end, why);
	}
	name = strchr(names, *p);
	if (name == NULL)
		return -1;
	*at = p + 1;
	return means[name - names];
}

static int32_t
utf8(const char **at, const char *end, const char **why)
{
	const char *s = *at;
	size_t n = utf8_length(s, (size_t)(end - s));

	*why = "no UTF-8";
	if (n < 2)
		return -1;
	*at += n;
	return (int32_t)utf8_code(s, n);
}

int32_t
scan_char(const char **at, const char *end, const char **why)
{
	unsigned char c = (unsigned char)**at;

	if (c == '\\') {
		++*at;
		return escape(at, end, why);
	}
	if (c >= 0x80)
		return utf8(at, end, why);
	if (c < ' ') {
		*why = c == 0 ? "a NUL" : "a control character in a string";
		return -1;
	}
	++*at;
	return c;
}

bool
scan_same(struct span a, struct span b)
{
	const char *end_a = a.p + a.len, *end_b = b.p + b.len, *why;

	while (a.p < end_a && b.p < end_b) {
		int32_t c = scan_char(&a.p, end_a, &why);

		if (c < 0 || c != scan_char(&b.p, end_b, &why))
			return false;
	}
	return a.p == end_a && b.p == end_b;
}

uint32_t
scan_hash(struct span s, uint32_t seed)
{
	const char *end = s.p + s.len, *why;
	uint32_t h = seed ^ 0x811c9dc5u;

	while (s.p < end) {
		unsigned char c = (unsigned char)*s.p;

		h ^= scan_plain(c) ? (s.p++, c) :
		    (uint32_t)scan_char(&s.p, end, &why);
		h *= 0x01000193u;
		h ^= h >> 15;
	}
	return h;
}
