/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/cohort.h"

#include "base/clock.h"
#include "shm/bucket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE		15
#define LONG_S		40	/* such a 429 is not that of a common rate */
#define FORGET_MS	86400000

static bool
subject(enum slack_method m)
{
	return m == METHOD_CONVERSATIONS_HISTORY ||
	    m == METHOD_CONVERSATIONS_REPLIES;
}

/* What is known stands in the table of rates: it forgets by itself. */
enum known { PERHAPS, SURE };

static void
name_it(char out[128], const struct install *in, enum known k)
{
	snprintf(out, 128, "slack:%.40s:%.40s:%s", in->app_id,
	    install_key(install_row_of(in)), k == SURE ? "limited" : "perhaps limited");
}

static bool
known(struct region *r, const struct install *in, enum known k)
{
	char name[128];

	name_it(name, in, k);
	return bucket_blocked(r, name) != 0;
}

static void
keep(struct region *r, const struct install *in, enum known k)
{
	char name[128];

	name_it(name, in, k);
	bucket_block(r, name, clock_ms() + FORGET_MS);
}

static void
forget(struct region *r, const struct install *in)
{
	char name[128];

	for (int k = PERHAPS; k <= SURE; k++) {
		name_it(name, in, (enum known)k);
		bucket_unblock(r, name);
	}
}

static long
asked_for(const char *form)
{
	const char *limit = strstr(form, "limit=");

	return limit != NULL ? strtol(limit + 6, NULL, 10) : 0;
}

bool
cohort_has(struct region *r, const struct install *in, enum slack_method m)
{
	return subject(m) && known(r, in, SURE);
}

bool
cohort_learn(struct region *r, const struct install *in, enum slack_method m,
    const char *form, const struct slack_answer *a)
{
	size_t n = js_count(a->json, "messages");
	bool perhaps, sign;

	if (!subject(m))
		return false;
	if (n > PAGE) {
		forget(r, in);
		return false;
	}
	perhaps = known(r, in, PERHAPS);
	sign = n == PAGE && asked_for(form) > PAGE &&
	    js_bool(a->json, "has_more");
	if (!sign && !(perhaps && a->class == SLACK_WAIT && a->wait_s >= LONG_S))
		return false;
	keep(r, in, PERHAPS);
	if (!perhaps || known(r, in, SURE))
		return false;
	keep(r, in, SURE);
	return true;
}
