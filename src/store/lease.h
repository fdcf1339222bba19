/* SPDX-License-Identifier: ISC */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include "shm/region.h"
#include "store/store.h"

#include <stdbool.h>

/* Who of all workers on all hosts may do a thing.  The row is (name, owner,
 * beat); an owner moves beat on, and whoever sees it stand still for ttl_ms of
 * its own clock may take it.  No other clock is read; how long it has stood still
 * is known to the process, so that a struct lease may be made for each attempt.
 *
 * An owner may think itself one for ttl_ms from the moment it *sent* its last
 * good beat: nobody can have seen that beat sooner.  So before something that
 * must not overlap: if (lease_left(l) < how long it may take) let it be. */
struct lease {
	struct store *st;
	const char *name;
	const char *owner;	/* never used twice: node, slot, start stamp */
	int ttl_ms;
	/* Known to be dead; may be NULL. */
	bool (*gone)(const struct region *region, const char *owner);
	const struct region *region;
	/* What it is for is no more: a drop takes the row away, whose name would tell of
	 * it.  Set by the owner, at any time. */
	bool forget;

	struct unit *unit;	/* under way */
	struct dropping *drop;	/* likewise; nothing else is begun before it is over */
	void (*done)(void *arg, int left_ms);
	void *arg;
	int64_t sent;		/* when what is under way was sent */
	int64_t until;		/* ours as long; 0: not ours */
	char rival[65];
	int64_t beat;		/* the rival's */
};

/* One for this process, as all of the daemon are: name is borrowed, board may be NULL. */
#define LEASE_MS	30000
void lease_init(struct lease *l, struct store *st, const struct region *board,
    const char *name);
/* Beats when it is ours, else one attempt to take it: call it every ttl/3.
 * Answers as store_run does; done may be NULL.  While the last one or a drop is
 * under way nothing is begun, and done is not called. */
void lease_tend(struct lease *l, void (*done)(void *arg, int left_ms),
    void *arg);
int lease_left(const struct lease *l);	/* ms; 0: not ours */
void lease_drop(struct lease *l);	/* the next may have it at once */
void lease_wipe(struct lease *l);

/* Now and then, by clock_ms(): what was seen of others' leases is forgotten an hour
 * after the last attempt at them. */
void lease_tidy(int64_t now);

#endif
