/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/list.h"
#include "slack/error.h"
#include "slack/directory.h"
#include "slack/id.h"

#include <stdio.h>
#include <string.h>

#define CHOICES_MAX	20
#define FIELD_BYTES	100

struct search {
	const struct policy *policy;
	const char *given;		/* "" finds any */
	struct install *found;
	size_t n;
};

bool
target_reaches(const struct policy *p, const struct install *in)
{
	return in->state == INSTALL_LIVE &&
	    policy_team(p, in->enterprise_id, in->team_id);
}

/* What looks like an id is one: a workspace may not take another's for its name. */
static bool
is_id(const char *s)
{
	size_t n = strlen(s);

	return n >= 8 && slack_is_id(s, n, "TE");
}

/* An organisation's id is that of its only workspace, as far as the key reaches. */
static bool
is_called(const struct install *in, const char *name)
{
	if (strcmp(in->enterprise_id, name) == 0)
		return true;
	return !is_id(name) && (strcasecmp(name, in->name) == 0 ||
	    strcasecmp(name, in->domain) == 0);
}

static bool
look(void *arg, struct install *in)
{
	struct search *s = arg;

	if (!target_reaches(s->policy, in))
		return true;
	if (s->given[0] != '\0' && !is_called(in, s->given))
		return true;
	s->found = in;
	s->n++;
	return true;
}

struct listing {
	const struct policy *policy;
	const struct fence *fence;
	struct buf *out;
	size_t n, max, shown;
};

static void
field(const struct listing *l, const char *text)
{
	buf_str(l->out, " | ");
	fence_field(l->fence, l->out, text, FIELD_BYTES);
}

/* The URL of what an org-wide install reaches is its organisation's. */
static void
put_org(const struct listing *l, const struct install *in)
{
	if (in->enterprise_id[0] == '\0')
		return;
	buf_str(l->out, " | of organisation ");
	buf_str(l->out, in->enterprise_id);
	if (in->org == NULL)
		return;
	buf_char(l->out, ' ');
	fence_field(l->fence, l->out, in->org->name, FIELD_BYTES);
}

const char *
target_problem(const struct install *in)
{
	if (in->unreadable)
		return "its token cannot be read, the operator has to look";
	if (in->dead[0] != '\0')
		return "Slack does not take its token any more, it must be"
		    " connected again";
	if (install_is_over(in) && (in->lost || !in->rotates))
		return "its token has run out, it must be connected again";
	return in->lost ? "its token will run out, it must be connected again" :
	    NULL;
}

static bool
list_one(void *arg, struct install *in)
{
	struct listing *l = arg;

	if (!target_reaches(l->policy, in))
		return true;
	l->n++;
	if (l->shown >= l->max || l->out->len > CALL_BYTES)
		return true;
	l->shown++;
	buf_str(l->out, in->team_id);
	field(l, in->name);
	if (in->url[0] != '\0' && in->org == NULL)
		field(l, in->url);
	put_org(l, in);
	if (target_problem(in) != NULL)
		buf_fmt(l->out, " | %s", target_problem(in));
	buf_char(l->out, '\n');
	return true;
}

size_t
target_list(const struct toolbox *box, const struct policy *p,
    const struct fence *f, size_t max, struct buf *out)
{
	struct listing l = { .policy = p, .fence = f, .out = out, .max = max };

	installs_each(box->slack->installs, list_one, &l);
	if (l.n > l.shown)
		buf_fmt(out, "(and %zu more: " TARGET_MORE ")\n",
		    l.n - l.shown);
	return l.n;
}

static bool
is_org(void *arg, struct install *in)
{
	struct search *s = arg;

	if (in->team_id[0] == '\0' && in->state == INSTALL_LIVE &&
	    policy_team(s->policy, "", in->enterprise_id))
		s->n++;
	return s->n == 0;
}

/* Whoever reaches all of an organisation may know that it is there. */
static bool
waits_for_org(const struct call *call)
{
	struct search s = { .policy = call->policy };

	installs_each(call->box->slack->installs, is_org, &s);
	return s.n > 0;
}

/* Which one is meant?  What the key does not reach is not there (DESIGN 6). */
static int
refuse_team(const struct call *call, const struct search *s,
    struct buf *refused)
{
	struct search any = { .policy = call->policy, .given = "" };

	if (!installs_loaded(call->box->slack->installs)) {
		buf_str(refused,
		    "The workspaces are not known yet, because the store could"
		    " not be read since the start. Try again in a minute.");
		return -1;
	}
	installs_each(call->box->slack->installs, look, &any);
	if (any.n == 0 && waits_for_org(call)) {
		buf_str(refused,
		    "An organisation is connected, but which workspaces it gave"
		    " to the app is not known yet, or it gave none. Try again in"
		    " a minute; then an admin of the organisation has to add"
		    " workspaces to the app.");
		return -1;
	}
	if (any.n == 0) {
		buf_str(refused,
		    "There is no workspace that this key reaches. An admin"
		    " connects one at ");
		buf_str(refused, call->box->slack->conf->public_base_url);
		buf_str(refused,
		    "/slack/install, and the operator gives it to the key.");
		return -1;
	}
	if (s->given[0] == '\0')
		buf_str(refused,
		    "There are several workspaces: name one by team_id.");
	else if (s->n > 1)
		buf_str(refused,
		    "Several workspaces fit this team_id: name one by its id.");
	else
		buf_str(refused, "There is no such workspace (team_id).");
	buf_str(refused, " These can be used:\n");
	fence_begin(&call->fence, refused);
	target_list(call->box, call->policy, &call->fence, CHOICES_MAX,
	    refused);
	fence_end(&call->fence, refused);
	return -1;
}

/* While there is time to do something about it. */
static void
warn_of_end(struct call *call)
{
	const struct install *in = call->install;
	char when[CLOCK_ISO_SIZE];

	if (!in->lost || clock_wall_ms() >= in->expires)
		return;
	clock_iso(when, in->expires);
	buf_fmt(&call->note,
	    "This workspace's token runs out at %s and cannot be renewed: an"
	    " admin has to connect it again at %s/slack/install.\n",
	    when, call->box->slack->conf->public_base_url);
}

/* Slack is not asked any more. */
static void
refuse_dead(const struct call *call, const struct install *in,
    struct buf *refused)
{
	struct slack_answer a = { .class = SLACK_REVOKED, .sent = true };

	snprintf(a.code, sizeof(a.code), "%s", in->dead);
	slack_explain(call->box->slack, &a, call->tool->method, refused);
}

static int
take(struct call *call, struct install *in, struct buf *refused)
{
	if (in->unreadable) {
		buf_str(refused,
		    "This server cannot read the workspace's token: the "
		    "operator"
		    " has to look whether its key is among TOKEN_KEYS.");
		return -1;
	}
	if (in->dead[0] != '\0' && call->tool->method != METHOD_NONE) {
		refuse_dead(call, in, refused);
		return -1;
	}
	call->install = install_hold(in);
	if (call->box->slack->directory != NULL && in->dead[0] == '\0')
		directory_want(call->box->slack->directory, in);
	warn_of_end(call);
	return 0;
}

/* The key reaches this one, but it does not serve now. */
static int
refuse_state(const struct call *call, const struct install *in,
    struct buf *refused)
{
	static const char *const why[] = {
		[INSTALL_PENDING] = "waits for the operator of this server to"
		    " let it in.",
		[INSTALL_DISABLED] = "was switched off by the operator of this"
		    " server.",
		[INSTALL_REVOKED] = "is not connected any more.",
	};

	buf_fmt(refused, "The workspace %s (team_id) %s", install_key(in),
	    why[in->state]);
	if (in->state == INSTALL_REVOKED)
		slack_tell_way(call->box->slack, "", refused);
	return -1;
}

int
target_find(struct call *call, struct buf *refused)
{
	struct search s = { .policy = call->policy,
		.given = call_of(call, ARG_TEAM) };
	struct installs *all = call->box->slack->installs;
	struct install *in;

	if (call->tool->method == METHOD_NONE && call->tool->find == NULL)
		return 0;
	in = installs_find(all, s.given);
	if (in != NULL && target_reaches(call->policy, in))
		return take(call, in, refused);
	if (in != NULL && !policy_team(call->policy, in->enterprise_id,
	    install_key(in)))
		counter_up(CNT_POLICY_REFUSED);
	else if (in != NULL && in->state != INSTALL_LIVE)
		return refuse_state(call, in, refused);
	installs_each(all, look, &s);
	if (s.n != 1)
		return refuse_team(call, &s, refused);
	return take(call, s.found, refused);
}

/* The same words for a channel that is not there and one out of the key's reach. */
static int
refuse_channel(const struct call *call, const char *channel,
    struct buf *refused)
{
	struct slack_answer a = { .class = SLACK_NOT_SEEN,
		.code = "channel_not_found" };
	const struct install *in = call->install;

	counter_up(CNT_POLICY_REFUSED);
	if (policy_channel(call->policy, in->enterprise_id, in->team_id,
	    channel, false))
		buf_str(refused,
		    "This key may read this channel, but not write to it.");
	else
		slack_explain(call->box->slack, &a,
		    call->tool->method, refused);
	return -1;
}

int
target_channels(struct call *call, struct buf *refused)
{
	bool write = call->tool->role > ROLE_READ;
	const struct install *in = call->install;

	for (const struct tool_arg *a = call->tool->args; a->name != NULL;
	     a++) {
		const char *channel = call_text(call, a->name);

		if (a->type == ARG_CHANNEL &&
		    slack_is_id(channel, strlen(channel), "CGD") &&
		    !policy_channel(call->policy, in->enterprise_id, in->team_id,
			channel, write))
			return refuse_channel(call, channel, refused);
	}
	return 0;
}

/* Any one of the tool's scopes will do; what was granted is not known of old rows. */
int
target_scopes(struct call *call, struct buf *refused)
{
	const struct tool *t = call->tool;
	const char *at = t->want_scopes, *w;
	size_t n;

	if (call->install == NULL || call->install->scopes[0] == '\0' ||
	    t->scopes == NULL || list_meets(t->scopes, call->install->scopes))
		return 0;
	buf_fmt(refused, "The app lacks a permission in this workspace: %s needs"
	    " the scope ", t->name);
	while ((w = list_next(&at, &n)) != NULL) {
		buf_add(refused, w, n);
		buf_str(refused, *at != '\0' ? " or " : ".");
	}
	slack_tell_way(call->box->slack, t->want_scopes, refused);
	return -1;
}
