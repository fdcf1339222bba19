/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

static void
shape(struct call *call, const struct js *answer, struct buf *out)
{
	buf_str(out, answer != NULL ? "Added.\n" :
	    "It was there already, from this app.\n");
	buf_fmt(out, "channel: %s\nts: %s\n", call_of(call, ARG_CHANNEL),
	    call_of(call, ARG_TS));
}

static void
json(struct call *call, struct jsonw *w)
{
	jsonw_put_text(w, "channel", call_of(call, ARG_CHANNEL));
	jsonw_put_text(w, "ts", call_of(call, ARG_TS));
	jsonw_put_bool(w, "already", call->answer == NULL);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_CHANNEL,
	{ "timestamp", ARG_TS, .required = true, .min = 17, .slack = "timestamp",
	  .also = { "message_ts", "messageTs", "ts" },
	  .help = "ts of the message" },
	{ "reaction", ARG_EMOJI, .required = true, .max = 100, .slack = "name",
	  .also = { "name", "emoji" },
	  .help = "the emoji's name, such as thumbsup or wave::skin-tone-2" },
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_add_reaction = {
	.name = "slack_add_reaction",
	.title = "Add a reaction",
	.help = "Adds an emoji reaction to a message.",
	.toolsets = TOOLSETS_POSTING,
	.role = ROLE_WRITE,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_REACTIONS_ADD,
	.scopes = "reactions:write",
	.want_scopes = "reactions:write",
	.done = "already_reacted",
	.shape = shape,
	.json = json,
};
