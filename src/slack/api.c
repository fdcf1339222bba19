/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "shm/board.h"
#include "slack/budget.h"
#include "slack/error.h"
#include "slack/token.h"
#include "slack/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS	1000	/* the least that must be left for Slack's answer */
#define PAUSE_MS	200	/* before another try; doubles */

enum safe { SAFE_READ, SAFE_SAFE, SAFE_WRITE };

/* How often once more: when nothing was sent, and when it may have been. */
static const struct {
	unsigned unsent, unclear;
} repeats[] = {
	[SAFE_READ] = { 2, 2 },
	[SAFE_SAFE] = { 2, 1 },
	[SAFE_WRITE] = { 2, 0 },
};

static const struct {
	const char *name;
	enum safe safe;
} methods[] = {
#define METHOD(sym, name, tier, burst, safe, per) { name, SAFE_##safe },
#include "slack/methods.def"
#undef METHOD
};

struct slack_call {
	struct slack *s;
	struct install *in;
	enum slack_method m;
	struct buf form;
	struct budget budget;
	int64_t deadline;
	slack_fn *done;
	void *arg;
	char request[24];		/* whose work it is, for the log */

	struct event *timer;		/* first step, budget, pause */
	struct token_wait *renewal;
	struct wire *wire;		/* given to curl */
	bool reserved;			/* has a slot of the budget */
	bool waits;			/* counted in GAUGE_WAITS */
	bool detached;			/* nobody listens: finish what was sent, no more */
	bool renewed;			/* once is enough */
	unsigned tries;
};

const char *
slack_method_name(enum slack_method m)
{
	return methods[m].name;
}

static void
waiting(struct slack_call *c, bool on)
{
	if (c->waits != on)
		board_gauge(GAUGE_WAITS, on ? 1 : -1);
	c->waits = on;
}

static void
free_call(struct slack_call *c)
{
	waiting(c, false);
	if (c->detached)
		board_gauge(GAUGE_DETACHED, -1);
	event_free(c->timer);
	buf_wipe(&c->form);
	install_drop(c->in);
	free(c);
}

/* That Slack is away or asks to wait is told once (wire.c, obey). */
static enum log_level
level(const struct slack_answer *a)
{
	bool told = a->class == SLACK_TRANSPORT || a->class == SLACK_TROUBLE ||
	    a->class == SLACK_WAIT;

	if (a->class == SLACK_BUG)
		return LOG_LEVEL_ERROR;
	return a->unknown ? LOG_LEVEL_WARN :
	    told ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static void
end(struct slack_call *c, const struct slack_answer *a)
{
	if (a->class != SLACK_NONE) {
		counter_up(CNT_SLACK_ERRORS);
		log_at(level(a), "slack", "%s failed team=%s class=%s error=%s tries=%u%s",
		    methods[c->m].name, install_key(c->in),
		    slack_class_word(a->class),
		    a->code[0] != '\0' ? a->code : "-", c->tries,
		    a->unknown ? " outcome=unknown" : "");
	}
	c->done(c->arg, a);
	free_call(c);
}

static void
end_wait(struct slack_call *c, int64_t until)
{
	struct slack_answer a = { .class = SLACK_WAIT };

	a.wait_s = (int)((until - clock_ms() + 999) / 1000);
	if (a.wait_s < 1)
		a.wait_s = 1;
	end(c, &a);
}

static void
sleep_until(struct slack_call *c, int64_t at)
{
	struct timeval tv = clock_tv(at - clock_ms());

	evtimer_add(c->timer, &tv);
}

/* For the budget: within the deadline, or not at all. */
static void
wait_until(struct slack_call *c, int64_t at)
{
	if (at + ANSWER_MS > c->deadline) {
		end_wait(c, at);
		return;
	}
	if (!c->waits)
		counter_up(CNT_SLACK_WAITS);
	waiting(c, true);
	sleep_until(c, at);
}

static void on_answer(void *arg, const struct slack_answer *answer);

static void
send_it(struct slack_call *c)
{
	struct wire_ask ask = {
		.method = methods[c->m].name, .team = install_key(c->in),
		.authorization = &c->in->bot_token, .form = c->form.p,
		.len = c->form.len, .timeout_ms = c->deadline - clock_ms(),
	};

	c->reserved = false;
	c->tries++;
	c->wire = wire_post(c->s, &ask, on_answer, c);
}

/* Has the operator taken the workspace away while the call waited? */
static bool
taken_away(const struct slack_call *c)
{
	const struct install *now;

	if (c->in->state != INSTALL_LIVE || c->s->installs == NULL)
		return false;
	now = installs_find(c->s->installs, install_key(c->in));
	return now != NULL && now->state != INSTALL_LIVE;
}

/* Can it be sent at all? */
static bool
useless(const struct slack_call *c, struct slack_answer *a)
{
	const struct install *in = c->in;

	if (taken_away(c)) {
		a->class = SLACK_NOT_SEEN;
		snprintf(a->code, sizeof(a->code), "team_not_found");
	} else if (in->bot_token.len == 0) {
		a->class = SLACK_REVOKED;
	} else if (in->expires != 0 && clock_wall_ms() >= in->expires) {
		a->class = SLACK_EXPIRED;
	}
	return a->class != SLACK_NONE;
}

/* Its token is spent: nothing was done (SLACK.md 10), so a newer one may do it. */
static bool
can_renew(const struct slack_call *c, const struct slack_answer *a)
{
	return a->class == SLACK_EXPIRED && !c->renewed && !c->detached &&
	    c->in->rotates && c->s->tokens != NULL;
}

static void go_on(struct slack_call *c);

static void
on_renewed(void *arg, struct install *in, const struct slack_answer *why)
{
	struct slack_call *c = arg;

	c->renewal = NULL;
	if (in == NULL) {
		end(c, why);
		return;
	}
	install_hold(in);
	install_drop(c->in);
	c->in = in;
	go_on(c);
}

static void
renew(struct slack_call *c)
{
	c->renewed = true;
	c->renewal = token_renew(c->s->tokens, c->in, c->deadline - ANSWER_MS,
	    on_renewed, c);
}

/* The next step: whoever wakes looks first whether Slack said 429 meanwhile. */
static void
go_on(struct slack_call *c)
{
	struct slack_answer a = { .class = SLACK_NONE };
	int64_t now = clock_ms(), at, again = now;

	waiting(c, false);
	if (useless(c, &a)) {
		if (can_renew(c, &a))
			renew(c);
		else
			end(c, &a);
		return;
	}
	at = budget_blocked(c->s->region, &c->budget);
	if (at > now) {
		c->reserved = false;
		wait_until(c, at);
		return;
	}
	if (!c->reserved) {
		at = budget_take(c->s->region, &c->budget,
		    c->deadline - ANSWER_MS - now, &again);
		if (at == -1) {
			end_wait(c, again);
			return;
		}
		c->reserved = true;
		if (at > now) {
			wait_until(c, at);
			return;
		}
	}
	send_it(c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct slack_call *c = arg;
	char request[sizeof(c->request)];
	const char *before;

	(void)fd, (void)what;
	memcpy(request, c->request, sizeof(request));	/* c may not outlive this */
	before = log_request(request[0] != '\0' ? request : NULL);
	if (c->deadline - clock_ms() < 1)
		end_wait(c, clock_ms());
	else
		go_on(c);
	log_request(before);
}

/* What may be asked once more is, after a pause; anything else is the answer. */
static void
try_again(struct slack_call *c, struct slack_answer *a)
{
	unsigned allowed = a->class == SLACK_LARGE ? 0 :
	    a->sent ? repeats[methods[c->m].safe].unclear :
		      repeats[methods[c->m].safe].unsent;
	unsigned short jitter;
	int64_t at;

	crypto_random(&jitter, sizeof(jitter));
	at = clock_ms() + (PAUSE_MS << (c->tries < 4 ? c->tries : 4)) / 2 +
	    jitter % PAUSE_MS;
	if (!c->detached && c->tries <= allowed &&
	    at + ANSWER_MS < c->deadline) {
		counter_up(CNT_SLACK_RETRIES);
		sleep_until(c, at);
		return;
	}
	a->unknown = a->sent && methods[c->m].safe != SAFE_READ;
	end(c, a);
}

static void
obey(struct slack_call *c, int wait_s)
{
	bool known = budget_blocked(c->s->region, &c->budget) != 0;
	int64_t until;

	counter_up(CNT_SLACK_RATELIMITED);
	budget_block(c->s->region, &c->budget, wait_s);
	until = budget_blocked(c->s->region, &c->budget);
	log_at(known ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "slack",
	    "%s must wait team=%s seconds=%d", methods[c->m].name,
	    install_key(c->in), (int)((until - clock_ms()) / 1000));
	if (c->detached)
		end_wait(c, until);
	else
		wait_until(c, until);
}

static void
on_answer(void *arg, const struct slack_answer *answer)
{
	struct slack_call *c = arg;
	struct slack_answer a = *answer;

	c->wire = NULL;
	if (can_renew(c, &a))
		renew(c);
	else if (a.class == SLACK_WAIT)
		obey(c, a.wait_s);
	else if (a.class == SLACK_TRANSPORT || a.class == SLACK_TROUBLE ||
	    a.class == SLACK_LARGE)
		try_again(c, &a);
	else
		end(c, &a);
}

struct slack_call *
slack_ask(struct slack *s, struct install *in, enum slack_method m,
    const char *form, size_t len, const char *channel, int64_t deadline_ms,
    slack_fn *done, void *arg)
{
	struct slack_call *c = mem_new(sizeof(*c));
	const char *request = log_request(NULL);

	log_request(request);
	if (request != NULL)
		snprintf(c->request, sizeof(c->request), "%s", request);
	c->s = s;
	c->in = install_hold(in);
	c->m = m;
	buf_add(&c->form, form, len);
	budget_of(&c->budget, s->conf, in, m, channel);
	c->deadline = deadline_ms;
	c->done = done;
	c->arg = arg;
	c->timer = evtimer_new(s->base, on_timer, c);
	if (c->timer == NULL)
		fatal("no timer for a call");
	sleep_until(c, 0);
	return c;
}

bool
slack_cancel(struct slack_call *c)
{
	if (c->wire != NULL && methods[c->m].safe != SAFE_READ) {
		if (!c->detached)
			board_gauge(GAUGE_DETACHED, 1);
		c->detached = true;
		return true;
	}
	if (c->wire != NULL)
		wire_cancel(c->wire);
	if (c->renewal != NULL)
		token_cancel(c->renewal);
	free_call(c);
	return false;
}
