/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/job.h"

#include "admin/jobs.h"
#include "base/clock.h"
#include "base/log.h"
#include "job/task.h"
#include "net/channel.h"
#include "shm/board.h"
#include "shm/session.h"
#include "store/wait.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_MS	5000	/* the master takes it at once, unless it stands still */

static const struct {
	int (*run)(struct task *t);
	bool creates;		/* SQLite's file, if it is missing */
	bool told;		/* its failures are told by others, or by itself */
} tasks[JOB_COUNT] = {
	[JOB_PREPARE] = { task_prepare, true, true },
	[JOB_MIGRATE] = { task_migrate, true, false },
	[JOB_ROLLBACK] = { task_rollback, false, false },
	[JOB_ADD_KEY] = { task_add_key, true, false },
	[JOB_SAVE_SESSIONS] = { task_save_sessions, false, false },
	[JOB_SPOOL] = { task_spool, false, true },
	[JOB_PRUNE] = { task_prune, false, false },
	[JOB_TEAM_PURGE] = { task_team_purge, false, true },
	[JOB_USER_PURGE] = { task_user_purge, false, true },
};

int
task_refuse(struct task *t, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_reset(&t->out);
	buf_str(&t->out, text);
	return JOB_REFUSED;
}

int
task_failed(struct task *t, const struct err *err)
{
	task_refuse(t, "%s", err->text);
	return err->kind == ERR_UPSTREAM || err->kind == ERR_TIMEOUT ?
	    JOB_LATER :
	    JOB_REFUSED;
}

void
task_pause(struct task *t, int64_t ms)
{
	struct timeval tv = clock_tv(ms);

	event_base_loopexit(t->base, &tv);
	event_base_loop(t->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

int
task_ask(struct task *t, const struct step *steps,
    void (*fn)(void *arg, const struct answer *a), void *arg, struct err *err)
{
	return store_wait(t->st, t->base, steps, (int)t->h->conf->store_timeout,
	    fn, arg, err);
}

void
task_path(const struct task *t, const char *name, char *out)
{
	snprintf(out, TASK_PATH, "%s/%s", t->h->conf->state_dir, name);
}

/* The first process that sees a region made anew reads them back, whatever its
 * task is: the next one finds the region there.  A list that is older than the
 * region is of no use to anybody. */
static void
read_sessions(struct task *t)
{
	char path[TASK_PATH];
	struct err err;
	int n;

	task_path(t, "sessions", path);
	if (t->h->region_fresh) {
		n = session_load(t->h->region, path, &err);
		if (n == -1)
			log_warn("job",
			    "the sessions could not be read back: %s",
			    err.text);
		else if (n > 0)
			log_info("job", "sessions read back count=%d", n);
	}
	if (unlink(path) == -1 && errno != ENOENT)
		log_warn("job", "cannot remove path=%s errno=%d", path, errno);
}

int
task_save_sessions(struct task *t)
{
	char path[TASK_PATH];
	struct err err;
	int n;

	task_path(t, "sessions", path);
	n = session_save(t->h->region, path, &err);
	if (n == -1)
		return task_failed(t, &err);
	log_info("job", "sessions written count=%d", n);
	return JOB_OK;
}

static void
ignore(struct channel *ch, const struct message *m, void *arg)
{
	(void)ch, (void)arg;
	if (m->fd != -1)
		close(m->fd);
}

/* Nobody listens any more: the answer goes nowhere. */
static void
gone(struct channel *ch, void *arg)
{
	(void)ch, (void)arg;
}

static void
answer(struct task *t, int job, int status)
{
	struct timeval most = clock_tv(FLUSH_MS);
	struct channel *ch;

	if (status != JOB_OK && !tasks[job].told)
		log_at(status == JOB_LATER ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
		    "job", "%s: %s", job_rows[job].name,
		    t->out.len > 0 ? t->out.p : "failed");
	if (t->out.len == 0 || t->h->channel == -1)
		return;
	ch = channel_new(t->base, t->h->channel, ignore, gone, NULL);
	channel_reply(ch, 0, status != JOB_OK, t->out.p, t->out.len);
	event_base_loopexit(t->base, &most);
	while (channel_queued(ch) > 0 && !event_base_got_exit(t->base))
		event_base_loop(t->base, EVLOOP_ONCE);
	channel_free(ch);
}

static int
run(struct task *t, int job)
{
	const struct conf *c = t->h->conf;
	struct err err;
	int status;

	if (store_conf_load(&t->conf, c, &err) == -1)
		return task_refuse(t, "STORE: %s", err.text);
	t->conf.create = tasks[job].creates;
	t->conf.job = true;
	t->st = store_new(t->base, &t->conf);
	store_set_timeout(t->st, (int)c->store_timeout);
	status = tasks[job].run(t);
	store_free(t->st);
	return status;
}

int
job_run(const struct heritage *h, int job)
{
	struct task t = { .h = h, .base = event_base_new(), .argc = h->argc,
		.argv = h->argv };
	int status;

	if (t.argc > 0 && strcmp(t.argv[0], "--json") == 0) {
		t.json = true;
		t.argc--;
		t.argv++;
	}

	if (t.base == NULL)
		fatal("job: no event base");
	board_state(BOARD_READY);
	if (h->region_fresh || job == JOB_PREPARE)
		read_sessions(&t);
	status = run(&t, job);
	answer(&t, job, status);
	store_conf_wipe(&t.conf);
	buf_wipe(&t.out);		/* may hold a new key */
	event_base_free(t.base);
	return status;
}
