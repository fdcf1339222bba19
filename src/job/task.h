/* SPDX-License-Identifier: ISC */
#ifndef JOB_TASK_H
#define JOB_TASK_H

/* Between the files of job/. */

#include "base/buf.h"
#include "shm/heritage.h"
#include "store/migrate.h"
#include "store/store.h"

struct task {
	const struct heritage *h;
	struct event_base *base;
	struct store_conf conf;
	struct store *st;
	struct buf out;		/* what the master is told */
	bool json;		/* asked for by --json before the arguments */
	int argc;
	char **argv;
};

/* One for each row of admin/jobs.def; they return the exit status. */
int task_prepare(struct task *t);
int task_migrate(struct task *t);
int task_rollback(struct task *t);
int task_add_key(struct task *t);
int task_save_sessions(struct task *t);
int task_spool(struct task *t);
int task_prune(struct task *t);
int task_team_purge(struct task *t);
int task_user_purge(struct task *t);

/* The tables brought to this program's; what several of them begin with. */
int task_bring_up(struct task *t, bool by_hand);

/* Both put the reason into out and return the status to leave with. */
int task_refuse(struct task *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int task_failed(struct task *t, const struct err *err);	/* LATER, if it may pass by itself */

/* The loop goes on for that long. */
void task_pause(struct task *t, int64_t ms);

/* Waits for a unit as store_wait, for the configured time. */
int task_ask(struct task *t, const struct step *steps,
    void (*fn)(void *arg, const struct answer *a), void *arg, struct err *err);

/* STATE_DIR/name in out (TASK_PATH bytes). */
#define TASK_PATH	4096
void task_path(const struct task *t, const char *name, char *out);

#endif
