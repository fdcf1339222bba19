/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/oauth_state.h"

#include "base/mem.h"
#include "slack/grant.h"
#include "slack/installs.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW	1700000000000LL

static struct keyring *keys, *others;

static void
setup(void)
{
	struct err err;

	keys = keyring_parse("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", &err);
	others = keyring_parse("k1:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=", &err);
	ck_assert_ptr_nonnull(keys);
	ck_assert_ptr_nonnull(others);
}

static void
teardown(void)
{
	keyring_free(keys);
	keyring_free(others);
}

static int
open_at(const struct keyring *k, const char *cookie, const char *state, int64_t now)
{
	char nonce[OAUTH_NONCE_SIZE];
	int64_t until;

	return oauth_state_open(k, cookie, state, now, nonce, &until);
}

START_TEST(refuses)
{
	struct buf state = { 0 };
	char *bad;

	oauth_state_seal(keys, "cookie", NOW + 600000, &state);
	ck_assert_int_eq(open_at(keys, "cookie", "", NOW), -1);
	ck_assert_int_eq(open_at(keys, "", state.p, NOW), -1);
	ck_assert_int_eq(open_at(keys, "cookie2", state.p, NOW), -1);
	ck_assert_int_eq(open_at(others, "cookie", state.p, NOW), -1);
	ck_assert_int_eq(open_at(keys, "cookie", state.p, NOW + 600000), -1);
	ck_assert_int_eq(open_at(keys, "cookie", state.p, NOW + 600001), -1);
	for (size_t i = 0; i < state.len; i++) {
		bad = mem_str(state.p);
		bad[i] = bad[i] == 'A' ? 'B' : 'A';
		ck_assert_int_eq(open_at(keys, "cookie", bad, NOW), -1);
		bad[i] = '\0';		/* cut off */
		ck_assert_int_eq(open_at(keys, "cookie", bad, NOW), -1);
		free(bad);
	}
	buf_wipe(&state);
}
END_TEST

START_TEST(opens)
{
	struct buf a = { 0 }, b = { 0 };
	char na[OAUTH_NONCE_SIZE], nb[OAUTH_NONCE_SIZE];
	int64_t until;

	oauth_state_seal(keys, "cookie", NOW + 600000, &a);
	oauth_state_seal(keys, "cookie", NOW + 600000, &b);
	ck_assert_int_eq(oauth_state_open(keys, "cookie", a.p, NOW, na, &until), 0);
	ck_assert_int_eq(until, NOW + 600000);
	ck_assert_int_eq(oauth_state_open(keys, "cookie", b.p, NOW, nb, &until), 0);
	ck_assert_uint_eq(strlen(na), 32);
	ck_assert_str_ne(na, nb);
	buf_wipe(&a);
	buf_wipe(&b);
}
END_TEST

/* oauth.v2.access: what is taken of it. */

static struct js *
parse(const char *text)
{
	return js_parse(text, strlen(text));
}

static const struct {
	const char *json, *code;
} bad[] = {
	{ "{}", "no_bot_token" },
	{ "{\"access_token\":7,\"team\":{\"id\":\"T1\"}}", "no_bot_token" },
	{ "{\"access_token\":\"xoxp-1\",\"token_type\":\"user\",\"team\":{\"id\":\"T1\"}}",
	  "no_bot_token" },
	{ "{\"access_token\":\"xoxb-1\\r\\nX: y\",\"team\":{\"id\":\"T1\"}}",
	  "no_bot_token" },
	{ "{\"authed_user\":{\"id\":\"U1\",\"access_token\":\"xoxp-1\"},"
	  "\"team\":{\"id\":\"T1\"}}", "no_bot_token" },
	{ "{\"access_token\":\"xoxb-1\"}", "bad_answer" },
	{ "{\"access_token\":\"xoxb-1\",\"team\":\"T1\"}", "bad_answer" },
	{ "{\"access_token\":\"xoxb-1\",\"team\":{\"id\":\"T1/../x\"}}", "bad_answer" },
};

START_TEST(bad_grants)
{
	struct js *o = parse(bad[_i].json);
	struct grant g;
	char code[64] = "";

	ck_assert_int_eq(grant_read(&g, o, code, sizeof(code)), -1);
	ck_assert_str_eq(code, bad[_i].code);
	grant_wipe(&g);
	js_free(o);
}
END_TEST

START_TEST(whole_grant)
{
	struct js *o = parse("{\"ok\":true,\"app_id\":\"A1\","
	    "\"token_type\":\"bot\",\"access_token\":\"xoxe.xoxb-1-abc\","
	    "\"refresh_token\":\"xoxe-1-def\",\"expires_in\":43200,"
	    "\"scope\":\"chat:write, channels:read,chat:write\",\"bot_user_id\":\"U9\","
	    "\"team\":{\"id\":\"T1\",\"name\":\"A <b> & C\"},\"enterprise\":null,"
	    "\"authed_user\":{\"id\":\"U1\"}}");
	struct js *who = parse("{\"url\":\"https://acme.slack.com/\","
	    "\"bot_id\":\"B1\"}");
	struct buf bot = { 0 }, refresh = { 0 };
	struct install_row row;
	struct install *in;
	struct grant g;
	char code[64] = "";

	ck_assert_int_eq(grant_read(&g, o, code, sizeof(code)), 0);
	grant_identify(&g, who);
	grant_row(&g, keys, NOW, &bot, &refresh, &row);
	ck_assert_str_eq(row.team_id, "T1");
	ck_assert_str_eq(row.enterprise_id, "");
	ck_assert_str_eq(row.team_name, "A <b> & C");
	ck_assert_str_eq(row.scopes, "chat:write,channels:read");
	ck_assert_int_eq(row.expires, NOW + 43200000LL);
	ck_assert_int_eq(row.state, INSTALL_PENDING);
	ck_assert_ptr_null(memmem(row.bot_token, row.bot_token_len, "xoxb", 4));
	in = install_from_row(keys, &row);
	ck_assert(!in->unreadable);
	ck_assert(in->rotates);
	ck_assert_str_eq(in->domain, "acme");
	ck_assert_str_eq(in->bot_id, "B1");
	ck_assert_str_eq(secret_expose(&in->bot_token), "Bearer xoxe.xoxb-1-abc");
	install_drop(in);
	/* another row's identity does not open it */
	row.team_id = "T2";
	log_quiet();
	in = install_from_row(keys, &row);
	ck_assert(in->unreadable);
	ck_assert_uint_eq(in->bot_token.len, 0);
	install_drop(in);
	buf_wipe(&bot);
	buf_wipe(&refresh);
	grant_wipe(&g);
	js_free(o);
	js_free(who);
}
END_TEST

START_TEST(hostile_url)
{
	struct js *who = parse("{\"url\":\"https://a.b/\\\"><script>\","
	    "\"bot_id\":[]}");
	struct js *o = parse("{\"access_token\":\"x\","
	    "\"enterprise\":{\"id\":\"E1\",\"name\":\"Org\"},\"team\":null,"
	    "\"is_enterprise_install\":true}");
	struct grant g;
	char code[64] = "";

	ck_assert_int_eq(grant_read(&g, o, code, sizeof(code)), 0);
	ck_assert_str_eq(g.enterprise_id, "E1");
	ck_assert_str_eq(g.team_name, "Org");
	grant_identify(&g, who);
	ck_assert_str_eq(g.url, "");
	ck_assert_str_eq(g.bot_id, "");
	grant_wipe(&g);
	js_free(o);
	js_free(who);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("state");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, refuses);
	tcase_add_test(tc, opens);
	tcase_add_loop_test(tc, bad_grants, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, whole_grant);
	tcase_add_test(tc, hostile_url);
	return run_case("oauth_state", tc);
}
