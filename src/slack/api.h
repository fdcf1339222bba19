/* SPDX-License-Identifier: ISC */
#ifndef SLACK_API_H
#define SLACK_API_H

#include "base/buf.h"
#include "slack/installs.h"
#include "slack/wire.h"

enum slack_method {
	METHOD_NONE = -1,
#define METHOD(sym, name, tier, burst, safe, per, where) METHOD_##sym,
#include "slack/methods.def"
#undef METHOD
	METHOD_COUNT
};
const char *slack_method_name(enum slack_method m);
bool slack_method_repeatable(enum slack_method m);	/* twice does no harm */

/* One call to Slack: waits for its budget (shm/bucket.h) within the deadline, those
 * of a worker in the order in which they came; obeys a 429 at once for everybody;
 * retries as methods.def and SLACK.md 10 allow.
 * form is "a=b&c=d", without the token and team_id; channel is for the budget (may be NULL). */
struct slack_call;
struct slack_call *slack_ask(struct slack *s, struct install *in,
    enum slack_method m, const char *form, size_t len, const char *channel,
    int64_t deadline_ms, slack_fn *done, void *arg);
/* Nobody listens any more.  A read, or a write not yet given to curl, ends; a
 * write under way goes on (GAUGE_DETACHED) and its done is still called: posts
 * must be told.  Returns true when done will still come. */
bool slack_cancel(struct slack_call *c);

#endif
