/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_LOOK_H
#define TOOLS_LOOK_H

#include "slack/api.h"
#include "store/posts.h"

/* Is a post of ours, of which nobody knows whether it was carried out, in the
 * channel?  By the app's own id, the text, and the time; a message that the ledger
 * knows as another row's is not it. */
struct look_ask {
	struct slack *slack;
	struct install *install;
	const struct post_id *id;	/* whose row, borrowed while it looks, */
	const char *text;		/* and so are these */
	const char *thread;		/* ts; "": none */
	bool markdown;
	int64_t made;			/* wall ms, not later than it was sent */
	int wait_ms;			/* first, if there is time */
	int64_t deadline;		/* monotonic ms */
};

/* ts: of the message; "": not seen, which proves nothing. */
typedef void look_fn(void *arg, const char *ts);

struct look *look_start(const struct look_ask *ask, look_fn *done, void *arg);
void look_cancel(struct look *l);

#endif
