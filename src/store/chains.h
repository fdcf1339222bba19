/* SPDX-License-Identifier: ISC */
#ifndef STORE_CHAINS_H
#define STORE_CHAINS_H

#include "store/installs.h"

/* Token chains (SLACK.md 12): a refresh token is spent for the next pair.  The row
 * says which one is to be spent (its hash), who is at it, and whether it is lost (no
 * next pair will come, the token serves to its end) or dead (Slack does not take the
 * token any more; owner is Slack's word then).  There is no row before the first
 * refresh, unless it is dead, and none after an install is made anew.
 *
 *	chain_see -> chain_ask (the intent) -> Slack -> chain_spend
 *
 * Tokens are sealed, as everywhere here. */
#define CHAIN_BOT	""		/* the holder of an install's own chain */
#define CHAIN_ASKING	"asking"
#define CHAIN_LOST	"lost"
#define CHAIN_DEAD	"dead"
#define CHAIN_HASH	32

struct chain_id {
	const char *enterprise_id, *team_id;
	const char *holder;		/* CHAIN_BOT, or a user's id */
};

struct chain_row {
	const char *key_id;
	const char *token, *refresh;	/* sealed */
	size_t token_len, refresh_len;
	int64_t expires;
	enum install_state install;
	bool there;			/* the chain has a row; else what follows is 0 */
	unsigned char hash[CHAIN_HASH];
	const char *state, *owner;
	int64_t since;			/* wall ms */
	int64_t tries;			/* intents for this refresh token */
};

/* row: NULL when there is no such install (err NULL) or with err. */
typedef void chain_see_fn(void *arg, const struct chain_row *row,
    const struct err *err);
struct unit *chain_see(struct store *st, const struct chain_id *id,
    chain_see_fn *done, void *arg);

/* done: hit is false when the chain is another by now (or lost). */
typedef void chain_fn(void *arg, bool hit, const struct err *err);
/* The intent, on the disk before done: owner is about to spend that one.  fresh: the
 * chain had no row (or a row of another life) and gets one. */
struct unit *chain_ask(struct store *st, const struct chain_id *id,
    const unsigned char hash[CHAIN_HASH], bool fresh, const char *owner,
    int64_t now, chain_fn *done, void *arg);
/* It was not spent: as if never asked. */
struct unit *chain_rest(struct store *st, const struct chain_id *id,
    const unsigned char hash[CHAIN_HASH], const char *owner, chain_fn *done,
    void *arg);
/* Nobody can renew it. */
struct unit *chain_lose(struct store *st, const struct chain_id *id,
    const unsigned char hash[CHAIN_HASH], int64_t now, chain_fn *done, void *arg);
/* Slack does not take the token of the install that was made at that time; code is
 * its word.  hit is false when that was known, or somebody installed again.  fresh: the
 * chain has no row and gets one; hash is then the token's own. */
struct chain_death {
	bool fresh;
	unsigned char hash[CHAIN_HASH];
	const char *code;
	int64_t updated;		/* of the install */
	int64_t now;
};
struct unit *chain_kill(struct store *st, const struct chain_id *id,
    const struct chain_death *d, chain_fn *done, void *arg);
/* Lost or dead no more, until it is seen again; hit also when it was neither. */
struct unit *chain_heal(struct store *st, const struct chain_id *id,
    chain_fn *done, void *arg);
/* The next pair. */
struct chain_pair {
	const char *enterprise_id, *team_id, *holder;
	const char *spent, *next;	/* hashes of refresh tokens, CHAIN_HASH bytes */
	size_t spent_len, next_len;
	const char *key_id;
	const char *token, *refresh;	/* sealed */
	size_t token_len, refresh_len;
	int64_t expires;
	const char *scopes;
	int64_t made;			/* wall ms */
};
/* Tokens and chain in one transaction, where the spent one is still the chain's;
 * hit is false when it is not: the pair is nobody's. */
struct unit *chain_spend(struct store *st, const struct chain_pair *p,
    chain_fn *done, void *arg);

#endif
