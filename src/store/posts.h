/* SPDX-License-Identifier: ISC */
#ifndef STORE_POSTS_H
#define STORE_POSTS_H

#include "store/store.h"

/* The ledger of writes that Slack would carry out twice (DESIGN 8).
 *
 *	post_begin -> POST_GO -> send -> post_end
 *
 * Any other word: do not send, and say this instead.  A row whose write was never
 * sent is as good as none. */
#define POST_WORDS(X) \
	X(POST_GO,      "", "") \
	X(POST_POSTED,  "was posted by an earlier equal call", "") \
	X(POST_REFUSED, "was refused by Slack in an earlier equal call", \
	  "To try again, use a new idempotency_key.") \
	X(POST_OPEN,    "may have been posted by an earlier equal call", \
	  "Look at the channel, and only if it is not there use a new idempotency_key.") \
	X(POST_OTHER,   "key was used for another call", "Use a new idempotency_key.")

enum post_word {
#define X(word, text, way) word,
	POST_WORDS(X)
#undef X
};

/* What became of a write, as its row says it. */
#define POST_STATES(X) X(SENDING, "sending") X(POSTED, "posted") \
	X(REFUSED, "refused") X(UNSENT, "unsent") X(UNKNOWN, "unknown")
enum post_state {
#define X(sym, word) POST_IS_##sym,
	POST_STATES(X)
#undef X
};

struct post_id {
	const char *principal;
	const char *key;	/* the caller's own, or session and request id, or a random one */
	const char *owner;	/* who sends: board_owner() */
	unsigned char digest[32];	/* of tool and arguments */
	const char *team, *channel;	/* what it goes to: proof of ownership later */
	const char *tool;	/* or NULL */
	int64_t made;		/* wall ms, of this attempt: part of the row's name */
	/* The install whose token sends; when it has ended there is no row any more, and
	 * nothing may be sent: ERR_NOT_FOUND.  NULL: it is not asked for. */
	const char *enterprise_id, *team_id;
};

struct post;

/* The row of an equal key; empty with POST_GO. */
struct post_was {
	const char *text;	/* Slack's ts (posted) or error (refused) */
	const char *owner;	/* who was to send it */
	bool sending;		/* and has not said yet what became of it */
	int64_t made;
};

/* word holds when err is NULL.  Any err: the row is not known to be there, so
 * nothing may be sent. */
typedef void post_fn(void *arg, enum post_word word,
    const struct post_was *was, const struct err *err);

/* The id's strings are copied. */
struct post *post_begin(struct store *st, const struct post_id *id,
    int deadline_ms, post_fn *done, void *arg);
void post_cancel(struct post *p);

/* text is Slack's ts or error word, channel the one Slack named.  Never cancelled:
 * the row must be told (tried again until deadline_ms). */
void post_end(struct store *st, const struct post_id *id,
    enum post_state state, const char *channel, const char *text,
    int deadline_ms);
const char *post_text(enum post_word word);
const char *post_way(enum post_word word);	/* what to do then */

/* An equal call has found the message of a row that did not know: id's, made then. */
void post_found(struct store *st, const struct post_id *id, const char *ts,
    int deadline_ms);
/* What else the ledger knows of id's channel since then (wall ms), so that a lookup
 * takes no other call's message for id's.  For the callback: is this ts another
 * row's, and how many equal writes, made since then, are open. */
struct unit *posts_beside(struct store *st, const struct post_id *id,
    int64_t since, int deadline_ms, store_done_fn *done, void *arg);
bool posts_own(const struct answer *beside, const char *ts);
size_t posts_twins(const struct answer *beside, const struct post_id *id,
    int64_t since);

#endif
