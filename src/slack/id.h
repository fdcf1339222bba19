/* SPDX-License-Identifier: ISC */
#ifndef SLACK_ID_H
#define SLACK_ID_H

#include <stdbool.h>
#include <stddef.h>

/* What Slack's ids and time stamps look like. */

/* Capitals and digits; first: what it may begin with ("CGD" is a conversation,
 * "UW" a person, "TE" a workspace or organisation), NULL: anything. */
bool slack_is_id(const char *s, size_t len, const char *first);

/* A message's ts, whole: digits, a point, six digits. */
bool slack_is_ts(const char *s);
/* A bound of a span of time: also with a shorter fraction, or none. */
bool slack_is_time(const char *s);

#endif
