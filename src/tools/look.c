/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/look.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "slack/id.h"
#include "tools/same.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKEW_S		15	/* our clock may be so much ahead of Slack's */
#define PAGE		"200"
#define FOUND_MAX	100	/* equal ones; of more nobody knows which it is */
#define LEDGER_MS	2000
#define CALL_MS		60000	/* a row may be so much older than its message */
#define BEHIND_MS	600000	/* our clock may be so much behind Slack's */
#define PAGES_MAX	5
#define ASK_MS		1500	/* kept of its time for asking */

struct look {
	struct look_ask ask;
	struct event *timer;
	struct slack_call *asked;
	struct unit *unit;
	char found[FOUND_MAX][24];
	size_t n;
	bool more;
	int pages;
	look_fn *done;
	void *arg;
};

static void
wipe(struct look *l)
{
	if (l->timer != NULL)
		event_free(l->timer);
	install_drop(l->ask.install);
	free(l);
}

static void
end(struct look *l, const char *ts)
{
	char copy[24];

	snprintf(copy, sizeof(copy), "%s", ts);
	log_info("posts", "a post of unknown outcome was looked for team=%s"
	    " channel=%s seen=%s", install_key(l->ask.install),
	    l->ask.id->channel, copy[0] != '\0' ? copy : "no");
	l->done(l->arg, copy);
	wipe(l);
}

static int64_t
since(const struct look *l)
{
	return l->ask.made / 1000 - SKEW_S;
}

/* There must be as many equal posts as are open, and this one: of fewer it may be
 * another's that is there, of more it is not to be told which. */
static void
on_beside(void *arg, const struct answer *a, const struct err *err)
{
	struct look *l = arg;
	const char *first = "";
	size_t n = 0;

	l->unit = NULL;
	for (size_t i = 0; err == NULL && i < l->n; i++)
		if (!posts_own(a, l->found[i])) {
			first = l->found[i];
			n++;
		}
	end(l, err == NULL && n == 1 + posts_twins(a, l->ask.id,
	    since(l) * 1000 - CALL_MS) ? first : "");
}

static bool
is_own(const struct look *l, const struct js *m)
{
	const struct install *in = l->ask.install;

	return in->bot_id[0] != '\0' ?
	    strcmp(js_text(m, "bot_id"), in->bot_id) == 0 :
	    in->bot_user_id[0] != '\0' &&
	    strcmp(js_text(m, "user"), in->bot_user_id) == 0;
}

/* In the thread, or in none. */
static bool
is_there(const struct look *l, const struct js *m)
{
	const char *ts = js_text(m, "ts"), *thread = js_text(m, "thread_ts");

	if (l->ask.thread[0] == '\0')
		return thread[0] == '\0' || strcmp(thread, ts) == 0;
	return strcmp(thread, l->ask.thread) == 0 && strcmp(thread, ts) != 0;
}

static void
pick(struct look *l, const struct js *answer)
{
	for (const struct js *m = js_first(answer, "messages"); m != NULL;
	     m = m->next) {
		const char *ts = js_text(m, "ts");

		if (!slack_is_ts(ts) || strtoll(ts, NULL, 10) < since(l) ||
		    !is_own(l, m) || !is_there(l, m) ||
		    !same_text(l->ask.text, js_text(m, "text"),
			l->ask.markdown))
			continue;
		if (l->n < FOUND_MAX)
			snprintf(l->found[l->n++], sizeof(l->found[0]), "%s",
			    ts);
		else
			l->more = true;
	}
}

static void on_messages(void *arg, const struct slack_answer *a);

static void
ask_page(struct look *l, const char *cursor)
{
	const struct look_ask *ask = &l->ask;
	bool threaded = ask->thread[0] != '\0';
	struct buf form = { 0 };

	l->pages++;
	buf_form(&form, "channel", ask->id->channel, strlen(ask->id->channel));
	if (threaded)
		buf_form(&form, "ts", ask->thread, strlen(ask->thread));
	buf_fmt(&form, "&oldest=%lld.000000&inclusive=true&limit=" PAGE,
	    (long long)since(l));
	if (cursor[0] != '\0')
		buf_form(&form, "cursor", cursor, strlen(cursor));
	l->asked = slack_ask(ask->slack, ask->install,
	    threaded ? METHOD_CONVERSATIONS_REPLIES :
	    METHOD_CONVERSATIONS_HISTORY, form.p, form.len, ask->id->channel,
	    ask->deadline, on_messages, l);
	buf_wipe(&form);
}

static void
on_messages(void *arg, const struct slack_answer *a)
{
	struct look *l = arg;
	const char *next = js_text(js_get(a->json, "response_metadata",
	    JS_OBJECT), "next_cursor");

	l->asked = NULL;
	if (a->class == SLACK_NONE)
		pick(l, a->json);
	if (next[0] != '\0' && l->pages < PAGES_MAX) {
		ask_page(l, next);
		return;
	}
	if (l->n == 0 || l->more) {
		end(l, "");
		return;
	}
	l->unit = posts_beside(l->ask.slack->store, l->ask.id,
	    since(l) * 1000 - BEHIND_MS, LEDGER_MS, on_beside, l);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	ask_page(arg, "");
}

struct look *
look_start(const struct look_ask *ask, look_fn *done, void *arg)
{
	struct look *l = mem_new(sizeof(*l));
	int64_t left = ask->deadline - clock_ms() - ASK_MS;
	struct timeval wait = clock_tv(left < ask->wait_ms ? left : ask->wait_ms);

	l->ask = *ask;
	install_hold(l->ask.install);
	l->done = done;
	l->arg = arg;
	l->timer = evtimer_new(ask->slack->base, on_time, l);
	if (l->timer == NULL)
		fatal("no timer for a look");
	evtimer_add(l->timer, &wait);
	return l;
}

void
look_cancel(struct look *l)
{
	if (l->asked != NULL)
		slack_cancel(l->asked);		/* a read: it ends */
	if (l->unit != NULL)
		store_cancel(l->unit);
	wipe(l);
}
