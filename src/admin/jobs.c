/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "admin/jobs.h"

#include <stdbool.h>

const struct job_row job_rows[JOB_COUNT] = {
#define JOB(sym, name, seconds, opens, help) \
	[JOB_##sym] = { name, seconds, OPENS_##opens },
#include "admin/jobs.def"
#undef JOB
};

static bool
named(const char *name, const char *words)
{
	for (; *name != '\0' && *words != '\0'; name++, words++)
		if (*name != *words && !(*name == '-' && *words == ' '))
			return false;
	return *name == *words;
}

int
job_of(const char *words)
{
	for (int i = 0; i < JOB_COUNT; i++)
		if (named(job_rows[i].name, words))
			return i;
	return -1;
}
