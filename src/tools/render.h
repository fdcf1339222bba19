/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_RENDER_H
#define TOOLS_RENDER_H

#include "base/buf.h"
#include "base/js.h"
#include "tools/fence.h"

/* One message of Slack's as one line for a model (SLACK.md 6):
 *
 *	2026-11-25T13:44:02Z | Ann (U1) | ts=1764078242.000100 | Hello [thread: 3 replies]
 *
 * All of it is foreign and goes between the fence's marks.  Returns true when its
 * author had no name, only an id. */
bool render_message(const struct fence *f, const struct js *message,
    struct buf *out);

/* The readable text of blocks (a JSON array). */
void render_blocks(const struct js *blocks, struct buf *out);

#endif
