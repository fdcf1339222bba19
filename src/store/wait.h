/* SPDX-License-Identifier: ISC */
#ifndef STORE_WAIT_H
#define STORE_WAIT_H

#include "store/store.h"

/* For jobs only: these run the loop until the store has answered. */

/* One unit.  Rows are handed to fn, which may be NULL. */
int store_wait(struct store *st, struct event_base *base,
    const struct step *steps, int deadline_ms,
    void (*fn)(void *arg, const struct answer *a), void *arg, struct err *err);

/* What takes several units, and tells nothing but an error:
 *
 *	struct waiting w = { .err = err };
 *
 *	key_add(st, row, wait_over, &w);
 *	return wait_end(&w, base);
 */
struct waiting {
	struct err *err;
	int rc;
	bool over;
};
void wait_over(void *arg, const struct err *err);
int wait_end(struct waiting *w, struct event_base *base);

#endif
