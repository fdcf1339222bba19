/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "admin/health.h"

#include "web/handlers.h"

static void
answer(struct visit *v, int status, struct buf *body)
{
	http_add(v->req, "Cache-Control", "no-store");
	http_reply(v->req, status, "application/json", body->p, body->len);
	buf_wipe(body);
}

void
health_run(struct visit *v)
{
	struct buf body = { 0 };
	int status = health_render(v->web->region, &body);

	answer(v, status, &body);
}

void
ready_run(struct visit *v)
{
	struct buf body = { 0 };
	int status = ready_render(v->web->region, v->web->draining, &body);

	answer(v, status, &body);
}
