/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_ANSWER_H
#define TOOLS_ANSWER_H

#include "base/js.h"
#include "tools/call.h"

/* An answer that shows a page of things of Slack's, in the form that the caller asked
 * for (DESIGN 11): compact rows with a legend, fenced, or `format: "json"` with
 * Slack's own keys.  Rows are added until the answer's budget of bytes is full; what
 * is left is behind a cursor, and there is none when nothing is left.
 *
 *	answer_begin(&a, call, &answer_messages);
 *	while ((m = next) != NULL && answer_add(&a, m))
 *		;
 *	answer_end(&a, next_cursor, out);
 *
 * A kind is a table of columns: what a row shows in compact form, and which members
 * it has in JSON. */
struct answer_kind;
extern const struct answer_kind answer_messages;	/* of struct js: Slack's message */
extern const struct answer_kind answer_channels;	/* of struct directory_entry */
extern const struct answer_kind answer_users;		/* likewise */

struct answer {
	struct call *call;
	const struct answer_kind *kind;
	struct buf rows, legend;
	size_t shown, skipped;
	bool full;
	void *more;		/* of the kind: authors seen, the day … */
};

void answer_begin(struct answer *a, struct call *call,
    const struct answer_kind *kind);
/* thing is of the type that the kind wants; false: it is full, this was not added. */
bool answer_add(struct answer *a, const void *thing);
/* A line of ours beside the rows ("Older messages exist that the plan hides."). */
void answer_note(struct answer *a, const char *text);
/* All members of an array of Slack's answer, then its next_cursor. */
void answer_page(struct call *call, const struct answer_kind *kind,
    const struct js *answer, const char *member, struct buf *out);
/* next: Slack's cursor for the page behind this one, "" at the end. */
void answer_end(struct answer *a, const char *next, struct buf *out);

/* One thing alone (get_channel_info, get_user_profile). */
void answer_one(struct call *call, const struct answer_kind *kind,
    const void *thing, struct buf *out);

/* The ids of people and channels that a page mentions and whose names the answer
 * needs: asked of the directory by the call's step "names", before shape. */
size_t answer_ids(const struct js *answer, const char **ids, size_t max);
/* A name that the call's step has found; NULL: not known. */
const char *call_name(const struct call *call, const char *id);
bool call_wants_json(const struct call *call);

#endif
