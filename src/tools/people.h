/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_PEOPLE_H
#define TOOLS_PEOPLE_H

#include "slack/directory.h"
#include "tools/call.h"

/* What tools that list people share: .put and .legend of their struct tool_list. */
void people_put(const struct call *call, const struct js *row,
    struct shown *shown, struct buf *out);
#define PEOPLE_LEGEND	"id | @handle | name | real name or title | flags"

/* A member of a row that the directory has found, which says the fourth in one. */
#define PEOPLE_ABOUT	"real_name_or_title"

#endif
