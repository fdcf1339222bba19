/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/window.h"

#include "slack/id.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGE_DIGITS	6
#define FRACTION	6
#define STAMP_DIGITS	10	/* from 2001 to 2286 */

/* Seconds; -1: none. */
static int64_t
age(const char *s)
{
	static const struct {
		const char *sign;
		int64_t seconds;
	} units[] = { { "m", 60 }, { "h", 3600 }, { "d", 86400 },
		{ "w", 7 * 86400 } };
	size_t n = strspn(s, "0123456789");

	if (n == 0 || n > AGE_DIGITS)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcasecmp(s + n, units[i].sign) == 0)
			return strtoll(s, NULL, 10) * units[i].seconds;
	return -1;
}

/* n digits, or -1. */
static int
digits(const char **s, int n)
{
	int value = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		value = value * 10 + (**s - '0');
	}
	return value;
}

static bool
sign(const char **s, const char *one_of)
{
	if (**s == '\0' || strchr(one_of, **s) == NULL)
		return false;
	(*s)++;
	return true;
}

/* Z, +02:00, -0330, or nothing: seconds east of UTC. */
static bool
read_zone(const char **s, int *east)
{
	int way = **s == '-' ? -1 : 1, hours, minutes;

	*east = 0;
	if (**s == '\0' || sign(s, "Zz"))
		return true;
	if (!sign(s, "+-") || (hours = digits(s, 2)) < 0 || hours > 14)
		return false;
	sign(s, ":");
	minutes = digits(s, 2);
	*east = way * (hours * 3600 + minutes * 60);
	return minutes >= 0 && minutes < 60;
}

/* .5 as 500000; what is finer than Slack's own times is left out. */
static int
read_fraction(const char **s)
{
	int value = 0, n = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++, n++)
		if (n < FRACTION)
			value = value * 10 + (**s - '0');
	for (; n < FRACTION; n++)
		value *= 10;
	return value;
}

/* Behind the date: T09:00, T09:00:30, T09:00:30.123 */
static bool
read_clock(const char **s, struct tm *tm, int *fraction)
{
	if (!sign(s, "Tt "))
		return true;
	tm->tm_hour = digits(s, 2);
	if (!sign(s, ":"))
		return false;
	tm->tm_min = digits(s, 2);
	if (sign(s, ":"))
		tm->tm_sec = digits(s, 2);
	if (sign(s, ".,"))
		*fraction = read_fraction(s);
	return tm->tm_hour >= 0 && tm->tm_hour < 24 && tm->tm_min >= 0 &&
	    tm->tm_min < 60 && tm->tm_sec >= 0 && tm->tm_sec < 61;
}

/* Seconds since 1970; -1: none. */
static int64_t
iso(const char *s, int *fraction)
{
	struct tm tm = { .tm_year = 0 }, then;
	time_t t;
	int east;

	tm.tm_year = digits(&s, 4) - 1900;
	if (!sign(&s, "-"))
		return -1;
	tm.tm_mon = digits(&s, 2) - 1;
	if (!sign(&s, "-"))
		return -1;
	tm.tm_mday = digits(&s, 2);
	then = tm;
	t = timegm(&then);		/* a 30th of February moves */
	if (tm.tm_year < 70 || then.tm_mon != tm.tm_mon ||
	    then.tm_mday != tm.tm_mday || t < 0)
		return -1;
	if (!read_clock(&s, &tm, fraction) || !read_zone(&s, &east) || *s != '\0')
		return -1;
	return timegm(&tm) - east;
}

/* Seconds as Slack writes them; 0 is the beginning.  20261128 or milliseconds are
 * meant otherwise. */
static bool
is_stamp(const char *s)
{
	size_t whole = strcspn(s, ".");

	return slack_is_time(s) && strlen(s) < WINDOW_SIZE &&
	    (whole == STAMP_DIGITS || (whole == 1 && s[0] == '0'));
}

bool
window_bound(const char *s, int64_t now_ms, char out[WINDOW_SIZE])
{
	int fraction = 0;
	int64_t back = age(s), at = back >= 0 ? now_ms / 1000 - back :
	    iso(s, &fraction);

	if (is_stamp(s)) {
		memcpy(out, s, strlen(s) + 1);
		return true;
	}
	if (back < 0 && at < 0)
		return false;
	snprintf(out, WINDOW_SIZE, "%" PRId64 ".%06d", at > 0 ? at : 0, fraction);
	return true;
}
