/* SPDX-License-Identifier: ISC */
#ifndef SHM_BUCKET_H
#define SHM_BUCKET_H

#include "base/conf.h"
#include "shm/region.h"

/* Rates, shared by all workers of a host.  A bucket is a reservation (GCRA): one
 * time stamp that is moved on atomically, found by the hash of its name, such as
 * "key:k_1a2b", "addr:192.0.2.1", "slack:A1:T1:conversations.list".  A bucket
 * that lies in the past is as good as none, so the table forgets by itself.
 *
 * Takes the next free time if it lies within wait_ms: *at_ms (monotonic) is when
 * the caller may go; true.  Else false, nothing is reserved, and *at_ms is when
 * to ask again.  A rate of 0 a minute is no limit. */
bool bucket_take(struct region *r, const char *name, struct rate rate,
    int64_t wait_ms, int64_t *at_ms);

/* Takes nothing: how many could go at this moment, one behind the other, at most
 * rate.burst; 0: and the next one in *wait_ms. */
int bucket_left(struct region *r, const char *name, struct rate rate,
    int64_t *wait_ms);

/* What was taken is not needed: the last of those that wait may come earlier. */
void bucket_give_back(struct region *r, const char *name, struct rate rate);

/* A 429: nobody before until_ms (monotonic), also those who already wait: whoever
 * wakes asks bucket_blocked first. */
void bucket_block(struct region *r, const char *name, int64_t until_ms);
void bucket_unblock(struct region *r, const char *name);
/* And then one by one, none saved up. */
void bucket_drain(struct region *r, const char *name, struct rate rate,
    int64_t until_ms);
int64_t bucket_blocked(struct region *r, const char *name);	/* 0: not */

#endif
