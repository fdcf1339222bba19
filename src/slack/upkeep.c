/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/upkeep.h"

#include "base/clock.h"
#include "base/mem.h"
#include "slack/api.h"
#include "slack/grant.h"
#include "slack/installs.h"
#include "store/changes.h"
#include "store/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN_MS	3000
#define LOOK_MS		2000	/* between two looks for what there is to do */
#define REST_MS		60000	/* after one that could not be done */
#define ASK_MS		8000	/* for Slack's answer */

struct upkeep {
	struct slack *s;
	struct lease lease;
	int64_t look;			/* monotonic ms */
	char last[64];			/* the key of the install that had its turn */

	struct install *in;		/* whose turn it is; NULL: nothing is under way */
	struct slack_call *call;
	struct unit *unit;
	char *bot_id, *url;
};

/* ---- whose turn ---- */

static bool
lacks_facts(const struct install *in)
{
	return in->org == NULL && in->state == INSTALL_LIVE &&
	    in->bot_token.len > 0 && in->dead[0] == '\0' &&
	    (in->bot_id[0] == '\0' || in->url[0] == '\0');
}

struct choice {
	const char *after;		/* the key of the last one */
	struct install *first, *next;	/* of all, and of those behind it */
};

static bool
choose(void *arg, struct install *in)
{
	struct choice *c = arg;

	if (!lacks_facts(in))
		return true;
	if (c->first == NULL)
		c->first = in;
	if (strcmp(install_key(in), c->after) > 0)
		c->next = in;
	return c->next == NULL;
}

/* In turn, so that one which cannot be helped does not keep the others from it. */
static struct install *
whose_turn(const struct upkeep *u)
{
	struct choice c = { .after = u->last };

	installs_each(u->s->installs, choose, &c);
	return c.next != NULL ? c.next : c.first;
}

static void
end_turn(struct upkeep *u, int64_t rest_ms)
{
	install_drop(u->in);
	u->in = NULL;
	free(u->bot_id);
	free(u->url);
	u->bot_id = u->url = NULL;
	u->look = clock_ms() + rest_ms;
	lease_drop(&u->lease);
}

/* ---- what auth.test says ---- */

static void
on_facts(void *arg, const struct err *err)
{
	struct upkeep *u = arg;

	u->unit = NULL;
	if (err == NULL) {
		log_info("upkeep", "what auth.test says is known now team=%s",
		    install_key(u->in));
		installs_refresh(u->s->installs, false);
		changes_wrote(u->s->changes);
	}
	end_turn(u, err == NULL ? LOOK_MS : REST_MS);
}

static void
on_identified(void *arg, const struct slack_answer *a)
{
	struct upkeep *u = arg;
	struct install_row row = { .enterprise_id = u->in->enterprise_id,
		.team_id = u->in->team_id, .updated = u->in->updated };

	u->call = NULL;
	if (a->class != SLACK_NONE) {
		end_turn(u, REST_MS);
		return;
	}
	row.bot_id = u->bot_id = grant_bot_id(a->json);
	row.team_url = u->url = grant_url(a->json);
	if (row.bot_id[0] == '\0' || row.team_url[0] == '\0')
		end_turn(u, REST_MS);	/* as far as it goes */
	else
		u->unit = install_facts(u->s->store, &row, on_facts, u);
}

/* ---- the worker's ---- */

static void
on_lease(void *arg, int left_ms)
{
	struct upkeep *u = arg;

	if (left_ms < ASK_MS + MARGIN_MS)
		end_turn(u, LOOK_MS);
	else
		u->call = slack_ask(u->s, u->in, METHOD_AUTH_TEST, "", 0, NULL,
		    clock_ms() + ASK_MS, on_identified, u);
}

void
upkeep_tend(struct upkeep *u)
{
	struct install *in;

	if (u->in != NULL || clock_ms() < u->look || u->lease.drop != NULL ||
	    !installs_loaded(u->s->installs))
		return;
	u->look = clock_ms() + LOOK_MS;
	if ((in = whose_turn(u)) == NULL)
		return;
	u->in = install_hold(in);
	snprintf(u->last, sizeof(u->last), "%s", install_key(in));
	lease_tend(&u->lease, on_lease, u);
}

struct upkeep *
upkeep_new(struct slack *s)
{
	struct upkeep *u = mem_new(sizeof(*u));

	u->s = s;
	lease_init(&u->lease, s->store, s->region, "upkeep");
	return u;
}

void
upkeep_free(struct upkeep *u)
{
	if (u == NULL)
		return;
	if (u->call != NULL)
		slack_cancel(u->call);
	if (u->unit != NULL)
		store_cancel(u->unit);
	if (u->in != NULL)
		end_turn(u, 0);
	lease_wipe(&u->lease);
	free(u);
}
