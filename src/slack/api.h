/* SPDX-License-Identifier: ISC */
#ifndef SLACK_API_H
#define SLACK_API_H

#include "base/buf.h"
#include "slack/installs.h"

#include <json.h>

enum slack_method {
#define METHOD(sym, name, tier, burst, safe, per) METHOD_##sym,
#include "slack/methods.def"
#undef METHOD
	METHOD_COUNT
};
const char *slack_method_name(enum slack_method m);

/* Classes of SLACK.md 4; slack/errors.def has a row for each code: its class, and
 * what the model is told. */
#define SLACK_CLASSES(X) X(NONE) X(EXPIRED) X(REVOKED) X(SCOPE) X(NOT_SEEN) \
	X(MEMBERSHIP) X(STATE) X(POLICY) X(ARGUMENT) X(BUG) X(WAIT) X(TROUBLE) \
	X(MIGRATION) X(TRANSPORT) X(OTHER)
enum slack_class {
#define X(c) SLACK_##c,
	SLACK_CLASSES(X)
#undef X
};

struct slack_answer {
	enum slack_class class;		/* NONE: ok is true and json is there */
	struct json_object *json;	/* borrowed until the callback returns; NULL when
					 * nothing that parses came */
	char code[64];			/* Slack's error word, "" without one */
	char needed[128];		/* of missing_scope, or "" */
	char detail[256];		/* response_metadata.messages, or "" */
	int wait_s;			/* WAIT: seconds until it makes sense again */
	bool sent;			/* it may have reached Slack */
	bool unknown;			/* a write: nobody knows whether it was done */
};

/* One call to Slack: waits for its budget (shm/bucket.h) within the deadline,
 * obeys a 429 at once for everybody, retries as methods.def and SLACK.md 10 allow.
 * form is "a=b&c=d", without the token; channel is for the budget (may be NULL). */
struct slack_call;
typedef void slack_fn(void *arg, const struct slack_answer *a);
struct slack_call *slack_ask(struct slack *s, struct install *in,
    enum slack_method m, const char *form, size_t len, const char *channel,
    int64_t deadline_ms, slack_fn *done, void *arg);
/* Nobody listens any more.  A read, or a write not yet given to curl, ends; a
 * write under way goes on (GAUGE_DETACHED) and its done is still called: posts
 * must be told.  Returns true when done will still come. */
bool slack_cancel(struct slack_call *c);

/* One of Slack's bodies: an object, owned by the caller, or NULL.  Laxer than
 * base/scan.h about what is inside strings (lone surrogates, \u0000). */
struct json_object *slack_parse(const char *text, size_t len);

/* What a model is told of an answer that is no success: plain words and the next
 * step, never a token, with install_url where the app has to be connected again. */
void slack_explain(const struct slack *s, const struct slack_answer *a,
    enum slack_method m, struct buf *out);

#endif
