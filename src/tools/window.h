/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_WINDOW_H
#define TOOLS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* A bound of a span of time as people and models write it, as Slack takes it:
 *
 *	1712345678.000100		a ts, as it is
 *	2026-01-31, 2026-01-31T09:00, …:30Z, …:30.5Z, …+02:00	a time, of UTC if
 *							not said
 *	7d, 12h, 30m, 2w		so long before now
 *
 * false: it is none. */
#define WINDOW_SIZE	40
bool window_bound(const char *s, int64_t now_ms, char out[WINDOW_SIZE]);

#endif
