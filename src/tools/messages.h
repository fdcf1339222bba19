/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_MESSAGES_H
#define TOOLS_MESSAGES_H

#include "tools/call.h"

/* What tools that list messages share: the functions of their struct tool_list. */
void messages_put(const struct call *call, const struct js *row,
    struct shown *shown, struct buf *out);
/* Never silently nothing. */
void messages_none(const struct call *call, bool more, struct buf *out);
void messages_after(const struct call *call, const struct js *answer,
    const struct shown *shown, struct buf *out);

#define MESSAGES_LEGEND	"time (UTC) author ts text; above them who the authors are"
#define MESSAGES_SCOPES	"channels:history,groups:history,im:history,mpim:history"

#define ARGUMENT_OLDEST \
	{ "oldest", ARG_TS, .min = 1, .slack = "oldest", \
	  .help = "only messages after: a ts, a time such as 2026-01-31T09:00Z," \
	  " or an age such as 12h or 7d" }
#define ARGUMENT_LATEST \
	{ "latest", ARG_TS, .min = 1, .slack = "latest", \
	  .help = "only messages before, likewise" }

#endif
