/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/list.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *list, *word;
	bool has, allows;
} words[] = {
	{ NULL, "a", false, false },
	{ "", "a", false, false },
	{ "", "", false, false },
	{ "a,b", "", false, false },
	{ "ab,c", "a", false, false },
	{ "a,bc", "b", false, false },
	{ "*", "a", false, true },
	{ "a,*", "b", false, false },	/* only alone it is all */
	{ "a", "a", true, true },
	{ "a,b,c", "b", true, true },
	{ "a,b,c", "c", true, true },
};

START_TEST(membership)
{
	ck_assert(list_has(words[_i].list, words[_i].word) == words[_i].has);
	ck_assert(list_allows(words[_i].list, words[_i].word) == words[_i].allows);
}
END_TEST

static const struct {
	const char *a, *b;
	bool meets;
} pairs[] = {
	{ NULL, NULL, false }, { "", "", false }, { "a", "", false }, { "", "a", false },
	{ "", "*", true }, { "a", "*", true }, { "*", "a", false },
	{ "a,b", "c,b", true }, { "a,b", "ab,c", false }, { "ab", "a,b", false },
};

START_TEST(meeting)
{
	ck_assert(list_meets(pairs[_i].a, pairs[_i].b) == pairs[_i].meets);
}
END_TEST

static const struct {
	const char *text, *tidy;
} texts[] = {
	{ NULL, "" },
	{ "", "" },
	{ " , ,, ", "" },
	{ "a", "a" },
	{ "a,", "a" },
	{ " b , a\t,\r\nb,", "b,a" },
	{ "a,ab,a", "a,ab" },
	{ "x y, z", "x y,z" },
};

START_TEST(tidying)
{
	char *tidy = list_tidy(texts[_i].text);

	ck_assert_str_eq(tidy, texts[_i].tidy);
	free(tidy);
}
END_TEST

START_TEST(walk)
{
	const char *at = "a,bc,d", *w;
	char seen[16] = "";
	size_t n;

	while ((w = list_next(&at, &n)) != NULL) {
		strncat(seen, w, n);
		strncat(seen, ";", 2);
	}
	ck_assert_str_eq(seen, "a;bc;d;");
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("list");

	tcase_add_loop_test(tc, membership, 0, sizeof(words) / sizeof(words[0]));
	tcase_add_loop_test(tc, meeting, 0, sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_loop_test(tc, tidying, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(tc, walk);
	return run_case("list", tc);
}
