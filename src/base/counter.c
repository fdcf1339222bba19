/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/counter.h"

#include <stddef.h>

static uint64_t own[CNT_COUNT];
static uint64_t *row = own;

static const struct {
	const char *name, *help;
} counters[CNT_COUNT] = {
#define COUNTER(sym, n, h) [CNT_##sym] = { n, h },
#include "base/counters.def"
#undef COUNTER
};

void
counter_attach(uint64_t *to)
{
	row = to != NULL ? to : own;
}

/* One writer a row, any number of readers in other processes. */
void
counter_add(enum counter_id id, uint64_t n)
{
	__atomic_fetch_add(&row[id], n, __ATOMIC_RELAXED);
}

uint64_t
counter_get(enum counter_id id)
{
	return __atomic_load_n(&row[id], __ATOMIC_RELAXED);
}

const char *
counter_name(enum counter_id id)
{
	return counters[id].name;
}

const char *
counter_help(enum counter_id id)
{
	return counters[id].help;
}
