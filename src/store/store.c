/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/backend.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/trouble.h"
#include "shm/board.h"

#include <stdlib.h>

#define TIMEOUT		5000	/* ms */
#define PAUSE_FIRST	5	/* ms; doubles while the store stays busy */
#define PAUSE_MAX	80
#define PAUSE_AWAY	250	/* INSIST: until it is looked at again */
#define STILL_FAILS	3000	/* ms after a failure that others' success does not end */
#define UNITS_MAX	2048	/* of one process, waiting and under way */

struct store {
	struct event_base *base;
	const struct backend *backend;
	void *back;
	struct event *pump;
	struct err away;	/* kind is ERR_NONE while somebody may answer */
	bool told;		/* that it is away; nobody has answered since */
	int64_t failed[ST_COUNT];	/* when it last failed, which was told; 0: it works */
	int64_t last;		/* of those */
	bool job;		/* whoever asks tells what failed */
	bool turn;		/* of writes, if any wait */
	int timeout;
	size_t units;
	TAILQ_HEAD(units, unit) queue[2], out;	/* reads, writes; out: RUNNING and PAUSED */
};

const struct statement statements[ST_COUNT] = {
#define STATEMENT(sym, flags, params, columns, sql) \
	[ST_##sym] = { #sym, flags, params, columns, sql },
#include "store/statements.def"
#undef STATEMENT
};

/* ---- values ---- */

char *
value_room(struct value *v, size_t len)
{
	char *p = mem_new(len + 1);

	v->text = p;
	v->len = len;
	return p;
}

static void
value_copy(struct value *to, const struct value *from)
{
	*to = *from;
	if (from->letter == 'i')
		return;
	value_room(to, from->len);
	if (from->len > 0)
		memcpy((char *)to->text, from->text, from->len);
}

struct value *
unit_row(struct unit *u, size_t columns)
{
	struct answer *a = &u->answer;
	struct value *row;

	a->columns = columns;
	a->cells = mem_array(a->cells, (a->rows + 1) * columns, sizeof(*row));
	row = a->cells + a->rows++ * columns;
	memset(row, 0, columns * sizeof(*row));
	return row;
}

static void
answer_wipe(struct answer *a)
{
	for (size_t i = 0; i < a->rows * a->columns; i++)
		free((char *)a->cells[i].text);
	free(a->cells);
	memset(a, 0, sizeof(*a));
}

/* ---- units ---- */

static bool
writes(const struct unit *u)
{
	return (u->flags & WRITE) != 0;
}

void
step_drop(struct step *s)
{
	if (s->id == ST_END)
		return;
	for (size_t i = 0; statements[s->id].params[i] != '\0'; i++)
		if (s->params[i].letter != 'i')
			free((char *)s->params[i].text);
}

/* A letter that differs from the table's is our own bug. */
void
step_keep(struct step *to, const struct step *from)
{
	const struct statement *s = &statements[from->id];

	to->id = from->id;
	for (size_t i = 0; s->params[i] != '\0'; i++) {
		if (i == PARAMS_MAX || from->params[i].letter != s->params[i])
			fatal("store: %s: parameter %zu is another's", s->name,
			    i);
		value_copy(&to->params[i], &from->params[i]);
	}
}

/* The new ones may be made of the old ones' values. */
static void
unit_fill(struct unit *u, const struct step *steps)
{
	struct step old[STEPS_MAX];
	size_t nold = u->nsteps;

	memcpy(old, u->steps, nold * sizeof(*old));
	u->nsteps = 0;
	u->flags = 0;
	for (; steps->id != ST_END; steps++) {
		if (u->nsteps == STEPS_MAX)
			fatal("store: a unit of more than %d steps", STEPS_MAX);
		step_keep(&u->steps[u->nsteps++], steps);
		u->flags |= statements[steps->id].flags;
	}
	for (size_t i = 0; i < nold; i++)
		step_drop(&old[i]);
}

static void
unit_free(struct unit *u)
{
	if (u->op != NULL && u->op->wipe != NULL)
		u->op->wipe(u->op);
	free(u->op);
	for (size_t i = 0; i < u->nsteps; i++)
		step_drop(&u->steps[i]);
	answer_wipe(&u->answer);
	event_free(u->timer);
	u->st->units--;
	board_gauge(GAUGE_STORE, -1);
	free(u);
}

/* Reads and writes take turns: a write may keep a connection while it waits for what
 * another process has locked, and many of them must not keep the reads waiting. */
static struct units *
queue_of(struct unit *u)
{
	return &u->st->queue[writes(u)];
}

static void
unit_leave(struct unit *u)
{
	if (u->state == QUEUED)
		TAILQ_REMOVE(queue_of(u), u, next);
	else
		TAILQ_REMOVE(&u->st->out, u, next);
}

/* By a timer: an event made active would come before the other sockets. */
static void
kick(struct store *st)
{
	evtimer_add(st->pump, &(struct timeval){ 0 });
}

static void
arm(struct unit *u, int64_t ms)
{
	int64_t left = u->deadline - clock_ms();
	struct timeval tv = clock_tv(ms < left ? ms : left);

	evtimer_add(u->timer, &tv);
}

static void
enqueue(struct unit *u)
{
	u->state = QUEUED;
	TAILQ_INSERT_TAIL(queue_of(u), u, next);
	arm(u, INT64_MAX);
	kick(u->st);
}

static void
pause_unit(struct unit *u, int ms)
{
	answer_wipe(&u->answer);
	u->state = PAUSED;
	arm(u, ms);
	kick(u->st);
}

/* One too many: its time is over before it begins. */
static void
refuse(struct unit *u)
{
	counter_up(CNT_STORE_FULL);
	u->refused = true;
	u->deadline = clock_ms();
	TAILQ_INSERT_TAIL(&u->st->out, u, next);
	pause_unit(u, 0);
}

static enum log_level
level(const struct store *st, enum log_level usual)
{
	return st->job ? LOG_LEVEL_DEBUG : usual;
}

static enum trouble_id
trouble_of(const struct unit *u)
{
	return writes(u) ? TROUBLE_STORE_WRITES : TROUBLE_STORE_READS;
}

/* Only an answer shows that it is of use: a server that can be reached may have no
 * tables yet. */
static void
came_back(struct store *st)
{
	if (!st->told)
		return;
	log_at(level(st, LOG_LEVEL_INFO), "store", "is reached again");
	board_store_away(false);
	st->told = false;
	/* what failed, failed for that reason */
	memset(st->failed, 0, sizeof(st->failed));
	trouble_over(TROUBLE_STORE_READS);
	trouble_over(TROUBLE_STORE_WRITES);
}

/* By the unit's last statement, which is what the others are for.  Each is told
 * once, however many ask for it. */
static void
note_failure(struct unit *u, const struct err *err)
{
	enum statement_id id = u->steps[u->nsteps - 1].id;
	struct store *st = u->st;

	counter_up(CNT_STORE_ERRORS);
	if (st->away.kind != ERR_NONE || u->refused)
		return;
	trouble_met(trouble_of(u));
	if (st->failed[id] == 0)
		log_at(level(st, LOG_LEVEL_WARN), "store",
		    "%s fails, and who needs it is refused: %s",
		    statements[id].name, err->text);
	st->failed[id] = st->last = clock_ms();
}

/* A part of the store may be damaged or full, and the rest of it work. */
static bool
others_fail(const struct store *st, bool write)
{
	int64_t since = clock_ms() - STILL_FAILS;

	if (st->last <= since)
		return false;
	for (int i = 0; i < ST_COUNT; i++)
		if (st->failed[i] > since &&
		    ((statements[i].flags & WRITE) != 0) == write)
			return true;
	return false;
}

static void
note_success(struct unit *u)
{
	enum statement_id id = u->steps[u->nsteps - 1].id;
	struct store *st = u->st;

	came_back(st);
	if (st->failed[id] != 0)
		log_at(level(st, LOG_LEVEL_INFO), "store", "%s works again",
		    statements[id].name);
	st->failed[id] = 0;
	if (!others_fail(st, writes(u)))
		trouble_over(trouble_of(u));
}

void
unit_end(struct unit *u, const struct err *err)
{
	if (err != NULL && err->kind == ERR_UPSTREAM &&
	    (u->flags & INSIST) != 0 && clock_ms() < u->deadline) {
		pause_unit(u, PAUSE_AWAY);
		return;
	}
	unit_leave(u);
	kick(u->st);
	if (err != NULL)
		note_failure(u, err);
	else
		note_success(u);
	u->state = ENDING;
	if (u->done != NULL)
		u->done(u->arg, err == NULL ? &u->answer : NULL, err);
	if (u->state == ENDING)		/* else op_next was called */
		unit_free(u);
}

void
unit_busy(struct unit *u)
{
	counter_up(CNT_STORE_BUSY);
	u->busy = true;
	pause_unit(u, u->pause);
	if (u->pause < PAUSE_MAX)
		u->pause *= 2;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct unit *u = arg;
	struct store *st = u->st;
	struct err err;

	(void)fd, (void)what;
	if (clock_ms() < u->deadline) {
		if (u->state == PAUSED) {
			unit_leave(u);
			enqueue(u);
		} else {
			arm(u, INT64_MAX);	/* libevent's clock may lie behind */
		}
		return;
	}
	if (u->state == RUNNING)
		st->backend->drop(st->back, u);
	if (u->refused)
		err_set(&err, ERR_LIMIT, "the store has %d things to do",
		    UNITS_MAX);
	else
		err_set(&err, ERR_TIMEOUT, "the store %s %s",
		    u->busy ? "was locked by others all the time of" :
			      "took too long for",
		    statements[u->steps[u->nsteps - 1].id].name);
	unit_end(u, &err);
}

/* One unit a turn of the loop, so that others get theirs. */
static void
on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct store *st = arg;
	struct unit *u = TAILQ_FIRST(&st->queue[st->turn]);
	struct err err = st->away;

	(void)fd, (void)what;
	if (u == NULL && (u = TAILQ_FIRST(&st->queue[!st->turn])) == NULL)
		return;
	TAILQ_REMOVE(queue_of(u), u, next);
	TAILQ_INSERT_TAIL(&st->out, u, next);
	u->state = RUNNING;
	if (err.kind != ERR_NONE) {
		unit_end(u, &err);
		return;
	}
	if (st->backend->start(st->back, u)) {
		st->turn = !st->turn;
		kick(st);
		return;
	}
	TAILQ_REMOVE(&st->out, u, next);
	TAILQ_INSERT_HEAD(queue_of(u), u, next);
	u->state = QUEUED;
}

static struct unit *
unit_new(struct store *st, const struct step *steps, int deadline_ms)
{
	struct unit *u = mem_new(sizeof(*u));

	if ((u->timer = evtimer_new(st->base, on_timer, u)) == NULL)
		fatal("store: no timer");
	u->st = st;
	u->pause = PAUSE_FIRST;
	u->deadline = clock_ms() + deadline_ms;
	unit_fill(u, steps);
	counter_up(CNT_STORE_UNITS);
	board_gauge(GAUGE_STORE, 1);
	if (++st->units > UNITS_MAX && (u->flags & INSIST) == 0)
		refuse(u);
	else
		enqueue(u);
	return u;
}

struct unit *
store_run(struct store *st, const struct step *steps, int deadline_ms,
    store_done_fn *done, void *arg)
{
	struct unit *u = unit_new(st, steps, deadline_ms);

	u->done = done;
	u->arg = arg;
	return u;
}

void
store_cancel(struct unit *u)
{
	u->done = NULL;
	if (u->state == RUNNING)
		return;
	unit_leave(u);
	unit_free(u);
}

struct unit *
op_start(struct store *st, const struct step *steps, int deadline_ms,
    store_done_fn *done, struct op *op)
{
	struct unit *u = store_run(st, steps, deadline_ms, done, op);

	u->op = op;
	op->unit = u;
	return u;
}

void
op_next(struct op *op, const struct step *steps, store_done_fn *done)
{
	struct unit *u = op->unit;

	unit_fill(u, steps);
	answer_wipe(&u->answer);
	u->done = done;
	u->pause = PAUSE_FIRST;
	counter_up(CNT_STORE_UNITS);
	enqueue(u);
}

const struct step *
op_step(const struct op *op, size_t i)
{
	return &op->unit->steps[i];
}

/* ---- the store ---- */

void
store_ready(struct store *st)
{
	st->away.kind = ERR_NONE;
	kick(st);
}

void
store_away(struct store *st, const struct err *why)
{
	if (!st->told) {
		counter_up(CNT_STORE_AWAY);
		log_at(level(st, LOG_LEVEL_ERROR), "store",
		    "is away, and who needs it is refused: %s", why->text);
	}
	st->away = *why;
	st->told = true;
	board_store_away(true);
	kick(st);
}

bool
store_is_away(const struct store *st)
{
	return st->away.kind != ERR_NONE;
}

void
store_set_timeout(struct store *st, int ms)
{
	st->timeout = ms;
}

int
store_timeout(const struct store *st)
{
	return st->timeout;
}

static const struct backend *
choose(const struct store_conf *conf)
{
#ifdef HAVE_MARIADB
	return conf->path != NULL ? &backend_sqlite : &backend_mariadb;
#else
	if (conf->path == NULL)
		fatal("store: this program has no MariaDB in it");	/* the options were checked */
	return &backend_sqlite;
#endif
}

struct store *
store_new(struct event_base *base, const struct store_conf *conf)
{
	struct store *st = mem_new(sizeof(*st));

	if ((st->pump = evtimer_new(base, on_pump, st)) == NULL)
		fatal("store: no timer");
	st->base = base;
	st->job = conf->job;
	st->timeout = TIMEOUT;
	TAILQ_INIT(&st->queue[0]);
	TAILQ_INIT(&st->queue[1]);
	TAILQ_INIT(&st->out);
	st->backend = choose(conf);
	st->back = st->backend->open(st, base, conf);
	return st;
}

void
store_free(struct store *st)
{
	struct unit *u;

	if (st == NULL)
		return;
	st->backend->close(st->back);
	while ((u = TAILQ_FIRST(&st->out)) != NULL ||
	    (u = TAILQ_FIRST(&st->queue[0])) != NULL ||
	    (u = TAILQ_FIRST(&st->queue[1])) != NULL) {
		unit_leave(u);
		unit_free(u);
	}
	event_free(st->pump);
	free(st);
}
