/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/wire.h"

#include "base/mem.h"
#include "shm/board.h"
#include "slack/error.h"
#include "slack/js.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_DEPTH	64

struct wire {
	struct httpc_job *job;
	char method[40], team[40];	/* for the log */
	char request[24];		/* whose work it is, likewise */
	slack_fn *done;
	void *arg;
};

/* response_metadata.messages in one line: their own words, without "[ERROR]". */
static void
read_detail(struct json_object *json, struct slack_answer *a)
{
	struct json_object *meta = js_get(json, "response_metadata",
	    json_type_object);
	size_t n = 0;

	for (size_t i = 0; i < js_count(meta, "messages") && i < 4; i++) {
		const char *s = json_object_get_string(
		    js_at(meta, "messages", i));

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
	const char *s = js_text(json, key);

	slack_word(out, size, s, strlen(s));
}

/* An object, or NULL.  Laxer than base/scan.h about what is inside strings (lone
 * surrogates, \u0000). */
static struct json_object *
parse(const char *text, size_t len)
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
	a->sent = true;
	a->wait_s = (int)reply->retry_after;
	a->class = SLACK_TRANSPORT;
	if (js_get(json, "ok", json_type_boolean) != NULL) {
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

/* No answer at all: a class says it, the log why. */
static void
tell_silence(const struct wire *w, const struct err *err,
    struct slack_answer *a)
{
	a->class = SLACK_TRANSPORT;
	a->sent = err->kind != ERR_UPSTREAM;
	log_info("slack", "%s got no answer team=%s: %s", w->method, w->team,
	    err->text);
}

static void
on_reply(void *arg, const struct httpc_reply *reply, const struct err *err)
{
	struct wire *w = arg;
	struct slack_answer a = { .wait_s = -1 };
	struct json_object *json = NULL;
	const char *before = log_request(w->request[0] != '\0' ? w->request :
	    NULL);

	board_gauge(GAUGE_SLACK, -1);
	board_slack(reply != NULL);
	if (reply != NULL) {
		log_debug("slack", "%s answered team=%s status=%ld bytes=%zu"
		    " slack_request=%s", w->method, w->team, reply->status,
		    reply->len, reply->request_id);
		json = parse(reply->body, reply->len);
		classify(reply, json, &a);
	} else {
		tell_silence(w, err, &a);
	}
	w->done(w->arg, &a);
	log_request(before);
	json_object_put(json);
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
