/* SPDX-License-Identifier: ISC */
#ifndef SLACK_REFRESH_H
#define SLACK_REFRESH_H

#include "slack/installs.h"

/* One attempt to renew a chain's token (slack/token.h): the lease, the row as it is
 * now, the intent, Slack, the spool, the store.  Begun by slack/token.c alone.
 *
 * There are two ways to a pair: a refresh token is spent, or a long-lived token is
 * exchanged for the first pair (oauth.v2.exchange), by command.
 *
 * DONE: a newer pair than in's is in the store, whoever put it there.  BUSY: somebody
 * else is at it, or the store is away.  LATER: Slack cannot be asked now, come again
 * after wait_ms.  EARLY: it is only due, and was renewed a moment ago: not before
 * wait_ms, unless somebody needs it.  LOST: nobody can renew it.  GONE: there is nothing
 * to renew.  REFUSED: there is no first pair, code is Slack's word, or "" when it is not
 * clear what became of it; the token goes on as before. */
enum refresh_end {
	REFRESH_DONE, REFRESH_BUSY, REFRESH_LATER, REFRESH_EARLY, REFRESH_LOST,
	REFRESH_GONE, REFRESH_REFUSED
};
struct refresh_result {
	enum refresh_end end;
	int64_t wait_ms;
	const char *code;
};
typedef void refresh_fn(void *arg, const struct refresh_result *r);

enum refresh_why {
	REFRESH_DUE,			/* the token's end is near */
	REFRESH_SPENT,			/* Slack said so, or its time is over */
	REFRESH_FIRST			/* the token is long-lived: exchange it */
};
struct refresh;
struct refresh *refresh_begin(struct slack *s, struct install *in,
    enum refresh_why why, refresh_fn *done, void *arg);
/* The process goes: nothing is called any more. */
void refresh_free(struct refresh *r);

#endif
