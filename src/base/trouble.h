/* SPDX-License-Identifier: ISC */
#ifndef BASE_TROUBLE_H
#define BASE_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

/* What goes wrong for a while, as one process meets it.  The log tells of its
 * beginning once, not at each time, and /health for as long as it lasts:
 *
 *	if (trouble_met(TROUBLE_CALLS))
 *		log_warn(…);
 *
 * It lasts until trouble_over, or until it was not met for TROUBLE_MS. */
enum trouble_id {
#define TROUBLE(sym, text) TROUBLE_##sym,
#include "base/troubles.def"
#undef TROUBLE
	TROUBLE_COUNT
};

#define TROUBLE_MS	60000

bool trouble_met(enum trouble_id id);	/* true: it begins */
bool trouble_over(enum trouble_id id);	/* true: it was there */

/* Of a process's row: when each was met last, monotonic ms; 0: it is over.  shm gives
 * it room on the board; before that a private row is written to. */
void trouble_attach(_Atomic int64_t *row);
bool trouble_lasts(int64_t met, int64_t now);
const char *trouble_text(enum trouble_id id);	/* or NULL */

#endif
