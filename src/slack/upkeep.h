/* SPDX-License-Identifier: ISC */
#ifndef SLACK_UPKEEP_H
#define SLACK_UPKEEP_H

#include "slack/slack.h"

/* What has to be done about an install now and then, by one worker of all hosts, by
 * lease, one thing at a time: where auth.test was not answered when it was made (or
 * its process died before), bot_id and url are asked for and stored. */
struct upkeep;
struct upkeep *upkeep_new(struct slack *s);
void upkeep_free(struct upkeep *u);		/* NULL is fine */
void upkeep_tend(struct upkeep *u);		/* as often as the loop ticks */

#endif
