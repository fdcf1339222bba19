/* SPDX-License-Identifier: ISC */
#ifndef MCP_TOOLS_LIST_H
#define MCP_TOOLS_LIST_H

#include "mcp/method.h"

/* tools/list depends on the key's toolsets and role, on whether it stands for a
 * Slack user, and on the era; on nothing else (TOOLSETS changes with the worker), so
 * that it is rendered once for each of these and kept (at most VARIANTS; then the
 * oldest goes). */
#define VARIANTS	64

struct tools_list *tools_list_new(const struct conf *conf);
void tools_list_free(struct tools_list *l);

method_fn tools_list;

#endif
