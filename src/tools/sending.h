/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SENDING_H
#define TOOLS_SENDING_H

#include "tools/call.h"

#include <stdint.h>

/* How a tool that posts is carried out (DESIGN 8): its text in messages, one after
 * the other in one thread, each with a row in the ledger before it is sent.
 *
 *	begin the row -> send -> the row is told
 *	                      -> unclear: look for it in the channel
 *	an equal call is under way: wait for it
 *	an equal call's row is open: look for that one, do not send
 *
 * A look ends in "posted" or "unknown", never in "not posted". */
struct sent {
	char ts[24];			/* "": Slack gave none */
	bool earlier;			/* by an equal call */
	bool found;			/* Slack's answer was unclear, it was seen */
};

struct sending;

/* From a call's steps: ends in call_run or call_end. */
void sending_start(struct call *call);
/* The client has gone.  true: the call lives on until Slack has answered. */
bool sending_cancel(struct call *call);
void sending_free(struct sending *s);		/* NULL is fine */

/* For shape: the messages of a call that has ended well. */
size_t sending_count(const struct call *call);
const struct sent *sending_part(const struct call *call, size_t i);
const char *sending_channel(const struct call *call);	/* as Slack named it */
bool sending_truncated(const struct call *call);	/* Slack has cut one */
bool sending_hushed(const struct call *call);	/* mass mentions call nobody */

#endif
