/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/people.h"

#include "base/js.h"
#include "tools/work.h"

#include <stdio.h>
#include <string.h>

/* What was found as Slack would list it, so that pages, budget and JSON are those of
 * every list.  The cursor is the last one's id and handle. */

static void
put_person(const struct directory_entry *e, struct jsonw *w)
{
	jsonw_open(w, '{');
	jsonw_put_text(w, "id", e->id);
	jsonw_put_text(w, "name", e->handle);
	jsonw_put_bool(w, "deleted", (e->flags & DIRECTORY_DELETED) != 0);
	jsonw_put_bool(w, "is_bot", (e->flags & DIRECTORY_BOT) != 0);
	jsonw_put_bool(w, "is_stranger", (e->flags & DIRECTORY_STRANGER) != 0);
	jsonw_put_text(w, PEOPLE_ABOUT, e->about);
	jsonw_key(w, "profile");
	jsonw_open(w, '{');
	jsonw_put_text(w, "display_name", e->label);
	jsonw_close(w);
	jsonw_close(w);
}

static void
put_found(const struct directory_entry *e, size_t n, size_t most,
    struct buf *out)
{
	struct jsonw w = { .out = out };
	size_t shown = n < most ? n : most;
	struct buf next = { 0 };

	if (n > most)
		buf_fmt(&next, "%s %s", e[most - 1].id, e[most - 1].handle);
	jsonw_open(&w, '{');
	jsonw_key(&w, "members");
	jsonw_open(&w, '[');
	for (size_t i = 0; i < shown; i++)
		put_person(&e[i], &w);
	jsonw_close(&w);
	jsonw_key(&w, "response_metadata");
	jsonw_open(&w, '{');
	jsonw_put_text(&w, "next_cursor", next.len > 0 ? next.p : "");
	jsonw_close(&w);
	jsonw_close(&w);
	buf_wipe(&next);
}

static size_t
limit(const struct call *call)
{
	return (size_t)call_number(call, ARG_LIMIT);
}

static void
on_found(void *arg, const struct directory_entry *e, size_t n,
    const struct directory_state *state, const struct err *err)
{
	struct call *call = arg;
	struct buf found = { 0 };

	call->looking = NULL;
	if (err != NULL) {
		buf_str(&call->out, "People cannot be looked up at the moment,"
		    " because this server's store is away. Try again in a"
		    " minute.");
		call_end(call, true);
		return;
	}
	if (state->full)
		buf_fmt(&call->note, "The directory of people has %lld of"
		    " them only: who is not found here may be there all the"
		    " same.\n", (long long)state->entries);
	else if (!state->complete)
		buf_fmt(&call->note, "The directory of people is not complete"
		    " yet (%lld so far): try again in a few minutes.\n",
		    (long long)state->entries);
	put_found(e, n, limit(call), &found);
	call->answer = js_parse(found.p, found.len);
	buf_wipe(&found);
	call_run(call);
}

static void
find(struct call *call)
{
	const char *words = call_text(call, "query"), *at = cursor_at(call);
	size_t id = strcspn(at, " ");
	char after[64];

	if (call->box->slack->directory == NULL) {
		buf_str(&call->out, "query: this server keeps no directory,"
		    " slack_get_users lists people.");
		call_later(call, true);
		return;
	}
	snprintf(after, sizeof(after), "%.*s", (int)(id < 63 ? id : 63), at);
	call->looking = directory_search(call->box->slack->directory,
	    call->install, DIRECTORY_USERS, words[0] == '@' ? words + 1 : words,
	    at[id] == ' ' ? at + id + 1 : "", after, limit(call) + 1,
	    call->deadline, on_found, call);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	{ "query", ARG_STRING, .required = true, .min = 1, .max = 100,
	  .also = { "name", "text" },
	  .help = "part of a handle or name" },
	ARGUMENT_LIMIT_TO(20, 50),
	ARGUMENT_CURSOR,
	ARGUMENT_FORMAT,
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
	.list = &people_list,
};
