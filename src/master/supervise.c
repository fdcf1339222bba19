/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "shm/board.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define SHORT_LIFE_MS	1000
#define SHORT_LIVES	3	/* in a row, before there is a pause */
#define PAUSE_FIRST_MS	100
#define REPLACED_MS	35000	/* how long a replaced generation may live */
#define REPLACED_IDLE_MS 5000	/* a client may be about to use its connection */
#define GRACE_MS	2000	/* beyond its deadline, before it is killed */
#define STILL_MS	1000	/* between two ticks of the master, which are 100 ms apart */

static void
start_worker(struct master *m, int slot)
{
	m->places[slot].next_start = 0;
	if (child_start(m, slot, -1, NULL) == NULL)
		m->places[slot].next_start = clock_ms() + SHORT_LIFE_MS;
	else
		counter_up(CNT_WORKERS_STARTED);
}

void
supervise_start(struct master *m)
{
	m->running = true;
	m->generation++;
	memset(m->places, 0, sizeof(m->places));
	for (int slot = 0; slot < m->workers; slot++)
		start_worker(m, slot);
	supervise_facts(m);
}

void
supervise_facts(struct master *m)
{
	struct board_facts facts = { .started = m->started,
		.workers = m->workers,
		.stopping = m->stopping,
		.prepared = m->prepared };

	for (int slot = 0; slot < m->workers; slot++)
		facts.crash_loop |= m->places[slot].pause_ms > 0;
	if (m->region != NULL)		/* else the start failed before it */
		board_set_facts(m->region, &facts);
}

static bool
is_worker(const struct child *c)
{
	return c->slot >= 0;
}

static void
drain(struct child *c, int64_t ms, int64_t idle_ms)
{
	char text[48];
	/* Three things may finish without a listener (DESIGN 5). */
	int64_t until = clock_ms() + ms + c->m->conf->upstream_timeout +
	    GRACE_MS;

	if (c->drain_until != 0 && c->drain_until <= until)
		return;
	c->drain_until = until;
	snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, ms, idle_ms);
	if (c->channel != NULL)
		channel_send(c->channel, MSG_DRAIN, 0, text, strlen(text), -1);
}

void
supervise_drain(struct master *m, int64_t ms)
{
	struct child *c;

	m->running = false;
	TAILQ_FOREACH(c, &m->children, next)
		if (is_worker(c))
			drain(c, ms, 0);
}

void
supervise_kill(struct master *m)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, next)
		if (is_worker(c))
			kill(c->pid, SIGKILL);
}

static int
ready_of(struct master *m, unsigned generation)
{
	struct child *c;
	int n = 0;

	TAILQ_FOREACH(c, &m->children, next)
		n += is_worker(c) && c->generation == generation && c->ready;
	return n;
}

void
supervise_ready(struct child *c)
{
	struct master *m = c->m;
	struct child *old;

	c->ready = true;
	log_debug("supervise", "worker is ready slot=%d generation=%u pid=%d",
	    c->slot + 1, c->generation, (int)c->pid);
	if (m->stopping || ready_of(m, m->generation) < m->workers)
		return;
	TAILQ_FOREACH(old, &m->children, next)
		if (is_worker(old) && old->generation != m->generation)
			drain(old, REPLACED_MS, REPLACED_IDLE_MS);
	master_up(m);
}

int
supervise_generations(const struct master *m)
{
	unsigned seen[64];
	struct child *c;
	int n = 0;

	TAILQ_FOREACH(c, &m->children, next) {
		int i = 0;

		while (i < n && seen[i] != c->generation)
			i++;
		if (is_worker(c) && i == n && n < 64)
			seen[n++] = c->generation;
	}
	return n;
}

/* Of the newest generation, which serves on. */
static bool
is_wanted(const struct child *c)
{
	const struct master *m = c->m;

	return m->running && c->generation == m->generation &&
	    c->slot < m->workers;
}

static void
slow_down(struct master *m, struct place *p, int slot)
{
	if (p->pause_ms == 0) {
		counter_up(CNT_CRASH_LOOPS);
		log_error("supervise", "crash loop: workers end soon after"
		    " their start, the next ones wait, up to RESTART_BACKOFF"
		    " slot=%d", slot + 1);
	}
	p->pause_ms = p->pause_ms == 0 ? PAUSE_FIRST_MS : p->pause_ms * 2;
	if (p->pause_ms > m->conf->restart_backoff)
		p->pause_ms = m->conf->restart_backoff;
}

static void
speed_up(struct place *p, int slot)
{
	if (p->pause_ms > 0)
		log_info("supervise", "the crash loop is over slot=%d",
		    slot + 1);
	p->short_lives = 0;
	p->pause_ms = 0;
}

/* A slot whose workers end at once is given pauses, which double and end with the
 * first life that lasts. */
static void
restart(struct master *m, struct child *dead)
{
	struct place *p = &m->places[dead->slot];
	int64_t now = clock_ms();

	if (!is_wanted(dead))
		return;
	if (now - dead->started >= SHORT_LIFE_MS)
		speed_up(p, dead->slot);
	else if (++p->short_lives >= SHORT_LIVES)
		slow_down(m, p, dead->slot);
	if (p->pause_ms > 0)
		p->next_start = now + p->pause_ms;
	else
		start_worker(m, dead->slot);
}

static void
tell_death(const struct child *c, int status)
{
	static const char *const texts[2][2] = {
		{ "worker ended, nobody takes its place",
		    "worker ended, another takes its place" },
		{ "worker died, nobody takes its place",
		    "worker died, another takes its place" },
	};
	bool killed = WIFSIGNALED(status);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	    c->drain_until != 0) {
		log_debug("supervise",
		    "worker has drained slot=%d generation=%u pid=%d",
		    c->slot + 1, c->generation, (int)c->pid);
		return;
	}
	counter_up(CNT_WORKERS_DIED);
	c->m->spool_look = true;	/* what it was at may lie there */
	log_error("supervise", "%s slot=%d generation=%u pid=%d %s=%d",
	    texts[killed][is_wanted(c)], c->slot + 1, c->generation,
	    (int)c->pid, killed ? "signal" : "status",
	    killed ? WTERMSIG(status) : WEXITSTATUS(status));
}

int
supervise_left(const struct master *m)
{
	struct child *c;
	int n = 0;

	TAILQ_FOREACH(c, &m->children, next)
		n += is_worker(c);
	return n;
}

static void
reaped(struct master *m, pid_t pid, int status)
{
	struct child *c;
	bool hopeless;

	TAILQ_FOREACH(c, &m->children, next)
		if (c->pid == pid)
			break;
	if (c == NULL)
		return;
	if (!is_worker(c)) {
		job_ended(c, status);
		return;
	}
	tell_death(c, status);
	restart(m, c);
	/* a command waits for READY */
	hopeless = !m->up && m->starter != -1 &&
	    (c->killed || m->places[c->slot].pause_ms > 0);
	child_free(c);
	control_gone(m, pid);		/* asks those that are left */
	supervise_facts(m);
	if (hopeless)
		master_fail(m, 1,
		    "the workers do not become ready; see the log");
	if (m->stopping && supervise_left(m) == 0)
		master_gone(m);
}

void
supervise_reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		reaped(m, pid, status);
}

static void
end_it(struct child *c, const char *why)
{
	if (c->killed)
		return;
	c->killed = true;
	counter_up(CNT_WORKERS_KILLED);
	log_error("supervise", "killing a worker slot=%d pid=%d: %s",
	    c->slot + 1, (int)c->pid, why);
	kill(c->pid, SIGKILL);
}

/* While the master stood still, so may all others have: a machine that was paused
 * is no reason to kill anybody. */
static void
notice_stillness(struct master *m, int64_t now)
{
	if (m->ticked != 0 && now - m->ticked > STILL_MS) {
		m->woke = now;
		log_warn("supervise",
		    "the master stood still, workers are given their time anew"
		    " ms=%" PRId64, now - m->ticked);
	}
	m->ticked = now;
}

static int64_t
age(const struct master *m, int64_t since, int64_t now)
{
	return now - (since > m->woke ? since : m->woke);
}

static void
watch(struct child *c, int64_t now)
{
	const struct conf *conf = c->m->conf;
	struct board_row row;

	if (!board_get(c->m->region, c->row, &row))
		return;
	if (!c->ready && age(c->m, c->started, now) >= conf->ready_timeout)
		end_it(c, "it was not ready within READY_TIMEOUT");
	else if (c->ready && age(c->m, row.stamp, now) >= conf->stale_timeout)
		end_it(c, "its loop stands still (STALE_TIMEOUT)");
	else if (c->drain_until != 0 && now >= c->drain_until)
		end_it(c, "it did not end in time");
}

void
supervise_tick(struct master *m)
{
	int64_t now = clock_ms();
	struct child *c;

	notice_stillness(m, now);
	TAILQ_FOREACH(c, &m->children, next)
		if (is_worker(c))
			watch(c, now);
	for (int slot = 0; m->running && slot < m->workers; slot++)
		if (m->places[slot].next_start != 0 &&
		    now >= m->places[slot].next_start)
			start_worker(m, slot);
	TAILQ_FOREACH(c, &m->children, next)
		if (is_worker(c) && c->generation == m->generation &&
		    c->ready && now - c->started >= SHORT_LIFE_MS &&
		    m->places[c->slot].pause_ms > 0) {
			speed_up(&m->places[c->slot], c->slot);
			supervise_facts(m);
		}
}

void
supervise_send(struct master *m, const struct child *but,
    enum message_type type, int fd)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, next)
		if (is_worker(c) && c != but && c->channel != NULL)
			channel_send(c->channel, type, 0, "", 0, fd);
}

struct child *
supervise_any(struct master *m)
{
	struct board_row row;
	struct child *c;
	int64_t now = clock_ms();

	TAILQ_FOREACH_REVERSE(c, &m->children, children, next)
	if (is_worker(c) && c->ready && c->drain_until == 0 &&
	    c->channel != NULL && board_get(m->region, c->row, &row) &&
	    now - row.stamp < 1000)
		return c;
	return NULL;
}
