/* SPDX-License-Identifier: ISC */
#ifndef RUN_H
#define RUN_H

/* The end of a unit test's main(): the suite is run, and freed. */

#include <check.h>
#include <stdlib.h>

static inline int
run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Of a suite with one case, as most have. */
static inline int
run_case(const char *name, TCase *tc)
{
	Suite *s = suite_create(name);

	suite_add_tcase(s, tc);
	return run_suite(s);
}

#endif
