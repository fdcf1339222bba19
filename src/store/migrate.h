/* SPDX-License-Identifier: ISC */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "shm/region.h"
#include "store/store.h"

/* For jobs only: these run the loop until they are done.  The scripts of sql/ are
 * compiled in (store/sql.h, made by contrib/embed-sql); one DDL statement a step,
 * each step recorded in `schema`, so that a half-done script goes on.  Each names
 * the oldest program that can live with it (readable_by). */
struct migrate_state {
	int at;			/* newest whole migration in the store; 0: empty */
	int half;		/* a half-done one; 0 */
	int newest;		/* newest that this program knows */
	int readable_by;	/* of the store: above `newest` means refuse */
};
int migrate_look(struct store *st, struct event_base *base,
    struct migrate_state *out, struct err *err);
/* ERR_INPUT when a newer program's tables cannot be read by this one. */
int migrate_up(struct store *st, struct event_base *base, struct err *err);
/* The same, by one daemon at a time: waits for the lease and keeps it, in the name of
 * board_owner(); one whose owner that board (or NULL) knows to be dead is not waited
 * for. */
int migrate_up_alone(struct store *st, struct event_base *base,
    const struct region *board, struct err *err);
int migrate_down(struct store *st, struct event_base *base, struct err *err);

/* What only SQLite needs; nothing to do for a store that a server keeps.
 * The file copied aside to PATH.before-NNNN by SQLite's backup API. */
int migrate_copy(const struct store_conf *conf, int version, struct err *err);

/* Can the file be written, is it whole?  ERR_INPUT: no. */
int migrate_check(const struct store_conf *conf, struct err *err);
/* The log written back into the file, and cut if nobody reads it. */
int migrate_checkpoint(const struct store_conf *conf, struct err *err);

/* Nothing of what was deleted is left in the file, which is written anew, or in its
 * log, which is cut: tried again for that long.  Writers wait meanwhile. */
int migrate_scrub(const struct store_conf *conf, int deadline_ms,
    struct err *err);
/* Removes what migrate_copy has left; how many, -1 and err: one stays.  The path of
 * each is handed to fn. */
int migrate_drop_copies(const struct store_conf *conf,
    void (*fn)(void *arg, const char *path), void *arg, struct err *err);

#endif
