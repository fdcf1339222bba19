/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "shm/board.h"
#include "shm/bucket.h"
#include "slack/budget.h"
#include "slack/cohort.h"
#include "slack/token.h"
#include "run.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The clock, played by the test: it stands still while something is done, however
 * long a slow machine takes, and jumps to the next timer when nothing is left to do. */

static int64_t now_us = 1000000000;

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
		return (int)syscall(SYS_clock_gettime, id, ts);
	*ts = (struct timespec){ .tv_sec = now_us / 1000000, .tv_nsec = now_us % 1000000 * 1000 };
	return 0;
}

/* libevent sleeps here. */
int
poll(struct pollfd *fds, nfds_t n, int ms)
{
	(void)fds, (void)n;
	ck_assert_int_ge(ms, 0);
	now_us += (int64_t)ms * 1000;
	return 0;
}

static struct event_base *
base_that_polls(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base;

	event_config_avoid_method(c, "epoll");
	event_config_avoid_method(c, "select");
	base = event_base_new_with_config(c);
	event_config_free(c);
	ck_assert_str_eq(event_base_get_method(base), "poll");
	return base;
}

/* Slack, played by the test: each request gets the script's next line. */

struct line {
	long status;			/* 0: nothing was sent; -1: sent, no answer */
	const char *body;
	long retry_after;
};

/* What is to come, and how far it is. */
struct play {
	const struct line *script;
	size_t at, asked;
};

struct httpc_job {
	struct event *timer;
	struct play *play;
	httpc_done_fn *done;
	void *arg;
	bool hangs;
};

static struct {
	struct event_base *base;
	struct conf conf;
	struct slack slack;
	struct install *in;
	struct play play;
	struct httpc_job *job, *jobs[64];	/* the last one, all */
	int njobs, pool;		/* 0: any number */
	char url[256], form[256], authorization[64];
	bool hang, full;
	char forms[256];		/* all, with blanks behind */

	int ended, renewed;
	struct slack_answer a;
	char text[64];
} t;

static void
drop(struct httpc_job *job)
{
	for (int i = 0; i < t.njobs; i++)
		if (t.jobs[i] == job)
			t.jobs[i] = t.jobs[t.njobs - 1];
	t.njobs--;
	t.job = NULL;
	free(job);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const struct err unsent = { ERR_UPSTREAM, "connection refused" };
	static const struct err lost = { ERR_TIMEOUT, "no answer" };
	static const struct err large = { ERR_LIMIT, "the reply is larger" };
	struct httpc_job job = *(struct httpc_job *)arg;
	struct play *play = job.play;
	const struct line *l = &play->script[play->at];
	struct httpc_reply r = { .status = l->status, .body = l->body,
	    .retry_after = l->retry_after };

	(void)fd, (void)what;
	if (play->script[play->at + 1].body != NULL)
		play->at++;
	event_free(job.timer);
	drop(arg);
	if (l->status > 0) {
		r.len = strlen(l->body);
		job.done(job.arg, &r, NULL);
	} else {
		job.done(job.arg, NULL, l->status == 0 ? &unsent :
		    l->status == -2 ? &large : &lost);
	}
}

/* A table's row has a play of its own. */
#define RUNS	64

static struct run {
	struct play play;
	struct install *in;
	struct slack_answer a;
	int ended;
} runs[RUNS];

static struct play *
play_of(const char *form)
{
	int row;

	return sscanf(form, "row=%d", &row) == 1 ? &runs[row].play : &t.play;
}

struct httpc_job *
httpc_post(struct httpc *h, const struct httpc_ask *ask, httpc_done_fn *done, void *arg)
{
	struct httpc_job *job = mem_new(sizeof(*job));
	struct timeval now = { 0, 0 };

	(void)h;
	snprintf(t.url, sizeof(t.url), "%s", ask->url);
	snprintf(t.form, sizeof(t.form), "%.*s", (int)ask->form_len, ask->form);
	snprintf(t.forms + strlen(t.forms), sizeof(t.forms) - strlen(t.forms), "%s ", t.form);
	snprintf(t.authorization, sizeof(t.authorization), "%s",
	    secret_expose(ask->authorization));
	job->play = play_of(t.form);
	job->play->asked++;
	job->done = done;
	job->arg = arg;
	job->timer = evtimer_new(t.base, on_turn, job);
	if (!t.hang)
		evtimer_add(job->timer, &now);
	t.job = job;
	ck_assert_int_lt(t.njobs, 64);
	t.jobs[t.njobs++] = job;
	return job;
}

bool
httpc_full(const struct httpc *h)
{
	(void)h;
	return t.full || (t.pool > 0 && t.njobs >= t.pool);
}

void
httpc_cancel(struct httpc_job *job)
{
	event_free(job->timer);
	drop(job);
}

static void
on_done(void *arg, const struct slack_answer *a)
{
	ck_assert_ptr_eq(arg, &t);
	t.ended++;
	t.a = *a;
	ck_assert_int_eq(a->class == SLACK_NONE, a->json != NULL);
	if (js_text(a->json, "x")[0] != '\0')
		snprintf(t.text, sizeof(t.text), "%s", js_text(a->json, "x"));
	t.a.json = NULL;
}

static struct install *
install_of(const char *team)
{
	struct install *in = mem_new(sizeof(*in));

	in->refs = 1;
	in->enterprise_id = mem_str("");
	in->team_id = mem_str(team);
	in->app_id = mem_str("A1");
	secret_set(&in->bot_token, "Bearer xoxb-1");
	return in;
}

static void
setup(void)
{
	static struct region_conf region = { .node = "n1", .max_sessions = 16,
	    .max_sessions_per_key = 4, .session_ttl_ms = 60000, .session_max_ms = 600000,
	    .rows = 4 };
	static char api[] = "http://127.0.0.1:1/api/", base[] = "http://localhost:8080";

	memset(&t, 0, sizeof(t));
	log_quiet();
	t.base = base_that_polls();
	t.conf.slack_api_url = api;
	t.conf.public_base_url = base;
	t.conf.upstream_timeout = 25000;
	t.conf.budget_scale = 1;
	t.conf.budget_share = 1;
	t.slack.base = t.base;
	t.slack.conf = &t.conf;
	t.slack.region = region_private(&region);
	ck_assert_int_ge(board_claim(t.slack.region, 0, 1), 0);
	board_use(t.slack.region, 0);
	t.in = install_of("T1");
}

static void
teardown(void)
{
	ck_assert_ptr_null(t.job);
	ck_assert_int_eq(t.njobs, 0);
	ck_assert_int_eq(board_gauge_sum(t.slack.region, GAUGE_SLACK), 0);
	ck_assert_int_eq(board_gauge_sum(t.slack.region, GAUGE_WAITS), 0);
	ck_assert_int_eq(board_gauge_sum(t.slack.region, GAUGE_DETACHED), 0);
	ck_assert_uint_eq(t.in->refs, 1);
	install_drop(t.in);
	board_release(t.slack.region, 0);
	region_close(t.slack.region);
	event_base_free(t.base);
}

static struct slack_call *
ask(enum slack_method m, int64_t ms)
{
	return slack_ask(&t.slack, t.in, m, "a=b", 3, "C1", clock_ms() + ms, on_done, &t);
}

static void
run(void)
{
	int before = t.ended;

	while (t.ended == before)
		event_base_loop(t.base, EVLOOP_ONCE);
}

#define READ	METHOD_CONVERSATIONS_HISTORY
#define WRITE	METHOD_CHAT_POST_MESSAGE
#define SAFE	METHOD_REACTIONS_ADD
#define OK	{ 200, "{\"ok\":true,\"x\":\"y\"}", -1 }

static const struct {
	enum slack_method m;
	struct line script[4];		/* the last one stays */
	enum slack_class class;
	const char *code;
	size_t asked;
	bool sent, unknown;
} rows[] = {
	/* nothing was sent: once more, writes too */
	{ READ, { { 0, "", -1 } }, SLACK_TRANSPORT, "", 3, false, false },
	{ WRITE, { { 0, "", -1 } }, SLACK_TRANSPORT, "", 3, false, false },
	{ WRITE, { { 0, "", -1 }, OK }, SLACK_NONE, "", 2, true, false },
	/* nobody knows: reads again, a write never */
	{ READ, { { -1, "", -1 } }, SLACK_TRANSPORT, "", 3, true, false },
	{ READ, { { -1, "", -1 }, OK }, SLACK_NONE, "", 2, true, false },
	{ WRITE, { { -1, "", -1 }, OK }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 0, "", -1 }, { -1, "", -1 }, OK }, SLACK_TRANSPORT, "", 2, true, true },
	{ WRITE, { { 200, "", -1 }, OK }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 200, "<html>", -1 } }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 200, "[]", -1 } }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 200, "{\"ok\":true", -1 } }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 200, "{\"ok\":true}x", -1 } }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 200, "{\"ok\":\"true\"}", -1 } }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 200, "{\"ok\":false}", -1 } }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 302, "", -1 } }, SLACK_TRANSPORT, "", 1, true, true },
	{ WRITE, { { 500, "{\"ok\":true}", -1 } }, SLACK_TROUBLE, "", 1, true, true },
	{ WRITE, { { 503, "", -1 } }, SLACK_TROUBLE, "", 1, true, true },
	{ WRITE, { { 200, "{\"ok\":false,\"error\":\"fatal_error\"}", -1 } }, SLACK_TROUBLE,
	  "fatal_error", 1, true, true },
	{ READ, { { 503, "", -1 }, { 200, "x", -1 }, OK }, SLACK_NONE, "", 3, true, false },
	/* would be as large the next time */
	{ READ, { { -2, "", -1 }, OK }, SLACK_LARGE, "", 1, true, false },
	{ WRITE, { { -2, "", -1 }, OK }, SLACK_LARGE, "", 1, true, true },
	/* a write that may be repeated: once when it is unclear */
	{ SAFE, { { 503, "", -1 }, OK }, SLACK_NONE, "", 2, true, false },
	{ SAFE, { { -1, "", -1 } }, SLACK_TRANSPORT, "", 2, true, true },
	{ SAFE, { { 0, "", -1 } }, SLACK_TRANSPORT, "", 3, false, false },
	{ SAFE, { { 429, "", 0 }, { 500, "", -1 }, OK }, SLACK_NONE, "", 3, true, false },
	{ SAFE, { { 429, "", 0 }, { 429, "", 0 }, OK }, SLACK_NONE, "", 3, true, false },
	/* unsent and unclear have one budget, a 429 is not charged to it */
	{ READ, { { 0, "", -1 }, { 503, "", -1 }, { 503, "", -1 }, OK }, SLACK_TROUBLE, "", 3,
	  true, false },
	{ SAFE, { { 0, "", -1 }, { 503, "", -1 }, OK }, SLACK_TROUBLE, "", 2, true, true },
	{ READ, { { 503, "", -1 }, { 429, "", 0 }, { 503, "", -1 }, OK }, SLACK_NONE, "", 4,
	  true, false },
	{ WRITE, { { 429, "", 0 }, { 0, "", -1 }, { 429, "", 0 }, OK }, SLACK_NONE, "", 4,
	  true, false },
	{ READ, { { 429, "", 0 }, { 0, "", -1 }, { 429, "", 0 }, OK }, SLACK_NONE, "", 4,
	  true, false },
	/* Slack says no: that is the answer */
	{ READ, { { 200, "{\"ok\":false,\"error\":\"not_in_channel\"}", -1 }, OK },
	  SLACK_MEMBERSHIP, "not_in_channel", 1, true, false },
	{ WRITE, { { 200, "{\"ok\":false,\"error\":\"<b>odd</b>\\n\"}", -1 }, OK },
	  SLACK_OTHER, "boddb", 1, true, false },
	{ WRITE, { { 200, "{\"ok\":false,\"error\":\"token_expired\"}", -1 }, OK },
	  SLACK_EXPIRED, "token_expired", 1, true, false },
	/* 429 is before the work: again after it, writes too */
	{ WRITE, { { 429, "", 0 }, OK }, SLACK_NONE, "", 2, true, false },
	{ WRITE, { { 429, "{\"ok\":false,\"error\":\"ratelimited\"}", 0 }, OK }, SLACK_NONE,
	  "", 2, true, false },
	{ READ, { { 200, "{\"ok\":false,\"error\":\"rate_limited\"}", 0 }, OK }, SLACK_NONE,
	  "", 2, true, false },
	/* beyond the deadline: said at once */
	{ READ, { { 429, "", 60 }, OK }, SLACK_WAIT, "", 1, false, false },
	{ WRITE, { { 429, "", -1 }, OK }, SLACK_WAIT, "", 1, false, false },
	{ READ, { OK }, SLACK_NONE, "", 1, true, false },
};

#define ROWS	(sizeof(rows) / sizeof(rows[0]))

static void
on_row(void *arg, const struct slack_answer *a)
{
	struct run *r = arg;

	t.ended++;
	r->ended++;
	r->a = *a;
	ck_assert_int_eq(a->class == SLACK_NONE, a->json != NULL);
	if (a->json != NULL)
		ck_assert_str_eq(js_text(a->json, "x"), "y");
}

static void
start_row(size_t i)
{
	char name[16];
	struct run *r = &runs[i];

	snprintf(name, sizeof(name), "row=%zu", i);
	*r = (struct run){ .play = { .script = rows[i].script }, .in = install_of(name) };
	slack_ask(&t.slack, r->in, rows[i].m, name, strlen(name), "C1", clock_ms() + 20000,
	    on_row, r);
}

static void
check_row(size_t i)
{
	struct run *r = &runs[i];
	bool waits = r->a.class == SLACK_WAIT;

	ck_assert_msg(r->ended == 1 && r->a.class == rows[i].class &&
	    strcmp(r->a.code, rows[i].code) == 0 && r->play.asked == rows[i].asked &&
	    r->a.sent == rows[i].sent && r->a.unknown == rows[i].unknown &&
	    (!waits || (r->a.wait_s >= 29 && r->a.wait_s <= 61)),
	    "row %zu: ended=%d class=%d code=%s asked=%zu sent=%d unknown=%d wait=%d", i,
	    r->ended, r->a.class, r->a.code, r->play.asked, r->a.sent, r->a.unknown,
	    r->a.wait_s);
	ck_assert_uint_eq(r->in->refs, 1);
	install_drop(r->in);
}

/* All at the same time, each in a workspace of its own: most of it is pauses. */
START_TEST(answers)
{
	ck_assert_uint_le(ROWS, RUNS);
	for (size_t i = 0; i < ROWS; i++)
		start_row(i);
	ck_assert_int_eq(t.ended, 0);
	while (t.ended < (int)ROWS)
		event_base_loop(t.base, EVLOOP_ONCE);
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < ROWS; i++)
		check_row(i);
}
END_TEST

START_TEST(what_is_sent)
{
	static const struct line ok[] = { OK, { 0, NULL, 0 } };

	t.play.script = ok;
	ask(READ, 20000);
	run();
	ck_assert_str_eq(t.url, "http://127.0.0.1:1/api/conversations.history");
	ck_assert_str_eq(t.form, "a=b");
	ck_assert_str_eq(t.authorization, "Bearer xoxb-1");
}
END_TEST

/* Its token is spent: renewed and asked again, once. */

struct token_wait {
	struct event *timer;
	token_fn *done;
	void *arg;
};

static void
on_renewal(evutil_socket_t fd, short what, void *arg)
{
	struct token_wait w = *(struct token_wait *)arg;

	(void)fd, (void)what;
	event_free(w.timer);
	free(arg);
	w.done(w.arg, t.in, NULL);
}

struct token_wait *
token_renew(struct tokens *tokens, struct install *in, int64_t deadline_ms,
    token_fn *done, void *arg)
{
	struct token_wait *w = mem_new(sizeof(*w));
	struct timeval now = { 0, 0 };

	ck_assert_ptr_eq(tokens, t.slack.tokens);
	ck_assert_ptr_eq(in, t.in);
	ck_assert_int_gt(deadline_ms, clock_ms());
	t.renewed++;
	w->done = done;
	w->arg = arg;
	w->timer = evtimer_new(t.base, on_renewal, w);
	evtimer_add(w->timer, &now);
	return w;
}

void
token_cancel(struct token_wait *w)
{
	event_free(w->timer);
	free(w);
}

#define SPENT	{ 200, "{\"ok\":false,\"error\":\"token_expired\"}", -1 }

START_TEST(renewed)
{
	static const enum slack_method methods[] = { READ, SAFE, WRITE };
	static const struct line once[] = { SPENT, OK, { 0, NULL, 0 } };
	static const struct line twice[] = { SPENT, SPENT, OK, { 0, NULL, 0 } };
	static const struct line more[] = { { 0, "", -1 }, SPENT, { 429, "", 0 }, OK,
	    { 0, NULL, 0 } };

	t.slack.tokens = (struct tokens *)&t;
	t.in->rotates = true;
	t.play.script = once;
	ask(methods[_i], 20000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_NONE);
	ck_assert_uint_eq(t.play.asked, 2);
	ck_assert_int_eq(t.renewed, 1);
	t.play.script = twice;
	t.play.at = 0;
	ask(methods[_i], 20000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_EXPIRED);
	ck_assert_uint_eq(t.play.asked, 4);
	ck_assert_int_eq(t.renewed, 2);
	if (methods[_i] != WRITE)
		return;
	t.play.script = more;		/* each cause has its own budget */
	t.play.at = 0;
	ask(methods[_i], 20000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_NONE);
	ck_assert_int_eq(t.renewed, 3);
	slack_cancel(ask(methods[_i], 20000));
}
END_TEST

/* A 429 binds the method in the workspace, for everybody, and nothing else. */
START_TEST(others_obey)
{
	static const struct line lines[] = { { 429, "", 40 }, OK, { 0, NULL, 0 } };

	t.play.script = lines;
	ask(READ, 5000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_WAIT);
	ask(READ, 5000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_WAIT);
	ck_assert_uint_eq(t.play.asked, 1);
	ask(METHOD_CONVERSATIONS_LIST, 5000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_NONE);
	ck_assert_uint_eq(t.play.asked, 2);
}
END_TEST

/* Three posts to a channel at once, the fourth a second later; or at once the
 * word that it does not fit. */
START_TEST(budget)
{
	static const struct line ok[] = { OK, { 0, NULL, 0 } };
	int64_t began = clock_ms();

	t.play.script = ok;
	for (int i = 0; i < 3; i++) {
		ask(WRITE, 10000);
		run();
	}
	ck_assert_int_lt(clock_ms() - began, 900);
	ask(WRITE, 1000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_WAIT);
	ck_assert_int_eq(t.a.wait_s, 1);
	ck_assert_uint_eq(t.play.asked, 3);
	ask(WRITE, 10000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_NONE);
	ck_assert_int_ge(clock_ms() - began, 900);
	t.conf.budget_scale = 0;	/* only a 429 binds */
	for (int i = 0; i < 20; i++) {
		ask(WRITE, 1500);
		run();
		ck_assert_int_eq(t.a.class, SLACK_NONE);
	}
}
END_TEST

/* Calls that wait: each leaves its number when it is sent. */

#define CALLS	24
#define FEW	8

static struct waiter {
	int sent, ended;
	enum slack_class class;
} waiters[CALLS];

static void
on_waiter(void *arg, const struct slack_answer *a)
{
	struct waiter *w = arg;

	w->ended++;
	w->class = a->class;
	t.ended++;
}

static struct slack_call *
line_up(int i, int64_t ms)
{
	char form[24];

	snprintf(form, sizeof(form), "n=%d", i);
	return slack_ask(&t.slack, t.in, READ, form, strlen(form), NULL, clock_ms() + ms,
	    on_waiter, &waiters[i]);
}

static void
run_all(int n)
{
	while (t.ended < n)
		event_base_loop(t.base, EVLOOP_ONCE);
}

/* One each ms from now on, none saved up. */
static void
one_each(int ms)
{
	struct budget b;

	memset(waiters, 0, sizeof(waiters));
	t.conf.budget_scale = 1200.0 / ms;
	budget_of(&b, &t.slack, t.in, READ, NULL);
	bucket_drain(t.slack.region, b.lane, b.rate, clock_ms());
}

/* In the order in which they came, also when a 429 was said to the first, and those
 * behind it have their slots already. */
START_TEST(in_order)
{
	static const struct line lines[] = { { 429, "", 1 }, OK, { 0, NULL, 0 } };

	t.conf.budget_scale = 12;	/* ten a second */
	t.play.script = lines;
	memset(waiters, 0, sizeof(waiters));
	line_up(0, 20000);
	while (board_gauge_sum(t.slack.region, GAUGE_WAITS) < 1)
		event_base_loop(t.base, EVLOOP_ONCE);
	for (int i = 1; i < FEW; i++)
		line_up(i, 20000);
	run_all(FEW);
	ck_assert_str_eq(t.forms, "n=0 n=0 n=1 n=2 n=3 n=4 n=5 n=6 n=7 ");
	for (int i = 0; i < FEW; i++)
		ck_assert_int_eq(waiters[i].class, SLACK_NONE);
}
END_TEST

/* All those of a burst are told to wait: they come again as they came. */
START_TEST(in_order_again)
{
	static const struct line lines[] = { { 429, "", 1 }, { 429, "", 1 }, { 429, "", 1 },
	    { 429, "", 1 }, OK, { 0, NULL, 0 } };

	t.conf.budget_scale = 12;
	t.play.script = lines;
	memset(waiters, 0, sizeof(waiters));
	for (int i = 0; i < 4; i++)
		line_up(i, 20000);
	run_all(4);
	ck_assert_uint_eq(t.play.asked, 8);
	ck_assert_str_eq(t.forms + strlen(t.forms) - 16, "n=0 n=1 n=2 n=3 ");
}
END_TEST

/* A 429 ends at once those who wait and have no time for it, and nobody else. */
START_TEST(no_time_any_more)
{
	static const struct line lines[] = { { 429, "", 2 }, OK, { 0, NULL, 0 } };
	int64_t began = clock_ms();

	one_each(600);
	t.play.script = lines;
	line_up(0, 20000);
	line_up(1, 2500);
	line_up(2, 20000);
	run_all(1);			/* the first one is told to wait */
	ck_assert_int_eq(waiters[1].class, SLACK_WAIT);
	ck_assert_int_lt(clock_ms() - began, 500);
	run_all(3);
	ck_assert_int_eq(waiters[0].class, SLACK_NONE);
	ck_assert_int_eq(waiters[2].class, SLACK_NONE);
	ck_assert_int_ge(clock_ms() - began, 2000);
	ck_assert_str_eq(t.forms, "n=0 n=0 n=2 ");
}
END_TEST

/* Who lost its slot to a 429 and finds none in time gets that of one who came later
 * and has time; and they still go as they came. */
START_TEST(nobody_is_lost)
{
	static const struct line ok[] = { OK, { 0, NULL, 0 } };
	char want[256] = "";

	t.play.script = ok;
	one_each(50);
	for (int i = 0; i < 20; i++)
		line_up(i, i == 1 ? 1800 : 20000);
	while (board_gauge_sum(t.slack.region, GAUGE_WAITS) < 19)
		event_base_loop(t.base, EVLOOP_ONCE);
	bucket_block(t.slack.region, "slack:A1:T1:conversations.history", clock_ms() + 500);
	run_all(20);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(waiters[i].class, SLACK_NONE);
		snprintf(want + strlen(want), sizeof(want) - strlen(want), "n=%d ", i);
	}
	ck_assert_str_eq(t.forms, want);
}
END_TEST

/* Another worker was told to wait: those who wait here for long learn it soon, and
 * not when their slot comes. */
START_TEST(told_elsewhere)
{
	static const struct line ok[] = { OK, { 0, NULL, 0 } };
	int64_t began = clock_ms();

	t.play.script = ok;
	one_each(4000);
	for (int i = 0; i < 3; i++)
		line_up(i, i == 1 ? 8000 : 20000);
	while (board_gauge_sum(t.slack.region, GAUGE_WAITS) < 2)
		event_base_loop(t.base, EVLOOP_ONCE);
	bucket_block(t.slack.region, "slack:A1:T1:conversations.history", began + 8000);
	run_all(2);
	ck_assert_int_eq(waiters[1].class, SLACK_WAIT);
	ck_assert_int_eq(waiters[2].ended, 0);	/* it has time */
	ck_assert_int_lt(clock_ms() - began, 1500);
	bucket_block(t.slack.region, "slack:A1:T1:conversations.history", began + 60000);
	run_all(3);
	ck_assert_int_eq(waiters[2].class, SLACK_WAIT);
	ck_assert_int_lt(clock_ms() - began, 2500);
	ck_assert_str_eq(t.forms, "n=0 ");
}
END_TEST

/* Who leaves takes no slot along. */
START_TEST(leavers)
{
	static const struct line ok[] = { OK, { 0, NULL, 0 } };
	struct slack_call *c[12];
	int64_t began = clock_ms();

	t.play.script = ok;
	one_each(100);
	for (int i = 0; i < 12; i++)
		c[i] = line_up(i, 20000);
	while (board_gauge_sum(t.slack.region, GAUGE_WAITS) < 11)
		event_base_loop(t.base, EVLOOP_ONCE);
	for (int i = 1; i < 10; i++)
		ck_assert(!slack_cancel(c[i]));
	line_up(12, 20000);
	run_all(4);
	ck_assert_str_eq(t.forms, "n=0 n=10 n=11 n=12 ");
	ck_assert_int_ge(clock_ms() - began, 290);
	ck_assert_int_lt(clock_ms() - began, 900);
}
END_TEST

/* But not one that a 429 has taken: until its end is nobody's. */
START_TEST(leavers_while_blocked)
{
	static const struct line ok[] = { OK, { 0, NULL, 0 } };
	struct slack_call *c[6];
	struct budget b;
	int64_t until;

	t.play.script = ok;
	one_each(100);
	for (int i = 0; i < 6; i++)
		c[i] = line_up(i, 20000);
	while (board_gauge_sum(t.slack.region, GAUGE_WAITS) < 5)
		event_base_loop(t.base, EVLOOP_ONCE);
	budget_of(&b, &t.slack, t.in, READ, NULL);
	until = clock_ms() + 700;
	bucket_block(t.slack.region, b.scope, until);
	bucket_drain(t.slack.region, b.lane, b.rate, until);
	for (int i = 1; i < 6; i++)
		ck_assert(!slack_cancel(c[i]));
	for (int i = 6; i < 9; i++)
		line_up(i, 20000);
	run_all(4);
	ck_assert_str_eq(t.forms, "n=0 n=6 n=7 n=8 ");
	ck_assert_int_ge(clock_ms() - until, 190);
}
END_TEST

/* More than there are connections: they wait here, where a 429 reaches them. */
START_TEST(no_connection)
{
	static const struct line ok[] = { OK, { 0, NULL, 0 } };

	t.play.script = ok;
	t.conf.budget_scale = 0;
	t.full = true;
	memset(waiters, 0, sizeof(waiters));
	line_up(0, 20000);
	line_up(1, 1100);
	run_all(1);			/* its time is over */
	ck_assert_int_eq(waiters[1].class, SLACK_WAIT);
	ck_assert_uint_eq(t.play.asked, 0);
	t.full = false;
	line_up(2, 20000);
	run_all(3);
	ck_assert_str_eq(t.forms, "n=0 n=2 ");
}
END_TEST

static void
on_bell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	*(bool *)arg = true;
}

/* How often the loop wakes meanwhile. */
static int
passes(int ms)
{
	struct timeval tv = clock_tv(ms);
	bool over = false;
	int n = 0;

	event_base_once(t.base, -1, EV_TIMEOUT, on_bell, &over, &tv);
	while (!over) {
		event_base_loop(t.base, EVLOOP_ONCE);
		n++;
	}
	return n;
}

/* Those who wait for a connection sleep, and two that become free at once two for them. */
START_TEST(all_connections)
{
	static const struct line ok[] = { OK, { 0, NULL, 0 } };
	struct timeval now = { 0, 0 };
	int64_t began;

	t.play.script = ok;
	t.conf.budget_scale = 0;
	t.hang = true;
	t.pool = 4;
	memset(waiters, 0, sizeof(waiters));
	for (int i = 0; i < 12; i++)
		line_up(i, 20000);
	while (board_gauge_sum(t.slack.region, GAUGE_WAITS) < 8)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_int_lt(passes(300), 10);
	began = clock_ms();
	for (int turn = 1; turn <= 3; turn++) {
		while (t.njobs < 4)
			event_base_loop(t.base, EVLOOP_ONCE);
		for (int i = 0; i < 4; i++)
			evtimer_add(t.jobs[i]->timer, &now);
		run_all(4 * turn);
	}
	ck_assert_int_lt(clock_ms() - began, 600);
	ck_assert_str_eq(t.forms, "n=0 n=1 n=2 n=3 n=4 n=5 n=6 n=7 n=8 n=9 n=10 n=11 ");
}
END_TEST

START_TEST(rates)
{
	struct budget b;

	budget_of(&b, &t.slack, t.in, WRITE, "C1");
	ck_assert_str_eq(b.scope, "slack:A1:T1:chat.postMessage");
	ck_assert_str_eq(b.lane, "slack:A1:T1:chat.postMessage:C1");
	ck_assert_int_eq(b.rate.per_minute, 60);
	ck_assert_int_eq(b.rate.burst, 3);
	t.conf.budget_share = 8;
	budget_of(&b, &t.slack, t.in, METHOD_CONVERSATIONS_LIST, "C1");
	ck_assert_str_eq(b.lane, b.scope);
	ck_assert_int_eq(b.rate.per_minute, 3);
	ck_assert_int_eq(b.rate.burst, 1);
	t.conf.budget_scale = 0;
	budget_of(&b, &t.slack, t.in, WRITE, "C1");
	ck_assert_int_eq(b.rate.per_minute, 0);
}
END_TEST

/* The cohort.  What Slack answers in turn: so many messages of those asked for,
 * more behind them or not; or a 429. */

#define PAGES	4

static const struct {
	struct page {
		int asked, messages;
		bool more;
		int wait_s;			/* a 429 instead */
	} pages[PAGES];
	bool learnt;
} cohorts[] = {
	{ { { 100, 15, true, 0 } }, false },
	{ { { 100, 15, true, 0 }, { 100, 15, true, 0 } }, true },
	{ { { 100, 15, true, 0 }, { 100, 0, false, 60 } }, true },
	{ { { 100, 15, true, 0 }, { 10, 0, false, 60 } }, true },
	{ { { 100, 15, true, 0 }, { 100, 0, false, 30 } }, false },
	{ { { 100, 0, false, 60 }, { 100, 0, false, 60 }, { 100, 0, false, 60 } }, false },
	{ { { 100, 0, false, 60 }, { 100, 15, true, 0 } }, false },
	{ { { 100, 15, false, 0 }, { 100, 15, false, 0 } }, false },	/* a small channel */
	{ { { 15, 15, true, 0 }, { 15, 15, true, 0 } }, false },	/* no more were asked for */
	{ { { 100, 14, true, 0 }, { 100, 14, true, 0 } }, false },
	{ { { 100, 15, true, 0 }, { 100, 16, true, 0 }, { 100, 15, true, 0 } }, false },
	{ { { 100, 15, true, 0 }, { 100, 15, true, 0 }, { 100, 16, true, 0 } }, false },
};

static void
page_of(char *out, size_t size, int n, bool more)
{
	size_t at = (size_t)snprintf(out, size, "{\"ok\":true,\"has_more\":%s,\"messages\":[",
	    more ? "true" : "false");

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, size - at, "%s{}", i > 0 ? "," : "");
	snprintf(out + at, size - at, "]}");
}

static void
turn_page(const struct page *p, enum slack_method m)
{
	static const struct line none = { 0, NULL, 0 };
	static char body[1024];
	struct line lines[] = { { p->wait_s > 0 ? 429 : 200, body, p->wait_s }, none };
	char form[64];

	if (p->asked == 0)
		return;
	page_of(body, sizeof(body), p->messages, p->more);
	snprintf(form, sizeof(form), "channel=C1&limit=%d", p->asked);
	t.play.script = lines;
	t.play.at = 0;
	bucket_unblock(t.slack.region, "slack:A1:T1:conversations.history");
	t.conf.budget_scale = 0;
	slack_ask(&t.slack, t.in, m, form, strlen(form), "C1", clock_ms() + 9000, on_done, &t);
	run();
}

START_TEST(cohort)
{
	struct budget b;

	for (int i = 0; i < PAGES; i++)
		turn_page(&cohorts[_i].pages[i], READ);
	ck_assert_int_eq(cohort_has(t.slack.region, t.in, READ), cohorts[_i].learnt);
	ck_assert_int_eq(cohort_has(t.slack.region, t.in, METHOD_CONVERSATIONS_REPLIES),
	    cohorts[_i].learnt);
	ck_assert(!cohort_has(t.slack.region, t.in, METHOD_CONVERSATIONS_LIST));
	t.conf.budget_scale = 1;
	budget_of(&b, &t.slack, t.in, READ, NULL);
	ck_assert_int_eq(b.rate.per_minute, cohorts[_i].learnt ? 1 : 50);
	ck_assert_int_eq(b.rare, cohorts[_i].learnt);
}
END_TEST

/* Who is in it asks once a minute from the moment that it is learnt. */
START_TEST(cohort_waits)
{
	static const char *const form = "channel=C1&limit=100";
	static char body[1024];
	struct line lines[] = { { 200, body, -1 }, { 0, NULL, 0 } };

	page_of(body, sizeof(body), 15, true);
	t.play.script = lines;
	for (int i = 0; i < 3; i++) {
		slack_ask(&t.slack, t.in, READ, form, strlen(form), "C1", clock_ms() + 9000,
		    on_done, &t);
		run();
	}
	ck_assert_int_eq(t.a.class, SLACK_WAIT);
	ck_assert_int_ge(t.a.wait_s, 59);
	ck_assert(t.a.rare);
	ck_assert_uint_eq(t.play.asked, 2);
}
END_TEST

/* It is forgotten after a day, whatever comes in between. */
START_TEST(cohort_ends)
{
	int64_t until;

	for (int i = 0; i < PAGES; i++)
		turn_page(&cohorts[1].pages[i], READ);
	until = bucket_blocked(t.slack.region, "slack:A1:T1:limited");
	ck_assert_int_ge(until, clock_ms() + 86400000 - 60000);
	ck_assert_int_le(until, clock_ms() + 86400000);
	bucket_unblock(t.slack.region, "slack:A1:T1:limited");
	until -= 3600000;		/* an hour later */
	bucket_block(t.slack.region, "slack:A1:T1:limited", until);
	turn_page(&cohorts[1].pages[0], READ);
	ck_assert_int_eq(bucket_blocked(t.slack.region, "slack:A1:T1:limited"), until);
	for (int i = 0; i < PAGES; i++)
		turn_page(&cohorts[1].pages[i], METHOD_CONVERSATIONS_LIST);
}
END_TEST

START_TEST(no_token)
{
	secret_wipe(&t.in->bot_token);
	ask(READ, 5000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_REVOKED);
	ck_assert(!t.a.sent);
	secret_set(&t.in->bot_token, "Bearer xoxb-1");
	t.in->expires = clock_wall_ms() - 1;
	ask(READ, 5000);
	run();
	ck_assert_int_eq(t.a.class, SLACK_EXPIRED);
	ck_assert_uint_eq(t.play.asked, 0);
}
END_TEST

/* Nobody listens any more: only a write that was given to curl goes on. */
START_TEST(cancels)
{
	static const struct line lines[] = { { 429, "", 0 }, { 0, NULL, 0 } };
	struct timeval now = { 0, 0 };
	struct slack_call *c;

	t.play.script = lines;
	t.hang = true;
	ck_assert(!slack_cancel(ask(WRITE, 5000)));
	c = ask(READ, 5000);
	while (t.job == NULL)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert(!slack_cancel(c));
	ck_assert_ptr_null(t.job);
	c = ask(WRITE, 5000);
	while (t.job == NULL)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert(slack_cancel(c));
	ck_assert_int_eq(board_gauge_sum(t.slack.region, GAUGE_DETACHED), 1);
	evtimer_add(t.job->timer, &now);
	run();
	ck_assert_int_eq(t.a.class, SLACK_WAIT);	/* and not sent again */
	ck_assert_uint_eq(t.play.asked, 2);
	ck_assert_int_eq(t.ended, 1);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("calls");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, answers);
	tcase_add_test(tc, no_token);
	tcase_add_test(tc, cancels);
	tcase_add_loop_test(tc, renewed, 0, 3);
	tcase_add_test(tc, others_obey);
	tcase_add_test(tc, budget);
	tcase_add_loop_test(tc, cohort, 0, sizeof(cohorts) / sizeof(cohorts[0]));
	tcase_add_test(tc, cohort_ends);
	tcase_add_test(tc, cohort_waits);
	tcase_add_test(tc, in_order);
	tcase_add_test(tc, in_order_again);
	tcase_add_test(tc, no_time_any_more);
	tcase_add_test(tc, nobody_is_lost);
	tcase_add_test(tc, told_elsewhere);
	tcase_add_test(tc, leavers);
	tcase_add_test(tc, leavers_while_blocked);
	tcase_add_test(tc, no_connection);
	tcase_add_test(tc, all_connections);
	tcase_add_test(tc, rates);
	tcase_add_test(tc, what_is_sent);
	return run_case("slack_api", tc);
}
