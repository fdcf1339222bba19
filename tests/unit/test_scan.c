/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/scan.h"

#include "base/buf.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct err err;

static int
scan(const char *text, size_t len)
{
	/* Of exactly that size: a sanitizer sees a step beyond it. */
	char *copy = malloc(len != 0 ? len : 1);
	int rc;

	memcpy(copy, text, len);
	rc = scan_json(copy, len, &err);
	free(copy);
	return rc;
}

#define BAD(s, why)	{ s, sizeof(s) - 1, why }
static const struct {
	const char *text;
	size_t len;
	const char *why;
} bad[] = {
	BAD("", "no value"), BAD(" ", "no value"), BAD("\xef\xbb\xbf{}", "no value"),
	BAD("'a'", "no value"), BAD("{a:1}", "no key"), BAD("{'a':1}", "no key"),
	BAD("NaN", "no value"), BAD("Infinity", "no value"), BAD("-Infinity", "no value"),
	BAD("True", "no value"), BAD("nul", "no value"), BAD("tru", "no value"),
	BAD("nullx", "after the value"), BAD("{} {}", "after the value"),
	BAD("1 2", "after the value"), BAD("/**/1", "no value"), BAD("1//", "after the value"),
	BAD("[1,]", "no value"), BAD("[,1]", "no value"), BAD("[1 2]", "neither , nor ]"),
	BAD("[1", "neither , nor ]"), BAD("[", "no value"), BAD("]", "no value"),
	BAD("{\"a\":1,}", "no key"), BAD("{\"a\"}", "no colon"), BAD("{\"a\" 1}", "no colon"),
	BAD("{\"a\":}", "no value"), BAD("{\"a\":1", "neither , nor }"), BAD("{", "no key"),
	BAD("{1:2}", "no key"), BAD("[1}", "neither , nor ]"), BAD("{\"a\":1]", "neither , nor }"),
	BAD("\"a", "does not end"), BAD("\"a\\\"", "does not end"),
	BAD("\"\t\"", "control"), BAD("\"\n\"", "control"), BAD("\"\x1f\"", "control"),
	BAD("\"\0\"", "NUL"), BAD("\0", "no value"), BAD("{}\0", "after the value"),
	BAD("\"\\u0000\"", "NUL"), BAD("\"\\x\"", "escape"), BAD("\"\\'\"", "escape"),
	BAD("\"\\u12\"", "four"), BAD("\"\\u12g4\"", "four"), BAD("\"\\", "escape"),
	BAD("\"\\ud800\"", "surrogate"), BAD("\"\\udc00\"", "surrogate"),
	BAD("\"\\ud800\\u0041\"", "surrogate"), BAD("\"\\ud800\\ud800\"", "surrogate"),
	BAD("\"\\ud800x\"", "surrogate"),
	BAD("\"\xff\"", "UTF-8"), BAD("\"\xc3\"", "UTF-8"), BAD("\"\xc0\xaf\"", "UTF-8"),
	BAD("\"\xed\xa0\x80\"", "UTF-8"), BAD("\"\xf4\x90\x80\x80\"", "UTF-8"),
	BAD("\"\x80\"", "UTF-8"), BAD("\xc3\xa9", "no value"),
	BAD("01", "zero"), BAD("-01", "zero"), BAD("00", "zero"), BAD("+1", "no value"),
	BAD("-", "no value"), BAD(".5", "no value"), BAD("1.", "point"), BAD("1.e1", "point"),
	BAD("1e", "exponent"), BAD("1e+", "exponent"), BAD("1.2.3", "after"), BAD("0x10", "after"),
	BAD("1_0", "after"), BAD("--1", "no value"),
	BAD("9223372036854775808", "too large"), BAD("-9223372036854775809", "too large"),
	BAD("18446744073709551616", "too large"), BAD("1e400", "too large"),
	BAD("1e-400", "too large"), BAD("1.0000000000000000001", "too exact"),
	BAD("0.1234567890123456789", "too exact"),
	BAD("100000000000000000000000000000000000000000000000000000000000000000.0", "too"),
	BAD("{\"a\":1,\"a\":2}", "second time"), BAD("{\"a\":1,\"\\u0061\":2}", "second time"),
	BAD("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "second time"),
	BAD("[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]", "second time"), BAD("{\"\":1,\"\":2}", "second time"),
};

START_TEST(refused)
{
	ck_assert_msg(scan(bad[_i].text, bad[_i].len) == -1, "%s", bad[_i].text);
	ck_assert_int_eq(err.kind, ERR_INPUT);
	ck_assert_msg(strstr(err.text, bad[_i].why) != NULL &&
	    strstr(err.text, "byte ") != NULL, "%s: %s, not %s", bad[_i].text,
	    err.text, bad[_i].why);
}
END_TEST

static const char *const good[] = {
	"{}", "[]", "\"\"", "0", "-0", "null", "true", "false", " \t\r\n1 \t\r\n",
	"9223372036854775807", "-9223372036854775808", "1712345678.123456",
	"0.0", "0e5", "1.0000000000000000000", "1e308", "-1.5E-7", "123456789012345e3",
	"{\"a\":1,\"A\":2,\"aa\":3}", "[{\"a\":1},{\"a\":2}]", "{\"a\":{\"a\":{\"a\":1}}}",
	"{\"a\":{\"b\":1},\"b\":2}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
	"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"", "[[],[[]],{}]",
};

START_TEST(accepted)
{
	ck_assert_msg(scan(good[_i], strlen(good[_i])) == 0, "%s: %s", good[_i],
	    err.text);
}
END_TEST

static int
nested(int depth, char open, char close)
{
	struct buf b = { 0 };
	int rc;

	for (int i = 0; i < depth; i++)
		buf_str(&b, open == '[' ? "[" : i + 1 < depth ? "{\"a\":" : "{");
	for (int i = 0; i < depth; i++)
		buf_char(&b, close);
	rc = scan(b.p, b.len);
	buf_wipe(&b);
	return rc;
}

static int
members(int n)
{
	struct buf b = { 0 };
	int rc;

	for (int i = 0; i < n; i++)
		buf_fmt(&b, "%c\"k%d\":%d", i == 0 ? '{' : ',', i, i);
	buf_char(&b, '}');
	rc = scan(b.p, b.len);
	buf_wipe(&b);
	return rc;
}

/* An array of n empty objects. */
static int
objects(int n)
{
	struct buf b = { 0 };
	int rc;

	for (int i = 0; i < n; i++)
		buf_str(&b, i == 0 ? "[{}" : ",{}");
	buf_char(&b, ']');
	rc = scan(b.p, b.len);
	buf_wipe(&b);
	return rc;
}

START_TEST(limits)
{
	ck_assert_int_eq(objects(SCAN_VALUES), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "too many values"));
	ck_assert_int_eq(objects(SCAN_VALUES - 1), 0);
	ck_assert_int_eq(nested(SCAN_DEPTH + 1, '[', ']'), -1);
	ck_assert_int_eq(nested(SCAN_DEPTH + 1, '{', '}'), -1);
	ck_assert_int_eq(nested(100000, '[', ']'), -1);
	ck_assert_int_eq(nested(SCAN_DEPTH, '[', ']'), 0);
	ck_assert_int_eq(nested(SCAN_DEPTH, '{', '}'), 0);
	ck_assert_int_eq(members(SCAN_MEMBERS + 1), -1);
	ck_assert_int_eq(members(SCAN_MEMBERS), 0);
}
END_TEST

static const char text[] = " { \"jsonrpc\" : \"2.0\", \"m\\u0065thod\":\"to\\u006fls\","
    "\"id\":-7,\"n\":1.0,\"o\":{\"id\":8,\"s\":\"}\\\"]\"},\"a\":[ 1 , [2,3],\"x,y\", {} ],"
    "\"e\":[],\"t\":true,\"z\":null} ";

static const struct {
	const char *name;
	enum scan_kind kind;
	const char *raw;
} reads[] = {
	{ "none", SCAN_NONE, "" },
	{ "s", SCAN_NONE, "" },		/* of the inner one */
	{ "jsonrpc", SCAN_STRING, "\"2.0\"" },
	{ "method", SCAN_STRING, "\"to\\u006fls\"" },
	{ "id", SCAN_NUMBER, "-7" },
	{ "n", SCAN_NUMBER, "1.0" },
	{ "o", SCAN_OBJECT, "{\"id\":8,\"s\":\"}\\\"]\"}" },
	{ "a", SCAN_ARRAY, "[ 1 , [2,3],\"x,y\", {} ]" },
	{ "e", SCAN_ARRAY, "[]" },
	{ "t", SCAN_BOOL, "true" },
	{ "z", SCAN_NULL, "null" },
};

START_TEST(member)
{
	struct span v = scan_member(scan_value(text, sizeof(text) - 1),
	    reads[_i].name);

	ck_assert_int_eq(scan(text, sizeof(text) - 1), 0);
	ck_assert_int_eq(v.kind, reads[_i].kind);
	ck_assert_uint_eq(v.len, strlen(reads[_i].raw));
	if (v.len != 0)
		ck_assert_int_eq(memcmp(v.p, reads[_i].raw, v.len), 0);
}
END_TEST

/* Several at once are what each is alone. */
START_TEST(several)
{
	static const char *const names[] = { "method", "none", "id", "a", "jsonrpc" };
	struct span whole = scan_value(text, sizeof(text) - 1), found[5];

	scan_members(whole, names, found, 5);
	for (int i = 0; i < 5; i++) {
		struct span one = scan_member(whole, names[i]);

		ck_assert_int_eq(found[i].kind, one.kind);
		ck_assert_ptr_eq(found[i].p, one.p);
		ck_assert_uint_eq(found[i].len, one.len);
	}
	scan_members(found[1], names, found, 5);
	ck_assert_int_eq(found[0].kind, SCAN_NONE);
}
END_TEST

START_TEST(elements)
{
	struct span whole = scan_value(text, sizeof(text) - 1), v;
	struct span a = scan_member(whole, "a");
	static const enum scan_kind kinds[] = { SCAN_NUMBER, SCAN_ARRAY,
		SCAN_STRING, SCAN_OBJECT };
	const char *at = NULL;
	int n = 0;

	ck_assert_int_eq(scan_next(whole, &at).kind, SCAN_NONE);
	at = NULL;
	while ((v = scan_next(a, &at)).kind != SCAN_NONE)
		ck_assert_int_eq(v.kind, kinds[n++]);
	ck_assert_int_eq(n, 4);
	at = NULL;
	ck_assert_int_eq(scan_next(scan_member(whole, "e"), &at).kind, SCAN_NONE);
}
END_TEST

static const struct {
	const char *json, *text;
	int is;
} means[] = {
	{ "\"a\\\\b\"", "a\\b", 1 }, { "\"a\\\\b\"", "a\\\\b", 0 },
	{ "\"\\u0061\"", "a", 1 }, { "\"\\u0061\"", "\\u0061", 0 },
	{ "\"\\\"\"", "\"", 1 }, { "\"\\u00e9\"", "\xc3\xa9", 1 },
	{ "\"\\u00e9\"", "\xe9", 0 }, { "\"\\n\"", "\n", 1 }, { "\"\\n\"", "n", 0 },
	{ "\"\\u0061b\"", "a", 0 }, { "\"\\u0061\"", "ab", 0 }, { "7", "7", 0 },
};

START_TEST(plain)
{
	struct span v = scan_value(means[_i].json, strlen(means[_i].json));

	ck_assert_int_eq(scan_is(v, means[_i].text), means[_i].is);
}
END_TEST

START_TEST(is)
{
	struct span whole = scan_value(text, sizeof(text) - 1);

	ck_assert(!scan_is(scan_member(whole, "jsonrpc"), "2"));
	ck_assert(!scan_is(scan_member(whole, "jsonrpc"), "2.00"));
	ck_assert(!scan_is(scan_member(whole, "id"), "-7"));
	ck_assert(!scan_is(scan_member(whole, "none"), ""));
	ck_assert(scan_is(scan_member(whole, "jsonrpc"), "2.0"));
	ck_assert(scan_is(scan_member(whole, "method"), "tools"));
}
END_TEST

static const struct {
	const char *text;
	int rc;
	long long n;
} ints[] = {
	{ "1.0", -1, 0 }, { "1e3", -1, 0 }, { "\"1\"", -1, 0 }, { "null", -1, 0 },
	{ "9223372036854775808", -1, 0 }, { "-9223372036854775809", -1, 0 },
	{ "0", 0, 0 }, { "-0", 0, 0 }, { "42", 0, 42 },
	{ "9223372036854775807", 0, 9223372036854775807LL },
	{ "-9223372036854775808", 0, -9223372036854775807LL - 1 },
};

START_TEST(integers)
{
	long long n = 0;

	ck_assert_int_eq(scan_int(scan_value(ints[_i].text,
	    strlen(ints[_i].text)), &n), ints[_i].rc);
	ck_assert_int_eq(n, ints[_i].n);
}
END_TEST

#define N(table)	(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	TCase *tc = tcase_create("scan");

	tcase_add_loop_test(tc, refused, 0, N(bad));
	tcase_add_test(tc, limits);
	tcase_add_loop_test(tc, accepted, 0, N(good));
	tcase_add_loop_test(tc, member, 0, N(reads));
	tcase_add_test(tc, several);
	tcase_add_loop_test(tc, plain, 0, N(means));
	tcase_add_test(tc, elements);
	tcase_add_test(tc, is);
	tcase_add_loop_test(tc, integers, 0, N(ints));
	return run_case("scan", tc);
}
