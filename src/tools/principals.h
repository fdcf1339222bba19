/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_PRINCIPALS_H
#define TOOLS_PRINCIPALS_H

#include "tools/policy.h"

#include <event2/event.h>

/* All keys, in every worker, by hash; what changed is read when `changes` moves, or
 * all of them, and the others are forgotten.  While the
 * store is away known keys serve on for KEY_GRACE. */
struct principals;
struct principals *principals_new(struct store *st, struct event_base *base,
    const struct conf *conf);
void principals_free(struct principals *p);
void principals_refresh(struct principals *p, bool all);
void principals_store_read_at(struct principals *p, int64_t when);	/* changes_read_at() */
bool principals_loaded(const struct principals *p);
/* Did the last reading come?  If not, nobody can say that a key is unknown. */
bool principals_current(const struct principals *p);

/* The key's policy, borrowed (hold it over a wait); NULL: unknown, revoked or
 * expired.  *maybe is set when it is unknown and the store may know it: then the
 * caller may wait with principals_ask, at most ten times a second a worker. */
struct policy *principals_find(struct principals *p, const char *key,
    size_t len, bool *maybe);
struct principals_wait;
typedef void principals_fn(void *arg);		/* look again with principals_find */
struct principals_wait *principals_ask(struct principals *p,
    principals_fn *done, void *arg); /* NULL: not now */
void principals_cancel(struct principals_wait *w);

/* A new key "sk_…" in out (KEY_TEXT_SIZE) and its hash and id in the row. */
#define KEY_TEXT_SIZE	64
void principals_new_key(char *out, struct key_row *row,
    char id[PRINCIPAL_SIZE]);
void principals_hash(const char *key, size_t len, unsigned char out[32]);

#endif
