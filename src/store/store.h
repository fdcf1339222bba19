/* SPDX-License-Identifier: ISC */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/secret.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The one door to SQL.  What can be asked are the rows of statements.def;
 * a list of them is a unit, and a unit is one transaction:
 *
 *	store_run(st, UNIT(DO(CHANGES_BUMP), DO(KEY_REVOKE, TEXT(id))),
 *	    2000, on_revoked, req);
 *
 * The callback runs exactly once, never before store_run has returned, never
 * after store_cancel, and no later than the deadline.  Units have no order
 * among themselves: who needs one waits for the callback.
 */
struct store;
struct unit;

struct store_conf {
	char *path;		/* SQLite's file; NULL: MariaDB as told below */
	bool create;		/* make that file if it is missing (jobs) */
	bool job;		/* it may wait for a lock, and tells itself what failed */
	/* Several daemons may use it: tables change when the operator says so, by one
	 * of them at a time, and the keys that seal are not made up by any. */
	bool shared;
	char *host;
	unsigned port;
	char *socket;		/* or NULL */
	char *user;
	const struct secret *password;	/* or NULL */
	char *database;
	char *ca;		/* file; NULL: no TLS; no use for a socket */
};

enum statement_id {
	ST_END,			/* closes a unit */
#define STATEMENT(sym, flags, params, columns, sql) ST_##sym,
#include "store/statements.def"
#undef STATEMENT
	ST_COUNT
};

/* A parameter or a column; which member holds depends on the row's letter. */
struct value {
	char letter;
	int64_t n;
	const char *text;	/* also NUL-terminated when it is an answer */
	size_t len;
};
#define INT(x)		{ .letter = 'i', .n = (x) }
#define TEXT(s)		{ .letter = 's', .text = (s), .len = strlen(s) }
#define BYTES(p, size)	{ .letter = 'b', .text = (const char *)(p), .len = (size) }

#define PARAMS_MAX	24
#define STEPS_MAX	5

struct step {
	enum statement_id id;
	struct value params[PARAMS_MAX];
};
#define DO(sym, ...)	{ .id = ST_##sym, .params = { __VA_ARGS__ } }
#define UNIT(...)	((const struct step[]){ __VA_ARGS__, { .id = ST_END } })

struct answer {
	int64_t touched;	/* rows that the last write touched; 0: a MUST found none, or
				 * an INSERT its key taken, and the unit was undone */
	size_t rows, columns;	/* of the last READ */
	struct value *cells;
};

static inline const struct value *
answer_at(const struct answer *a, size_t row, size_t column)
{
	return &a->cells[row * a->columns + column];
}

/* answer is borrowed until the callback returns; NULL when err is set.  After
 * ERR_TIMEOUT or ERR_UPSTREAM a write may have been done all the same. */
typedef void store_done_fn(void *arg, const struct answer *answer,
    const struct err *err);

/* STORE ("sqlite:PATH", "mariadb://user@host:port/db",
 * "mariadb://user@/db?socket=PATH") taken apart; the strings are owned by out. */
int store_conf_parse(struct store_conf *out, const char *text, struct err *err);
/* The same from all options that tell of the store; the password stays borrowed. */
struct conf;
int store_conf_load(struct store_conf *out, const struct conf *from,
    struct err *err);
void store_conf_wipe(struct store_conf *conf);

/* After the fork; conf is copied, its password borrowed.  Cannot fail: a store that is away fails its units (and says so
 * on the board, shm/board.h). */
struct store *store_new(struct event_base *base, const struct store_conf *conf);
bool store_is_away(const struct store *st);
/* The deadline of what takes none (install_put, key_add …); 5 s unless told. */
void store_set_timeout(struct store *st, int ms);
int store_timeout(const struct store *st);
void store_free(struct store *st);	/* cancels what is under way */

/* Copies the steps; done may be NULL.  ERR_LIMIT, at once: too many wait. */
struct unit *store_run(struct store *st, const struct step *steps,
    int deadline_ms, store_done_fn *done, void *arg);

/* What was not begun is not done; the rest goes on without a listener. */
void store_cancel(struct unit *u);

#endif
