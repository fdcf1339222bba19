/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/status.h"
#include "tools/work.h"

#include "base/clock.h"

#include <string.h>

#define NAME_BYTES	100

/* ---- directory ---- */

static const struct {
	const char *key, *words, *scope;
} kinds[DIRECTORY_KINDS] = {
	[DIRECTORY_CHANNELS] = { "channels", "known channels", "channels:read" },
	[DIRECTORY_USERS] = { "people", "known people", "users:read" },
};

/* In one word: how far it is. */
static const char *
progress(const struct directory_state *s)
{
	if (!s->known)
		return "unknown";
	if (s->complete)
		return "complete";
	return s->entries > 0 || s->filling || s->problem[0] != '\0' ?
	    "partial" : "never read";
}

static void
put_age(int64_t since, struct buf *out)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "min" } };
	int64_t age = clock_wall_ms() - since;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (age >= units[i].ms) {
			buf_fmt(out, " (%lld %s ago)",
			    (long long)(age / units[i].ms), units[i].unit);
			return;
		}
}

/* How many channels there are is nothing for a key that has some of them only. */
static bool
may_count(const struct call *call, enum directory_kind k)
{
	return k != DIRECTORY_CHANNELS || call->policy->channels_read[0] == '\0';
}

static void
put_kind(const struct call *call, enum directory_kind k, struct buf *out)
{
	const struct directory_state *s = &call->seen[k];
	char when[CLOCK_ISO_SIZE];

	if (!s->known) {
		buf_fmt(out, "%s: not to be told now\n", kinds[k].words);
		return;
	}
	buf_fmt(out, "%s: ", kinds[k].words);
	if (may_count(call, k))
		buf_fmt(out, "%lld, ", (long long)s->entries);
	buf_str(out, progress(s));
	if (s->at != 0) {
		clock_iso(when, s->at);
		buf_fmt(out, " at %s", when);
		put_age(s->at, out);
	}
	if (s->filling)
		buf_str(out, ", being read");
	if (s->full)
		buf_str(out, ", no more are kept (DIRECTORY_MAX)");
	else if (s->problem[0] != '\0')
		buf_fmt(out, ", the last run ended early: %s", s->problem);
	if (strcmp(s->problem, "missing_scope") == 0)
		buf_fmt(out, " (names need %s)", kinds[k].scope);
	buf_char(out, '\n');
}

static void
json_kind(const struct call *call, enum directory_kind k, struct jsonw *w)
{
	const struct directory_state *s = &call->seen[k];

	jsonw_key(w, kinds[k].key);
	jsonw_open(w, '{');
	jsonw_put_text(w, "state", progress(s));
	if (may_count(call, k))
		jsonw_put_int(w, "entries", s->entries);
	jsonw_put_bool(w, "being_read", s->filling);
	if (s->at != 0)
		jsonw_put_int(w, "age_s", (clock_wall_ms() - s->at) / 1000);
	if (s->problem[0] != '\0')
		jsonw_put_text(w, "problem", s->problem);
	jsonw_close(w);
}

static bool
has_directory(const struct call *call)
{
	return call->box->slack->directory != NULL;
}

/* ---- the answer ---- */

static void
shape(struct call *call, const struct js *answer, struct buf *out)
{
	const struct install *in = call->install;
	const struct fence *f = &call->fence;

	(void)answer;
	fence_begin(f, out);
	buf_fmt(out, "workspace: %s ", install_key(in));
	fence_field(f, out, in->name, NAME_BYTES);
	buf_str(out, "\nurl: ");
	fence_field(f, out, in->url, NAME_BYTES);
	buf_char(out, '\n');
	fence_end(f, out);
	status_token(call, out);
	status_scopes(call, out);
	status_budget(call, out);
	for (enum directory_kind k = 0; k < DIRECTORY_KINDS; k++)
		if (has_directory(call))
			put_kind(call, k, out);
	if (!has_directory(call))
		buf_str(out, "known channels, people: none, this server keeps"
		    " no directory\n");
}

static void
json(struct call *call, struct jsonw *w)
{
	const struct install *in = call->install;

	jsonw_key(w, "team");
	jsonw_open(w, '{');
	jsonw_put_text(w, "id", install_key(in));
	asjson_text(w, "name", in->name);
	asjson_text(w, "url", in->url);
	jsonw_close(w);
	status_token_json(call, w);
	status_scopes_json(call, w);
	status_budget_json(call, w);
	if (!has_directory(call))
		return;
	jsonw_key(w, "directory");
	jsonw_open(w, '{');
	for (enum directory_kind k = 0; k < DIRECTORY_KINDS; k++)
		json_kind(call, k, w);
	jsonw_close(w);
}

/* ---- what is asked for it ---- */

static void look(struct call *call, enum directory_kind kind);

static void
on_state(void *arg, const struct directory_entry *e, size_t n,
    const struct directory_state *state, const struct err *err)
{
	struct call *call = arg;
	enum directory_kind kind = (enum directory_kind)call->named_kind;

	(void)e, (void)n;
	call->looking = NULL;
	if (err == NULL)
		call->seen[kind] = *state;
	else
		buf_str(&call->note, "This server's store is away: reading goes"
		    " on, writing waits.\n");
	if (err == NULL && kind + 1 < DIRECTORY_KINDS)
		look(call, kind + 1);
	else
		call_run(call);
}

static void
look(struct call *call, enum directory_kind kind)
{
	call->named_kind = kind;
	call->looking = directory_get(call->box->slack->directory,
	    call->install, kind, NULL, 0, call->deadline, on_state, call);
}

static void
find(struct call *call)
{
	if (has_directory(call))
		look(call, DIRECTORY_CHANNELS);
	else
		call_turn(call);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_connection_status = {
	.name = "slack_connection_status",
	.title = "Connection status",
	.help = "Tells what the connection to a workspace can do now: scopes, those that"
	    " lack, calls left, how much of the directory is known.",
	.toolsets = TOOLSETS_ALL,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_NONE,
	.find = find,
	.shape = shape,
	.json = json,
};
