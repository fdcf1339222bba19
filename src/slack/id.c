/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/id.h"

#include <string.h>

#define ID_MAX		24
#define SECONDS_MAX	12
#define FRACTION	6

bool
slack_is_id(const char *s, size_t len, const char *first)
{
	if (len < 2 || len > ID_MAX)
		return false;
	if (first != NULL && memchr(first, s[0], strlen(first)) == NULL)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= 'A' && s[i] <= 'Z') ||
			(s[i] >= '0' && s[i] <= '9')))
			return false;
	return true;
}

/* Digits behind the point; -1: no ts at all. */
static int
fraction(const char *s)
{
	size_t n = strspn(s, "0123456789"), part = 0;

	if (n < 1 || n > SECONDS_MAX)
		return -1;
	s += n;
	if (*s == '.') {
		part = strspn(++s, "0123456789");
		if (part == 0)
			return -1;
		s += part;
	}
	return *s == '\0' && part <= FRACTION ? (int)part : -1;
}

bool
slack_is_ts(const char *s)
{
	return fraction(s) == FRACTION;
}

bool
slack_is_time(const char *s)
{
	return fraction(s) != -1;
}
