/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_FOLDER_H
#define STORE_SPOOL_FOLDER_H

#include "store/spool_row.h"

/* STATE_DIR/spool (store/spool.h) for those who look through it. */
int spool_open(const char *state_dir, struct err *err);	/* -1; ERR_NOT_FOUND: none yet */

/* The spooled files, oldest first, until fn says false; -1: see errno. */
typedef bool spool_fn(void *arg, int dir, const char *name);
int spool_each(int dir, spool_fn *fn, void *arg);

/* Its writer lives, and is not through with it. */
bool spool_is_held(int dir, const char *name);

/* Any file of the folder, to be wiped whatever comes of it; -1: it cannot be read. */
int spool_read(int dir, const char *name, struct buf *text);
/* A spooled one; NULL: it is not there any more, or no whole one. */
struct spooled *spool_load(int dir, const char *name);

/* A pair that somebody left behind whose chain's refresh token it spent, NULL: none.
 * The next owner of the chain stores it instead of asking Slack again. */
struct spooled *spool_find_pair(const char *state_dir,
    const unsigned char spent[CHAIN_HASH]);

#endif
