/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/id.h"
#include "run.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *id, *first;
	bool good;
} ids[] = {
	{ "", NULL, false }, { "C", NULL, false }, { "C1", NULL, true },
	{ "c1", NULL, false }, { "C-1", NULL, false }, { "C1 ", NULL, false },
	{ "C1", "CGD", true }, { "U1", "CGD", false }, { "D1", "CGD", true },
	{ "T0123456789ABCDEFGHIJKLM", "TE", true },
	{ "T0123456789ABCDEFGHIJKLMN", "TE", false },
};

START_TEST(id)
{
	ck_assert_int_eq(slack_is_id(ids[_i].id, strlen(ids[_i].id),
	    ids[_i].first), ids[_i].good);
}
END_TEST

/* A NUL within is no letter, also when the list of first letters ends with one. */
START_TEST(nul)
{
	ck_assert(!slack_is_id("C\0001", 3, "CGD"));
	ck_assert(!slack_is_id("\0C1", 3, "CGD"));
	ck_assert(!slack_is_id("\0C1", 3, NULL));
}
END_TEST

static const struct {
	const char *text;
	bool ts, time;
} stamps[] = {
	{ "", false, false }, { ".", false, false }, { "1", false, true },
	{ "1.", false, false }, { "1.1", false, true }, { "1.x", false, false },
	{ "1764078242.0001000", false, false },
	{ "1764078242.00010a", false, false },
	{ "-764078242.000100", false, false },
	{ "1234567890123.000100", false, false },
	{ "1764078242.000100", true, true }, { "0.000000", true, true },
	{ "1764078242.000100 ", false, false },
};

START_TEST(stamp)
{
	ck_assert_int_eq(slack_is_ts(stamps[_i].text), stamps[_i].ts);
	ck_assert_int_eq(slack_is_time(stamps[_i].text), stamps[_i].time);
}
END_TEST

#define ROWS(t)	(sizeof(t) / sizeof((t)[0]))

int
main(void)
{
	TCase *tc = tcase_create("id");

	tcase_add_loop_test(tc, id, 0, ROWS(ids));
	tcase_add_test(tc, nul);
	tcase_add_loop_test(tc, stamp, 0, ROWS(stamps));
	return run_case("slack_id", tc);
}
