/* SPDX-License-Identifier: ISC */
#ifndef SHM_REGION_H
#define SHM_REGION_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The memory that all processes of one daemon share: a file in RUN_DIR, mapped
 * by everyone at the same address (it is inherited by fork).  Offsets and fixed
 * sizes only.  Its parts: sessions (shm/session.h), buckets (shm/bucket.h), the
 * board (shm/board.h); this file knows its head, its locks and its life.
 *
 * Nothing in it must happen once: that is the store's (DESIGN 3). */
struct region;

struct region_conf {
	const char *path;
	const char *node;		/* NODE_NAME */
	int max_sessions, max_sessions_per_key;
	int64_t session_ttl_ms, session_max_ms;
	int rows;			/* of the board: processes at one time */
};

/* The master, once: takes LOCK_EX on the file (waits up to wait_ms, then SIGKILLs
 * the stragglers that the old board names and waits once more), validates the
 * old content or makes a new one, ends with LOCK_SH.  *fresh tells a region made
 * anew (its sessions may be read back from STATE_DIR). */
struct region *region_open(const struct region_conf *conf, int wait_ms,
    bool *fresh, struct err *err);
/* One of its own for jobs without a daemon and for unit tests (anonymous). */
struct region *region_private(const struct region_conf *conf);
/* After a reload: times and caps that may change without a restart. */
void region_tune(struct region *r, const struct region_conf *conf);
int region_fd(const struct region *r);		/* inherited: holds LOCK_SH */
void region_close(struct region *r);		/* unmaps; the file stays */

/* Set by whoever writes a file to the spool, cleared by the job that empties it. */
bool region_spooled(const struct region *r);
void region_set_spooled(struct region *r, bool spooled);

#endif
