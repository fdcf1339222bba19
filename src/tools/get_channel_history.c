/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/call.h"

#include "slack/id.h"
#include "slack/js.h"
#include "tools/render.h"

#include <string.h>

struct page {
	size_t shown, nameless;
	bool cut;
	const char *last;		/* ts of the last one shown */
};

static void
put_page(struct call *call, struct json_object *answer, struct buf *out,
    struct page *p)
{
	struct buf row = { 0 };

	for (size_t i = 0; i < js_count(answer, "messages"); i++) {
		struct json_object *m = js_at(answer, "messages", i);

		buf_reset(&row);
		if (render_message(call_fence(call), m, &row))
			p->nameless++;
		if (!call_row(call, out, &row)) {
			p->cut = true;
			break;
		}
		p->shown++;
		p->last = js_text(m, "ts");
	}
	buf_wipe(&row);
}

/* Never silently nothing. */
static void
explain_empty(struct call *call, bool more, struct buf *out)
{
	if (more)
		buf_str(out, "No message on this page; more pages follow.\n");
	else if (call_text(call, "oldest")[0] != '\0' ||
	    call_text(call, "latest")[0] != '\0')
		buf_str(out,
		    "No message between oldest and latest. Leave them out to "
		    "see"
		    " the newest ones.\n");
	else
		buf_str(out,
		    "No message: the channel is empty, or its plan hides what "
		    "is"
		    " older.\n");
}

static void
shape(struct call *call, struct json_object *answer, struct buf *out)
{
	struct json_object *meta = js_get(answer, "response_metadata",
	    json_type_object);
	const char *next = js_text(meta, "next_cursor");
	struct page p = { .last = "" };
	struct buf rows = { 0 };

	put_page(call, answer, &rows, &p);
	if (p.shown > 0) {
		buf_fmt(out,
		    "%zu message%s of %s, newest first. Each line: time | "
		    "author |"
		    " ts | text.\n",
		    p.shown, p.shown == 1 ? "" : "s",
		    call_of(call, ARG_CHANNEL));
		fence_begin(call_fence(call), out);
		buf_add(out, rows.p, rows.len);
		fence_end(call_fence(call), out);
	} else if (!p.cut) {
		explain_empty(call, next[0] != '\0', out);
	}
	if (p.nameless > 0)
		buf_str(out,
		    "Some people are shown by id only: their names need the "
		    "scope"
		    " users:read.\n");
	if (p.cut && slack_is_ts(p.last))
		buf_fmt(out,
		    "The answer is full: for older messages call again without "
		    "cursor"
		    " and with latest=%s\n",
		    p.last);
	else if (next[0] != '\0')
		call_more(call, next, 0, out);
	if (js_bool(answer, "is_limited"))
		buf_str(out,
		    "Older messages exist that the workspace's plan hides.\n");
	buf_wipe(&rows);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_CHANNEL,
	ARGUMENT_LIMIT(30),
	ARGUMENT_CURSOR,
	{ "oldest", ARG_TS, .min = 1, .slack = "oldest",
	  .help = "only messages after this ts, such as 1712345678.000100" },
	{ "latest", ARG_TS, .min = 1, .slack = "latest",
	  .help = "only messages before this ts" },
	{ .name = NULL }
};

const struct tool tool_get_channel_history = {
	.name = "slack_get_channel_history",
	.title = "Read a channel",
	.help = "Reads a channel's messages, newest first, a line each with "
	        "time, author, ts"
		" and text. Replies in threads are not among them. The app "
	        "must be a member.",
	.toolset = TOOLSETS_DEFAULT,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_CONVERSATIONS_HISTORY,
	.scopes = "channels:history,groups:history,im:history,mpim:history",
	.want_scopes = "channels:history,groups:history",
	.shape = shape,
};
