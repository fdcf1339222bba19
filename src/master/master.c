/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/daemon.h"
#include "master/state.h"
#include "shm/board.h"
#include "shm/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TICK_MS		100
#define PRUNE_MS	10000		/* sessions past their time (DETAILS 4: 30 s) */

static void
saved(struct master *m, int status, const struct buf *output, void *arg)
{
	(void)arg;
	if (status != JOB_OK)
		log_error("master", "the sessions were not saved: %s",
		    output->len > 0 ? output->p : "see above");
	event_base_loopbreak(m->base);
}

void
master_gone(struct master *m)
{
	if (m->region == NULL || !m->up ||
	    job_start(m, JOB_SAVE_SESSIONS, NULL, saved, NULL) == -1)
		event_base_loopbreak(m->base);
}

/* The listening sockets go at once: what nobody will accept must not wait. */
void
master_stop(struct master *m)
{
	if (m->stopping) {
		log_warn("master",
		    "stopping now, without waiting for requests");
		supervise_kill(m);
		return;
	}
	log_info("master", "stopping: workers drain for %lld ms",
	    (long long)m->conf->drain_timeout);
	m->stopping = true;
	daemon_tell(&m->starter, 1, "it was stopped while it started");
	notify_tell(&m->notify,
	    "STOPPING=1\nSTATUS=workers drain for at most %lld ms",
	    (long long)m->conf->drain_timeout);
	supervise_facts(m);
	listen_shut(m->listen.fds, m->listen.slots * m->listen.addresses);
	supervise_drain(m, m->conf->drain_timeout);
	listen_close(&m->listen);
	if (supervise_left(m) == 0)
		master_gone(m);
}

/* Only before the daemon is up: afterwards it never gives up. */
void
master_fail(struct master *m, int status, const char *why)
{
	size_t len = strlen(why);

	while (len > 0 && why[len - 1] == '\n')
		len--;
	log_error("master", "%.*s", (int)len, why);
	if (m->up)
		return;
	m->status = status;
	notify_tell(&m->notify, "STATUS=%.*s", (int)strcspn(why, "\n"), why);
	daemon_tell(&m->starter, status, why);
	if (m->start->foreground && log_fd() != STDERR_FILENO)
		fprintf(stderr, "slackmcpd: %.*s\n", (int)len, why);
	if (m->stopping)
		return;
	m->stopping = true;
	supervise_facts(m);
	supervise_drain(m, 0);
	if (supervise_left(m) == 0)
		event_base_loopbreak(m->base);
}

static void
tell_ready(struct master *m, const char *more)
{
	m->reloading = false;
	notify_tell(&m->notify, "READY=1\nSTATUS=serves on %s workers=%d%s",
	    m->listen.shown[0], m->workers, more);
}

void
master_reloads(struct master *m)
{
	if (!m->up)		/* still starting, to the one who waits for it */
		return;
	m->reloading = true;
	notify_tell(&m->notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)clock_us());
}

void
master_stays(struct master *m)
{
	if (m->up)
		tell_ready(m, "; a reload was refused, see the log");
}

void
master_up(struct master *m)
{
	if (!m->up || (m->reloading && !m->reload_waits))
		tell_ready(m, "");
	if (m->up)
		return;
	m->up = true;
	daemon_tell(&m->starter, 0, "");
	log_info("master", "slackmcpd %s serves on %s workers=%d",
	    PACKAGE_VERSION, m->listen.shown[0], m->workers);
	if (m->tls != NULL)
		log_info("master", "serves https on %s",
		    m->listen.shown[m->listen.own]);
	log_info("master", "health %s/health", m->conf->public_base_url);
	log_info("master", "install %s/slack/install",
	    m->conf->public_base_url);
	log_info("master", "mcp %s/mcp", m->conf->public_base_url);
	if (m->conf->host_loopback)
		log_info("master",
		    "only this machine can reach it; HOST=0.0.0.0 opens it to "
		    "others");
}

static void
reopen_logs(struct master *m)
{
	struct err err;

	if (log_reopen(&err) == -1) {
		log_error("master", "the log stays as it is: %s", err.text);
		return;
	}
	supervise_send(m, NULL, MSG_REOPEN, log_fd());
	log_info("master", "log opened anew");
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct master *m = arg;
	struct buf said = { 0 };

	(void)what;
	switch (sig) {
	case SIGCHLD:
		supervise_reap(m);
		break;
	case SIGHUP:
		reload_run(m, &said);
		break;
	case SIGUSR1:
		reopen_logs(m);
		break;
	case SIGTERM:
	case SIGINT:
		master_stop(m);
		break;
	default:
		log_warn("master",
		    "signal %d: this version cannot upgrade in place",
		    (int)sig);
		break;
	}
	buf_wipe(&said);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	int64_t now = clock_ms();

	(void)fd;
	(void)what;
	board_stamp();
	notify_watchdog(&m->notify, now);
	supervise_tick(m);
	reload_tick(m);
	job_tick(m);
	certificate_tick(m);
	if (now - m->pruned >= PRUNE_MS) {
		m->pruned = now;
		session_prune(m->region);
	}
}

static void
watch_signals(struct master *m)
{
	static const int sigs[SIGNALS] = { SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT };

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < SIGNALS; i++) {
		m->signals[i] = evsignal_new(m->base, sigs[i], on_signal, m);
		event_add(m->signals[i], NULL);
	}
	m->tick = event_new(m->base, -1, EV_PERSIST, on_tick, m);
	event_add(m->tick, &(struct timeval){ 0, TICK_MS * 1000 });
}

static int
use_board(struct master *m, struct err *err)
{
	int row = board_claim(m->region, BOARD_MASTER, 0);

	if (row == -1)
		return err_set(err, ERR_LIMIT, "the board is full");
	board_set_pid(m->region, row, getpid());
	board_use(m->region, row);
	board_state(BOARD_READY);
	supervise_facts(m);
	return 0;
}

/* Everything that only the master opens, before the first fork (DESIGN 2). */
static int
set_up(struct master *m, struct err *err)
{
	const struct conf *c = m->conf;

	if (runas_find(&m->runas, c, err) == -1 ||
	    setup_folders(m, err) == -1 || setup_pid_file(m, err) == -1 ||
	    setup_limits(m, err) == -1 || setup_region(m, err) == -1 ||
	    use_board(m, err) == -1)
		return -1;
	if (listen_open(&m->listen, c->host, c->port, c->workers, "HOST",
		"PORT", err) == -1 ||
	    certificate_open(m, err) == -1 || status_open(m, err) == -1 ||
	    agent_open(m, err) == -1 ||
	    control_open(m, err) == -1 || setup_keys(m, err) == -1)
		return -1;
	runas_keep_few();
	return 0;
}

/* The store is prepared by a process of its own while the CA bundle, which only
 * the workers need, is read here. */
static void
begin(struct master *m)
{
	job_tick(m);
	setup_ca(m);
	event_base_dispatch(m->base);
}

static void
tear_down(struct master *m)
{
	struct child *c;

	control_close(m);
	status_close(m);
	agent_close(m);
	while ((c = TAILQ_FIRST(&m->children)) != NULL) {
		kill(c->pid, SIGKILL);
		child_free(c);
	}
	for (int i = 0; i < SIGNALS; i++)
		if (m->signals[i] != NULL)
			event_free(m->signals[i]);
	if (m->tick != NULL)
		event_free(m->tick);
	setup_wipe(m);
	event_base_free(m->base);
#ifdef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);	/* else the leak check cannot look */
#endif
}

static void
master_init(struct master *m, const struct master_start *start)
{
	*m = (struct master){ .start = start, .conf = start->conf, .pid_fd = -1,
		.starter = -1, .started = clock_ms(), .workers = start->conf->workers };
	TAILQ_INIT(&m->children);
	m->prepare_job = 1;		/* at once */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

int
master_run(const struct master_start *start)
{
	struct master m;
	struct err err;
	int waits = -1;

	if (!start->foreground && (waits = daemon_leave()) == -1)
		return 1;
	master_init(&m, start);
	m.starter = start->foreground ? -1 : waits;
	m.daemon = !start->foreground;
	log_process("master");
	notify_take(&m.notify);
	m.base = event_base_new();
	if (m.base == NULL)
		fatal("event_base_new");
	/* before the PID file names us: what comes now is done after the start */
	watch_signals(&m);
	if (set_up(&m, &err) == -1)
		master_fail(&m, err.kind == ERR_INPUT ? 78 : 1, err.text);
	else
		begin(&m);
	log_info("master", "ended status=%d", m.status);
	tear_down(&m);
	return m.status;
}

static void
job_ended_alone(struct master *m, int status, const struct buf *output,
    void *arg)
{
	(void)arg;
	if (output->len > 0)
		fprintf(status == 0 ? stdout : stderr, "%s%s", output->p,
		    output->p[output->len - 1] == '\n' ? "" : "\n");
	m->status = status;
	event_base_loopbreak(m->base);
}

int
master_job(const struct master_start *start, int job, char **argv)
{
	struct master m;
	struct err err;

	master_init(&m, start);
	m.prepare_job = 0;
	m.status = 1;			/* unless the job ends */
	log_process("master");
	m.base = event_base_new();
	if (m.base == NULL)
		fatal("event_base_new");
	watch_signals(&m);
	if (runas_find(&m.runas, m.conf, &err) == -1 ||
	    setup_folders(&m, &err) == -1 || setup_pid_file(&m, &err) == -1 ||
	    setup_region(&m, &err) == -1 || setup_keys(&m, &err) == -1) {
		fprintf(stderr, "slackmcpd: %s\n", err.text);
		m.status = err.kind == ERR_INPUT ? 78 : 1;
	} else {
		if (job_start(&m, (enum job_id)job, argv, job_ended_alone,
			NULL) == 0)
			event_base_dispatch(m.base);
	}
	tear_down(&m);
	return m.status;
}
