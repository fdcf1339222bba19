/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/error.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char base_url[] = "https://mcp.example.com";
static struct conf conf = { .public_base_url = base_url };
static const struct slack slack = { .conf = &conf };

static char *
explain(const struct slack_answer *a)
{
	struct buf out = { 0 };

	slack_explain(&slack, a, METHOD_CHAT_POST_MESSAGE, &out);
	ck_assert_uint_gt(out.len, 0);
	return out.p;
}

static const struct {
	struct slack_answer a;
	const char *has, *not;
} rows[] = {
	/* no answer, or one that says nothing */
	{ { .class = SLACK_TRANSPORT }, "Nothing was sent", "posted" },
	{ { .class = SLACK_TRANSPORT, .sent = true, .unknown = true },
	  "unknown whether this was done", "Nothing was sent" },
	{ { .class = SLACK_TROUBLE, .sent = true, .unknown = true, .code = "internal_error" },
	  "may have been posted", "Try again" },
	{ { .class = SLACK_WAIT, .wait_s = 17 }, "wait 17 s before chat.postMessage", NULL },
	/* connect again */
	{ { .class = SLACK_REVOKED, .code = "token_revoked", .sent = true },
	  "https://mcp.example.com/slack/install", NULL },
	{ { .class = SLACK_EXPIRED }, "https://mcp.example.com/slack/install", NULL },
	{ { .class = SLACK_SCOPE, .code = "missing_scope", .needed = "chat:write",
	  .sent = true }, "needs the scope chat:write", NULL },
	/* details only where they are about the arguments */
	{ { .class = SLACK_ARGUMENT, .code = "invalid_arguments", .sent = true,
	  .detail = "missing required field: channel" }, "missing required field", NULL },
	{ { .class = SLACK_STATE, .code = "is_archived", .sent = true, .detail = "x: y" },
	  "is archived", "x: y" },
	{ { .class = SLACK_BUG, .code = "invalid_post_type", .sent = true },
	  "Internal error", "invalid_post_type" },
	{ { .class = SLACK_OTHER, .code = "brand_new_error", .sent = true },
	  "brand_new_error", NULL },
	{ { .class = SLACK_MEMBERSHIP, .code = "not_in_channel", .sent = true },
	  "/invite", NULL },
};

START_TEST(explains)
{
	char *text = explain(&rows[_i].a);

	ck_assert_msg(strstr(text, rows[_i].has) != NULL, "%s", text);
	if (rows[_i].not != NULL)
		ck_assert_msg(strstr(text, rows[_i].not) == NULL, "%s", text);
	free(text);
}
END_TEST

/* Every row is found as itself, has a class and words. */
START_TEST(rows_are_whole)
{
	const char *code;
	char word[64];
	size_t n;

	for (n = 0; (code = slack_error_code(n)) != NULL; n++) {
		snprintf(word, sizeof(word), "%.*s%s", (int)strcspn(code, "*"), code,
		    strchr(code, '*') != NULL ? "xyz" : "");
		ck_assert_msg(slack_class_of(word) != SLACK_OTHER, "%s", word);
		ck_assert_uint_gt(strlen(slack_error_text(word)), 20);
		ck_assert_ptr_null(strchr(slack_error_text(word), '\n'));
	}
	ck_assert_uint_gt(n, 85);
}
END_TEST

static const struct {
	const char *code;
	enum slack_class class;
} classes[] = {
	{ "no_such_error", SLACK_OTHER },
	{ "", SLACK_OTHER },
	{ "restricted_action", SLACK_POLICY },
	{ "restricted_action_read_only_channel", SLACK_POLICY },
	{ "slack_connect_file_upload_blocked", SLACK_POLICY },
	{ "invalid_ts_latest", SLACK_ARGUMENT },
	{ "invalid_name_maxlength", SLACK_ARGUMENT },
	{ "ratelimited", SLACK_WAIT },
	{ "rate_limited", SLACK_WAIT },
	{ "message_limit_exceeded", SLACK_STATE },
	{ "token_expired", SLACK_EXPIRED },
	{ "fatal_error", SLACK_TROUBLE },
	{ "team_added_to_org", SLACK_MIGRATION },
};

START_TEST(classifies)
{
	ck_assert_int_eq(slack_class_of(classes[_i].code), classes[_i].class);
}
END_TEST

START_TEST(words)
{
	char out[8];

	slack_word(out, sizeof(out), "<b>\n", 4);
	ck_assert_str_eq(out, "b");
	slack_word(out, sizeof(out), "a_b:c.d,e-f", 11);
	ck_assert_str_eq(out, "a_b:c.d");
	slack_word(out, sizeof(out), "a\0b", 3);
	ck_assert_str_eq(out, "ab");
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("errors");

	tcase_add_loop_test(tc, explains, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, classifies, 0, sizeof(classes) / sizeof(classes[0]));
	tcase_add_test(tc, rows_are_whole);
	tcase_add_test(tc, words);
	return run_case("slack_errors", tc);
}
