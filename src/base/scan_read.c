/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/scan.h"

#include "base/scan_text.h"

#include <limits.h>
#include <string.h>

/* All here trusts that scan_json has accepted the text, and yet never reads
 * beyond its end. */

static const char *
blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	return p;
}

static const char *
past_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p + 1 : end;
}

static const char *
past_nested(const char *p, const char *end)
{
	unsigned depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = past_string(p, end);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if ((*p == '}' || *p == ']') && --depth == 0)
			return p + 1;
		p++;
	}
	return end;
}

static const char *
past_plain(const char *p, const char *end)
{
	static const char stops[] = { ',', ']', '}', ':', ' ', '\t', '\r',
		'\n' };

	while (p < end && memchr(stops, *p, sizeof(stops)) == NULL)
		p++;
	return p;
}

/* The value that begins at p; *next is what stands behind it. */
static struct span
value(const char *p, const char *end, const char **next)
{
	struct span v = { SCAN_NONE, end, 0 };

	*next = end;
	p = blanks(p, end);
	if (p == end)
		return v;
	v = (struct span){ scan_kind_of(*p), p, 0 };
	switch (v.kind) {
	case SCAN_OBJECT:
	case SCAN_ARRAY:
		*next = past_nested(p, end);
		break;
	case SCAN_STRING:
		*next = past_string(p, end);
		break;
	default:
		*next = past_plain(p, end);
		break;
	}
	v.len = (size_t)(*next - p);
	return v;
}

struct span
scan_value(const char *p, size_t len)
{
	const char *next;

	return value(p, p + len, &next);
}

/* Without its quotes. */
static struct span
inside(struct span v)
{
	if (v.kind == SCAN_STRING && v.len >= 2)
		return (struct span){ SCAN_STRING, v.p + 1, v.len - 2 };
	return (struct span){ SCAN_NONE, v.p, 0 };
}

/* Of a string's inside and plain text, in which nothing is an escape. */
static int
means(struct span in, const char *s, size_t len)
{
	const char *p = in.p, *end = p + in.len, *stop = s + len, *why;

	while (p < end && s < stop) {
		int32_t want = (unsigned char)*s < 0x80 ?
		    (unsigned char)*s++ : scan_char(&s, stop, &why);

		if (want < 0 || scan_char(&p, end, &why) != want)
			return 0;
	}
	return p == end && s == stop;
}

/* Without an escape the bytes tell: both are UTF-8. */
static int
is_text(struct span v, const char *s)
{
	struct span in = inside(v);
	size_t len = strlen(s);

	if (in.kind != SCAN_STRING)
		return 0;
	if (in.len > 0 && memchr(in.p, '\\', in.len) != NULL)
		return means(in, s, len);
	return in.len == len && memcmp(in.p, s, len) == 0;
}

/* One of names, or n. */
static size_t
which(struct span key, const char *const *names, size_t n)
{
	size_t i = 0;

	while (i < n && !is_text(key, names[i]))
		i++;
	return i;
}

void
scan_members(struct span object, const char *const *names, struct span *found,
    size_t n)
{
	struct span key, v;
	const char *p, *end;

	for (size_t i = 0; i < n; i++)
		found[i] = (struct span){ SCAN_NONE, NULL, 0 };
	if (object.kind != SCAN_OBJECT)
		return;
	end = object.p + object.len;
	for (p = object.p + 1;; p++) {
		size_t i;

		key = value(p, end, &p);
		p = blanks(p, end);
		if (key.kind != SCAN_STRING || p == end || *p != ':')
			return;
		v = value(p + 1, end, &p);
		i = which(key, names, n);
		if (i < n && found[i].kind == SCAN_NONE)
			found[i] = v;
		p = blanks(p, end);
		if (p == end || *p != ',')
			return;
	}
}

struct span
scan_member(struct span object, const char *name)
{
	struct span found;

	scan_members(object, &name, &found, 1);
	return found;
}

struct span
scan_next(struct span array, const char **at)
{
	struct span none = { SCAN_NONE, NULL, 0 }, v;
	const char *p = *at, *end = array.p + array.len;

	if (array.kind != SCAN_ARRAY)
		return none;
	p = blanks(p == NULL ? array.p + 1 : p, end);
	if (*at != NULL && p < end && *p == ',')
		p = blanks(p + 1, end);
	if (p == end || *p == ']')
		return none;
	v = value(p, end, at);
	return v;
}

int
scan_is(struct span v, const char *s)
{
	return is_text(v, s);
}

int
scan_int(struct span v, long long *out)
{
	unsigned long long n = 0, limit = LLONG_MAX;
	const char *p = v.p, *end = v.p + v.len;
	int minus;

	if (v.kind != SCAN_NUMBER || p == end)
		return -1;
	minus = *p == '-';
	if (minus)
		limit++;
	for (p += minus; p < end; p++) {
		unsigned d = (unsigned)(unsigned char)*p - '0';

		if (d > 9 || n > (limit - d) / 10)
			return -1;
		n = n * 10 + d;
	}
	*out = minus ? (long long)(0 - n) : (long long)n;
	return 0;
}
