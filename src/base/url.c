/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PORT_MAX	65535

static const struct {
	const char *scheme;
	unsigned port;
} defaults[] = {
	{ "http", 80 }, { "https", 443 }, { "ws", 80 }, { "wss", 443 },
};

static unsigned
default_port(const char *scheme)
{
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (strcmp(defaults[i].scheme, scheme) == 0)
			return defaults[i].port;
	return 0;
}

/* Copies lower-cased; false when a byte is none of letters, digits and extra. */
static bool
take(char *out, size_t size, const char *p, size_t len, const char *extra)
{
	if (len == 0 || len >= size)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '\0' || c > 0x7e ||
		    (!isalnum(c) && strchr(extra, c) == NULL))
			return false;
		out[i] = (char)tolower(c);
	}
	out[len] = '\0';
	return true;
}

static bool
take_ipv6(struct url *u, const char *p, size_t len)
{
	struct in6_addr address;
	char text[INET6_ADDRSTRLEN];

	if (!take(text, sizeof(text), p, len, ":.") ||
	    inet_pton(AF_INET6, text, &address) != 1)
		return false;
	return inet_ntop(AF_INET6, &address, u->host, sizeof(u->host)) != NULL;
}

static bool
take_port(struct url *u, const char *p, size_t len)
{
	unsigned n = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		n = n * 10 + (unsigned)(p[i] - '0');
	}
	if (n == 0 || n > PORT_MAX)
		return false;
	u->port = n == default_port(u->scheme) ? 0 : n;
	return true;
}

static const char *
take_authority(struct url *u, const char *p, size_t len)
{
	const char *end = p + len, *host = p, *host_end, *port;
	bool good;

	if (memchr(p, '@', len) != NULL)
		return "has a user or password in it";
	if (len > 0 && *p == '[') {
		host_end = memchr(p, ']', len);
		good = host_end != NULL && take_ipv6(u, p + 1,
		    (size_t)(host_end - p - 1));
		port = good ? host_end + 1 : end;
	} else {
		host_end = memchr(p, ':', len);
		port = host_end != NULL ? host_end : end;
		good = take(u->host, sizeof(u->host), host,
		    (size_t)(port - host), "-._");
	}
	if (!good)
		return "has no valid host";
	if (port < end && (*port != ':' ||
	    !take_port(u, port + 1, (size_t)(end - port - 1))))
		return "has a port that is none of 1 to 65535";
	return NULL;
}

static const char *
take_path(struct url *u, const char *p)
{
	if (strpbrk(p, "?#") != NULL)
		return "must not have ? or # in it";
	for (const char *c = p; *c != '\0'; c++)
		if (*c <= ' ' || *c > 0x7e || strchr("\"<>\\^`{|}", *c) != NULL)
			return "has a character in its path that must be "
			    "percent-encoded";
	if (strlen(p) >= sizeof(u->path))
		return "has too long a path";
	snprintf(u->path, sizeof(u->path), "%s", p);
	return NULL;
}

static const char *
parse(struct url *u, const char *text)
{
	const char *p = strstr(text, "://"), *end, *wrong;

	*u = (struct url){ 0 };
	if (p == NULL || !isalpha((unsigned char)text[0]) ||
	    !take(u->scheme, sizeof(u->scheme), text, (size_t)(p - text),
		"+-."))
		return "does not begin with scheme://";
	p += strlen("://");
	end = p + strcspn(p, "/?#");
	if ((wrong = take_authority(u, p, (size_t)(end - p))) != NULL)
		return wrong;
	return take_path(u, end);
}

int
url_parse(struct url *u, const char *text, struct err *err)
{
	const char *wrong = parse(u, text);

	if (wrong != NULL)
		return err_set(err, ERR_INPUT, "%s", wrong);
	return 0;
}

void
url_origin(const struct url *u, char *out)
{
	bool ipv6 = strchr(u->host, ':') != NULL;
	char port[16] = "";

	if (u->port != 0)
		snprintf(port, sizeof(port), ":%u", u->port);
	snprintf(out, URL_ORIGIN_SIZE, "%s://%s%s%s%s", u->scheme,
	    ipv6 ? "[" : "", u->host, ipv6 ? "]" : "", port);
}

bool
url_is_loopback(const struct url *u)
{
	static const char local[] = ".localhost";
	struct in_addr v4;
	size_t len = strlen(u->host);

	if (strcmp(u->host, "localhost") == 0 || strcmp(u->host, "::1") == 0)
		return true;
	if (len >= sizeof(local) &&
	    strcmp(u->host + len - (sizeof(local) - 1), local) == 0)
		return true;
	return inet_pton(AF_INET, u->host, &v4) == 1 &&
	    ntohl(v4.s_addr) >> 24 == 127;
}

int
url_normal_origin(const char *text, char *out)
{
	struct url u;

	if (strcmp(text, "null") == 0) {
		snprintf(out, URL_ORIGIN_SIZE, "null");
		return 0;
	}
	if (parse(&u, text) != NULL ||
	    (u.path[0] != '\0' && strcmp(u.path, "/") != 0))
		return -1;
	url_origin(&u, out);
	return 0;
}
