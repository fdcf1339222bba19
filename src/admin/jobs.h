/* SPDX-License-Identifier: ISC */
#ifndef ADMIN_JOBS_H
#define ADMIN_JOBS_H

enum job_id {
#define JOB(sym, name, seconds, opens, help) JOB_##sym,
#include "admin/jobs.def"
#undef JOB
	JOB_COUNT
};

enum job_opens { OPENS_NOTHING, OPENS_LOGS };

struct job_row {
	const char *name;
	int seconds;
	enum job_opens opens;		/* by the master's user, before it becomes RUN_USER */
};
extern const struct job_row job_rows[JOB_COUNT];

/* The job of a command that runs in one: named alike, with - for blanks; -1. */
int job_of(const char *words);

/* Exit statuses of a job (sysexits.h): what the master makes of them. */
#define JOB_OK		0
#define JOB_LATER	75	/* the store is away: try again */
#define JOB_REFUSED	78	/* the operator has to change something */

#endif
