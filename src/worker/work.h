/* SPDX-License-Identifier: ISC */
#ifndef WORKER_WORK_H
#define WORKER_WORK_H

/* Between the files of worker/ that run commands. */

#include "admin/command.h"
#include "admin/table.h"
#include "store/installs.h"
#include "worker/state.h"

/* One command under way: freed by the last answer. */
struct work {
	struct worker *w;
	unsigned id;
	struct request req;
	char *line;			/* req.argv points into it */
	struct buf out;			/* what is said when it works */
	struct table *table;
	char *subject;			/* for the log */
	struct install *in;		/* whose work it is */
	void (*found)(struct work *k, const struct install_row *row);
};

/* The last answer: what out holds, or the reason of the failure. */
void work_end(struct work *k, const struct err *err);
void work_fail(struct work *k, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void work_changed(void *arg, const struct err *err);	/* arg: a work; its last write is over */
void work_say(struct work *k, const char *name, const char *value);
/* The store's row of the workspace that the first argument names; is there none, the
 * work ends. */
typedef void work_install_fn(struct work *k, const struct install_row *row);
void work_install(struct work *k, work_install_fn *found);

/* mend.c: what needs Slack. */
void work_retry(struct work *k);
void work_rotate(struct work *k);

#endif
