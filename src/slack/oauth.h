/* SPDX-License-Identifier: ISC */
#ifndef SLACK_OAUTH_H
#define SLACK_OAUTH_H

#include "base/buf.h"
#include "slack/slack.h"
#include "store/installs.h"

/* The OAuth v2 install (SLACK.md 11, DESIGN 8).  The state is sealed with the
 * keyring, carries a nonce, lives OAUTH_STATE_S and is bound to the browser by a
 * cookie of the same nonce's secret half. */
#define OAUTH_STATE_S	600

/* A new state and the cookie's value that goes with it. */
void oauth_begin(struct slack *s, struct buf *state, struct buf *cookie);
/* The URL of Slack's page; team is a hint or "". */
void oauth_authorize_url(const struct slack *s, const char *state,
    const char *team, struct buf *out);

#define OAUTH_ENDS(X) \
	X(DONE)		/* stored: live, or pending */ \
	X(SPOOLED)	/* Slack said yes, the store is away: stored later */ \
	X(BAD_STATE)	/* missing, forged, expired, another browser's */ \
	X(USED)		/* this state was used before */ \
	X(STORE_AWAY)	/* not even begun: the code is still good */ \
	X(SLACK_REFUSED) \
	X(SLACK_AWAY)
enum oauth_end {
#define X(e) OAUTH_##e,
	OAUTH_ENDS(X)
#undef X
};

struct oauth_result {
	enum oauth_end end;
	const char *team_id, *team_name;	/* DONE, SPOOLED */
	enum install_state state;		/* DONE */
	const char *code;			/* Slack's error word, or "" */
};
typedef void oauth_fn(void *arg, const struct oauth_result *r);

/* Checks the state, uses its nonce up, exchanges the code, spools what came, asks
 * auth.test, stores the install.  From the exchange on it finishes without a listener. */
struct oauth;
struct oauth *oauth_finish(struct slack *s, const char *state,
    const char *cookie, const char *code, oauth_fn *done, void *arg);
void oauth_forget(struct oauth *o);	/* the listener has gone */

#endif
