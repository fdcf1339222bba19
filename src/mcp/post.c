/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/post.h"

#include "base/mem.h"
#include "mcp/batch.h"
#include "mcp/legacy.h"
#include "mcp/method.h"
#include "mcp/modern.h"
#include "mcp/reply.h"
#include "mcp/tools_call.h"
#include "mcp/tools_list.h"

#include <stdlib.h>

struct mcp *
mcp_new(const struct conf *conf, struct region *region, struct toolbox *box)
{
	struct mcp *m = mem_new(sizeof(*m));

	m->conf = conf;
	m->region = region;
	m->box = box;
	m->lists = tools_list_new(conf);
	return m;
}

static void
rpc_free(struct rpc *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->nitems; i++) {
		struct item *it = &r->items[i];

		tools_call_cancel(it);
		json_object_put(it->params);
		buf_wipe(&it->tail);
		free(it->id);
	}
	free(r->items);
	buf_wipe(&r->whole);
	free(r->request_id);
	policy_drop(r->policy);
	free(r);
}

void
mcp_free(struct mcp *m)
{
	if (m == NULL)
		return;
	rpc_free(m->last);
	tools_list_free(m->lists);
	buf_wipe(&m->discover);
	for (int v = 0; v < MCP_VERSION_COUNT; v++)
		buf_wipe(&m->hello[v]);
	free(m);
}

void
rpc_items(struct rpc *r, size_t n)
{
	r->items = mem_new(n * sizeof(*r->items));
	r->nitems = n;
	for (size_t i = 0; i < n; i++)
		r->items[i].rpc = r;
}

void
item_id(struct item *it, struct span id)
{
	if (id.kind == SCAN_NONE)
		return;
	it->id = mem_strn(id.p, id.len);
	it->id_len = id.len;
}

size_t
rpc_field_count(const struct rpc *r, const char *name)
{
	return r->in->field_count(r->in->http, name);
}

const char *
rpc_field(const struct rpc *r, const char *name)
{
	return rpc_field_count(r, name) == 1 ? r->in->field(r->in->http, name) :
					       NULL;
}

static void
request(struct rpc *r, struct item *it, const struct jsonrpc *m)
{
	bool claimed = modern_claims(m->params);

	if (scan_is(m->method, "initialize") && !modern_whole(m->params)) {
		if (modern_header(r))
			reply_fault(it, FAULT_HEADER,
			    "initialize is a method of older "
			    "revisions than MCP-Protocol-Version names; send "
			    "server/discover, or no such header");
		else
			legacy_initialize(r, it, m->params);
	} else if (claimed) {
		modern_run(r, it, m);
	} else if (modern_header(r)) {
		modern_unclaimed(it);
	} else if (legacy_enter(r, it)) {
		legacy_run(r, it, m);
	}
}

/* The ladder of MCP.md 1, for a body that is one message. */
static void
message(struct rpc *r, struct span v)
{
	struct item *it = &r->items[0];
	struct jsonrpc m;
	struct err err;
	int bad = jsonrpc_read(v, &m, &err);

	item_id(it, m.id);
	if (m.method.kind == SCAN_STRING)
		r->method = method_known(m.method);
	if (bad) {
		reply_fault(it, FAULT_INVALID, "No JSON-RPC message: %s",
		    err.text);
		return;
	}
	switch (m.kind) {
	case MESSAGE_REQUEST:
		request(r, it, &m);
		break;
	case MESSAGE_NOTIFICATION:
		if (modern_header(r) || modern_claims(m.params) ||
		    legacy_enter(r, it))
			reply_accepted(it);
		break;
	case MESSAGE_RESPONSE:
		/* The id is the server's own: it is not echoed. */
		it->id_len = 0;
		free(it->id);
		it->id = NULL;
		if (modern_header(r))
			reply_fault(it, FAULT_INVALID,
			    "Nobody waits for a response in this "
			    "revision");
		else if (legacy_enter(r, it))
			reply_accepted(it);
		break;
	}
}

static void
body(struct rpc *r)
{
	struct span v;
	struct err err;

	if (scan_json(r->in->body, r->in->len, &err) == -1) {
		rpc_items(r, 1);
		reply_fault(&r->items[0], FAULT_PARSE, "Parse error: %s",
		    err.text);
		return;
	}
	v = scan_value(r->in->body, r->in->len);
	if (v.kind == SCAN_ARRAY) {
		batch_run(r, v);
	} else {
		rpc_items(r, 1);
		message(r, v);
	}
}

static struct rpc *
rpc_new(struct mcp *m, const struct mcp_in *in)
{
	struct rpc *r = mem_new(sizeof(*r));

	rpc_free(m->last);
	m->last = NULL;
	*r = (struct rpc){
		.mcp = m,
		.in = in,
		.request_id = mem_str(in->request_id),
		.policy = policy_hold(in->policy),
		.deadline = in->deadline,
		.version = MCP_LEGACY_LATEST,
		.method = "",
		.tool = "",
	};
	return r;
}

bool
mcp_post(struct mcp *m, const struct mcp_in *in, struct mcp_out *out,
    struct rpc **rpc, mcp_done_fn *done, void *arg)
{
	struct rpc *r = rpc_new(m, in);

	body(r);
	r->in = NULL;
	if (r->pending > 0) {
		r->done = done;
		r->arg = arg;
		*rpc = r;
		return false;
	}
	reply_parts(r, out);
	m->last = r;
	return true;
}

void
post_item_done(struct item *it)
{
	struct rpc *r = it->rpc;
	struct mcp_out out;

	if (--r->pending > 0)
		return;
	reply_parts(r, &out);
	r->done(r->arg, &out);
	rpc_free(r);
}

void
mcp_cancel(struct rpc *rpc)
{
	rpc_free(rpc);
}

void
mcp_delete(struct mcp *m, const struct mcp_in *in, struct mcp_out *out)
{
	struct rpc *r = rpc_new(m, in);

	rpc_items(r, 1);
	legacy_end(r, &r->items[0]);
	r->in = NULL;
	reply_parts(r, out);
	m->last = r;
}
