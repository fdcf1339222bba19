/* SPDX-License-Identifier: ISC */
#ifndef MCP_METHOD_H
#define MCP_METHOD_H

#include "mcp/rpc.h"

/* Answers the item, or leaves it pending. */
typedef void method_fn(struct rpc *r, struct item *it, struct span params);

/* since and until are the whole difference between the eras. */
struct method {
	const char *name;
	enum mcp_version since, until;
	const char *mirrored;		/* the param that Mcp-Name repeats, or NULL */
	method_fn *run;
};

/* The row of that name and version; NULL: this revision has no such method. */
const struct method *method_find(struct span name, enum mcp_version v);
/* For the log: our own spelling of any name known to the protocol, else "". */
const char *method_known(struct span name);

#endif
