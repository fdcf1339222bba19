/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/verdict.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/trouble.h"
#include "shm/board.h"
#include "slack/error.h"
#include "slack/wire.h"
#include "store/chains.h"
#include "store/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define CONFIRM_MS	5000	/* for auth.test */
#define NEWS_MS		3000	/* for what the store has to come here */
#define MINUTE_MS	60000
#define MANY		3	/* installs refused within a minute are no chance */
#define GOOD_SLOTS	1024
#define UNSURE		"invalid_auth"

struct verdict_wait {
	TAILQ_ENTRY(verdict_wait) next;
	struct trial *trial;
	verdict_fn *done;
	void *arg;
};

/* One install's case. */
struct trial {
	LIST_ENTRY(trial) next;
	struct verdicts *v;
	struct install *in;		/* with the token that Slack refused */
	char code[64];
	struct chain_id id;		/* borrows from in */
	struct wire *wire;
	struct unit *unit;
	struct event *timer;
	bool news;			/* what the store has is on its way here */
	bool killed;			/* marked by us */
	bool over;			/* its waits are being told */
	TAILQ_HEAD(, verdict_wait) waits;
};

struct verdicts {
	struct slack *s;
	LIST_HEAD(, trial) trials;
	int64_t watch;			/* until then it is looked whether many are refused */
	struct {
		unsigned hash;
		int64_t at;		/* monotonic; 0: none */
	} good[GOOD_SLOTS];		/* whose token Slack took; the last of each place */
};

static void
trial_free(struct trial *t)
{
	struct verdict_wait *w;

	while ((w = TAILQ_FIRST(&t->waits)) != NULL) {
		TAILQ_REMOVE(&t->waits, w, next);
		free(w);
	}
	LIST_REMOVE(t, next);
	if (t->wire != NULL)
		wire_cancel(t->wire);
	if (t->unit != NULL)
		store_cancel(t->unit);
	event_free(t->timer);
	install_drop(t->in);
	free(t);
}

/* A call that is told may ask again: of another trial then. */
static void
end(struct trial *t, enum verdict verdict, struct install *in)
{
	struct install *held = in != NULL ? install_hold(in) : NULL;
	struct verdict_wait *w;

	t->over = true;
	while ((w = TAILQ_FIRST(&t->waits)) != NULL) {
		TAILQ_REMOVE(&t->waits, w, next);
		w->done(w->arg, verdict, held);
		free(w);
	}
	trial_free(t);
	install_drop(held);
}

/* ---- many at once ---- */

void
verdict_good(struct verdicts *v, const struct install *in)
{
	unsigned hash = install_hash(install_row_of(in));

	v->good[hash % GOOD_SLOTS].hash = hash;
	v->good[hash % GOOD_SLOTS].at = clock_ms();
}

static bool
count_refused(void *arg, struct install *in)
{
	if (in->org == NULL && strcmp(in->dead, UNSURE) == 0 &&
	    clock_wall_ms() - in->dead_since < MINUTE_MS)
		++*(size_t *)arg;
	return true;
}

/* Those refused are known of all workers, those taken of this one: enough to see that
 * it is half of them. */
static void
watch(struct verdicts *v)
{
	size_t refused = 0, good = 0;
	bool known = board_trouble(v->s->region, TROUBLE_TOKENS);

	installs_each(v->s->installs, count_refused, &refused);
	for (size_t i = 0; i < GOOD_SLOTS; i++)
		good += v->good[i].at != 0 &&
		    clock_ms() - v->good[i].at < MINUTE_MS;
	if (refused < MANY || refused < good ||
	    !trouble_met(TROUBLE_TOKENS) || known)
		return;
	counter_up(CNT_TOKENS_REFUSED);
	log_error("token", "Slack refuses the tokens of many workspaces at once"
	    " (" UNSURE "): is this host's address missing in the app's IP"
	    " allow list? Mend that, then install retry each of them"
	    " count=%zu", refused);
}

/* ---- the case ---- */

static struct install *
newer(const struct trial *t)
{
	struct install *now = installs_current(t->v->s->installs, t->in);

	return now != NULL && now->bot_token.len > 0 &&
	    now->dead[0] == '\0' && !install_same_token(now, t->in) ?
	    now : NULL;
}

static bool
is_dead(const struct trial *t)
{
	const struct install *now = installs_current(t->v->s->installs, t->in);

	return now == NULL || now->state == INSTALL_REVOKED ||
	    now->dead[0] != '\0';
}

/* The store has something that is not known here yet. */
static void
await_news(struct trial *t)
{
	struct timeval tv = clock_tv(NEWS_MS);

	t->news = true;
	evtimer_add(t->timer, &tv);
	installs_refresh(t->v->s->installs, false);
}

static void
on_killed(void *arg, bool hit, const struct err *err)
{
	struct trial *t = arg;

	t->unit = NULL;
	if (err != NULL) {
		end(t, VERDICT_OPEN, NULL);
		return;
	}
	t->killed = hit;
	if (hit) {
		counter_up(CNT_TOKENS_DEAD);
		log_error("token", "Slack does not take the token any more:"
		    " connect the workspace again team=%s error=%s"
		    " url=%s/slack/install", install_key(t->in), t->code,
		    t->v->s->conf->public_base_url);
		if (strcmp(t->code, UNSURE) == 0)
			t->v->watch = clock_ms() + NEWS_MS;
		changes_wrote(t->v->s->changes);
	}
	await_news(t);
}

/* The row's token is another one than that which was refused. */
static bool
is_overtaken(const struct trial *t, const struct chain_row *row)
{
	struct install_row now = { .enterprise_id = t->in->enterprise_id,
		.team_id = t->in->team_id, .app_id = "", .team_name = "",
		.team_url = "", .key_id = row->key_id,
		.bot_token = row->token, .bot_token_len = row->token_len,
		.scopes = "", .bot_user_id = "", .bot_id = "",
		.installer = "" };
	struct install *in = install_from_row(t->v->s->keys, &now);
	bool same = in->unreadable || install_same_token(in, t->in);

	install_drop(in);
	return !same;
}

static void
on_row(void *arg, const struct chain_row *row, const struct err *err)
{
	struct trial *t = arg;
	struct chain_death d = { .code = t->code, .updated = t->in->updated,
		.now = clock_wall_ms() };

	t->unit = NULL;
	if (err != NULL) {
		end(t, VERDICT_OPEN, NULL);
		return;
	}
	if (row == NULL || row->install == INSTALL_REVOKED ||
	    strcmp(row->state, CHAIN_DEAD) == 0 || is_overtaken(t, row)) {
		await_news(t);
		return;
	}
	d.fresh = !row->there;
	if (row->there)
		memcpy(d.hash, row->hash, CHAIN_HASH);
	else
		install_token_hash(t->in, d.hash);
	t->unit = chain_kill(t->v->s->store, &t->id, &d, on_killed, t);
}

static void
look(struct trial *t)
{
	t->unit = chain_see(t->v->s->store, &t->id, on_row, t);
}

static void
on_confirmed(void *arg, const struct slack_answer *a)
{
	struct trial *t = arg;

	t->wire = NULL;
	if (a->class != SLACK_REVOKED) {
		log_warn("token", "Slack refused a token and does not say it"
		    " again, nothing is concluded team=%s class=%s",
		    install_key(t->in), slack_class_word(a->class));
		end(t, VERDICT_OPEN, NULL);
		return;
	}
	memcpy(t->code, a->code, sizeof(t->code));
	look(t);
}

static void
confirm(struct trial *t)
{
	struct wire_ask ask = { .method = "auth.test",
		.team = install_key(t->in), .authorization = &t->in->bot_token,
		.form = "", .timeout_ms = CONFIRM_MS };

	t->wire = wire_post(t->v->s, &ask, on_confirmed, t);
}

static void
decide(struct trial *t, bool last)
{
	struct install *now = newer(t);

	if (now != NULL)
		end(t, VERDICT_NEWER, now);
	else if (is_dead(t))
		end(t, VERDICT_DEAD, NULL);
	else if (last)
		end(t, t->killed ? VERDICT_DEAD : VERDICT_OPEN, NULL);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct trial *t = arg;

	(void)fd, (void)what;
	if (t->news || newer(t) != NULL || is_dead(t))
		decide(t, true);
	else if (strcmp(t->code, UNSURE) == 0)
		confirm(t);
	else
		look(t);
}

/* ---- who asks ---- */

static struct trial *
trial_new(struct verdicts *v, struct install *in, const char *code)
{
	struct trial *t = mem_new(sizeof(*t));
	struct timeval now = { 0, 0 };

	t->v = v;
	t->in = install_hold(in);
	t->id = (struct chain_id){ in->enterprise_id, in->team_id, CHAIN_BOT };
	snprintf(t->code, sizeof(t->code), "%s", code);
	TAILQ_INIT(&t->waits);
	t->timer = evtimer_new(v->s->base, on_timer, t);
	if (t->timer == NULL)
		fatal("no timer for a token");
	evtimer_add(t->timer, &now);
	LIST_INSERT_HEAD(&v->trials, t, next);
	return t;
}

struct verdict_wait *
verdict_ask(struct verdicts *v, struct install *in, const char *code,
    verdict_fn *done, void *arg)
{
	struct verdict_wait *w = mem_new(sizeof(*w));
	struct trial *t;

	if (in->org != NULL)
		in = in->org;

	LIST_FOREACH(t, &v->trials, next)
		if (!t->over && install_same_token(t->in, in))
			break;
	if (t == NULL)
		t = trial_new(v, in, code);
	w->trial = t;
	w->done = done;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&t->waits, w, next);
	return w;
}

void
verdict_cancel(struct verdict_wait *w)
{
	TAILQ_REMOVE(&w->trial->waits, w, next);
	free(w);
}

void
verdict_moved(struct verdicts *v)
{
	struct trial *t, *next;

	for (t = LIST_FIRST(&v->trials); t != NULL; t = next) {
		next = LIST_NEXT(t, next);
		if (t->news)
			decide(t, false);
	}
	if (clock_ms() < v->watch)
		watch(v);
}

struct verdicts *
verdicts_new(struct slack *s)
{
	struct verdicts *v = mem_new(sizeof(*v));

	v->s = s;
	LIST_INIT(&v->trials);
	return v;
}

void
verdicts_free(struct verdicts *v)
{
	if (v == NULL)
		return;
	while (!LIST_EMPTY(&v->trials))
		trial_free(LIST_FIRST(&v->trials));
	free(v);
}
