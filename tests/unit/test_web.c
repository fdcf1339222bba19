/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web_harness.h"

#include "base/counter.h"
#include "web/guard.h"

#define AUTH	"Authorization: Bearer " KEY "\r\n"
#define JSON	"Content-Type: application/json\r\n"
#define GOOD	AUTH JSON
#define INIT	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{" \
	"\"protocolVersion\":\"2025-11-25\"}}"

/* What a browser at that origin gets. */
static const struct {
	const char *allowed, *base, *origin;
	bool good;
} origins[] = {
	{ "", "http://127.0.0.1:8080", "https://evil.example", false },
	{ "", "http://127.0.0.1:8080", "null", false },
	{ "", "http://127.0.0.1:8080", "", false },
	{ "", "http://127.0.0.1:8080", "x", false },
	{ "", "http://127.0.0.1:8080", "http://127.0.0.1:8080.evil.example", false },
	{ "", "http://127.0.0.1:8080", "http://localhost.evil.example", false },
	{ "", "http://127.0.0.1:8080", "http://a, http://127.0.0.1:8080", false },
	{ "", "http://127.0.0.1:8080", "app://localhost", false },
	{ "", "http://127.0.0.1:8080", "http://127.0.0.1:8080", true },
	{ "", "http://127.0.0.1:8080", "http://localhost:3000", true },
	{ "", "http://127.0.0.1:8080", "https://LOCALHOST", true },
	{ "", "http://127.0.0.1:8080", "http://[::1]:9", true },
	{ "", "https://mcp.example", "http://localhost:3000", false },
	{ "", "https://mcp.example", "http://mcp.example", false },
	{ "", "https://mcp.example", "https://mcp.example:444", false },
	{ "", "https://mcp.example", "https://mcp.example", true },
	{ "", "https://mcp.example", "HTTPS://MCP.example:443", true },
	{ "https://a.example,app://desk", "http://127.0.0.1:8080", "http://localhost:1", false },
	{ "https://a.example,app://desk", "http://127.0.0.1:8080", "http://a.example", false },
	{ "https://a.example,app://desk", "http://127.0.0.1:8080", "https://b.a.example", false },
	{ "https://a.example,app://desk", "http://127.0.0.1:8080", "app://other", false },
	{ "https://a.example,app://desk", "http://127.0.0.1:8080", "https://A.example:443", true },
	{ "https://a.example,app://desk", "http://127.0.0.1:8080", "app://desk", true },
	{ "null", "http://127.0.0.1:8080", "null", true },
};

START_TEST(origin)
{
	struct conf c = h.conf;
	char normal[URL_ORIGIN_SIZE];

	c.allowed_origins = (char *)origins[_i].allowed;
	c.base_origin = (char *)origins[_i].base;
	c.base_loopback = strstr(origins[_i].base, "127.") != NULL;
	ck_assert_msg(origin_allowed(&c, origins[_i].origin, normal) == origins[_i].good,
	    "%s for [%s] at %s", origins[_i].origin, origins[_i].allowed, origins[_i].base);
}
END_TEST

static const struct {
	const char *method, *target, *headers, *body;
	int status;
	const char *holds;
} rows[] = {
	/* no such thing */
	{ "GET", "/nowhere", "", NULL, 404, "\"error\":\"not_found\"" },
	{ "GET", "/nowhere", "Accept: text/html\r\n", NULL, 404, "\"error\":\"not_found\"" },
	{ "GET", "/.well-known/oauth-protected-resource/mcp", "", NULL, 404, "request_id" },
	{ "GET", "/.well-known/oauth-authorization-server", "", NULL, 404, "request_id" },
	{ "POST", "/register", "", "{}", 404, "request_id" },
	{ "POST", "/token", "", "", 404, "application/json" },
	{ "POST", "/mcp/x", GOOD, INIT, 404, NULL },
	/* methods */
	{ "POST", "/health", "", "", 405, "Allow: GET, HEAD, OPTIONS" },
	{ "PUT", "/slack/install", "", "", 405, "\"error\":\"method_not_allowed\"" },
	{ "PUT", "/slack/install", "Accept: text/html\r\n", "", 405, "<!doctype html>" },
	{ "GET", "/mcp", "", NULL, 401, "WWW-Authenticate: Bearer realm=\"slackmcpd\"\r\n" },
	{ "DELETE", "/mcp", "", NULL, 401, "unauthorized" },
	{ "GET", "/mcp", AUTH, NULL, 405, "Allow: POST, DELETE, OPTIONS" },
	{ "PATCH", "/mcp", AUTH, "", 405, NULL },
	{ "OPTIONS", "/", "", NULL, 204, "Allow: GET, HEAD, OPTIONS" },
	{ "OPTIONS", "*", "", NULL, 204, "Allow: GET, HEAD, POST, DELETE, OPTIONS" },
	{ "OPTIONS", "/nowhere", "", NULL, 404, NULL },
	{ "HEAD", "/", "", NULL, 200, "text/html" },
	{ "GET", "/health", "", NULL, 503, "\"status\"" },
	{ "GET", "/ready/", "", NULL, 503, "no worker answers" },
	/* keys */
	{ "POST", "/mcp", JSON, INIT, 401, NULL },
	{ "POST", "/mcp", JSON "Authorization: Bearer\r\n", INIT, 401, NULL },
	{ "POST", "/mcp", JSON "Authorization: Bearer sk_gooX\r\n", INIT, 401,
	    ", error=\"invalid_token\"" },
	{ "POST", "/mcp", JSON "Authorization: Basic " KEY "\r\n", INIT, 401, NULL },
	{ "POST", "/mcp", JSON "Authorization: " KEY "\r\n", INIT, 401, NULL },
	{ "POST", "/mcp", JSON AUTH AUTH, INIT, 401, NULL },
	{ "POST", "/mcp?key=" KEY, JSON, INIT, 401, NULL },
	{ "POST", "/mcp", JSON "Authorization: bEARER   " KEY "\r\n", INIT, 200, NULL },
	{ "POST", "/mcp", GOOD, INIT, 200, "Mcp-Session-Id: n1." },
	{ "POST", "/mcp/", GOOD, INIT, 200, NULL },
	/* type and Accept */
	{ "POST", "/mcp", AUTH, INIT, 415, "application/json" },
	{ "POST", "/mcp", AUTH "Content-Type: application/x-www-form-urlencoded\r\n", INIT,
	    415, NULL },
	{ "POST", "/mcp", AUTH "Content-Type: application/jsonx\r\n", INIT, 415, NULL },
	{ "POST", "/mcp", AUTH JSON JSON, INIT, 415, NULL },
	{ "POST", "/mcp", AUTH "Content-Type: Application/JSON ; charset=utf-8\r\n", INIT,
	    200, NULL },
	{ "POST", "/mcp", GOOD "Accept: image/png\r\n", INIT, 406, NULL },
	{ "POST", "/mcp", GOOD "Accept: application/json;q=0, text/event-stream;q=0.0\r\n",
	    INIT, 406, NULL },
	{ "POST", "/mcp", GOOD "Accept: */*\r\n", INIT, 200,
	    "Content-Type: application/json\r\n" },
	{ "POST", "/mcp", GOOD "Accept: text/event-stream\r\nAccept: application/json\r\n",
	    INIT, 200, "Content-Type: application/json\r\n" },
	{ "POST", "/mcp", GOOD "Accept:\r\n", INIT, 200, NULL },
	{ "POST", "/mcp", GOOD "Accept: application/*;q=0.1\r\n", INIT, 200, NULL },
	{ "POST", "/mcp", GOOD "Accept: text/event-stream\r\n", INIT, 200,
	    "\r\n\r\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" },
	{ "POST", "/mcp", GOOD "Accept: text/event-stream, */*;q=0\r\n", INIT, 200,
	    "Content-Type: text/event-stream\r\n" },
	{ "POST", "/mcp", GOOD "Accept: text/event-stream\r\n", "{", 400,
	    "Content-Type: application/json\r\n" },
	/* what is below is heard */
	{ "POST", "/mcp", GOOD, "{", 400, "-32700" },
	{ "POST", "/mcp", GOOD, "", 400, "-32700" },
	{ "POST", "/mcp", GOOD "Mcp-Session-Id: x\r\n",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", 404, "-32001" },
	{ "POST", "/mcp", GOOD "MCP-Protocol-Version: 2026-07-28\r\n",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", 202, "Content-Length: 0\r\n" },
	{ "DELETE", "/mcp", AUTH, NULL, 400, "-32600" },
	{ "DELETE", "/mcp", AUTH "Mcp-Session-Id: x\r\n", NULL, 404, "-32001" },
	/* origins on the wire */
	{ "POST", "/mcp", GOOD "Origin: https://evil.example\r\n", INIT, 403,
	    "\"error\":\"origin_not_allowed\"" },
	{ "OPTIONS", "/mcp", "Origin: https://evil.example\r\n", NULL, 403, NULL },
	{ "GET", "/mcp", "Origin: https://evil.example\r\n", NULL, 403, NULL },
	{ "POST", "/mcp", GOOD "Origin: http://127.0.0.1:8080\r\n"
	    "Origin: http://127.0.0.1:8080\r\n", INIT, 403, NULL },
	{ "POST", "/mcp", GOOD "Origin: http://LOCALHOST:99\r\n", INIT, 200,
	    "Access-Control-Allow-Origin: http://LOCALHOST:99\r\n" },
	{ "POST", "/mcp", JSON "Origin: http://localhost:99\r\n", INIT, 401,
	    "Access-Control-Allow-Origin: http://localhost:99\r\n" },
	{ "POST", "/mcp", AUTH "Origin: http://localhost:99\r\n", INIT, 415,
	    "Access-Control-Expose-Headers: Mcp-Session-Id" },
	{ "GET", "/mcp", AUTH "Origin: http://localhost:99\r\n", NULL, 405,
	    "Access-Control-Allow-Credentials: true" },
	{ "OPTIONS", "/mcp", "Origin: http://localhost:99\r\n"
	    "Access-Control-Request-Method: POST\r\n", NULL, 204, "Mcp-Param-Slack-Team\r\n" },
	{ "OPTIONS", "/mcp", "Origin: http://localhost:99\r\n", NULL, 204,
	    "Access-Control-Allow-Methods: GET, POST, DELETE, OPTIONS\r\n" },
	{ "OPTIONS", "/mcp", "", NULL, 204, "Allow: POST, DELETE, OPTIONS" },
};

START_TEST(table)
{
	ask(rows[_i].method, rows[_i].target, rows[_i].headers, rows[_i].body);
	ck_assert_msg(status() == rows[_i].status, "row %d: %s", _i, h.got.p);
	if (rows[_i].holds != NULL)
		ck_assert_msg(has(rows[_i].holds), "row %d: %s", _i, h.got.p);
	if (strncmp(rows[_i].target, "/mcp", 4) == 0 && rows[_i].target[4] != '/')
		ck_assert_str_eq(answer_field("Vary"), "Origin");
	if (rows[_i].status == 403)
		ck_assert_str_eq(answer_field("Access-Control-Allow-Origin"), "");
	ck_assert(!has("resource_metadata"));
}
END_TEST

/* Where PUBLIC_BASE_URL has a path the proxy may keep it or take it away. */
START_TEST(prefix)
{
	static char path[] = "/slackmcp";
	static const struct {
		const char *target;
		int status;
	} paths[] = {
		{ "/slackmcp/mcp", 401 }, { "/mcp", 401 }, { "/slackmcp", 200 },
		{ "/slackmcp/", 200 }, { "/", 200 }, { "/slackmcpx/mcp", 404 },
		{ "/slackmcp/slackmcp/mcp", 404 },
	};

	h.conf.base_path = path;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask(strstr(paths[i].target, "/mcp") ? "DELETE" : "GET", paths[i].target, "", NULL);
		ck_assert_msg(status() == paths[i].status, "%s: %s", paths[i].target, h.got.p);
	}
}
END_TEST

/* The key's own rate goes before RATE_KEY. */
START_TEST(key_rate)
{
	struct rate tight = { 60, 3 }, wide = { 6000, 100 };

	h.conf.rate_key = _i == 0 ? tight : wide;
	if (_i == 1)
		h.policy->rate = tight;
	for (int i = 0; i < 3; i++) {
		ask("POST", "/mcp", GOOD, INIT);
		ck_assert_int_eq(status(), 200);
	}
	ask("POST", "/mcp", GOOD, INIT);
	ck_assert_int_eq(status(), 429);
	ck_assert_int_ge(atoi(answer_field("Retry-After")), 1);
}
END_TEST

START_TEST(address_rate)
{
	h.conf.rate_address = (struct rate){ 1, 2 };
	for (int i = 0; i < 5; i++) {
		ask("POST", "/mcp", GOOD, INIT);
		ck_assert_int_eq(status(), 200);
		ask("GET", "/health", "", NULL);
		ck_assert_int_eq(status(), 503);
	}
	ask("GET", "/", "", NULL);
	ck_assert_int_eq(status(), 200);
	ask("POST", "/mcp", JSON, INIT);
	ck_assert_int_eq(status(), 401);
	ask("POST", "/mcp", JSON "Authorization: Bearer x\r\n", INIT);
	ck_assert_int_eq(status(), 429);
	ask("GET", "/slack/install", "Accept: text/html\r\n", NULL);
	ck_assert_int_eq(status(), 429);
	ck_assert(has("<!doctype html>"));
	ck_assert_int_ge(atoi(answer_field("Retry-After")), 1);
	ask("POST", "/mcp", GOOD, INIT);
	ck_assert_int_eq(status(), 200);
}
END_TEST

static struct network proxy;

static void
trust(const char *text)
{
	struct err err;

	ck_assert_int_eq(network_parse(&proxy, text, strlen(text), &err), 0);
	h.conf.proxies = (struct networks){ &proxy, 1 };
}

/* One bucket each when their proxy is trusted, else one for all of them. */
START_TEST(address_rate_behind_a_proxy)
{
	char from[64];
	int refused = 0;

	h.conf.rate_address = (struct rate){ 1, 2 };
	trust(_i == 0 ? "192.0.2.2" : "192.0.2.0/24");
	for (int i = 0; i < 20; i++) {
		snprintf(from, sizeof(from), "X-Forwarded-For: 198.51.100.%d\r\n", i % 10);
		ask("GET", "/", from, NULL);
		refused += status() == 429;
	}
	ck_assert_int_eq(refused, _i == 0 ? 18 : 0);
	ask("GET", "/", "X-Forwarded-For: 198.51.100.1\r\n", NULL);
	ck_assert_int_eq(status(), 429);
}
END_TEST

#define PLAIN	"X-Forwarded-Proto: http\r\n"

static const struct {
	const char *trusted, *method, *target, *headers, *body;
	int status;
	const char *location;
	bool tls;			/* TLS_PORT is set */
} plains[] = {
	{ "192.0.2.1", "GET", "/", PLAIN, NULL, 308, "https://mcp.test/p/", false },
	{ "192.0.2.1", "GET", "/slack/install?team=T1", PLAIN, NULL, 308,
	  "https://mcp.test/p/slack/install?team=T1", false },
	{ "192.0.2.1", "GET", "/p/slack/install", PLAIN, NULL, 308,
	  "https://mcp.test/p/slack/install", false },
	{ "192.0.2.1", "HEAD", "/slack/oauth/callback?code=1", PLAIN, NULL, 308,
	  "https://mcp.test/cb?code=1", false },
	{ "192.0.2.1", "POST", "/mcp", PLAIN GOOD, INIT, 403, "", false },
	{ "192.0.2.1", "DELETE", "/mcp", PLAIN GOOD, NULL, 403, "", false },
	{ "192.0.2.1", "GET", "/health", PLAIN, NULL, 503, "", false },
	{ "192.0.2.1", "OPTIONS", "/mcp", PLAIN, NULL, 204, "", false },
	{ "192.0.2.1", "POST", "/mcp", "X-Forwarded-Proto: https\r\n" GOOD, INIT, 200, "", false },
	{ "192.0.2.1", "POST", "/mcp", GOOD, INIT, 200, "", false },
	{ "192.0.2.2", "POST", "/mcp", PLAIN GOOD, INIT, 200, "", false },
	{ "192.0.2.2", "GET", "/", PLAIN, NULL, 200, "", false },
	/* TLS of our own: who is no proxy of ours and not of this machine uses it */
	{ "192.0.2.2", "POST", "/mcp", GOOD, INIT, 403, "", true },
	{ "192.0.2.2", "GET", "/", "", NULL, 308, "https://mcp.test/p/", true },
	{ "192.0.2.1", "POST", "/mcp", GOOD, INIT, 200, "", true },
	{ "192.0.2.2", "GET", "/health", "", NULL, 503, "", true },
};

START_TEST(plain_http)
{
	static char base[] = "https://mcp.test/p", path[] = "/p", cb[] = "https://mcp.test/cb";

	h.conf.public_base_url = base;
	h.conf.base_path = path;
	h.conf.slack_redirect_uri = cb;
	h.conf.base_https = true;
	h.conf.tls_port = plains[_i].tls ? 8443 : 0;
	trust(plains[_i].trusted);
	ask(plains[_i].method, plains[_i].target, plains[_i].headers, plains[_i].body);
	ck_assert_msg(status() == plains[_i].status, "%s", h.got.p);
	ck_assert_str_eq(answer_field("Location"), plains[_i].location);
	ck_assert(plains[_i].status != 403 || has("\"https_required\""));
}
END_TEST

#define POST_OF(key)	"POST /mcp HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" JSON \
	"Authorization: Bearer " key "\r\n"

/* A key that is not known yet: the answer waits for the store. */
START_TEST(unknown_key)
{
	bool known = _i == 1, whole = _i != 2;
	int fd;

	fd = send_request(whole ? POST_OF(SLOW_KEY) "Content-Length: 2\r\n\r\n{}" :
	    POST_OF(SLOW_KEY) "Content-Length: 2\r\n\r\n{");
	run_loop();
	ck_assert_ptr_nonnull(h.again);
	h.reread = known;
	h.again(h.again_arg);
	read_answer(fd);
	ck_assert_int_eq(status(), known ? 400 : 401);
}
END_TEST

START_TEST(unknown_key_gone)
{
	int fd = send_request(POST_OF(SLOW_KEY) "Content-Length: 2\r\n\r\n{}");

	run_loop();
	ck_assert_ptr_nonnull(h.again);
	close(fd);
	run_loop();
	ck_assert_int_eq(h.waits_cancelled, 1);
}
END_TEST

START_TEST(no_keys_yet)
{
	int fd = send_request(POST_OF(LOST_KEY) "Content-Length: 2\r\n\r\n{}");

	h.loaded = false;
	run_loop();
	h.again(h.again_arg);
	read_answer(fd);
	ck_assert_int_eq(status(), 503);
	ck_assert_str_eq(answer_field("Retry-After"), "1");
}
END_TEST

/* What a key's bodies may be together: by their lengths, as long as they are on
 * their way, of unknown length the most that they can be. */
static const struct {
	const char *first;		/* stays on its way */
	const char *second;
	int status;
} bodies[] = {
	{ "Content-Length: 60000\r\n\r\n{", "Content-Length: 2\r\n\r\n{}", 400 },
	{ "Content-Length: 60000\r\n\r\n{", "Content-Length: 40001\r\n\r\n{}", 429 },
	{ "Content-Length: 60000\r\n\r\n{",
	    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 429 },
	{ "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	    "Content-Length: 50000\r\n\r\n{}", 429 },
	/* one that is too long for anybody is told so; one alone always may */
	{ "Content-Length: 2\r\n\r\n{", "Content-Length: 65537\r\n\r\n{}", 413 },
};

START_TEST(bodies_of_a_key)
{
	uint64_t before = counter_get(CNT_BODY_LIMIT);
	struct buf text = { 0 };
	int held, fd;

	buf_fmt(&text, "%s%s", POST_OF(KEY), bodies[_i].first);
	held = send_request(text.p);
	run_loop();
	buf_reset(&text);
	buf_fmt(&text, "%s%s", POST_OF(KEY), bodies[_i].second);
	fd = send_request(text.p);
	run_loop();
	read_answer(fd);
	ck_assert_int_eq(status(), bodies[_i].status);
	ck_assert_uint_eq(counter_get(CNT_BODY_LIMIT), before +
	    (bodies[_i].status == 429));
	if (bodies[_i].status == 429)
		ck_assert_str_eq(answer_field("Retry-After"), "1");
	close(held);
	run_loop();
	ck_assert_int_eq(h.policy->body_bytes, 0);
	buf_wipe(&text);
}
END_TEST

/* Nobody has looked whether it is good: to say 401 would be wrong. */
START_TEST(too_many_wait)
{
	uint64_t before = counter_get(CNT_KEY_WAITS_LIMIT);
	int fd;

	h.crowded = true;
	fd = send_request(POST_OF(LOST_KEY) "Content-Length: 2\r\n\r\n{}");
	run_loop();
	read_answer(fd);
	ck_assert_int_eq(status(), 503);
	ck_assert_str_eq(answer_field("Retry-After"), "1");
	ck_assert_uint_eq(counter_get(CNT_KEY_WAITS_LIMIT), before + 1);
}
END_TEST

START_TEST(session_life)
{
	char more[256];

	ask("POST", "/mcp", GOOD, INIT);
	snprintf(more, sizeof(more), GOOD "Mcp-Session-Id: %s\r\n",
	    answer_field("Mcp-Session-Id"));
	ask("POST", "/mcp", more, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}");
	ck_assert_int_eq(status(), 200);
	ck_assert_str_eq(answer_field("Mcp-Session-Id"), "");
	ask("POST", "/mcp", more, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}");
	ck_assert_int_eq(status(), 202);
	ck_assert_str_eq(answer_field("Content-Type"), "");
	ask("DELETE", "/mcp", more, NULL);
	ck_assert_int_eq(status(), 200);
	ask("POST", "/mcp", more, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}");
	ck_assert_int_eq(status(), 404);
}
END_TEST

#define COUNT(a)	((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	Suite *s = suite_create("web");
	TCase *c = tcase_create("web");

	tcase_add_checked_fixture(c, harness_setup, harness_teardown);
	tcase_add_loop_test(c, origin, 0, COUNT(origins));
	tcase_add_loop_test(c, table, 0, COUNT(rows));
	tcase_add_test(c, prefix);
	tcase_add_loop_test(c, key_rate, 0, 2);
	tcase_add_test(c, address_rate);
	tcase_add_loop_test(c, address_rate_behind_a_proxy, 0, 2);
	tcase_add_loop_test(c, plain_http, 0, COUNT(plains));
	tcase_add_loop_test(c, unknown_key, 0, 3);
	tcase_add_test(c, unknown_key_gone);
	tcase_add_test(c, no_keys_yet);
	tcase_add_test(c, too_many_wait);
	tcase_add_loop_test(c, bodies_of_a_key, 0, sizeof(bodies) / sizeof(bodies[0]));
	tcase_add_test(c, session_life);
	suite_add_tcase(s, c);
	return run_suite(s);
}
