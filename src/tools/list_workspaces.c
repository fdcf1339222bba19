/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#define ROWS_MAX	250

/* Nothing was shown: why, and what to do. */
static void
explain_none(const struct slack *s, struct buf *out)
{
	if (!installs_loaded(s->installs))
		buf_str(out, "The workspaces are not known yet, because the"
		    " store could not be read since the start. Try again in a"
		    " minute.\n");
	else
		buf_fmt(out, "No workspace: this key reaches none. An admin"
		    " connects one at %s/slack/install, and the operator gives"
		    " it to the key.\n", s->conf->public_base_url);
}

static void
shape(struct call *call, const struct js *answer, struct buf *out)
{
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
	} else {
		explain_none(call_box(call)->slack, out);
	}
	buf_wipe(&rows);
}

struct teams {
	const struct policy *policy;
	struct jsonw *w;
	size_t n, shown;
};

static bool
put_team(void *arg, struct install *in)
{
	struct teams *t = arg;

	if (!target_reaches(t->policy, in))
		return true;
	t->n++;
	if (t->shown >= ROWS_MAX || t->w->out->len > CALL_BYTES)
		return true;
	t->shown++;
	jsonw_open(t->w, '{');
	jsonw_put_text(t->w, "id", in->team_id);
	asjson_text(t->w, "name", in->name);
	asjson_text(t->w, "url", in->url);
	if (in->enterprise_id[0] != '\0')
		jsonw_put_text(t->w, "enterprise_id", in->enterprise_id);
	if (in->org != NULL)
		asjson_text(t->w, "enterprise_name", in->org->name);
	if (target_problem(in) != NULL)
		jsonw_put_text(t->w, "problem", target_problem(in));
	jsonw_close(t->w);
	return true;
}

static void
json(struct call *call, struct jsonw *w)
{
	struct teams t = { .policy = call_policy(call), .w = w };
	struct buf none = { 0 };

	jsonw_key(w, "teams");
	jsonw_open(w, '[');
	installs_each(call_box(call)->slack->installs, put_team, &t);
	jsonw_close(w);
	if (t.n == 0) {
		explain_none(call_box(call)->slack, &none);
		jsonw_key(w, "hint");
		jsonw_textn(w, none.p, none.len - 1);	/* without its line end */
		buf_wipe(&none);
	} else if (t.n > t.shown) {
		jsonw_put_int(w, "more", (int64_t)(t.n - t.shown));
		jsonw_put_text(w, "hint", TARGET_MORE);
	}
}

static const struct tool_arg args[] = {
	ARGUMENT_FORMAT,
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
	.json = json,
};
