/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/messages.h"

static const struct tool_list list = {
	.rows = "messages",
	.one = "message",
	.many = "messages",
	.order = ", newest first",
	.legend = MESSAGES_LEGEND,
	.put = messages_put,
	.none = messages_none,
	.by_time = true,
	.after = messages_after,
};

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_CHANNEL,
	ARGUMENT_LIMIT(30),
	ARGUMENT_CURSOR,
	ARGUMENT_OLDEST,
	ARGUMENT_LATEST,
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_get_channel_history = {
	.name = "slack_get_channel_history",
	.title = "Read a channel",
	.help = "Reads a channel's messages, newest first, a line each with "
	        "time, author, ts"
		" and text. Replies in threads are not among them:"
		" slack_get_thread_replies has them. The app must be a member.",
	.toolsets = TOOLSETS_CHANNELS,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_CONVERSATIONS_HISTORY,
	.scopes = MESSAGES_SCOPES,
	.names = true,
	.want_scopes = "channels:history,groups:history",
	.list = &list,
};
