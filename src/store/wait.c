/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/migrate.h"

struct waiting {
	void (*fn)(void *arg, const struct answer *a);
	void *arg;
	struct err *err;
	int rc;
	bool over;
};

static void
on_answer(void *arg, const struct answer *a, const struct err *err)
{
	struct waiting *w = arg;

	w->over = true;
	if (err != NULL) {
		*w->err = *err;
		w->rc = -1;
	} else if (w->fn != NULL) {
		w->fn(w->arg, a);
	}
}

int
store_wait(struct store *st, struct event_base *base, const struct step *steps,
    int deadline_ms, void (*fn)(void *arg, const struct answer *a), void *arg,
    struct err *err)
{
	struct waiting w = { .fn = fn, .arg = arg, .err = err };

	store_run(st, steps, deadline_ms, on_answer, &w);
	while (!w.over)
		event_base_loop(base, EVLOOP_ONCE);
	return w.rc;
}
