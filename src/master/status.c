/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "admin/health.h"
#include "net/http1.h"

#include <string.h>

#define ADMIN_CONNECTIONS	64

static const struct {
	const char *path;
	bool ready;
} pages[] = {
	{ "/health", false },
	{ "/ready", true },
};

static void
answer(struct http_req *req, struct master *m, bool ready)
{
	struct buf body = { 0 };
	int status = ready ? ready_render(m->region, m->stopping, &body) :
	    health_render(m->region, &body);

	http_add(req, "Cache-Control", "no-store");
	http_reply(req, status, "application/json", body.p, body.len);
	buf_wipe(&body);
}

static void
on_request(struct http_req *req, void *arg)
{
	struct master *m = arg;

	/* HAProxy's default check */
	if (strcmp(req->method, "OPTIONS") == 0) {
		http_add(req, "Allow", "GET, HEAD, OPTIONS");
		http_reply(req, 204, NULL, NULL, 0);
		return;
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(req->path, pages[i].path) != 0)
			continue;
		if (strcmp(req->method, "GET") == 0 ||
		    strcmp(req->method, "HEAD") == 0) {
			answer(req, m, pages[i].ready);
			return;
		}
		http_add(req, "Allow", "GET, HEAD, OPTIONS");
		http_error(req, HTTP_ERROR_METHOD, NULL);
		return;
	}
	http_error(req, HTTP_ERROR_NOT_FOUND,
	    "This listener serves /health and /ready.");
}

static void
nothing(struct http_req *req, void *arg)
{
	(void)req;
	(void)arg;
}

static const struct http_handler handler = {
	.on_head = nothing, .on_request = on_request, .on_gone = nothing, .on_done = nothing,
};

int
status_open(struct master *m, struct err *err)
{
	const struct conf *c = m->conf;
	struct http_conf hc = { .header_ms = c->header_timeout,
		.body_ms = c->body_timeout,
		.request_ms = c->request_timeout,
		.idle_ms = c->idle_timeout,
		.max_header = (size_t)c->max_header,
		.max_body = 4096,
		.max_connections = ADMIN_CONNECTIONS,
		.max_option = "ADMIN_PORT" };

	if (c->admin_port == 0)
		return 0;
	if (listen_open(&m->admin_listen, c->admin_host, c->admin_port, 1,
		"ADMIN_HOST", "ADMIN_PORT", err) == -1)
		return -1;
	m->http = http_server_new(m->base, &hc, &handler, m);
	for (int i = 0; i < m->admin_listen.addresses; i++)
		http_server_listen(m->http, m->admin_listen.fds[i], true);
	return 0;
}

void
status_close(struct master *m)
{
	if (m->http != NULL)
		http_server_free(m->http);
	m->http = NULL;
}
