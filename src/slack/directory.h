/* SPDX-License-Identifier: ISC */
#ifndef SLACK_DIRECTORY_H
#define SLACK_DIRECTORY_H

#include "slack/entry.h"
#include "slack/installs.h"

/* Who and what there is in a workspace: its channels and its people, kept in the
 * store for all workers and hosts, filled in the background within the budget, by
 * lease, a page at a time.  Complete, or partial and then said so; what is there is
 * never replaced by less.  Nothing waits for a fill. */
enum directory_kind {
	DIRECTORY_CHANNELS,
	DIRECTORY_USERS,
	DIRECTORY_KINDS,		/* those of a workspace */
	DIRECTORY_TEAMS = DIRECTORY_KINDS	/* of an org-wide install: slack/orgs.h */
};

struct directory;
struct directory *directory_new(struct slack *s);
void directory_free(struct directory *d);
/* Once a second: begins or goes on with what is due (never filled, older than
 * DIRECTORY_TTL, partial) of workspaces that somebody has asked for lately. */
void directory_tend(struct directory *d);

/* Somebody works there: its directory is filled in the background. */
void directory_want(struct directory *d, struct install *in);

/* How far it is; read from the store, kept for a second. */
struct directory_state {
	bool known;		/* false: the store could not be asked yet */
	bool complete;
	bool filling;
	int64_t entries;
	int64_t at;		/* wall ms of the last complete end; 0: never, or not
				 * known because a later run ended early */
	char problem[64];	/* why the last run ended early, or "" */
	bool full;		/* it did because DIRECTORY_MAX are kept: there are more */
};
#define DIRECTORY_FULL	"directory_max"		/* that problem */

/* What every question below ends with: entries[n] borrowed until it returns (one that
 * is not there has id NULL where the question was for given ids), the state of that
 * directory; or err (the store is away).  Exactly once, never before the question
 * returned, never after directory_cancel. */
typedef void directory_fn(void *arg, const struct directory_entry *entries,
    size_t n, const struct directory_state *state, const struct err *err);
struct directory_ask;
void directory_cancel(struct directory_ask *a);

/* By id, in the order given; at most DIRECTORY_IDS.  Those that are not there are
 * looked up at Slack afterwards, in the background (strangers). */
#define DIRECTORY_IDS	200
struct directory_ask *directory_get(struct directory *d, struct install *in,
    enum directory_kind kind, const char *const *ids, size_t n,
    int64_t deadline_ms, directory_fn *done, void *arg);
/* By name: "#general", "general", "@ada", "Ada Lovelace" in any case.  All that fit
 * exactly, at most 10; for a channel that is not there yet, and a directory that is
 * not complete, Slack is asked a page or two within the deadline. */
struct directory_ask *directory_find(struct directory *d, struct install *in,
    enum directory_kind kind, const char *name, int64_t deadline_ms,
    directory_fn *done, void *arg);
/* Those whose handle, label or real name holds the words ("" all), ordered by handle,
 * after the handle and id given ("" from the start), at most max. */
struct directory_ask *directory_search(struct directory *d, struct install *in,
    enum directory_kind kind, const char *words,
    const char *after_handle, const char *after_id, size_t max,
    int64_t deadline_ms, directory_fn *done, void *arg);

/* Does the install have the scope, as far as is known?  Without it Slack is asked in
 * vain. */
bool directory_may_ask(const struct install *in, enum directory_kind kind);

/* What conversations.list may be asked for: the types whose scope was granted (one
 * that is not fails it for all, SLACK.md 5). */
const char *directory_types(const struct install *in);

/* One that was met in passing. */
void directory_learn(struct directory *d, struct install *in,
    enum directory_kind kind, const struct directory_entry *e);

/* One of Slack's own objects as an entry that borrows from it; false: it is none. */
bool directory_read(enum directory_kind kind, const struct js *thing,
    struct directory_entry *out);

#endif
