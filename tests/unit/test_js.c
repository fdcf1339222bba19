/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/js.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char *const good[] = {
	"{}", "[]", " [ ] ", "null", "true", "false", "0", "-0", "-12.5e+3", "1E9", "\"\"",
	"[1,[2,[3]],{\"a\":{\"b\":[]}}]", "\t{ \"a\" : 1 , \"b\" : [ true , null ] }\r\n",
	"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"", "\"\x01\xff\"", "\"\\ud83d\"",
};

START_TEST(taken)
{
	struct js *v = js_parse(good[_i], strlen(good[_i]));

	ck_assert_msg(v != NULL, "%s", good[_i]);
	js_free(v);
}
END_TEST

static const char *const bad[] = {
	"", " ", "{", "[", "}", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "{,}",
	"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{1:1}", "{'a':1}", "'a'",
	"{\"a\":1 \"b\":2}", "nul", "nulll", "True", "tru", "NaN", "Infinity", "-", "+1", "01",
	"-01", "1.", ".5", "1e", "1e+", "0x1", "1 2", "\"", "\"a", "\"\\", "\"\\\"", "\"\\x\"",
	"\"\\u12\"", "\"\\u12g4\"", "\"\\u", "{}x", "// a\n1", "[1}", "{\"a\":1]",
};

START_TEST(refused)
{
	ck_assert_msg(js_parse(bad[_i], strlen(bad[_i])) == NULL, "%s", bad[_i]);
}
END_TEST

/* Every beginning of a text is none. */
START_TEST(cut)
{
	static const char text[] = "{\"a\":[1,-2.5e3,true,null,\"\\ud83d\\ude00x\\n\"],\"b\":{}}";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *p = malloc(n + 1);

		memcpy(p, text, n);
		ck_assert_msg(js_parse(p, n) == NULL, "%zu bytes", n);
		free(p);
	}
}
END_TEST

START_TEST(nul)
{
	static const char inside[] = "{\"a\":\"x\0y\"}", behind[] = "{}\0";

	ck_assert_ptr_null(js_parse(inside, sizeof(inside) - 1));
	ck_assert_ptr_null(js_parse(behind, sizeof(behind) - 1));
}
END_TEST

static const struct {
	const char *json, *text;
} strings[] = {
	{ "\"plain\"", "plain" }, { "\"a\\tb\\\\\\u0041\\u00e9\\u20ac\"", "a\tb\\A\xc3\xa9\xe2\x82\xac" },
	{ "\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!" },
	{ "\"\\ud83d!\"", "\xef\xbf\xbd!" }, { "\"\\ude00\"", "\xef\xbf\xbd" },
	{ "\"\\ud83d\\u0041\"", "\xef\xbf\xbd""A" }, { "\"\\ud83d\\n\"", "\xef\xbf\xbd\n" },
	{ "\"a\\u0000b\"", "a\xef\xbf\xbd""b" }, { "\"\xff\x01\"", "\xff\x01" },
};

START_TEST(unescaped)
{
	struct js *v = js_parse(strings[_i].json, strlen(strings[_i].json));

	ck_assert_ptr_nonnull(v);
	ck_assert_int_eq(v->kind, JS_STRING);
	ck_assert_str_eq(v->text, strings[_i].text);
	ck_assert_uint_eq(v->len, strlen(strings[_i].text));
	js_free(v);
}
END_TEST

START_TEST(read)
{
	static const char text[] = "{\"s\":\"x\",\"n\":-7,\"d\":1.5,\"t\":true,\"f\":false,"
	    "\"l\":[1,\"two\",{\"three\":3}],\"o\":{\"in\":\"side\"},\"s\":\"again\",\"z\":null,"
	    "\"e\":[],\"big\":99999999999999999999}";
	struct js *o = js_parse(text, sizeof(text) - 1);
	const struct js *v;

	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(o->len, 11);
	ck_assert_str_eq(js_text(o, "s"), "x");
	ck_assert_str_eq(js_text(o, "n"), "");
	ck_assert_str_eq(js_text(o, "nothing"), "");
	ck_assert_int_eq(js_int(o, "n"), -7);
	ck_assert_int_eq(js_int(o, "d"), 0);
	ck_assert_int_eq(js_int(o, "big"), INT64_MAX);
	ck_assert(js_bool(o, "t") && !js_bool(o, "f") && !js_bool(o, "s"));
	ck_assert_str_eq(js_text(js_get(o, "o", JS_OBJECT), "in"), "side");
	ck_assert_ptr_null(js_get(o, "o", JS_ARRAY));
	ck_assert_ptr_nonnull(js_get(o, "z", JS_NULL));
	ck_assert_uint_eq(js_count(o, "l"), 3);
	ck_assert_uint_eq(js_count(o, "e"), 0);
	ck_assert_uint_eq(js_count(o, "o"), 0);
	v = js_first(o, "l");
	ck_assert_int_eq(v->kind, JS_INT);
	ck_assert_str_eq(v->next->text, "two");
	ck_assert_int_eq(js_int(v->next->next, "three"), 3);
	ck_assert_ptr_null(v->next->next->next);
	ck_assert_ptr_null(js_first(o, "e"));
	ck_assert_ptr_null(js_first(NULL, "e"));
	ck_assert_ptr_null(js_get(v, "e", JS_INT));
	js_free(o);
	js_free(NULL);
}
END_TEST

static struct js *
nested(size_t depth)
{
	char text[256];

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return js_parse(text, 2 * depth);
}

START_TEST(depth)
{
	struct js *v = nested(JS_DEPTH);

	ck_assert_ptr_nonnull(v);
	js_free(v);
	ck_assert_ptr_null(nested(JS_DEPTH + 1));
}
END_TEST

/* More nodes than a block holds. */
START_TEST(many)
{
	char text[4002];
	struct js *v;
	size_t n = 0;

	for (size_t i = 0; i < 2000; i++)
		memcpy(text + 1 + 2 * i, "7,", 2);
	text[0] = '[';
	text[4000] = ']';
	v = js_parse(text, 4001);
	ck_assert_ptr_nonnull(v);
	ck_assert_uint_eq(v->len, 2000);
	for (const struct js *e = v->first; e != NULL; e = e->next)
		n++;
	ck_assert_uint_eq(n, 2000);
	js_free(v);
}
END_TEST

/* A tree takes fifty times the memory of the densest text. */
START_TEST(too_many)
{
	for (size_t n = JS_VALUES - 1; n < JS_VALUES + 2; n++) {
		char *text = malloc(2 * n + 1);
		struct js *v;

		for (size_t i = 0; i < n; i++)
			memcpy(text + 1 + 2 * i, "7,", 2);
		text[0] = '[';
		text[2 * n] = ']';
		v = js_parse(text, 2 * n + 1);
		ck_assert_int_eq(v != NULL, n <= JS_VALUES);
		js_free(v);
		free(text);
	}
}
END_TEST

#define ROWS(a)	(int)(sizeof(a) / sizeof(a[0]))

int
main(void)
{
	TCase *tc = tcase_create("js");

	tcase_add_loop_test(tc, taken, 0, ROWS(good));
	tcase_add_loop_test(tc, refused, 0, ROWS(bad));
	tcase_add_loop_test(tc, unescaped, 0, ROWS(strings));
	tcase_add_test(tc, cut);
	tcase_add_test(tc, nul);
	tcase_add_test(tc, read);
	tcase_add_test(tc, depth);
	tcase_add_test(tc, many);
	tcase_add_test(tc, too_many);
	return run_case("js", tc);
}
