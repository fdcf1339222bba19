/* SPDX-License-Identifier: ISC */
#ifndef SLACK_INSTALLS_H
#define SLACK_INSTALLS_H

#include "slack/install.h"
#include "slack/slack.h"

/* The workspaces as this worker knows them: a copy of the store's rows with the
 * bot token opened, and those that org-wide installs were granted.  Filled at start
 * and after each move of `changes`. */
struct installs;

struct installs *installs_new(struct slack *slack);
void installs_free(struct installs *i);
/* `changes` moved: read the rows that changed, or all of them, and forget the others.
 * loaded() is true after the first whole reading. */
void installs_refresh(struct installs *i, bool all);
bool installs_loaded(const struct installs *i);
/* fn after each reading that brought something. */
void installs_on_news(struct installs *i, void (*fn)(void *arg), void *arg);

/* By team id (or enterprise id of an org-wide install): any state.  NULL: none.  Of
 * several, the workspace's own install that serves or is disabled, before that of its
 * org, before the others. */
struct install *installs_find(struct installs *i, const char *team_id);
/* In order of team id; stop when fn returns false. */
void installs_each(struct installs *i,
    bool (*fn)(void *arg, struct install *in), void *arg);
/* The one that counts of in's row by now; NULL: it is gone. */
struct install *installs_current(struct installs *i, const struct install *in);

#endif
