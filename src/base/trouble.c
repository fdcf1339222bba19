/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/trouble.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic int64_t own[TROUBLE_COUNT];
static _Atomic int64_t *row = own;

static const char *const texts[TROUBLE_COUNT] = {
#define TROUBLE(sym, text) [TROUBLE_##sym] = text,
#include "base/troubles.def"
#undef TROUBLE
};

void
trouble_attach(_Atomic int64_t *to)
{
	row = to != NULL ? to : own;
}

bool
trouble_lasts(int64_t met, int64_t now)
{
	return met != 0 && now - met < TROUBLE_MS;
}

bool
trouble_met(enum trouble_id id)
{
	int64_t now = clock_ms();

	return !trouble_lasts(atomic_exchange(&row[id], now), now);
}

bool
trouble_over(enum trouble_id id)
{
	return atomic_load_explicit(&row[id], memory_order_relaxed) != 0 &&
	    trouble_lasts(atomic_exchange(&row[id], 0), clock_ms());
}

const char *
trouble_text(enum trouble_id id)
{
	return texts[id];
}
