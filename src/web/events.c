/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/events.h"

#include "base/counter.h"
#include "web/handlers.h"

#include <string.h>

static void
on_taken(void *arg, enum event_end end, const char *challenge)
{
	struct visit *v = arg;

	v->event = NULL;
	switch (end) {
	case EVENT_CHALLENGE:
		http_reply(v->req, 200, "text/plain", challenge,
		    strlen(challenge));
		break;
	case EVENT_TAKEN:
		http_reply(v->req, 200, NULL, NULL, 0);
		break;
	case EVENT_BAD:
		visit_refuse(v, HTTP_ERROR_BAD_REQUEST, "This is no event of Slack's"
		    " Events API.");
		break;
	case EVENT_STORE_AWAY:
		visit_refuse(v, HTTP_ERROR_UNAVAILABLE, "The store is away: send this"
		    " event again.");
	}
}

/* A header of which there is exactly one; else NULL. */
static const char *
only(const struct visit *v, const char *name)
{
	return http_field_count(v->req, name) == 1 ? http_field(v->req, name) :
	    NULL;
}

void
events_run(struct visit *v)
{
	if (!events_signed(v->web->conf, only(v, "x-slack-request-timestamp"),
		only(v, "x-slack-signature"), v->req->body, v->req->body_len)) {
		counter_up(CNT_EVENTS_REFUSED);
		visit_refuse(v, HTTP_ERROR_UNAUTHORIZED, "The signature is missing,"
		    " wrong or too old: SLACK_SIGNING_SECRET and this host's"
		    " clock have to be right.");
		return;
	}
	v->event = events_take(v->web->slack, v->req->body, v->req->body_len,
	    on_taken, v);
}
