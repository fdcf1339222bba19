/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "store/chains.h"

/* Answers of Slack that must not be lost (DESIGN 8): a file each in STATE_DIR/spool,
 * written, fsynced and renamed, tokens sealed as in the row.  An install comes here
 * when the store would not take it; the next pair of a token chain always, before
 * anything else.  Writing is one of the two named blocking calls of a worker. */
#define SPOOL_NAME	96
int spool_install(const char *state_dir, const struct install_row *row,
    struct err *err);
int spool_pair(const char *state_dir, const struct chain_pair *pair,
    char name[SPOOL_NAME], struct err *err);
/* The pair is in the store; that there is no such file is fine. */
void spool_forget(const char *state_dir, const char *name);
/* The job: stores each file and deletes it; what fails stays.  Runs the loop.
 * Returns how many are left, or -1. */
int spool_replay(const char *state_dir, struct store *st,
    struct event_base *base, struct err *err);

/* A pair that somebody left behind whose chain's refresh token it spent: read by
 * the next owner, which stores it instead of asking Slack again. */
struct spooled;
struct spooled *spool_find_pair(const char *state_dir,
    const unsigned char spent[CHAIN_HASH]);		/* NULL: none */
const struct chain_pair *spooled_pair(const struct spooled *s);
const char *spooled_name(const struct spooled *s);
void spooled_free(struct spooled *s);			/* NULL is fine */

#endif
