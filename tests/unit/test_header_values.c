/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/header.h"

#include "base/log.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const broken[] = {
	"=?base64?SGVsbG8?=",			/* no padding */
	"=?base64?SGVsbG8==?=",			/* too much of it */
	"=?base64?SGVs!!!bG8=?=", "=?base64?SGVs bG8=?=", "=?base64?S?=",
	"=?base64?=?=", "=?base64?SGVsbG9=?=",	/* stray bits */
	"=?base64?SGVs-G8_?=",			/* the other alphabet */
	"=?base64?/w==?=", "=?base64?wIA=?=",	/* no UTF-8, an overlong one */
	"=?base64?7aCA?=",			/* half a surrogate pair */
};

static const struct {
	const char *value, *text;
} good[] = {
	{ "", "" },
	{ "Hello", "Hello" },
	{ "SGVsbG8=", "SGVsbG8=" },
	{ "=?base64?SGVsbG8=?=", "Hello" },
	{ "=?base64?VMO8?=", "T\xc3\xbc" },
	{ "=?base64?" "?=", "" },
	{ "=?base64?=", "=?base64?=" },		/* the marks overlap: text */
	{ "=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?=" },
	{ "=?base64?SGVsbG8=", "=?base64?SGVsbG8=" },
	{ "SGVsbG8=?=", "SGVsbG8=?=" },
	{ "=?utf-8?B?SGVsbG8=?=", "=?utf-8?B?SGVsbG8=?=" },
	{ "=?base64?PT9iYXNlNjQ/U0dWc2JHOD0/PQ==?=", "=?base64?SGVsbG8=?=" },
};

static const struct {
	const char *text, *json;
	bool same;
} says[] = {
	{ "x", "\"y\"", false }, { "x", "\"x\"", true }, { "X", "\"x\"", false },
	{ "", "\"\"", true }, { "x", "\"xx\"", false }, { "\\u0078", "\"x\"", false },
	{ "7", "7", true }, { "07", "7", true }, { "-7", "-7", true }, { "+7", "7", false },
	{ "7.0", "7", false }, { "", "0", false }, { "x", "0", false },
	{ "9007199254740993", "9007199254740992", false },
	{ "99999999999999999999", "9223372036854775807", false },
	{ "true", "true", true }, { "false", "false", true }, { "true", "false", false },
	{ "True", "true", false }, { "1", "true", false }, { "1.5", "1.5", false },
	{ "null", "null", false }, { "[]", "[]", false },
};

START_TEST(broken_ones)
{
	struct buf out = { 0 };

	ck_assert_int_eq(header_decode(broken[_i], &out), -1);
	buf_wipe(&out);
}
END_TEST

START_TEST(good_ones)
{
	struct buf out = { 0 };

	ck_assert_int_eq(header_decode(good[_i].value, &out), 0);
	ck_assert_uint_eq(out.len, strlen(good[_i].text));
	ck_assert(out.len == 0 || memcmp(out.p, good[_i].text, out.len) == 0);
	buf_wipe(&out);
}
END_TEST

START_TEST(comparison)
{
	struct json_object *o = json_tokener_parse(says[_i].json);
	struct buf text = { 0 };

	buf_str(&text, says[_i].text);
	ck_assert_int_eq(header_says(&text, o), says[_i].same);
	buf_wipe(&text);
	json_object_put(o);
}
END_TEST

#define COUNT(a)	((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	TCase *c = tcase_create("all");

	log_quiet();
	tcase_add_loop_test(c, broken_ones, 0, COUNT(broken));
	tcase_add_loop_test(c, good_ones, 0, COUNT(good));
	tcase_add_loop_test(c, comparison, 0, COUNT(says));
	return run_case("header_values", c);
}
