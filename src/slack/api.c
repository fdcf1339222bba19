/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "shm/board.h"
#include "slack/budget.h"
#include "slack/cohort.h"
#include "slack/error.h"
#include "slack/orgs.h"
#include "slack/token.h"
#include "slack/verdict.h"
#include "slack/wire.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS	1000	/* the least that must be left for Slack's answer */
#define GLANCE_MS	1000	/* whoever waits for longer looks up meanwhile */
#define PAUSE_MS	200	/* before another try; doubles */
#define RARE_MS		60000	/* of the limited cohort: from one call to the next */

enum safe { SAFE_READ, SAFE_SAFE, SAFE_WRITE };

/* Why something may be asked once more, and how often (SLACK.md 10): nothing was
 * sent; Slack said 429, which is before the work; its token is spent, likewise;
 * nobody knows what became of it.  The first and the last have one budget. */
enum cause { UNSENT, LIMITED, EXPIRED, UNCLEAR, CAUSES };
#define IN_TIME	UINT_MAX		/* as often as there is time */

static const unsigned repeats[][CAUSES] = {
	/*               UNSENT  LIMITED  EXPIRED  UNCLEAR */
	[SAFE_READ] =  { 2,      IN_TIME, 1,       2 },
	[SAFE_SAFE] =  { 2,      IN_TIME, 1,       1 },
	[SAFE_WRITE] = { 2,      IN_TIME, 1,       0 },
};

enum where { WHERE_TEAM, WHERE_TOKEN };

static const struct {
	const char *name;
	enum safe safe;
	enum where where;
} methods[] = {
#define METHOD(sym, name, tier, burst, safe, per, where) \
	{ name, SAFE_##safe, WHERE_##where },
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
	struct verdict_wait *verdict;
	char refused[64];		/* what it is about */
	struct wire *wire;		/* given to curl */
	bool reserved;			/* has a slot of the budget: */
	int64_t slot;			/* then */
	bool queued;			/* for that, or a connection */
	bool waits;			/* for longer: counted in GAUGE_WAITS */
	bool detached;			/* nobody listens: finish what was sent, no more */
	unsigned tries, causes[CAUSES];
	TAILQ_ENTRY(slack_call) next;	/* in slack->line, as they came */
};

bool
slack_method_repeatable(enum slack_method m)
{
	return methods[m].safe != SAFE_WRITE;
}

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

static void give_back(struct slack_call *c);

static void
free_call(struct slack_call *c)
{
	if (c->reserved)
		give_back(c);
	waiting(c, false);
	if (c->detached)
		board_gauge(GAUGE_DETACHED, -1);
	TAILQ_REMOVE(&c->s->line, c, next);
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
	if (c->in->org != NULL && c->s->orgs != NULL &&
	    strcmp(a->code, "team_access_not_granted") == 0)
		orgs_doubt(c->s->orgs, c->in->org);
	c->done(c->arg, a);
	free_call(c);
}

static void
end_wait(struct slack_call *c, int64_t until)
{
	struct slack_answer a = { .class = SLACK_WAIT,
		.rare = c->budget.rare };

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

/* May it be asked once more for this cause?  Counts it. */
static bool
once_more(struct slack_call *c, enum cause cause)
{
	unsigned had = cause == UNSENT || cause == UNCLEAR ?
	    c->causes[UNSENT] + c->causes[UNCLEAR] : c->causes[cause];

	c->causes[cause]++;
	return !c->detached && had < repeats[methods[c->m].safe][cause];
}

/* Until then, but it looks up now and then: another worker may have met a 429, or
 * the workspace may be gone. */
static void
in_line(struct slack_call *c, int64_t at)
{
	int64_t soon = clock_ms() + GLANCE_MS;

	if (!c->waits)
		counter_up(CNT_SLACK_WAITS);
	waiting(c, true);
	c->queued = true;
	sleep_until(c, at < soon ? at : soon);
}

/* For the budget: within the deadline, or not at all. */
static void
wait_until(struct slack_call *c, int64_t at)
{
	if (at + ANSWER_MS > c->deadline)
		end_wait(c, at);
	else
		in_line(c, at);
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

	waiting(c, false);
	c->queued = c->reserved = false;
	c->tries++;
	c->wire = wire_post(c->s, &ask, on_answer, c);
}

/* The workspace as it is by now; NULL: there is none. */
static const struct install *
meanwhile(const struct slack_call *c)
{
	if (c->s->installs == NULL)
		return NULL;
	return installs_find(c->s->installs, install_key(c->in));
}

static bool
taken_away(const struct slack_call *c, const struct install *now)
{
	if (c->in->state != INSTALL_LIVE || c->s->installs == NULL)
		return false;
	if (now == NULL)	/* its org was not left this one */
		return c->in->org != NULL;
	return now->state != INSTALL_LIVE;
}

/* Why it cannot be sent at all: the operator has taken the workspace away while the
 * call waited; Slack does not take the token; there is none; its time is over. */
static bool
why_useless(const struct slack_call *c, struct slack_answer *a)
{
	const struct install *in = c->in, *now = meanwhile(c);

	if (taken_away(c, now)) {
		a->class = SLACK_NOT_SEEN;
		snprintf(a->code, sizeof(a->code), "team_not_found");
	} else if (now != NULL && now->dead[0] != '\0' && !in->probe) {
		a->class = SLACK_REVOKED;
		snprintf(a->code, sizeof(a->code), "%s", now->dead);
	} else if (in->bot_token.len == 0) {
		a->class = SLACK_REVOKED;
	} else if (install_is_over(in)) {
		a->class = SLACK_EXPIRED;
	}
	return a->class != SLACK_NONE;
}

/* Its token is spent: nothing was done (SLACK.md 10), so a newer one may do it. */
static bool
can_renew(struct slack_call *c, const struct slack_answer *a)
{
	return a->class == SLACK_EXPIRED && c->in->rotates &&
	    c->s->tokens != NULL && once_more(c, EXPIRED);
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
	c->renewal = token_renew(c->s->tokens, c->in->org != NULL ?
	    c->in->org : c->in, c->deadline - ANSWER_MS, on_renewed, c);
}

/* Slack refused the token; is the install dead? */

static void
on_verdict(void *arg, enum verdict verdict, struct install *in)
{
	struct slack_call *c = arg;
	struct slack_answer a = { .class = SLACK_TROUBLE, .sent = true };

	c->verdict = NULL;
	if (in != NULL && verdict == VERDICT_NEWER && once_more(c, EXPIRED)) {
		install_hold(in);
		install_drop(c->in);
		c->in = in;
		go_on(c);
		return;
	}
	if (verdict == VERDICT_DEAD) {
		a.class = SLACK_REVOKED;
		memcpy(a.code, c->refused, sizeof(a.code));
	}
	end(c, &a);
}

static bool
can_judge(const struct slack_call *c, const struct slack_answer *a)
{
	return a->class == SLACK_REVOKED && c->s->verdicts != NULL &&
	    !c->in->probe;
}

/* Within the call's time. */
static void
judge(struct slack_call *c, const struct slack_answer *a)
{
	memcpy(c->refused, a->code, sizeof(c->refused));
	c->verdict = verdict_ask(c->s->verdicts, c->in, a->code, on_verdict, c);
	sleep_until(c, c->deadline);
}

static void
give_up(struct slack_call *c)
{
	verdict_cancel(c->verdict);
	on_verdict(c, VERDICT_OPEN, NULL);
}

/* Then it is renewed, or over. */
static bool
is_useless(struct slack_call *c)
{
	struct slack_answer a = { .class = SLACK_NONE };

	if (!why_useless(c, &a))
		return false;
	c->queued = false;
	waiting(c, false);
	if (can_renew(c, &a))
		renew(c);
	else
		end(c, &a);
	return true;
}

/* The line: slots are nobody's.  When one has come, the call that came first of
 * those who wait for one of the same lane goes. */

static bool
same_lane(const struct slack_call *a, const struct slack_call *b)
{
	return a->queued && strcmp(a->budget.lane, b->budget.lane) == 0;
}

/* c's slot is now: whose turn is it? */
static struct slack_call *
oldest(struct slack_call *c)
{
	struct slack_call *o;

	TAILQ_FOREACH(o, &c->s->line, next)
		if (o == c || (same_lane(o, c) && (!o->reserved ||
		    o->slot + ANSWER_MS <= c->deadline)))
			break;
	return o;
}

/* c lost its slot to a 429 and gets none in time; then somebody who came later
 * goes without.  NULL: nobody did. */
static struct slack_call *
youngest(struct slack_call *c)
{
	struct slack_call *o;

	TAILQ_FOREACH_REVERSE(o, &c->s->line, slack_line, next)
		if (o == c || (same_lane(o, c) && o->reserved &&
		    o->slot + ANSWER_MS <= c->deadline))
			break;
	return o != c ? o : NULL;
}

/* from's slot is to's now, and the other way round. */
static void
swap(struct slack_call *from, struct slack_call *to)
{
	int64_t slot = to->slot;
	bool reserved = to->reserved;

	to->slot = from->slot;
	to->reserved = from->reserved;
	from->slot = slot;
	from->reserved = reserved;
}

/* c leaves: its slot is for those who wait, and the last one's for nobody. */
static void
give_back(struct slack_call *c)
{
	struct slack_call *o, *last = c;

	TAILQ_FOREACH(o, &c->s->line, next)
		if (same_lane(o, c) && o->reserved && o->slot > last->slot)
			last = o;
	if (last != c) {
		swap(c, last);
		sleep_until(last, last->slot);
	}
	budget_give_back(c->s->region, &c->budget, c->slot);
}

/* c's slot is now, and all connections are at work: wake_one tells. */
static void
wait_for_connection(struct slack_call *c)
{
	int64_t now = clock_ms(), last = c->deadline - ANSWER_MS;

	if (now < last)
		in_line(c, last);
	else
		end_wait(c, now);
}

static void wake_one(struct slack *s);

/* c's slot is now. */
static void
depart(struct slack_call *c)
{
	struct slack_call *first = oldest(c);
	struct slack *s = c->s;
	const char *before = log_request(NULL);

	if (first != c) {
		swap(c, first);
		in_line(c, c->reserved ? c->slot : 0);
		evtimer_del(first->timer);
	}
	log_request(first->request[0] != '\0' ? first->request : NULL);
	if (!is_useless(first))
		send_it(first);
	log_request(before);
	if (!httpc_full(s->httpc))
		wake_one(s);
}

/* A slot in time, perhaps at the cost of one who came later; false: c has ended. */
static bool
reserve(struct slack_call *c)
{
	int64_t now = clock_ms(), again = now;
	struct slack_call *other;

	c->slot = budget_take(c->s->region, &c->budget,
	    c->deadline - ANSWER_MS - now, &again);
	c->reserved = c->slot != -1;
	if (c->reserved)
		return true;
	if ((other = youngest(c)) == NULL) {
		end_wait(c, again);
		return false;
	}
	swap(other, c);
	sleep_until(other, 0);
	return true;
}

/* The next step: whoever wakes looks first whether Slack said 429 meanwhile. */
static void
go_on(struct slack_call *c)
{
	int64_t now = clock_ms(), at = budget_blocked(c->s->region, &c->budget);

	if (is_useless(c))
		return;
	if (at > now && !(c->reserved && c->slot >= at)) {
		c->reserved = false;
		wait_until(c, at);
		return;
	}
	if (!c->reserved && !reserve(c))
		return;
	if (c->slot > now)
		in_line(c, c->slot);
	else if (httpc_full(c->s->httpc))
		wait_for_connection(c);
	else
		depart(c);
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
	if (c->verdict != NULL)
		give_up(c);
	else if (c->deadline - clock_ms() < 1)
		end_wait(c, clock_ms());
	else
		go_on(c);
	log_request(before);
}

/* What may be asked once more is, after a pause; anything else is the answer. */
static void
try_again(struct slack_call *c, struct slack_answer *a)
{
	unsigned short jitter;
	int64_t at;

	crypto_random(&jitter, sizeof(jitter));
	at = clock_ms() + (PAUSE_MS << (c->tries < 4 ? c->tries : 4)) / 2 +
	    jitter % PAUSE_MS;
	if (a->class != SLACK_LARGE && at + ANSWER_MS < c->deadline &&
	    once_more(c, a->sent ? UNCLEAR : UNSENT)) {
		counter_up(CNT_SLACK_RETRIES);
		sleep_until(c, at);
		return;
	}
	a->unknown = a->sent && methods[c->m].safe != SAFE_READ;
	end(c, a);
}

/* Those who wait for the same look again: who has no time any more ends now. */
static void
wake_all(struct slack_call *c)
{
	struct slack_call *o;

	TAILQ_FOREACH(o, &c->s->line, next)
		if (o != c && o->queued &&
		    strcmp(o->budget.scope, c->budget.scope) == 0)
			sleep_until(o, 0);
}

static void
obey(struct slack_call *c, int wait_s)
{
	bool known = budget_blocked(c->s->region, &c->budget) != 0;
	int64_t until, now;

	counter_up(CNT_SLACK_RATELIMITED);
	budget_block(c->s->region, &c->budget, wait_s);
	now = clock_ms();
	until = budget_blocked(c->s->region, &c->budget);
	if (until < now)		/* it was none, or is over */
		until = now;
	log_at(known ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "slack",
	    "%s must wait team=%s seconds=%d", methods[c->m].name,
	    install_key(c->in), (int)((until - now) / 1000));
	wake_all(c);
	if (once_more(c, LIMITED))
		wait_until(c, until);
	else
		end_wait(c, until);
}

/* A connection is free: who waits for one?  The oldest whose slot has come. */
static void
wake_one(struct slack *s)
{
	struct slack_call *o;

	TAILQ_FOREACH(o, &s->line, next)
		if (o->queued && o->reserved && o->slot <= clock_ms()) {
			sleep_until(o, 0);
			return;
		}
}

static void
learn(struct slack_call *c, const struct slack_answer *a)
{
	if (!cohort_learn(c->s->region, c->in, c->m,
	    c->form.len > 0 ? c->form.p : "", a))
		return;
	counter_up(CNT_SLACK_LIMITED);
	log_info("slack", "Slack lets this app read messages once a minute, 15 at"
	    " a time team=%s", install_key(c->in));
	budget_of(&c->budget, c->s, c->in, c->m, NULL);
	budget_take(c->s->region, &c->budget, RARE_MS, &(int64_t){ 0 });
}

static void
on_answer(void *arg, const struct slack_answer *answer)
{
	struct slack_call *c = arg;
	struct slack_answer a = *answer;

	c->wire = NULL;
	learn(c, &a);
	wake_one(c->s);
	if (a.class == SLACK_NONE && c->s->verdicts != NULL)
		verdict_good(c->s->verdicts, c->in);
	if (can_renew(c, &a))
		renew(c);
	else if (can_judge(c, &a))
		judge(c, &a);
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
	if (s->line.tqh_last == NULL)
		TAILQ_INIT(&s->line);
	TAILQ_INSERT_TAIL(&s->line, c, next);
	c->s = s;
	c->in = install_hold(in);
	c->m = m;
	buf_add(&c->form, form, len);
	if (methods[m].where == WHERE_TEAM && in->team_id[0] != '\0')
		buf_form(&c->form, "team_id", in->team_id,
		    strlen(in->team_id));
	budget_of(&c->budget, s, in, m, channel);
	c->deadline = deadline_ms;
	c->done = done;
	c->arg = arg;
	c->timer = evtimer_new(s->base, on_timer, c);
	if (c->timer == NULL)
		fatal("no timer for a call");
	c->queued = true;
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
	if (c->verdict != NULL)
		verdict_cancel(c->verdict);
	free_call(c);
	return false;
}
