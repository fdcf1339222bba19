/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/utf8.h"

#include <ctype.h>
#include <locale.h>
#include <string.h>
#include <wctype.h>

/* Unicode's table of well-formed sequences: by the first byte the length and
 * what the second may be; all others are 80..BF. */
static const struct {
	unsigned char first, last, length, low, high;
} sequences[] = {
	{ 0x00, 0x7f, 1, 0, 0 },
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t
utf8_length(const void *p, size_t len)
{
	const unsigned char *s = p;
	size_t row, n;

	if (len == 0)
		return 0;
	for (row = 0; row < sizeof(sequences) / sizeof(sequences[0]); row++)
		if (s[0] >= sequences[row].first && s[0] <= sequences[row].last)
			break;
	if (row == sizeof(sequences) / sizeof(sequences[0]))
		return 0;
	n = sequences[row].length;
	if (n == 1)
		return 1;
	if (n > len || s[1] < sequences[row].low || s[1] > sequences[row].high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

uint32_t
utf8_code(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t c = n > 1 ? s[0] & (0x7fu >> n) : s[0];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

size_t
utf8_cut(const char *text, size_t len, size_t max)
{
	size_t at = 0, n;

	while (at < len && (n = utf8_length(text + at, len - at)) > 0 &&
	    at + n <= max)
		at += n;
	return at;
}

size_t
utf8_put(char *to, uint32_t c)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		to[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	to[0] = (char)(n == 1 ? c : lead[n] | c);
	return n;
}

/* In every locale that the daemon may be started in the same. */
static uint32_t
small(uint32_t c)
{
	static locale_t unicode;

	if (unicode == (locale_t)0)
		unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (unicode != (locale_t)0)
		return (uint32_t)towlower_l((wint_t)c, unicode);
	return c < 0x80 ? (uint32_t)tolower((int)c) : c;
}

/* What is first at s, small; returns its bytes there, *m are those in one. */
static size_t
first_small(const char *s, size_t len, char one[4], size_t *m)
{
	size_t n = utf8_length(s, len);

	*m = n > 0 ? utf8_put(one, small(utf8_code(s, n))) : 0;
	if (n == 0)
		n = 1;
	if (*m == 0 || *m > n) {
		memcpy(one, s, n);
		*m = n;
	}
	return n;
}

void
utf8_lower(char *text)
{
	size_t len = strlen(text), n, m;
	char *to = text, one[4];

	for (size_t i = 0; i < len; i += n) {
		n = first_small(text + i, len - i, one, &m);
		memcpy(to, one, m);
		to += m;
	}
	*to = '\0';
}

bool
utf8_alike(const char *a, const char *b)
{
	const char *a_end = a + strlen(a), *b_end = b + strlen(b);
	char one[4], other[4];
	size_t n, m;

	while (a < a_end && b < b_end) {
		a += first_small(a, (size_t)(a_end - a), one, &n);
		b += first_small(b, (size_t)(b_end - b), other, &m);
		if (n != m || memcmp(one, other, n) != 0)
			return false;
	}
	return a == a_end && b == b_end;
}
