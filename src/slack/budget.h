/* SPDX-License-Identifier: ISC */
#ifndef SLACK_BUDGET_H
#define SLACK_BUDGET_H

#include "slack/api.h"

/* Slack counts per app, workspace and method (SLACK.md 9); some methods also per
 * channel; the workspaces of an org-wide install count together.  The names of the two buckets of one call, and the rate of the lane. */
#define BUDGET_NAME	192
struct budget {
	char scope[BUDGET_NAME];	/* what a 429 binds */
	char lane[BUDGET_NAME];		/* where slots are reserved */
	struct rate rate;		/* per_minute 0: only a 429 binds */
	bool rare;			/* once a minute: slack/cohort.h */
};

void budget_of(struct budget *b, const struct slack *s,
    const struct install *in, enum slack_method m, const char *channel);

/* When the call may go (monotonic ms), reserved; or -1: not within wait_ms, and
 * *again is when to come back. */
int64_t budget_take(struct region *r, const struct budget *b, int64_t wait_ms,
    int64_t *again);
bool budget_is_per_channel(enum slack_method m);
/* Takes nothing: how many calls could go at this moment, and if none could, when
 * (from now).  BUDGET_FREE: as many as Slack lets. */
#define BUDGET_FREE	(-1)
int budget_left(struct region *r, const struct budget *b, int64_t *wait_ms);
/* The slot, which was taken, is not used; one that a 429 took is not there. */
void budget_give_back(struct region *r, const struct budget *b, int64_t slot);
/* Slack said 429: nobody goes before seconds (-1: none said) have passed. */
void budget_block(struct region *r, const struct budget *b, long seconds);
int64_t budget_blocked(struct region *r, const struct budget *b);	/* 0: not */

#endif
