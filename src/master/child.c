/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "master/daemon.h"
#include "shm/board.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FDS_MAX	(SLOTS_MAX * 2 * LISTEN_ADDRESSES + 8)

static int
by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes all that is not in keep[]; 0 to 2 stay. */
static void
close_others(int *keep, size_t n)
{
	unsigned from = 3;

	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if ((unsigned)keep[i] > from)
			close_range(from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	close_range(from, ~0u, 0);
}

/* libevent's handlers are the master's; a child begins with none. */
static void
reset_signals(void)
{
	static const int ours[] = { SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT,
		SIGCHLD };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
name_process(const struct child *c)
{
	char name[32];

	if (c->slot >= 0)
		snprintf(name, sizeof(name), "worker %d", c->slot + 1);
	else
		snprintf(name, sizeof(name), "job %s", job_rows[c->job].name);
	log_process(name);
	if (c->slot >= 0)
		snprintf(name, sizeof(name), "slackmcpd:w%d", c->slot + 1);
	else
		snprintf(name, sizeof(name), "slackmcpd:job");
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

static void
keep_own(struct master *m, const struct child *c, int channel)
{
	int keep[FDS_MAX];
	size_t n = 0;

	keep[n++] = channel;
	if (log_fd() >= 0)
		keep[n++] = log_fd();
	if (region_fd(m->region) >= 0)
		keep[n++] = region_fd(m->region);
	for (int i = 0;
	     c->slot >= 0 && i < m->listen.slots * m->listen.addresses; i++)
		keep[n++] = m->listen.fds[i];
	close_others(keep, n);
}

/* libevent's handlers are process-wide and its epoll shared over the fork: the
 * child's copy gets an epoll of its own and is then taken apart. */
static void
leave_loop(struct master *m)
{
	if (event_reinit(m->base) == -1)
		fatal("event_reinit");
	for (int i = 0; i < SIGNALS; i++)
		event_free(m->signals[i]);
	event_free(m->tick);
	event_base_free(m->base);
}

static _Noreturn void
run_child(struct master *m, struct child *c, int channel, pid_t master,
    char **argv)
{
	struct heritage h = {
		.conf = m->conf, .region = m->region, .keys = m->keys,
		.keys_are_new = m->keys_are_new, .ca = m->ca,
		.listeners = m->listen.fds,
		.nlisteners = m->listen.slots * m->listen.addresses,
		.addresses = m->listen.addresses, .plain = m->listen.own,
		.tls = m->tls, .slot = c->slot, .row = c->row,
		.generation = c->generation, .channel = channel,
		.region_fresh = m->region_fresh, .argv = argv,
	};
	struct log_files logs = { .n = 0 };
	struct err err;
	int status;

	m->notify = (struct notify){ 0 };	/* the master alone speaks */
	leave_loop(m);
	reset_signals();
	if (m->daemon)
		daemon_let_go();
	keep_own(m, c, channel);
	name_process(c);
	board_use(m->region, c->row);
	if (c->slot < 0 && job_rows[c->job].opens == OPENS_LOGS) {
		log_files_open(&logs, m->conf->log_target);
		h.logs = &logs;
	}
	if (runas_become(&m->runas, master, &err) == -1) {
		log_error("process", "%s", err.text);
		_exit(1);
	}
	while (argv != NULL && argv[h.argc] != NULL)
		h.argc++;
	status = c->slot >= 0 ? m->start->run_worker(&h) :
				m->start->run_job(&h, c->job);
	log_files_close(&logs);
#ifdef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);	/* else the leak check cannot look */
#endif
	exit(status);
}

static void
on_message(struct channel *ch, const struct message *msg, void *arg)
{
	struct child *c = arg;

	(void)ch;
	if (msg->fd != -1)
		close(msg->fd);
	if (c->slot < 0)
		job_message(c, msg);
	else if (msg->type == MSG_READY)
		supervise_ready(c);
	else if (msg->type == MSG_REPLY)
		control_answer(c->m, msg);
	else if (msg->type == MSG_CHANGED)
		supervise_send(c->m, c, MSG_CHANGED, -1);
}

/* It is about to end, or has closed its end: SIGCHLD tells the rest. */
static void
on_gone(struct channel *ch, void *arg)
{
	struct child *c = arg;

	channel_free(ch);
	c->channel = NULL;
}

static struct child *
failed(struct child *c, const char *what)
{
	log_error("process", "cannot start slot=%d: %s: %s", c->slot, what,
	    strerror(errno));
	if (c->row >= 0)
		board_release(c->m->region, c->row);
	free(c);
	return NULL;
}

struct child *
child_start(struct master *m, int slot, int job, char **argv)
{
	struct child *c = mem_new(sizeof(*c));
	pid_t master = getpid();
	int fds[2];

	*c = (struct child){ .m = m, .slot = slot, .job = job, .generation = m->generation,
		.started = clock_ms() };
	c->row = board_claim(m->region, slot, m->generation);
	if (c->row == -1)
		return failed(c, "the board is full");
	if (channel_pair(fds) == -1)
		return failed(c, "socketpair");
	fflush(NULL);
	c->pid = fork();
	if (c->pid == 0)
		run_child(m, c, fds[1], master, argv);
	close(fds[1]);
	if (c->pid == -1) {
		close(fds[0]);
		return failed(c, "fork");
	}
	board_set_pid(m->region, c->row, c->pid);
	c->channel = channel_new(m->base, fds[0], on_message, on_gone, c);
	TAILQ_INSERT_TAIL(&m->children, c, next);
	return c;
}

void
child_free(struct child *c)
{
	TAILQ_REMOVE(&c->m->children, c, next);
	board_release(c->m->region, c->row);
	channel_free(c->channel);
	buf_wipe(&c->output);
	free(c);
}
