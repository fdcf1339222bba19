/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "admin/jobs.h"

const struct job_row job_rows[JOB_COUNT] = {
#define JOB(sym, name, seconds, help) [JOB_##sym] = { name, seconds },
#include "admin/jobs.def"
#undef JOB
};
