/* SPDX-License-Identifier: ISC */
#ifndef MCP_MODERN_H
#define MCP_MODERN_H

#include "mcp/method.h"
#include "tools/tool.h"

/* Revision 2026-07-28: no session; every request carries its version and the
 * client's capabilities in params._meta, and some of it again in headers. */

bool modern_claims(struct span params);	/* names its version in _meta */
bool modern_whole(struct span params);	/* and has all that _meta needs */
bool modern_header(const struct rpc *r);	/* MCP-Protocol-Version is ours */

/* A request without the claim under the modern header. */
void modern_unclaimed(struct item *it);
/* Validates in the order of MCP.md 1 E3 6, then runs the method. */
void modern_run(struct rpc *r, struct item *it, const struct jsonrpc *m);
/* Mcp-Param-… of tools/call; false: the item is answered. */
bool modern_params(struct rpc *r, struct item *it, const struct tool *tool,
    struct json_object *args);

method_fn modern_discover;

#endif
