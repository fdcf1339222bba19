/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/posting.h"

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_CHANNEL,
	{ "thread_ts", ARG_TS, .required = true, .min = 17, .slack = "thread_ts",
	  .also = { "threadTs" },
	  .help = "ts of the thread's first message, not of a reply" },
	ARGUMENT_POST_TEXT,
	{ "reply_broadcast", ARG_BOOL,
	  .also = { "replyBroadcast" },
	  .help = "show it in the channel, too; false if left out" },
	ARGUMENTS_POST_HOW,
	ARGUMENT_POST_KEY,
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_reply_to_thread = {
	.name = "slack_reply_to_thread",
	.title = "Reply in a thread",
	.help = "Posts a reply to a thread, as slack_post_message does.",
	.toolsets = TOOLSETS_POSTING,
	.role = ROLE_WRITE,
	.args = args,
	.method = METHOD_CHAT_POST_MESSAGE,
	.scopes = "chat:write",
	.want_scopes = "chat:write",
	.once = true,
	.shape = posting_shape,
	.json = posting_json,
};
