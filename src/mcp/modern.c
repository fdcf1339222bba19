/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/modern.h"

#include "mcp/header.h"
#include "mcp/reply.h"
#include "mcp/text.h"
#include "mcp/version.h"

#include <stdio.h>
#include <string.h>

#define META_VERSION	"io.modelcontextprotocol/protocolVersion"
#define META_CAPS	"io.modelcontextprotocol/clientCapabilities"
#define DISCOVER_TTL	3600000

/* What params._meta has to say. */
struct meta {
	struct span version, caps;
};

static struct meta
read_meta(struct span params)
{
	static const char *const names[] = { META_VERSION, META_CAPS };
	struct span found[2];

	scan_members(scan_member(params, "_meta"), names, found, 2);
	return (struct meta){ found[0], found[1] };
}

bool
modern_claims(struct span params)
{
	return read_meta(params).version.kind != SCAN_NONE;
}

bool
modern_whole(struct span params)
{
	struct meta meta = read_meta(params);

	return meta.version.kind == SCAN_STRING &&
	    meta.caps.kind == SCAN_OBJECT;
}

/* Also when it is there twice: that is refused as what it claims to be. */
bool
modern_header(const struct rpc *r)
{
	const char *v = r->in->field(r->in->http, "mcp-protocol-version");

	return v != NULL && mcp_version_find(v) == MCP_MODERN;
}

void
modern_unclaimed(struct item *it)
{
	reply_fault(it, FAULT_META,
	    "MCP-Protocol-Version is %s, but params._meta has no "
	    "\"" META_VERSION "\"",
	    mcp_version_text(MCP_MODERN));
}

static bool
check_meta(struct item *it, const struct meta *meta)
{
	if (meta->version.kind != SCAN_STRING)
		reply_fault(it, FAULT_META,
		    "params._meta[\"" META_VERSION "\"] has to be a "
		    "string");
	else if (meta->caps.kind != SCAN_OBJECT)
		reply_fault(it, FAULT_META,
		    "params._meta has no object \"" META_CAPS "\"");
	else
		return true;
	return false;
}

/* A header that there must be once: 1 it is there and says the same, 0 it is
 * missing, -1 the item is answered. */
static int
compare(struct rpc *r, struct item *it, const char *field, const char *shown,
    struct span text)
{
	const char *said = rpc_field(r, field);

	if (rpc_field_count(r, field) == 0)
		return 0;
	if (said == NULL) {
		reply_fault(it, FAULT_HEADER, "%s is there more than once",
		    shown);
		return -1;
	}
	if (scan_is(text, said))
		return 1;
	reply_fault(it, FAULT_HEADER,
	    "%s '%.64s' is not what the body says: %.*s", shown, said,
	    text.len > 80 ? 80 : (int)text.len, text.p);
	return -1;
}

static bool
missing(struct item *it, const char *shown)
{
	reply_fault(it, FAULT_HEADER,
	    "%s is missing; it has to repeat what the body says", shown);
	return false;
}

static bool
check_version(struct rpc *r, struct item *it, struct span version,
    struct span method)
{
	struct buf more = { .max = 1024 };
	int seen_version, seen_method;

	seen_version = compare(r, it, "mcp-protocol-version",
	    "MCP-Protocol-Version", version);
	if (seen_version == -1)
		return false;
	seen_method = compare(r, it, "mcp-method", "Mcp-Method", method);
	if (seen_method == -1)
		return false;
	if (mcp_version_of(version) != MCP_MODERN) {
		buf_fmt(&more, "\"supported\":[\"%s\"]",
		    mcp_version_text(MCP_MODERN));
		if (version.len < 256)
			buf_fmt(&more, ",\"requested\":%.*s", (int)version.len,
			    version.p);
		reply_fault_with(it, FAULT_VERSION, more.p,
		    "Unsupported protocol version; "
		    "_meta takes %s here, older ones begin with initialize",
		    mcp_version_text(MCP_MODERN));
		buf_wipe(&more);
		return false;
	}
	if (seen_version == 0)
		return missing(it, "MCP-Protocol-Version");
	return seen_method == 1 || missing(it, "Mcp-Method");
}

/* The header says in plain or coded text what value is; false: answered. */
static bool
mirrors(struct rpc *r, struct item *it, const char *field,
    struct json_object *value)
{
	const char *said = rpc_field(r, field);
	struct buf text = { 0 };
	bool fine = false;

	if (said == NULL)
		reply_fault(it, FAULT_HEADER,
		    rpc_field_count(r, field) > 1 ?
			"header %s is there more than once" :
			"header %s is missing; it has to repeat what the body "
		        "says",
		    field);
	else if (header_decode(said, &text) == -1)
		reply_fault(it, FAULT_HEADER,
		    "header %s has no valid base64 of UTF-8 "
		    "between =?base64? and ?=",
		    field);
	else if (!header_says(&text, value))
		reply_fault(it, FAULT_HEADER,
		    "header %s '%.64s' is not what the body says", field, said);
	else
		fine = true;
	buf_wipe(&text);
	return fine;
}

static bool
check_name(struct rpc *r, struct item *it, struct span name)
{
	struct json_object *value = jsonrpc_parse(name);
	bool fine = true;

	/* A name that is none is the method's to refuse. */
	if (json_object_is_type(value, json_type_string))
		fine = mirrors(r, it, "mcp-name", value);
	json_object_put(value);
	return fine;
}

void
modern_run(struct rpc *r, struct item *it, const struct jsonrpc *m)
{
	struct meta meta = read_meta(m->params);
	const struct method *row;

	r->version = MCP_MODERN;
	if (!check_meta(it, &meta) ||
	    !check_version(r, it, meta.version, m->method))
		return;
	row = method_find(m->method, MCP_MODERN);
	if (row == NULL) {
		reply_fault(it, FAULT_METHOD,
		    "There is no such method in revision %s of "
		    "this server",
		    mcp_version_text(MCP_MODERN));
		return;
	}
	if (row->mirrored != NULL &&
	    !check_name(r, it, scan_member(m->params, row->mirrored)))
		return;
	row->run(r, it, m->params);
}

bool
modern_params(struct rpc *r, struct item *it, const struct tool *tool,
    struct json_object *args)
{
	struct json_object *value;
	char field[96];

	for (const struct tool_arg *a = tool->args; a->name != NULL; a++) {
		if (a->header == NULL ||
		    !json_object_object_get_ex(args, a->name, &value) ||
		    !header_mirrors(value))
			continue;
		snprintf(field, sizeof(field), "mcp-param-%s", a->header);
		for (char *p = field; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		if (!mirrors(r, it, field, value))
			return false;
	}
	return true;
}

void
modern_discover(struct rpc *r, struct item *it, struct span params)
{
	struct buf *tail = &r->mcp->discover;
	struct jsonw w;

	(void)params;
	if (tail->len == 0) {
		reply_open(&w, tail, MCP_MODERN);
		jsonw_key(&w, "supportedVersions");
		jsonw_open(&w, '[');
		jsonw_text(&w, mcp_version_text(MCP_MODERN));
		jsonw_close(&w);
		jsonw_key(&w, "capabilities");
		jsonw_raw(&w, "{\"tools\":{}}", 12);
		jsonw_put_text(&w, "instructions", INSTRUCTIONS);
		jsonw_put_int(&w, "ttlMs", DISCOVER_TTL);
		jsonw_put_text(&w, "cacheScope", "public");
		reply_close(&w);
	}
	reply_stored(it, tail);
}
