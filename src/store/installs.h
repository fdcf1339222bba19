/* SPDX-License-Identifier: ISC */
#ifndef STORE_INSTALLS_H
#define STORE_INSTALLS_H

#include "store/store.h"

/* Workspaces, one row each (DESIGN 7, SLACK.md 11.6).  Tokens are sealed before
 * they come here: this folder never sees one in the clear.  The associated data
 * of the sealing is install_identity(). */
#define INSTALL_STATES(X) X(PENDING, "pending") X(LIVE, "live") X(DISABLED, "disabled") \
	X(REVOKED, "revoked")
enum install_state {
#define X(sym, word) INSTALL_##sym,
	INSTALL_STATES(X)
#undef X
};
const char *install_state_word(enum install_state s);
int install_state_of(const char *word);		/* -1: none */

struct install_row {
	const char *enterprise_id;	/* or "" */
	const char *team_id;		/* or "" for an org-wide install */
	const char *app_id;
	const char *team_name, *team_url;
	const char *key_id;		/* that sealed the two tokens */
	const char *bot_token;		/* sealed bytes */
	size_t bot_token_len;
	const char *refresh_token;	/* sealed; length 0: the install does not rotate */
	size_t refresh_token_len;
	int64_t expires;		/* wall ms; 0: never */
	const char *scopes;		/* list, as granted */
	const char *bot_user_id, *bot_id;
	const char *installer;		/* Slack user id */
	int64_t made, updated;
	enum install_state state;
	int64_t changed;
	/* read only, of its chain (store/chains.h) */
	bool lost;			/* nobody can renew its token */
	const char *dead;		/* Slack's word when it does not take it, else "" */
	int64_t dead_since;		/* wall ms */
};

/* "install:<enterprise>:<team>", the associated data of its tokens. */
#define INSTALL_IDENTITY_SIZE	96
void install_identity(char *out, const char *enterprise_id,
    const char *team_id);

typedef void installs_fn(void *arg, const struct install_row *rows, size_t n,
    const struct err *err);
/* As keys_since and keys_next (store/keys.h), by (changed, enterprise_id, team_id) and
 * 200 at a time. */
struct unit *installs_since(struct store *st, int64_t since, installs_fn *done,
    void *arg);
struct unit *installs_next(struct store *st, const struct install_row *last,
    installs_fn *done, void *arg);
#define INSTALLS_BEHIND(changed, enterprise_id, team_id) \
	DO(INSTALLS_SINCE, INT(changed), INT(changed), TEXT(enterprise_id), \
	    TEXT(team_id))

/* As keys_listed: all of them, by (enterprise_id, team_id). */
struct unit *installs_listed(struct store *st, const struct install_row *last,
    installs_fn *done, void *arg);

typedef void install_done_fn(void *arg, const struct err *err);
/* Update, else insert, else update: a re-install keeps the row and its made; the
 * state it had stays if it was live or disabled, else row->state is taken. */
void install_put(struct store *st, const struct install_row *row,
    int deadline_ms, install_done_fn *done, void *arg);
/* pending → live (approve), live → disabled, disabled → live; revoked wipes the
 * tokens.  ERR_NOT_FOUND: no such workspace in a state that allows it. */
void install_set_state(struct store *st, const char *enterprise_id,
    const char *team_id, enum install_state from, enum install_state to,
    install_done_fn *done, void *arg);

/* What auth.test says, of the install that was made at that time. */
struct unit *install_facts(struct store *st, const struct install_row *row,
    install_done_fn *done, void *arg);

/* The first install by (updated, enterprise_id, team_id) that is behind last, was made
 * before that time, and that nobody approved; row has no more than is needed for its
 * token, and is NULL when there is none.  elsewhere: the workspace, or one of the organisation, is live by another row,
 * or may be. */
typedef void install_stale_fn(void *arg, const struct install_row *row,
    bool elsewhere, const struct err *err);
struct unit *install_stale(struct store *st, const struct install_row *last,
    int64_t before, install_stale_fn *done, void *arg);
/* That one is revoked, its tokens wiped, unless it was approved or made anew; then the
 * row may be dropped, once everybody has seen it. */
struct unit *install_expire(struct store *st, const struct install_row *row,
    install_done_fn *done, void *arg);
struct unit *install_drop_row(struct store *st, const struct install_row *row,
    install_done_fn *done, void *arg);

/* One of Slack's events, once: idle is true when nothing was done, because its id was
 * there before or no install came to its end.  With ends the install is over (its
 * tokens go), unless somebody installed again after that wall ms: events may come
 * late.  A workspace has its id for life: it may have come into the organisation
 * since. */
typedef void install_event_fn(void *arg, bool idle, const struct err *err);
void install_event(struct store *st, const char *event_id, bool ends,
    const char *enterprise_id, const char *team_id, int64_t happened,
    install_event_fn *done, void *arg);
/* Likewise: an org-wide install was given workspaces, or these n were taken from it
 * (lost; 20 at most go at once, n 0: none).  Its list is due to be read again. */
void install_event_teams(struct store *st, const char *event_id,
    const char *enterprise_id, const char *const *lost, size_t n,
    install_event_fn *done, void *arg);

#endif
