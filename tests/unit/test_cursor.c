/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "run.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST	"slack_list_channels"
#define READ	"slack_get_channel_history"
#define THREAD	"slack_get_thread_replies"

/* A call just as far as a cursor looks at it. */
static struct {
	struct slack slack;
	struct toolbox box;
	struct policy policy;
	struct install install;
	struct keyring *keys;
} t;

static void
setup(void)
{
	struct err err;

	memset(&t, 0, sizeof(t));
	t.keys = keyring_parse("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", &err);
	ck_assert_ptr_nonnull(t.keys);
	t.slack.keys = t.keys;
	t.box.slack = &t.slack;
}

static void
teardown(void)
{
	keyring_free(t.keys);
}

static struct call *
new_call(const char *principal, const char *team, const char *tool, const char *args)
{
	static char none[] = "";
	struct call *call = mem_new(sizeof(*call));

	snprintf(t.policy.principal, sizeof(t.policy.principal), "%s", principal);
	t.install = (struct install){ .team_id = (char *)team, .enterprise_id = none };
	call->box = &t.box;
	call->policy = &t.policy;
	call->install = &t.install;
	call->tool = tool_find(tool, strlen(tool));
	call->args = json_tokener_parse(args);
	ck_assert(call->tool != NULL && call->args != NULL);
	return call;
}

static void
drop(struct call *call)
{
	json_object_put(call->args);
	free(call->cursor);
	free(call);
}

static char *
given(struct call *call, const char *cursor, size_t skip)
{
	struct buf sealed = { 0 };
	char *out;

	ck_assert_ptr_null(cursor_seal(call, cursor, skip, "", &sealed));
	out = mem_str(sealed.p);
	buf_wipe(&sealed);
	return out;
}

static int
take(struct call *call, const char *cursor)
{
	struct buf refused = { 0 };
	int rc;

	json_object_object_add(call->args, "cursor", json_object_new_string(cursor));
	rc = cursor_take(call, &refused);
	ck_assert_int_eq(refused.len > 0, rc == -1);
	if (rc == -1)
		ck_assert_ptr_nonnull(strstr(refused.p, "start again without a cursor"));
	buf_wipe(&refused);
	return rc;
}

#define IM	"{\"types\":\"im\",\"limit\":5}"
#define SPAN	"\"oldest\":\"7d\",\"latest\":\"1d\""
static const struct {
	const char *principal, *team, *tool, *args;
	int rc;
	const char *of_tool, *of_args;	/* of the call that gave it */
} rows[] = {
	{ "k_two", "T1", LIST, "{\"types\":\"im\",\"limit\":5}", -1, LIST, IM },
	{ "k_one", "T2", LIST, "{\"types\":\"im\",\"limit\":5}", -1, LIST, IM },
	{ "k_one", "T1", READ, "{\"types\":\"im\",\"limit\":5}", -1, LIST, IM },
	{ "k_one", "T1", LIST, "{\"types\":\"mpim\",\"limit\":5}", -1, LIST, IM },
	{ "k_one", "T1", LIST, "{\"limit\":5}", -1, LIST, IM },
	/* a page's own arguments may differ */
	{ "k_one", "T1", LIST, "{\"types\":\"im\",\"limit\":5}", 0, LIST, IM },
	{ "k_one", "T1", LIST, "{\"types\":\"im\",\"limit\":7,\"team_id\":\"T1\"}", 0, LIST, IM },
	{ "k_one", "T1", LIST, "{\"types\":\"im\",\"format\":\"json\"}", 0, LIST, IM },
	/* each by itself */
	{ "k_one", "T1", READ, "{\"channel_id\":\"C1\"," SPAN "}", 0,
	  READ, "{\"channel_id\":\"C1\"," SPAN ",\"limit\":5}" },
	{ "k_one", "T1", READ, "{\"channel_id\":\"C2\"," SPAN "}", -1,
	  READ, "{\"channel_id\":\"C1\"," SPAN "}" },
	{ "k_one", "T1", READ, "{\"channel_id\":\"C1\",\"oldest\":\"8d\",\"latest\":\"1d\"}", -1,
	  READ, "{\"channel_id\":\"C1\"," SPAN "}" },
	{ "k_one", "T1", READ, "{\"channel_id\":\"C1\",\"oldest\":\"7d\",\"latest\":\"2d\"}", -1,
	  READ, "{\"channel_id\":\"C1\"," SPAN "}" },
	{ "k_one", "T1", READ, "{\"channel_id\":\"C1\",\"latest\":\"7d\"}", -1,
	  READ, "{\"channel_id\":\"C1\",\"oldest\":\"7d\"}" },
	{ "k_one", "T1", THREAD, "{\"channel_id\":\"C1\",\"thread_ts\":\"2.000001\"}", -1,
	  THREAD, "{\"channel_id\":\"C1\",\"thread_ts\":\"1.000001\"}" },
	{ "k_one", "T1", THREAD, "{\"channel_id\":\"C1\"}", -1, READ, "{\"channel_id\":\"C1\"}" },
};

START_TEST(bound)
{
	struct call *call = new_call("k_one", "T1", rows[_i].of_tool, rows[_i].of_args);
	long limit = call_number(call, ARG_LIMIT);
	char *cursor = given(call, "dGVhbTpDMQ==", 3);

	drop(call);
	call = new_call(rows[_i].principal, rows[_i].team, rows[_i].tool, rows[_i].args);
	ck_assert_int_eq(take(call, cursor), rows[_i].rc);
	if (rows[_i].rc == 0) {
		ck_assert_str_eq(cursor_at(call), "dGVhbTpDMQ==");
		ck_assert_uint_eq(call->skip, 3);
		ck_assert_int_eq(call_number(call, ARG_LIMIT), limit);
	}
	drop(call);
	free(cursor);
}
END_TEST

/* What was sealed for this call, but says something else. */
static const struct {
	int64_t until;		/* from now on */
	const char *rest;
	int rc;
} sealed[] = {
	{ -1000, " 7 0 0 - c", -1 },
	{ 60000, " 7 0 0 - c", 0 },
	{ 60000, " 7 0 0 1700000000.000100 c", 0 },
	{ 60000, "", -1 },
	{ 60000, " 7 x 0 - c", -1 },
	{ 60000, " 7 0 0", -1 },
	{ 60000, " 7 0 0 -", -1 },
	{ 60000, " 7 0 0 c", -1 },
	{ 60000, " 7 0 0 1700000000.1 c", -1 },
	{ 60000, " 7 0 0 1700000000170000000017.000100 c", -1 },
	{ 60000, " x 0 0 - c", -1 },
};

START_TEST(times)
{
	struct call *call = new_call("k_one", "T1", LIST, "{}");
	struct buf plain = { 0 }, cursor = { 0 };
	unsigned char digest[SHA256_SIZE];
	char hex[SHA256_SIZE * 2 + 1], aad[256];

	call_digest(call, digest);
	crypto_hex(hex, digest, sizeof(digest));
	snprintf(aad, sizeof(aad), "cursor|k_one|" LIST "|T1|%s", hex);
	buf_fmt(&plain, "%" PRId64 "%s", clock_wall_ms() + sealed[_i].until,
	    sealed[_i].rest);
	keyring_wrap(t.keys, aad, plain.p, plain.len, &cursor);
	ck_assert_int_eq(take(call, cursor.p), sealed[_i].rc);
	drop(call);
	buf_wipe(&plain);
	buf_wipe(&cursor);
}
END_TEST

START_TEST(junk)
{
	static const char *const texts[] = { "x", "dGVhbTpDMQ==", "AmsxAAAA", "' OR 1=1" };
	struct call *call = new_call("k_one", "T1", LIST, "{}");
	char *cursor = given(call, "c", 0);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(take(call, texts[i]), -1);
	for (size_t i = 0; cursor[i] != '\0'; i++) {
		char c = cursor[i];

		cursor[i] = c == 'A' ? 'B' : 'A';
		ck_assert_int_eq(take(call, cursor), -1);
		cursor[i] = c;
	}
	ck_assert_int_eq(take(call, cursor), 0);
	drop(call);
	free(cursor);
}
END_TEST

START_TEST(leads_to_itself)
{
	struct call *call = new_call("k_one", "T1", LIST, "{}");
	struct buf out = { 0 };

	call->cursor = mem_str("again");
	ck_assert_ptr_nonnull(cursor_seal(call, "again", 0, "", &out));
	ck_assert_uint_eq(out.len, 0);
	free(given(call, "again", 4));		/* the rest of the same page */
	drop(call);
}
END_TEST

START_TEST(too_long)
{
	struct call *call = new_call("k_one", "T1", LIST, "{}");
	struct buf out = { 0 };
	char cursor[3000];

	memset(cursor, 'c', sizeof(cursor) - 1);
	cursor[sizeof(cursor) - 1] = '\0';
	ck_assert_ptr_nonnull(strstr(cursor_seal(call, cursor, 0, "", &out),
	    "narrow the call"));
	ck_assert_uint_eq(out.len, 0);
	cursor[2000] = '\0';
	free(given(call, cursor, 0));
	drop(call);
}
END_TEST

/* Rows that are each larger than an answer: one at a time, to the end. */

static void
put_large(const struct call *call, const struct js *row, struct shown *shown,
    struct buf *out)
{
	(void)call, (void)shown;
	for (size_t i = 0; i < CALL_BYTES + 100; i++)
		buf_str(out, js_text(row, "sign"));
}

static void
put_none(const struct call *call, bool more, struct buf *out)
{
	(void)call, (void)more;
	buf_str(out, "none\n");
}

static const struct tool_list large_list = { .rows = "rows", .one = "row",
	.many = "rows", .order = "", .legend = "", .put = put_large, .none = put_none };
static const struct tool_arg large_args[] = { ARGUMENT_CURSOR, { .name = NULL } };
static const struct tool large = { .name = "large", .args = large_args,
	.list = &large_list };

static bool
has_sign(const struct call *call, char sign)
{
	char key[] = "\"sign\":\"x\"", run[] = "xxxx";

	key[strlen(key) - 2] = sign;
	memset(run, sign, 4);
	return strstr(call->json.len > 0 ? call->json.p : call->out.p,
	    call->json.len > 0 ? key : run) != NULL;
}

START_TEST(larger_than_an_answer)
{
	char digits[CALL_BYTES + 100];
	struct buf json = { 0 };
	char *cursor = NULL;
	struct js *answer;

	memset(digits, '1', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	buf_str(&json, "{\"rows\":[");
	for (char sign = '3'; sign <= '5'; sign++)
		buf_fmt(&json, "%s{\"sign\":\"%c\",\"n\":%s}", sign > '3' ? "," : "",
		    sign, digits);
	buf_str(&json, "]}");
	answer = js_parse(json.p, json.len);
	ck_assert_ptr_nonnull(answer);
	for (char sign = '3'; sign <= '5'; sign++) {
		struct call *call = new_call("k_one", "T1", LIST, "{}");
		const char *at;

		call->tool = &large;
		fence_new(&call->fence);
		if (cursor != NULL)
			ck_assert_int_eq(take(call, cursor), 0);
		if (_i == 0)
			page_put(call, answer, &call->out);
		else
			asjson_put(call, answer);
		for (char other = '3'; other <= '5'; other++)
			ck_assert_int_eq(has_sign(call, other), other == sign);
		free(cursor);
		at = _i == 0 ? strstr(call->out.p, "cursor=") :
		    strstr(call->json.p, "next_cursor\":\"A");
		ck_assert_int_eq(at != NULL, sign < '5');
		if (at != NULL) {
			at += strcspn(at, "=:") + (_i == 0 ? 1 : 2);
			cursor = mem_strn(at, strcspn(at, "\"\n"));
		}
		buf_wipe(&call->out);
		buf_wipe(&call->json);
		buf_wipe(&call->note);
		drop(call);
	}
	js_free(answer);
	buf_wipe(&json);
}
END_TEST

static struct call *
shaped(const char *json, bool as_json)
{
	struct call *call = new_call("k_one", "T1", LIST, "{}");
	struct js *answer = js_parse(json, strlen(json));

	ck_assert_ptr_nonnull(answer);
	call->tool = &large;
	fence_new(&call->fence);
	if (as_json)
		asjson_put(call, answer);
	else
		page_put(call, answer, &call->out);
	js_free(answer);
	return call;
}

static void
drop_shaped(struct call *call)
{
	buf_wipe(&call->out);
	buf_wipe(&call->json);
	buf_wipe(&call->note);
	drop(call);
}

/* What cannot be shown is not counted. */
START_TEST(no_row)
{
	struct call *call = shaped("{\"rows\":[{},{\"sign\":\"3\"},7]}", false);

	ck_assert_msg(strncmp(call->out.p, "1 row.", 6) == 0, "%.40s", call->out.p);
	drop_shaped(call);
	call = shaped("{\"rows\":[{},7]}", false);
	ck_assert_str_eq(call->out.p, "none\n");
	drop_shaped(call);
}
END_TEST

/* JSON that is deeper than ours, and names of members that nobody should see. */
START_TEST(odd_json)
{
	struct buf json = { 0 };
	struct call *call;
	struct js *back;

	buf_str(&json, "{\"rows\":[{\"a\\u001b\\u202e|\\udb40\\udc41b\":1,\"");
	for (int i = 0; i < 300; i++)
		buf_char(&json, 'x');
	buf_str(&json, "\":2,\"deep\":");
	for (int i = 0; i < JS_DEPTH - 4; i++)
		buf_str(&json, i % 2 == 0 ? "[" : "{\"k\":");
	buf_str(&json, "7");
	for (int i = JS_DEPTH - 5; i >= 0; i--)
		buf_str(&json, i % 2 == 0 ? "]" : "}");
	buf_str(&json, "}]}");
	call = shaped(json.p, true);
	back = js_parse(call->json.p, call->json.len);
	ck_assert_ptr_nonnull(back);
	ck_assert_ptr_nonnull(strstr(call->json.p, "\"a|b\":1"));
	ck_assert_ptr_nonnull(strstr(call->json.p, "xxx… (cut, 220 bytes more)\":2"));
	ck_assert_ptr_nonnull(strstr(call->json.p, "[{\"k\":[{\"k\":["));
	js_free(back);
	drop_shaped(call);
	buf_wipe(&json);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("cursor");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, bound, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, times, 0, sizeof(sealed) / sizeof(sealed[0]));
	tcase_add_test(tc, junk);
	tcase_add_test(tc, leads_to_itself);
	tcase_add_test(tc, too_long);
	tcase_add_test(tc, no_row);
	tcase_add_test(tc, odd_json);
	tcase_add_loop_test(tc, larger_than_an_answer, 0, 2);
	return run_case("cursor", tc);
}
