/* SPDX-License-Identifier: ISC */
#ifndef SLACK_VERDICT_H
#define SLACK_VERDICT_H

#include "slack/installs.h"

/* Slack refused a call because of its token (SLACK.md 4, "revoked").  Is the install
 * dead, or has somebody stored a newer token meanwhile?  invalid_auth alone proves
 * nothing, it is what a host outside of the app's IP allow list gets: auth.test has to
 * say it as well.  Then the install's chain is marked in the store (store/chains.h), so
 * that no worker of any host asks Slack with that token again; the token is kept, and
 * `install retry`, a new install or a newer token take the mark away.
 *
 * One judgement at a time of each install in a worker, for all calls that ask. */
#define VERDICTS(X) \
	X(DEAD)		/* it is marked, by whomever */ \
	X(NEWER)	/* there is another token: use that once */ \
	X(OPEN)		/* Slack took it in auth.test, or it could not be found out */
enum verdict {
#define X(v) VERDICT_##v,
	VERDICTS(X)
#undef X
};

struct verdicts;
struct verdicts *verdicts_new(struct slack *s);
void verdicts_free(struct verdicts *v);		/* NULL is fine */
void verdict_moved(struct verdicts *v);		/* the installs were read anew */
/* Slack took this install's token, for "how many of those called were refused". */
void verdict_good(struct verdicts *v, const struct install *in);

/* in: to be held by who keeps it; not NULL with NEWER.  Exactly once, never before
 * verdict_ask returned. */
typedef void verdict_fn(void *arg, enum verdict verdict, struct install *in);
struct verdict_wait;
struct verdict_wait *verdict_ask(struct verdicts *v, struct install *in,
    const char *code, verdict_fn *done, void *arg);
void verdict_cancel(struct verdict_wait *w);

#endif
