/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/call.h"

#include "base/js.h"
#include "base/list.h"
#include "slack/installs.h"
#include "tools/mrkdwn.h"

#include <inttypes.h>
#include <string.h>

#define NAME_BYTES	100
#define ABOUT_BYTES	160

static void
put(const struct fence *f, struct buf *out, const char *before, const char *s,
    size_t max)
{
	if (s[0] == '\0')
		return;
	buf_str(out, before);
	fence_field(f, out, s, max);
}

static void
put_about(const struct fence *f, struct buf *out, const char *before,
    const struct js *channel, const char *key)
{
	const char *s = js_text(js_get(channel, key, JS_OBJECT),
	    "value");
	struct buf b = { 0 };

	mrkdwn_read(&b, s, strlen(s));
	if (b.len > 0)
		put(f, out, before, b.p, ABOUT_BYTES);
	buf_wipe(&b);
}

static void
put_flags(const struct js *c, struct buf *out)
{
	static const struct {
		const char *key, *word;
	} flags[] = {
		{ "is_private", "private" },
		{ "is_archived", "archived" },
		{ "is_member", "app is member" },
		{ "is_mpim", "group message" },
		{ "is_im", "direct message" },
		{ "is_ext_shared", "shared with others" },
		{ "is_general", "general" },
	};
	const char *before = " | ";

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (js_bool(c, flags[i].key)) {
			buf_fmt(out, "%s%s", before, flags[i].word);
			before = ", ";
		}
}

static bool
may(const struct call *call, const struct js *row)
{
	return policy_channel(call_policy(call), install_key(call_install(call)),
	    js_text(row, "id"), false);
}

static void
put_channel(const struct call *call, const struct js *c, struct shown *shown,
    struct buf *out)
{
	const struct fence *f = call_fence(call);

	(void)shown;
	put(f, out, "", js_text(c, "id"), NAME_BYTES);
	if (js_text(c, "name")[0] != '\0')
		put(f, out, " | #", js_text(c, "name"), NAME_BYTES);
	else
		put(f, out, " | with ", js_text(c, "user"), NAME_BYTES);
	if (js_get(c, "num_members", JS_INT) != NULL)
		buf_fmt(out, " | %" PRId64 " members",
		    js_int(c, "num_members"));
	put_flags(c, out);
	put_about(f, out, " | topic: ", c, "topic");
	put_about(f, out, " | purpose: ", c, "purpose");
	buf_char(out, '\n');
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
	.legend = "id | name | members | flags | topic | purpose",
	.may = may,
	.put = put_channel,
	.none = none,
};

/* Without types: the kinds whose scope was granted, so that the tool answers with
 * the smallest set of scopes too (DETAILS 5). */
static void
form(struct call *call, struct buf *form)
{
	const struct install *in = call_install(call);
	bool public = list_has(in->scopes, "channels:read");
	bool private = list_has(in->scopes, "groups:read");
	const char *types = public && private ?
	    "public_channel,private_channel" :
	    private ? "private_channel" :
		      "public_channel";

	if (call_arg(call, "types") == NULL)
		buf_form(form, "types", types, strlen(types));
	if (call_arg(call, "exclude_archived") == NULL)
		buf_form(form, "exclude_archived", "true", 4);
	if (in->team_id[0] != '\0')
		buf_form(form, "team_id", in->team_id, strlen(in->team_id));
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
	{ .name = NULL } };

const struct tool tool_list_channels = {
	.name = "slack_list_channels",
	.title = "List channels",
	.help = "Lists a workspace's channels with the ids that the other tools take. Go on"
	    " with the cursor until none is given.",
	.toolset = TOOLSETS_DEFAULT,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_CONVERSATIONS_LIST,
	.scopes = "channels:read,groups:read,im:read,mpim:read",
	.want_scopes = "channels:read,groups:read",
	.list = &list,
	.form = form,
};
