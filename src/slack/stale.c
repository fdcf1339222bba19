/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/stale.h"

#include "base/clock.h"
#include "base/mem.h"
#include "shm/board.h"
#include "slack/app.h"
#include "slack/error.h"
#include "slack/token.h"
#include "store/changes.h"
#include "store/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN_MS	3000
#define ASK_MS		15000	/* for Slack's answer */
#define LOOK_MS		60000	/* between two looks, at most */
#define SOON_MS		1000
#define SEEN_MS		5000	/* by then every worker has read what changed */

struct stale {
	struct slack *s;
	struct lease lease;
	struct event *timer;		/* until the row may be dropped */
	int64_t look;			/* monotonic ms */
	/* the one that had its turn */
	int64_t updated;
	char enterprise_id[65], team_id[65];

	bool busy, leased;
	struct install *in;		/* whose turn it is */
	bool elsewhere;			/* it is live by another row */
	bool asking;			/* counted in GAUGE_DETACHED */
	struct unit *unit;
	struct token_wait *renewal;
};

static int64_t
every(const struct stale *t)
{
	int64_t ms = t->s->conf->install_pending_ttl / 4;

	return ms > LOOK_MS ? LOOK_MS : ms < SOON_MS ? SOON_MS : ms;
}

static void
end_turn(struct stale *t, int64_t rest_ms)
{
	install_drop(t->in);
	t->in = NULL;
	t->busy = t->leased = false;
	t->look = clock_ms() + rest_ms;
	lease_drop(&t->lease);
}

static void
had_turn(struct stale *t, int64_t updated, const char *enterprise_id,
    const char *team_id)
{
	t->updated = updated;
	snprintf(t->enterprise_id, sizeof(t->enterprise_id), "%s",
	    enterprise_id);
	snprintf(t->team_id, sizeof(t->team_id), "%s", team_id);
}

static void
asking(struct stale *t, bool on)
{
	if (t->asking != on)
		board_gauge(GAUGE_DETACHED, on ? 1 : -1);
	t->asking = on;
}

/* ---- the row goes ---- */

static struct install_row
row_of(const struct install *in)
{
	return (struct install_row){ .enterprise_id = in->enterprise_id,
		.team_id = in->team_id, .updated = in->updated };
}

static void
on_dropped(void *arg, const struct err *err)
{
	struct stale *t = arg;

	(void)err;			/* revoked rows go with the others */
	t->unit = NULL;
	end_turn(t, SOON_MS);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct stale *t = arg;
	struct install_row row = row_of(t->in);

	(void)fd, (void)what;
	t->unit = install_drop_row(t->s->store, &row, on_dropped, t);
}

/* First revoked, so that every worker learns of it; a row that just vanished would
 * tell nobody. */
static void
on_expired(void *arg, const struct err *err)
{
	struct stale *t = arg;
	struct timeval tv = clock_tv(SEEN_MS);

	t->unit = NULL;
	asking(t, false);
	if (err != NULL) {
		log_info("stale", "an install that nobody approved stays for"
		    " now team=%s: %s", install_key(t->in), err->text);
		end_turn(t, every(t));
		return;
	}
	changes_wrote(t->s->changes);
	installs_refresh(t->s->installs, false);
	evtimer_add(t->timer, &tv);
}

static void
forget(struct stale *t)
{
	struct install_row row = row_of(t->in);

	t->unit = install_expire(t->s->store, &row, on_expired, t);
}

/* Slack could not be told: again later, but not for ever. */
static void
put_off(struct stale *t, const char *why)
{
	int64_t age = clock_wall_ms() - t->in->updated;

	if (age < 2 * t->s->conf->install_pending_ttl) {
		log_info("stale", "an install that nobody approved cannot be"
		    " taken off Slack now team=%s error=%s",
		    install_key(t->in), why);
		asking(t, false);
		end_turn(t, every(t));
		return;
	}
	log_warn("stale", "an install that nobody approved is deleted, but the"
	    " app is still in the workspace: Slack could not be told team=%s"
	    " error=%s", install_key(t->in), why);
	forget(t);
}

/* ---- Slack ---- */

static void
on_uninstalled(void *arg, const struct slack_answer *a)
{
	struct stale *t = arg;
	bool gone = a->class == SLACK_REVOKED &&
	    strcmp(a->code, "invalid_auth") != 0;

	if (a->class != SLACK_NONE && !gone) {
		put_off(t, a->code[0] != '\0' ? a->code :
		    slack_class_word(a->class));
		return;
	}
	log_warn("stale", "an install that nobody approved is deleted, and the"
	    " app taken off the workspace team=%s", install_key(t->in));
	forget(t);
}

static void
uninstall(struct stale *t)
{
	struct buf form = { 0 };
	struct app_ask ask = { .method = "apps.uninstall",
		.team = install_key(t->in), .form = &form, .in_form = true,
		.in = t->in, .timeout_ms = ASK_MS };

	asking(t, true);
	app_post(t->s, &ask, on_uninstalled, t);
}

/* It is in the store: the next turn has it. */
static void
on_renewed(void *arg, struct install *in, const struct slack_answer *why)
{
	struct stale *t = arg;

	t->renewal = NULL;
	if (in == NULL) {
		put_off(t, slack_class_word(why->class));
		return;
	}
	had_turn(t, t->in->updated - 1, "", "");
	end_turn(t, SOON_MS);
}

static void
act(struct stale *t)
{
	const struct install *in = t->in;
	const struct install *known = installs_find(t->s->installs,
	    install_key(in));

	if (t->elsewhere || (known != NULL && (known->state == INSTALL_LIVE ||
	    known->state == INSTALL_DISABLED))) {
		log_info("stale", "an install that nobody approved is deleted,"
		    " the workspace is connected by another one team=%s",
		    install_key(in));
		forget(t);
	} else if (in->bot_token.len == 0) {
		put_off(t, "no_token");
	} else if (install_is_over(in) && in->rotates) {
		t->renewal = token_renew(t->s->tokens, t->in,
		    clock_ms() + ASK_MS, on_renewed, t);
	} else {
		uninstall(t);
	}
}

/* ---- whose turn ---- */

static void seek(struct stale *t);

static void
on_lease(void *arg, int left_ms)
{
	struct stale *t = arg;

	if (left_ms < ASK_MS + MARGIN_MS) {
		end_turn(t, every(t));
		return;
	}
	t->leased = true;
	seek(t);			/* once more: somebody may have done it */
}

static void
on_found(void *arg, const struct install_row *row, bool elsewhere,
    const struct err *err)
{
	struct stale *t = arg;

	t->unit = NULL;
	if (row == NULL) {
		if (err == NULL)
			had_turn(t, 0, "", "");
		end_turn(t, every(t));
	} else if (!t->leased) {
		lease_tend(&t->lease, on_lease, t);
	} else {
		had_turn(t, row->updated, row->enterprise_id, row->team_id);
		t->elsewhere = elsewhere;
		t->in = install_from_row(t->s->keys, row);
		act(t);
	}
}

static void
seek(struct stale *t)
{
	struct install_row last = { .updated = t->updated,
		.enterprise_id = t->enterprise_id, .team_id = t->team_id };

	t->unit = install_stale(t->s->store, &last, clock_wall_ms() -
	    t->s->conf->install_pending_ttl, on_found, t);
}

/* ---- the worker's ---- */

void
stale_tend(struct stale *t)
{
	if (t->busy || clock_ms() < t->look || t->lease.drop != NULL ||
	    !installs_loaded(t->s->installs))
		return;
	t->busy = true;
	seek(t);
}

struct stale *
stale_new(struct slack *s)
{
	struct stale *t = mem_new(sizeof(*t));

	t->s = s;
	lease_init(&t->lease, s->store, s->region, "stale");
	t->timer = evtimer_new(s->base, on_timer, t);
	if (t->timer == NULL)
		fatal("no timer for an install");
	return t;
}

void
stale_free(struct stale *t)
{
	if (t == NULL)
		return;
	asking(t, false);
	if (t->renewal != NULL)
		token_cancel(t->renewal);
	if (t->unit != NULL)
		store_cancel(t->unit);
	if (t->busy)
		end_turn(t, 0);
	lease_wipe(&t->lease);
	event_free(t->timer);
	free(t);
}
