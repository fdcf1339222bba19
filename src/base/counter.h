/* SPDX-License-Identifier: ISC */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdint.h>

enum counter_id {
#define COUNTER(sym, name, help) CNT_##sym,
#include "base/counters.def"
#undef COUNTER
	CNT_COUNT
};

/* One process counts into one row of 64-bit numbers; shm gives it room on the
 * board.  Before that (and in unit tests) a private row is counted in. */
void counter_attach(uint64_t *row);
void counter_add(enum counter_id id, uint64_t n);
uint64_t counter_get(enum counter_id id);	/* of this process */
const char *counter_name(enum counter_id id);
const char *counter_help(enum counter_id id);

#define counter_up(id)	counter_add(id, 1)

#endif
