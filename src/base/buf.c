/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/buf.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALLEST	64

static bool
fits(const struct buf *b, size_t len)
{
	return len < b->room - b->len &&
	    (b->max == 0 || len <= b->max - b->len);
}

/* Room for len more bytes and a NUL. */
static bool
grow(struct buf *b, size_t len)
{
	size_t need, room;

	if (len > SIZE_MAX / 4 || b->len > SIZE_MAX / 4)
		fatal("a buffer of %zu and %zu bytes", b->len, len);
	if (b->max != 0 && len > b->max - b->len) {
		b->over = true;
		return false;
	}
	need = b->len + len + 1;
	if (need <= b->room)
		return true;
	room = b->room < SMALLEST ? SMALLEST : b->room;
	while (room < need)
		room *= 2;
	b->p = mem_array(b->p, room, 1);
	b->room = room;
	return true;
}

void
buf_add(struct buf *b, const void *bytes, size_t len)
{
	/* Nothing after a gap, so that what is there is a beginning. */
	if (b->over)
		return;
	if (!fits(b, len) && !grow(b, len))
		return;
	if (len != 0)
		memcpy(b->p + b->len, bytes, len);
	b->len += len;
	b->p[b->len] = '\0';
}

void
buf_int(struct buf *b, int64_t n)
{
	char digits[24], *end = digits + sizeof(digits), *p = end;
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	do
		*--p = (char)('0' + left % 10);
	while ((left /= 10) != 0);
	if (n < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(end - p));
}

void
buf_fmt(struct buf *b, const char *fmt, ...)
{
	char small[256], *p = small;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		fatal("a format that cannot be: %s", fmt);
	if ((size_t)n >= sizeof(small)) {
		p = mem_new((size_t)n + 1);
		va_start(ap, fmt);
		vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	buf_add(b, p, (size_t)n);
	if (p != small)
		free(p);
}

char *
buf_room(struct buf *b, size_t len)
{
	if (!grow(b, len))
		return NULL;
	return b->p + b->len;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->len - n + 1);
	b->len -= n;
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->over = false;
	if (b->p != NULL)
		b->p[0] = '\0';
}

void
buf_wipe(struct buf *b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->room);
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

static bool
unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

void
buf_url(struct buf *b, const char *bytes, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (unreserved(c))
			buf_char(b, bytes[i]);
		else
			buf_add(b, (char[]){ '%', hex[c >> 4], hex[c & 15] },
			    3);
	}
}

void
buf_form(struct buf *b, const char *name, const char *value, size_t len)
{
	if (b->len != 0)
		buf_char(b, '&');
	buf_url(b, name, strlen(name));
	buf_char(b, '=');
	buf_url(b, value, len);
}

void
buf_html(struct buf *b, const char *s)
{
	static const char *const escapes[256] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;",
		['"'] = "&quot;", ['\''] = "&#39;",
	};

	for (; *s != '\0'; s++) {
		const char *escape = escapes[(unsigned char)*s];

		if (escape != NULL)
			buf_str(b, escape);
		else
			buf_char(b, *s);
	}
}
