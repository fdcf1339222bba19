/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/proxy.h"

#include <arpa/inet.h>
#include <string.h>

#define V1_LONGEST	107	/* with its CR LF */
#define V2_HEAD		16

static const char v1_mark[] = "PROXY ";
static const char v2_mark[] = "\r\n\r\n\0\r\nQUIT\n";

/* What is here of the mark fits. */
static bool
begins(const char *p, size_t len, const char *mark, size_t size)
{
	return memcmp(p, mark, len < size ? len : size) == 0;
}

/* A word up to a blank or the end, which is not empty. */
static size_t
word(const char *p, const char *end)
{
	const char *blank = memchr(p, ' ', (size_t)(end - p));

	return (size_t)((blank != NULL ? blank : end) - p);
}

static bool
is_port(const char *p, size_t len)
{
	unsigned n = 0;

	if (len == 0 || len > 5 || (len > 1 && *p == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		n = n * 10 + (unsigned)(p[i] - '0');
	}
	return n <= 65535;
}

/* Of that family as written. */
static int
take_address(struct address *a, const char *p, size_t len, bool v6)
{
	if ((memchr(p, ':', len) != NULL) != v6)
		return -1;
	return address_parse(a, p, len);
}

/* "TCP4 from to port port", one blank between, and nothing else. */
static int
take_line(struct proxy *out, const char *p, const char *end)
{
	struct { const char *p; size_t len; } words[5];
	struct address to;
	bool v6;

	for (size_t i = 0; i < 5; i++) {
		words[i].p = p;
		words[i].len = word(p, end);
		p += words[i].len;
		if (i < 4 && p++ == end)
			return -1;
	}
	if (p != end || words[0].len != 4 ||
	    memcmp(words[0].p, "TCP", 3) != 0 ||
	    (words[0].p[3] != '4' && words[0].p[3] != '6'))
		return -1;
	v6 = words[0].p[3] == '6';
	if (take_address(&out->client, words[1].p, words[1].len, v6) == -1 ||
	    take_address(&to, words[2].p, words[2].len, v6) == -1 ||
	    !is_port(words[3].p, words[3].len) ||
	    !is_port(words[4].p, words[4].len))
		return -1;
	out->told = true;
	return 0;
}

static ssize_t
parse_v1(struct proxy *out, const char *p, size_t len)
{
	static const char unknown[] = "UNKNOWN";
	const char *end = memchr(p, '\n', len < V1_LONGEST ? len : V1_LONGEST);
	const char *text = p + sizeof(v1_mark) - 1;
	size_t size;

	if (end == NULL)
		return len < V1_LONGEST ? 0 : -1;
	size = (size_t)(end - p) + 1;
	if (end[-1] != '\r' || memchr(p, '\r', len) != end - 1)
		return -1;
	end--;
	if (word(text, end) == sizeof(unknown) - 1 &&
	    memcmp(text, unknown, sizeof(unknown) - 1) == 0)
		return (ssize_t)size;
	return take_line(out, text, end) == -1 ? -1 : (ssize_t)size;
}

/* Who is told of by each family and transport that may come over a stream. */
static const struct {
	unsigned char kind;
	unsigned short least;		/* bytes of both addresses and ports */
	unsigned char address;		/* bytes of one; 0: it names nobody */
} families[] = {
	{ 0x00, 0, 0 },
	{ 0x11, 12, 4 },
	{ 0x21, 36, 16 },
	{ 0x31, 216, 0 },
};

static int
take_record(struct proxy *out, unsigned char kind, const unsigned char *p,
    size_t len)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (families[i].kind != kind)
			continue;
		if (len < families[i].least)
			return -1;
		out->told = families[i].address != 0;
		if (!out->told)
			return 0;
		inet_ntop(families[i].address == 4 ? AF_INET : AF_INET6, p,
		    text, sizeof(text));
		return address_parse(&out->client, text, strlen(text));
	}
	return -1;
}

static ssize_t
parse_v2(struct proxy *out, const unsigned char *p, size_t len)
{
	enum { LOCAL = 0x20, PROXY = 0x21 };
	size_t size;

	if (len > 12 && p[12] != LOCAL && p[12] != PROXY)
		return -1;
	if (len < V2_HEAD)
		return 0;
	size = V2_HEAD + ((size_t)p[14] << 8 | p[15]);
	if (size > PROXY_LONGEST)
		return -1;
	if (len < size)
		return 0;
	if (p[12] == PROXY &&
	    take_record(out, p[13], p + V2_HEAD, size - V2_HEAD) == -1)
		return -1;
	return (ssize_t)size;
}

ssize_t
proxy_parse(struct proxy *out, const void *bytes, size_t len)
{
	*out = (struct proxy){ 0 };
	if (len == 0)
		return 0;
	if (begins(bytes, len, v1_mark, sizeof(v1_mark) - 1))
		return len < sizeof(v1_mark) ? 0 : parse_v1(out, bytes, len);
	if (begins(bytes, len, v2_mark, sizeof(v2_mark) - 1))
		return parse_v2(out, bytes, len);
	return -1;
}
