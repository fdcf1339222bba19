/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web_harness.h"

#include "base/crypto.h"
#include "web/redirect.h"

#include <json.h>

#define HTML		"Accept: text/html,*/*;q=0.8\r\n"
#define CALLBACK	"/slack/oauth/callback"

/* Everything that a page has to send with it. */
static void
check_page(void)
{
	const char *csp;

	ck_assert_str_eq(answer_field("Content-Type"), "text/html; charset=utf-8");
	ck_assert_str_eq(answer_field("Cache-Control"), "no-store");
	ck_assert_str_eq(answer_field("Referrer-Policy"), "no-referrer");
	ck_assert_str_eq(answer_field("X-Robots-Tag"), "noindex");
	csp = answer_field("Content-Security-Policy");
	ck_assert_int_eq(strncmp(csp, "default-src 'none';", 19), 0);
	ck_assert_ptr_null(strstr(csp, "unsafe"));
}

/* The policy lets in the style that the page has. */
static void
check_style(void)
{
	const char *begin = strstr(h.got.p, "<style>"), *end = strstr(h.got.p, "</style>");
	unsigned char hash[SHA256_SIZE];
	struct buf want = { 0 };

	ck_assert(begin != NULL && end != NULL);
	begin += strlen("<style>");
	crypto_sha256(begin, (size_t)(end - begin), hash);
	buf_str(&want, "style-src 'sha256-");
	crypto_b64(&want, hash, sizeof(hash));
	ck_assert_ptr_nonnull(strstr(answer_field("Content-Security-Policy"), want.p));
	buf_wipe(&want);
}

START_TEST(landing)
{
	ask("GET", "/", "", NULL);
	ck_assert_int_eq(status(), 200);
	check_page();
	check_style();
	ck_assert(has("href=\"http://127.0.0.1:8080/slack/install\""));
	ck_assert(has("Add to Slack"));
}
END_TEST

static const struct {
	const char *query, *team;
} hints[] = {
	{ "?team=T1&team=T2", "" }, { "?team=%3Cscript%3E", "" }, { "?team=T1%26x%3Dy", "" },
	{ "?team=T1%0d%0aX:1", "" }, { "?team=", "" }, { "?team=C1", "" }, { "?team=t1", "" },
	{ "?team=TAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "" }, { "", "" },
	{ "?team=T0ACME0001", "T0ACME0001" }, { "?team=E0CORP", "E0CORP" },
};

START_TEST(install)
{
	char target[128], want[128];

	snprintf(target, sizeof(target), "/slack/install%s", hints[_i].query);
	ask("GET", target, HTML, NULL);
	ck_assert_int_eq(status(), 302);
	snprintf(want, sizeof(want), "https://slack.test/authorize?state=STATE&team=%s",
	    hints[_i].team);
	ck_assert_str_eq(answer_field("Location"), want);
	ck_assert_str_eq(answer_field("Cache-Control"), "no-store");
	ck_assert_str_eq(answer_field("Set-Cookie"), "slackmcp_state=COOKIE; "
	    "Path=/slack/oauth; Max-Age=600; HttpOnly; SameSite=Lax");
	ck_assert_int_eq(h.begun, 1);
}
END_TEST

static const struct {
	const char *redirect, *base_path, *host, *query, *location;
} moves[] = {
	{ "http://127.0.0.1:8080/slack/oauth/callback", "", "localhost:8080", "",
	    "http://127.0.0.1:8080/slack/install?moved=1" },
	{ "http://127.0.0.1:8080/slack/oauth/callback", "", "localhost:8080", "?team=T1",
	    "http://127.0.0.1:8080/slack/install?moved=1&team=T1" },
	{ "http://127.0.0.1:8080/slack/oauth/callback", "", "127.0.0.1:8081", "",
	    "http://127.0.0.1:8080/slack/install?moved=1" },
	{ "https://h.example/x/slack/oauth/callback", "/x", "backend", "",
	    "https://h.example/x/slack/install?moved=1" },
	{ "https://h.example/x/cb", "/x", "backend", "",
	    "https://h.example/x/slack/install?moved=1" },
	{ "https://h.example/cb", "", "evil.example", "?moved=1", NULL },
	{ "https://h.example/cb", "", "evil.example", "?moved=1&team=T1", NULL },
	{ "https://h.example/cb", "", "H.example:443", "", NULL },
	{ "https://h.example/cb", "", "a b", "", NULL },
	{ "http://127.0.0.1:8080/slack/oauth/callback", "", "127.0.0.1:8080", "", NULL },
};

START_TEST(elsewhere)
{
	char target[128], header[128];

	h.conf.slack_redirect_uri = (char *)moves[_i].redirect;
	h.conf.base_path = (char *)moves[_i].base_path;
	snprintf(target, sizeof(target), "/slack/install%s", moves[_i].query);
	snprintf(header, sizeof(header), "Host: %s\r\n", moves[_i].host);
	ask("GET", target, header, NULL);
	if (status() == 400)		/* the server refused such a host by itself */
		return;
	ck_assert_int_eq(status(), 302);
	if (moves[_i].location != NULL)
		ck_assert_str_eq(answer_field("Location"), moves[_i].location);
	ck_assert_int_eq(h.begun, moves[_i].location == NULL);
	ck_assert_int_eq(answer_field("Set-Cookie")[0] != '\0', moves[_i].location == NULL);
}
END_TEST

static const struct {
	const char *redirect, *cookie;
} cookies[] = {
	{ "https://h.example/x/slack/oauth/callback", "slackmcp_state=C; Path=/x/slack/oauth; "
	    "Max-Age=600; HttpOnly; SameSite=Lax; Secure" },
	{ "https://h.example/cb", "slackmcp_state=C; Path=/; Max-Age=600; HttpOnly; "
	    "SameSite=Lax; Secure" },
	{ "http://localhost:8080/slack/oauth/callback", "slackmcp_state=C; Path=/slack/oauth; Max-Age=600; HttpOnly; SameSite=Lax" },
};

START_TEST(cookie)
{
	struct buf out = { 0 };

	h.conf.slack_redirect_uri = (char *)cookies[_i].redirect;
	redirect_cookie(&h.conf, "C", &out);
	ck_assert_str_eq(out.p, cookies[_i].cookie);
	buf_wipe(&out);
}
END_TEST

static const struct {
	const char *query;
	int status;
	const char *holds;
} refused[] = {
	{ "", 400, "no_state" },
	{ "?code=1", 400, "no_state" },
	{ "?state=&code=1", 400, "no_state" },
	{ "?state=%zz&code=1", 400, "no_state" },
	{ "?state=s", 400, "no_code" },
	{ "?state=s&code=", 400, "no_code" },
	{ "?state=s&state=s&code=1", 400, "bad_request" },
	{ "?state=s&code=1&code=2", 400, "bad_request" },
	{ "?state=s&code=1&code", 400, "bad_request" },
	{ "?error=a&error=b", 400, "bad_request" },
	{ "?error=access_denied&state=s", 403, "said no" },
	{ "?error=access_denied&state=s&code=1", 403, "said no" },
	{ "?error=%3Cscript%3Ealert(1)%3C/script%3E", 403, "something else" },
	{ "?error=invalid_scope", 403, "invalid_scope" },
};

START_TEST(not_exchanged)
{
	char target[128];

	snprintf(target, sizeof(target), CALLBACK "%s", refused[_i].query);
	ask("GET", target, HTML, NULL);
	ck_assert_msg(status() == refused[_i].status && has(refused[_i].holds), "%s", h.got.p);
	check_page();
	check_style();
	ck_assert(has("href=\"http://127.0.0.1:8080/slack/install\""));
	ck_assert(!has("<script"));
	ask("GET", target, "", NULL);
	ck_assert_int_eq(status(), refused[_i].status);
	ck_assert_str_eq(answer_field("Content-Type"), "application/json");
	ck_assert(has("\"request_id\":"));
	ck_assert_int_eq(h.finished, 0);
}
END_TEST

#define HOSTILE	"<b>\"Beta\" & 'Söhne'</b><script>alert(1)</script>"

static const struct {
	enum oauth_end end;
	enum install_state state;
	const char *code;
	int status;
	const char *holds[3];
} ends[] = {
	{ OAUTH_BAD_STATE, 0, "", 400, { "bad_state", "Add to Slack" } },
	{ OAUTH_USED, 0, "", 409, { "already_used", "Add to Slack" } },
	{ OAUTH_STORE_AWAY, 0, "", 503, { "Reload", "Retry-After: " } },
	{ OAUTH_STORE_AWAY, 0, "not_stored", 500, { "not_stored", "Add to Slack" } },
	{ OAUTH_SLACK_REFUSED, 0, "invalid_code", 400, { "invalid_code" } },
	{ OAUTH_SLACK_AWAY, 0, "", 502, { "slack_away" } },
	{ OAUTH_SPOOLED, INSTALL_LIVE, "", 202, { "T0BETA", "put aside", "spooled" } },
	{ OAUTH_DONE, INSTALL_PENDING, "", 200,
	    { "slackmcpctl install approve T0BETA<", "pending", "no agent reaches" } },
	{ OAUTH_DONE, INSTALL_DISABLED, "", 200,
	    { "slackmcpctl install enable T0BETA<", "disabled" } },
	{ OAUTH_DONE, INSTALL_LIVE, "", 200, { "T0BETA", "Slack is connected",
	    "claude mcp add --transport http slack http://127.0.0.1:8080/mcp" } },
	{ OAUTH_DONE, INSTALL_LIVE, "", 200, { "&quot;mcpServers&quot;",
	    "&quot;servers&quot;", "&quot;http://127.0.0.1:8080/mcp&quot;" } },
};

START_TEST(end)
{
	struct oauth_result r = {
		.end = ends[_i].end, .team_id = "T0BETA", .team_name = HOSTILE,
		.state = ends[_i].state, .code = ends[_i].code,
	};
	int fd = send_request("GET " CALLBACK "?code=c%2B1&state=s%3D HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\nCookie: other=1; slackmcp_state=COOKIE\r\n" HTML "\r\n");

	run_loop();
	ck_assert_int_eq(h.finished, 1);
	ck_assert_str_eq(h.code, "c+1");
	ck_assert_str_eq(h.state, "s=");
	ck_assert_str_eq(h.cookie, "COOKIE");
	h.done(h.done_arg, &r);
	read_answer(fd);
	ck_assert_msg(status() == ends[_i].status, "%s", h.got.p);
	check_page();
	for (int i = 0; i < 3 && ends[_i].holds[i] != NULL; i++)
		ck_assert_msg(has(ends[_i].holds[i]), "%s: %s", ends[_i].holds[i], h.got.p);
	ck_assert(!has("<script") && !has("<b>") && !has("c+1"));
	if (ends[_i].end == OAUTH_DONE)
		ck_assert(has("&lt;b&gt;&quot;Beta&quot; &amp; "));
	ck_assert_str_eq(answer_field("Set-Cookie"), "");
}
END_TEST

START_TEST(browser_leaves)
{
	int fd = send_request("GET " CALLBACK "?code=c&state=s HTTP/1.1\r\nHost: a\r\n\r\n");

	run_loop();
	ck_assert_int_eq(h.finished, 1);
	ck_assert_str_eq(h.cookie, "");
	close(fd);
	run_loop();
	ck_assert_int_eq(h.forgotten, 1);
}
END_TEST

START_TEST(draining)
{
	h.web.draining = true;
	ask("GET", CALLBACK "?code=c&state=s", HTML, NULL);
	ck_assert_int_eq(status(), 503);
	ask("HEAD", CALLBACK "?code=c&state=s", HTML, NULL);
	ck_assert_int_eq(status(), 200);
	ck_assert_int_eq(h.finished, 0);
}
END_TEST

/* The redirect URI may have a path of its own. */
START_TEST(own_path)
{
	static char uri[] = "https://h.example/x/cb", path[] = "/x";

	h.conf.slack_redirect_uri = uri;
	h.conf.base_path = path;
	ask("GET", "/x/cb", HTML, NULL);
	ck_assert(has("no_state"));
	ask("GET", "/cb", HTML, NULL);
	ck_assert(has("no_state"));
	ask("GET", "/x/cbx", HTML, NULL);
	ck_assert_int_eq(status(), 404);
}
END_TEST

START_TEST(manifest)
{
	struct buf out = { 0 };
	struct json_object *o, *v;

	web_manifest(&h.conf, &out);
	o = json_tokener_parse(out.p);
	ck_assert_ptr_nonnull(o);
	ck_assert(json_object_object_get_ex(o, "oauth_config", &v));
	ck_assert_str_eq(json_object_to_json_string_ext(v, JSON_C_TO_STRING_NOSLASHESCAPE),
	    "{\"redirect_urls\":[\"http://127.0.0.1:8080/slack/oauth/callback\"],"
	    "\"scopes\":{\"bot\":[\"chat:write\",\"channels:read\"]}}");
	ck_assert(json_object_object_get_ex(o, "settings", &v));
	ck_assert(json_object_object_get_ex(v, "token_rotation_enabled", &v));
	ck_assert(json_object_get_boolean(v));
	json_object_put(o);
	buf_wipe(&out);
}
END_TEST

#define COUNT(a)	((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	Suite *s = suite_create("pages");
	TCase *c = tcase_create("pages");

	tcase_add_checked_fixture(c, harness_setup, harness_teardown);
	tcase_add_loop_test(c, not_exchanged, 0, COUNT(refused));
	tcase_add_test(c, browser_leaves);
	tcase_add_test(c, draining);
	tcase_add_loop_test(c, elsewhere, 0, COUNT(moves));
	tcase_add_loop_test(c, cookie, 0, COUNT(cookies));
	tcase_add_loop_test(c, end, 0, COUNT(ends));
	tcase_add_test(c, landing);
	tcase_add_loop_test(c, install, 0, COUNT(hints));
	tcase_add_test(c, own_path);
	tcase_add_test(c, manifest);
	suite_add_tcase(s, c);
	return run_suite(s);
}
