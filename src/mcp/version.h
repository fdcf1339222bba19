/* SPDX-License-Identifier: ISC */
#ifndef MCP_VERSION_H
#define MCP_VERSION_H

#include "base/scan.h"
#include "mcp/mcp.h"

const char *mcp_version_text(enum mcp_version v);
int mcp_version_find(const char *text);		/* -1: not one of ours */
int mcp_version_of(struct span text);		/* likewise, of a JSON string */

#endif
