/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/tool.h"

#include "base/mem.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* A tool, arguments, and either what the error says or the arguments as taken. */

#define LIST	"slack_list_channels"
#define READ	"slack_get_channel_history"
#define POST	"slack_post_message"

static const struct {
	const char *tool, *json, *error;
} wrong[] = {
	/* required */
	{ POST, "{}", "needs \"channel_id\"" },
	{ POST, "{\"channel_id\":\"C1\"}", "needs \"text\"" },
	{ POST, "{\"channel_id\":null,\"text\":\"x\"}", "needs \"channel_id\"" },
	{ POST, "{\"channel_id\":\"C1\",\"text\":\"\"}", "text must not be empty" },
	/* unknown, or twice */
	{ LIST, "{\"limits\":3}", "is it \"limit\"?" },
	{ LIST, "{\"xyzzy\":3}", "takes no \"xyzzy\". It takes team_id, limit," },
	{ "slack_list_workspaces", "{\"x\":1}", "takes no \"x\". It takes format." },
	{ POST, "{\"channel_id\":\"C1\",\"channel\":\"C1\",\"text\":\"x\"}", "given twice" },
	/* types */
	{ POST, "{\"channel_id\":\"C1\",\"text\":7}", "text must be of type string" },
	{ POST, "{\"channel_id\":7,\"text\":\"x\"}", "of type string" },
	{ POST, "{\"channel_id\":[\"C1\"],\"text\":\"x\"}", "of type string" },
	{ LIST, "{\"exclude_archived\":\"maybe\"}", "true or false" },
	{ LIST, "{\"exclude_archived\":[]}", "true or false" },
	{ LIST, "{\"team_id\":7}", "of type string" },
	{ LIST, "{\"types\":\"public\"}", "public_channel, private_channel, mpim, im" },
	{ LIST, "{\"types\":[\"im\",7]}", "public_channel, private_channel, mpim, im" },
	{ LIST, "{\"types\":7}", "public_channel, private_channel, mpim, im" },
	/* names and people */
	{ READ, "{\"channel_id\":\"U1\"}", "something else" },
	{ READ, "{\"channel_id\":\"W1\"}", "something else" },
	{ READ, "{\"channel_id\":\"\"}", "a channel's id" },
	{ READ, "{\"channel_id\":\"#gen\\neral\"}", "a channel's id" },
	{ READ, "{\"channel_id\":7}", "of type string" },
	/* numbers */
	{ LIST, "{\"limit\":1.5}", "whole number from 1 to 999" },
	{ LIST, "{\"limit\":\"many\"}", "whole number from 1 to 999" },
	{ LIST, "{\"limit\":\"1.5\"}", "whole number from 1 to 999" },
	{ LIST, "{\"limit\":\"5 apples\"}", "whole number from 1 to 999" },
	{ LIST, "{\"limit\":true}", "whole number from 1 to 999" },
	/* time stamps */
	{ READ, "{\"channel_id\":\"C1\",\"oldest\":1712345678.0001}", "loses digits" },
	{ READ, "{\"channel_id\":\"C1\",\"oldest\":1712345678}", "loses digits" },
	{ READ, "{\"channel_id\":\"C1\",\"oldest\":true}", "must be of type string" },
	{ READ, "{\"channel_id\":\"C1\",\"oldest\":\"yesterday\"}", "must look like" },
	{ READ, "{\"channel_id\":\"C1\",\"oldest\":\"1.2.3\"}", "must look like" },
	{ POST, "{\"channel_id\":\"C1\",\"text\":\"x\",\"thread_ts\":1712345678.0001}",
	  "loses digits" },
	{ POST, "{\"channel_id\":\"C1\",\"text\":\"x\",\"thread_ts\":\"1712345678\"}",
	  "must look like" },
	{ POST, "{\"channel_id\":\"C1\",\"text\":\"x\",\"thread_ts\":\"1712345678.1\"}",
	  "must look like" },
	{ POST, "{\"channel_id\":\"C1\",\"text\":\"x\",\"thread_ts\":\"1712345678.000100 \"}",
	  "must look like" },
	{ POST, "{\"channel_id\":\"C1\",\"text\":\" \\n\\t\"}", "must not be empty" },
	/* keys */
	{ POST, "{\"channel_id\":\"C1\",\"text\":\"x\",\"idempotency_key\":\"a b\"}",
	  "without blanks" },
	{ POST, "{\"channel_id\":\"C1\",\"text\":\"x\",\"idempotency_key\":{}}",
	  "without blanks" },
};

static const struct {
	const char *tool, *json, *taken, *note;
} right[] = {
	{ LIST, "{}", "{}", "" },
	{ LIST, "{\"limit\":null,\"cursor\":\"\",\"team_id\":\"\",\"zzz\":null}", "{}", "" },
	{ LIST, "{\"limit\":5}", "{\"limit\":5}", "" },
	{ LIST, "{\"limit\":\"5\"}", "{\"limit\":5}", "" },
	{ LIST, "{\"limit\":5.0}", "{\"limit\":5}", "" },
	{ LIST, "{\"limit\":5000}", "{\"limit\":999}", "999 was used" },
	{ LIST, "{\"limit\":\"99999999999999999999\"}", "{\"limit\":999}", "999 was used" },
	{ LIST, "{\"limit\":1e300}", "{\"limit\":999}", "999 was used" },
	{ LIST, "{\"limit\":-1e20}", "{\"limit\":1}", "1 was used" },
	{ LIST, "{\"limit\":0}", "{\"limit\":1}", "1 was used" },
	{ LIST, "{\"limit\":-3}", "{\"limit\":1}", "1 was used" },
	{ LIST, "{\"types\":\" im, mpim ,im\"}", "{\"types\":\"im,mpim\"}", "" },
	{ LIST, "{\"types\":[\"im\",\"mpim\"]}", "{\"types\":\"im,mpim\"}", "" },
	{ LIST, "{\"exclude_archived\":\"False\"}", "{\"exclude_archived\":false}", "" },
	{ LIST, "{\"teamId\":\"T1\"}", "{\"team_id\":\"T1\"}", "" },
	{ LIST, "{\"team\":\"acme\"}", "{\"team_id\":\"acme\"}", "" },
	{ LIST, "{\"workspace\":\"T1\"}", "{\"team_id\":\"T1\"}", "" },
	{ READ, "{\"channelId\":\"C1\",\"oldest\":\"0\",\"latest\":\"1712345678.5\"}",
	  "{\"channel_id\":\"C1\",\"oldest\":\"0\",\"latest\":\"1712345678.5\"}", "" },
	{ READ, "{\"channel\":\"D0ABC\"}", "{\"channel_id\":\"D0ABC\"}", "" },
	{ READ, "{\"channel\":\"#general\"}", "{\"channel_id\":\"#general\"}", "" },
	{ READ, "{\"channel_id\":\"general\"}", "{\"channel_id\":\"general\"}", "" },
	{ POST, "{\"channel\":\"G1\",\"message\":\"hi\",\"threadTs\":\"1712345678.000100\"}",
	  "{\"channel_id\":\"G1\",\"text\":\"hi\",\"thread_ts\":\"1712345678.000100\"}", "" },
	{ POST, "{\"channel_id\":\"C1\",\"text\":\" x\",\"idempotency_key\":7}",
	  "{\"channel_id\":\"C1\",\"text\":\" x\",\"idempotency_key\":\"7\"}", "" },
};

static struct json_object *
take(const char *tool, const char *json, struct buf *note, struct err *err)
{
	struct json_object *given = json_tokener_parse(json);
	struct json_object *args;

	ck_assert_ptr_nonnull(given);
	args = tool_take(tool_find(tool, strlen(tool)), given, note, err);
	json_object_put(given);
	return args;
}

START_TEST(refuses)
{
	struct buf note = { 0 };
	struct err err = { ERR_NONE, "" };

	ck_assert_msg(take(wrong[_i].tool, wrong[_i].json, &note, &err) == NULL, "%s",
	    wrong[_i].json);
	ck_assert_msg(strstr(err.text, wrong[_i].error) != NULL, "%s: %s", wrong[_i].json,
	    err.text);
	ck_assert_uint_lt(strlen(err.text), sizeof(err.text) - 1);	/* whole */
	buf_wipe(&note);
}
END_TEST

START_TEST(takes)
{
	struct buf note = { 0 };
	struct err err = { ERR_NONE, "" };
	struct json_object *args = take(right[_i].tool, right[_i].json, &note, &err);

	ck_assert_msg(args != NULL, "%s: %s", right[_i].json, err.text);
	ck_assert_str_eq(json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN),
	    right[_i].taken);
	if (right[_i].note[0] == '\0')
		ck_assert_uint_eq(note.len, 0);
	else
		ck_assert_ptr_nonnull(strstr(note.p, right[_i].note));
	json_object_put(args);
	buf_wipe(&note);
}
END_TEST

/* 40,000 characters are counted as characters, not as bytes. */
START_TEST(long_text)
{
	struct json_object *given = json_object_new_object(), *args;
	struct buf text = { 0 }, note = { 0 };
	struct err err;

	for (int i = 0; i < 40000; i++)
		buf_str(&text, "ü");
	json_object_object_add(given, "channel_id", json_object_new_string("C1"));
	json_object_object_add(given, "text", json_object_new_string(text.p));
	args = tool_take(tool_find(POST, strlen(POST)), given, &note, &err);
	ck_assert_ptr_nonnull(args);
	json_object_put(args);
	buf_char(&text, 'x');
	json_object_object_add(given, "text", json_object_new_string(text.p));
	ck_assert_ptr_null(tool_take(tool_find(POST, strlen(POST)), given, &note, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "40001 characters"));
	json_object_put(given);
	buf_wipe(&text);
}
END_TEST

/* What an answer repeats of the arguments' names cannot break out of its quotes. */
START_TEST(hostile_name)
{
	struct buf note = { 0 };
	struct err err = { ERR_NONE, "" };

	ck_assert_ptr_null(take(LIST, "{\"a\\\"b\\nc\\u0007\":1}", &note, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "takes no \"abc\""));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("arguments");

	tcase_add_loop_test(tc, refuses, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_loop_test(tc, takes, 0, sizeof(right) / sizeof(right[0]));
	tcase_add_test(tc, long_text);
	tcase_add_test(tc, hostile_name);
	return run_case("tools", tc);
}
