/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf_row.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CALLBACK	"/slack/oauth/callback"

static void
bad_url(struct conf_loading *l, const char *key, const char *text,
    const char *what, const char *cure)
{
	char quoted[CONF_QUOTED_SIZE];

	conf_quote(quoted, NULL, text);
	conf_error(l->report, key, "%s %s: %s", quoted, what, cure);
}

static void
strip_slashes(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '/')
		text[--len] = '\0';
}

static bool
is_web(const struct url *u)
{
	return strcmp(u->scheme, "https") == 0 ||
	    strcmp(u->scheme, "http") == 0;
}

/* Must be a URL, and https unless its host is this one. */
static bool
safe_url(struct conf_loading *l, const char *key, const char *text,
    struct url *u, const char *example)
{
	char cure[256];
	struct err err;
	struct buf b = { .max = sizeof(cure) - 1 };
	bool good = false;

	buf_fmt(&b, "write one like %s", example);
	if (url_parse(u, text, &err) == -1)
		bad_url(l, key, text, err.text, b.p);
	else if (!is_web(u))
		bad_url(l, key, text, "is no web address", b.p);
	else if (strcmp(u->scheme, "https") != 0 && !url_is_loopback(u))
		bad_url(l, key, text,
		    "is plain http, which only a loopback host "
		    "may be",
		    "write https");
	else
		good = true;
	buf_wipe(&b);
	return good;
}

/* SLACK_REDIRECT_URI as it was given; false when it gives no URL. */
static bool
redirect(struct conf_loading *l, struct url *u)
{
	const char *text = l->c->slack_redirect_uri;
	size_t len, tail = sizeof(CALLBACK) - 1;

	if (*text == '\0')
		return false;
	if (!safe_url(l, "SLACK_REDIRECT_URI", text, u,
	    "https://mcp.example.com" CALLBACK))
		return false;
	len = strlen(u->path);
	if (len < tail || strcmp(u->path + len - tail, CALLBACK) != 0)
		conf_warn(l->report, "SLACK_REDIRECT_URI",
		    "its path is \"%s\", and "
		    "the daemon answers " CALLBACK
		    ": a proxy has to turn one into "
		    "the other",
		    u->path);
	return true;
}

/* PUBLIC_BASE_URL as given, else what stands for it. */
static void
base(struct conf_loading *l, const struct url *redirect_url)
{
	struct conf *c = l->c;
	struct url u = { 0 };
	struct err err;
	char *text, origin[URL_ORIGIN_SIZE];

	if (*c->public_base_url != '\0') {
		strip_slashes(c->public_base_url);
		if (url_parse(&u, c->public_base_url, &err) == -1)
			bad_url(l, "PUBLIC_BASE_URL", c->public_base_url,
			    err.text, "write one like https://mcp.example.com");
		else if (!is_web(&u))
			bad_url(l, "PUBLIC_BASE_URL", c->public_base_url,
			    "is no web address", "begin it with https://");
	} else {
		if (redirect_url != NULL) {
			url_origin(redirect_url, origin);
			text = mem_str(origin);
		} else
			text = mem_fmt("http://localhost:%d", c->port);
		conf_set_text(&c->public_base_url, text);
		free(text);
		if (url_parse(&u, c->public_base_url, &err) == -1)
			return;
	}
	url_origin(&u, origin);
	c->base_origin = mem_str(origin);
	c->base_path = mem_str(u.path);
	c->base_https = strcmp(u.scheme, "https") == 0;
	c->base_loopback = url_is_loopback(&u);
}

static void
base_and_redirect(struct conf_loading *l)
{
	struct conf *c = l->c;
	struct url u = { 0 }, made;
	char origin[URL_ORIGIN_SIZE], *text;
	bool given = redirect(l, &u);

	base(l, given ? &u : NULL);
	if (given) {
		url_origin(&u, origin);
		if (c->base_origin != NULL &&
		    strcmp(origin, c->base_origin) != 0)
			conf_warn(l->report, "PUBLIC_BASE_URL",
			    "its origin is %s, "
			    "that of SLACK_REDIRECT_URI is %s: an install that "
			    "begins at one ends at the other",
			    c->base_origin, origin);
	} else if (!conf_given(l, "SLACK_REDIRECT_URI")) {
		text = mem_fmt("%s" CALLBACK, c->public_base_url);
		conf_set_text(&c->slack_redirect_uri, text);
		free(text);
		if (!l->in->store_only && c->base_origin != NULL)
			safe_url(l, "PUBLIC_BASE_URL", c->slack_redirect_uri,
			    &made, "https://mcp.example.com");
	}
}

static bool
is_gov(const struct url *u)
{
	static const char gov[] = "slack-gov.com";
	size_t n = strlen(u->host), k = sizeof(gov) - 1;

	return n >= k && strcasecmp(u->host + n - k, gov) == 0 &&
	    (n == k || u->host[n - k - 1] == '.');
}

/* An app lives in one of Slack's two worlds, which share nothing (SLACK.md 2). */
static void
one_world(struct conf_loading *l, bool api_gov, bool authorize_gov)
{
	const char *gov = "SLACK_API_URL", *other = "SLACK_AUTHORIZE_URL";
	const char *cure = "https://slack-gov.com/oauth/v2/authorize";

	l->c->slack_gov = api_gov;
	if (api_gov == authorize_gov)
		return;
	if (!api_gov) {
		gov = other;
		other = "SLACK_API_URL";
		cure = "https://slack-gov.com/api/";
	}
	conf_error(l->report, other, "it is not GovSlack's, and %s is: the two"
	    " share no app, no workspace and no token; write %s, or leave out"
	    " both", gov, cure);
}

static void
slack_urls(struct conf_loading *l)
{
	struct conf *c = l->c;
	struct url api, authorize;
	char *text;
	size_t len;
	bool good = safe_url(l, "SLACK_AUTHORIZE_URL", c->slack_authorize_url,
	    &authorize, "https://slack.com/oauth/v2/authorize");

	if (!safe_url(l, "SLACK_API_URL", c->slack_api_url, &api,
	    "https://slack.com/api/"))
		return;
	if (good)
		one_world(l, is_gov(&api), is_gov(&authorize));
	len = strlen(c->slack_api_url);
	if (c->slack_api_url[len - 1] == '/')
		return;
	text = mem_fmt("%s/", c->slack_api_url);
	conf_set_text(&c->slack_api_url, text);
	free(text);
}

static void
one_origin(struct conf_loading *l, const char *w, size_t len, struct buf *out)
{
	char origin[URL_ORIGIN_SIZE], *word = mem_strn(w, len);

	if (strcmp(word, "*") == 0)
		conf_error(l->report, "ALLOWED_ORIGINS",
		    "\"*\" would let every web "
		    "page call with its visitor's key: list exact origins, as "
		    "https://app.example.com (what is no browser sends no "
		    "Origin "
		    "and needs no entry)");
	else if (url_normal_origin(word, origin) == -1)
		bad_url(l, "ALLOWED_ORIGINS", word, "is no origin",
		    "write scheme://host or scheme://host:port, no path");
	else {
		if (out->len != 0)
			buf_char(out, ',');
		buf_str(out, origin);
	}
	free(word);
}

static void
origins(struct conf_loading *l)
{
	const char *at = l->c->allowed_origins, *w;
	struct buf out = { 0 };
	char *tidy;
	size_t len;

	while ((w = list_next(&at, &len)) != NULL)
		one_origin(l, w, len, &out);
	tidy = list_tidy(out.p);
	conf_set_text(&l->c->allowed_origins, tidy);
	free(tidy);
	buf_wipe(&out);
}

static void
one_proxy(struct conf_loading *l, const char *w, size_t len)
{
	struct networks *all = &l->c->proxies;
	char quoted[CONF_QUOTED_SIZE], *word = mem_strn(w, len);
	struct network n;
	struct err err;

	conf_quote(quoted, NULL, word);
	free(word);
	if (network_parse(&n, w, len, &err) == -1) {
		conf_error(l->report, "TRUSTED_PROXIES", "%s %s", quoted,
		    err.text);
		return;
	}
	if (len > 2 && memcmp(w + len - 2, "/0", 2) == 0)
		conf_warn(l->report, "TRUSTED_PROXIES",
		    "%s trusts everybody: any client "
		    "may say that it is another one",
		    quoted);
	all->list = mem_array(all->list, all->count + 1, sizeof(*all->list));
	all->list[all->count++] = n;
}

static void
proxies(struct conf_loading *l)
{
	struct conf *c = l->c;
	const char *at, *w;
	size_t len;

	if (*c->trusted_proxies == '\0' && c->host_loopback)
		conf_set_text(&c->trusted_proxies, "127.0.0.0/8,::1");
	at = c->trusted_proxies;
	while ((w = list_next(&at, &len)) != NULL)
		one_proxy(l, w, len);
}

/* An address or name, "*" or "::"; no URL, no port, no brackets. */
static void
host(struct conf_loading *l, const char *key, const char *text)
{
	const char *p = text;

	while (
	    isalnum((unsigned char)*p) || (*p != '\0' && strchr(".-_:%", *p)))
		p++;
	if (strcmp(text, "*") != 0 && (*p != '\0' || p == text))
		bad_url(l, key, text, "is no address",
		    "write an address or name "
		    "alone, as 127.0.0.1, ::1, localhost or *; the port is an "
		    "option of its own");
}

static bool
loopback(const char *name)
{
	struct url u = { 0 };
	struct buf b = { .p = u.host, .room = sizeof(u.host),
	    .max = sizeof(u.host) - 1 };

	buf_str(&b, name);
	for (char *p = u.host; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return url_is_loopback(&u);
}

void
conf_urls(struct conf_loading *l)
{
	struct conf *c = l->c;

	host(l, "HOST", c->host);
	host(l, "ADMIN_HOST", c->admin_host);
	c->host_loopback = loopback(c->host);
	proxies(l);
	base_and_redirect(l);
	if (c->base_origin == NULL)
		c->base_origin = mem_str("");
	if (c->base_path == NULL)
		c->base_path = mem_str("");
	slack_urls(l);
	origins(l);
	if (*c->install_allow == '\0' && c->base_loopback)
		conf_set_text(&c->install_allow, "*");
}
