/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/sending.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "shm/board.h"
#include "slack/error.h"
#include "slack/id.h"
#include "tools/look.h"
#include "tools/posting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS		4000	/* kept of the call's time for a look */
#define SETTLE_MS	1000	/* before it: Slack may be at it still */
#define AGAIN_MS	250	/* an equal call is under way: how is it now? */
#define PARTS_MAX	20	/* Slack takes one a second */

struct sending {
	struct buf texts;		/* of the parts, each with its NUL */
	const char *text;		/* of the one in work */
	struct sent *sent;
	size_t n, at;
	char channel[32];
	bool truncated, hushed;

	struct event *again;
	struct look *look;
	bool fresh;			/* for what was sent now, else for an equal call's */
	struct slack_answer unclear;	/* why it is looked for */
};

/* What became of it. */

size_t
sending_count(const struct call *call)
{
	return call->sending->n;
}

const struct sent *
sending_part(const struct call *call, size_t i)
{
	return &call->sending->sent[i];
}

const char *
sending_channel(const struct call *call)
{
	return call->sending->channel;
}

bool
sending_truncated(const struct call *call)
{
	return call->sending->truncated;
}

bool
sending_hushed(const struct call *call)
{
	return call->sending->hushed;
}

void
sending_free(struct sending *s)
{
	if (s == NULL)
		return;
	if (s->again != NULL)
		event_free(s->again);
	buf_wipe(&s->texts);
	free(s->sent);
	free(s);
}

/* The thread that the part in work goes to, or "". */
static const char *
thread(const struct call *call)
{
	const char *given = call_text(call, "thread_ts");

	if (given[0] != '\0' || call->sending->at == 0)
		return given;
	return call->sending->sent[0].ts;
}

/* How to go on after that: with an equal call, or by hand. */
static void
put_way(const struct call *call, bool final, struct buf *out)
{
	const struct sending *s = call->sending;

	if (s->n > 1 && !final && call_of(call, ARG_KEY)[0] != '\0')
		buf_str(out, " An equal call with the same idempotency_key goes"
		    " on from here.");
	else if (s->at > 0 && thread(call)[0] != '\0')
		buf_fmt(out, " To go on, post what is missing, and only that,"
		    " with thread_ts %s.", thread(call));
}

/* An error's text is in call->out: what was done before it, and what was not. */
static void
stop(struct call *call, bool final)
{
	struct sending *s = call->sending;
	struct buf text = { 0 };

	if (s->at > 0) {
		buf_fmt(&text, "Of %zu parts %zu are posted, with ts", s->n,
		    s->at);
		for (size_t i = 0; i < s->at; i++)
			buf_fmt(&text, "%s %s", i > 0 ? "," : "",
			    s->sent[i].ts[0] != '\0' ? s->sent[i].ts :
			    "unknown");
		buf_str(&text, ". The next one: ");
	}
	buf_add(&text, call->out.p, call->out.len);
	if (s->at + 1 < s->n)
		buf_str(&text, " What follows in the text was not sent.");
	put_way(call, final, &text);
	buf_wipe(&call->out);
	call->out = text;
	call_end(call, true);
}

static void next_part(struct call *call);

static void
part_done(struct call *call, const char *ts, bool earlier, bool found)
{
	struct sending *s = call->sending;
	struct sent *part = &s->sent[s->at];

	snprintf(part->ts, sizeof(part->ts), "%s", slack_is_ts(ts) ? ts : "");
	part->earlier = earlier;
	part->found = found;
	s->at++;
	s->text += strlen(s->text) + 1;
	next_part(call);
}

/* A look for it. */

static void
refuse(struct call *call, enum post_word word, const char *text)
{
	bool first = call->sending->at == 0;

	buf_fmt(&call->out, "Nothing was posted now. This %s", post_text(word));
	if (word == POST_REFUSED)
		buf_fmt(&call->out, " (%s): %s", text, slack_error_text(text));
	else
		buf_char(&call->out, '.');
	buf_fmt(&call->out, " %s",
	    first ? post_way(word) : "Look at the thread for it.");
	stop(call, word != POST_OPEN || !first);
}

static void
on_looked(void *arg, const char *ts)
{
	struct call *call = arg;
	struct sending *s = call->sending;

	s->look = NULL;
	if (ts[0] != '\0') {
		counter_up(CNT_POSTS_FOUND);
		ledger_found(call, ts, s->fresh);
		part_done(call, ts, !s->fresh, s->fresh);
	} else if (s->fresh) {
		ledger_end(call, &s->unclear);
		slack_explain(call->box->slack, &s->unclear,
		    METHOD_CHAT_POST_MESSAGE, &call->out);
		stop(call, false);
	} else {
		refuse(call, POST_OPEN, "");
	}
}

/* made: when the row was, that is before the message could be sent. */
static void
look_for(struct call *call, int64_t made, bool fresh)
{
	struct look_ask ask = {
		.slack = call->box->slack, .install = call->install,
		.id = &call->id, .text = call->sending->text,
		.markdown = posting_is_markdown(call), .thread = thread(call),
		.made = made, .wait_ms = fresh ? SETTLE_MS : 0,
		.deadline = call->deadline,
	};

	call->sending->fresh = fresh;
	call->sending->look = look_start(&ask, on_looked, call);
}

/* To Slack and back. */

static void
on_posted(void *arg, const struct slack_answer *a)
{
	struct call *call = arg;
	struct sending *s = call->sending;
	const char *channel = js_text(a->json, "channel");

	call->asked = NULL;
	if (a->unknown && call->done != NULL) {
		s->unclear = *a;
		s->unclear.json = NULL;
		look_for(call, call->id.made, true);
		return;
	}
	ledger_end(call, a);
	if (call->done == NULL) {
		call_free(call);
	} else if (a->class != SLACK_NONE) {
		slack_explain(call->box->slack, a, METHOD_CHAT_POST_MESSAGE,
		    &call->out);
		stop(call, a->sent && a->class != SLACK_WAIT);
	} else {
		if (slack_is_id(channel, strlen(channel), NULL))
			snprintf(s->channel, sizeof(s->channel), "%s", channel);
		if (strstr(js_text(a->json, "warning"), "message_truncated") !=
		    NULL)
			s->truncated = true;
		part_done(call, js_text(a->json, "ts"), false, false);
	}
}

/* What is left when a look would still fit; of little time half. */
static int64_t
deadline(const struct call *call)
{
	int64_t left = call->deadline - clock_ms(), look = left / 2;

	if (left <= LOOK_MS)
		return call->deadline;
	return call->deadline - (look < LOOK_MS ? look : LOOK_MS);
}

static void
post_it(struct call *call)
{
	struct sending *s = call->sending;
	struct buf form = { 0 };
	const char *before;

	call_form(call, &form);
	posting_form(call, s->text, s->at == 0, &form);
	if (call_text(call, "thread_ts")[0] == '\0' && s->at > 0)
		buf_form(&form, "thread_ts", thread(call), strlen(thread(call)));
	before = log_request(call->request[0] != '\0' ? call->request : NULL);
	call->asked = slack_ask(call->box->slack, call->install,
	    METHOD_CHAT_POST_MESSAGE, form.p, form.len, call->id.channel,
	    deadline(call), on_posted, call);
	log_request(before);
	buf_wipe(&form);
}

static void
store_away(struct call *call, const struct err *err)
{
	log_debug("tools", "the ledger of posts is out of reach: %s",
	    err->text);
	buf_str(&call->out, err->kind == ERR_NOT_FOUND ?
	    "Nothing was posted: the workspace is not connected any more."
	    " slack_list_workspaces shows those that are." :
	    "Nothing was posted: this server's store does not take"
	    " it, and without it a post could happen twice. Reading goes on; try"
	    " to post again in a minute.");
	stop(call, false);
}

/* By a worker of this host, that is; of another's nothing is known.  No call lasts
 * longer than that: then its outcome could not be stored. */
static bool
under_way(const struct call *call, const struct post_was *was)
{
	const struct conf *conf = call->box->slack->conf;
	int64_t age = clock_wall_ms() - was->made;

	return was->sending &&
	    age < conf->request_timeout + conf->upstream_timeout &&
	    board_owner_lives(call->box->slack->region, was->owner);
}

static void
on_open(struct call *call, const struct post_was *was)
{
	struct timeval soon = clock_tv(AGAIN_MS);

	if (!under_way(call, was)) {
		call->id.made = was->made;
		look_for(call, was->made, false);
	} else if (clock_ms() + AGAIN_MS < call->deadline) {
		evtimer_add(call->sending->again, &soon);
	} else {
		refuse(call, POST_OPEN, "");
	}
}

static void
on_begun(void *arg, enum post_word word, const struct post_was *was,
    const struct err *err)
{
	struct call *call = arg;

	call->post = NULL;
	if (call->sending->at == 0)
		call->head = word == POST_GO ? call->id.made : was->made;
	if (call->done == NULL) {
		if (err == NULL && word == POST_GO)
			ledger_unsent(call);
		call_free(call);
	} else if (err != NULL) {
		store_away(call, err);
	} else if (word == POST_GO) {
		post_it(call);
	} else if (word == POST_POSTED) {
		counter_up(CNT_POSTS_REPEATED);
		part_done(call, was->text, true, false);
	} else if (word == POST_OPEN) {
		on_open(call, was);
	} else {
		refuse(call, word, was->text);
	}
}

/* Its first part has no ts that a thread could begin with: that is no answer of
 * Slack's, but the rest must not go astray for it. */
static bool
astray(const struct call *call)
{
	return call->sending->at > 0 && thread(call)[0] == '\0';
}

static void
begin(struct call *call)
{
	call->post = ledger_begin(call, call->sending->at, on_begun);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	begin(arg);
}

static void
next_part(struct call *call)
{
	struct sending *s = call->sending;

	if (s->at == s->n) {
		call_run(call);
		return;
	}
	if (astray(call)) {
		buf_str(&call->out, "It was not sent: Slack has not told which"
		    " thread it goes to.");
		stop(call, true);
		return;
	}
	begin(call);
}

static void
too_long(struct call *call)
{
	buf_fmt(&call->out, "The text makes %zu messages, and one call may post %d."
	    " Nothing was posted. Post it in several calls, the later ones with"
	    " the first one's ts as thread_ts. (Of & < > and emoji fewer fit"
	    " one message.)", call->sending->n, PARTS_MAX);
	call_later(call, true);
}

void
sending_start(struct call *call)
{
	struct sending *s = mem_new(sizeof(*s));

	call->sending = s;
	s->n = posting_texts(call, &s->texts, &s->hushed);
	s->text = s->texts.p;
	s->sent = mem_new(s->n * sizeof(s->sent[0]));
	snprintf(s->channel, sizeof(s->channel), "%s",
	    call_of(call, ARG_CHANNEL));
	s->again = evtimer_new(call->box->slack->base, on_again, call);
	if (s->again == NULL)
		fatal("no timer for a post");
	if (s->n > PARTS_MAX)
		too_long(call);
	else
		next_part(call);
}

bool
sending_cancel(struct call *call)
{
	struct sending *s = call->sending;

	if (call->post != NULL)
		return true;		/* its callback frees the call */
	if (s->look != NULL) {
		look_cancel(s->look);
		if (s->fresh)
			ledger_end(call, &s->unclear);
	} else if (call->asked != NULL) {
		if (slack_cancel(call->asked))
			return true;	/* under way: the ledger must be told */
		ledger_unsent(call);
	}
	return false;
}
