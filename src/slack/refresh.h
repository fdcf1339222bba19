/* SPDX-License-Identifier: ISC */
#ifndef SLACK_REFRESH_H
#define SLACK_REFRESH_H

#include "slack/installs.h"

/* One attempt to renew a chain's token (slack/token.h): the lease, the row as it is
 * now, the intent, Slack, the spool, the store.  Private to slack/.
 *
 * DONE: a newer pair than in's is in the store, whoever put it there.  BUSY: somebody
 * else is at it, or the store is away.  LATER: Slack cannot be asked now, come again
 * after wait_ms.  EARLY: it is only due, and was renewed a moment ago: not before
 * wait_ms, unless somebody needs it.  LOST: nobody can renew it.  GONE: there is nothing to renew. */
enum refresh_end {
	REFRESH_DONE, REFRESH_BUSY, REFRESH_LATER, REFRESH_EARLY, REFRESH_LOST,
	REFRESH_GONE
};
typedef void refresh_fn(void *arg, enum refresh_end end, int64_t wait_ms);

struct refresh;
/* spent: Slack said so, or its time is over; else it is only due. */
struct refresh *refresh_begin(struct slack *s, struct install *in, bool spent,
    refresh_fn *done, void *arg);
/* The process goes: nothing is called any more. */
void refresh_free(struct refresh *r);

#endif
