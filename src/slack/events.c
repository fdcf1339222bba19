/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/events.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/js.h"
#include "base/mem.h"
#include "slack/error.h"
#include "slack/id.h"
#include "slack/installs.h"
#include "store/changes.h"
#include "store/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGE_S		300
#define STAMP_MAX	15
#define ID_MAX		60
#define TIME_MAX	(INT64_MAX / 1000 - 1)	/* seconds */

struct event_in {
	struct slack *s;
	event_fn *done;			/* NULL: the listener has gone */
	void *arg;
	struct event *timer;		/* an answer that needs no waiting */
	enum event_end end;
	char challenge[EVENT_CHALLENGE_SIZE];
	char type[64], team[64], id[ID_MAX + 4];	/* for the log */
	bool ends;			/* an install */
	bool moves;			/* workspaces of an org-wide one */
};

bool
events_signed(const struct conf *conf, const char *timestamp,
    const char *signature, const char *body, size_t len)
{
	const struct secret *key = &conf->slack_signing_secret;
	unsigned char mac[SHA256_SIZE];
	char want[3 + SHA256_SIZE * 2 + 1] = "v0=";
	struct buf base = { 0 };
	int64_t off;

	if (timestamp == NULL || signature == NULL || key->len == 0 ||
	    timestamp[0] == '\0' || strlen(timestamp) > STAMP_MAX ||
	    strspn(timestamp, "0123456789") != strlen(timestamp))
		return false;
	off = clock_wall_ms() / 1000 - strtoll(timestamp, NULL, 10);
	if (off > AGE_S || off < -AGE_S)
		return false;
	buf_fmt(&base, "v0:%s:", timestamp);
	buf_add(&base, body, len);
	crypto_hmac(secret_expose(key), key->len, base.p, base.len, mac);
	crypto_hex(want + 3, mac, sizeof(mac));
	buf_wipe(&base);
	return strlen(signature) == strlen(want) &&
	    crypto_equal(signature, want, strlen(want));
}

static void
finish(struct event_in *e, enum event_end end)
{
	if (e->done != NULL)
		e->done(e->arg, end, e->challenge);
	event_free(e->timer);
	free(e);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct event_in *e = arg;

	(void)fd, (void)what;
	finish(e, e->end);
}

static void
later(struct event_in *e, enum event_end end)
{
	struct timeval now = { 0, 0 };

	e->end = end;
	evtimer_add(e->timer, &now);
}

static void
on_stored(void *arg, bool idle, const struct err *err)
{
	struct event_in *e = arg;

	if (err != NULL) {
		log_warn("events", "an event could not be stored, Slack will"
		    " send it again type=%s: %s", e->type, err->text);
		finish(e, EVENT_STORE_AWAY);
		return;
	}
	counter_up(CNT_EVENTS_TAKEN);
	if (e->ends && !idle)
		log_warn("events", "Slack says that an install has ended"
		    " type=%s team=%s event=%s", e->type, e->team, e->id);
	else
		log_debug("events", "taken type=%s event=%s%s", e->type, e->id,
		    idle ? " changed=nothing" : "");
	if (e->ends || e->moves) {
		installs_refresh(e->s->installs, false);
		changes_wrote(e->s->changes);
	}
	finish(e, EVENT_TAKEN);
}

/* Of its own bot: tokens.bot and tokens.oauth hold users' ids. */
static bool
ends_install(const struct js *event)
{
	const char *type = js_text(event, "type");

	if (strcmp(type, "app_uninstalled") == 0)
		return true;
	return strcmp(type, "tokens_revoked") == 0 &&
	    js_count(js_get(event, "tokens", JS_OBJECT), "bot") > 0;
}

static const char *
id_of(const struct js *o, const char *key)
{
	const char *s = js_text(o, key);

	return slack_is_id(s, strlen(s), NULL) && strlen(s) < ID_MAX ? s : "";
}

/* The workspaces that an organisation took from the app; granted ones are read anew
 * (slack/orgs.h).  True: the event is of that sort. */
static bool
tells_teams(const struct event_in *e, const struct js *event,
    const char *lost[DIRECTORY_GET_MAX], size_t *n)
{
	bool revoked = strcmp(e->type, "team_access_revoked") == 0;

	*n = 0;
	if (!revoked && strcmp(e->type, "team_access_granted") != 0)
		return false;
	for (const struct js *v = js_first(event, "team_ids");
	    v != NULL && revoked && *n < DIRECTORY_GET_MAX; v = v->next)
		if (v->kind == JS_STRING)
			lost[(*n)++] = v->text;
	return true;
}

/* Any ms of its second; 0: long ago. */
static int64_t
happened(const struct js *body)
{
	int64_t s = js_int(body, "event_time");

	return s < 0 || s > TIME_MAX ? 0 : s * 1000 + 999;
}

/* Whose install it is says authorizations[0], not team_id (SLACK.md 15). */
static void
store_event(struct event_in *e, const struct js *body)
{
	const struct js *event = js_get(body, "event", JS_OBJECT);
	const struct js *who = js_first(body, "authorizations");
	const char *id = js_text(body, "event_id");
	const char *enterprise, *team, *lost[DIRECTORY_GET_MAX];
	size_t n;

	if (who == NULL)
		who = body;
	enterprise = id_of(who, "enterprise_id");
	team = js_bool(who, "is_enterprise_install") ? "" :
	    id_of(who, "team_id");
	slack_word(e->type, sizeof(e->type), js_text(event, "type"),
	    strlen(js_text(event, "type")));
	snprintf(e->team, sizeof(e->team), "%s",
	    team[0] != '\0' ? team : enterprise);
	slack_word(e->id, sizeof(e->id), id, strlen(id));
	if (id[0] == '\0' || strcmp(e->id, id) != 0 || event == NULL) {
		later(e, EVENT_BAD);
		return;
	}
	if (tells_teams(e, event, lost, &n) && enterprise[0] != '\0') {
		e->moves = true;
		install_event_teams(e->s->store, id, enterprise, lost, n,
		    on_stored, e);
		return;
	}
	e->ends = ends_install(event) && e->team[0] != '\0';
	install_event(e->s->store, id, e->ends, enterprise, team,
	    happened(body), on_stored, e);
}

struct event_in *
events_take(struct slack *s, const char *body, size_t len, event_fn *done,
    void *arg)
{
	struct event_in *e = mem_new(sizeof(*e));
	struct js *js = js_parse(body, len);
	const char *type = js_text(js, "type"), *challenge;

	e->s = s;
	e->done = done;
	e->arg = arg;
	e->timer = evtimer_new(s->base, on_timer, e);
	if (e->timer == NULL)
		fatal("no timer for an event");
	challenge = js_text(js, "challenge");
	slack_word(e->challenge, sizeof(e->challenge), challenge,
	    strlen(challenge));
	if (strcmp(type, "url_verification") == 0)
		later(e, e->challenge[0] != '\0' ? EVENT_CHALLENGE : EVENT_BAD);
	else if (strcmp(type, "event_callback") == 0)
		store_event(e, js);
	else if (strcmp(type, "app_rate_limited") == 0)
		later(e, EVENT_TAKEN);
	else
		later(e, EVENT_BAD);
	js_free(js);
	return e;
}

void
events_forget(struct event_in *e)
{
	e->done = NULL;
}
