/* SPDX-License-Identifier: ISC */
#ifndef STORE_POSTS_H
#define STORE_POSTS_H

#include "store/store.h"

/* The ledger of writes that Slack would carry out twice (DESIGN 8).
 *
 *	post_begin -> POST_GO -> send -> post_end
 *
 * Any other word: do not send, and say this instead. */
#define POST_WORDS(X)                                                    \
	X(POST_GO,      "")                                              \
	X(POST_POSTED,  "was posted by an earlier equal call")           \
	X(POST_REFUSED, "was refused by Slack in an earlier equal call") \
	X(POST_OPEN,    "may have been posted by an earlier equal call; look at the channel, and only if it is not there use a new idempotency_key") \
	X(POST_OTHER,   "key was used for another call; use a new idempotency_key")

enum post_word {
#define X(word, text) word,
	POST_WORDS(X)
#undef X
};

struct post_id {
	const char *principal;
	const char *key;	/* the caller's own, or session and request id, or a random one */
	const char *owner;	/* who sends: board_owner() */
	unsigned char digest[32];	/* of tool and arguments */
	const char *team, *channel;	/* what it goes to: proof of ownership later */
	const char *tool;	/* or NULL */
};

struct post;

/* word holds when err is NULL; text is Slack's ts (posted) or error (refused).
 * Any err: the row is not known to be there, so nothing may be sent. */
typedef void post_fn(void *arg, enum post_word word, const char *text,
    const struct err *err);

/* now: wall ms.  The id's strings are copied. */
struct post *post_begin(struct store *st, const struct post_id *id, int64_t now,
    int deadline_ms, post_fn *done, void *arg);
void post_cancel(struct post *p);

/* state is posted, refused or unknown; channel is the one Slack named.  Never
 * cancelled: the row must be told (tried again until deadline_ms). */
void post_end(struct store *st, const struct post_id *id, const char *state,
    const char *channel, const char *text, int deadline_ms);
const char *post_text(enum post_word word);

#endif
