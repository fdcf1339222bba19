/* SPDX-License-Identifier: ISC */
#ifndef SLACK_EVENTS_H
#define SLACK_EVENTS_H

#include "slack/slack.h"

/* Slack's Events API (SLACK.md 16): what ends an install. */

/* Was this body, byte by byte, signed by Slack within the last five minutes?
 * The values of X-Slack-Request-Timestamp and X-Slack-Signature; NULL: not sent. */
bool events_signed(const struct conf *conf, const char *timestamp,
    const char *signature, const char *body, size_t len);

#define EVENT_ENDS(X) \
	X(CHALLENGE)	/* url_verification: challenge is to be sent back */ \
	X(TAKEN)	/* it is in the store, now or from before */ \
	X(BAD)		/* no event of Slack's */ \
	X(STORE_AWAY)	/* Slack will send it again */
enum event_end {
#define X(e) EVENT_##e,
	EVENT_ENDS(X)
#undef X
};
#define EVENT_CHALLENGE_SIZE	256

/* challenge is a string of letters, "" but for CHALLENGE. */
typedef void event_fn(void *arg, enum event_end end, const char *challenge);

/* A body whose signature is good.  done comes later, once, if not forgotten; what was
 * begun is finished in any case. */
struct event_in;
struct event_in *events_take(struct slack *s, const char *body, size_t len,
    event_fn *done, void *arg);
void events_forget(struct event_in *e);

#endif
