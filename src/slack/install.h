/* SPDX-License-Identifier: ISC */
#ifndef SLACK_INSTALL_H
#define SLACK_INSTALL_H

#include "base/crypto.h"
#include "base/secret.h"
#include "store/installs.h"

/* A workspace's install: the store's row with the bot token opened.
 *
 * Immutable and counted: hold a reference over a wait, so that a change of the
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

/* One of its own from a row: the token opened, refs 1. */
struct install *install_from_row(const struct keyring *keys,
    const struct install_row *row);
/* A workspace that an org-wide install was granted; refs 1. */
struct install *install_of_org(struct install *org, const char *team_id,
    const char *name);
struct install *install_hold(struct install *in);
void install_drop(struct install *in);		/* NULL is fine */

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

#endif
