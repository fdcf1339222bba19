/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/counter.h"
#include "slack/directory.h"
#include "slack/error.h"

#include <string.h>

/* The token of an org-wide install opens the channels and people of all workspaces
 * that the organisation gave to the app, whichever was named: Slack goes by the id.
 * So where a granted workspace is meant, each id is shown to be of it before it is
 * used: by the workspace's own directory, else by what Slack says of the thing.  What
 * is another workspace's is not there. */

static bool
has_word(const struct js *o, const char *array, const char *team)
{
	for (const struct js *v = js_first(o, array); v != NULL; v = v->next)
		if (v->kind == JS_STRING && strcmp(v->text, team) == 0)
			return true;
	return false;
}

static bool
channel_is_of(const struct js *c, const char *team)
{
	return strcmp(js_text(c, "context_team_id"), team) == 0 ||
	    has_word(c, "shared_team_ids", team) ||
	    has_word(c, "internal_team_ids", team);
}

/* A stranger is seen in channels that are shared with other organisations. */
static bool
person_is_of(const struct js *u, const char *team)
{
	return strcmp(js_text(u, "team_id"), team) == 0 ||
	    has_word(js_get(u, "enterprise_user", JS_OBJECT), "teams", team) ||
	    js_bool(u, "is_stranger");
}

static const struct sort {
	enum arg_type type;
	enum directory_kind kind;
	enum slack_method method;
	const char *name;		/* in the form, and of the answer */
	const char *missing;		/* Slack's word */
	bool (*is_of)(const struct js *thing, const char *team);
} sorts[] = {
	{ ARG_CHANNEL, DIRECTORY_CHANNELS, METHOD_CONVERSATIONS_INFO, "channel",
	  "channel_not_found", channel_is_of },
	{ ARG_USER, DIRECTORY_USERS, METHOD_USERS_INFO, "user",
	  "user_not_found", person_is_of },
};

static const struct tool_arg *
current(const struct call *call)
{
	return &call->tool->args[call->proved];
}

static const struct sort *
sort_of(const struct call *call)
{
	const struct tool_arg *a = current(call);

	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++)
		if (sorts[i].type == a->type &&
		    call_text(call, a->name)[0] != '\0')
			return &sorts[i];
	return NULL;
}

static void
prove(struct call *call)
{
	call->proved++;
	call_run(call);
}

static void
refuse(struct call *call, const struct slack_answer *a)
{
	slack_explain(call->box->slack, a, call->tool->method, &call->out);
	call_end(call, true);
}

static void
refuse_missing(struct call *call, const struct sort *sort)
{
	struct slack_answer a = { .class = slack_class_of(sort->missing) };

	counter_up(CNT_POLICY_REFUSED);
	memcpy(a.code, sort->missing, strlen(sort->missing) + 1);
	refuse(call, &a);
}

static void
on_told(void *arg, const struct slack_answer *a)
{
	struct call *call = arg;
	const struct sort *sort = sort_of(call);
	const struct js *thing;
	struct directory_entry e;

	call->asked = NULL;
	if (a->class != SLACK_NONE) {
		refuse(call, a);
		return;
	}
	thing = js_get(a->json, sort->name, JS_OBJECT);
	if (!sort->is_of(thing, call->install->team_id)) {
		refuse_missing(call, sort);
		return;
	}
	if (call->box->slack->directory != NULL &&
	    directory_read(sort->kind, thing, &e))
		directory_learn(call->box->slack->directory, call->install,
		    sort->kind, &e);
	prove(call);
}

static void
ask(struct call *call)
{
	const struct sort *sort = sort_of(call);
	const char *id = call_text(call, current(call)->name);
	struct buf form = { 0 };

	buf_form(&form, sort->name, id, strlen(id));
	call->asked = slack_ask(call->box->slack, call->install, sort->method,
	    form.p, form.len, NULL, call->deadline, on_told, call);
	buf_wipe(&form);
}

static void
on_known(void *arg, const struct directory_entry *e, size_t n,
    const struct directory_state *state, const struct err *err)
{
	struct call *call = arg;

	(void)state;
	call->looking = NULL;
	if (err == NULL && n > 0 && e[0].id != NULL)
		prove(call);
	else
		ask(call);
}

bool
belong_next(struct call *call)
{
	struct directory *d = call->box->slack->directory;
	const struct sort *sort = NULL;
	const char *id;

	if (call->install->org == NULL)
		return false;
	while (current(call)->name != NULL && (sort = sort_of(call)) == NULL)
		call->proved++;
	if (sort == NULL)
		return false;
	id = call_text(call, current(call)->name);
	/* The people of a directory may be others', whom messages named. */
	if (d != NULL && sort->kind == DIRECTORY_CHANNELS)
		call->looking = directory_get(d, call->install, sort->kind, &id,
		    1, call->deadline, on_known, call);
	else
		ask(call);
	return true;
}
