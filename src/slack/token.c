/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/token.h"

#include "base/clock.h"
#include "base/mem.h"
#include "slack/refresh.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define LOOK_MS		5000	/* between two looks for what is due */
#define BUSY_MS		300	/* somebody else is at it: is the pair there yet? */
#define JITTER_PARTS	8	/* due up to an eighth later than told, each its own */

struct token_wait {
	TAILQ_ENTRY(token_wait) next;
	struct chain *chain;
	struct install *in;		/* whose token is spent */
	struct event *timer;		/* first the turn that is waited, then the deadline */
	int64_t deadline;
	bool begun;
	token_fn *done;
	void *arg;
};

/* What this worker does about one install's chain; there while it does. */
struct chain {
	LIST_ENTRY(chain) next;
	struct tokens *t;
	struct install *in;		/* as it was looked at last */
	struct refresh *running;
	refresh_fn *exchanged;		/* who wants the first pair; NULL: nobody */
	void *exchanged_arg;
	struct event *timer;		/* the next attempt */
	int64_t after;			/* not before; monotonic ms */
	int64_t rest;			/* nor, when nobody needs it, before that */
	TAILQ_HEAD(, token_wait) waits;
};

struct tokens {
	struct slack *s;
	LIST_HEAD(, chain) chains;
	int64_t look;
	bool draining;
};

static void go_on(struct chain *c);

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	go_on(arg);
}

static struct chain *
chain_new(struct tokens *t, struct install *in)
{
	struct chain *c = mem_new(sizeof(*c));

	c->t = t;
	c->in = install_hold(in);
	TAILQ_INIT(&c->waits);
	c->timer = evtimer_new(t->s->base, on_timer, c);
	if (c->timer == NULL)
		fatal("no timer for a token");
	LIST_INSERT_HEAD(&t->chains, c, next);
	return c;
}

static void
chain_free(struct chain *c)
{
	LIST_REMOVE(c, next);
	if (c->running != NULL)
		refresh_free(c->running);
	event_free(c->timer);
	install_drop(c->in);
	free(c);
}

static struct chain *
chain_of(struct tokens *t, const struct install *in)
{
	struct chain *c;

	LIST_FOREACH(c, &t->chains, next)
		if (strcmp(c->in->team_id, in->team_id) == 0 &&
		    strcmp(c->in->enterprise_id, in->enterprise_id) == 0)
			return c;
	return NULL;
}

/* ---- waits ---- */

static void
wait_free(struct token_wait *w)
{
	TAILQ_REMOVE(&w->chain->waits, w, next);
	event_free(w->timer);
	install_drop(w->in);
	free(w);
}

static void
wait_end(struct token_wait *w, struct install *in, enum slack_class class)
{
	struct slack_answer why = { .class = class };
	token_fn *done = w->done;
	void *arg = w->arg;

	wait_free(w);
	done(arg, in, &why);
}

/* All that have begun: one that is being made must not end before it is. */
static void
end_waits(struct chain *c, enum slack_class class)
{
	struct token_wait *w, *next;

	for (w = TAILQ_FIRST(&c->waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		if (w->begun)
			wait_end(w, NULL, class);
	}
}

/* Those whose time is over before the next attempt are told so at once. */
static void
end_hopeless(struct chain *c)
{
	struct token_wait *w, *next;

	for (w = TAILQ_FIRST(&c->waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		if (w->begun && w->deadline < c->after)
			wait_end(w, NULL, SLACK_RENEWING);
	}
}

/* Those whose token is not the newest any more have what they wait for. */
static void
serve_waits(struct chain *c, struct install *now)
{
	struct token_wait *w, *next;

	if (install_is_over(now))
		return;
	for (w = TAILQ_FIRST(&c->waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, next);
		if (w->begun && !install_same_token(now, w->in))
			wait_end(w, now, SLACK_NONE);
	}
}

/* Somebody cannot go on with the token that there is now. */
static bool
is_wanted(const struct chain *c)
{
	const struct token_wait *w;

	TAILQ_FOREACH(w, &c->waits, next)
		if (w->begun)
			return true;
	return false;
}

static void
on_wait(evutil_socket_t fd, short what, void *arg)
{
	struct token_wait *w = arg;
	struct timeval tv = clock_tv(w->deadline - clock_ms());

	(void)fd, (void)what;
	if (w->begun) {
		wait_end(w, NULL, SLACK_RENEWING);
		return;
	}
	w->begun = true;
	evtimer_add(w->timer, &tv);
	go_on(w->chain);
}

/* ---- attempts ---- */

static void
look_after(struct chain *c, int64_t ms)
{
	struct timeval tv = clock_tv(ms);

	evtimer_add(c->timer, &tv);
}

static void
try_after(struct chain *c, int64_t ms)
{
	c->after = clock_ms() + ms;
	look_after(c, ms);
}

static void
on_end(void *arg, const struct refresh_result *r)
{
	struct chain *c = arg;

	c->running = NULL;
	switch (r->end) {
	case REFRESH_DONE:
	case REFRESH_BUSY:
		try_after(c, BUSY_MS);
		break;
	case REFRESH_LATER:
		try_after(c, r->wait_ms > BUSY_MS ? r->wait_ms : BUSY_MS);
		end_hopeless(c);
		break;
	case REFRESH_EARLY:
		c->rest = clock_ms() + r->wait_ms;
		try_after(c, BUSY_MS);
		break;
	case REFRESH_LOST:
		end_waits(c, SLACK_EXPIRED);
		try_after(c, LOOK_MS);
		break;
	case REFRESH_GONE:
	case REFRESH_REFUSED:
		end_waits(c, SLACK_REVOKED);
		try_after(c, LOOK_MS);
	}
}

static int64_t
before(const struct tokens *t, const struct install *in)
{
	int64_t ms = t->s->conf->token_refresh_before;

	return ms - ms / JITTER_PARTS * (int64_t)(install_hash(in) % 1000) /
	    1000;
}

static bool
is_due(const struct tokens *t, const struct install *in)
{
	return in->state == INSTALL_LIVE && in->rotates && !in->lost &&
	    in->dead[0] == '\0' && !in->unreadable && in->expires != 0 &&
	    in->expires - clock_wall_ms() < before(t, in);
}

/* The install as it is by now; false: there is none any more. */
static bool
look_again(struct chain *c)
{
	struct install *now = installs_current(c->t->s->installs, c->in);

	if (now == NULL || now->state == INSTALL_REVOKED) {
		end_waits(c, SLACK_REVOKED);
		return false;
	}
	install_hold(now);
	install_drop(c->in);
	c->in = now;
	serve_waits(c, now);
	if (now->lost || now->dead[0] != '\0')
		end_waits(c, SLACK_EXPIRED);
	return true;
}

static bool
rests_no_more(const struct chain *c)
{
	return clock_ms() >= c->rest && is_due(c->t, c->in);
}

/* What is left to do is begun, or waited for, or nothing.  A timer may be early by a
 * little: then it waits for the rest. */
static void
go_on(struct chain *c)
{
	bool there = look_again(c);
	int64_t left = c->after - clock_ms();

	if (c->running != NULL)
		return;
	end_hopeless(c);
	if (TAILQ_EMPTY(&c->waits) && !(there && is_due(c->t, c->in))) {
		chain_free(c);
		return;
	}
	if (there && left <= 0 && !c->t->draining &&
	    (is_wanted(c) || rests_no_more(c)))
		c->running = refresh_begin(c->t->s, c->in,
		    is_wanted(c) || install_is_over(c->in) ? REFRESH_SPENT :
		    REFRESH_DUE, on_end, c);
	else if (!evtimer_pending(c->timer, NULL))
		look_after(c, left > 0 ? left : LOOK_MS);
}

/* ---- the worker's ---- */

struct token_wait *
token_renew(struct tokens *t, struct install *in, int64_t deadline_ms,
    token_fn *done, void *arg)
{
	struct token_wait *w = mem_new(sizeof(*w));
	struct chain *c = chain_of(t, in);
	struct timeval now = { 0, 0 };

	if (c == NULL)
		c = chain_new(t, in);
	w->chain = c;
	w->in = install_hold(in);
	w->deadline = deadline_ms;
	w->done = done;
	w->arg = arg;
	w->timer = evtimer_new(t->s->base, on_wait, w);
	if (w->timer == NULL)
		fatal("no timer for a token");
	TAILQ_INSERT_TAIL(&c->waits, w, next);
	evtimer_add(w->timer, &now);
	return w;
}

static void
on_exchanged(void *arg, const struct refresh_result *r)
{
	struct chain *c = arg;

	c->running = NULL;
	c->exchanged(c->exchanged_arg, r);
	go_on(c);
}

bool
token_exchange(struct tokens *t, struct install *in, refresh_fn *done, void *arg)
{
	struct chain *c;

	if (t->draining || chain_of(t, in) != NULL)
		return false;
	c = chain_new(t, in);
	c->exchanged = done;
	c->exchanged_arg = arg;
	c->running = refresh_begin(t->s, in, REFRESH_FIRST, on_exchanged, c);
	return true;
}

void
token_cancel(struct token_wait *w)
{
	struct chain *c = w->chain;

	wait_free(w);
	if (c->running == NULL && !evtimer_pending(c->timer, NULL))
		try_after(c, 0);	/* tidies up */
}

void
token_moved(struct tokens *t)
{
	struct chain *c, *next;

	for (c = LIST_FIRST(&t->chains); c != NULL; c = next) {
		next = LIST_NEXT(c, next);
		go_on(c);
	}
}

static bool
look(void *arg, struct install *in)
{
	struct tokens *t = arg;

	if (in->org == NULL && is_due(t, in) && chain_of(t, in) == NULL)
		go_on(chain_new(t, in));
	return true;
}

void
token_tend(struct tokens *t)
{
	int64_t now = clock_ms();

	if (t->draining || now < t->look || !installs_loaded(t->s->installs))
		return;
	t->look = now + LOOK_MS;
	installs_each(t->s->installs, look, t);
}

void
token_drain(struct tokens *t)
{
	t->draining = true;
}

struct tokens *
tokens_new(struct slack *s)
{
	struct tokens *t = mem_new(sizeof(*t));

	t->s = s;
	LIST_INIT(&t->chains);
	return t;
}

void
tokens_free(struct tokens *t)
{
	struct chain *c;

	if (t == NULL)
		return;
	while ((c = LIST_FIRST(&t->chains)) != NULL) {
		while (!TAILQ_EMPTY(&c->waits))
			wait_free(TAILQ_FIRST(&c->waits));
		chain_free(c);
	}
	free(t);
}
