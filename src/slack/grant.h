/* SPDX-License-Identifier: ISC */
#ifndef SLACK_GRANT_H
#define SLACK_GRANT_H

#include "base/crypto.h"
#include "base/js.h"
#include "store/installs.h"

/* What oauth.v2.access gave, checked for type and length (SLACK.md 11.5). */
struct grant {
	char *enterprise_id, *team_id, *app_id;
	char *team_name;		/* the org's for an org-wide install */
	char *scopes;
	char *bot_user_id, *installer;
	char *bot_id, *url;		/* of auth.test, "" before */
	struct secret bot_token, refresh_token;
	int64_t expires_in;		/* seconds; 0: never */
};

/* A token of an answer: printable ASCII of a bounded length, else empty. */
void grant_token(const struct js *answer, const char *key,
    struct secret *out);
/* Its expires_in, checked; 0: never. */
int64_t grant_expires_in(const struct js *answer);
/* Its scope list, tidied; owned. */
char *grant_scopes(const struct js *answer);

/* It is a bot's, and of this install, as far as it says whose it is. */
bool grant_is_of(const struct js *answer, const char *enterprise_id,
    const char *team_id);

/* -1 and Slack's kind of error word in code: no_bot_token, or bad_answer. */
int grant_read(struct grant *g, const struct js *answer, char *code,
    size_t size);
/* bot_id and url of an auth.test's answer; what does not look right is "".  Owned. */
char *grant_bot_id(const struct js *auth_test);
char *grant_url(const struct js *auth_test);
void grant_identify(struct grant *g, const struct js *auth_test);
void grant_wipe(struct grant *g);

/* The row to store; its tokens are sealed into the two buffers, its other strings
 * are the grant's.  asked: wall ms from before the code was given away. */
void grant_row(const struct grant *g, const struct keyring *keys, int64_t asked,
    struct buf *bot, struct buf *refresh, struct install_row *row);

#endif
