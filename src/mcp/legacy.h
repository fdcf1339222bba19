/* SPDX-License-Identifier: ISC */
#ifndef MCP_LEGACY_H
#define MCP_LEGACY_H

#include "mcp/method.h"

/* Revisions 2024-11-05 to 2025-11-25: initialize begins a session, everything
 * else needs it. */

/* Finds the POST's session into r->session and its version into r->version;
 * false: the item is answered. */
bool legacy_enter(struct rpc *r, struct item *it);

/* Runs a request of that session. */
void legacy_run(struct rpc *r, struct item *it, const struct jsonrpc *m);
/* DELETE: ends the session. */
void legacy_end(struct rpc *r, struct item *it);

method_fn legacy_initialize, legacy_ping, legacy_set_level;

/* The client's capabilities, as a session keeps them. */
#define CAP_ELICITATION		0x1
#define CAP_ELICITATION_URL	0x2

#endif
