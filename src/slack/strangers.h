/* SPDX-License-Identifier: ISC */
#ifndef SLACK_STRANGERS_H
#define SLACK_STRANGERS_H

#include "slack/slack.h"

#include "slack/installs.h"

/* People of a workspace whom no listing shows, because they come from elsewhere
 * (SLACK.md 15): asked of Slack one by one, in the background, and kept in the
 * directory, until it is read anew after DIRECTORY_TTL; that nobody knows one is kept,
 * too, so that it is asked once. */
struct strangers;
struct strangers *strangers_new(struct slack *s, struct install *in);
void strangers_free(struct strangers *t);
void strangers_want(struct strangers *t, const char *id);

#endif
