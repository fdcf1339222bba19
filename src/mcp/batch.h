/* SPDX-License-Identifier: ISC */
#ifndef MCP_BATCH_H
#define MCP_BATCH_H

#include "mcp/rpc.h"

/* An array of messages: only in sessions of 2025-03-26 (MCP.md J6). */
#define BATCH_MAX	64

void batch_run(struct rpc *r, struct span array);

#endif
