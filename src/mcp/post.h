/* SPDX-License-Identifier: ISC */
#ifndef MCP_POST_H
#define MCP_POST_H

#include "mcp/rpc.h"

/* A pending item has been answered; hands the POST's answer over with the last. */
void post_item_done(struct item *it);

#endif
