/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/grant.h"

#include "base/buf.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Answers of oauth.v2.access: what is taken of them, or why none is. */

#define TOKEN	"\"access_token\":\"xoxb-1\","
#define TEAM	"\"team\":{\"id\":\"T1\",\"name\":\"Acme\"},"

static const struct {
	const char *json, *code;
} refused[] = {
	{ "{\"ok\":true}", "no_bot_token" },
	{ "{" TEAM "\"ok\":true}", "no_bot_token" },
	{ "{" TEAM "\"access_token\":7}", "no_bot_token" },
	{ "{" TEAM "\"access_token\":\"\"}", "no_bot_token" },
	{ "{" TEAM "\"access_token\":\"xoxb 1\"}", "no_bot_token" },
	{ "{" TEAM "\"access_token\":\"xoxb-1\\r\\nX: y\"}", "no_bot_token" },
	{ "{" TEAM "\"access_token\":\"xoxb-1\\u0000\"}", "no_bot_token" },
	{ "{" TEAM "\"access_token\":\"xoxb-\\u00e9\"}", "no_bot_token" },
	{ "{" TEAM TOKEN "\"token_type\":\"user\"}", "no_bot_token" },
	{ "{" TOKEN "\"team\":null}", "bad_answer" },
	{ "{" TOKEN "\"team\":[]}", "bad_answer" },
	{ "{" TOKEN "\"team\":{\"id\":\"T1'--\"}}", "bad_answer" },
	{ "{" TOKEN "\"team\":{\"id\":\"t1\"}}", "bad_answer" },
	{ "{" TOKEN "\"team\":{\"id\":\"T0123456789012345678901234567890123\"}}",
	    "bad_answer" },
};

static struct js *
parse(const char *text)
{
	return js_parse(text, strlen(text));
}

/* Whose it is, as far as it says so. */
static const struct {
	const char *json, *org, *team;
	bool ours;
} owned[] = {
	{ "{" TEAM "\"token_type\":\"bot\"}", "", "T1", true },
	{ "{" TEAM "\"enterprise\":{\"id\":\"E2\"}}", "E1", "T1", true },	/* it moved */
	{ "{}", "", "T1", true },
	{ "{\"team\":null,\"enterprise\":null}", "", "T1", true },
	{ "{\"team\":null,\"enterprise\":{\"id\":\"E1\"},"
	    "\"is_enterprise_install\":true}", "E1", "", true },
	{ "{" TEAM "\"token_type\":\"user\"}", "", "T1", false },
	{ "{" TEAM "\"ok\":true}", "", "T2", false },
	{ "{" TEAM "\"ok\":true}", "E1", "T11", false },
	{ "{\"team\":null,\"enterprise\":{\"id\":\"E1\"},"
	    "\"is_enterprise_install\":true}", "E1", "T1", false },
	{ "{\"enterprise\":{\"id\":\"E2\"}}", "E1", "", false },
};

START_TEST(knows_its_own)
{
	struct js *json = parse(owned[_i].json);

	ck_assert_ptr_nonnull(json);
	ck_assert_int_eq(grant_is_of(json, owned[_i].org, owned[_i].team),
	    owned[_i].ours);
	js_free(json);
}
END_TEST

START_TEST(refuses)
{
	struct js *json = parse(refused[_i].json);
	struct grant g;
	char code[64] = "";

	ck_assert_ptr_nonnull(json);
	ck_assert_int_eq(grant_read(&g, json, code, sizeof(code)), -1);
	ck_assert_str_eq(code, refused[_i].code);
	grant_wipe(&g);
	js_free(json);
}
END_TEST

static const struct {
	const char *json, *team, *org, *name, *scopes;
	long long expires;
} taken[] = {
	{ "{" TEAM TOKEN "\"scope\":\"a:b, c:d,a:b\",\"token_type\":\"bot\"}", "T1", "",
	    "Acme", "a:b,c:d", 0 },
	{ "{" TEAM TOKEN "\"enterprise\":{\"id\":\"E1\",\"name\":\"Org\"}}", "T1", "E1",
	    "Acme", "", 0 },
	{ "{" TOKEN "\"team\":null,\"enterprise\":{\"id\":\"E1\",\"name\":\"Org\"}}", "",
	    "E1", "Org", "", 0 },
	{ "{" TEAM TOKEN "\"expires_in\":43200}", "T1", "", "Acme", "", 43200 },
	{ "{" TEAM TOKEN "\"expires_in\":-5}", "T1", "", "Acme", "", 0 },
	{ "{" TEAM TOKEN "\"expires_in\":99999999999}", "T1", "", "Acme", "", 0 },
	{ "{" TEAM TOKEN "\"expires_in\":\"12\"}", "T1", "", "Acme", "", 0 },
	{ "{" TOKEN "\"team\":{\"id\":\"T1\",\"name\":[]}}", "T1", "", "", "", 0 },
	/* what would steer a terminal or turn a line around */
	{ "{" TOKEN "\"team\":{\"id\":\"T1\",\"name\":\"a\\u001b[2J\\u009b\\u202eb\\n\\u2066c\\u2028"
	  "\\u00a0\\u2030\\u05d0\"}}", "T1", "", "a[2Jbc\xc2\xa0\xe2\x80\xb0\xd7\x90", "", 0 },
};

START_TEST(takes)
{
	struct js *json = parse(taken[_i].json);
	struct grant g;
	char code[64] = "";

	ck_assert_ptr_nonnull(json);
	ck_assert_int_eq(grant_read(&g, json, code, sizeof(code)), 0);
	ck_assert_str_eq(g.team_id, taken[_i].team);
	ck_assert_str_eq(g.enterprise_id, taken[_i].org);
	ck_assert_str_eq(g.team_name, taken[_i].name);
	ck_assert_str_eq(g.scopes, taken[_i].scopes);
	ck_assert_int_eq(g.expires_in, taken[_i].expires);
	ck_assert_uint_eq(g.bot_token.len, strlen("xoxb-1"));
	grant_wipe(&g);
	js_free(json);
}
END_TEST

/* Long names are cut between characters. */
START_TEST(long_name)
{
	struct buf text = { 0 };
	struct js *json;
	struct grant g;
	char code[64];

	buf_str(&text, "{" TOKEN "\"team\":{\"id\":\"T1\",\"name\":\"x");
	for (int i = 0; i < 500; i++)
		buf_str(&text, "ü");
	buf_str(&text, "\"}}");
	json = parse(text.p);
	ck_assert_int_eq(grant_read(&g, json, code, sizeof(code)), 0);
	ck_assert_uint_eq(strlen(g.team_name), 199);
	grant_wipe(&g);
	js_free(json);
	buf_wipe(&text);
}
END_TEST

/* The URL is put into answers and pages: it is one, or it is left out. */
static const struct {
	const char *json, *bot, *url;
} tests[] = {
	{ "{\"bot_id\":\"B1\",\"url\":\"https://acme.slack.com/\"}", "B1",
	    "https://acme.slack.com/" },
	{ "{\"bot_id\":\"B1<x>\",\"url\":\"javascript:alert(1)\"}", "", "" },
	{ "{\"url\":\"https://a.slack.com/\\n--- end\"}", "", "" },
	{ "{\"url\":\"https://a.slack.com/?x=<b>\"}", "", "" },
	{ "{\"url\":\"https://a.slack.com/ x\"}", "", "" },
	{ "{\"url\":7,\"bot_id\":[]}", "", "" },
	{ "{}", "", "" },
};

START_TEST(identifies)
{
	struct js *json = parse("{" TEAM TOKEN "\"ok\":true}");
	struct js *who = parse(tests[_i].json);
	struct grant g;
	char code[64];

	ck_assert(json != NULL && who != NULL);
	ck_assert_int_eq(grant_read(&g, json, code, sizeof(code)), 0);
	grant_identify(&g, who);
	ck_assert_str_eq(g.bot_id, tests[_i].bot);
	ck_assert_str_eq(g.url, tests[_i].url);
	grant_wipe(&g);
	js_free(json);
	js_free(who);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("grant");

	tcase_add_loop_test(tc, refuses, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(tc, knows_its_own, 0,
	    sizeof(owned) / sizeof(owned[0]));
	tcase_add_loop_test(tc, takes, 0, sizeof(taken) / sizeof(taken[0]));
	tcase_add_test(tc, long_name);
	tcase_add_loop_test(tc, identifies, 0, sizeof(tests) / sizeof(tests[0]));
	return run_case("grant", tc);
}
