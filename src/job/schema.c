/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/task.h"

#include "admin/jobs.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* SQLite's folder must be there and ours: that does not pass by itself. */
static int
check_place(struct task *t)
{
	const char *path = t->conf.path;
	int len = (int)(strrchr(path, '/') - path);
	char folder[TASK_PATH];

	snprintf(folder, sizeof(folder), "%.*s", len > 0 ? len : 1, path);
	if (access(folder, W_OK | X_OK) == -1)
		return task_refuse(t, "STORE: the folder %s cannot be written (%s): make it, and "
		    "let it belong to user %u", folder, strerror(errno), (unsigned)geteuid());
	if (access(path, R_OK | W_OK) == -1 && errno != ENOENT)
		return task_refuse(t, "STORE: the file %s cannot be written (%s): let it belong "
		    "to user %u", path, strerror(errno), (unsigned)geteuid());
	return JOB_OK;
}

static int
check_file(struct task *t)
{
	struct stat st;
	struct err err;
	int status = check_place(t);

	if (status != JOB_OK)
		return status;
	if (stat(t->conf.path, &st) == -1 || st.st_size == 0)
		return JOB_OK;
	if (migrate_check(&t->conf, &err) == -1)
		return task_failed(t, &err);
	return JOB_OK;
}

static int
copy_aside(struct task *t, int version)
{
	struct err err;

	if (t->conf.path == NULL)
		return JOB_OK;
	if (migrate_copy(&t->conf, version, &err) == -1)
		return task_failed(t, &err);
	log_info("store", "copied aside path=%s.before-%04d", t->conf.path, version);
	return JOB_OK;
}

int
task_bring_up(struct task *t, bool by_hand)
{
	struct migrate_state s;
	struct err err;
	int status = t->conf.path != NULL ? check_file(t) : JOB_OK;

	if (status != JOB_OK)
		return status;
	if (migrate_look(t->st, t->base, &s, &err) == -1)
		return task_failed(t, &err);
	if (s.at >= s.newest && s.half == 0 && s.readable_by <= s.newest)
		return JOB_OK;
	if (t->conf.path == NULL && !by_hand && s.readable_by <= s.newest)
		return task_refuse(t, "the store's tables are at migration %d, this program "
		    "needs %d: run slackmcpd --migrate", s.at, s.newest);
	/* what is half done was copied when it was begun */
	if (s.at > 0 && s.half == 0 && s.readable_by <= s.newest &&
	    (status = copy_aside(t, s.newest)) != JOB_OK)
		return status;
	if (migrate_up(t->st, t->base, &err) == -1)
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
	int status;

	if (migrate_look(t->st, t->base, &s, &err) == -1)
		return task_failed(t, &err);
	if (s.at > 0 && s.half == 0 && (status = copy_aside(t, s.at - 1)) != JOB_OK)
		return status;
	if (migrate_down(t->st, t->base, &err) == -1 ||
	    migrate_look(t->st, t->base, &s, &err) == -1)
		return task_failed(t, &err);
	buf_fmt(&t->out, "The store is at migration %d.\n", s.at);
	return JOB_OK;
}
