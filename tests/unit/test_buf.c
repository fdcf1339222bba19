/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/buf.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>

START_TEST(bound)
{
	struct buf b = { .max = 5 };

	buf_str(&b, "1234");
	buf_str(&b, "56");
	ck_assert(b.over);
	ck_assert_str_eq(b.p, "1234");
	buf_char(&b, '5');		/* would fit, but behind a gap */
	ck_assert_str_eq(b.p, "1234");
	buf_reset(&b);
	ck_assert(!b.over);
	buf_str(&b, "12345");
	ck_assert(!b.over);
	ck_assert_uint_eq(b.len, 5);
	buf_wipe(&b);
	ck_assert_uint_eq(b.max, 5);
}
END_TEST

START_TEST(room)
{
	struct buf b = { .max = 8 };
	char *p;

	ck_assert_ptr_null(buf_room(&b, 9));
	ck_assert(b.over);
	p = buf_room(&b, 8);		/* a reader may ask again */
	ck_assert_ptr_nonnull(p);
	memcpy(p, "abcdefgh", 8);
	b.len += 8;
	ck_assert_ptr_null(buf_room(&b, 1));
	buf_drop(&b, 3);
	ck_assert_ptr_nonnull(buf_room(&b, 3));
	ck_assert_int_eq(memcmp(b.p, "defgh", 5), 0);
	buf_drop(&b, 99);
	ck_assert_uint_eq(b.len, 0);
	buf_wipe(&b);
}
END_TEST

START_TEST(empty)
{
	struct buf b = { 0 };

	buf_drop(&b, 1);
	buf_reset(&b);
	buf_wipe(&b);
	buf_add(&b, NULL, 0);
	ck_assert_str_eq(b.p, "");
	buf_wipe(&b);
	buf_wipe(&b);
}
END_TEST

START_TEST(grows)
{
	struct buf b = { 0 };

	for (int i = 0; i < 1000; i++)
		buf_fmt(&b, "%03d,", i);
	ck_assert_uint_eq(b.len, 4000);
	ck_assert_str_eq(b.p + 3992, "998,999,");
	buf_reset(&b);
	buf_fmt(&b, "%0500d", 7);	/* longer than its own room */
	ck_assert_uint_eq(b.len, 500);
	buf_wipe(&b);
}
END_TEST

static const struct {
	const char *in, *url, *html;
} escapes[] = {
	{ "", "", "" },
	{ "aZ09-._~", "aZ09-._~", "aZ09-._~" },
	{ "a b+c", "a%20b%2Bc", "a b+c" },
	{ "<a href=\"x\">'&", "%3Ca%20href%3D%22x%22%3E%27%26",
	  "&lt;a href=&quot;x&quot;&gt;&#39;&amp;" },
	{ "\xc3\xa9", "%C3%A9", "\xc3\xa9" },
	{ "\n%", "%0A%25", "\n%" },
};

START_TEST(escaping)
{
	struct buf b = { 0 };

	buf_str(&b, "");
	buf_url(&b, escapes[_i].in, strlen(escapes[_i].in));
	ck_assert_str_eq(b.p, escapes[_i].url);
	buf_reset(&b);
	buf_html(&b, escapes[_i].in);
	ck_assert_str_eq(b.p, escapes[_i].html);
	buf_wipe(&b);
}
END_TEST

START_TEST(form)
{
	struct buf b = { 0 };

	buf_form(&b, "channel", "C1", 2);
	buf_form(&b, "text", "a&b=c", 5);
	buf_form(&b, "empty", "", 0);
	ck_assert_str_eq(b.p, "channel=C1&text=a%26b%3Dc&empty=");
	buf_wipe(&b);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("buf");

	tcase_add_test(tc, bound);
	tcase_add_test(tc, room);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, grows);
	tcase_add_loop_test(tc, escaping, 0, sizeof(escapes) / sizeof(escapes[0]));
	tcase_add_test(tc, form);
	return run_case("buf", tc);
}
