/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/utf8.h"
#include "run.h"

#include <string.h>

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* Unicode's table 3-7: what is next to each of its bounds. */
static const struct {
	const char *bytes;
	size_t length;
	uint32_t code;
} sequences[] = {
	{ "A", 1, 'A' },
	{ "\x7f", 1, 0x7f },
	{ "\x80", 0, 0 },
	{ "\xc1\xbf", 0, 0 },
	{ "\xc2\x80", 2, 0x80 },
	{ "\xdf\xbf", 2, 0x7ff },
	{ "\xe0\x9f\xbf", 0, 0 },
	{ "\xe0\xa0\x80", 3, 0x800 },
	{ "\xed\x9f\xbf", 3, 0xd7ff },
	{ "\xed\xa0\x80", 0, 0 },
	{ "\xee\x80\x80", 3, 0xe000 },
	{ "\xef\xbf\xbf", 3, 0xffff },
	{ "\xf0\x8f\xbf\xbf", 0, 0 },
	{ "\xf0\x90\x80\x80", 4, 0x10000 },
	{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
	{ "\xf4\x90\x80\x80", 0, 0 },
	{ "\xf5\x80\x80\x80", 0, 0 },
	{ "\xe2\x82", 0, 0 },
	{ "\xe2\x82x", 0, 0 },
};

START_TEST(a_sequence)
{
	const char *s = sequences[_i].bytes;
	size_t n = sequences[_i].length;
	char back[4];

	ck_assert_uint_eq(utf8_length(s, strlen(s)), n);
	for (size_t i = 0; i < n; i++)		/* cut off */
		ck_assert_uint_eq(utf8_length(s, i), 0);
	if (n == 0)
		return;
	ck_assert_uint_eq(utf8_code(s, n), sequences[_i].code);
	ck_assert_uint_eq(utf8_put(back, sequences[_i].code), n);
	ck_assert_mem_eq(back, s, n);
}
END_TEST

static const struct {
	const char *from, *to;
} lowered[] = {
	{ "", "" },
	{ "Ada Lovelace [@^_`{]", "ada lovelace [@^_`{]" },
	{ "ÖZLEM ÀÞ×ß ŁÓDŹ ŽIŽEK ŸÇ", "özlem àþ×ß łódź žižek ÿç" },
	{ "ΆΝΝΑ ΣΩΉ", "άννα σωή" },
	{ "ЁЛКА ЪЯ ЇЄҐ", "ёлка ъя їєґ" },
	{ "ԱՐԱ", "արա" },
	{ "İzmir", "izmir" },			/* takes less room */
	{ "\xc8\xba", "\xc8\xba" },		/* Ⱥ, whose ⱥ would take more */
	{ "東京 😀", "東京 😀" },
	{ "A\xff" "B\xc3", "a\xff" "b\xc3" },	/* no UTF-8 */
};

START_TEST(a_lowered)
{
	char text[64];

	strcpy(text, lowered[_i].from);
	utf8_lower(text);
	ck_assert_str_eq(text, lowered[_i].to);
	for (size_t i = 0; i < N(lowered); i++)
		ck_assert_int_eq(utf8_alike(lowered[i].from, text), i == (size_t)_i);
	ck_assert(!utf8_alike(text, "x") && !utf8_alike("", "x"));
}
END_TEST

START_TEST(cuts)
{
	ck_assert_uint_eq(utf8_cut("a\xc3\xb6z", 4, 2), 1);
	ck_assert_uint_eq(utf8_cut("a\xc3\xb6z", 4, 3), 3);
	ck_assert_uint_eq(utf8_cut("a\xc3\xb6z", 4, 9), 4);
	ck_assert_uint_eq(utf8_cut("a\xff" "b", 3, 3), 1);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("utf8");

	tcase_add_loop_test(tc, a_sequence, 0, N(sequences));
	tcase_add_loop_test(tc, a_lowered, 0, N(lowered));
	tcase_add_test(tc, cuts);
	return run_case("utf8", tc);
}
