/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/version.h"

#include <string.h>

static const char *const versions[MCP_VERSION_COUNT] = {
#define X(sym, text) [sym] = text,
	MCP_VERSIONS(X)
#undef X
};

const char *
mcp_version_text(enum mcp_version v)
{
	return versions[v];
}

int
mcp_version_find(const char *text)
{
	for (int v = 0; v < MCP_VERSION_COUNT; v++)
		if (strcmp(versions[v], text) == 0)
			return v;
	return -1;
}

int
mcp_version_of(struct span text)
{
	for (int v = 0; v < MCP_VERSION_COUNT; v++)
		if (scan_is(text, versions[v]))
			return v;
	return -1;
}
