/* SPDX-License-Identifier: ISC */
#ifndef SLACK_STALE_H
#define SLACK_STALE_H

#include "slack/slack.h"

/* Installs that nobody approved within INSTALL_PENDING_TTL: the app is taken off the
 * workspace (apps.uninstall), then the row goes; by one worker of all hosts, by lease,
 * one at a time.  While Slack cannot be asked that is tried again; as much later the row
 * goes all the same, with a warning.  A workspace that is live by another row, or by its
 * organisation's install, is left alone at Slack: there it is one install. */
struct stale;
struct stale *stale_new(struct slack *s);
void stale_free(struct stale *t);		/* NULL is fine */
void stale_tend(struct stale *t);		/* as often as the loop ticks */

#endif
