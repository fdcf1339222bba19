/* SPDX-License-Identifier: ISC */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

/* Between store.c and the back ends; nobody else includes it. */

#include "store/op.h"

#include <sys/queue.h>

enum { READ = 0, WRITE = 1, MUST = WRITE | 2, DURABLE = MUST | 4, INSIST = 8 };

struct statement {
	const char *name;
	unsigned flags;
	const char *params;
	const char *columns;
	const char *sql;	/* NULL: the first parameter is it */
};

extern const struct statement statements[ST_COUNT];

struct unit {
	TAILQ_ENTRY(unit) next;
	struct store *st;
	struct event *timer;	/* the deadline, or sooner the next try */
	int64_t deadline;
	int pause;		/* ms until the next try */
	bool busy;		/* was, at least once */
	bool refused;		/* one too many: ends without a try */
	enum { QUEUED, RUNNING, PAUSED, ENDING } state;
	unsigned flags;		/* of all its steps */
	size_t nsteps;
	struct step steps[STEPS_MAX];
	struct answer answer;
	store_done_fn *done;	/* NULL: nobody listens */
	void *arg;
	struct op *op;		/* owned; or NULL */
};

struct backend {
	void *(*open)(struct store *st, struct event_base *base,
	    const struct store_conf *conf);
	void (*close)(void *back);
	/* false: no connection is free now.  Else the unit ends by one of the two
	 * calls below, now or later. */
	bool (*start)(void *back, struct unit *u);
	void (*drop)(void *back, struct unit *u);	/* its time is over: forget it */
};

extern const struct backend backend_sqlite;
extern const struct backend backend_mariadb;	/* if HAVE_MARIADB */

void unit_end(struct unit *u, const struct err *err);	/* err NULL: done, or undone */
void unit_busy(struct unit *u);		/* nothing was done; try again */
struct value *unit_row(struct unit *u, size_t columns);	/* adds a row of zeroes */
char *value_room(struct value *v, size_t len);	/* len bytes to fill, and a NUL */

/* A connection is free again; or there is none, and why. */
void store_ready(struct store *st);
void store_away(struct store *st, const struct err *why);

#endif
