/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "store/chains.h"

/* Answers of Slack that must not be lost (DESIGN 8): a file each in STATE_DIR/spool,
 * written, fsynced and renamed, tokens sealed as in the row, before anything else is
 * done with them.  Writing is one of the two named blocking calls of a worker.
 *
 *	spool_reserve -> ask Slack -> spool_write -> the store has it: spool_forget
 *	                                          -> spool_release
 *
 * The room is there before Slack is asked, so that a disk that fills up meanwhile
 * loses nothing.  Until spool_release the file is locked: its writer is at it, and
 * the job leaves it alone; of a process that died nothing is locked. */
enum spool_kind {
	SPOOL_INSTALL,			/* a struct install_row */
	SPOOL_PAIR			/* a struct chain_pair */
};
#define SPOOL_NAME	96
struct spool_place {
	const char *state_dir;		/* borrowed */
	enum spool_kind kind;
	char name[SPOOL_NAME];		/* of the file, once it is written */
	int fd;				/* -1: none */
	bool written;
};
int spool_reserve(struct spool_place *p, const char *state_dir,
    enum spool_kind kind, struct err *err);
/* row is of the place's kind.  On failure the place is given back. */
int spool_write(struct spool_place *p, const void *row, struct err *err);
void spool_release(struct spool_place *p);	/* what was written stays */

/* What a file holds is in the store; that there is no such file is fine. */
void spool_forget(const char *state_dir, const char *name);

/* Every file that tells of a workspace (install_key), or if user is not NULL of that
 * person, whole or not, goes: how many. */
int spool_purge(const char *state_dir, const char *team, const char *user,
    struct err *err);

/* The job: stores each file that nobody is at and deletes it; -1 and err: some stay.
 * Runs the loop. */
int spool_replay(const char *state_dir, struct store *st,
    struct event_base *base, struct err *err);
bool spool_waits(const char *state_dir);	/* is there any that nobody is at? */

/* A pair that somebody left behind whose chain's refresh token it spent: read by
 * the next owner, which stores it instead of asking Slack again. */
struct spooled;
struct spooled *spool_find_pair(const char *state_dir,
    const unsigned char spent[CHAIN_HASH]);		/* NULL: none */
const struct chain_pair *spooled_pair(const struct spooled *s);
const char *spooled_name(const struct spooled *s);
void spooled_free(struct spooled *s);			/* NULL is fine */

#endif
