/* SPDX-License-Identifier: ISC */
#ifndef SLACK_COHORT_H
#define SLACK_COHORT_H

#include "slack/api.h"

/* Slack lets some apps read messages once a minute and 15 of them at a time
 * (SLACK.md 9), and says so nowhere: it is learnt from its answers, per workspace,
 * for all workers of a host, and forgotten after a day.
 *
 * A sign is a page of exactly 15 when more were asked for and there are more; after
 * one, so is a 429 of most of a minute.  Two make it sure, a longer page takes both
 * away; one 429 alone, or a channel of 15 messages, is none. */
bool cohort_has(struct region *r, const struct install *in,
    enum slack_method m);
/* After each answer; wait_s as it came.  true: it was learnt now. */
bool cohort_learn(struct region *r, const struct install *in,
    enum slack_method m, const char *form, const struct slack_answer *a);

#endif
