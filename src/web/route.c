/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/route.h"

#include "web/handlers.h"

#include <string.h>

#define MCP_GUARDS	(GUARD_ORIGIN | GUARD_KEY | GUARD_RATE)

static const struct route routes[] = {
	{ "GET",    "/",                     GUARD_RATE | ROUTE_PAGE, page_landing },
	{ "GET",    "/health",               ROUTE_QUIET,             health_run },
	{ "GET",    "/ready",                ROUTE_QUIET,             ready_run },
	{ "POST",   "/mcp",                  MCP_GUARDS | GUARD_JSON, mcp_run },
	{ "DELETE", "/mcp",                  MCP_GUARDS,              mcp_end },
	{ "GET",    "/slack/install",        GUARD_RATE | ROUTE_PAGE, install_run },
	{ "GET",    "/slack/oauth/callback", GUARD_RATE | ROUTE_PAGE, callback_run },
	{ "POST",   EVENTS_PATH,             0,                       events_run },
	{ NULL,     NULL,                    0,                       NULL },
};

static const char *
strip(const struct conf *conf, const char *path)
{
	size_t len = strlen(conf->base_path);

	if (len == 0 || strncmp(path, conf->base_path, len) != 0)
		return path;
	if (path[len] == '\0')
		return "/";
	return path[len] == '/' ? path + len : path;
}

/* SLACK_REDIRECT_URI may name the callback as it likes. */
static const char *
callback_path(const struct conf *conf, struct url *u)
{
	struct err err;

	if (url_parse(u, conf->slack_redirect_uri, &err) == -1 ||
	    u->path[0] == '\0')
		return CALLBACK_PATH;
	return strip(conf, u->path);
}

static const struct route *
find(const char *path)
{
	for (const struct route *r = routes; r->path != NULL; r++)
		if (strcmp(r->path, path) == 0)
			return r;
	return NULL;
}

const struct route *
route_find(const struct conf *conf, const char *path)
{
	const struct route *r;
	struct url u;

	path = strip(conf, path);
	r = find(path);
	if (r == NULL && strcmp(path, callback_path(conf, &u)) == 0)
		r = find(CALLBACK_PATH);
	return r;
}

const struct route *
route_method(const struct route *first, const char *method)
{
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (const struct route *r = first; r->path != NULL &&
	    strcmp(r->path, first->path) == 0; r++)
		if (strcmp(r->method, method) == 0)
			return r;
	return NULL;
}

static void
add(struct buf *out, const char *method)
{
	if (out->len > 0)
		buf_str(out, ", ");
	buf_str(out, method);
	if (strcmp(method, "GET") == 0)
		buf_str(out, ", HEAD");
}

void
route_allow(const struct route *first, struct buf *out)
{
	if (first == NULL) {
		buf_str(out, "GET, HEAD, POST, DELETE, OPTIONS");
		return;
	}
	for (const struct route *r = first; r->path != NULL &&
	    strcmp(r->path, first->path) == 0; r++)
		add(out, r->method);
	add(out, "OPTIONS");
}
