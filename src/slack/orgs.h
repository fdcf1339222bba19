/* SPDX-License-Identifier: ISC */
#ifndef SLACK_ORGS_H
#define SLACK_ORGS_H

#include "slack/installs.h"

/* Org-wide installs (SLACK.md 15): one row, keyed by the organisation's id, and one
 * token for the workspaces that the organisation's admins gave to the app.
 *
 * Which those are says auth.teams.list.  They are a third kind of the directory, under
 * the org's id, filled like the others (fill.h): in the background, by lease, aged, a
 * page at a time, never replaced by less; also while DIRECTORY is off.  The end of a
 * fill and Slack's events team_access_granted and team_access_revoked mark the org's
 * row in `changes`, so that every worker reads it again within 3 s, and then its
 * workspaces.
 *
 * Each becomes an install of its own (install->org is set): team_id T…, the org's
 * token.  So everything above slack/ sees a workspace and nothing else: policy,
 * arguments, cursors, posts and the directory know T…, the org's row is no target.
 * (That a channel or person is of the workspace which was named shows tools/belong.c:
 * Slack itself would go by the id alone.)
 * What belongs to the token stays the org's (install_row_of): its renewal, Slack's
 * rates and the cohort.  What the store keeps of one is under E…/T… (install_place),
 * so that it neither mixes with another's nor with that of an install which the
 * workspace has of its own, and is found by the org's id.  The own install comes first
 * (also a disabled one, which the org does not make up for). */
struct orgs;
struct orgs *orgs_new(struct slack *s);
void orgs_free(struct orgs *o);
/* Once a second: reads the lists that are due, of all live org-wide installs. */
void orgs_tend(struct orgs *o);

/* Slack says that it was not granted a workspace which it has here: its list is read
 * anew, though nobody told of a change.  Once a minute at most. */
void orgs_doubt(struct orgs *o, const struct install *org);

/* The workspaces of an org-wide install as the store has them: n installs, refs 1,
 * which the callback takes over; or err.  Exactly once, never before granted_read
 * returned, never after granted_cancel. */
typedef void granted_fn(void *arg, struct install **in, size_t n,
    const struct err *err);
struct granted;
struct granted *granted_read(struct slack *s, struct install *org,
    granted_fn *done, void *arg);
void granted_cancel(struct granted *g);

#endif
