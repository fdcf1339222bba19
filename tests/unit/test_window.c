/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/window.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define NOW	1764078242123LL		/* 2025-11-25T13:44:02.123Z */

static const struct {
	const char *text, *bound;	/* NULL: none */
} rows[] = {
	/* as Slack has them */
	{ "1712345678.000100", "1712345678.000100" },
	{ "1712345678.5", "1712345678.5" },
	{ "0", "0" },
	{ "0.000000", "0.000000" },
	{ "24", NULL },
	{ "20251125", NULL },
	{ "1712345678000", NULL },
	{ "1712345678901234567890123456789012345678901234567890", NULL },
	/* ages */
	{ "1d", "1763991842.000000" },
	{ "7D", "1763473442.000000" },
	{ "2w", "1762868642.000000" },
	{ "12h", "1764035042.000000" },
	{ "30m", "1764076442.000000" },
	{ "0d", "1764078242.000000" },
	{ "999999w", "0.000000" },
	{ "1000000d", NULL },
	{ "1y", NULL },
	{ "-1d", NULL },
	{ "1 d", NULL },
	{ "1.5d", NULL },
	{ "1dd", NULL },
	{ "d", NULL },
	/* times */
	{ "2025-11-25T13:44:02Z", "1764078242.000000" },
	{ "2025-11-25t13:44:02z", "1764078242.000000" },
	{ "2025-11-25 13:44:02", "1764078242.000000" },
	{ "2025-11-25T13:44:02.999Z", "1764078242.999000" },
	{ "2025-11-25T13:44:02,5+00:00", "1764078242.500000" },
	{ "2025-11-25T13:44:02.1234567", "1764078242.123456" },
	{ "2025-11-25T13:44:02.", "1764078242.000000" },
	{ "2025-11-25T15:44:02+02:00", "1764078242.000000" },
	{ "2025-11-25T10:14:02-0330", "1764078242.000000" },
	{ "2025-11-25T13:44", "1764078240.000000" },
	{ "2025-11-25", "1764028800.000000" },
	{ "2024-02-29", "1709164800.000000" },
	{ "1970-01-01", "0.000000" },
	{ "2025-02-29", NULL },
	{ "2025-13-01", NULL },
	{ "2025-00-01", NULL },
	{ "2025-11-00", NULL },
	{ "2025-1-2", NULL },
	{ "2025-11-25T", NULL },
	{ "2025-11-25T24:00", NULL },
	{ "2025-11-25T13:60", NULL },
	{ "2025-11-25T13", NULL },
	{ "2025-11-25T13:44:02+", NULL },
	{ "2025-11-25T13:44:02+2", NULL },
	{ "2025-11-25T13:44:02+02:60", NULL },
	{ "2025-11-25T13:44:02+15:00", NULL },
	{ "2025-11-25T13:44:02ZZ", NULL },
	{ "1969-12-31", NULL },
	{ "25.11.2025", NULL },
	{ "yesterday", NULL },
	{ "", NULL },
	{ " ", NULL },
};

START_TEST(bounds)
{
	char out[WINDOW_SIZE];
	bool is = window_bound(rows[_i].text, NOW, out);

	ck_assert_msg(is == (rows[_i].bound != NULL), "%s", rows[_i].text);
	if (is)
		ck_assert_str_eq(out, rows[_i].bound);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("window");
	TCase *tc = tcase_create("window");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tc, bounds, 0, sizeof(rows) / sizeof(rows[0]));
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
