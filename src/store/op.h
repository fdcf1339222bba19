/* SPDX-License-Identifier: ISC */
#ifndef STORE_OP_H
#define STORE_OP_H

/* For the files of store/: what takes several units one after the other, each
 * chosen by the answer before it, under one deadline and one handle.  The struct
 * of such an operation begins with a struct op, is made by mem_new and belongs to
 * its unit, which frees it (after wipe, if there is one) when it ends or is
 * cancelled. */

#include "store/store.h"

struct op {
	struct unit *unit;
	void (*wipe)(struct op *op);
};

/* The callback's arg is op. */
struct unit *op_start(struct store *st, const struct step *steps,
    int deadline_ms, store_done_fn *done, struct op *op);
/* From within that callback: not the end yet, these come next. */
void op_next(struct op *op, const struct step *steps, store_done_fn *done);
/* The step as it was run. */
const struct step *op_step(const struct op *op, size_t i);

/* A step kept for later, with its values; safe to drop when { 0 }. */
void step_keep(struct step *to, const struct step *from);
void step_drop(struct step *s);

#endif
