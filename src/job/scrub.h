/* SPDX-License-Identifier: ISC */
#ifndef JOB_SCRUB_H
#define JOB_SCRUB_H

#include "base/err.h"
#include "base/log_files.h"

#include <stdint.h>

/* Overwrites each whole id in the log's files by as many signs, in place: who writes
 * into them appends, and no byte moves.  How many there were in all; of a file that
 * cannot be read or written fd becomes -1 and why says so. */
int64_t scrub_logs(struct log_files *l, const char *id);

#endif
