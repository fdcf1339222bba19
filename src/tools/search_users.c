/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/people.h"

#include "base/js.h"
#include "tools/work.h"

#define FOUND_MAX	50

static void
on_found(void *arg, const struct directory_entry *e, size_t n,
    const struct directory_state *state, const struct err *err)
{
	struct call *call = arg;
	struct buf *out = &call->out;

	call->looking = NULL;
	if (err != NULL) {
		buf_str(out, "People cannot be looked up at the moment, because"
		    " this server's store is away. Try again in a minute.");
		call_end(call, true);
		return;
	}
	if (n > 0) {
		buf_fmt(out, "%zu %s%s. Each line: " PEOPLE_LEGEND ".\n", n,
		    n == 1 ? "person" : "people",
		    n == (size_t)call_number(call, ARG_LIMIT) ?
		    " (more may fit: use more of the name)" : "");
		fence_begin(&call->fence, out);
		for (size_t i = 0; i < n; i++)
			people_put(call, &e[i], out);
		fence_end(&call->fence, out);
	} else {
		buf_str(out, "Nobody fits.\n");
	}
	if (!state->complete)
		buf_fmt(out, "The directory of people is not complete yet (%lld"
		    " so far): try again in a few minutes.\n",
		    (long long)state->entries);
	call_end(call, false);
}

static void
find(struct call *call)
{
	const char *words = call_text(call, "query");

	if (call->box->slack->directory == NULL) {
		buf_str(&call->out, "query: this server keeps no directory,"
		    " slack_get_users lists people.");
		call_later(call, true);
		return;
	}
	call->looking = directory_search(call->box->slack->directory,
	    call->install, DIRECTORY_USERS, words[0] == '@' ? words + 1 : words,
	    "", "", (size_t)call_number(call, ARG_LIMIT), call->deadline,
	    on_found, call);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	{ "query", ARG_STRING, .required = true, .min = 1, .max = 100,
	  .also = { "name", "text" },
	  .help = "part of a handle, name or title" },
	{ "limit", ARG_LIMIT, .min = 1, .max = FOUND_MAX, .dflt = 20,
	  .help = "how many at most" },
	{ .name = NULL }
};

const struct tool tool_search_users = {
	.name = "slack_search_users",
	.title = "Find people",
	.help = "Finds people by part of a name, in this server's own directory of the"
	    " workspace.",
	.toolsets = TOOLSETS_PEOPLE,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_NONE,
	.find = find,
	.scopes = "users:read",
	.want_scopes = "users:read",
};
