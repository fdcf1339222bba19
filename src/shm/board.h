/* SPDX-License-Identifier: ISC */
#ifndef SHM_BOARD_H
#define SHM_BOARD_H

#include "base/counter.h"
#include "base/trouble.h"
#include "shm/region.h"

#include <sys/types.h>

/* What each process is and does, written by itself, read by everybody.  A row is
 * given by the master before the fork and cleared by it when it reaps, so what
 * goes up and down (gauges, a key's calls) is a sum over rows and cannot leak by
 * kill -9.  The row's counters are added to the daemon's totals then. */
#define BOARD_STATES(X) X(FREE) X(STARTING) X(READY) X(DRAINING)
enum board_state {
#define X(s) BOARD_##s,
	BOARD_STATES(X)
#undef X
};

#define BOARD_GAUGES(X) \
	X(CONNECTIONS, "connections open") \
	X(REQUESTS, "requests in work") \
	X(CALLS, "tool calls") \
	X(SLACK, "requests at Slack") \
	X(WAITS, "calls that wait for the budget") \
	X(STORE, "units of the store") \
	X(DETACHED, "writes that finish without a listener")
enum board_gauge {
#define X(sym, words) GAUGE_##sym,
	BOARD_GAUGES(X)
#undef X
	GAUGE_COUNT
};

#define BOARD_JOB	(-1)
#define BOARD_MASTER	(-2)

struct board_row {
	pid_t pid;
	int slot;			/* of a worker; BOARD_JOB, BOARD_MASTER */
	unsigned generation;
	int state;			/* enum board_state */
	char owner[48];			/* host, slot, start stamp: never used twice */
	int64_t started, stamp;		/* monotonic ms; stamp moves with the loop */
	int64_t late_max;		/* ms, of the loop, since it began */
	bool store_away;		/* this worker cannot reach the store */
	int64_t gauges[GAUGE_COUNT];
	int64_t troubles[TROUBLE_COUNT];	/* as base/trouble.h has them */
};

/* The master: before the fork, -1 when no row is free; after the reaping. */
int board_claim(struct region *r, int slot, unsigned generation);
void board_set_pid(struct region *r, int row, pid_t pid);
void board_release(struct region *r, int row);

/* The process itself: counters and troubles go to this row from now on. */
void board_use(struct region *r, int row);
void board_state(enum board_state state);
void board_stamp(void);
void board_late(int64_t ms);		/* so late was the loop */
void board_gauge(enum board_gauge g, int64_t by);	/* +1, -1 */
void board_store_away(bool away);
const char *board_owner(void);		/* of this process, for leases and posts */

/* Calls of one key under way, over all processes; -1: at max, not counted. */
int board_key_up(struct region *r, const char *principal, int max);
void board_key_down(struct region *r, const char *principal);

int board_rows(const struct region *r);
bool board_get(const struct region *r, int row, struct board_row *out); /* false: free */
int64_t board_gauge_sum(const struct region *r, enum board_gauge g);
uint64_t board_counter_sum(const struct region *r, enum counter_id id);
/* Is the process with this owner word on this board? */
bool board_owner_lives(const struct region *r, const char *owner);
/* Was the process with this owner word on this board, and is it no more?  Of other
 * boards, also of hosts with the same NODE_NAME, nothing is known: false. */
bool board_owner_gone(const struct region *r, const char *owner);
bool board_trouble(const struct region *r, enum trouble_id id);	/* does any process meet it? */
const char *board_state_name(enum board_state state);

/* Has that slot a READY worker whose stamp is younger than max_age_ms? */
bool board_slot_serves(const struct region *r, int slot, int64_t max_age_ms);
int board_ready(const struct region *r);	/* slots that serve (stamp younger than 3 s) */

/* Daemon facts kept in the head, written by the master. */
struct board_facts {
	int64_t started;		/* monotonic ms */
	int workers;			/* configured */
	bool stopping;
	bool crash_loop;
	bool prepared;			/* the store was, once: its tables are all there */
};
void board_set_facts(struct region *r, const struct board_facts *f);
void board_facts(const struct region *r, struct board_facts *out);

#endif
