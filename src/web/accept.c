/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/accept.h"

#include <string.h>
#include <strings.h>

#define BLANKS	" \t"

/* How closely the range [p, p + n) fits: 3 itself, 2 type/ *, 1 any; 0 not. */
static int
fits(const char *p, size_t n, const char *type, const char *subtype)
{
	size_t t = strlen(type), s = strlen(subtype);

	if (n == 3 && memcmp(p, "*/*", 3) == 0)
		return 1;
	if (n <= t || p[t] != '/' || strncasecmp(p, type, t) != 0)
		return 0;
	p += t + 1;
	n -= t + 1;
	if (n == 1 && *p == '*')
		return 2;
	return n == s && strncasecmp(p, subtype, s) == 0 ? 3 : 0;
}

/* "0.5" in thousandths; junk counts as 1. */
static int
thousandths(const char *p, const char *end)
{
	int n = 0, digits = 0;

	if (p == end || (*p != '0' && *p != '1'))
		return 1000;
	n = (*p++ - '0') * 1000;
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9' && digits < 3; p++)
			n += (*p - '0') *
			    (digits == 0        ? 100 :
				    digits == 1 ? 10 :
						  1),
			    digits++;
	return n > 1000 ? 1000 : n;
}

/* The q among the parameters behind a range. */
static int
quality(const char *p, const char *end)
{
	while (p < end) {
		p += strspn(p, BLANKS ";");
		if (p + 2 <= end && (*p == 'q' || *p == 'Q') && p[1] == '=')
			return thousandths(p + 2, end);
		while (p < end && *p != ';')
			p++;
	}
	return 1000;
}

/* The best fit so far, and its weight. */
struct best {
	int fit, weight;
};

static void
look(const char *list, const char *type, const char *subtype, struct best *b)
{
	while (*list != '\0') {
		const char *p = list + strspn(list, BLANKS),
			   *end = p + strcspn(p, ",");
		size_t n = strcspn(p, BLANKS ";,");
		int fit = fits(p, n, type, subtype);

		if (fit > b->fit)
			*b = (struct best){ fit, quality(p + n, end) };
		list = *end == ',' ? end + 1 : end;
	}
}

static struct best
find(const struct http_req *req, const char *type, const char *subtype)
{
	struct best b = { 0, 0 };

	for (size_t i = 0; i < req->nfields; i++)
		if (http_field_is(&req->fields[i], "accept"))
			look(req->fields[i].value, type, subtype, &b);
	return b;
}

int
accept_weight(const struct http_req *req, const char *type, const char *subtype)
{
	const char *accept = http_field(req, "accept");

	if (accept == NULL ||
	    (accept[0] == '\0' && http_field_count(req, "accept") == 1))
		return 1000;
	return find(req, type, subtype).weight;
}

bool
accept_html(const struct http_req *req)
{
	struct best b = find(req, "text", "html");

	return b.fit == 3 && b.weight > 0;
}

bool
accept_is(const char *media, const char *type, const char *subtype)
{
	return fits(media, strcspn(media, BLANKS ";"), type, subtype) == 3;
}
