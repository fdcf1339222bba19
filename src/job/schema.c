/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/task.h"

#include "admin/jobs.h"
#include "base/conf.h"

/* The tables of a shared store change when the operator says so: an older daemon may
 * still live with what is there. */
static bool
may_migrate(const struct task *t, bool by_hand)
{
	return by_hand || !t->conf.shared ||
	    t->h->conf->migrate == MIGRATE_AUTO;
}

static int
go_up(struct task *t, struct err *err)
{
	return t->conf.shared ?
	    migrate_up_alone(t->st, t->base, t->h->region, err) :
	    migrate_up(t->st, t->base, err);
}

int
task_bring_up(struct task *t, bool by_hand)
{
	struct migrate_state s;
	struct err err;

	if (migrate_check(&t->conf, &err) == -1 ||
	    migrate_look(t->st, t->base, &s, &err) == -1)
		return task_failed(t, &err);
	if (s.at >= s.newest && s.half == 0 && s.readable_by <= s.newest)
		return JOB_OK;
	if (s.readable_by <= s.newest && !may_migrate(t, by_hand))
		return task_refuse(t,
		    "the store's tables are at migration %d, this program "
		    "needs %d: run slackmcpd --migrate, or set MIGRATE=auto",
		    s.at, s.newest);
	/* what is half done was copied when it was begun */
	if ((s.at > 0 && s.half == 0 && s.readable_by <= s.newest &&
		migrate_copy(&t->conf, s.newest, &err) == -1) ||
	    go_up(t, &err) == -1)
		return task_failed(t, &err);
	return JOB_OK;
}

int
task_migrate(struct task *t)
{
	struct migrate_state s;
	struct err err;
	int status = task_bring_up(t, true);

	if (status != JOB_OK)
		return status;
	if (migrate_look(t->st, t->base, &s, &err) == -1)
		return task_failed(t, &err);
	buf_fmt(&t->out, "The store is at migration %d.\n", s.at);
	return JOB_OK;
}

int
task_rollback(struct task *t)
{
	struct migrate_state s;
	struct err err;

	if (migrate_look(t->st, t->base, &s, &err) == -1 ||
	    (s.at > 0 && s.half == 0 &&
		migrate_copy(&t->conf, s.at - 1, &err) == -1) ||
	    migrate_down(t->st, t->base, &err) == -1 ||
	    migrate_look(t->st, t->base, &s, &err) == -1)
		return task_failed(t, &err);
	buf_fmt(&t->out, "The store is at migration %d.\n", s.at);
	return JOB_OK;
}
