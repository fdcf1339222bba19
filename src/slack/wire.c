/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/wire.h"

#include "base/mem.h"
#include "shm/board.h"
#include "slack/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wire {
	struct httpc_job *job;
	char method[40], team[40];	/* for the log */
	char request[24];		/* whose work it is, likewise */
	slack_fn *done;
	void *arg;
};

/* response_metadata.messages in one line: their own words, without "[ERROR]". */
static void
read_detail(const struct js *json, struct slack_answer *a)
{
	const struct js *meta = js_get(json, "response_metadata", JS_OBJECT);
	const struct js *m = js_first(meta, "messages");
	size_t n = 0;

	for (int i = 0; m != NULL && i < 4; m = m->next, i++) {
		const char *s = m->text;

		if (m->kind != JS_STRING)
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
read_word(const struct js *json, const char *key, char *out, size_t size)
{
	const char *s = js_text(json, key);

	slack_word(out, size, s, strlen(s));
}

/* Slack's answer, whatever it is, in our classes. */
static void
classify(const struct httpc_reply *reply, const struct js *json,
    struct slack_answer *a)
{
	a->sent = true;
	a->wait_s = (int)reply->retry_after;
	a->class = SLACK_TRANSPORT;
	if (js_get(json, "ok", JS_BOOL) != NULL) {
		if (js_bool(json, "ok") && reply->status == 200) {
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
silent(const struct wire *w, const struct err *err, struct slack_answer *a)
{
	a->class = SLACK_TRANSPORT;
	a->sent = err->kind != ERR_UPSTREAM;
	log_debug("slack", "%s got no answer team=%s: %s", w->method, w->team,
	    err->text);
	if (err->kind == ERR_LIMIT) {
		a->class = SLACK_LARGE;
		return;
	}
	counter_up(CNT_SLACK_SILENT);
	if (trouble_met(TROUBLE_SLACK))
		log_warn("slack", "Slack cannot be reached, calls are tried"
		    " again while they have time method=%s: %s", w->method,
		    err->text);
}

/* Whatever the answer says, is it one? */
static void
judge(const struct wire *w, const struct httpc_reply *reply,
    const struct slack_answer *a)
{
	if (trouble_over(TROUBLE_SLACK))
		log_info("slack", "Slack is reached again");
	if (reply->status >= 500 || a->class == SLACK_TRANSPORT) {
		counter_up(CNT_SLACK_FAULTS);
		if (trouble_met(TROUBLE_SLACK_FAULTS))
			log_warn("slack", "Slack answers with faults, calls are"
			    " tried again while they have time method=%s"
			    " status=%ld", w->method, reply->status);
	} else if (trouble_over(TROUBLE_SLACK_FAULTS)) {
		log_info("slack", "Slack answers without faults again");
	}
}

static void
on_reply(void *arg, const struct httpc_reply *reply, const struct err *err)
{
	struct wire *w = arg;
	struct slack_answer a = { .wait_s = -1 };
	struct js *json = NULL;
	const char *before = log_request(w->request[0] != '\0' ? w->request :
	    NULL);

	board_gauge(GAUGE_SLACK, -1);
	if (reply != NULL) {
		log_debug("slack", "%s answered team=%s status=%ld bytes=%zu"
		    " slack_request=%s", w->method, w->team, reply->status,
		    reply->len, reply->request_id);
		json = js_parse(reply->body, reply->len);
		classify(reply, json, &a);
		judge(w, reply, &a);
	} else {
		silent(w, err, &a);
	}
	w->done(w->arg, &a);
	log_request(before);
	js_free(json);
	free(w);
}

struct wire *
wire_post(struct slack *s, const struct wire_ask *ask, slack_fn *done,
    void *arg)
{
	struct wire *w = mem_new(sizeof(*w));
	int64_t most = s->conf->upstream_timeout;
	const char *request = log_request(NULL);
	char url[512];
	struct httpc_ask out = {
		.url = url, .authorization = ask->authorization,
		.form = ask->form, .form_len = ask->len,
		.timeout_ms = (long)(ask->timeout_ms < most ?
		    ask->timeout_ms : most),
	};

	log_request(request);
	if (request != NULL)
		snprintf(w->request, sizeof(w->request), "%s", request);
	snprintf(w->method, sizeof(w->method), "%s", ask->method);
	snprintf(w->team, sizeof(w->team), "%s",
	    ask->team[0] != '\0' ? ask->team : "-");
	w->done = done;
	w->arg = arg;
	snprintf(url, sizeof(url), "%s%s", s->conf->slack_api_url, ask->method);
	if (out.timeout_ms < 1)
		out.timeout_ms = 1;
	counter_up(CNT_SLACK_CALLS);
	board_gauge(GAUGE_SLACK, 1);
	w->job = httpc_post(s->httpc, &out, on_reply, w);
	return w;
}

void
wire_cancel(struct wire *w)
{
	httpc_cancel(w->job);
	board_gauge(GAUGE_SLACK, -1);
	free(w);
}
