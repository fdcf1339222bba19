/* SPDX-License-Identifier: ISC */
#ifndef MCP_CODE_H
#define MCP_CODE_H

#include "base/err.h"
#include "mcp/mcp.h"

/* What can be wrong with a message: its JSON-RPC code, and the HTTP status in
 * the legacy revisions and in the modern one (MCP.md 2.5).  A tool that failed
 * is none of these: it is a result with isError. */
#define FAULTS(X) \
	X(PARSE,	-32700, 400, 400) \
	X(INVALID,	-32600, 400, 400) \
	X(METHOD,	-32601, 200, 404) \
	X(PARAMS,	-32602, 200, 200) \
	X(META,		-32602, 400, 400) \
	X(HEADER,	-32020, 400, 400) \
	X(VERSION,	-32022, 400, 400) \
	X(NO_SESSION,	-32600, 400, 400) \
	X(SESSION,	-32001, 404, 404)	/* never on a modern request */ \
	X(BUSY,		-32603, 503, 503) \
	X(RATE,		-32603, 429, 429) \
	X(INTERNAL,	-32603, 200, 200)
enum fault {
#define X(sym, code, legacy, modern) FAULT_##sym,
	FAULTS(X)
#undef X
	FAULT_COUNT
};

int fault_code(enum fault f);
int fault_status(enum fault f, enum mcp_version v);
enum fault fault_of(enum err_kind kind);	/* of a session's failure */

#endif
