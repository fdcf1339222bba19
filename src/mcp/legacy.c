/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/legacy.h"

#include "mcp/reply.h"
#include "mcp/text.h"
#include "mcp/version.h"

#include <string.h>

static const char *const levels[] = {
	"debug",
	"info",
	"notice",
	"warning",
	"error",
	"critical",
	"alert",
	"emergency",
};

#define LEVELS		(sizeof(levels) / sizeof(levels[0]))
#define LEVEL_FIRST	1	/* info, until the client says otherwise */

/* The header of a later request: a revision of ours, not needed, not compared
 * with the session's (MCP.md T23). */
static bool
version_fits(struct rpc *r, struct item *it)
{
	const char *text;
	int v;

	if (rpc_field_count(r, "mcp-protocol-version") == 0)
		return true;
	text = rpc_field(r, "mcp-protocol-version");
	v = text != NULL ? mcp_version_find(text) : -1;
	if (v != -1 && v <= MCP_LEGACY_LATEST)
		return true;
	reply_fault(it, FAULT_INVALID,
	    "MCP-Protocol-Version is not one of this server's "
	    "revisions; send what initialize answered: %s",
	    mcp_version_text(r->version));
	return false;
}

bool
legacy_enter(struct rpc *r, struct item *it)
{
	const char *id = rpc_field(r, "mcp-session-id");
	struct err err;

	if (id == NULL) {
		reply_fault(it, FAULT_NO_SESSION,
		    rpc_field_count(r, "mcp-session-id") > 1 ?
			"Mcp-Session-Id is there twice" :
			"Mcp-Session-Id is missing; send initialize first and "
		        "then the id "
			"from its answer's header");
		return false;
	}
	if (session_get(r->mcp->region, id, r->policy->principal, &r->session,
		&err) == -1) {
		r->session.id[0] = '\0';
		reply_fault(it, fault_of(err.kind),
		    err.kind == ERR_NOT_FOUND ?
			"This session is unknown or has ended; send initialize "
		        "again" :
			"This server is busy; try again in a second");
		return false;
	}
	if (r->session.version >= 0 && r->session.version <= MCP_LEGACY_LATEST)
		r->version = (enum mcp_version)r->session.version;
	return version_fits(r, it);
}

void
legacy_run(struct rpc *r, struct item *it, const struct jsonrpc *m)
{
	const struct method *row = method_find(m->method, r->version);

	if (row == NULL)
		reply_fault(it, FAULT_METHOD,
		    "There is no such method in revision %s of "
		    "this server",
		    mcp_version_text(r->version));
	else
		row->run(r, it, m->params);
}

void
legacy_end(struct rpc *r, struct item *it)
{
	struct err err;

	if (!legacy_enter(r, it))
		return;
	if (session_end(r->mcp->region, r->session.id, r->policy->principal,
		&err) == -1)
		reply_fault(it, fault_of(err.kind),
		    "The session could not be ended: %s", err.text);
	else
		it->status = 200;
}

static unsigned
caps_of(struct span params)
{
	struct span asked = scan_member(scan_member(params, "capabilities"),
	    "elicitation");
	unsigned caps = 0;

	if (asked.kind == SCAN_OBJECT)
		caps |= CAP_ELICITATION;
	if (scan_member(asked, "url").kind == SCAN_OBJECT)
		caps |= CAP_ELICITATION_URL;
	return caps;
}

static void
hello(struct buf *tail, enum mcp_version v)
{
	struct jsonw w;

	reply_open(&w, tail, v);
	jsonw_put_text(&w, "protocolVersion", mcp_version_text(v));
	jsonw_key(&w, "capabilities");
	jsonw_open(&w, '{');
	jsonw_key(&w, "tools");
	jsonw_raw(&w, "{}", 2);
	jsonw_key(&w, "logging");
	jsonw_raw(&w, "{}", 2);
	jsonw_close(&w);
	jsonw_key(&w, "serverInfo");
	jsonw_open(&w, '{');
	jsonw_put_text(&w, "name", PACKAGE_NAME);
	jsonw_put_text(&w, "version", PACKAGE_VERSION);
	jsonw_close(&w);
	jsonw_put_text(&w, "instructions", INSTRUCTIONS);
	reply_close(&w);
}

void
legacy_initialize(struct rpc *r, struct item *it, struct span params)
{
	struct span asked = scan_member(params, "protocolVersion");
	struct err err;
	int v = mcp_version_of(asked);

	if (asked.kind != SCAN_STRING) {
		reply_fault(it, FAULT_PARAMS,
		    "initialize needs params.protocolVersion, such "
		    "as \"%s\"",
		    mcp_version_text(MCP_LEGACY_LATEST));
		return;
	}
	r->version = v == -1 || v > MCP_LEGACY_LATEST ? MCP_LEGACY_LATEST :
	    (enum mcp_version)v;
	r->session = (struct session){
		.version = (int)r->version,
		.log_level = LEVEL_FIRST,
		.caps = caps_of(params),
	};
	memcpy(r->session.principal, r->policy->principal,
	    sizeof(r->session.principal));
	if (session_new(r->mcp->region, &r->session, &err) == -1) {
		r->session.id[0] = '\0';
		reply_fault(it, fault_of(err.kind),
		    "This server has no room for a new "
		    "session now; try again in a second");
		return;
	}
	r->begun = true;
	if (r->mcp->hello[r->version].len == 0)
		hello(&r->mcp->hello[r->version], r->version);
	reply_stored(it, &r->mcp->hello[r->version]);
}

void
legacy_ping(struct rpc *r, struct item *it, struct span params)
{
	(void)r, (void)params;
	reply_empty(it);
}

void
legacy_set_level(struct rpc *r, struct item *it, struct span params)
{
	struct span asked = scan_member(params, "level");
	struct err err;
	size_t i;

	for (i = 0; i < LEVELS; i++)
		if (scan_is(asked, levels[i]))
			break;
	if (i == LEVELS)
		reply_fault(it, FAULT_PARAMS,
		    "level has to be one of debug, info, notice, "
		    "warning, error, critical, alert, emergency");
	else if (session_log_level(r->mcp->region, r->session.id,
		     r->policy->principal, (int)i, &err) == -1)
		reply_fault(it, fault_of(err.kind),
		    "The level could not be kept: %s", err.text);
	else
		reply_empty(it);
}
