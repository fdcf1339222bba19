/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "slack/directory.h"
#include "slack/id.h"

#include <string.h>

#define NAME_BYTES	80
#define NEW_MS		60000	/* a directory of that age is told */

/* What names a thing in place of an id, by the argument's type. */
static const struct {
	enum arg_type type;
	enum directory_kind kind;
	const char *ids, *thing;
} kinds[] = {
	{ ARG_CHANNEL, DIRECTORY_CHANNELS, "CGD", "channel" },
	{ ARG_USER, DIRECTORY_USERS, "UW", "person" },
};

static bool
is_name(const struct call *call, const struct tool_arg *a, size_t kind)
{
	const char *s = call_text(call, a->name);

	return a->type == kinds[kind].type && s[0] != '\0' &&
	    !slack_is_id(s, strlen(s), kinds[kind].ids);
}

/* What the key may not reach is not there (DESIGN 6); to write, it need not read. */
static bool
may_see(const struct call *call, size_t kind, const struct directory_entry *e)
{
	const struct policy *p = call->policy;
	const struct install *in = call->install;

	if (kinds[kind].kind != DIRECTORY_CHANNELS ||
	    policy_channel(p, in->enterprise_id, in->team_id, e->id, false))
		return true;
	return call->tool->role > ROLE_READ &&
	    policy_channel(p, in->enterprise_id, in->team_id, e->id, true);
}

static void
tell_state(const struct directory_state *s, struct buf *out)
{
	int64_t age = clock_wall_ms() - s->at;
	char when[CLOCK_ISO_SIZE];

	if (!s->known)
		return;
	if (s->complete && s->at == 0) {
		buf_str(out, " Names may be old, they could not be read anew:"
		    " for a newer one use the id.");
	} else if (s->complete && age > NEW_MS) {
		clock_iso(when, s->at);
		buf_fmt(out, " Names are those of %s: for a newer one use the"
		    " id.", when);
	} else if (s->full) {
		buf_str(out, " Not all that there are have their name in this"
		    " server's directory: use the id.");
	} else if (!s->complete) {
		buf_str(out, " The directory of this workspace is not complete"
		    " yet: try again in a minute, or use an id.");
	}
}

static void
refuse_none(struct call *call, const struct directory_state *state)
{
	struct buf *out = &call->out;

	buf_fmt(out, "%s: there is no %s called ", call->named->name,
	    kinds[call->named_kind].thing);
	fence_column(&call->fence, out, call_text(call, call->named->name),
	    NAME_BYTES);
	buf_str(out, call->named->type == ARG_CHANNEL ?
	    " that this key and the app can see. slack_list_channels lists"
	    " them; a private one is seen only after /invite of the app, an"
	    " archived one has only its id." :
	    " here. slack_search_users finds people by parts of a name.");
	tell_state(state, out);
	call_end(call, true);
}

static void
refuse_many(struct call *call, const struct directory_entry *e, size_t n)
{
	struct buf *out = &call->out;

	buf_fmt(out, "Several fit this %s: name one by its id.\n",
	    call->named->name);
	fence_begin(&call->fence, out);
	for (size_t i = 0; i < n; i++)
		if (may_see(call, call->named_kind, &e[i])) {
			fence_field(&call->fence, out, e[i].id, NAME_BYTES);
			buf_str(out, " | ");
			fence_field(&call->fence, out, e[i].handle, NAME_BYTES);
			buf_str(out, " | ");
			fence_field(&call->fence, out, e[i].label, NAME_BYTES);
			buf_char(out, '\n');
		}
	fence_end(&call->fence, out);
	call_end(call, true);
}

static void
on_found(void *arg, const struct directory_entry *e, size_t n,
    const struct directory_state *state, const struct err *err)
{
	struct call *call = arg;
	const struct directory_entry *hit = NULL;
	size_t hits = 0;

	call->looking = NULL;
	if (err != NULL) {
		buf_fmt(&call->out, "Names cannot be looked up at the moment,"
		    " because this server's store is away. Use an id for %s, or"
		    " try again in a minute.", call->named->name);
		call_end(call, true);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (may_see(call, call->named_kind, &e[i])) {
			hit = &e[i];
			hits++;
		}
	if (hits == 0) {
		refuse_none(call, state);
	} else if (hits > 1) {
		refuse_many(call, e, n);
	} else {
		json_object_object_add(call->args, call->named->name,
		    json_object_new_string(hit->id));
		call->resolved = true;
		call_run(call);
	}
}

/* Only ids are taken here. */
static void
refuse_names(struct call *call)
{
	buf_fmt(&call->out, "%s must be an id here, not a name: this server"
	    " keeps no directory. %s", call->named->name,
	    call->named->type == ARG_CHANNEL ?
	    "slack_list_channels lists channels with their ids." :
	    "slack_get_users lists people with their ids.");
	call_later(call, true);
}

bool
resolve_next(struct call *call)
{
	const struct slack *s = call->box->slack;

	for (const struct tool_arg *a = call->tool->args; a->name != NULL; a++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			if (!is_name(call, a, k))
				continue;
			call->named = a;
			call->named_kind = k;
			if (s->directory == NULL) {
				refuse_names(call);
				return true;
			}
			call->looking = directory_find(s->directory,
			    call->install, kinds[k].kind,
			    call_text(call, a->name), call->deadline, on_found,
			    call);
			return true;
		}
	return false;
}
