/* SPDX-License-Identifier: ISC */
#ifndef SLACK_WIRE_H
#define SLACK_WIRE_H

#include "base/js.h"
#include "slack/slack.h"

/* Classes of SLACK.md 4; slack/errors.def has a row for each code: its class, and
 * what the model is told. */
#define SLACK_CLASSES(X) X(NONE) X(EXPIRED) X(REVOKED) X(SCOPE) X(NOT_SEEN) \
	X(MEMBERSHIP) X(STATE) X(POLICY) X(ARGUMENT) X(BUG) X(WAIT) X(TROUBLE) \
	X(MIGRATION) X(TRANSPORT) X(RENEWING) X(LARGE) X(OTHER)
enum slack_class {
#define X(c) SLACK_##c,
	SLACK_CLASSES(X)
#undef X
};

struct slack_answer {
	enum slack_class class;		/* NONE: ok is true and json is there */
	const struct js *json;		/* borrowed until the callback returns; NULL when
					 * nothing that parses came */
	char code[64];			/* Slack's error word, "" without one */
	char needed[128];		/* of missing_scope, or "" */
	char detail[256];		/* response_metadata.messages, or "" */
	int wait_s;			/* WAIT: seconds until it makes sense again; -1:
					 * Slack did not say (wire.h only) */
	bool sent;			/* it may have reached Slack */
	bool unknown;			/* a write: nobody knows whether it was done */
	bool rare;			/* WAIT: Slack allows it once a minute here */
};
typedef void slack_fn(void *arg, const struct slack_answer *a);

/* One request to Slack and its answer in our classes: no budget, no second try.
 * Calls with an install's token go by slack/api.h, which has both; the app's own
 * (oauth.v2.access) come here.  done as net/httpc.h says, under the request's id
 * that the log had when it was sent. */
struct wire_ask {
	const char *method;		/* "conversations.list" */
	const char *team;		/* whose, for the log; "": not known yet */
	const struct secret *authorization;	/* the header's whole value */
	const char *form;		/* "a=b&c=d", without the token; copied */
	size_t len;
	int64_t timeout_ms;		/* UPSTREAM_TIMEOUT at most */
};
struct wire;
struct wire *wire_post(struct slack *s, const struct wire_ask *ask,
    slack_fn *done, void *arg);
void wire_cancel(struct wire *w);

#endif
