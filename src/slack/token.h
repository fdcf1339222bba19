/* SPDX-License-Identifier: ISC */
#ifndef SLACK_TOKEN_H
#define SLACK_TOKEN_H

#include "slack/installs.h"
#include "slack/refresh.h"
#include "slack/wire.h"

/* The life of tokens (SLACK.md 12, DESIGN 8).  What is refreshed is a chain: an
 * install's bot token now, users' tokens when they come.  One refresher over all
 * workers and hosts, by a lease named after the chain; Slack's answer goes sealed to
 * the spool before anything else, then the pair is committed where the spent refresh
 * token is still the row's; nobody uses a pair that is not in the store.
 *
 * token_tend, as often as the worker's loop ticks: begins the refresh of chains that
 * are due (less than TOKEN_REFRESH_BEFORE is left, less a jitter of each chain's own),
 * also of those that ran out long ago. */
struct tokens;
struct tokens *tokens_new(struct slack *s);
void tokens_free(struct tokens *t);
void token_tend(struct tokens *t);
/* The installs were read anew: waits whose pair has come end. */
void token_moved(struct tokens *t);
/* The daemon stops: no further refresh is begun; one under way is finished (GAUGE_DETACHED). */
void token_drain(struct tokens *t);

/* A call found its token spent (Slack said token_expired, or its time is over): wait
 * until a newer one is in the store, refreshing it when nobody else does.  done: the
 * install with the newer token (to be held by who keeps it), or NULL and why: EXPIRED
 * (nobody can renew it), REVOKED, RENEWING (not by deadline_ms).  Exactly once, never
 * before token_renew returned. */
typedef void token_fn(void *arg, struct install *in,
    const struct slack_answer *why);
struct token_wait;
struct token_wait *token_renew(struct tokens *t, struct install *in,
    int64_t deadline_ms, token_fn *done, void *arg);
void token_cancel(struct token_wait *w);

/* By command: the first pair for a token that lives long (oauth.v2.exchange).  false,
 * and no done: somebody in this worker is at it, or it ends. */
bool token_exchange(struct tokens *t, struct install *in, refresh_fn *done,
    void *arg);

#endif
