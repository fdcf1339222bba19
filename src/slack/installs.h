/* SPDX-License-Identifier: ISC */
#ifndef SLACK_INSTALLS_H
#define SLACK_INSTALLS_H

#include "base/secret.h"
#include "slack/slack.h"
#include "store/installs.h"

/* The workspaces as this worker knows them: a copy of the store's rows with the
 * bot token opened, and those that org-wide installs were granted.  Filled at start and after each move of `changes`. */
struct installs;

/* Immutable and counted: hold a reference over a wait, so that a change of the
 * row does not pull the token away from under a call. */
struct install {
	unsigned refs;
	char *enterprise_id, *team_id;	/* team_id "" for an org-wide install */
	char *app_id;
	char *name;			/* the workspace's, foreign text */
	char *url;			/* https://domain.slack.com/ */
	char *domain;			/* "domain", or "" */
	char *scopes;			/* list */
	char *bot_user_id, *bot_id, *installer;
	enum install_state state;
	bool rotates;			/* has a refresh token */
	bool lost;			/* nobody can renew its token: it serves to its end */
	char *dead;			/* Slack does not take its token: its word; else "" */
	int64_t dead_since;		/* wall ms */
	bool probe;			/* a token to be tried, of which nothing is concluded */
	int64_t expires;		/* wall ms; 0: never */
	int64_t made, updated;
	struct secret bot_token;	/* "Bearer xoxb-…", as the header wants it */
	bool unreadable;		/* its key id is not ours: no token */
	/* Of a workspace that an org-wide install was granted (slack/orgs.h): */
	struct install *org;		/* whose token it has; NULL: a row of its own */
	char *place;			/* "E…/T…" */
};

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
/* One of its own from a row: the token opened, refs 1. */
struct install *install_from_row(const struct keyring *keys,
    const struct install_row *row);
struct install *install_hold(struct install *in);
void install_drop(struct install *in);		/* NULL is fine */
/* The one that counts of in's row by now; NULL: it is gone. */
struct install *installs_current(struct installs *i, const struct install *in);
bool install_same_token(const struct install *a, const struct install *b);
void install_token_hash(const struct install *in, unsigned char out[32]);
/* Its token's time is over (renewed or not). */
bool install_is_over(const struct install *in);
/* Of its key: to spread installs evenly. */
unsigned install_hash(const struct install *in);
/* The id that keys and arguments use: team_id, else enterprise_id. */
const char *install_key(const struct install *in);
/* Under which the store keeps what belongs to the workspace (store/directory.h). */
const char *install_place(const struct install *in);
/* Itself, or the org-wide install that it comes from: whose token it is. */
const struct install *install_row_of(const struct install *in);
/* A workspace that an org-wide install was granted; refs 1. */
struct install *install_of_org(struct install *org, const char *team_id,
    const char *name);

#endif
