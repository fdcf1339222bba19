/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_RENDER_H
#define TOOLS_RENDER_H

#include "base/buf.h"
#include "base/js.h"
#include "tools/fence.h"
#include "tools/names.h"

/* What the rows of one answer share. */
#define RENDER_DAY	11
#define RENDER_TEXT	12000		/* bytes of one message's text */
#define RENDER_ALONE	48000		/* likewise, if no other is asked for */
struct render {
	size_t text_max;
	const struct fence *fence;
	struct names *names;		/* the authors' marks, too */
	bool in_thread;			/* all rows are of one thread */
	char day[RENDER_DAY];		/* of the last row; "" before the first */
	bool has_threads;		/* a row has replies that are not read here */
	bool has_cut;			/* a row's text was cut */
};

/* One message of Slack's as one line for a model (SLACK.md 6), behind a line with its
 * day where that is another one than before:
 *
 *	2025-11-25
 *	13:44 A 1764078242.000100 Hello [3 replies, last 13:50]
 *
 * All of it is foreign and goes between the fence's marks.  Returns true when its
 * author had no name, only an id. */
bool render_message(struct render *r, const struct js *message,
    struct buf *out);

#endif
