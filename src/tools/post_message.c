/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/posting.h"

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_CHANNEL,
	ARGUMENT_POST_TEXT,
	{ "thread_ts", ARG_TS, .min = 17, .slack = "thread_ts", .also = { "threadTs" },
	  .help = "to reply: the ts of the thread's first message" },
	ARGUMENTS_POST_HOW,
	ARGUMENT_POST_KEY,
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_post_message = {
	.name = "slack_post_message",
	.title = "Post a message",
	.help = "Posts a message to a channel or thread, a long one in parts in"
		" one thread. & < > are shown as they are, but for <@U…>,"
		" <#C…> and <https://…|…>. After an unclear outcome look at the"
		" channel before posting again.",
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
