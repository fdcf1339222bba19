/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/budget.h"

#include "base/clock.h"
#include "shm/bucket.h"
#include "slack/cohort.h"

#include <stdio.h>

#define WAIT_DEFAULT_S	30	/* a 429 without a readable Retry-After */
#define WAIT_MAX_S	3600
#define JITTER_MS	1000

enum per { PER_TEAM, PER_CHANNEL };

static const struct {
	int tier, burst;
	enum per per;
} methods[] = {
#define METHOD(sym, name, tier, burst, safe, per, where) { tier, burst, PER_##per },
#include "slack/methods.def"
#undef METHOD
};

static int
scaled(int n, const struct conf *conf)
{
	double share = conf->budget_share > 1 ? conf->budget_share : 1;
	double x = n * conf->budget_scale / share + 0.5;

	if (x > 1000000)
		return 1000000;
	return x < 1 ? 1 : (int)x;
}

void
budget_of(struct budget *b, const struct slack *s, const struct install *in,
    enum slack_method m, const char *channel)
{
	const struct conf *conf = s->conf;
	const char *team = install_key(install_row_of(in));

	*b = (struct budget){ .rate = { 0, 0 } };
	snprintf(b->scope, sizeof(b->scope), "slack:%.40s:%.40s:%s", in->app_id,
	    team, slack_method_name(m));
	if (methods[m].per == PER_CHANNEL && channel != NULL)
		snprintf(b->lane, sizeof(b->lane), "slack:%.40s:%.40s:%s:%.40s",
		    in->app_id, team, slack_method_name(m), channel);
	else
		snprintf(b->lane, sizeof(b->lane), "%s", b->scope);
	if (conf->budget_scale > 0) {
		b->rate.per_minute = scaled(methods[m].tier, conf);
		b->rate.burst = scaled(methods[m].burst, conf);
	}
	b->rare = cohort_has(s->region, in, m);
	if (b->rare && conf->budget_scale > 0)
		b->rate = (struct rate){ scaled(1, conf), 1 };
}

int64_t
budget_blocked(struct region *r, const struct budget *b)
{
	return bucket_blocked(r, b->scope);
}

int64_t
budget_take(struct region *r, const struct budget *b, int64_t wait_ms,
    int64_t *again)
{
	int64_t at = clock_ms();

	if (b->rate.per_minute > 0 &&
	    !bucket_take(r, b->lane, b->rate, wait_ms, &at)) {
		*again = at;
		return -1;
	}
	return at;
}

bool
budget_is_per_channel(enum slack_method m)
{
	return methods[m].per == PER_CHANNEL;
}

int
budget_left(struct region *r, const struct budget *b, int64_t *wait_ms)
{
	int64_t now = clock_ms(), until = bucket_blocked(r, b->scope);
	int left = BUDGET_FREE;

	*wait_ms = 0;
	if (b->rate.per_minute > 0)
		left = bucket_left(r, b->lane, b->rate, wait_ms);
	if (until <= now)
		return left;
	if (until - now > *wait_ms)
		*wait_ms = until - now;
	return 0;
}

void
budget_give_back(struct region *r, const struct budget *b, int64_t slot)
{
	if (slot >= budget_blocked(r, b))
		bucket_give_back(r, b->lane, b->rate);
}

void
budget_block(struct region *r, const struct budget *b, long seconds)
{
	unsigned short jitter;
	int64_t until;

	if (seconds < 0)
		seconds = WAIT_DEFAULT_S;
	if (seconds > WAIT_MAX_S)
		seconds = WAIT_MAX_S;
	crypto_random(&jitter, sizeof(jitter));
	until = clock_ms() + seconds * 1000 + jitter % JITTER_MS;
	bucket_block(r, b->scope, until);
	bucket_drain(r, b->lane, b->rate, until);
}
