/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/http1_parse.h"

#include <string.h>
#include <strings.h>

#define TOKEN	1u		/* tchar of RFC 9110 */
#define TARGET	2u		/* what a request target may hold */
#define HOST	4u		/* a name or an IPv4 address */
#define HEX	8u

#define TLS_HANDSHAKE	0x16

static const unsigned char class[256] = {
	['0' ... '9'] = TOKEN | TARGET | HOST | HEX,
	['A' ... 'F'] = TOKEN | TARGET | HOST | HEX,
	['G' ... 'Z'] = TOKEN | TARGET | HOST,
	['a' ... 'f'] = TOKEN | TARGET | HOST | HEX,
	['g' ... 'z'] = TOKEN | TARGET | HOST,
	['-'] = TOKEN | TARGET | HOST,
	['.'] = TOKEN | TARGET | HOST,
	['_'] = TOKEN | TARGET | HOST,
	['~'] = TOKEN | TARGET | HOST,
	['%'] = TOKEN | TARGET | HOST,
	['!'] = TOKEN | TARGET,
	['$'] = TOKEN | TARGET,
	['&'] = TOKEN | TARGET,
	['\''] = TOKEN | TARGET,
	['*'] = TOKEN | TARGET,
	['+'] = TOKEN | TARGET,
	['^'] = TOKEN | TARGET,
	['`'] = TOKEN | TARGET,
	['|'] = TOKEN | TARGET,
	['#'] = TOKEN,
	['"'] = TARGET,
	['('] = TARGET,
	[')'] = TARGET,
	[','] = TARGET,
	['/'] = TARGET,
	[':'] = TARGET,
	[';'] = TARGET,
	['<'] = TARGET,
	['='] = TARGET,
	['>'] = TARGET,
	['?'] = TARGET,
	['@'] = TARGET,
	['['] = TARGET,
	['\\'] = TARGET,
	[']'] = TARGET,
	['{'] = TARGET,
	['}'] = TARGET,
};

static bool
is(char c, unsigned what)
{
	return (class[(unsigned char)c] & what) != 0;
}

static bool
is_value(char c)
{
	return ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int
bad(enum http_error *e, enum http_error what)
{
	*e = what;
	return -1;
}

ssize_t
http1_scan(struct http1_scan *s, const char *p, size_t len, size_t max,
    enum http_error *e)
{
	/* TLS, say, is not waited for until its line ends. */
	if (len > 0 && !is(p[0], TOKEN))
		return bad(e, p[0] == TLS_HANDSHAKE ? HTTP_ERROR_NO_TLS :
		    HTTP_ERROR_MALFORMED);
	for (;;) {
		size_t limit = s->line == 0 && max > HTTP1_LINE_MAX ?
		    HTTP1_LINE_MAX : max;
		size_t end = len < limit ? len : limit;
		const char *lf = s->seen >= end ? NULL :
		    memchr(p + s->seen, '\n', end - s->seen);
		size_t at;

		if (lf == NULL) {
			s->seen = end;
			if (len < limit)
				return 0;
			return bad(e, s->line == 0 ? HTTP_ERROR_URI_TOO_LONG :
			    HTTP_ERROR_HEADERS);
		}
		at = (size_t)(lf - p);
		if (at == s->line || p[at - 1] != '\r')
			return bad(e, HTTP_ERROR_MALFORMED);
		if (at - 1 == s->line)
			return (ssize_t)at + 1;
		s->line = s->seen = at + 1;
	}
}

static bool
good_port(const char *p, const char *end)
{
	if (end - p > 5)
		return false;
	for (; p < end; p++)
		if (*p < '0' || *p > '9')
			return false;
	return true;
}

/* uri-host [":" port], without what only a user:password or a list needs. */
static bool
good_host(const char *p)
{
	const char *end = p + strlen(p), *stop = p;

	if (*p == '[') {
		for (stop++; is(*stop, HEX) || *stop == ':' || *stop == '.';
		     stop++)
			;
		if (*stop != ']' || stop - p < 3)
			return false;
		stop++;
	} else {
		while (is(*stop, HOST))
			stop++;
		if (stop == p)
			return false;
	}
	return stop == end || (*stop == ':' && good_port(stop + 1, end));
}

/* http://host/path: host goes one to the left, which makes room for its NUL. */
static char *
absolute_form(char *target, const char **host)
{
	size_t skip = strncasecmp(target, "http://", 7) == 0 ? 7 :
	    strncasecmp(target, "https://", 8) == 0 ? 8 : 0;
	char *from = target + skip;
	size_t len = strcspn(from, "/?");

	if (skip == 0)
		return NULL;
	memmove(from - 1, from, len);
	(from + len)[-1] = '\0';
	*host = from - 1;
	return good_host(*host) ? from + len : NULL;
}

static int
split_target(char *target, struct http1_head *h, const char **host)
{
	char *path = target, *query;
	size_t len;

	if (strcmp(target, "*") == 0) {
		h->path = "*";
		h->query = "";
		return strcmp(h->method, "OPTIONS") == 0 ? 0 : -1;
	}
	if (*target != '/' && (path = absolute_form(target, host)) == NULL)
		return -1;
	query = strchr(path, '?');
	if (query != NULL)
		*query++ = '\0';
	len = strlen(path);
	if (len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
	h->path = *path != '\0' ? path : "/";
	h->query = query != NULL ? query : "";
	return 0;
}

/* line ends at end, which becomes its NUL. */
static int
request_line(char *line, char *end, struct http1_head *h, const char **host,
    enum http_error *e)
{
	char *target, *version, *p = line;

	*end = '\0';
	h->method = line;
	while (is(*p, TOKEN))
		p++;
	if (p == line || *p != ' ')
		return bad(e, HTTP_ERROR_MALFORMED);
	*p++ = '\0';
	target = p;
	while (is(*p, TARGET))
		p++;
	if (p == target || *p != ' ')
		return bad(e, HTTP_ERROR_MALFORMED);
	*p++ = '\0';
	version = p;
	if (end - version != 8 || strncmp(version, "HTTP/", 5) != 0 ||
	    version[5] < '0' || version[5] > '9' || version[6] != '.' ||
	    version[7] < '0' || version[7] > '9')
		return bad(e, HTTP_ERROR_MALFORMED);
	if (version[5] != '1' || version[7] > '1')
		return bad(e, HTTP_ERROR_VERSION);
	h->minor = version[7] - '0';
	if (split_target(target, h, host) == -1)
		return bad(e, HTTP_ERROR_MALFORMED);
	return 0;
}

/* What the fields say about the message itself. */
struct framing {
	struct http1_head *h;
	const char *host;		/* of an absolute target; replaces the field's */
	unsigned hosts, lengths, codings;
};

static int
on_host(struct framing *f, struct http_field *field, enum http_error *e)
{
	if (f->hosts++ != 0 || !good_host(field->value))
		return bad(e, HTTP_ERROR_MALFORMED);
	if (f->host != NULL)
		field->value = f->host;
	return 0;
}

static int
on_length(struct framing *f, struct http_field *field, enum http_error *e)
{
	const char *p = field->value;
	uint64_t n = 0;

	if (f->lengths++ != 0 || *p == '\0')
		return bad(e, HTTP_ERROR_MALFORMED);
	for (; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return bad(e, HTTP_ERROR_MALFORMED);
		/* Whatever is that large is too large, wherever the limit is. */
		n = n > UINT64_MAX / 100 ? UINT64_MAX / 10 :
		    n * 10 + (uint64_t)(*p - '0');
	}
	f->h->has_length = true;
	f->h->length = n;
	return 0;
}

/* The next word of a comma list, blanks cut; false at its end. */
static bool
next_word(const char **at, const char **word, size_t *len)
{
	const char *p = *at, *end;

	if (p == NULL)
		return false;
	while (is_blank(*p))
		p++;
	end = p + strcspn(p, ",");
	*at = *end == ',' ? end + 1 : NULL;
	while (end > p && is_blank(end[-1]))
		end--;
	*word = p;
	*len = (size_t)(end - p);
	return true;
}

static bool
word_is(const char *word, size_t len, const char *s)
{
	return len == strlen(s) && strncasecmp(word, s, len) == 0;
}

static int
on_coding(struct framing *f, struct http_field *field, enum http_error *e)
{
	const char *at = field->value, *word;
	size_t len;

	while (next_word(&at, &word, &len)) {
		if (len == 0 || f->codings++ != 0)
			return bad(e, HTTP_ERROR_MALFORMED);
		if (!word_is(word, len, "chunked"))
			return bad(e, HTTP_ERROR_CODING);
	}
	f->h->chunked = true;
	return 0;
}

static int
on_connection(struct framing *f, struct http_field *field, enum http_error *e)
{
	const char *at = field->value, *word;
	size_t len;

	(void)e;
	while (next_word(&at, &word, &len))
		f->h->close |= word_is(word, len, "close");
	return 0;
}

static int
on_expect(struct framing *f, struct http_field *field, enum http_error *e)
{
	if (f->h->minor == 0)
		return 0;
	if (strcasecmp(field->value, "100-continue") != 0)
		return bad(e, HTTP_ERROR_EXPECTATION);
	f->h->expect = true;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct framing *f, struct http_field *field,
	    enum http_error *e);
} known[] = {
	{ "connection", on_connection },
	{ "content-length", on_length },
	{ "expect", on_expect },
	{ "host", on_host },
	{ "transfer-encoding", on_coding },
};

static int
field_line(char *line, char *end, struct http_field *field)
{
	char *p = line;

	for (; is(*p, TOKEN); p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	if (p == line || *p != ':')
		return -1;
	*p++ = '\0';
	field->name = line;
	while (is_blank(*p))
		p++;
	field->value = p;
	for (; p < end; p++)
		if (!is_value(*p))
			return -1;
	while (p > field->value && is_blank(p[-1]))
		p--;
	*p = '\0';
	return 0;
}

static int
check_framing(const struct framing *f, enum http_error *e)
{
	const struct http1_head *h = f->h;

	if (f->hosts == 0 && h->minor != 0)
		return bad(e, HTTP_ERROR_MALFORMED);
	if (h->chunked && (h->has_length || h->minor == 0))
		return bad(e, HTTP_ERROR_MALFORMED);
	return 0;
}

int
http1_parse(char *p, size_t len, struct http1_head *h, enum http_error *e)
{
	char *stop = p + len - 2, *line = p, *end = memchr(p, '\r', len);
	struct framing f = { .h = h };

	h->nfields = 0;
	h->chunked = h->has_length = h->close = h->expect = false;
	h->length = 0;
	/* A CR inside a line is found by the checks of its bytes, since the
	 * one that ends it is the one before the LF. */
	if (end[1] != '\n')
		return bad(e, HTTP_ERROR_MALFORMED);
	if (request_line(line, end, h, &f.host, e) == -1)
		return -1;
	for (line = end + 2; line < stop; line = end + 2) {
		struct http_field *field = &h->fields[h->nfields];

		end = (char *)memchr(line, '\n', (size_t)(stop - line)) - 1;
		if (h->nfields++ == HTTP_FIELDS_MAX)
			return bad(e, HTTP_ERROR_HEADERS);
		if (field_line(line, end, field) == -1)
			return bad(e, HTTP_ERROR_MALFORMED);
		for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
			if (http_field_is(field, known[i].name) &&
			    known[i].run(&f, field, e) == -1)
				return -1;
	}
	return check_framing(&f, e);
}
