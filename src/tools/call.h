/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_CALL_H
#define TOOLS_CALL_H

#include "tools/fence.h"
#include "tools/render.h"
#include "tools/tool.h"

/* What calls are made with; one a worker. */
struct toolbox {
	struct slack *slack;
};

struct call_ask {
	const struct tool *tool;
	struct json_object *args;	/* "arguments" as given, borrowed; NULL: {} */
	struct policy *policy;
	const char *request_id;		/* of HTTP, for the log */
	const char *session;		/* legacy session id, or NULL */
	const char *rpc_id;		/* raw JSON of the request's id */
	size_t rpc_id_len;
	int64_t deadline;		/* monotonic ms */
};

/* What a call ends with: text for the model, and whether it is an error's. */
struct call_result {
	bool is_error;
	const char *text;		/* borrowed until the callback returns */
	size_t len;
	const char *json;		/* likewise: an object that has all; or NULL */
	size_t json_len;
};
typedef void call_fn(void *arg, const struct call_result *r);

/* Checks everything that can be checked without waiting (arguments, role,
 * workspace, channel, scopes, caps).  NULL and the error's text in refused, which
 * is answered as isError; else the call is under way and done comes later. */
struct call *call_start(struct toolbox *box, const struct call_ask *ask,
    call_fn *done, void *arg, struct buf *refused);
/* The client has gone: reads end, a write that was given to curl goes on. */
void call_cancel(struct call *call);

/* For a tool's shape and form. */
struct json_object *call_arg(const struct call *call, const char *name); /* or NULL */
const char *call_text(const struct call *call, const char *name);	/* or "" */
/* The text of the first argument that names such a thing, or "". */
const char *call_of(const struct call *call, enum arg_type type);
/* Of the first argument of that type, or its row's default. */
long call_number(const struct call *call, enum arg_type type);
const struct install *call_install(const struct call *call);
const struct policy *call_policy(const struct call *call);
struct toolbox *call_box(const struct call *call);
const struct fence *call_fence(const struct call *call);
struct names *call_names(const struct call *call);	/* or NULL */

/* What a list's rows tell of themselves (struct tool_list). */
struct shown {
	size_t n;
	bool nameless;			/* somebody is shown by id only */
	const struct js *last;		/* of the rows shown; NULL */
	struct render render;		/* what rows that are messages share */
};

#endif
