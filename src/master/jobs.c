/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "shm/board.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define OUTPUT_MAX	(1024 * 1024)
#define PRUNE_FIRST_MS	60000
#define PRUNE_EVERY_MS	600000
#define SPOOL_EVERY_MS	2000
#define PREPARE_PAUSE_MS 1000		/* doubling to … */
#define PREPARE_MAX_MS	5000
#define REFUSED_MS	30000		/* the operator has to change something */

int
job_start(struct master *m, enum job_id job, char **argv, job_done_fn *done,
    void *arg)
{
	struct child *c = child_start(m, -1, (int)job, argv);

	if (c == NULL)
		return -1;
	c->deadline = c->started + job_rows[job].seconds * 1000LL;
	c->output.max = OUTPUT_MAX;
	c->done = done;
	c->arg = arg;
	return 0;
}

void
job_message(struct child *c, const struct message *msg)
{
	if (msg->type == MSG_REPLY)
		buf_add(&c->output, msg->data, msg->len);
}

/* It could not say so itself. */
static void
tell_death(struct child *c, int status)
{
	const struct job_row *row = &job_rows[c->job];

	counter_up(CNT_JOBS_FAILED);
	buf_reset(&c->output);
	if (c->killed)
		buf_fmt(&c->output, "%s was ended: it took longer than %d s",
		    row->name, row->seconds);
	else
		buf_fmt(&c->output, "%s died signal=%d", row->name,
		    WTERMSIG(status));
	log_error("job", "%s", c->output.p);
}

void
job_ended(struct child *c, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;

	while (c->channel != NULL && channel_read(c->channel))
		;	/* what it said last */
	if (c->killed || WIFSIGNALED(status))
		tell_death(c, status);
	if (c->done != NULL)
		c->done(c->m, code, &c->output, c->arg);
	child_free(c);
}

bool
job_runs(const struct master *m, enum job_id job)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, next)
		if (c->slot < 0 && c->job == (int)job)
			return true;
	return false;
}

/* Of a row of failures the first is told, and each that has become a refusal. */
static void
not_prepared(struct master *m, bool refused, const char *text)
{
	int64_t pause = m->prepare_pause == 0 ? PREPARE_PAUSE_MS :
						m->prepare_pause * 2;

	if (refused ? !m->refused : m->prepare_pause == 0)
		log_at(refused ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "job",
		    "the store is not prepared, workers serve without; it is"
		    " tried again until it is: %.*s",
		    (int)strcspn(text, "\n"), text);
	m->refused = refused;
	m->prepare_pause = pause < PREPARE_MAX_MS ? pause : PREPARE_MAX_MS;
	m->prepare_job = clock_ms() + (refused ? REFUSED_MS : m->prepare_pause);
}

static void
prepared(struct master *m, int status, const struct buf *output, void *arg)
{
	const char *text = output->len > 0 ? output->p :
					     "the store could not be prepared";

	(void)arg;
	m->region_fresh = false;
	if (status != JOB_LATER && status != JOB_OK && !m->up) {
		master_fail(m, status == JOB_REFUSED ? 78 : 1, text);
		return;
	}
	if (status != JOB_OK) {
		not_prepared(m, status != JOB_LATER, text);
	} else {
		if (m->prepare_pause != 0)
			log_info("job", "the store is prepared");
		m->prepared = true;
		m->keys_are_new = m->refused = false;
		m->prepare_pause = 0;
		supervise_facts(m);
	}
	if (!m->running && !m->stopping)
		supervise_start(m);
}

static void
spooled(struct master *m, int status, const struct buf *output, void *arg)
{
	(void)arg;
	m->spool_look |= status != JOB_OK;	/* it may have died and not said so */
	if (status != JOB_OK && !m->spool_told)
		log_warn("job",
		    "installs wait in the spool for the store: %s",
		    output->len > 0 ? output->p : "see above");
	if (status == JOB_OK && m->spool_told)
		log_info("job", "no install waits in the spool any more");
	m->spool_told = status != JOB_OK;
}

static bool
start_due(struct master *m, enum job_id job, int64_t *at, int64_t next,
    job_done_fn *done)
{
	if (*at == 0 || clock_ms() < *at || job_runs(m, job))
		return false;
	*at = next;
	if (job_start(m, job, NULL, done, NULL) == 0)
		return true;
	*at = clock_ms() + PREPARE_MAX_MS;
	return false;
}

void
job_tick(struct master *m)
{
	int64_t now = clock_ms();
	struct child *c;

	TAILQ_FOREACH(c, &m->children, next)
		if (c->slot < 0 && now >= c->deadline && !c->killed) {
			c->killed = true;
			kill(c->pid, SIGKILL);
		}
	if (m->stopping)
		return;
	start_due(m, JOB_PREPARE, &m->prepare_job, 0, prepared);
	if (!m->up)
		return;
	if (m->prune_job == 0)
		m->prune_job = now + PRUNE_FIRST_MS;
	start_due(m, JOB_PRUNE, &m->prune_job, now + PRUNE_EVERY_MS, NULL);
	if (m->spool_job == 0)
		m->spool_job = now;
	if ((region_spooled(m->region) || m->spool_look) &&
	    start_due(m, JOB_SPOOL, &m->spool_job, now + SPOOL_EVERY_MS,
		spooled))
		m->spool_look = false;
}
