/* SPDX-License-Identifier: ISC */
#ifndef MASTER_STATE_H
#define MASTER_STATE_H

/* What the files of master/ share. */

#include "admin/jobs.h"
#include "base/buf.h"
#include "master/master.h"
#include "master/runas.h"
#include "net/channel.h"
#include "net/listen.h"
#include "net/notify.h"

#include <event2/event.h>
#include <sys/queue.h>
#include <sys/types.h>

#define GENERATIONS_MAX	3
#define SLOTS_MAX	64
#define SIGNALS		6

struct master;
typedef void job_done_fn(struct master *m, int status, const struct buf *output,
    void *arg);

/* A process: a worker of a slot, or a job (slot -1). */
struct child {
	TAILQ_ENTRY(child) next;
	struct master *m;
	pid_t pid;
	int slot;
	unsigned generation;
	int row;			/* of the board */
	struct channel *channel;	/* NULL: its end is closed */
	int64_t started;
	bool ready, killed;
	int64_t drain_until;		/* then it is killed; 0: not draining */

	int job;			/* a job's */
	int64_t deadline;
	struct buf output;
	job_done_fn *done;
	void *arg;
};
TAILQ_HEAD(children, child);

/* A place for a worker of the newest generation. */
struct place {
	int short_lives;		/* in a row */
	int64_t pause_ms;
	int64_t next_start;		/* monotonic; 0: not waiting */
};

struct master {
	const struct master_start *start;
	struct conf *conf;
	struct event_base *base;
	struct runas runas;
	struct region *region;
	bool region_fresh;
	struct keyring *keys;
	bool keys_are_new;
	void *ca;
	void *tls;			/* of TLS_CERT and TLS_KEY; NULL: no TLS */
	int64_t tls_told;		/* when its end was last looked at */
	bool tls_bad;			/* it was out of its dates then */
	struct listen_set listen, admin_listen;
	struct http_server *http;
	struct control *control;
	unsigned job_asker[JOB_COUNT];	/* a client's id, of a command that runs in a job */
	struct event *signals[SIGNALS];
	struct event *tick;
	struct listen_set agent_listen;
	struct event *agent[LISTEN_ADDRESSES];
	int pid_fd;
	int starter;			/* pipe to the command that waits; -1 */
	bool daemon;			/* nobody reads what the caller's descriptors get */
	struct notify notify;

	struct children children;
	struct place places[SLOTS_MAX];
	unsigned generation;
	int workers;
	bool running;			/* workers are wanted */
	bool up;			/* all were READY once */
	bool reload_waits;
	bool refused_reload;		/* the last one */
	bool reloading;			/* the service manager was told so */
	bool stopping;
	int status;			/* exit status */
	int64_t started, pruned, prune_job, spool_job, prepare_job;
	int64_t prepare_pause;		/* 0: it is prepared, or was not tried */
	bool prepared;			/* since the start, once */
	bool refused, spool_told;	/* the log says that it is; that some wait */
	bool spool_look;		/* somebody died: what he left may be there */
	int64_t ticked, woke;		/* the last tick; when it last came far too late */
};

/* child.c: forks one; a job when slot is -1. */
struct child *child_start(struct master *m, int slot, int job, char **argv);
void child_free(struct child *c);

/* supervise.c */
void supervise_start(struct master *m);
void supervise_drain(struct master *m, int64_t ms);
void supervise_kill(struct master *m);
void supervise_ready(struct child *c);		/* it sent READY */
void supervise_reap(struct master *m);		/* SIGCHLD */
void supervise_tick(struct master *m);
struct child *supervise_any(struct master *m);	/* a READY worker; NULL */
void supervise_facts(struct master *m);		/* onto the board */
int supervise_left(const struct master *m);	/* workers that live */
int supervise_generations(const struct master *m);
/* To all workers but one (NULL: to all). */
void supervise_send(struct master *m, const struct child *but,
    enum message_type type, int fd);

/* reload.c */
int reload_run(struct master *m, struct buf *said);	/* -1: the old stays */
void reload_tick(struct master *m);	/* runs one that waits */

/* jobs.c */
int job_start(struct master *m, enum job_id job, char **argv, job_done_fn *done,
    void *arg);			/* -1: it could not be started */
bool job_runs(const struct master *m, enum job_id job);
void job_tick(struct master *m);		/* starts what is due, ends what is late */
void job_message(struct child *c, const struct message *msg);
void job_ended(struct child *c, int status);

/* control.c: the admin control socket */
int control_open(struct master *m, struct err *err);
void control_close(struct master *m);
void control_answer(struct master *m, const struct message *msg);	/* of a worker */
void control_gone(struct master *m, pid_t worker);	/* it will not answer */

/* commands.c: what the master itself runs; -1: out tells a failure. */
struct request;
int command_run(struct master *m, const struct request *req, struct buf *out);

/* status.c: the master's own listener */
int status_open(struct master *m, struct err *err);
void status_close(struct master *m);

/* agent.c: HAProxy's agent-check */
int agent_open(struct master *m, struct err *err);
void agent_close(struct master *m);

/* setup.c */
int setup_folders(struct master *m, struct err *err);
int setup_pid_file(struct master *m, struct err *err);
int setup_limits(struct master *m, struct err *err);
int setup_keys(struct master *m, struct err *err);
int setup_region(struct master *m, struct err *err);
void setup_ca(struct master *m);		/* at a reload too */
void setup_tune(struct master *m);		/* after a reload */
void setup_wipe(struct master *m);

/* certificate.c */
int certificate_open(struct master *m, struct err *err);	/* and its sockets */
/* What conf names (NULL: no TLS), and that it takes the place of what is served. */
int certificate_read(const struct conf *conf, void **tls, struct err *err);
void certificate_use(struct master *m, void *tls);
int64_t certificate_days(const struct master *m);	/* left; below 0: expired */
void certificate_tick(struct master *m);	/* warns once a day */

/* master.c */
void master_stop(struct master *m);		/* TERM, or the command; twice: now */
void master_fail(struct master *m, int status, const char *why);
void master_up(struct master *m);		/* all workers are READY, again too */
void master_reloads(struct master *m);		/* a reload begins */
void master_stays(struct master *m);		/* a reload was refused */
void master_gone(struct master *m);		/* the last worker of a stop has ended */

#endif
