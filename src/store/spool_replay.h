/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_REPLAY_H
#define STORE_SPOOL_REPLAY_H

#include "store/store.h"

/* The job: stores each spooled file (store/spool.h) that nobody is at and deletes it;
 * -1 and err: some stay.  Runs the loop. */
int spool_replay(const char *state_dir, struct store *st,
    struct event_base *base, struct err *err);
bool spool_waits(const char *state_dir);	/* is there any that nobody is at? */

#endif
