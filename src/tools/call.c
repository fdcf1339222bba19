/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/list.h"
#include "base/mem.h"
#include "shm/board.h"
#include "slack/directory.h"
#include "slack/error.h"
#include "tools/names.h"
#include "tools/window.h"
#include "tools/sending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN_MS	500	/* left for the answer's own way */

/* What a call may be asked for. */

struct json_object *
call_arg(const struct call *call, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(call->args, name, &v) ? v : NULL;
}

const char *
call_text(const struct call *call, const char *name)
{
	struct json_object *v = call_arg(call, name);

	return json_object_is_type(v, json_type_string) ?
	    json_object_get_string(v) :
	    "";
}

static const struct tool_arg *
first(const struct call *call, enum arg_type type)
{
	for (const struct tool_arg *a = call->tool->args; a->name != NULL; a++)
		if (a->type == type)
			return a;
	return NULL;
}

const char *
call_of(const struct call *call, enum arg_type type)
{
	const struct tool_arg *a = first(call, type);

	return a != NULL ? call_text(call, a->name) : "";
}

/* A page that was shown in part comes again with the limit it had. */
static long
number(const struct call *call, const struct tool_arg *a)
{
	struct json_object *v = call_arg(call, a->name);

	if (call->limit != 0 && a->type == ARG_LIMIT)
		return call->limit;
	return v != NULL ? (long)json_object_get_int64(v) : a->dflt;
}

long
call_number(const struct call *call, enum arg_type type)
{
	const struct tool_arg *a = first(call, type);

	return a != NULL ? number(call, a) : 0;
}

const struct install *
call_install(const struct call *call)
{
	return call->install;
}

const struct policy *
call_policy(const struct call *call)
{
	return call->policy;
}

struct toolbox *
call_box(const struct call *call)
{
	return call->box;
}

struct names *
call_names(const struct call *call)
{
	return call->names;
}

const struct fence *
call_fence(const struct call *call)
{
	return &call->fence;
}

void
call_digest(const struct call *call, unsigned char out[32])
{
	struct buf b = { 0 };

	buf_add(&b, call->tool->name, strlen(call->tool->name) + 1);
	if (call->install != NULL)
		buf_str(&b, install_key(call->install));
	buf_char(&b, '\0');
	for (const struct tool_arg *a = call->tool->args; a->name != NULL;
	     a++) {
		struct json_object *v = call_arg(call, a->name);
		const char *s = v == NULL ? "" :
		    json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);

		if (a->type == ARG_CURSOR || a->type == ARG_KEY ||
		    a->type == ARG_TEAM || a->type == ARG_LIMIT ||
		    a->type == ARG_FORMAT)
			continue;
		buf_add(&b, a->name, strlen(a->name) + 1);
		buf_add(&b, s, strlen(s) + 1);
	}
	crypto_sha256(b.p, b.len, out);
	buf_wipe(&b);
}

/* Life and death. */

void
call_free(struct call *call)
{
	if (call->counted) {
		board_gauge(GAUGE_CALLS, -1);
		board_key_down(call->box->slack->region,
		    call->policy->principal);
	}
	if (call->timer != NULL)
		event_free(call->timer);
	sending_free(call->sending);
	json_object_put(call->args);
	js_free(call->answer);
	names_free(call->names);
	install_drop(call->install);
	policy_drop(call->policy);
	free(call->cursor);
	buf_wipe(&call->note);
	buf_wipe(&call->out);
	buf_wipe(&call->json);
	free(call);
}

/* The one way out of a call that began. */
void
call_end(struct call *call, bool is_error)
{
	struct call_result r = { .is_error = is_error,
		.json = call->json.p, .json_len = call->json.len };

	if (is_error)
		counter_up(CNT_TOOL_ERRORS);
	if (call->note.len > 0) {
		if (call->out.len > 0)
			buf_add(&call->note, call->out.p, call->out.len);
		r.text = call->note.p;
		r.len = call->note.len;
	} else {
		r.text = call->out.len > 0 ? call->out.p : "";
		r.len = call->out.len;
	}
	if (call->done != NULL)
		call->done(call->arg, &r);
	call_free(call);
}

/* To Slack and back. */

static void
add(struct buf *form, const char *name, const char *value)
{
	buf_form(form, name, value, strlen(value));
}

void
call_form(const struct call *call, struct buf *form)
{
	char text[WINDOW_SIZE];

	for (const struct tool_arg *a = call->tool->args; a->name != NULL;
	     a++) {
		struct json_object *v = call_arg(call, a->name);

		if (a->slack == NULL || (call->latest[0] != '\0' &&
		    strcmp(a->slack, "latest") == 0))
			continue;
		if (arg_is_number(a) && (v != NULL || a->dflt != 0)) {
			snprintf(text, sizeof(text), "%ld", number(call, a));
			add(form, a->slack, text);
		} else if (a->type == ARG_BOOL && v != NULL) {
			add(form, a->slack,
			    json_object_get_boolean(v) ? "true" : "false");
		} else if (a->type == ARG_TS && v != NULL &&
		    window_bound(json_object_get_string(v), call->now, text)) {
			add(form, a->slack, text);
		} else if (!arg_is_number(a) && v != NULL) {
			add(form, a->slack, json_object_get_string(v));
		}
	}
	if (call->latest[0] != '\0')
		add(form, "latest", call->latest);
	if (cursor_at(call)[0] != '\0')
		add(form, "cursor", cursor_at(call));
}

static void
on_slack(void *arg, const struct slack_answer *a)
{
	struct call *call = arg;
	bool good = a->class == SLACK_NONE;

	call->asked = NULL;
	if (call->done == NULL) {
		call_free(call);
		return;
	}
	if (good || (call->tool->done != NULL && a->code[0] != '\0' &&
	    list_has(call->tool->done, a->code))) {
		call->answer = good ? js_hold(a->json) : NULL;
		call_run(call);
	} else {
		slack_explain(call->box->slack, a,
		    call->tool->method, &call->out);
		call_end(call, true);
	}
}

static void
ask_slack(struct call *call)
{
	struct buf form = { 0 };
	const char *before;

	call_form(call, &form);
	if (call->tool->form != NULL)
		call->tool->form(call, &form);
	before = log_request(call->request[0] != '\0' ? call->request : NULL);
	call->asked = slack_ask(call->box->slack, call->install,
	    call->tool->method, form.len > 0 ? form.p : "",
	    form.len, call_of(call, ARG_CHANNEL), call->deadline, on_slack, call);
	log_request(before);
	buf_wipe(&form);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	call_run(arg);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;

	(void)fd, (void)what;
	call_end(call, call->failed);
}

/* So that no callback comes before call_start has returned. */
static void
turn(struct call *call, event_callback_fn fn)
{
	struct timeval now = { 0, 0 };

	call->timer = evtimer_new(call->box->slack->base, fn, call);
	if (call->timer == NULL)
		fatal("no timer for a call");
	evtimer_add(call->timer, &now);
}

void
call_turn(struct call *call)
{
	turn(call, on_turn);
}

void
call_later(struct call *call, bool is_error)
{
	call->failed = is_error;
	turn(call, on_later);
}

/* What a call does, in this order.  A step that waits is followed when what it
 * waits for calls call_run. */

enum next { NEXT, WAIT, OVER };

/* Names become ids, and what came of them is checked as if it had been given. */
static enum next
resolve(struct call *call)
{
	if (call->install == NULL)
		return NEXT;
	if (resolve_next(call)) {
		call->step--;		/* and then again */
		return WAIT;
	}
	if (call->resolved && target_channels(call, &call->out) == -1) {
		call_end(call, true);
		return OVER;
	}
	return NEXT;
}

/* Whose ids are they? */
static enum next
belong(struct call *call)
{
	if (call->install == NULL || !belong_next(call))
		return NEXT;
	call->step--;			/* and then again */
	return WAIT;
}

/* It is bound to the arguments as Slack gets them, so not before. */
static enum next
find_page(struct call *call)
{
	if (cursor_take(call, &call->out) == 0)
		return NEXT;
	call_later(call, true);
	return WAIT;
}

static enum next
ask(struct call *call)
{
	if (call->tool->once)
		sending_start(call);
	else if (call->tool->method != METHOD_NONE)
		ask_slack(call);
	else if (call->tool->find != NULL)
		call->tool->find(call);
	else
		call_turn(call);
	return WAIT;
}

static bool
wants_json(const struct call *call)
{
	const char *given = call_of(call, ARG_FORMAT);

	return first(call, ARG_FORMAT) != NULL && (given[0] != '\0' ?
	    strcmp(given, "json") == 0 :
	    call->box->slack->conf->tool_format == TOOL_JSON);
}

static enum next
name(struct call *call)
{
	return !wants_json(call) && naming_begin(call) ? WAIT : NEXT;
}

static enum next
shape(struct call *call)
{
	if (wants_json(call))
		asjson_put(call, call->answer);
	else if (call->tool->list != NULL)
		page_put(call, call->answer, &call->out);
	else
		call->tool->shape(call, call->answer, &call->out);
	call_end(call, false);
	return OVER;
}

static enum next (*const steps[])(struct call *call) = {
	resolve,
	belong,
	find_page,
	ask,
	name,
	shape,
};

void
call_run(struct call *call)
{
	while (steps[call->step++](call) == NEXT)
		;
}

static struct call *
new_call(struct toolbox *box, const struct call_ask *ask, call_fn *done,
    void *arg)
{
	struct call *call = mem_new(sizeof(*call));

	call->box = box;
	call->tool = ask->tool;
	call->policy = policy_hold(ask->policy);
	call->deadline = ask->deadline - MARGIN_MS;
	call->now = clock_wall_ms();
	call->done = done;
	call->arg = arg;
	if (ask->request_id != NULL)
		snprintf(call->request, sizeof(call->request), "%s",
		    ask->request_id);
	fence_new(&call->fence);
	return call;
}

struct call *
call_start(struct toolbox *box, const struct call_ask *ask, call_fn *done,
    void *arg, struct buf *refused)
{
	struct call *call = new_call(box, ask, done, arg);

	counter_up(CNT_TOOL_CALLS);
	if (admit_call(call, ask, refused) == -1) {
		counter_up(CNT_TOOL_ERRORS);
		call_free(call);
		return NULL;
	}
	if (call->tool->once)
		ledger_name(call, ask);
	call_run(call);
	return call;
}

void
call_cancel(struct call *call)
{
	bool lives = false;

	call->done = NULL;
	if (call->looking != NULL)
		directory_cancel(call->looking);
	if (call->sending != NULL)
		lives = sending_cancel(call);
	else if (call->asked != NULL)
		lives = slack_cancel(call->asked);
	if (!lives)
		call_free(call);
}
