/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/people.h"

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
	.list = &people_list,
};
