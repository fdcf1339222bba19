/* SPDX-License-Identifier: ISC */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "base/conf.h"
#include "shm/heritage.h"

/* The process that supervises: no SQL, no curl, no Slack token, no byte from the
 * public side (DESIGN 2). */
struct master_start {
	const struct conf_input *input;	/* for a reload */
	struct conf *conf;		/* taken over */
	bool foreground;
	run_worker_fn *run_worker;
	run_job_fn *run_job;
};

/* Until the daemon is stopped; returns the exit status.  Without foreground the
 * calling command returns once all workers are READY (0), or with the reason on
 * stderr (1, or 78 when the operator has to change something). */
int master_run(const struct master_start *start);

/* One job with the daemon down; its answer goes to stdout.  argv are the job's,
 * ended by NULL. */
int master_job(const struct master_start *start, int job, char **argv);

#endif
