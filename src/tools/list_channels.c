/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/channels.h"

#include "base/js.h"
#include "slack/directory.h"

#include <string.h>

static bool
may(const struct call *call, const struct js *row)
{
	const struct install *in = call_install(call);

	return policy_channel(call_policy(call), in->enterprise_id,
	    in->team_id, js_text(row, "id"), false);
}

static void
put(const struct call *call, const struct js *row, struct shown *shown,
    struct buf *out)
{
	(void)shown;
	channels_put(call, row, out);
}

static void
none(const struct call *call, bool more, struct buf *out)
{
	(void)call;
	if (more)
		buf_str(out, "No channel on this page: Slack leaves archived"
		    " ones and those out of reach out after it has cut the"
		    " page. More pages follow.\n");
	else
		buf_str(out, "No channel here that this key and the app can"
		    " see. A private one is seen only after a member typed"
		    " /invite @ and the app's name in it.\n");
}

static const struct tool_list list = {
	.rows = "channels",
	.one = "channel",
	.many = "channels",
	.order = "",
	.legend = CHANNELS_LEGEND,
	.may = may,
	.put = put,
	.none = none,
};

/* Without types: the kinds whose scope was granted, so that the tool answers with
 * the smallest set of scopes too (DETAILS 5). */
static void
form(struct call *call, struct buf *form)
{
	const char *types = directory_types(call_install(call));

	if (call_arg(call, "types") == NULL)
		buf_form(form, "types", types, strlen(types));
	if (call_arg(call, "exclude_archived") == NULL)
		buf_form(form, "exclude_archived", "true", 4);
}

static const struct tool_arg args[] = { ARGUMENT_TEAM, ARGUMENT_LIMIT(100),
	ARGUMENT_CURSOR,
	{ "types", ARG_TYPES, .slack = "types",
	    .help = "comma list of public_channel,"
		    " private_channel, mpim, im; left out: the channels that "
	            "the app may list" },
	{ "exclude_archived", ARG_BOOL, .slack = "exclude_archived",
	    .also = { "excludeArchived" },
	    .help = "leave archived ones out; true if left out" },
	ARGUMENT_FORMAT,
	{ .name = NULL } };

const struct tool tool_list_channels = {
	.name = "slack_list_channels",
	.title = "List channels",
	.help = "Lists a workspace's channels with the ids that the other tools take. Go on"
	    " with the cursor until none is given.",
	.toolsets = TOOLSETS_CHANNELS,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_CONVERSATIONS_LIST,
	.scopes = "channels:read,groups:read,im:read,mpim:read",
	.names = true,
	.want_scopes = "channels:read,groups:read",
	.list = &list,
	.form = form,
};
