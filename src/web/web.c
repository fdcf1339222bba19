/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/web.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "web/accept.h"
#include "web/client.h"
#include "web/guard.h"
#include "web/page.h"
#include "slack/events.h"
#include "web/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
visit_refuse(struct visit *v, enum http_error e, const char *text)
{
	v->error = http_error_word(e);
	if (v->route != NULL && (v->route->guards & ROUTE_PAGE) != 0 &&
	    accept_html(v->req))
		page_error(v, http_error_status(e), http_error_word(e),
		    text != NULL ? text : http_error_text(e));
	else
		http_error(v->req, e, text);
}

void
visit_later(struct visit *v, enum http_error e, int64_t ms)
{
	char seconds[24], text[64];

	snprintf(seconds, sizeof(seconds), "%lld",
	    ms > 1000 ? (long long)(ms + 999) / 1000 : 1LL);
	http_add(v->req, "Retry-After", seconds);
	/* people see no header */
	snprintf(text, sizeof(text), "Too many requests; try again in %s s.",
	    seconds);
	visit_refuse(v, e, e == HTTP_ERROR_RATE ? text : NULL);
}

static void
add_allow(struct visit *v)
{
	struct buf allow = { 0 };

	route_allow(v->route, &allow);
	http_add(v->req, "Allow", allow.p);
	buf_wipe(&allow);
}

/* The guards behind the key's.  false: answered. */
static bool
admit(struct visit *v)
{
	const struct route *row = route_method(v->route, v->req->method);

	if ((v->route->guards & GUARD_RATE) != 0 &&
	    !(v->policy != NULL ? guard_key_rate(v) : guard_address_rate(v)))
		return false;
	if (row == NULL) {
		add_allow(v);
		visit_refuse(v, HTTP_ERROR_METHOD, NULL);
		return false;
	}
	v->route = row;
	if ((row->guards & GUARD_JSON) != 0 && !guard_json(v))
		return false;
	return v->policy == NULL || guard_body(v);
}

/* The keys were read anew for this one. */
static void
on_keys(void *arg)
{
	struct visit *v = arg;
	const char *before = log_request(v->req->id);

	v->wait = NULL;
	if (guard_key(v, on_keys, true) == KEY_GOOD && admit(v) && v->body_here)
		v->route->run(v);
	log_request(before);
}

static void
options(struct visit *v)
{
	add_allow(v);
	if (v->route != NULL && (v->route->guards & GUARD_ORIGIN) != 0)
		guard_preflight(v);
	http_reply(v->req, 204, NULL, NULL, 0);
}

static void
on_head(struct http_req *req, void *arg)
{
	struct visit *v = mem_new(sizeof(*v));
	struct web *w = arg;
	bool asks = strcmp(req->method, "OPTIONS") == 0;

	req->data = v;
	*v = (struct visit){ .web = w, .req = req, .method = "", .tool = "" };
	client_learn(v);
	v->route = route_find(w->conf, req->path);
	if (v->route == NULL) {
		if (asks && strcmp(req->path, "*") == 0)
			options(v);
		else
			http_error(req, HTTP_ERROR_NOT_FOUND, NULL);
		return;
	}
	if ((v->route->guards & GUARD_ORIGIN) != 0 && !guard_origin(v))
		return;
	if (asks) {
		options(v);
		return;
	}
	if (!client_secure(v))
		return;
	if ((v->route->guards & GUARD_KEY) == 0 ||
	    guard_key(v, on_keys, false) == KEY_GOOD)
		admit(v);
}

static void
on_request(struct http_req *req, void *arg)
{
	struct visit *v = req->data;

	(void)arg;
	v->body_here = true;
	guard_body_is(v, req->body_len);
	if (v->wait == NULL)
		v->route->run(v);
}

static void
on_gone(struct http_req *req, void *arg)
{
	struct visit *v = req->data;

	(void)arg;
	if (v->wait != NULL)
		principals_cancel(v->wait);
	if (v->rpc != NULL)
		mcp_cancel(v->rpc);
	if (v->oauth != NULL)
		oauth_forget(v->oauth);
	if (v->event != NULL)
		events_forget(v->event);
	v->wait = NULL;
	v->rpc = NULL;
	v->oauth = NULL;
	v->event = NULL;
}

static void
add_field(struct buf *line, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	buf_char(line, ' ');
	buf_str(line, name);
	buf_char(line, '=');
	buf_str(line, value);
}

static void
add_cut(struct buf *line, const char *value, size_t max)
{
	buf_add(line, value, strnlen(value, max));
}

static void
add_number(struct buf *line, const char *before, int64_t n)
{
	buf_str(line, before);
	buf_int(line, n);
}

/* Up to what looks like a key: some put theirs into the address. */
static void
add_path(struct buf *line, const char *path)
{
	static const char *const keys[] = { "sk_", "xox", "xapp-" };
	size_t n = strnlen(path, 200);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *at = strstr(path, keys[i]);

		if (at != NULL && (size_t)(at - path) < n)
			n = (size_t)(at - path);
	}
	add_cut(line, path, n);
	if (path[n] != '\0')
		buf_str(line, "...");
}

/* The one line of a request.  Of the URL only the path: a query may hold a code. */
static void
tell(const struct http_req *req, const struct visit *v)
{
	char space[1024];
	struct buf line = { .p = space, .room = sizeof(space),
		.max = sizeof(space) - 1 };
	const char *session = v == NULL || v->session[0] != '\0' ? NULL :
	    http_field(req, "mcp-session-id");
	bool quiet = v != NULL && v->route != NULL &&
	    (v->route->guards & ROUTE_QUIET) != 0 && req->status == 200;

	add_cut(&line, req->method, 16);
	buf_char(&line, ' ');
	add_path(&line, req->path);
	add_number(&line, " ", req->status);
	add_number(&line, " ms=", clock_ms() - req->began);
	add_number(&line, " bytes=", (int64_t)req->sent);
	if (v != NULL) {
		add_field(&line, "key",
		    v->policy != NULL ? v->policy->name : NULL);
		if (v->policy != NULL && session != NULL) {
			buf_str(&line, " session=");
			add_cut(&line, session, 8);
		}
		add_field(&line, "session", v->session);
		add_field(&line, "rpc", v->method);
		add_field(&line, "tool", v->tool);
		add_field(&line, "error", v->error);
		if (v->code != 0)
			buf_fmt(&line, " error=%d", v->code);
	}
	add_field(&line, "peer", v != NULL ? v->client : req->peer);
	log_end(quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "http", line.p);
}

static void
on_done(struct http_req *req, void *arg)
{
	struct visit *v = req->data;

	(void)arg;
	tell(req, v);
	if (v == NULL)
		return;
	guard_body_is(v, 0);
	policy_drop(v->policy);
	free(v);
	req->data = NULL;
}

const struct http_handler web_handler = {
	.on_head = on_head,
	.on_request = on_request,
	.on_gone = on_gone,
	.on_done = on_done,
};
