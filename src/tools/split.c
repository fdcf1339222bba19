/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/split.h"

#include "base/utf8.h"

#include <string.h>

#define CONTROL_MAX	2048	/* a <…> that is longer may be torn */
#define ENTITY_MAX	8

/* The bytes of the character at p. */
static size_t
width(const char *p, size_t len)
{
	unsigned char c = (unsigned char)*p;
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return n < len ? n : len;
}

/* Does it belong to the character before it?  Accents, what chooses the look of
 * an emoji, and its skin. */
static bool
clings(uint32_t r)
{
	return (r >= 0x300 && r <= 0x36f) || r == 0x200d || r == 0x20e3 ||
	    (r >= 0xfe00 && r <= 0xfe0f) || (r >= 0x1f3fb && r <= 0x1f3ff) ||
	    (r >= 0xe0020 && r <= 0xe007f);
}

/* The bytes up to the closing character on the same line; 0: there is none. */
static size_t
closed(const char *p, size_t len, char end, size_t max)
{
	size_t n = len < max ? len : max;

	for (size_t i = 1; i < n && p[i] != '\n'; i++)
		if (p[i] == end)
			return i + 1;
	return 0;
}

static size_t
ticks(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] == '`')
		n++;
	return n;
}

bool
split_in_code(bool open, const char *text, size_t end, size_t len)
{
	bool closed = false;

	for (size_t i = 0, n; i < len; i += n + (n == 0)) {
		n = ticks(text + i, len - i);
		if (n < strlen(SPLIT_CODE))
			continue;
		if (i < end)
			open = !open;
		else
			closed = true;
	}
	return open && closed;
}

/* What must not be torn: so many bytes. */
static size_t
atom(const char *p, size_t len)
{
	size_t n = 0, w;
	bool joined = false;

	if (*p == '<')
		n = closed(p, len, '>', CONTROL_MAX);
	else if (*p == '&')
		n = closed(p, len, ';', ENTITY_MAX);
	else if (*p == '`')
		n = ticks(p, len < CONTROL_MAX ? len : CONTROL_MAX);
	if (n > 0)
		return n;
	for (n = width(p, len); n < len; n += w) {
		uint32_t r = 0;

		w = width(p + n, len - n);
		r = utf8_code(p + n, w);
		if (!joined && !clings(r))
			break;
		joined = r == 0x200d;
	}
	return n;
}

size_t
split_units(const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		n += ((c & 0xc0) != 0x80) + (c >= 0xf0);
	}
	return n;
}

/* The places where it may be cut, the best last. */
enum { WORD, LINE, PARAGRAPH, PLACES };

static void
note_place(struct cut *places, const char *text, size_t at, size_t len)
{
	if (text[at] == ' ') {
		places[WORD] = (struct cut){ at, at + 1 };
	} else if (text[at] == '\n') {
		places[LINE] = (struct cut){ at, at + 1 };
		if (at + 1 < len && text[at + 1] == '\n')
			places[PARAGRAPH] = (struct cut){ at, at + 2 };
	}
}

/* At least one character. */
static size_t
torn(const char *text, size_t len, size_t max)
{
	size_t at = 0, n = width(text, len), used = 0;

	do {
		used += split_units(text + at, n);
		at += n;
		n = at < len ? width(text + at, len - at) : 0;
	} while (n > 0 && used + split_units(text + at, n) <= max);
	return at;
}

struct cut
split_at(const char *text, size_t len, size_t max)
{
	struct cut places[PLACES] = { 0 };
	size_t at = 0, used = 0, half = 0;

	while (at < len) {
		size_t n = atom(text + at, len - at);

		used += split_units(text + at, n);
		if (used > max)
			break;
		if (used * 2 >= max && half == 0)
			half = at;
		note_place(places, text, at, len);
		at += n;
	}
	if (at >= len)
		return (struct cut){ len, len };
	note_place(places, text, at, len);
	for (int i = PLACES - 1; i >= 0; i--)
		if (places[i].next > half && half > 0)
			return places[i];
	if (at == 0)			/* one thing, longer than a message */
		at = torn(text, len, max);
	return (struct cut){ at, at };
}
