/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/tools_call.h"

#include "mcp/modern.h"
#include "mcp/post.h"
#include "mcp/reply.h"
#include "tools/tool.h"

static void
on_done(void *arg, const struct call_result *result)
{
	struct item *it = arg;

	it->call = NULL;
	reply_tool(it, result);
	post_item_done(it);
}

static void
start(struct rpc *r, struct item *it, const struct tool *tool,
    struct json_object *args)
{
	struct buf refused = { 0 };
	struct call_ask ask = {
		.tool = tool,
		.args = args,
		.policy = r->policy,
		.request_id = r->request_id,
		.session = r->session.id[0] != '\0' ? r->session.id : NULL,
		.rpc_id = it->id,
		.rpc_id_len = it->id_len,
		.deadline = r->deadline,
	};

	r->tool = tool->name;
	it->call = call_start(r->mcp->box, &ask, on_done, it, &refused);
	if (it->call != NULL)
		r->pending++;
	else
		reply_tool(it, &(struct call_result){ .is_error = true,
		    .text = refused.len > 0 ? refused.p : "",
		    .len = refused.len });
	buf_wipe(&refused);
}

void
tools_call(struct rpc *r, struct item *it, struct span params)
{
	struct json_object *name = NULL, *args = NULL;
	const struct tool *tool;

	it->params = jsonrpc_parse(params);
	json_object_object_get_ex(it->params, "name", &name);
	json_object_object_get_ex(it->params, "arguments", &args);
	if (!json_object_is_type(name, json_type_string)) {
		reply_fault(it, FAULT_PARAMS,
		    "params.name has to be the name of a tool");
		return;
	}
	if (args != NULL && !json_object_is_type(args, json_type_object)) {
		reply_fault(it, FAULT_PARAMS,
		    "params.arguments has to be an object");
		return;
	}
	tool = tool_find(json_object_get_string(name),
	    (size_t)json_object_get_string_len(name));
	if (tool == NULL ||
	    !policy_offers(r->policy, r->mcp->conf, tool->toolsets)) {
		reply_fault(it, FAULT_PARAMS,
		    "Unknown tool: %.64s; tools/list shows those "
		    "that there are",
		    json_object_get_string(name));
		return;
	}
	if (r->version == MCP_MODERN && !modern_params(r, it, tool, args))
		return;
	start(r, it, tool, args);
}

void
tools_call_cancel(struct item *it)
{
	if (it->call != NULL)
		call_cancel(it->call);
	it->call = NULL;
}
