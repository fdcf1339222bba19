/* SPDX-License-Identifier: ISC */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "store/store.h"

/* Keys of agents: the row is the principal, not its secret, of which only the
 * SHA-256 is kept.  A revoked key stays as a row (state "revoked") so that
 * `changes` tells every worker; PRUNE deletes it later.  Lists are tidy (base/list.h). */
struct key_row {
	const char *id;			/* "k_…", the principal; "env": see below */
	const char *name;		/* unique among live ones, [A-Za-z0-9._-]{1,64} */
	unsigned char hash[32];
	const char *workspaces;		/* list of team ids, "*", or "" */
	const char *role;		/* read, write, admin */
	const char *toolsets;		/* list */
	const char *channels_read;	/* list of channel ids; "": all */
	const char *channels_write;
	const char *rate;		/* "120/60", or "" */
	const char *slack_user;		/* or "" */
	int64_t made, expires;		/* wall ms; expires 0: never */
	const char *state;		/* live, revoked; seed: the row "env" */
	int64_t changed;		/* value of `changes` when it was written */
};

/* rows are borrowed until the callback returns. */
typedef void keys_fn(void *arg, const struct key_row *rows, size_t n,
    const struct err *err);
/* Rows with changed > since in the order of (changed, id), at most 500; keys_next is
 * asked with the last of them (borrowed until it returns), and so on until none comes.
 * So all of them come, however many have the same number; one that is changed
 * meanwhile comes once more, at the end.  The last one's changed is the next since
 * (store/changes.h says why). */
struct unit *keys_since(struct store *st, int64_t since, keys_fn *done,
    void *arg);
struct unit *keys_next(struct store *st, const struct key_row *last,
    keys_fn *done, void *arg);
/* The same as a step, for who waits (store_wait). */
#define KEYS_BEHIND(changed, id) \
	DO(KEYS_SINCE, INT(changed), INT(changed), TEXT(id))

/* A list for people: those that are not revoked, by name, as many at once, behind last
 * (NULL: from the first).  Each comes once, whatever changes meanwhile. */
struct unit *keys_listed(struct store *st, const struct key_row *last,
    keys_fn *done, void *arg);

/* ERR_INPUT: a live key has that name.  ERR_LIMIT: KEYS_MAX are live. */
#define KEYS_MAX	10000
typedef void key_done_fn(void *arg, const struct err *err);
void key_add(struct store *st, const struct key_row *row, key_done_fn *done,
    void *arg);
/* By name (or id).  ERR_NOT_FOUND. */
void key_revoke(struct store *st, const char *name, key_done_fn *done,
    void *arg);
/* The first day of the environment key: the row "env" of state "seed". */
void key_seen(struct store *st, const unsigned char hash[32], int64_t now,
    key_done_fn *done, void *arg);

#endif
