/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "store/installs.h"

/* Answers of Slack that the store would not take (DESIGN 8): a file each in
 * STATE_DIR/spool, written, fsynced and renamed, tokens sealed as in the row.
 * Writing is one of the two named blocking calls of a worker.
 *
 *	spool_reserve -> ask Slack -> spool_release, or else spool_write
 *
 * The room is there before Slack is asked, so that a disk that fills up meanwhile
 * loses nothing. */
struct spool_place {
	const char *state_dir;		/* borrowed */
	char name[96];
	int fd;				/* -1: none */
};
int spool_reserve(struct spool_place *p, const char *state_dir,
    struct err *err);
int spool_write(struct spool_place *p, const struct install_row *row,
    struct err *err);		/* releases it, too */
void spool_release(struct spool_place *p);

/* The job: stores each file and deletes it; -1 and err: some stay.  Runs the loop. */
int spool_replay(const char *state_dir, struct store *st,
    struct event_base *base, struct err *err);
bool spool_waits(const char *state_dir);	/* is there any? */

#endif
