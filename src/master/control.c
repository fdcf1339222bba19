/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "admin/command.h"
#include "admin/jobs.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/trouble.h"
#include "net/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The admin control socket: a line in, the answer out, closed.  A failure begins
 * with "error: " (or is {"error": …} after --json). */
#define CLIENTS_MAX	32
#define LINE_MS		10000		/* to send a line; to take the answer */
#define ANSWER_MAX	CHANNEL_BACKLOG
#define PAUSE_MS	100		/* without a free descriptor */
#define WORKER_MS	2000		/* beyond the store's own deadline */

struct client {
	LIST_ENTRY(client) next;
	struct control *control;
	int fd;
	struct event *event, *timer;
	enum command_level level;
	struct buf in, out;
	size_t sent;
	enum command_id command;
	unsigned id;			/* while another process works on it; 0 */
	bool json, error, again;
	pid_t worker;			/* that works on it; 0 */
	char who[48];			/* does, to name it */
};

struct control {
	struct master *m;
	int fd;
	struct event *event, *resume;
	LIST_HEAD(, client) clients;
	int nclients;
	unsigned next_id;
	gid_t group;
	bool has_group;
};

static void
client_free(struct client *c)
{
	LIST_REMOVE(c, next);
	c->control->nclients--;
	event_free(c->event);
	event_free(c->timer);
	close(c->fd);
	buf_wipe(&c->in);		/* may hold what key add printed */
	buf_wipe(&c->out);
	free(c);
}

static void
arm(struct client *c, int64_t ms)
{
	struct timeval tv = clock_tv(ms);

	evtimer_add(c->timer, &tv);
}

static void
send_out(struct client *c)
{
	while (c->sent < c->out.len) {
		ssize_t n = write(c->fd, c->out.p + c->sent,
		    c->out.len - c->sent);

		if (n == -1 && errno == EAGAIN) {
			event_add(c->event, NULL);
			return;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		c->sent += (size_t)n;
	}
	client_free(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_out(arg);
}

static void
say_error(struct client *c, const char *text)
{
	struct jsonw w = { .out = &c->out };

	buf_reset(&c->out);
	if (!c->json) {
		buf_fmt(&c->out, "error: %s%s", text,
		    text[0] != '\0' && text[strlen(text) - 1] == '\n' ? "" :
									"\n");
		return;
	}
	jsonw_open(&w, '{');
	jsonw_put_text(&w, "error", text);
	jsonw_close(&w);
	buf_char(&c->out, '\n');
}

/* The answer is whole, or as much of it as there may be. */
static void
finish(struct client *c)
{
	struct event_base *base = c->control->m->base;

	if (c->out.over)
		say_error(c, "the answer is longer than 8 MiB");
	event_free(c->event);
	c->event = event_new(base, c->fd, EV_WRITE, on_writable, c);
	arm(c, LINE_MS);
	c->id = 0;
	send_out(c);
}

static void
fail(struct client *c, const char *text)
{
	say_error(c, text);
	finish(c);
}

static void
run_here(struct client *c, const struct request *req)
{
	struct buf out = { .max = ANSWER_MAX };

	if (command_run(c->control->m, req, &out) == -1)
		say_error(c, out.len > 0 ? out.p : "failed");
	else
		buf_add(&c->out, out.p, out.len);
	c->out.over |= out.over;
	buf_wipe(&out);
	finish(c);
}

/* Of another process, for that long and a little more. */
static void
wait_answer(struct client *c, int64_t ms)
{
	c->id = ++c->control->next_id;
	arm(c, ms + WORKER_MS);
	event_del(c->event);
}

static void
ask_worker(struct client *c)
{
	struct control *ctl = c->control;
	const struct conf *conf = ctl->m->conf;
	struct child *worker = supervise_any(ctl->m);

	if (worker == NULL) {
		fail(c, "no worker is ready; see show workers and the log");
		return;
	}
	c->worker = worker->pid;
	snprintf(c->who, sizeof(c->who), "worker %d", (int)worker->pid);
	wait_answer(c, conf->store_timeout +
	    (commands[c->command].where == WHERE_SLACK ?
		conf->upstream_timeout : 0));
	if (!channel_send(worker->channel, MSG_COMMAND, c->id, c->in.p,
		strlen(c->in.p), -1))
		fail(c, "the worker's channel is full; try again");
}

/* What only reads is asked of another one, once. */
static void
worker_gone(struct client *c)
{
	if (commands[c->command].level != LEVEL_VIEW || c->again) {
		fail(c, "the worker ended before it answered: see the log for"
		    " what was done");
		return;
	}
	c->again = true;
	c->error = false;
	buf_reset(&c->out);
	ask_worker(c);
}

/* Either way no other client is freed than the one that is told. */
void
control_gone(struct master *m, pid_t worker)
{
	struct client *c, *next;

	if (m->control == NULL)
		return;
	for (c = LIST_FIRST(&m->control->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, next);
		if (c->id != 0 && c->worker == worker)
			worker_gone(c);
	}
}

/* NULL: who asked has gone. */
static struct client *
asker_of(struct master *m, unsigned id)
{
	struct client *c = NULL;

	if (m->control != NULL && id != 0)
		LIST_FOREACH(c, &m->control->clients, next)
			if (c->id == id)
				break;
	return c;
}

static void
answered(struct client *c)
{
	char *text;

	if (c->error && !c->out.over) {
		text = mem_strn(c->out.p, c->out.len);
		say_error(c, text[0] != '\0' ? text : "failed; see the log");
		free(text);
	}
	finish(c);
}

void
control_answer(struct master *m, const struct message *msg)
{
	struct client *c = asker_of(m, msg->id);

	if (c == NULL)
		return;
	buf_add(&c->out, msg->data, msg->len);
	c->error |= msg->error;
	if (msg->last)
		answered(c);
}

static void
on_job(struct master *m, int status, const struct buf *output, void *arg)
{
	struct client *c = asker_of(m, *(unsigned *)arg);

	if (c == NULL)
		return;
	buf_add(&c->out, output->p, output->len);
	c->out.over |= output->over;
	c->error = status != JOB_OK;
	answered(c);
}

/* It runs to its end, whether somebody waits for it or not. */
static void
run_job(struct client *c, const struct request *req)
{
	struct master *m = c->control->m;
	char *argv[COMMAND_ARGS + 2], json[] = "--json";
	int job = job_of(commands[req->id].words), n = 0;

	snprintf(c->who, sizeof(c->who), "job %s", job_rows[job].name);
	if (job_runs(m, (enum job_id)job)) {
		fail(c, "one is running already; try again when it has ended");
		return;
	}
	if (req->json)
		argv[n++] = json;
	for (int i = 0; i < req->argc; i++)
		argv[n++] = req->argv[i];
	argv[n] = NULL;
	wait_answer(c, job_rows[job].seconds * INT64_C(1000));
	m->job_asker[job] = c->id;
	if (job_start(m, (enum job_id)job, argv, on_job,
		&m->job_asker[job]) == -1)
		fail(c, "the job could not be started; see the log");
}

static void
run_line(struct client *c)
{
	struct request req;
	struct err err;
	char *copy;

	c->in.p[strcspn(c->in.p, "\r\n")] = '\0';
	copy = mem_str(c->in.p);
	if (command_parse(copy, c->level, &req, &err) == -1) {
		c->json = req.json;
		fail(c, err.text);
	} else {
		c->json = req.json;
		c->command = req.id;
		log_debug("control", "command \"%s\"", commands[req.id].words);
		if (commands[req.id].where == WHERE_MASTER)
			run_here(c, &req);
		else if (commands[req.id].where == WHERE_JOB)
			run_job(c, &req);
		else
			ask_worker(c);
	}
	free(copy);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	size_t left = COMMAND_LINE - c->in.len;
	ssize_t n;

	(void)what;
	if (left == 0) {
		counter_up(CNT_CONTROL_REFUSED);
		fail(c, "the line is longer than 4096 bytes");
		return;
	}
	n = read(fd, buf_room(&c->in, left), left);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->in.len += (size_t)n;
	if (n <= 0 && c->in.len == 0) {
		client_free(c);
		return;
	}
	if (n <= 0 || memchr(c->in.p, '\n', c->in.len) != NULL) {
		buf_char(&c->in, '\0');
		run_line(c);
	}
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	char text[96];

	(void)fd;
	(void)what;
	if (c->id == 0) {
		client_free(c);
		return;
	}
	snprintf(text, sizeof(text), "%s did not answer in time", c->who);
	fail(c, text);
}

/* Root and the master's user may do all, CONTROL_GROUP what only shows. */
static int
level_of(struct control *ctl, int fd, enum command_level *level)
{
	uid_t uid;
	gid_t gid;

	if (peer_credentials(fd, &uid, &gid) == -1)
		return -1;
	*level = LEVEL_VIEW;
	if (uid == 0 || uid == geteuid())
		*level = LEVEL_ADMIN;
	else if (!ctl->has_group ||
	    (gid != ctl->group && !peer_in_group(fd, ctl->group)))
		return -1;
	return 0;
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct control *ctl = arg;

	(void)fd;
	(void)what;
	event_add(ctl->event, NULL);
}

/* No descriptor is free: the one who waits goes on waiting, and we do not spin. */
static void
pause_accepting(struct control *ctl)
{
	struct timeval tv = clock_tv(PAUSE_MS);

	event_del(ctl->event);
	evtimer_add(ctl->resume, &tv);
}

/* In one line, which fits the empty buffer of a fresh socket. */
static void
refuse(int fd, const char *why)
{
	struct buf line = { 0 };

	counter_up(CNT_CONTROL_REFUSED);
	if (trouble_met(TROUBLE_CONTROL))
		log_warn("control", "an asker was refused: %s", why);
	buf_fmt(&line, "error: %s\n", why);
	(void)!write(fd, line.p, line.len);
	buf_wipe(&line);
	close(fd);
}

static void
client_new(struct control *ctl, int fd, enum command_level level)
{
	struct client *c = mem_new(sizeof(*c));

	*c = (struct client){ .control = ctl, .fd = fd, .level = level,
		.out.max = ANSWER_MAX };
	LIST_INSERT_HEAD(&ctl->clients, c, next);
	ctl->nclients++;
	c->event = event_new(ctl->m->base, fd, EV_READ | EV_PERSIST,
	    on_readable, c);
	c->timer = evtimer_new(ctl->m->base, on_time, c);
	event_add(c->event, NULL);
	arm(c, LINE_MS);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct control *ctl = arg;
	enum command_level level;
	int fd = peer_accept((int)listener);

	(void)what;
	if (fd == -1 &&
	    (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		errno == ENOMEM))
		pause_accepting(ctl);
	if (fd == -1)
		return;
	if (level_of(ctl, fd, &level) == -1)
		refuse(fd,
		    "root, the daemon's user or CONTROL_GROUP may ask");
	else if (ctl->nclients >= CLIENTS_MAX)
		refuse(fd, "too many ask at one time; try again");
	else
		client_new(ctl, fd, level);
}

int
control_open(struct master *m, struct err *err)
{
	struct control *ctl = mem_new(sizeof(*ctl));
	const char *group = m->conf->control_group;

	ctl->m = m;
	LIST_INIT(&ctl->clients);
	ctl->has_group = group[0] != '\0';
	if (ctl->has_group && runas_group(group, &ctl->group, err) == -1) {
		free(ctl);
		return -1;
	}
	ctl->fd = listen_unix(m->conf->control_socket,
	    ctl->has_group ? 0660 : 0600, ctl->has_group ? (int)ctl->group : -1,
	    err);
	if (ctl->fd == -1) {
		free(ctl);
		return -1;
	}
	ctl->event = event_new(m->base, ctl->fd, EV_READ | EV_PERSIST,
	    on_accept, ctl);
	event_add(ctl->event, NULL);
	ctl->resume = evtimer_new(m->base, on_resume, ctl);
	m->control = ctl;
	return 0;
}

void
control_close(struct master *m)
{
	struct control *ctl = m->control;

	if (ctl == NULL)
		return;
	while (!LIST_EMPTY(&ctl->clients))
		client_free(LIST_FIRST(&ctl->clients));
	event_free(ctl->event);
	event_free(ctl->resume);
	close(ctl->fd);
	unlink(m->conf->control_socket);
	free(ctl);
	m->control = NULL;
}
