/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "shm/board.h"
#include "slack/budget.h"
#include "slack/error.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS	1000	/* the least that must be left for Slack's answer */
#define PAUSE_MS	200	/* before another try; doubles */
#define JSON_DEPTH	64

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
	struct httpc_job *job;		/* given to curl */
	bool reserved;			/* has a slot of the budget */
	bool waits;			/* counted in GAUGE_WAITS */
	bool detached;			/* nobody listens: finish what was sent, no more */
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

static void
end(struct slack_call *c, const struct slack_answer *a)
{
	if (a->class != SLACK_NONE) {
		counter_up(CNT_SLACK_ERRORS);
		log_at(a->class == SLACK_BUG ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
		    "slack", "%s failed team=%s class=%s error=%s tries=%u%s",
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

static void on_reply(void *arg, const struct httpc_reply *reply,
    const struct err *err);

static void
send_it(struct slack_call *c)
{
	const struct conf *conf = c->s->conf;
	int64_t left = c->deadline - clock_ms();
	char url[512];
	struct httpc_ask ask = {
		.url = url, .authorization = &c->in->bot_token,
		.form = c->form.p, .form_len = c->form.len,
	};

	snprintf(url, sizeof(url), "%s%s", conf->slack_api_url,
	    methods[c->m].name);
	ask.timeout_ms = (long)(left < conf->upstream_timeout ? left :
	    conf->upstream_timeout);
	if (ask.timeout_ms < 1)
		ask.timeout_ms = 1;
	c->reserved = false;
	c->tries++;
	counter_up(CNT_SLACK_CALLS);
	board_gauge(GAUGE_SLACK, 1);
	c->job = httpc_post(c->s->httpc, &ask, on_reply, c);
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

/* The next step: whoever wakes looks first whether Slack said 429 meanwhile. */
static void
go_on(struct slack_call *c)
{
	struct slack_answer a = { .class = SLACK_NONE };
	int64_t now = clock_ms(), at, again = now;

	waiting(c, false);
	if (useless(c, &a)) {
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
	unsigned allowed = a->sent ? repeats[methods[c->m].safe].unclear :
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

/* response_metadata.messages in one line: their own words, without "[ERROR]". */
static void
read_detail(struct json_object *json, struct slack_answer *a)
{
	struct json_object *meta, *list;
	size_t n = 0;

	if (!json_object_object_get_ex(json, "response_metadata", &meta) ||
	    !json_object_is_type(meta, json_type_object) ||
	    !json_object_object_get_ex(meta, "messages", &list) ||
	    !json_object_is_type(list, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(list) && i < 4; i++) {
		const char *s = json_object_get_string(
		    json_object_array_get_idx(list, i));

		if (s == NULL)
			continue;
		if (strncmp(s, "[ERROR] ", 8) == 0)
			s += 8;
		if (n > 0 && n + 3 < sizeof(a->detail)) {
			a->detail[n++] = ';';
			a->detail[n++] = ' ';
		}
		for (; *s != '\0' && n + 1 < sizeof(a->detail); s++)
			if (*s >= ' ' && *s <= '~')
				a->detail[n++] = *s;
	}
	a->detail[n] = '\0';
}

static void
read_word(struct json_object *json, const char *key, char *out, size_t size)
{
	struct json_object *v;

	if (json_object_object_get_ex(json, key, &v) &&
	    json_object_is_type(v, json_type_string))
		slack_word(out, size, json_object_get_string(v),
		    (size_t)json_object_get_string_len(v));
}

struct json_object *
slack_parse(const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *json = NULL;

	if (tok == NULL)
		fatal("no JSON parser");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	if (len > 0 && len < INT_MAX)
		json = json_tokener_parse_ex(tok, text, (int)len);
	if (json != NULL &&
	    (json_tokener_get_error(tok) != json_tokener_success ||
		!json_object_is_type(json, json_type_object))) {
		json_object_put(json);
		json = NULL;
	}
	json_tokener_free(tok);
	return json;
}

/* Slack's answer, whatever it is, in our classes. */
static void
classify(const struct httpc_reply *reply, struct json_object *json,
    struct slack_answer *a)
{
	struct json_object *ok = NULL;

	a->class = SLACK_TRANSPORT;
	if (json != NULL && json_object_object_get_ex(json, "ok", &ok) &&
	    json_object_is_type(ok, json_type_boolean)) {
		if (json_object_get_boolean(ok) && reply->status == 200) {
			a->class = SLACK_NONE;
			a->json = json;
			return;
		}
		read_word(json, "error", a->code, sizeof(a->code));
		read_word(json, "needed", a->needed, sizeof(a->needed));
		read_detail(json, a);
		if (a->code[0] != '\0')
			a->class = slack_class_of(a->code);
	}
	if (reply->status == 429)
		a->class = SLACK_WAIT;
	else if (reply->status >= 500)
		a->class = SLACK_TROUBLE;
}

static void
obey(struct slack_call *c, const struct httpc_reply *reply)
{
	int64_t until;

	counter_up(CNT_SLACK_RATELIMITED);
	budget_block(c->s->region, &c->budget, reply->retry_after);
	until = budget_blocked(c->s->region, &c->budget);
	log_info("slack", "%s must wait team=%s seconds=%d", methods[c->m].name,
	    install_key(c->in), (int)((until - clock_ms()) / 1000));
	if (c->detached)
		end_wait(c, until);
	else
		wait_until(c, until);
}

static void
take_reply(struct slack_call *c, const struct httpc_reply *reply,
    const struct err *err)
{
	struct slack_answer a = { .class = SLACK_TRANSPORT };
	struct json_object *json = NULL;

	c->job = NULL;
	board_gauge(GAUGE_SLACK, -1);
	board_slack(reply != NULL);
	if (reply != NULL) {
		log_debug("slack", "%s answered team=%s status=%ld bytes=%zu"
		    " slack_request=%s", methods[c->m].name, install_key(c->in),
		    reply->status, reply->len, reply->request_id);
		a.sent = true;
		json = slack_parse(reply->body, reply->len);
		classify(reply, json, &a);
	} else {
		a.sent = err->kind != ERR_UPSTREAM;
		log_info("slack", "%s got no answer team=%s: %s",
		    methods[c->m].name, install_key(c->in), err->text);
	}
	if (a.class == SLACK_WAIT && reply != NULL)
		obey(c, reply);
	else if (a.class == SLACK_TRANSPORT || a.class == SLACK_TROUBLE)
		try_again(c, &a);
	else
		end(c, &a);
	json_object_put(json);
}

static void
on_reply(void *arg, const struct httpc_reply *reply, const struct err *err)
{
	struct slack_call *c = arg;
	char request[sizeof(c->request)];
	const char *before;

	memcpy(request, c->request, sizeof(request));
	before = log_request(request[0] != '\0' ? request : NULL);
	take_reply(c, reply, err);
	log_request(before);
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
	if (c->job != NULL && methods[c->m].safe != SAFE_READ) {
		if (!c->detached)
			board_gauge(GAUGE_DETACHED, 1);
		c->detached = true;
		return true;
	}
	if (c->job != NULL) {
		httpc_cancel(c->job);
		board_gauge(GAUGE_SLACK, -1);
	}
	free_call(c);
	return false;
}
