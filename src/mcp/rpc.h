/* SPDX-License-Identifier: ISC */
#ifndef MCP_RPC_H
#define MCP_RPC_H

#include "base/buf.h"
#include "mcp/code.h"
#include "mcp/jsonrpc.h"
#include "mcp/mcp.h"
#include "shm/session.h"

/* What the files of this folder share: one POST (struct rpc) and its messages
 * (struct item; one, but for a batch). */
struct tools_list;

struct mcp {
	const struct conf *conf;
	struct region *region;
	struct toolbox *box;
	struct tools_list *lists;
	struct buf discover;		/* rendered once, as struct item's tail */
	struct buf hello[MCP_VERSION_COUNT];	/* initialize, likewise */
	struct rpc *last;		/* whose answer is lent out */
};

struct item {
	struct rpc *rpc;
	char *id;			/* raw JSON; NULL: none to echo */
	size_t id_len;
	int status;			/* of HTTP, were it alone */
	struct buf tail;		/* of the answer, from ,"result" or ,"error" on */
	const struct buf *stored;	/* instead of tail: kept by struct mcp */
	struct call *call;		/* under way */
	struct json_object *params;	/* while it is */
};

struct rpc {
	struct mcp *mcp;
	const struct mcp_in *in;	/* until mcp_post returns, then NULL */
	char *request_id;
	struct policy *policy;		/* held */
	int64_t deadline;
	enum mcp_version version;	/* the era's, until it is known better */
	struct session session;		/* legacy; id "" without one */
	bool begun;			/* the session was made by this POST */
	int retry_after;
	const char *method, *tool;	/* for the log */
	int code;			/* likewise: the last JSON-RPC error, or 0 */
	bool batch;
	struct item *items;
	size_t nitems, pending;
	struct buf whole;		/* a batch's array */
	mcp_done_fn *done;
	void *arg;
};

/* Room for n messages; once a rpc. */
void rpc_items(struct rpc *r, size_t n);
void item_id(struct item *it, struct span id);
/* The field's value when it is there exactly once, else NULL. */
const char *rpc_field(const struct rpc *r, const char *name);
size_t rpc_field_count(const struct rpc *r, const char *name);

#endif
