/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_PEOPLE_H
#define TOOLS_PEOPLE_H

#include "slack/directory.h"
#include "tools/call.h"

/* The list of every tool that lists people. */
extern const struct tool_list people_list;

/* A member of a row that the directory has found, which says the fourth in one. */
#define PEOPLE_ABOUT	"real_name_or_title"

#endif
