/* SPDX-License-Identifier: ISC */
#ifndef MCP_MCP_H
#define MCP_MCP_H

#include "base/conf.h"
#include "base/err.h"
#include "shm/region.h"
#include "tools/call.h"

#include <stdbool.h>
#include <sys/uio.h>

/* JSON-RPC and the methods of both eras (MCP.md), apart from HTTP: web/ hands in a
 * POST's body with its headers and sends what comes out. */
#define MCP_VERSIONS(X) \
	X(V2024_11_05, "2024-11-05") X(V2025_03_26, "2025-03-26") \
	X(V2025_06_18, "2025-06-18") X(V2025_11_25, "2025-11-25") \
	X(V2026_07_28, "2026-07-28")
enum mcp_version {
#define X(sym, text) sym,
	MCP_VERSIONS(X)
#undef X
	MCP_VERSION_COUNT
};
#define MCP_LEGACY_LATEST	V2025_11_25
#define MCP_MODERN		V2026_07_28

struct mcp;
struct mcp *mcp_new(const struct conf *conf, struct region *region,
    struct toolbox *box);
void mcp_free(struct mcp *m);

struct mcp_in {
	const char *body;
	size_t len;
	struct policy *policy;
	const char *request_id;
	int64_t deadline;		/* monotonic ms of the HTTP request */
	void *http;			/* for the two below */
	const char *(*field)(void *http, const char *name);	/* lower-case name */
	size_t (*field_count)(void *http, const char *name);
};

#define MCP_PARTS	4
struct mcp_out {
	int status;			/* of HTTP */
	struct iovec parts[MCP_PARTS];	/* the JSON body; nparts 0: none */
	int nparts;
	char session[SESSION_ID_SIZE];	/* Mcp-Session-Id to send, or "" */
	int retry_after;		/* seconds; 0: no header */
	const char *method;		/* for the log: the method's own name, or "" */
	const char *tool;		/* likewise */
	int code;			/* likewise: of a JSON-RPC error, or 0 */
};
typedef void mcp_done_fn(void *arg, const struct mcp_out *out);

/* Either true: *out holds the answer (its parts borrowed until the next call of
 * mcp_post or until the loop goes on); or false: *rpc is under way and done comes
 * later with an out that is borrowed until it returns. */
struct rpc;
bool mcp_post(struct mcp *m, const struct mcp_in *in, struct mcp_out *out,
    struct rpc **rpc, mcp_done_fn *done, void *arg);
void mcp_cancel(struct rpc *rpc);	/* the client has gone */

/* DELETE: ends the session of Mcp-Session-Id.  body is not looked at; the answer as
 * of mcp_post that is true (200 has no body). */
void mcp_delete(struct mcp *m, const struct mcp_in *in, struct mcp_out *out);

#endif
