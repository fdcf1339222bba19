/* SPDX-License-Identifier: ISC */
#ifndef STORE_CHANGES_H
#define STORE_CHANGES_H

#include "store/store.h"

/* Once a second (and at once after changes_kick) reads the one row of `changes`;
 * when it moved, moved(all) is called: read what changed since the last one, or all
 * anew: when it moved back, because a backup was played back, or when it could not be
 * read for so long that rows may have ended and gone unseen.  No other invalidation
 * exists (DESIGN 7).
 *
 * What holds of the numbers: a unit raises the row first (CHANGES_BUMP) and keeps its
 * lock until it is committed, so units become visible in the order of their numbers,
 * from whichever host and however long they take; no clock is read.  A number is one
 * unit's, all of whose rows appear at once: who has seen a row of number n finds none
 * of n or less later.  Whoever writes by another way (an import, a migration) does the
 * same in one transaction, and may give its number to any count of rows. */
struct changes;
typedef void changes_fn(void *arg, bool all);
struct changes *changes_new(struct store *st, struct event_base *base,
    changes_fn *moved, void *arg);
void changes_kick(struct changes *c);
/* As changes_kick, after a write of this process: the moved() that follows comes in
 * any case, and changes_own is true in it, so that it can be told on.  NULL is fine. */
void changes_wrote(struct changes *c);
bool changes_own(const struct changes *c);
int64_t changes_read_at(const struct changes *c);	/* monotonic ms of the last good read; 0 */
void changes_free(struct changes *c);

#endif
