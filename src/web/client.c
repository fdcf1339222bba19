/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/client.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/trouble.h"
#include "web/handlers.h"
#include "web/page.h"
#include "web/redirect.h"
#include "web/route.h"

#include <string.h>
#include <strings.h>

#define HOPS_MAX	32	/* that we follow; whoever is behind them stays unknown */
#define BLANKS		" \t"

/* Walks the words of all fields of that name from the last one back. */
struct backwards {
	const struct http_req *req;
	const char *name;
	size_t field;			/* this one and those behind it are read */
	const char *value, *end;	/* of the field that is being read */
};

static const char *
word_before(struct backwards *b, size_t *len)
{
	const char *p, *end;

	while (b->value == NULL) {
		if (b->field == 0)
			return NULL;
		b->field--;
		if (!http_field_is(&b->req->fields[b->field], b->name))
			continue;
		b->value = b->req->fields[b->field].value;
		b->end = b->value + strlen(b->value);
	}
	for (p = end = b->end; p > b->value && p[-1] != ','; p--)
		;
	if (p == b->value)
		b->value = NULL;
	else
		b->end = p - 1;
	while (p < end && strchr(BLANKS, *p) != NULL)
		p++;
	while (end > p && strchr(BLANKS, end[-1]) != NULL)
		end--;
	*len = (size_t)(end - p);
	return p;
}

static struct backwards
backwards(const struct http_req *req, const char *name)
{
	return (struct backwards){ .req = req,
		.name = name,
		.field = req->nfields };
}

/* "192.0.2.7", "2001:db8::7", "192.0.2.7:4711", "[2001:db8::7]:4711" */
static int
parse_hop(struct address *a, const char *p, size_t len)
{
	const char *end;

	if (len > 0 && *p == '[') {
		end = memchr(p, ']', len);
		if (end == NULL || (end + 1 < p + len && end[1] != ':'))
			return -1;
		return address_parse(a, p + 1, (size_t)(end - p - 1));
	}
	end = memchr(p, ':', len);
	if (end != NULL &&
	    memchr(end + 1, ':', len - (size_t)(end + 1 - p)) == NULL)
		len = (size_t)(end - p);
	return address_parse(a, p, len);
}

/* Each trusted hop tells of the one before it; the first that is not trusted is
 * the client.  false: none told of any. */
static bool
follow(struct visit *v, struct address *at)
{
	struct backwards b = backwards(v->req, "x-forwarded-for");
	struct address hop;
	const char *p;
	size_t len;

	for (int hops = 0; hops < HOPS_MAX; hops++) {
		p = word_before(&b, &len);
		if (p == NULL || parse_hop(&hop, p, len) == -1)
			return hops > 0;
		*at = hop;
		if (!networks_have(&v->web->conf->proxies, at))
			break;
	}
	return true;
}

static void
distrust(struct visit *v)
{
	if (http_field(v->req, "x-forwarded-for") == NULL)
		return;
	counter_up(CNT_FORWARDED_IGNORED);
	if (trouble_met(TROUBLE_FORWARDED))
		log_warn("web",
		    "X-Forwarded-For was ignored; if this is a proxy of yours,"
		    " add it to TRUSTED_PROXIES peer=%s",
		    v->req->peer);
}

void
client_learn(struct visit *v)
{
	struct backwards b = backwards(v->req, "x-forwarded-proto");
	struct address at = { { 0 } };
	const char *p;
	size_t len;

	memcpy(v->client, v->req->peer, sizeof(v->client));
	v->host = http_field(v->req, "host");
	if (address_parse(&at, v->client, strlen(v->client)) == -1 ||
	    !networks_have(&v->web->conf->proxies, &at)) {
		/* With TLS of our own nobody else has to come in without it. */
		v->plain = v->web->conf->tls_port != 0 && !v->req->tls &&
		    !address_is_loopback(&at);
		distrust(v);
		return;
	}
	if (follow(v, &at))
		address_text(&at, v->client);
	p = word_before(&b, &len);
	v->plain = p != NULL && len == 4 && strncasecmp(p, "http", 4) == 0;
	if (http_field_count(v->req, "x-forwarded-host") == 1)
		v->host = http_field(v->req, "x-forwarded-host");
}

static void
send_there(struct visit *v)
{
	struct buf url = { 0 };

	if (strcmp(v->route->path, CALLBACK_PATH) == 0)
		buf_str(&url, v->web->conf->slack_redirect_uri);
	else
		page_url(v->web->conf, v->route->path, &url);
	if (v->req->query[0] != '\0')
		buf_fmt(&url, "?%s", v->req->query);
	http_add(v->req, "Location", url.p);
	http_add(v->req, "Cache-Control", "no-store");
	http_reply(v->req, 308, NULL, NULL, 0);
	buf_wipe(&url);
}

bool
client_secure(struct visit *v)
{
	bool page = (v->route->guards & ROUTE_PAGE) != 0;

	if (!v->plain || !v->web->conf->base_https ||
	    (!page && (v->route->guards & GUARD_KEY) == 0))
		return true;
	counter_up(CNT_PLAIN_REFUSED);
	if (trouble_met(TROUBLE_PLAIN))
		log_warn("web",
		    "a request came over plain http under an https address:"
		    " let its proxy or link use https path=%s peer=%s",
		    v->route->path, v->req->peer);
	if (page)
		send_there(v);
	else
		visit_refuse(v, HTTP_ERROR_PLAIN, NULL);
	return false;
}
