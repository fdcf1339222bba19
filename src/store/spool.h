/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "store/installs.h"

/* Answers of Slack that the store would not take (DESIGN 8): a file each in
 * STATE_DIR/spool, written, fsynced and renamed, tokens sealed as in the row.
 * Writing is one of the two named blocking calls of a worker. */
int spool_install(const char *state_dir, const struct install_row *row,
    struct err *err);
/* The job: stores each file and deletes it; what fails stays.  Runs the loop.
 * Returns how many are left, or -1. */
int spool_replay(const char *state_dir, struct store *st,
    struct event_base *base, struct err *err);

#endif
