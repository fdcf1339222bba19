/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/messages.h"

static const struct tool_list list = {
	.rows = "messages",
	.one = "message",
	.many = "messages",
	.order = ", oldest first",
	.legend = MESSAGES_LEGEND,
	.put = messages_put,
	.none = messages_none,
	.after = messages_after,
};

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_CHANNEL,
	{ "thread_ts", ARG_TS, .required = true, .min = 17, .slack = "ts",
	  .also = { "threadTs", "ts", "message_ts" },
	  .help = "ts of the thread's first message" },
	ARGUMENT_LIMIT(50),
	ARGUMENT_CURSOR,
	ARGUMENT_OLDEST,
	ARGUMENT_LATEST,
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_get_thread_replies = {
	.name = "slack_get_thread_replies",
	.title = "Read a thread",
	.help = "Reads a thread, its first message and the replies to it, oldest first.",
	.toolsets = TOOLSETS_CHANNELS,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_CONVERSATIONS_REPLIES,
	.scopes = MESSAGES_SCOPES,
	.names = true,
	.want_scopes = "channels:history,groups:history",
	.list = &list,
};
