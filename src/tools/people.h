/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_PEOPLE_H
#define TOOLS_PEOPLE_H

#include "slack/directory.h"
#include "tools/call.h"

/* A person as one line of foreign text: id | @handle | name | more | flags. */
void people_put(const struct call *call, const struct directory_entry *e,
    struct buf *out);
#define PEOPLE_LEGEND	"id | @handle | name | real name or title | flags"

#endif
