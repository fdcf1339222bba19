/* SPDX-License-Identifier: ISC */
#ifndef MCP_TOOLS_CALL_H
#define MCP_TOOLS_CALL_H

#include "mcp/method.h"

method_fn tools_call;

/* Cancels what is under way. */
void tools_call_cancel(struct item *it);

#endif
