/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/jsonw.h"

#include "base/scan.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *in, *out;
	size_t len;
} strings[] = {
	{ "\0a", "\"\\u0000a\"", 2 },
	{ "\"\\/", "\"\\\"\\\\/\"", 3 },
	{ "\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"", 8 },
	{ "\xff", "\"\xef\xbf\xbd\"", 1 },
	{ "a\xc3", "\"a\xef\xbf\xbd\"", 2 },		/* cut off */
	{ "\xc3(", "\"\xef\xbf\xbd(\"", 2 },
	{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3 },
	{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"", 2 },	/* overlong */
	{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 4 },
	{ "", "\"\"", 0 },
	{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", 9 },
};

START_TEST(quoting)
{
	struct buf b = { 0 };
	struct err err;

	jsonw_quote(&b, strings[_i].in, strings[_i].len);
	ck_assert_str_eq(b.p, strings[_i].out);
	if (strings[_i].in[0] != '\0' || strings[_i].len == 0)
		ck_assert_int_eq(scan_json(b.p, b.len, &err), 0);
	buf_wipe(&b);
}
END_TEST

START_TEST(bounded)
{
	struct buf b = { .max = 10 };
	struct jsonw w = { .out = &b };

	jsonw_open(&w, '[');
	for (int i = 0; i < 10; i++)
		jsonw_int(&w, i);
	jsonw_close(&w);
	ck_assert(b.over);
	ck_assert_uint_le(b.len, 10);
	buf_wipe(&b);
}
END_TEST

START_TEST(all)
{
	struct buf b = { 0 };
	struct jsonw w = { .out = &b };
	struct err err;

	jsonw_open(&w, '{');
	jsonw_put_text(&w, "text", "a\"b");
	jsonw_put_text(&w, "none", NULL);
	jsonw_put_int(&w, "least", INT64_MIN);
	jsonw_put_bool(&w, "yes", true);
	jsonw_key(&w, "list");
	jsonw_open(&w, '[');
	jsonw_bool(&w, false);
	jsonw_textn(&w, "xyz", 2);
	jsonw_raw(&w, "{\"raw\":1}", 9);
	jsonw_open(&w, '{');
	jsonw_close(&w);
	jsonw_open(&w, '[');
	jsonw_close(&w);
	jsonw_close(&w);
	jsonw_key(&w, "k\n");
	jsonw_text(&w, "");
	jsonw_close(&w);
	ck_assert_str_eq(b.p, "{\"text\":\"a\\\"b\",\"none\":null,"
	    "\"least\":-9223372036854775808,\"yes\":true,"
	    "\"list\":[false,\"xy\",{\"raw\":1},{},[]],\"k\\n\":\"\"}");
	ck_assert_int_eq(scan_json(b.p, b.len, &err), 0);
	buf_wipe(&b);
}
END_TEST

START_TEST(deepest)
{
	struct buf b = { 0 };
	struct jsonw w = { .out = &b };

	for (int i = 0; i < JSONW_DEPTH; i++)
		jsonw_open(&w, '[');
	for (int i = 0; i < JSONW_DEPTH; i++)
		jsonw_close(&w);
	ck_assert_uint_eq(b.len, 2 * JSONW_DEPTH);
	buf_wipe(&b);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("jsonw");

	tcase_add_loop_test(tc, quoting, 0, sizeof(strings) / sizeof(strings[0]));
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, all);
	tcase_add_test(tc, deepest);
	return run_case("jsonw", tc);
}
