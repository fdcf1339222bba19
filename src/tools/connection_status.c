/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "slack/budget.h"
#include "slack/directory.h"

#define NAME_BYTES	100

static void
put_install(const struct call *call, struct buf *out)
{
	const struct install *in = call->install;
	const struct fence *f = &call->fence;
	char when[CLOCK_ISO_SIZE];

	fence_begin(f, out);
	buf_fmt(out, "workspace: %s ", install_key(in));
	fence_field(f, out, in->name, NAME_BYTES);
	buf_str(out, "\nurl: ");
	fence_field(f, out, in->url, NAME_BYTES);
	buf_char(out, '\n');
	fence_end(f, out);
	buf_fmt(out, "scopes: %s\n", in->scopes);
	if (in->expires == 0) {
		buf_str(out, "token: does not run out\n");
		return;
	}
	clock_iso(when, in->expires);
	buf_fmt(out, "token: until %s, %s\n", when,
	    in->lost        ? "and nobody can renew it" :
		in->rotates ? "renewed before" :
			      "and not renewed");
}

/* Only what there is to know: methods that Slack has told to wait. */
static void
put_budget(const struct call *call, struct buf *out)
{
	const struct slack *s = call->box->slack;
	int64_t now = clock_ms(), until;
	struct budget b;
	int n = 0;

	for (enum slack_method m = 0; m < METHOD_COUNT; m++) {
		budget_of(&b, s, call->install, m, NULL);
		until = budget_blocked(s->region, &b);
		if (until <= now)
			continue;
		buf_fmt(out, "%s%s (%d s)", n++ == 0 ? "must wait: " : ", ",
		    slack_method_name(m), (int)((until - now + 999) / 1000));
	}
	buf_str(out, n == 0 ? "must wait: nothing\n" : "\n");
	budget_of(&b, s, call->install, METHOD_CONVERSATIONS_HISTORY, NULL);
	if (b.rare)
		buf_str(out, "Slack lets this app read messages once a minute"
		    " here, 15 at a time\n");
}

static void
put_directory(const char *what, const struct directory_state *s,
    struct buf *out)
{
	char when[CLOCK_ISO_SIZE];

	buf_fmt(out, "%s: %lld", what, (long long)s->entries);
	if (s->complete) {
		clock_iso(when, s->at);
		buf_fmt(out, ", complete at %s", when);
	} else {
		buf_str(out, ", not complete");
	}
	if (s->filling)
		buf_str(out, ", being read");
	if (s->problem[0] != '\0')
		buf_fmt(out, ", the last run ended early: %s", s->problem);
	buf_char(out, '\n');
}

static void look(struct call *call, enum directory_kind kind);

static void
on_state(void *arg, const struct directory_entry *e, size_t n,
    const struct directory_state *state, const struct err *err)
{
	static const char *const words[] = { "known channels", "known people" };
	struct call *call = arg;
	enum directory_kind kind = (enum directory_kind)call->named_kind;

	(void)e, (void)n;
	call->looking = NULL;
	if (err != NULL)
		buf_str(&call->out, "This server's store is away: reading goes"
		    " on, writing waits.\n");
	else
		put_directory(words[kind], state, &call->out);
	if (err == NULL && kind + 1 < DIRECTORY_KINDS)
		look(call, kind + 1);
	else
		call_end(call, false);
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
	put_install(call, &call->out);
	put_budget(call, &call->out);
	if (call->box->slack->directory != NULL) {
		look(call, DIRECTORY_CHANNELS);
		return;
	}
	buf_str(&call->out, "known channels, people: none, this server keeps"
	    " no directory\n");
	call_later(call, false);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	{ .name = NULL }
};

const struct tool tool_connection_status = {
	.name = "slack_connection_status",
	.title = "Connection status",
	.help = "Tells what the connection to a workspace can do: scopes, waits that Slack"
	    " asked for, how much of the directory is known.",
	.toolsets = TOOLSETS_ALL,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_NONE,
	.find = find,
};
