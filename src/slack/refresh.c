/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/refresh.h"

#include "base/clock.h"
#include "base/mem.h"
#include "shm/board.h"
#include "slack/app.h"
#include "slack/error.h"
#include "slack/grant.h"
#include "store/chains.h"
#include "store/changes.h"
#include "store/lease.h"
#include "store/spool.h"
#include "store/spool_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS		15000	/* for Slack's answer; less than the lease by far */
#define MARGIN_MS	3000
#define TRIES		2	/* intents for one refresh token, by whomever */
#define REST_MS		(10 * 60 * 1000)	/* between two refreshes of a chain that is only due */
#define LATER_MS	5000
/* While Slack does not take the app's id or secret: so often that /health says so
 * without a break (TROUBLE_MS). */
#define APP_MS		50000
#define COMMIT_MS	1000	/* between two attempts, when there is no spool */
#define BEARER		7	/* "Bearer " */

/* What is spent for a pair, and how. */
static const struct grant_form {
	const char *method;
	const char *type;		/* grant_type, or NULL */
	const char *name;		/* of the argument that is the token */
	bool in_form;			/* the app's id and secret, too */
} forms[] = {
	[REFRESH_DUE] = { "oauth.v2.access", "refresh_token", "refresh_token", false },
	[REFRESH_SPENT] = { "oauth.v2.access", "refresh_token", "refresh_token", false },
	[REFRESH_FIRST] = { "oauth.v2.exchange", NULL, "token", true },
};

struct refresh {
	struct slack *s;
	struct install *in;
	enum refresh_why why;
	refresh_fn *done;
	void *arg;

	char name[64];			/* of the lease */
	struct lease lease;
	struct chain_id id;
	struct unit *unit;
	struct event *timer;
	struct secret token;		/* to be spent */
	unsigned char hash[CHAIN_HASH];
	int64_t tries;
	bool asking;			/* counted in GAUGE_DETACHED */
	int64_t asked;			/* wall ms, before Slack was */
	enum refresh_end rest_end;	/* once it rests */
	int64_t rest_ms;		/* before it is asked again */
	char code[64];			/* why there is no first pair */

	struct spooled *found;		/* left behind by somebody */
	struct chain_pair pair;		/* what is to be stored */
	struct buf sealed, sealed_refresh;
	char *scopes;
	unsigned char next[CHAIN_HASH];
	struct spool_place place;
	char file[SPOOL_NAME];		/* of the spool; "": it would not take it */
};

static void see(struct refresh *r);

static void
detached(struct refresh *r, bool on)
{
	if (r->asking != on)
		board_gauge(GAUGE_DETACHED, on ? 1 : -1);
	r->asking = on;
}

void
refresh_free(struct refresh *r)
{
	detached(r, false);
	if (r->unit != NULL)
		store_cancel(r->unit);
	lease_drop(&r->lease);
	lease_wipe(&r->lease);
	event_free(r->timer);
	secret_wipe(&r->token);
	spooled_free(r->found);
	spool_release(&r->place);
	buf_wipe(&r->sealed);
	buf_wipe(&r->sealed_refresh);
	free(r->scopes);
	install_drop(r->in);
	free(r);
}

static void
end(struct refresh *r, enum refresh_end end, int64_t wait_ms)
{
	struct refresh_result res = { .end = end, .wait_ms = wait_ms };
	refresh_fn *done = r->done;
	char code[sizeof(r->code)];
	void *arg = r->arg;

	memcpy(code, r->code, sizeof(code));
	res.code = code;
	refresh_free(r);
	done(arg, &res);
}

/* ---- lost ---- */

static void
on_lost(void *arg, bool hit, const struct err *err)
{
	struct refresh *r = arg;

	r->unit = NULL;
	if (hit) {
		counter_up(CNT_TOKENS_LOST);
		log_error("token",
		    "nobody can renew the token: connect the workspace again"
		    " team=%s url=%s/slack/install",
		    install_key(r->in), r->s->conf->public_base_url);
		changes_wrote(r->s->changes);
	}
	installs_refresh(r->s->installs, false);
	end(r, err != NULL ? REFRESH_BUSY : REFRESH_LOST, 0);
}

static void
lose(struct refresh *r)
{
	r->unit = chain_lose(r->s->store, &r->id, r->hash, clock_wall_ms(),
	    on_lost, r);
}

/* ---- the store ---- */

static void commit(struct refresh *r);

static void
on_commit_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	commit(arg);
}

/* The store is away: the spooled pair is stored by a job when it is back; one that
 * the spool would not take either is kept here until then. */
static void
not_stored(struct refresh *r, const struct err *err)
{
	struct timeval tv = clock_tv(COMMIT_MS);

	if (r->file[0] == '\0') {
		event_assign(r->timer, r->s->base, -1, 0, on_commit_timer, r);
		evtimer_add(r->timer, &tv);
		return;
	}
	log_warn("token", "a new pair waits in the spool team=%s: %s",
	    install_key(r->in), err->text);
	spool_release(&r->place);
	region_set_spooled(r->s->region, true);
	counter_up(CNT_SPOOLED);
	end(r, REFRESH_BUSY, 0);
}

static void
on_spent(void *arg, bool hit, const struct err *err)
{
	struct refresh *r = arg;

	r->unit = NULL;
	if (err != NULL) {
		not_stored(r, err);
		return;
	}
	if (r->file[0] != '\0')
		spool_forget(r->s->conf->state_dir, r->file);
	if (hit) {
		counter_up(CNT_TOKENS_RENEWED);
		log_info("token", "renewed team=%s", install_key(r->in));
	} else {
		log_warn("token", "a new pair is nobody's: the workspace was"
		    " connected again meanwhile team=%s", install_key(r->in));
	}
	installs_refresh(r->s->installs, false);
	changes_wrote(r->s->changes);
	end(r, REFRESH_DONE, 0);
}

static void
commit(struct refresh *r)
{
	r->unit = chain_spend(r->s->store, &r->pair, on_spent, r);
}

/* ---- Slack's answer ---- */

/* Sealed, and in the spool before anything else.  false: there is no whole pair. */
static bool
take_pair(struct refresh *r, const struct js *answer)
{
	struct secret token = { 0 }, refresh = { 0 };
	const struct keyring *keys = r->s->keys;
	char identity[INSTALL_IDENTITY_SIZE];
	int64_t lives = grant_expires_in(answer);
	struct err err;

	if (!grant_is_of(answer, r->id.enterprise_id, r->id.team_id)) {
		log_error("token", "Slack's answer has somebody else's tokens"
		    " team=%s", install_key(r->in));
		return false;
	}
	grant_token(answer, "access_token", &token);
	grant_token(answer, "refresh_token", &refresh);
	if (token.len == 0 || refresh.len == 0) {
		secret_wipe(&token);
		secret_wipe(&refresh);
		return false;
	}
	install_identity(identity, r->id.enterprise_id, r->id.team_id);
	keyring_seal(keys, identity, secret_expose(&token), token.len,
	    &r->sealed);
	keyring_seal(keys, identity, secret_expose(&refresh), refresh.len,
	    &r->sealed_refresh);
	crypto_sha256(secret_expose(&refresh), refresh.len, r->next);
	secret_wipe(&token);
	secret_wipe(&refresh);
	r->scopes = grant_scopes(answer);
	r->pair = (struct chain_pair){ .enterprise_id = r->id.enterprise_id,
		.team_id = r->id.team_id, .holder = r->id.holder,
		.spent = (const char *)r->hash, .spent_len = CHAIN_HASH,
		.next = (const char *)r->next, .next_len = CHAIN_HASH,
		.key_id = keyring_first(keys),
		.token = r->sealed.p, .token_len = r->sealed.len,
		.refresh = r->sealed_refresh.p,
		.refresh_len = r->sealed_refresh.len,
		.expires = lives > 0 ? r->asked + lives * 1000 : 0,
		.scopes = r->scopes[0] != '\0' ? r->scopes : r->in->scopes,
		.made = clock_wall_ms() };
	if (spool_write(&r->place, &r->pair, &err) == 0)
		memcpy(r->file, r->place.name, sizeof(r->file));
	else
		log_error("token", "the spool does not take a new pair, it is"
		    " kept in memory until the store has it team=%s: %s",
		    install_key(r->in), err.text);
	return true;
}

static void
on_rested(void *arg, bool hit, const struct err *err)
{
	struct refresh *r = arg;

	(void)hit, (void)err;
	r->unit = NULL;
	end(r, r->rest_end, r->rest_ms);
}

/* It was not spent. */
static void
rest_as(struct refresh *r, enum refresh_end end, int64_t wait_ms)
{
	r->rest_end = end;
	r->rest_ms = wait_ms;
	r->unit = chain_rest(r->s->store, &r->id, r->hash, board_owner(),
	    on_rested, r);
}

static void
rest(struct refresh *r, int64_t wait_ms)
{
	rest_as(r, REFRESH_LATER, wait_ms);
}

/* There will be no pair.  A long-lived token does not need one. */
static void
give_up(struct refresh *r)
{
	if (r->why == REFRESH_FIRST)
		rest_as(r, REFRESH_REFUSED, 0);
	else
		lose(r);
}

/* What became of the token that was to be spent. */
enum fate { FATE_PAIR, FATE_UNSPENT, FATE_UNCLEAR, FATE_REFUSED };

static enum fate
fate_of(const struct refresh *r, const struct slack_answer *a)
{
	if (app_is_refused(a) && r->why != REFRESH_FIRST)
		return FATE_UNSPENT;
	switch (a->class) {
	case SLACK_NONE:
		return FATE_PAIR;
	case SLACK_WAIT:
	case SLACK_MIGRATION:
		return FATE_UNSPENT;
	case SLACK_TRANSPORT:
	case SLACK_TROUBLE:
		return a->sent ? FATE_UNCLEAR : FATE_UNSPENT;
	default:
		return FATE_REFUSED;
	}
}

/* Nothing was spent: it may be asked again, but when? */
static void
not_spent(struct refresh *r, const struct slack_answer *a)
{
	int64_t wait = app_is_refused(a) ? APP_MS :
	    app_wait_ms(r->s, forms[r->why].method);

	log_warn("token", "Slack cannot be asked for a new token now"
	    " team=%s class=%s", install_key(r->in),
	    slack_class_word(a->class));
	rest(r, wait > 0 ? wait : LATER_MS);
}

static void
on_answer(void *arg, const struct slack_answer *a)
{
	struct refresh *r = arg;
	enum fate fate = fate_of(r, a);

	if (fate == FATE_PAIR && !take_pair(r, a->json))
		fate = FATE_UNCLEAR;
	switch (fate) {
	case FATE_PAIR:
		commit(r);
		return;
	case FATE_UNSPENT:
		not_spent(r, a);
		return;
	case FATE_UNCLEAR:
		log_warn("token", "it is not clear whether Slack renewed the"
		    " token team=%s tries=%d", install_key(r->in),
		    (int)r->tries);
		see(r);		/* once more at once, or it is lost */
		return;
	case FATE_REFUSED:
		log_warn("token", "Slack does not renew the token team=%s"
		    " error=%s", install_key(r->in), a->code);
		memcpy(r->code, a->code, sizeof(r->code));
		give_up(r);
	}
}

/* ---- asking ---- */

static void
send_it(struct refresh *r)
{
	const struct grant_form *f = &forms[r->why];
	struct buf form = { 0 };
	struct app_ask ask = { .method = f->method,
		.team = install_key(r->in), .form = &form,
		.in_form = f->in_form, .timeout_ms = ASK_MS };

	if (f->type != NULL)
		buf_form(&form, "grant_type", f->type, strlen(f->type));
	buf_form(&form, f->name, secret_expose(&r->token), r->token.len);
	r->asked = clock_wall_ms();
	app_post(r->s, &ask, on_answer, r);
}

static void
on_asked(void *arg, bool hit, const struct err *err)
{
	struct refresh *r = arg;
	struct err none;

	r->unit = NULL;
	if (err != NULL || !hit) {
		end(r, REFRESH_BUSY, 0);
		return;
	}
	if (lease_left(&r->lease) < ASK_MS + MARGIN_MS) {
		rest(r, 0);
		return;
	}
	if (r->place.fd == -1 && spool_reserve(&r->place,
	    r->s->conf->state_dir, SPOOL_PAIR, &none) == -1) {
		log_warn("token", "the spool has no room, so no new token is"
		    " asked for team=%s: %s", install_key(r->in), none.text);
		rest(r, LATER_MS);
		return;
	}
	r->tries++;
	send_it(r);
}

/* ---- what the row says ---- */

/* Sealed bytes of the row in the clear; false: they cannot be opened. */
static bool
open_it(const struct refresh *r, const struct chain_row *row, const char *p,
    size_t len, struct secret *out)
{
	char identity[INSTALL_IDENTITY_SIZE];
	struct buf text = { 0 };
	struct err err;
	bool good;

	install_identity(identity, r->id.enterprise_id, r->id.team_id);
	good = keyring_open(r->s->keys, row->key_id, identity, p, len, &text,
	    &err) == 0 && text.len > 0 && strlen(text.p) == text.len;
	if (good)
		secret_set(out, text.p);
	buf_wipe(&text);
	return good;
}

/* The token that in has is not the row's any more. */
static bool
is_overtaken(const struct refresh *r, const struct chain_row *row)
{
	struct secret token = { 0 };
	bool same;

	if (!open_it(r, row, row->token, row->token_len, &token))
		return false;
	same = r->in->bot_token.len == token.len + BEARER &&
	    crypto_equal(secret_expose(&r->in->bot_token) + BEARER,
		secret_expose(&token), token.len);
	secret_wipe(&token);
	return !same;
}

/* Two refreshes within a short time would end the token before the last. */
static bool
is_early(const struct refresh *r, const struct chain_row *row)
{
	return r->why == REFRESH_DUE && row->there && row->state[0] == '\0' &&
	    clock_wall_ms() - row->since < REST_MS;
}

/* Of a long-lived token only the attempts of this command count: Slack exchanges it
 * once, whoever asks. */
static void
plan(struct refresh *r, const struct chain_row *row)
{
	bool same = row->there && memcmp(row->hash, r->hash, CHAIN_HASH) == 0;
	bool fresh = !same || (r->why == REFRESH_FIRST && r->tries == 0);
	int64_t wait = app_wait_ms(r->s, forms[r->why].method);

	r->tries = fresh ? 0 : row->tries;
	if (same && (r->found = spool_find_pair(r->s->conf->state_dir,
	    r->hash)) != NULL) {
		r->pair = r->found->row.pair;
		snprintf(r->file, sizeof(r->file), "%s", r->found->name);
		commit(r);
	} else if (r->tries >= TRIES) {
		give_up(r);
	} else if (wait > 0) {
		end(r, REFRESH_LATER, wait);
	} else {
		detached(r, true);
		r->unit = chain_ask(r->s->store, &r->id, r->hash, fresh,
		    board_owner(), clock_wall_ms(), on_asked, r);
	}
}

/* What is to be spent. */
static bool
open_spendable(struct refresh *r, const struct chain_row *row)
{
	return r->why == REFRESH_FIRST ?
	    open_it(r, row, row->token, row->token_len, &r->token) :
	    open_it(r, row, row->refresh, row->refresh_len, &r->token);
}

static void
on_row(void *arg, const struct chain_row *row, const struct err *err)
{
	struct refresh *r = arg;

	r->unit = NULL;
	if (err != NULL) {
		end(r, REFRESH_BUSY, 0);
	} else if (row == NULL || row->install == INSTALL_REVOKED ||
	    (row->refresh_len == 0) != (r->why == REFRESH_FIRST)) {
		installs_refresh(r->s->installs, false);
		r->lease.forget = row == NULL;
		end(r, REFRESH_GONE, 0);
	} else if (is_overtaken(r, row)) {
		installs_refresh(r->s->installs, false);
		end(r, REFRESH_DONE, 0);
	} else if (strcmp(row->state, CHAIN_LOST) == 0 ||
	    strcmp(row->state, CHAIN_DEAD) == 0) {
		installs_refresh(r->s->installs, false);
		end(r, REFRESH_LOST, 0);
	} else if (is_early(r, row)) {
		log_debug("token", "renewed a moment ago, so not yet again"
		    " team=%s", install_key(r->in));
		end(r, REFRESH_EARLY, REST_MS);
	} else if (!open_spendable(r, row)) {
		log_error("token", "a refresh token cannot be opened: is its"
		    " key in TOKEN_KEYS? team=%s key_id=%s",
		    install_key(r->in), row->key_id);
		end(r, REFRESH_LATER, REST_MS);
	} else {
		crypto_sha256(secret_expose(&r->token), r->token.len, r->hash);
		plan(r, row);
	}
}

static void
on_lease(void *arg, int left_ms)
{
	struct refresh *r = arg;

	if (left_ms < ASK_MS + MARGIN_MS)
		end(r, REFRESH_BUSY, 0);
	else
		r->unit = chain_see(r->s->store, &r->id, on_row, r);
}

/* The lease anew and the row as it is now: before each time Slack is asked. */
static void
see(struct refresh *r)
{
	lease_tend(&r->lease, on_lease, r);
}

struct refresh *
refresh_begin(struct slack *s, struct install *in, enum refresh_why why,
    refresh_fn *done, void *arg)
{
	struct refresh *r = mem_new(sizeof(*r));

	r->s = s;
	r->in = install_hold(in);
	r->why = why;
	r->done = done;
	r->arg = arg;
	r->id = (struct chain_id){ r->in->enterprise_id, r->in->team_id,
		CHAIN_BOT };
	snprintf(r->name, sizeof(r->name), "token:%.24s:%.24s",
	    r->id.enterprise_id, r->id.team_id);
	lease_init(&r->lease, s->store, s->region, r->name);
	r->place.fd = -1;
	r->timer = evtimer_new(s->base, on_commit_timer, r);
	if (r->timer == NULL)
		fatal("no timer for a refresh");
	see(r);
	return r;
}
