/* SPDX-License-Identifier: ISC */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "shm/heritage.h"

/* The life of a short process that the master forked for one task (a row of
 * admin/jobs.def): its own loop, its own connection to the store, its outcome as
 * the exit status (admin/jobs.h) and, in words, as REPLY packets of id 0. */
int job_run(const struct heritage *h, int job);

#endif
