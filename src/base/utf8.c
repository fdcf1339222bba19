/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/utf8.h"

#include <string.h>

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

/* Unicode's simple lower case of two bytes: from first to last, each (step 1) or every
 * second one (2), so far on. */
static const struct {
	unsigned short first, last;
	unsigned char step, on;
} capitals[] = {
	{ 'A', 'Z', 1, 32 },
	{ 0xc0, 0xd6, 1, 32 },
	{ 0xd8, 0xde, 1, 32 },
	{ 0x100, 0x12e, 2, 1 },
	{ 0x132, 0x136, 2, 1 },
	{ 0x139, 0x147, 2, 1 },
	{ 0x14a, 0x176, 2, 1 },
	{ 0x179, 0x17d, 2, 1 },
	{ 0x1a0, 0x1a4, 2, 1 },
	{ 0x1af, 0x1af, 1, 1 },
	{ 0x1cd, 0x1db, 2, 1 },
	{ 0x200, 0x21e, 2, 1 },
	{ 0x388, 0x38a, 1, 37 },
	{ 0x391, 0x3a1, 1, 32 },
	{ 0x3a3, 0x3ab, 1, 32 },
	{ 0x400, 0x40f, 1, 80 },
	{ 0x410, 0x42f, 1, 32 },
	{ 0x460, 0x480, 2, 1 },
	{ 0x48a, 0x4be, 2, 1 },
	{ 0x4d0, 0x52e, 2, 1 },
};

static uint32_t
small(uint32_t c)
{
	for (size_t i = 0; i < sizeof(capitals) / sizeof(capitals[0]); i++)
		if (c >= capitals[i].first && c <= capitals[i].last)
			return (c - capitals[i].first) % capitals[i].step == 0 ?
			    c + capitals[i].on : c;
	return c;
}

void
utf8_lower(char *text)
{
	size_t len = strlen(text), n;
	uint32_t c;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_length(text + i, len - i);
		if (n == 1) {
			text[i] = (char)small((unsigned char)text[i]);
		} else if (n == 2) {
			c = small(utf8_code(text + i, n));
			text[i] = (char)(0xc0 | c >> 6);
			text[i + 1] = (char)(0x80 | (c & 0x3f));
		} else if (n == 0) {
			n = 1;
		}
	}
}
