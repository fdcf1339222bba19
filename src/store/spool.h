/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "store/spool_row.h"

/* Answers of Slack that must not be lost (DESIGN 8): a file each in STATE_DIR/spool,
 * written, fsynced and renamed, tokens sealed as in the row, before anything else is
 * done with them.  Writing is one of the two named blocking calls of a worker.
 *
 *	spool_reserve -> ask Slack -> spool_write -> the store has it: spool_forget
 *	                                          -> spool_release
 *
 * The room is there before Slack is asked, so that a disk that fills up meanwhile
 * loses nothing.  Until spool_release the file is locked: its writer is at it, and
 * the job leaves it alone; of a process that died nothing is locked.
 *
 * What lies there is read by spool_folder, stored by the job of spool_replay, and
 * deleted unread by spool_purge; spool_row is what is in a file. */
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

/* The job, of the open folder: places that were neither used nor given back, since
 * their process died, go when they are old. */
void spool_sweep(int dir);

#endif
