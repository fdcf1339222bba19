/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/channels.h"

#include "base/js.h"

static void
shape(struct call *call, const struct js *answer, struct buf *out)
{
	const struct fence *f = call_fence(call);

	buf_str(out, "One channel: " CHANNELS_LEGEND ".\n");
	fence_begin(f, out);
	channels_put(call, js_get(answer, "channel", JS_OBJECT), out);
	fence_end(f, out);
}

static void
form(struct call *call, struct buf *form)
{
	(void)call;
	buf_form(form, "include_num_members", "true", 4);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_CHANNEL,
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_get_channel_info = {
	.name = "slack_get_channel_info",
	.title = "Look at a channel",
	.help = "Tells a channel's name, topic, purpose and members' number.",
	.toolsets = TOOLSETS_CHANNELS,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_CONVERSATIONS_INFO,
	.scopes = "channels:read,groups:read,im:read,mpim:read",
	.names = true,
	.want_scopes = "channels:read,groups:read",
	.member = "channel",
	.shape = shape,
	.form = form,
};
