/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/people.h"

static void
none(const struct call *call, bool more, struct buf *out)
{
	(void)call;
	buf_str(out, more ? "Nobody on this page; more pages follow.\n" :
	    "Nobody here.\n");
}

static const struct tool_list list = {
	.rows = "members",
	.one = "person",
	.many = "people",
	.order = "",
	.legend = PEOPLE_LEGEND,
	.put = people_put,
	.none = none,
};

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_LIMIT(100),
	ARGUMENT_CURSOR,
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_get_users = {
	.name = "slack_get_users",
	.title = "List people",
	.help = "Lists a workspace's people and bots. To find somebody, slack_search_users"
	    " is cheaper.",
	.toolsets = TOOLSETS_PEOPLE,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_USERS_LIST,
	.scopes = "users:read",
	.want_scopes = "users:read",
	.list = &list,
};
