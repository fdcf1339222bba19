/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/wait.h"

void
wait_over(void *arg, const struct err *err)
{
	struct waiting *w = arg;

	w->over = true;
	if (err != NULL) {
		*w->err = *err;
		w->rc = -1;
	}
}

int
wait_end(struct waiting *w, struct event_base *base)
{
	while (!w->over)
		event_base_loop(base, EVLOOP_ONCE);
	return w->rc;
}

struct asking {
	struct waiting w;
	void (*fn)(void *arg, const struct answer *a);
	void *arg;
};

static void
on_answer(void *arg, const struct answer *a, const struct err *err)
{
	struct asking *k = arg;

	wait_over(&k->w, err);
	if (err == NULL && k->fn != NULL)
		k->fn(k->arg, a);
}

int
store_wait(struct store *st, struct event_base *base, const struct step *steps,
    int deadline_ms, void (*fn)(void *arg, const struct answer *a), void *arg,
    struct err *err)
{
	struct asking k = { .w.err = err, .fn = fn, .arg = arg };

	store_run(st, steps, deadline_ms, on_answer, &k);
	return wait_end(&k.w, base);
}
