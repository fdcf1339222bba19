/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/oauth.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/trouble.h"
#include "shm/board.h"
#include "slack/api.h"
#include "slack/app.h"
#include "slack/error.h"
#include "slack/grant.h"
#include "slack/oauth_state.h"
#include "store/changes.h"
#include "store/directory.h"
#include "store/nonces.h"
#include "store/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDENTIFY_MS	8000	/* for auth.test; without it the install is stored too */
#define IDENTIFY_MIN_MS	1000	/* with less it is not asked */
#define STORE_MIN_MS	1000
#define CODE_MAX	512

struct oauth {
	struct slack *s;
	oauth_fn *done;			/* NULL: the listener has gone */
	void *arg;
	char nonce[OAUTH_NONCE_SIZE];
	struct buf form;		/* the code */
	bool exchanging;		/* from here on it finishes in any case */

	struct event *timer;		/* an answer that needs no waiting */
	struct spool_place place;	/* for the answer, before anything else */
	struct unit *unit;		/* the nonce */
	int64_t asked;			/* wall ms, before the code was given away */
	int64_t given;			/* and when its answer came */
	int64_t until;			/* monotonic: a stop waits for it so long */
	struct grant grant;
	struct install *probe;		/* what auth.test is asked with */
	struct install_row row;		/* borrows from grant and the two below */
	struct buf bot, refresh;	/* sealed */

	enum oauth_end end;
	char code[64];
};

static void
add_redirect(const struct conf *conf, struct buf *form)
{
	buf_form(form, "redirect_uri", conf->slack_redirect_uri,
	    strlen(conf->slack_redirect_uri));
}

static void
add_field(struct buf *form, const char *name, const char *value)
{
	if (value[0] != '\0')
		buf_form(form, name, value, strlen(value));
}

void
oauth_begin(struct slack *s, struct buf *state, struct buf *cookie)
{
	char text[B64URL_SIZE(OAUTH_COOKIE_BYTES)];

	crypto_token(text, OAUTH_COOKIE_BYTES);
	buf_str(cookie, text);
	oauth_state_seal(s->keys, text,
	    clock_wall_ms() + OAUTH_STATE_S * 1000LL, state);
	explicit_bzero(text, sizeof(text));
	counter_up(CNT_OAUTH_STARTED);
}

void
oauth_authorize_url(const struct slack *s, const char *state, const char *team,
    struct buf *out)
{
	struct buf query = { 0 };

	add_field(&query, "client_id", s->conf->slack_client_id);
	add_field(&query, "scope", s->scopes);
	add_redirect(s->conf, &query);
	add_field(&query, "state", state);
	add_field(&query, "team", team);
	buf_str(out, s->conf->slack_authorize_url);
	buf_char(out, '?');
	buf_add(out, query.p, query.len);
	buf_wipe(&query);
}

static void
free_oauth(struct oauth *o)
{
	event_free(o->timer);
	spool_release(&o->place);
	buf_wipe(&o->form);
	buf_wipe(&o->bot);
	buf_wipe(&o->refresh);
	grant_wipe(&o->grant);
	install_drop(o->probe);
	if (o->exchanging && o->done == NULL)
		board_gauge(GAUGE_DETACHED, -1);
	free(o);
}

/* The one way out. */
static void
finish(struct oauth *o, enum oauth_end end)
{
	struct oauth_result r = {
		.end = end, .code = o->code, .state = o->row.state,
		.team_id = "", .team_name = "",
	};
	bool good = end == OAUTH_DONE || end == OAUTH_SPOOLED;

	counter_up(good ? CNT_OAUTH_DONE : CNT_OAUTH_FAILED);
	if (good) {
		r.team_id = o->grant.team_id[0] != '\0' ? o->grant.team_id :
		    o->grant.enterprise_id;
		r.team_name = o->grant.team_name;
		if (r.state == INSTALL_PENDING)
			counter_up(CNT_OAUTH_PENDING);
		if (o->grant.refresh_token.len > 0)
			counter_up(CNT_OAUTH_ROTATING);
		log_info("oauth", end == OAUTH_DONE ?
		    "install stored team=%s state=%s%s" :
		    "install spooled team=%s state=%s%s",
		    r.team_id, install_state_word(r.state),
		    o->grant.refresh_token.len > 0 ? " rotates=yes" : "");
	}
	if (o->done != NULL)
		o->done(o->arg, &r);
	free_oauth(o);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct oauth *o = arg;

	(void)fd, (void)what;
	finish(o, o->end);
}

/* The store would not take it: a job stores what the spool has, later. */
static void
not_stored(struct oauth *o, const struct err *why)
{
	log_warn("oauth", "the store did not take an install team=%s: %s",
	    o->row.team_id, why->text);
	if (o->place.written) {
		spool_release(&o->place);
		region_set_spooled(o->s->region, true);
		counter_up(CNT_SPOOLED);
		finish(o, OAUTH_SPOOLED);
		return;
	}
	log_error("oauth",
	    "an install is lost, neither store nor spool took it:"
	    " have it made again team=%s",
	    o->row.team_id);
	snprintf(o->code, sizeof(o->code), "not_stored");
	finish(o, OAUTH_STORE_AWAY);
}

static void
on_stored(void *arg, const struct err *err)
{
	struct oauth *o = arg;

	if (err != NULL) {
		not_stored(o, err);
		return;
	}
	if (o->place.written)
		spool_forget(o->s->conf->state_dir, o->place.name);
	if (o->row.team_id[0] == '\0')
		fill_due(o->s->store, o->row.enterprise_id);
	installs_refresh(o->s->installs, false);
	changes_wrote(o->s->changes);
	finish(o, OAUTH_DONE);
}

/* Live at once, or does it wait for the operator?  A row that is there keeps its
 * state (store/installs.h), so that is what the page must say. */
static enum install_state
state_of(const struct oauth *o)
{
	const struct conf *conf = o->s->conf;
	const struct grant *g = &o->grant;
	struct install *old = installs_find(o->s->installs,
	    g->team_id[0] != '\0' ? g->team_id : g->enterprise_id);

	if (old != NULL && old->org == NULL &&
	    strcmp(old->enterprise_id, g->enterprise_id) == 0 &&
	    (old->state == INSTALL_LIVE || old->state == INSTALL_DISABLED))
		return old->state;
	if (conf->install_allow[0] == '\0')
		return conf->base_loopback ? INSTALL_LIVE : INSTALL_PENDING;
	if ((g->team_id[0] != '\0' &&
		list_allows(conf->install_allow, g->team_id)) ||
	    (g->enterprise_id[0] != '\0' &&
		list_allows(conf->install_allow, g->enterprise_id)))
		return INSTALL_LIVE;
	return INSTALL_PENDING;
}

/* Whatever became of auth.test, the spool has to have its turn in time. */
static int64_t
store_ms(const struct oauth *o)
{
	int64_t left = o->until - clock_ms(), ms = store_timeout(o->s->store);

	if (left < ms)
		ms = left;
	return ms > STORE_MIN_MS ? ms : STORE_MIN_MS;
}

static void
make_row(struct oauth *o)
{
	grant_row(&o->grant, o->s->keys, o->asked, &o->bot, &o->refresh,
	    &o->row);
	o->row.made = o->row.updated = o->given;
	o->row.state = state_of(o);
}

/* Whatever becomes of this process, what Slack gave is kept; what auth.test adds is
 * asked for later then (slack/upkeep.h). */
static void
spool(struct oauth *o)
{
	struct err err;

	make_row(o);
	if (spool_write(&o->place, &o->row, &err) == -1)
		log_error("oauth", "the spool does not take an install, it is"
		    " kept in memory until the store has it team=%s: %s",
		    o->row.team_id, err.text);
}

static void
store(struct oauth *o)
{
	make_row(o);
	install_put(o->s->store, &o->row, (int)store_ms(o), on_stored, o);
}

static void
on_identified(void *arg, const struct slack_answer *a)
{
	struct oauth *o = arg;

	if (a->class == SLACK_NONE)
		grant_identify(&o->grant, a->json);
	else
		log_warn("oauth",
		    "auth.test failed after an install team=%s error=%s",
		    o->row.team_id, a->code);
	store(o);
}

static void
identify(struct oauth *o)
{
	int64_t ms = o->until - clock_ms() - store_ms(o);

	if (ms > IDENTIFY_MS)
		ms = IDENTIFY_MS;
	if (ms < IDENTIFY_MIN_MS) {
		store(o);
		return;
	}
	o->probe = install_from_row(o->s->keys, &o->row);
	o->probe->probe = true;
	slack_ask(o->s, o->probe, METHOD_AUTH_TEST, "", 0, NULL,
	    clock_ms() + ms, on_identified, o);
}

/* Whether Slack took the code is not known: it was not reached, or had a fault. */
static bool
is_away(const struct slack_answer *a)
{
	return a->class == SLACK_TRANSPORT || a->class == SLACK_TROUBLE ||
	    a->class == SLACK_WAIT;
}

static void
on_exchanged(void *arg, const struct slack_answer *a)
{
	struct oauth *o = arg;

	if (is_away(a)) {
		log_warn("oauth", "a code could not be exchanged class=%s",
		    slack_class_word(a->class));
		finish(o, OAUTH_SLACK_AWAY);
	} else if (a->class != SLACK_NONE) {
		memcpy(o->code, a->code, sizeof(o->code));
		log_warn("oauth", "Slack refused a code error=%s", o->code);
		finish(o, OAUTH_SLACK_REFUSED);
	} else if (grant_read(&o->grant, a->json, o->code, sizeof(o->code)) ==
	    -1) {
		log_warn("oauth", "an install without what is needed error=%s",
		    o->code);
		finish(o, OAUTH_SLACK_REFUSED);
	} else {
		o->given = clock_wall_ms();
		spool(o);
		identify(o);
	}
}

/* All of it, and what comes after, is to end within UPSTREAM_TIMEOUT: a stop waits no
 * longer.  Slack may take three quarters of that. */
static void
exchange(struct oauth *o)
{
	const struct conf *conf = o->s->conf;
	struct app_ask ask = { .method = "oauth.v2.access", .team = "",
		.form = &o->form,
		.timeout_ms = conf->upstream_timeout / 4 * 3 };

	add_redirect(conf, &o->form);
	o->exchanging = true;
	o->asked = clock_wall_ms();
	o->until = clock_ms() + conf->upstream_timeout;
	app_post(o->s, &ask, on_exchanged, o);
}

static void
on_nonce(void *arg, bool first, const struct err *err)
{
	struct oauth *o = arg;

	o->unit = NULL;
	if (err != NULL) {
		log_debug("oauth", "the store does not take writes: %s",
		    err->text);
		finish(o, OAUTH_STORE_AWAY);
	} else if (!first) {
		finish(o, OAUTH_USED);
	} else {
		exchange(o);
	}
}

struct oauth *
oauth_finish(struct slack *s, const char *state, const char *cookie,
    const char *code, oauth_fn *done, void *arg)
{
	struct oauth *o = mem_new(sizeof(*o));
	struct timeval now = { 0, 0 };
	struct err err;
	int64_t until;

	o->s = s;
	o->place.fd = -1;
	o->done = done;
	o->arg = arg;
	o->row.team_id = "";
	o->timer = evtimer_new(s->base, on_timer, o);
	if (o->timer == NULL)
		fatal("no timer for an install");
	if (oauth_state_open(s->keys, cookie, state, clock_wall_ms(), o->nonce,
	    &until) == -1 || code[0] == '\0' || strlen(code) > CODE_MAX) {
		o->end = OAUTH_BAD_STATE;
		evtimer_add(o->timer, &now);
	} else if (spool_reserve(&o->place, s->conf->state_dir, SPOOL_INSTALL, &err) == -1) {
		if (trouble_met(TROUBLE_SPOOL))
			log_warn("oauth",
			    "the spool has no room, and installs are refused:"
			    " %s", err.text);
		o->end = OAUTH_STORE_AWAY;
		evtimer_add(o->timer, &now);
	} else {
		if (trouble_over(TROUBLE_SPOOL))
			log_info("oauth", "the spool has room again");
		buf_form(&o->form, "code", code, strlen(code));
		o->unit = nonce_use(s->store, o->nonce, until, on_nonce, o);
	}
	return o;
}

void
oauth_forget(struct oauth *o)
{
	if (o->exchanging) {
		o->done = NULL;
		board_gauge(GAUGE_DETACHED, 1);
		return;
	}
	if (o->unit != NULL)
		store_cancel(o->unit);
	free_oauth(o);
}
