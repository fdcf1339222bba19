/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/mcp.h"

#include "base/log.h"
#include "web/handlers.h"

#include <stdio.h>
#include <string.h>

/* The answer has to be there before the server gives the request up. */
#define MARGIN_MS	500

static const char *
field(void *http, const char *name)
{
	return http_field(http, name);
}

static size_t
field_count(void *http, const char *name)
{
	return http_field_count(http, name);
}

static struct mcp_in
input(struct visit *v)
{
	int64_t margin = v->web->conf->request_timeout / 10;

	return (struct mcp_in){
		.body = v->req->body,
		.len = v->req->body_len,
		.policy = v->policy,
		.request_id = v->req->id,
		.deadline = v->req->began + v->web->conf->request_timeout -
		    (margin < MARGIN_MS ? margin : MARGIN_MS),
		.http = v->req,
		.field = field,
		.field_count = field_count,
	};
}

static void
send_event(struct visit *v, const struct mcp_out *out)
{
	static char begin[] = "event: message\ndata: ", end[] = "\n\n";
	struct iovec parts[MCP_PARTS + 2];
	int n = 0;

	parts[n++] = (struct iovec){ .iov_base = begin,
		.iov_len = sizeof(begin) - 1 };
	for (int i = 0; i < out->nparts; i++)
		parts[n++] = out->parts[i];
	parts[n++] = (struct iovec){ .iov_base = end,
		.iov_len = sizeof(end) - 1 };
	http_add(v->req, "Cache-Control", "no-cache, no-transform");
	http_add(v->req, "X-Accel-Buffering", "no");
	http_replyv(v->req, out->status, "text/event-stream", parts, n);
}

static void
answer(struct visit *v, const struct mcp_out *out)
{
	char seconds[16];

	v->method = out->method;
	v->tool = out->tool;
	v->code = out->code;
	if (out->session[0] != '\0') {
		snprintf(v->session, sizeof(v->session), "%.8s", out->session);
		http_add(v->req, "Mcp-Session-Id", out->session);
	}
	if (out->retry_after > 0) {
		snprintf(seconds, sizeof(seconds), "%d", out->retry_after);
		http_add(v->req, "Retry-After", seconds);
	}
	if (out->nparts == 0) {
		http_reply(v->req, out->status, NULL, NULL, 0);
	} else if (v->sse && out->status == 200) {
		send_event(v, out);
	} else {
		http_add(v->req, "Cache-Control", "no-store");
		http_replyv(v->req, out->status, "application/json", out->parts,
		    out->nparts);
	}
}

static void
on_answer(void *arg, const struct mcp_out *out)
{
	struct visit *v = arg;
	const char *before = log_request(v->req->id);

	v->rpc = NULL;
	answer(v, out);
	log_request(before);
}

void
mcp_run(struct visit *v)
{
	struct mcp_in in = input(v);
	struct mcp_out out;

	if (mcp_post(v->web->mcp, &in, &out, &v->rpc, on_answer, v))
		answer(v, &out);
}

void
mcp_end(struct visit *v)
{
	struct mcp_in in = input(v);
	struct mcp_out out;

	mcp_delete(v->web->mcp, &in, &out);
	answer(v, &out);
}
