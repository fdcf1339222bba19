/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/trouble.h"
#include "net/tls.h"
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
		.stopping = m->stopping };

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

static int
generations(struct master *m)
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

/* The region's room for sessions is made once. */
static bool
outgrows(const struct conf *was, const struct conf *now, struct buf *said)
{
	if (now->max_sessions <= was->max_sessions &&
	    now->max_sessions >= was->max_sessions / 2)
		return false;
	buf_str(said, "MAX_SESSIONS: cannot grow, or fall below the half, by a"
	    " reload: restart\n");
	return true;
}

static int
take_conf(struct master *m, struct buf *said)
{
	struct conf_report report = { 0 };
	struct conf *now = conf_load(m->start->input, &report), *was = m->conf;
	struct err err;
	void *tls;

	buf_add(said, report.errors.p, report.errors.len);
	buf_add(said, report.warnings.p, report.warnings.len);
	conf_report_wipe(&report);
	if (now == NULL || conf_needs_restart(was, now, said) ||
	    outgrows(was, now, said)) {
		conf_free(now);
		return -1;
	}
	m->conf = now;
	/* the preparing job, which is yet to succeed, stores this one */
	if (m->keys_are_new && now->token_keys.len == 0)
		secret_copy(&now->token_keys, &was->token_keys);
	if (certificate_read(now, &tls, &err) == -1 ||
	    setup_limits(m, &err) == -1 || setup_keys(m, &err) == -1) {
		tls_server_free(tls);
		buf_fmt(said, "%s\n", err.text);
		m->conf = was;
		conf_free(now);
		return -1;
	}
	certificate_use(m, tls);
	conf_free(was);
	return 0;
}

/* There is a socket for each that was there at the start. */
static void
take_workers(struct master *m, struct buf *said)
{
	struct conf *c = m->conf;

	if (c->workers > m->listen.slots) {
		buf_fmt(said, "WORKERS: %d needs a restart; %d are started\n",
		    c->workers, m->listen.slots);
		log_warn("supervise",
		    "WORKERS: %d needs a restart; %d are started", c->workers,
		    m->listen.slots);
		c->workers = m->listen.slots;
	}
	m->workers = c->workers;
}

int
supervise_reload(struct master *m, struct buf *said)
{
	if (m->stopping) {
		buf_str(said, "stopping: no reload any more\n");
		return -1;
	}
	if (!m->running) {
		m->reload_waits = true;
		buf_str(said,
		    "starting: the reload waits until the store is prepared\n");
		return 0;
	}
	master_reloads(m);
	if (generations(m) >= GENERATIONS_MAX) {
		m->reload_waits = true;
		buf_fmt(said,
		    "%d generations live: the reload waits until the oldest "
		    "has "
		    "ended\n",
		    GENERATIONS_MAX);
		log_warn("supervise", "reload waits: %d generations live",
		    GENERATIONS_MAX);
		return 0;
	}
	m->reload_waits = false;
	if (take_conf(m, said) == -1) {
		counter_up(CNT_RELOADS_REFUSED);
		m->refused_reload = true;
		log_error("supervise",
		    "reload refused, the old configuration stays: %.*s",
		    (int)(said->len > 0 ? said->len - 1 : 0),
		    said->len > 0 ? said->p : "");
		master_stays(m);
		return -1;
	}
	counter_up(CNT_RELOADS);
	m->refused_reload = false;
	trouble_over(TROUBLE_RELOAD);
	setup_ca(m);
	setup_tune(m);
	log_level((enum log_level)m->conf->log_level);
	take_workers(m, said);
	supervise_start(m);
	/* what it checks may have changed: keys, live key, spool */
	m->prepare_job = clock_ms();
	buf_fmt(said,
	    "generation %u starts; the old one drains when it is ready\n",
	    m->generation);
	log_info("supervise", "reload generation=%u workers=%d", m->generation,
	    m->workers);
	return 0;
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

static void
watch(struct child *c, int64_t now)
{
	struct board_row row;

	if (!board_get(c->m->region, c->row, &row))
		return;
	if (!c->ready && now - c->started >= c->m->conf->ready_timeout)
		end_it(c, "it was not ready within READY_TIMEOUT");
	else if (c->ready && now - row.stamp >= c->m->conf->stale_timeout)
		end_it(c, "its loop stands still (STALE_TIMEOUT)");
	else if (c->drain_until != 0 && now >= c->drain_until)
		end_it(c, "it did not end in time");
}

void
supervise_tick(struct master *m)
{
	int64_t now = clock_ms();
	struct child *c;
	struct buf said = { 0 };

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
	if (m->refused_reload)
		trouble_met(TROUBLE_RELOAD);
	if (m->reload_waits && generations(m) < GENERATIONS_MAX)
		supervise_reload(m, &said);
	buf_wipe(&said);
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
