/* SPDX-License-Identifier: ISC */
#ifndef MCP_REPLY_H
#define MCP_REPLY_H

#include "base/jsonw.h"
#include "mcp/rpc.h"

/* How an item is answered; each of these once. */

/* ,"result":{ with what every result of the revision has; the caller adds members
 * to w and ends it. */
void reply_open(struct jsonw *w, struct buf *tail, enum mcp_version v);
void reply_close(struct jsonw *w);

void reply_empty(struct item *it);		/* {} or the modern form of it */
void reply_stored(struct item *it, const struct buf *tail);
void reply_accepted(struct item *it);		/* 202, no body */
/* data.request_id comes by itself. */
void reply_fault(struct item *it, enum fault f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* more: further members of data, JSON without braces. */
void reply_fault_with(struct item *it, enum fault f, const char *more,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* What a tool ended with; its JSON as text where a revision knows no other way. */
void reply_tool(struct item *it, const struct call_result *r);

/* All items are answered: the POST's answer. */
void reply_parts(struct rpc *r, struct mcp_out *out);

#endif
