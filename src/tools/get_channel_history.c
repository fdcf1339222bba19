/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/call.h"

#include "base/js.h"
#include "slack/id.h"
#include "tools/render.h"

static void
put(const struct call *call, const struct js *row, struct shown *shown,
    struct buf *out)
{
	if (render_message(call_fence(call), row, out))
		shown->nameless = true;
}

/* Never silently nothing. */
static void
none(const struct call *call, bool more, struct buf *out)
{
	if (more)
		buf_str(out, "No message on this page; more pages follow.\n");
	else if (call_text(call, "oldest")[0] != '\0' ||
	    call_text(call, "latest")[0] != '\0')
		buf_str(out, "No message between oldest and latest. Leave them"
		    " out to see the newest ones.\n");
	else
		buf_str(out, "No message: the channel is empty, or its plan"
		    " hides what is older.\n");
}

/* By time, since new messages move the pages. */
static bool
rest(const struct js *last, struct buf *out)
{
	const char *ts = js_text(last, "ts");

	if (!slack_is_ts(ts))
		return false;
	buf_fmt(out, "The answer is full: for older messages call again without"
	    " cursor and with latest=%s\n", ts);
	return true;
}

static void
after(const struct js *answer, struct buf *out)
{
	if (js_bool(answer, "is_limited"))
		buf_str(out,
		    "Older messages exist that the workspace's plan hides.\n");
}

static const struct tool_list list = {
	.rows = "messages",
	.one = "message",
	.many = "messages",
	.order = ", newest first",
	.legend = "time | author | ts | text",
	.put = put,
	.none = none,
	.rest = rest,
	.after = after,
};

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
	.list = &list,
};
