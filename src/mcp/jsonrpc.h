/* SPDX-License-Identifier: ISC */
#ifndef MCP_JSONRPC_H
#define MCP_JSONRPC_H

#include "base/scan.h"

#include <json.h>

/* The envelope of one message.  All spans point into the scanned body. */
enum message_kind { MESSAGE_REQUEST, MESSAGE_NOTIFICATION, MESSAGE_RESPONSE };

#define RPC_ID_MAX	256	/* bytes of an id as it is written */

struct jsonrpc {
	enum message_kind kind;
	struct span id;			/* kind SCAN_NONE: none that can be echoed */
	struct span method;
	struct span params;		/* an object, or SCAN_NONE */
};

/* Text that scan_json has accepted.  -1 and why; id is filled all the same when
 * it could be read. */
int jsonrpc_read(struct span v, struct jsonrpc *m, struct err *err);

/* For what has to be looked at as a value; NULL for null and SCAN_NONE. */
struct json_object *jsonrpc_parse(struct span v);

#endif
