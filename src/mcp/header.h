/* SPDX-License-Identifier: ISC */
#ifndef MCP_HEADER_H
#define MCP_HEADER_H

#include "base/buf.h"

#include <json.h>
#include <stdbool.h>

/* What a mirrored header (Mcp-Name, Mcp-Param-…) says: the text itself, or what
 * =?base64?…?= holds.  Adds to out; -1: that marks are there, but no canonical
 * base64 of UTF-8 between them. */
int header_decode(const char *value, struct buf *out);

/* May a header mirror it?  A string, an integer, a boolean; nothing else. */
bool header_mirrors(struct json_object *value);

/* Does the decoded text say the same as this value of the body?  Strings byte by
 * byte, integers by their number, booleans as true and false. */
bool header_says(const struct buf *text, struct json_object *value);

#endif
