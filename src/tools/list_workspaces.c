/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#define ROWS_MAX	250	/* of some 250 bytes at most */

static void
shape(struct call *call, const struct js *answer, struct buf *out)
{
	const struct slack *slack = call_box(call)->slack;
	const struct fence *f = call_fence(call);
	struct buf rows = { 0 };
	size_t n = target_list(call_box(call), call_policy(call), f, ROWS_MAX,
	    &rows);

	(void)answer;
	if (n > 0) {
		buf_fmt(out,
		    "%zu workspace%s. Each line: team_id | name | URL.\n", n,
		    n == 1 ? "" : "s");
		fence_begin(f, out);
		buf_add(out, rows.p, rows.len);
		fence_end(f, out);
	} else if (!installs_loaded(slack->installs)) {
		buf_str(out,
		    "The workspaces are not known yet, because the store could "
		    "not"
		    " be read since the start. Try again in a minute.\n");
	} else {
		buf_fmt(out,
		    "No workspace: this key reaches none. An admin connects "
		    "one at"
		    " %s/slack/install, and the operator gives it to the "
		    "key.\n",
		    slack->conf->public_base_url);
	}
	buf_wipe(&rows);
}

static const struct tool_arg args[] = {
	{ .name = NULL }
};

const struct tool tool_list_workspaces = {
	.name = "slack_list_workspaces",
	.title = "List workspaces",
	.help = "Lists the Slack workspaces that can be used here, with the team_id that the"
	    " other tools take. Needs no arguments.",
	.toolsets = TOOLSETS_ALL,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_NONE,
	.shape = shape,
};
