/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/mcp.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mcp/version.h"
#include "shm/session.h"
#include "run.h"

#include <check.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Every row is one POST: session and headers, body, and what has to come of it.  The
 * tools are two of our own, whose calls end when the test says so. */
#define META \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"," \
	"\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define META_OF(version) \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":" version "," \
	"\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define RPC(id, method, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":{" params "}}"
#define NOTE(method, params) \
	"{\"jsonrpc\":\"2.0\",\"method\":\"" method "\",\"params\":{" params "}}"
#define BARE(id, method) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\"}"
#define INIT(version) RPC("1", "initialize", "\"protocolVersion\":\"" version "\"," \
	"\"capabilities\":{},\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}")
#define CALL(tool, args) "\"name\":\"" tool "\",\"arguments\":" args
#define MODERN(method) "mcp-protocol-version=2026-07-28|mcp-method=" method
#define M_CALL(name) MODERN("tools/call") "|mcp-name=" name

enum { NONE, A, B, C, D, OTHER, DEAD, JUNK };

enum { NOTHING = -1, RESULT = 0 };	/* of the code: no body; a result */

struct row {
	int session;
	const char *headers;		/* name=value|name=value */
	const char *body;
	int status, code;
	const char *holds;		/* within the answer; NULL: anything */
};

/* ---- the tools, as the folder below would have them ---- */

static const struct tool_arg args[] = {
	{ .name = "team_id", .type = ARG_TEAM, .header = "Slack-Team", .also = { "team" },
	    .help = "a workspace" },
	{ .name = "deep", .type = ARG_BOOL, .header = "Deep", .help = "a flag" },
	{ .name = "limit", .type = ARG_INT, .header = "Limit", .help = "how many" },
	{ .name = NULL },
};
static const struct tool look = { .name = "look", .toolsets = "core", .role = ROLE_READ,
	.args = args, .method = METHOD_NONE };
static const struct tool touch = { .name = "touch", .toolsets = "core",
	.role = ROLE_WRITE, .args = args, .method = METHOD_NONE };
static const struct tool other_set = { .name = "other_set", .toolsets = "files",
	.role = ROLE_READ, .args = args, .method = METHOD_NONE };
static const struct tool not_offered = { .name = "not_offered", .toolsets = "beta",
	.role = ROLE_READ, .args = args, .method = METHOD_NONE };
const struct tool *const tools[] = { &look, &touch, &other_set, &not_offered, NULL };

struct call {
	call_fn *done;
	void *arg;
	struct call *next;
};

static struct {
	struct event_base *base;
	struct region *region;
	struct conf conf;
	struct toolbox box;
	struct mcp *mcp;
	struct policy *policy, *other;
	char ids[JUNK + 1][SESSION_ID_SIZE];
	struct call *calls;		/* under way, the latest first */
	int cancelled, described;
	char asked[256];		/* what the last call was started with */
	struct buf answer;
	struct mcp_out out;
	bool answered;
} t;

const struct tool *
tool_find(const char *name, size_t len)
{
	for (int i = 0; tools[i] != NULL; i++)
		if (strlen(tools[i]->name) == len && memcmp(tools[i]->name, name, len) == 0)
			return tools[i];
	return NULL;
}

void
tool_describe(const struct tool *tool, bool headers, struct buf *out)
{
	t.described++;
	buf_fmt(out, "{\"name\":\"%s\",\"headers\":%s}", tool->name,
	    headers ? "true" : "false");
}

struct call *
call_start(struct toolbox *box, const struct call_ask *ask, call_fn *done, void *arg,
    struct buf *refused)
{
	struct json_object *bad = NULL;
	struct call *call;

	ck_assert_ptr_eq(box, &t.box);
	snprintf(t.asked, sizeof(t.asked), "%s %s %.*s %s %s", ask->tool->name,
	    ask->session != NULL ? ask->session : "-", (int)ask->rpc_id_len, ask->rpc_id,
	    ask->request_id, ask->policy->principal);
	if (json_object_object_get_ex(ask->args, "team_id", &bad) && bad != NULL &&
	    strcmp(json_object_get_string(bad), "T1") != 0) {
		buf_str(refused, "there is no such workspace");
		return NULL;
	}
	call = mem_new(sizeof(*call));
	*call = (struct call){ done, arg, t.calls };
	t.calls = call;
	return call;
}

static void
unlink_call(struct call *call)
{
	struct call **at = &t.calls;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	free(call);
}

void
call_cancel(struct call *call)
{
	t.cancelled++;
	unlink_call(call);
}

static void
finish_call(struct call *call, bool is_error, const char *text)
{
	struct call_result r = { .is_error = is_error, .text = text,
		.len = strlen(text) };
	struct call copy = *call;

	unlink_call(call);
	copy.done(copy.arg, &r);
}

/* ---- a POST ---- */

struct request {
	const char *session;
	const char *headers;
	char value[256];
};

/* The nth field of that name, or NULL. */
static const char *
header(struct request *r, const char *name, size_t nth)
{
	const char *p = r->headers;
	size_t len = strlen(name);

	if (strcmp(name, "mcp-session-id") == 0 && r->session != NULL && nth-- == 0)
		return r->session;
	while (p != NULL && *p != '\0') {
		size_t n = strcspn(p, "|");

		if (n > len && p[len] == '=' && strncmp(p, name, len) == 0 && nth-- == 0) {
			snprintf(r->value, sizeof(r->value), "%.*s", (int)(n - len - 1),
			    p + len + 1);
			return r->value;
		}
		p += n + (p[n] == '|');
	}
	return NULL;
}

static const char *
field(void *http, const char *name)
{
	return header(http, name, 0);
}

static size_t
field_count(void *http, const char *name)
{
	size_t n = 0;

	while (header(http, name, n) != NULL)
		n++;
	return n;
}

static void
keep(void *arg, const struct mcp_out *out)
{
	ck_assert_ptr_eq(arg, &t);
	buf_reset(&t.answer);
	for (int i = 0; i < out->nparts; i++)
		buf_add(&t.answer, out->parts[i].iov_base, out->parts[i].iov_len);
	buf_add(&t.answer, "", 0);
	t.out = *out;
	t.answered = true;
}

/* NULL: answered at once. */
static struct rpc *
start(const char *session, const char *headers, const char *body, struct policy *policy)
{
	struct request r = { .session = session, .headers = headers };
	struct mcp_in in = {
		.body = body, .len = strlen(body), .policy = policy,
		.request_id = "req-1", .deadline = clock_ms() + 1000,
		.http = &r, .field = field, .field_count = field_count,
	};
	struct mcp_out out;
	struct rpc *rpc = NULL;

	t.answered = false;
	if (!mcp_post(t.mcp, &in, &out, &rpc, keep, &t))
		return rpc;
	keep(&t, &out);
	return NULL;
}

/* Calls end at once with "fine". */
static void
post(const char *session, const char *headers, const char *body)
{
	struct rpc *rpc = start(session, headers, body, t.policy);

	ck_assert(rpc == NULL || t.calls != NULL);
	while (t.calls != NULL)
		finish_call(t.calls, false, "fine \"text\"\n");
	ck_assert(t.answered);
}

static const char *
text(void)
{
	return t.answer.len > 0 ? t.answer.p : "";
}

static struct policy *
new_policy(const char *principal, enum role role)
{
	struct policy *p = mem_new(sizeof(*p));

	p->refs = 1;
	snprintf(p->principal, sizeof(p->principal), "%s", principal);
	snprintf(p->name, sizeof(p->name), "name");
	p->role = role;
	p->workspaces = mem_str("*");
	p->toolsets = mem_str("core,beta");
	p->channels_read = mem_str("");
	p->channels_write = mem_str("");
	return p;
}

static void
begin(int which, const char *version, struct policy *policy)
{
	char body[256];

	snprintf(body, sizeof(body), INIT("%s"), version);
	ck_assert_ptr_null(start(NULL, NULL, body, policy));
	ck_assert_int_eq(t.out.status, 200);
	ck_assert_int_gt(strlen(t.out.session), 40);
	memcpy(t.ids[which], t.out.session, SESSION_ID_SIZE);
}

static void
setup(void)
{
	struct region_conf rc = {
		.node = "n1", .max_sessions = 64, .max_sessions_per_key = 32,
		.session_ttl_ms = 60000, .session_max_ms = 600000, .rows = 4,
	};
	struct err err;

	static char offered[] = "core,files";

	log_quiet();
	memset(&t, 0, sizeof(t));
	t.region = region_private(&rc);
	t.policy = new_policy("k_one", ROLE_WRITE);
	t.other = new_policy("k_two", ROLE_READ);
	t.conf.toolsets = offered;
	t.mcp = mcp_new(&t.conf, t.region, &t.box);
	for (int v = 0; v <= V2025_11_25; v++)
		begin(A + v, mcp_version_text((enum mcp_version)v), t.policy);
	begin(OTHER, "2025-11-25", t.other);
	begin(DEAD, "2025-11-25", t.policy);
	ck_assert_int_eq(session_end(t.region, t.ids[DEAD], "k_one", &err), 0);
	snprintf(t.ids[JUNK], SESSION_ID_SIZE, "n1.junk");
}

static void
teardown(void)
{
	mcp_free(t.mcp);
	policy_drop(t.policy);
	policy_drop(t.other);
	region_close(t.region);
	buf_wipe(&t.answer);
	ck_assert_ptr_null(t.calls);
}

static const struct row rows[] = {
	/* no JSON, no message */
	{ D, "", "", 400, -32700, NULL },
	{ D, "", " ", 400, -32700, NULL },
	{ D, "", "{", 400, -32700, NULL },
	{ D, "", "{'a':1}", 400, -32700, NULL },
	{ D, "", "{\"a\":NaN}", 400, -32700, NULL },
	{ D, "", BARE("1", "ping") "x", 400, -32700, NULL },
	{ D, "", "{\"a\":1,\"a\":2}", 400, -32700, NULL },
	{ D, "", "{\"a\":\"\xff\"}", 400, -32700, NULL },
	{ D, "", "{\"a\":\"\\u0000\"}", 400, -32700, NULL },
	{ D, "", "{\"a\":\"\\ud800\"}", 400, -32700, NULL },
	{ NONE, MODERN("tools/list"), "{", 400, -32700, "req-1" },
	{ D, "", "7", 400, -32600, NULL },
	{ D, "", "\"ping\"", 400, -32600, NULL },
	{ D, "", "null", 400, -32600, NULL },
	{ D, "", "{}", 400, -32600, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"id\":1}", 400, -32600, "\"id\":1" },
	{ D, "", "{\"id\":1,\"method\":\"ping\"}", 400, -32600, "\"id\":1" },
	{ D, "", "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", 400, -32600, NULL },
	{ D, "", "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", 400, -32600, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", 400, -32600, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}", 400,
	    -32600, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":\"x\"}", 400,
	    -32600, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"result\":{}}", 400,
	    -32600, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{}}", 400, -32600,
	    NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"result\":{}}", 400, -32600, NULL },
	/* ids */
	{ D, "", BARE("null", "ping"), 400, -32600, "!\"id\"" },
	{ D, "", BARE("1.5", "ping"), 400, -32600, "!\"id\"" },
	{ D, "", BARE("1e2", "ping"), 400, -32600, "!\"id\"" },
	{ D, "", BARE("true", "ping"), 400, -32600, "!\"id\"" },
	{ D, "", BARE("[1]", "ping"), 400, -32600, "!\"id\"" },
	{ D, "", BARE("{}", "ping"), 400, -32600, "!\"id\"" },
	{ D, "", BARE("0", "ping"), 200, RESULT, "\"id\":0," },
	{ D, "", BARE("-7", "ping"), 200, RESULT, "\"id\":-7," },
	{ D, "", BARE("9223372036854775807", "ping"), 200, RESULT,
	    "\"id\":9223372036854775807," },
	{ D, "", BARE("-9223372036854775808", "ping"), 200, RESULT, NULL },
	{ D, "", BARE("\"\"", "ping"), 200, RESULT, "\"id\":\"\"," },
	{ D, "", BARE("\"\\u00e9\\\"\"", "ping"), 200, RESULT, "\"id\":\"\\u00e9\\\"\"" },
	/* initialize */
	{ NONE, "", BARE("1", "initialize"), 200, -32602, "protocolVersion" },
	{ NONE, "", RPC("1", "initialize", "\"protocolVersion\":7"), 200, -32602, NULL },
	{ NONE, "", INIT("2024-11-05"), 200, RESULT, "\"protocolVersion\":\"2024-11-05\"" },
	{ NONE, "", INIT("2025-03-26"), 200, RESULT, "\"protocolVersion\":\"2025-03-26\"" },
	{ NONE, "", INIT("2025-06-18"), 200, RESULT, "\"protocolVersion\":\"2025-06-18\"" },
	{ NONE, "", INIT("2025-11-25"), 200, RESULT, "\"protocolVersion\":\"2025-11-25\"" },
	{ NONE, "", INIT("2026-07-28"), 200, RESULT, "\"protocolVersion\":\"2025-11-25\"" },
	{ NONE, "", INIT("1999-01-01"), 200, RESULT, "\"protocolVersion\":\"2025-11-25\"" },
	{ NONE, "", INIT("2025-11-25"), 200, RESULT, "\"logging\":{}" },
	{ NONE, "", INIT("2025-11-25"), 200, RESULT, "!resultType" },
	{ NONE, "mcp-protocol-version=2025-06-18", INIT("2025-11-25"), 200, RESULT, NULL },
	{ NONE, "mcp-protocol-version=junk", INIT("2025-11-25"), 200, RESULT, NULL },
	{ D, "", INIT("2025-11-25"), 200, RESULT, NULL },
	{ JUNK, "", INIT("2025-11-25"), 200, RESULT, NULL },
	{ NONE, MODERN("initialize"), INIT("2025-11-25"), 400, -32020, NULL },
	{ NONE, MODERN("initialize"), RPC("1", "initialize", META), 404, -32601, NULL },
	{ NONE, "", NOTE("initialize", ""), 400, -32600, NULL },
	/* sessions */
	{ NONE, "", BARE("1", "ping"), 400, -32600, "initialize" },
	{ NONE, "", BARE("1", "server/discover"), 400, -32600, NULL },
	{ NONE, "mcp-session-id=a|mcp-session-id=b", BARE("1", "ping"), 400, -32600,
	    "twice" },
	{ JUNK, "", BARE("1", "ping"), 404, -32001, "initialize" },
	{ OTHER, "", BARE("1", "ping"), 404, -32001, NULL },
	{ DEAD, "", BARE("1", "ping"), 404, -32001, NULL },
	{ OTHER, "", NOTE("notifications/initialized", ""), 404, -32001, NULL },
	{ D, "mcp-protocol-version=2024-11-05", BARE("1", "ping"), 200, RESULT, NULL },
	{ D, "mcp-protocol-version=1999-01-01", BARE("1", "ping"), 400, -32600, NULL },
	{ D, "mcp-protocol-version=", BARE("1", "ping"), 400, -32600, NULL },
	{ D, "mcp-protocol-version=2025-11-25|mcp-protocol-version=2025-11-25",
	    BARE("1", "ping"), 400, -32600, NULL },
	/* methods of the legacy revisions */
	{ A, "", BARE("1", "ping"), 200, RESULT, "\"result\":{}" },
	{ B, "", BARE("1", "ping"), 200, RESULT, "\"result\":{}" },
	{ C, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":null}", 200,
	    RESULT, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\\u0069ng\"}", 200, RESULT,
	    NULL },
	{ D, "", RPC("1", "logging/setLevel", "\"level\":\"emergency\""), 200, RESULT,
	    "\"result\":{}" },
	{ D, "", RPC("1", "logging/setLevel", "\"level\":\"loud\""), 200, -32602, "debug" },
	{ D, "", BARE("1", "logging/setLevel"), 200, -32602, NULL },
	{ D, "", BARE("1", "server/discover"), 200, -32601, NULL },
	{ D, "", BARE("1", "subscriptions/listen"), 200, -32601, NULL },
	{ D, "", BARE("1", "resources/list"), 200, -32601, "req-1" },
	{ D, "", BARE("1", "prompts/list"), 200, -32601, NULL },
	{ D, "", BARE("1", ""), 200, -32601, NULL },
	{ D, "", BARE("1", "PING"), 200, -32601, NULL },
	{ D, "", BARE("1", "tools/list"), 200, RESULT, "\"headers\":false" },
	{ D, "", BARE("1", "tools/list"), 200, RESULT, "!ttlMs" },
	{ A, "", RPC("1", "tools/list", "\"cursor\":\"\""), 200, RESULT, "look" },
	{ A, "", RPC("1", "tools/list", "\"cursor\":null"), 200, RESULT, "touch" },
	{ A, "", RPC("1", "tools/list", "\"cursor\":\"x\""), 200, -32602, NULL },
	{ A, "", RPC("1", "tools/list", "\"cursor\":7"), 200, -32602, NULL },
	/* notifications and responses */
	{ A, "", NOTE("notifications/initialized", ""), 202, NOTHING, NULL },
	{ D, "", NOTE("notifications/cancelled", "\"requestId\":1"), 202, NOTHING, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", 202, NOTHING, NULL },
	{ D, "", NOTE("ping", ""), 202, NOTHING, NULL },
	{ NONE, "", NOTE("notifications/initialized", ""), 400, -32600, "!\"id\"" },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 202, NOTHING, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-1,\"message\":\"\"}}", 202, NOTHING, NULL },
	{ D, "", "{\"jsonrpc\":\"2.0\",\"error\":{}}", 400, -32600, "code and message" },
	{ NONE, "", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 400, -32600, "!\"id\"" },
	{ NONE, MODERN("x"), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 400, -32600,
	    NULL },
	{ NONE, MODERN("notifications/cancelled"), NOTE("notifications/cancelled", ""), 202,
	    NOTHING, NULL },
	{ NONE, "mcp-protocol-version=2026-07-28", NOTE("x", ""), 202, NOTHING, NULL },
	{ NONE, "", NOTE("x", META), 202, NOTHING, NULL },
	/* tools/call, legacy */
	{ D, "", RPC("1", "tools/call", CALL("look", "{}")), 200, RESULT,
	    "\"text\":\"fine \\\"text\\\"\\n\"" },
	{ D, "", RPC("1", "tools/call", CALL("look", "{}")), 200, RESULT,
	    "\"isError\":false" },
	{ D, "", RPC("1", "tools/call", CALL("look", "null")), 200, RESULT, NULL },
	{ D, "", RPC("1", "tools/call", "\"name\":\"look\""), 200, RESULT, NULL },
	{ D, "", RPC("1", "tools/call", CALL("look", "{\"team_id\":\"T9\"}")), 200, RESULT,
	    "\"isError\":true" },
	{ D, "", RPC("1", "tools/call", CALL("none", "{}")), 200, -32602, "none" },
	{ D, "", RPC("1", "tools/call", CALL("", "{}")), 200, -32602, NULL },
	{ D, "", RPC("1", "tools/call", "\"name\":7"), 200, -32602, NULL },
	{ D, "", RPC("1", "tools/call", "\"name\":null"), 200, -32602, NULL },
	{ D, "", BARE("1", "tools/call"), 200, -32602, NULL },
	{ D, "", RPC("1", "tools/call", CALL("look", "[]")), 200, -32602, NULL },
	{ D, "", RPC("1", "tools/call", CALL("look", "\"x\"")), 200, -32602, NULL },
	/* batches */
	{ A, "", "[" BARE("1", "ping") "]", 400, -32600, NULL },
	{ C, "", "[" BARE("1", "ping") "]", 400, -32600, NULL },
	{ D, "", "[" BARE("1", "ping") "]", 400, -32600, "2025-03-26" },
	{ NONE, "", "[" BARE("1", "ping") "]", 400, -32600, NULL },
	{ JUNK, "", "[" BARE("1", "ping") "]", 404, -32001, NULL },
	{ B, "", "[]", 400, -32600, NULL },
	{ B, "", "[" INIT("2025-03-26") "]", 400, -32600, "alone" },
	{ B, "", "[" RPC("1", "tools/list", META) "]", 400, -32600, NULL },
	{ B, MODERN("ping"), "[" BARE("1", "ping") "]", 400, -32600, NULL },
	{ B, "", "[" NOTE("x", "") "," NOTE("y", "") "]", 202, NOTHING, NULL },
	{ B, "", "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}]", 202, NOTHING, NULL },
	/* the modern claim */
	{ NONE, "mcp-protocol-version=2026-07-28", BARE("1", "tools/list"), 400, -32602,
	    "protocolVersion" },
	{ D, "mcp-protocol-version=2026-07-28", BARE("1", "ping"), 400, -32602, NULL },
	{ NONE, MODERN("tools/list"), RPC("1", "tools/list", "\"_meta\":{}"), 400, -32602,
	    NULL },
	{ NONE, MODERN("tools/list"), RPC("1", "tools/list", "\"_meta\":[]"), 400, -32602,
	    NULL },
	{ NONE, MODERN("tools/list"), RPC("1", "tools/list", META_OF("7")), 400, -32602,
	    NULL },
	{ NONE, MODERN("tools/list"), RPC("1", "tools/list", META_OF("null")), 400, -32602,
	    NULL },
	{ NONE, MODERN("tools/list"), RPC("1", "tools/list",
	    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}"), 400,
	    -32602, "clientCapabilities" },
	{ NONE, "", RPC("1", "tools/list", META), 400, -32020, "MCP-Protocol-Version" },
	{ NONE, "mcp-protocol-version=2025-11-25|mcp-method=tools/list",
	    RPC("1", "tools/list", META), 400, -32020, NULL },
	{ NONE, "mcp-protocol-version=2026-07-28", RPC("1", "tools/list", META), 400,
	    -32020, "Mcp-Method" },
	{ NONE, MODERN("tools/call"), RPC("1", "tools/list", META), 400, -32020, NULL },
	{ NONE, MODERN("TOOLS/LIST"), RPC("1", "tools/list", META), 400, -32020, NULL },
	{ NONE, MODERN("tools/list") "|mcp-method=tools/list",
	    RPC("1", "tools/list", META), 400, -32020, "more than once" },
	{ NONE, MODERN("tools/list") "|mcp-protocol-version=2026-07-28",
	    RPC("1", "tools/list", META), 400, -32020, NULL },
	{ NONE, "mcp-protocol-version=2027-01-01|mcp-method=tools/list",
	    RPC("1", "tools/list", META_OF("\"2027-01-01\"")), 400, -32022,
	    "\"requested\":\"2027-01-01\"" },
	{ NONE, "", RPC("1", "tools/list", META_OF("\"2025-11-25\"")), 400, -32022,
	    "\"supported\":[\"2026-07-28\"]" },
	{ NONE, "mcp-protocol-version=2025-11-25|mcp-method=x",
	    RPC("1", "x", META_OF("\"2027-01-01\"")), 400, -32020, NULL },
	/* modern methods */
	{ NONE, MODERN("server/discover"), RPC("\"d\"", "server/discover", META), 200,
	    RESULT, "\"supportedVersions\":[\"2026-07-28\"]" },
	{ NONE, MODERN("server/discover"), RPC("\"d\"", "server/discover", META), 200,
	    RESULT, "\"capabilities\":{\"tools\":{}}" },
	{ NONE, MODERN("server/discover"), RPC("\"d\"", "server/discover", META), 200,
	    RESULT, "\"cacheScope\":\"public\"" },
	{ NONE, MODERN("tools/list"), RPC("1", "tools/list", META), 200, RESULT,
	    "\"headers\":true" },
	{ NONE, MODERN("tools/list"), RPC("1", "tools/list", META), 200, RESULT,
	    "\"resultType\":\"complete\"" },
	{ NONE, MODERN("tools/list"), RPC("1", "tools/list", META), 200, RESULT,
	    "\"ttlMs\":300000,\"cacheScope\":\"private\"" },
	{ JUNK, MODERN("tools/list"), RPC("1", "tools/list", META), 200, RESULT, NULL },
	{ NONE, MODERN("ping"), RPC("\"x7\"", "ping", META), 404, -32601, "\"id\":\"x7\"" },
	{ NONE, MODERN("logging/setLevel"), RPC("1", "logging/setLevel", META), 404, -32601,
	    NULL },
	{ NONE, MODERN("resources/read") "|mcp-name=a://b",
	    RPC("1", "resources/read", META ",\"uri\":\"a://b\""), 404, -32601, NULL },
	{ NONE, MODERN("subscriptions/listen"), RPC("1", "subscriptions/listen", META), 404,
	    -32601, NULL },
	{ NONE, MODERN("nonsense"), RPC("1", "nonsense", META), 404, -32601, NULL },
	/* mirrored headers */
	{ NONE, M_CALL("look"), RPC("1", "tools/call", META "," CALL("look", "{}")), 200,
	    RESULT, "\"resultType\":\"complete\"" },
	{ NONE, MODERN("tools/call"), RPC("1", "tools/call", META "," CALL("look", "{}")),
	    400, -32020, "mcp-name" },
	{ NONE, M_CALL("touch"), RPC("1", "tools/call", META "," CALL("look", "{}")), 400,
	    -32020, NULL },
	{ NONE, M_CALL("LOOK"), RPC("1", "tools/call", META "," CALL("look", "{}")), 400,
	    -32020, NULL },
	{ NONE, M_CALL("look") "|mcp-name=look",
	    RPC("1", "tools/call", META "," CALL("look", "{}")), 400, -32020, NULL },
	{ NONE, M_CALL("=?base64?bG9vaw==?="),
	    RPC("1", "tools/call", META "," CALL("look", "{}")), 200, RESULT, NULL },
	{ NONE, M_CALL("=?base64?bG9vaw=?="),
	    RPC("1", "tools/call", META "," CALL("look", "{}")), 400, -32020, "base64" },
	{ NONE, M_CALL("none"), RPC("1", "tools/call", META "," CALL("none", "{}")), 200,
	    -32602, NULL },
	{ NONE, MODERN("tools/call"), RPC("1", "tools/call", META), 200, -32602, NULL },
	{ NONE, M_CALL("look"), RPC("1", "tools/call", META "," CALL("look", "7")), 200,
	    -32602, NULL },
	{ NONE, M_CALL("look") "|mcp-param-slack-team=T1",
	    RPC("1", "tools/call", META "," CALL("look", "{\"team_id\":\"T1\"}")), 200,
	    RESULT, "\"isError\":false" },
	{ NONE, M_CALL("look"),
	    RPC("1", "tools/call", META "," CALL("look", "{\"team_id\":\"T1\"}")), 400,
	    -32020, "slack-team" },
	{ NONE, M_CALL("look") "|mcp-param-slack-team=T2",
	    RPC("1", "tools/call", META "," CALL("look", "{\"team_id\":\"T1\"}")), 400,
	    -32020, NULL },
	{ NONE, M_CALL("look") "|mcp-param-slack-team==?base64?VMO8?=",
	    RPC("1", "tools/call", META "," CALL("look", "{\"team_id\":\"T\xc3\xbc\"}")),
	    200, RESULT, "no such workspace" },
	{ NONE, M_CALL("look") "|mcp-param-slack-team=T1",
	    RPC("1", "tools/call", META "," CALL("look", "{}")), 200, RESULT, NULL },
	{ NONE, M_CALL("look") "|mcp-param-slack-team=T1",
	    RPC("1", "tools/call", META "," CALL("look", "{\"team_id\":null}")), 200,
	    RESULT, NULL },
	{ NONE, M_CALL("look"),
	    RPC("1", "tools/call", META "," CALL("look", "{\"team\":\"T1\"}")), 200, RESULT,
	    NULL },
	{ NONE, M_CALL("look") "|mcp-param-other=x",
	    RPC("1", "tools/call", META "," CALL("look", "{}")), 200, RESULT, NULL },
	{ NONE, M_CALL("look") "|mcp-param-deep=true|mcp-param-limit=0010",
	    RPC("1", "tools/call", META "," CALL("look", "{\"deep\":true,\"limit\":10}")),
	    200, RESULT, NULL },
	{ NONE, M_CALL("look") "|mcp-param-deep=1",
	    RPC("1", "tools/call", META "," CALL("look", "{\"deep\":true}")), 400, -32020,
	    NULL },
	{ NONE, M_CALL("look") "|mcp-param-limit=1x",
	    RPC("1", "tools/call", META "," CALL("look", "{\"limit\":1}")), 400, -32020,
	    NULL },
	{ NONE, M_CALL("look"),
	    RPC("1", "tools/call", META "," CALL("look", "{\"team_id\":{}}")), 200, RESULT,
	    NULL },
};

static void
check_shape(const struct row *row)
{
	struct json_object *o, *v, *data;

	if (row->code == NOTHING) {
		ck_assert_uint_eq(t.answer.len, 0);
		return;
	}
	o = json_tokener_parse(text());
	ck_assert_msg(o != NULL, "no JSON: %s", text());
	ck_assert(json_object_object_get_ex(o, "jsonrpc", &v));
	ck_assert_str_eq(json_object_get_string(v), "2.0");
	if (row->code == RESULT) {
		ck_assert_msg(json_object_object_get_ex(o, "result", &v), "%s", text());
		ck_assert(json_object_is_type(v, json_type_object));
		ck_assert(!json_object_object_get_ex(o, "error", &v));
		ck_assert(json_object_object_get_ex(o, "id", &v));
	} else {
		ck_assert_msg(json_object_object_get_ex(o, "error", &v), "%s", text());
		ck_assert(json_object_object_get_ex(v, "data", &data));
		ck_assert(json_object_object_get_ex(data, "request_id", &data));
		ck_assert_str_eq(json_object_get_string(data), "req-1");
		ck_assert(json_object_object_get_ex(v, "code", &v));
		ck_assert_int_eq(json_object_get_int(v), row->code);
	}
	json_object_put(o);
}

START_TEST(table)
{
	const struct row *row = &rows[_i];

	post(row->session == NONE ? NULL : t.ids[row->session], row->headers, row->body);
	ck_assert_msg(t.out.status == row->status, "row %d: %d not %d for %s\n%s", _i,
	    t.out.status, row->status, row->body, text());
	check_shape(row);
	if (row->holds != NULL && row->holds[0] == '!')
		ck_assert_msg(strstr(text(), row->holds + 1) == NULL, "row %d: %s", _i, text());
	else if (row->holds != NULL)
		ck_assert_msg(strstr(text(), row->holds) != NULL, "row %d: no %s in %s", _i,
		    row->holds, text());
	/* A session's id goes out with the answer of initialize alone. */
	ck_assert_int_eq(t.out.session[0] != '\0', row->code == RESULT &&
	    strstr(row->body, "initialize") != NULL);
}
END_TEST

static const struct {
	const char *session, *principal_of;
	int status;
} ends[] = {
	{ NULL, "one", 400 }, { "junk", "one", 404 }, { "D", "two", 404 },
	{ "D", "one", 200 },
};

START_TEST(delete)
{
	struct request r = { 0 };
	struct mcp_in in = { .body = "", .request_id = "req-1", .http = &r, .field = field,
		.field_count = field_count };
	struct mcp_out out;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		r.session = ends[i].session == NULL ? NULL :
		    ends[i].session[0] == 'D' ? t.ids[D] : t.ids[JUNK];
		in.policy = strcmp(ends[i].principal_of, "one") == 0 ? t.policy : t.other;
		mcp_delete(t.mcp, &in, &out);
		ck_assert_int_eq(out.status, ends[i].status);
		ck_assert_int_eq(out.nparts > 0, out.status != 200);
	}
	post(t.ids[D], "", BARE("1", "ping"));
	ck_assert_int_eq(t.out.status, 404);
}
END_TEST

START_TEST(full_table)
{
	struct region_conf rc = { .node = "n1", .max_sessions = 64,
		.max_sessions_per_key = 100000, .session_ttl_ms = 60000,
		.session_max_ms = 60000, .rows = 4 };
	int made = 0;

	region_tune(t.region, &rc);
	do
		post(NULL, "", INIT("2025-11-25"));
	while (t.out.status == 200 && made++ < 1000);
	ck_assert_int_eq(t.out.status, 503);
	ck_assert_int_gt(t.out.retry_after, 0);
	ck_assert_str_eq(t.out.session, "");
	ck_assert_ptr_nonnull(strstr(text(), "-32603"));
}
END_TEST

START_TEST(what_a_call_is_started_with)
{
	char want[256];

	post(t.ids[D], "", RPC("\"a b\"", "tools/call", CALL("touch", "{}")));
	snprintf(want, sizeof(want), "touch %s \"a b\" req-1 k_one", t.ids[D]);
	ck_assert_str_eq(t.asked, want);
	ck_assert_str_eq(t.out.method, "tools/call");
	ck_assert_str_eq(t.out.tool, "touch");
	post(t.ids[D], M_CALL("touch"), RPC("7", "tools/call", META "," CALL("touch", "{}")));
	ck_assert_str_eq(t.asked, "touch - 7 req-1 k_one");
}
END_TEST

START_TEST(cancel)
{
	struct rpc *rpc = start(t.ids[D], "", RPC("1", "tools/call", CALL("look", "{}")),
	    t.policy);

	ck_assert_ptr_nonnull(rpc);
	ck_assert_int_eq(t.policy->refs, 2);
	mcp_cancel(rpc);
	ck_assert_int_eq(t.cancelled, 1);
	ck_assert_int_eq(t.policy->refs, 1);
	ck_assert(!t.answered);
}
END_TEST

/* Two POSTs at once: the first one's answer is its own, and comes last. */
START_TEST(side_by_side)
{
	struct rpc *one, *two;
	struct call *first;

	one = start(t.ids[D], "", RPC("1", "tools/call", CALL("look", "{}")), t.policy);
	first = t.calls;
	two = start(t.ids[D], "", RPC("2", "tools/call", CALL("look", "{}")), t.policy);
	ck_assert(one != NULL && two != NULL);
	ck_assert_ptr_null(start(t.ids[D], "", BARE("3", "ping"), t.policy));
	finish_call(t.calls, true, "no");
	ck_assert_ptr_nonnull(strstr(text(), "\"id\":2,"));
	ck_assert_ptr_nonnull(strstr(text(), "\"isError\":true"));
	finish_call(first, false, "yes");
	ck_assert_ptr_nonnull(strstr(text(), "\"id\":1,"));
}
END_TEST

START_TEST(batch)
{
	struct rpc *rpc = start(t.ids[B], "", "[" BARE("1", "ping") ","
	    RPC("\"c\"", "tools/call", CALL("look", "{}")) "," NOTE("x", "") ",7,"
	    RPC("3", "tools/call", CALL("none", "{}")) "," BARE("4", "tools/list") ","
	    RPC("5", "tools/call", CALL("touch", "{}")) "]", t.policy);
	struct json_object *o;

	ck_assert_ptr_nonnull(rpc);
	finish_call(t.calls, false, "five");
	ck_assert(!t.answered);
	finish_call(t.calls, false, "see");
	ck_assert(t.answered);
	ck_assert_int_eq(t.out.status, 200);
	o = json_tokener_parse(text());
	ck_assert(json_object_is_type(o, json_type_array));
	ck_assert_uint_eq(json_object_array_length(o), 6);
	json_object_put(o);
	/* and one that is given up half-way */
	rpc = start(t.ids[B], "", "[" RPC("1", "tools/call", CALL("look", "{}")) ","
	    RPC("2", "tools/call", CALL("look", "{}")) "]", t.policy);
	finish_call(t.calls, false, "one");
	mcp_cancel(rpc);
	ck_assert_int_eq(t.cancelled, 1);
}
END_TEST

START_TEST(batch_too_long)
{
	struct buf body = { 0 };

	for (int i = 0; i < 65; i++)
		buf_fmt(&body, "%c" BARE("%d", "ping"), i == 0 ? '[' : ',', i);
	buf_char(&body, ']');
	post(t.ids[B], "", body.p);
	ck_assert_int_eq(t.out.status, 400);
	buf_wipe(&body);
}
END_TEST

/* Once for each variant, whoever asks. */
START_TEST(lists_are_kept)
{
	t.described = 0;
	for (int i = 0; i < 5; i++) {
		post(t.ids[D], "", BARE("1", "tools/list"));
		ck_assert_ptr_nonnull(strstr(text(), "touch"));
	}
	ck_assert_int_eq(t.described, 2);
	start(t.ids[OTHER], "", BARE("1", "tools/list"), t.other);
	ck_assert_int_eq(t.described, 3);
	ck_assert_ptr_null(strstr(text(), "touch"));
	for (int i = 0; i < 200; i++) {
		free(t.policy->toolsets);
		t.policy->toolsets = mem_fmt("core,x%d", i);
		post(t.ids[D], "", BARE("1", "tools/list"));
		ck_assert_ptr_nonnull(strstr(text(), "touch"));
	}
	/* the last 64 are there, no more */
	t.described = 0;
	for (int i = 199; i >= 136; i--) {
		free(t.policy->toolsets);
		t.policy->toolsets = mem_fmt("core,x%d", i);
		post(t.ids[D], "", BARE("1", "tools/list"));
	}
	ck_assert_int_eq(t.described, 0);
	t.policy->toolsets[7] = '0';		/* x036 */
	post(t.ids[D], "", BARE("1", "tools/list"));
	ck_assert_int_eq(t.described, 2);
}
END_TEST

/* What is of no toolset of the key's, or of none that is offered, is as unknown as what
 * was never made. */
START_TEST(toolsets)
{
	static const char *const hidden[] = { "other_set", "not_offered", "never_made" };
	char want[300], got[300];

	post(t.ids[D], "", BARE("1", "tools/list"));
	for (int i = 0; i < 2; i++)
		ck_assert_ptr_null(strstr(text(), hidden[i]));
	for (int i = 0; i < 3; i++) {
		char *body = mem_fmt("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
		    "\"params\":{\"name\":\"%s\",\"arguments\":{}}}", hidden[i]);
		const char *at;

		post(t.ids[D], "", body);
		free(body);
		ck_assert_ptr_nonnull(strstr(text(), "-32602"));
		at = strstr(text(), hidden[i]);
		ck_assert_ptr_nonnull(at);
		snprintf(got, sizeof(got), "%.*s*%s", (int)(at - text()), text(),
		    at + strlen(hidden[i]));
		if (i == 0)
			memcpy(want, got, sizeof(want));
		ck_assert_str_eq(got, want);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("mcp");
	TCase *c = tcase_create("mcp");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, table, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(c, delete);
	tcase_add_test(c, full_table);
	tcase_add_test(c, cancel);
	tcase_add_test(c, batch_too_long);
	tcase_add_test(c, what_a_call_is_started_with);
	tcase_add_test(c, side_by_side);
	tcase_add_test(c, batch);
	tcase_add_test(c, lists_are_kept);
	tcase_add_test(c, toolsets);
	suite_add_tcase(s, c);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}
