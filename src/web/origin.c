/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/guard.h"

#include "base/counter.h"
#include "base/list.h"
#include "base/log.h"
#include "tools/tool.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ALLOW_HEADERS \
	"Authorization, Content-Type, Accept, Mcp-Session-Id, Last-Event-ID, " \
	"MCP-Protocol-Version, Mcp-Method, Mcp-Name"
#define EXPOSE_HEADERS                                                         \
	"Mcp-Session-Id, WWW-Authenticate, MCP-Protocol-Version, "             \
	"X-Request-Id, Retry-After"
#define MAX_AGE		"600"

bool
origin_allowed(const struct conf *conf, const char *value,
    char normal[URL_ORIGIN_SIZE])
{
	struct url u;
	struct err err;

	normal[0] = '\0';
	if (url_normal_origin(value, normal) == -1) {
		normal[0] = '\0';
		return false;
	}
	if (list_has(conf->allowed_origins, normal) ||
	    strcmp(normal, conf->base_origin) == 0)
		return true;
	return conf->allowed_origins[0] == '\0' && conf->base_loopback &&
	    strcmp(normal, "null") != 0 && url_parse(&u, normal, &err) == 0 &&
	    (strcmp(u.scheme, "http") == 0 || strcmp(u.scheme, "https") == 0) &&
	    url_is_loopback(&u);
}

/* Once for each origin, as far as we remember. */
static void
tell(struct web *w, const char *normal)
{
	for (unsigned i = 0; i < WEB_ORIGINS; i++)
		if (strcmp(w->refused[i], normal) == 0)
			return;
	snprintf(w->refused[w->nrefused++ % WEB_ORIGINS], URL_ORIGIN_SIZE, "%s",
	    normal);
	log_warn("web",
	    "an origin was refused; if it is a client of yours, add it to "
	    "ALLOWED_ORIGINS origin=%s",
	    normal);
}

bool
guard_origin(struct visit *v)
{
	const char *origin = http_field(v->req, "origin");
	char normal[URL_ORIGIN_SIZE] = "";

	http_add(v->req, "Vary", "Origin");
	if (origin == NULL)
		return true;
	if (http_field_count(v->req, "origin") == 1 &&
	    origin_allowed(v->web->conf, origin, normal)) {
		http_add(v->req, "Access-Control-Allow-Origin", origin);
		http_add(v->req, "Access-Control-Allow-Credentials", "true");
		http_add(v->req, "Access-Control-Expose-Headers",
		    EXPOSE_HEADERS);
		return true;
	}
	counter_up(CNT_ORIGIN_REFUSED);
	if (normal[0] != '\0')
		tell(v->web, normal);
	visit_refuse(v, HTTP_ERROR_ORIGIN, NULL);
	return false;
}

/* Every Mcp-Param- header that a tool declares, once. */
static void
add_params(struct buf *out)
{
	struct buf name = { 0 };

	for (const struct tool *const *t = tools; *t != NULL; t++)
		for (const struct tool_arg *a = (*t)->args; a->name != NULL;
		     a++) {
			if (a->header == NULL)
				continue;
			buf_reset(&name);
			buf_fmt(&name, ", Mcp-Param-%s", a->header);
			if (strstr(out->p, name.p) == NULL)
				buf_str(out, name.p);
		}
	buf_wipe(&name);
}

void
guard_preflight(struct visit *v)
{
	struct buf headers = { 0 };

	if (http_field(v->req, "origin") == NULL)
		return;
	buf_str(&headers, ALLOW_HEADERS);
	add_params(&headers);
	http_add(v->req, "Access-Control-Allow-Methods",
	    "GET, POST, DELETE, OPTIONS");
	http_add(v->req, "Access-Control-Allow-Headers", headers.p);
	http_add(v->req, "Access-Control-Max-Age", MAX_AGE);
	buf_wipe(&headers);
}
