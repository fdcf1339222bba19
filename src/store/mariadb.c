/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/backend.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/dial.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <sys/socket.h>

#define LANES		2	/* connections of this process */
#define REDIAL_FIRST	100	/* ms; doubles while the server is away */
#define REDIAL_MAX	5000

enum todo {
	TO_BEGIN,
	TO_PREPARE,
	TO_EXECUTE,
	TO_STORE,
	TO_COMMIT,
	TO_ROLLBACK,
	TO_END
};
enum verdict { GOOD, UNDONE, BUSY, FAILED };

struct lane {
	struct mariadb *m;
	struct dial *dial;	/* connecting ... */
	MYSQL *my;		/* ... connected, or neither: waiting to dial */
	struct event *wake;	/* the dial, the next dial, or the socket */
	int redial;
	MYSQL_STMT *prepared[ST_COUNT];
	struct unit *unit;	/* NULL: idle */
	size_t step;
	enum todo todo;
	int rc;			/* of todo, when it is over */
	unsigned code;		/* MariaDB's, when that is not 0 */
	enum verdict verdict;
	struct err err;
};

struct mariadb {
	struct store *st;
	struct event_base *base;
	struct store_conf conf;
	struct lane lanes[LANES];
};

static void on_idle(evutil_socket_t fd, short what, void *arg);
static void on_socket(evutil_socket_t fd, short what, void *arg);
static void dial(struct lane *l);

static void
wake_on(struct lane *l, int fd, short what, event_callback_fn fn, int ms)
{
	struct timeval tv = clock_tv(ms);

	if (l->wake != NULL)
		event_free(l->wake);
	l->wake = event_new(l->m->base, fd, what, fn, l);
	if (l->wake == NULL || event_add(l->wake, ms > 0 ? &tv : NULL) == -1)
		fatal("store: no event");
}

/* ---- connecting ---- */

static void
hang_up(struct lane *l)
{
	if (l->my == NULL)
		return;
	shutdown(mysql_get_socket(l->my), SHUT_RDWR);	/* else closing may wait for it */
	mysql_close(l->my);
	for (size_t i = 0; i < ST_COUNT; i++) {
		if (l->prepared[i] != NULL)
			mysql_stmt_close(l->prepared[i]);
		l->prepared[i] = NULL;
	}
	l->my = NULL;
}

static void
on_redial(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	dial(arg);
}

static bool
is_connected(const struct mariadb *m)
{
	for (int i = 0; i < LANES; i++)
		if (m->lanes[i].my != NULL)
			return true;
	return false;
}

static void
on_dialled(evutil_socket_t fd, short what, void *arg)
{
	struct lane *l = arg;
	struct err err;

	(void)fd, (void)what;
	l->my = dial_take(l->dial, &err);
	l->dial = NULL;
	if (l->my != NULL) {
		l->redial = REDIAL_FIRST;
		wake_on(l, mysql_get_socket(l->my), EV_READ, on_idle, 0);
		store_ready(l->m->st);
		return;
	}
	wake_on(l, -1, 0, on_redial, l->redial);
	if (l->redial < REDIAL_MAX)
		l->redial *= 2;
	if (!is_connected(l->m))
		store_away(l->m->st, &err);
}

static void
dial(struct lane *l)
{
	l->dial = dial_start(&l->m->conf);
	wake_on(l, dial_fd(l->dial), EV_READ, on_dialled, 0);
}

/* Nothing may come on an idle connection but its end. */
static void
on_idle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	hang_up(arg);
	dial(arg);
}

/* ---- what can be under way: each starts, and goes on when the socket is ready ---- */

static const struct statement *
statement(const struct lane *l)
{
	return &statements[l->unit->steps[l->step].id];
}

static MYSQL_STMT *
stmt(const struct lane *l)
{
	return l->prepared[l->unit->steps[l->step].id];
}

static int
start_query(struct lane *l)
{
	static const char *const text[] = {
		[TO_BEGIN] = "BEGIN", [TO_COMMIT] = "COMMIT", [TO_ROLLBACK] = "ROLLBACK" };

	return mysql_real_query_start(&l->rc, l->my, text[l->todo],
	    strlen(text[l->todo]));
}

static int
cont_query(struct lane *l, int ready)
{
	return mysql_real_query_cont(&l->rc, l->my, ready);
}

static int
start_prepare(struct lane *l)
{
	const struct step *step = &l->unit->steps[l->step];
	const char *sql = statement(l)->sql;

	if (sql == NULL)
		sql = step->params[0].text;
	if (stmt(l) == NULL &&
	    (l->prepared[step->id] = mysql_stmt_init(l->my)) == NULL)
		fatal("store: no memory for a statement");
	return mysql_stmt_prepare_start(&l->rc, stmt(l), sql, strlen(sql));
}

static int
cont_prepare(struct lane *l, int ready)
{
	return mysql_stmt_prepare_cont(&l->rc, stmt(l), ready);
}

static enum enum_field_types
type_of(char letter)
{
	return letter == 'i' ? MYSQL_TYPE_LONGLONG :
	    letter == 's' ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB;
}

static int
start_execute(struct lane *l)
{
	struct value *v = l->unit->steps[l->step].params;
	MYSQL_BIND bind[PARAMS_MAX] = { 0 };

	for (unsigned long i = 0; i < mysql_stmt_param_count(stmt(l));
	     i++, v++) {
		bind[i].buffer_type = type_of(v->letter);
		bind[i].buffer = v->letter == 'i' ? (void *)&v->n :
						    (void *)v->text;
		bind[i].buffer_length = v->len;
	}
	mysql_stmt_bind_param(stmt(l), bind);
	return mysql_stmt_execute_start(&l->rc, stmt(l));
}

static int
cont_execute(struct lane *l, int ready)
{
	return mysql_stmt_execute_cont(&l->rc, stmt(l), ready);
}

static int
start_store(struct lane *l)
{
	return mysql_stmt_store_result_start(&l->rc, stmt(l));
}

static int
cont_store(struct lane *l, int ready)
{
	return mysql_stmt_store_result_cont(&l->rc, stmt(l), ready);
}

static const struct {
	int (*start)(struct lane *l);
	int (*cont)(struct lane *l, int ready);
	bool by_stmt;		/* who names its error: the statement, or the connection */
} ops[] = {
	[TO_BEGIN] = { start_query, cont_query, false },
	[TO_PREPARE] = { start_prepare, cont_prepare, true },
	[TO_EXECUTE] = { start_execute, cont_execute, true },
	[TO_STORE] = { start_store, cont_store, true },
	[TO_COMMIT] = { start_query, cont_query, false },
	[TO_ROLLBACK] = { start_query, cont_query, false },
};

/* ---- rows ---- */

struct columns {
	MYSQL_BIND bind[PARAMS_MAX];
	unsigned long len[PARAMS_MAX];
	my_bool cut[PARAMS_MAX];
	long long n[PARAMS_MAX];
};

/* Bytes are asked for with no room at first, so that a row is always
 * "truncated"; for an integer that is an error. */
static void
bind_columns(struct columns *c, const char *letters)
{
	for (size_t i = 0; letters[i] != '\0'; i++) {
		c->bind[i].buffer_type = letters[i] == 'i' ?
		    MYSQL_TYPE_LONGLONG :
		    MYSQL_TYPE_BLOB;
		c->bind[i].buffer = letters[i] == 'i' ? &c->n[i] : NULL;
		c->bind[i].length = &c->len[i];
		c->bind[i].error = &c->cut[i];
	}
}

static int
take_column(MYSQL_STMT *q, struct columns *c, unsigned i, struct value *v)
{
	MYSQL_BIND *b = &c->bind[i];

	if (v->letter == 'i') {
		v->n = c->n[i];
		return c->cut[i] ? -1 : 0;
	}
	b->buffer_length = c->len[i];
	b->buffer = value_room(v, c->len[i]);
	if (mysql_stmt_fetch_column(q, b, i, 0) != 0 || c->cut[i])
		return -1;
	b->buffer_length = 0;
	b->buffer = NULL;
	return 0;
}

/* All rows are here, nothing waits. */
static int
take_rows(struct lane *l)
{
	const char *letters = statement(l)->columns;
	size_t n = strlen(letters);
	struct columns c = { 0 };
	int rc;

	if (mysql_stmt_field_count(stmt(l)) != n)
		return -1;
	bind_columns(&c, letters);
	mysql_stmt_bind_result(stmt(l), c.bind);
	while ((rc = mysql_stmt_fetch(stmt(l))) == 0 ||
	    rc == MYSQL_DATA_TRUNCATED) {
		struct value *v = unit_row(l->unit, n);

		for (unsigned i = 0; i < n; i++, v++) {
			v->letter = letters[i];
			if (take_column(stmt(l), &c, i, v) == -1)
				return -1;
		}
	}
	mysql_stmt_free_result(stmt(l));
	return rc == MYSQL_NO_DATA ? 0 : -1;
}

/* ---- what comes after what ---- */

/* What is an error for us too is told in words of our own: the server's hold what was
 * written. */
static const struct {
	unsigned code;
	enum verdict verdict;
	const char *text;
} verdicts[] = {
	{ ER_DUP_ENTRY, UNDONE, NULL },
	{ ER_LOCK_DEADLOCK, BUSY, NULL },	/* Galera: another node was first */
	{ ER_LOCK_WAIT_TIMEOUT, BUSY, NULL },
	{ ER_CHECKREAD, BUSY, NULL },		/* changed since it was read */
	{ ER_OPTION_PREVENTS_STATEMENT, FAILED, "the server is read-only" },
	{ ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, FAILED, "the server is read-only" },
	{ ER_TABLEACCESS_DENIED_ERROR, FAILED, "our user lacks the right" },
	{ ER_DBACCESS_DENIED_ERROR, FAILED, "our user lacks the right" },
	{ ER_RECORD_FILE_FULL, FAILED, "there is no room for it" },
	{ ER_DISK_FULL, FAILED, "there is no room for it" },
	{ ER_NO_SUCH_TABLE, FAILED, "the table is not there" },
	{ ER_UNKNOWN_COM_ERROR, FAILED, "this Galera node is not part of its cluster" },
};

static bool
is_drivers(const struct lane *l)
{
	return l->code >= CR_MIN_ERROR && l->code <= CR_MAX_ERROR;
}

static void
tell(struct lane *l, const char *text)
{
	bool by_stmt = ops[l->todo].by_stmt;

	l->verdict = FAILED;
	if (text == NULL && is_drivers(l))
		text = by_stmt ? mysql_stmt_error(stmt(l)) : mysql_error(l->my);
	if (text == NULL)
		text = by_stmt ? mysql_stmt_sqlstate(stmt(l)) :
				 mysql_sqlstate(l->my);
	if (l->code == 0)
		err_set(&l->err, ERR_UPSTREAM,
		    "MariaDB: %s: an answer does not fit", statement(l)->name);
	else
		err_set(&l->err, ERR_UPSTREAM, "MariaDB: %s: error %u (%s)",
		    statement(l)->name, l->code, text);
}

static void
judge(struct lane *l)
{
	size_t i = 0, n = sizeof(verdicts) / sizeof(verdicts[0]);

	l->code = ops[l->todo].by_stmt ? mysql_stmt_errno(stmt(l)) :
					 mysql_errno(l->my);
	while (i < n && verdicts[i].code != l->code)
		i++;
	l->verdict = i < n ? verdicts[i].verdict : FAILED;
	l->unit->answer.touched = 0;
	if (l->verdict == FAILED)
		tell(l, i < n ? verdicts[i].text : NULL);
}

static bool
is_lost(const struct lane *l)
{
	return l->verdict == FAILED && (l->code == 0 || is_drivers(l));
}

/* A server that closed the connection (it was idle too long, or restarted) has
 * answered nothing: what only reads is asked again. */
static bool
asks_again(const struct lane *l)
{
	return is_lost(l) && l->code != 0 && (l->unit->flags & WRITE) == 0;
}

static enum todo
begin_step(struct lane *l)
{
	if (l->step == l->unit->nsteps) {
		l->step--;
		return l->unit->nsteps > 1 ? TO_COMMIT : TO_END;
	}
	return stmt(l) == NULL || statement(l)->sql == NULL ? TO_PREPARE :
							      TO_EXECUTE;
}

static enum todo
end_step(struct lane *l)
{
	l->step++;
	return begin_step(l);
}

static void
forget(struct lane *l)
{
	mysql_stmt_close(stmt(l));
	l->prepared[l->unit->steps[l->step].id] = NULL;
}

static enum todo
undo(const struct lane *l)
{
	return l->unit->nsteps > 1 && l->todo != TO_ROLLBACK && !is_lost(l) ?
	    TO_ROLLBACK : TO_END;
}

static enum todo
after_execute(struct lane *l)
{
	const struct statement *s = statement(l);

	if (s->columns[0] != '\0')
		return TO_STORE;
	l->unit->answer.touched = (int64_t)mysql_stmt_affected_rows(stmt(l));
	if ((s->flags & MUST) != MUST || l->unit->answer.touched > 0)
		return end_step(l);
	l->verdict = UNDONE;
	return undo(l);
}

static enum todo
next_todo(struct lane *l)
{
	if (l->rc == 0 && l->todo == TO_STORE)
		l->rc = take_rows(l);
	if (l->rc != 0) {
		judge(l);
		if (l->todo == TO_PREPARE)
			forget(l);
		return undo(l);
	}
	switch (l->todo) {
	case TO_BEGIN:
		return begin_step(l);
	case TO_PREPARE:
		return TO_EXECUTE;
	case TO_EXECUTE:
		return after_execute(l);
	case TO_STORE:
		return end_step(l);
	default:
		return TO_END;
	}
}

static void
finish(struct lane *l)
{
	struct unit *u = l->unit;
	bool busy = l->verdict == BUSY || asks_again(l);

	if (is_lost(l)) {
		hang_up(l);
		dial(l);
	} else {
		wake_on(l, mysql_get_socket(l->my), EV_READ, on_idle, 0);
	}
	l->unit = NULL;
	if (busy)
		unit_busy(u);
	else
		unit_end(u, l->verdict == FAILED ? &l->err : NULL);
}

/* Runs on until an operation waits.  The unit's timer stands above whatever
 * time the driver asks for: over TLS it never asks. */
static void
run(struct lane *l, int waits)
{
	while (waits == 0 && (l->todo = next_todo(l)) != TO_END)
		waits = ops[l->todo].start(l);
	if (l->todo == TO_END)
		finish(l);
	else
		wake_on(l, mysql_get_socket(l->my),
		    (short)((waits & MYSQL_WAIT_READ ? EV_READ : 0) |
		    (waits & MYSQL_WAIT_WRITE ? EV_WRITE : 0)), on_socket, 0);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct lane *l = arg;

	(void)fd;
	run(l, ops[l->todo].cont(l, (what & EV_READ ? MYSQL_WAIT_READ : 0) |
	    (what & EV_WRITE ? MYSQL_WAIT_WRITE : 0)));
}

/* ---- the back end ---- */

static bool
start(void *back, struct unit *u)
{
	struct mariadb *m = back;

	for (struct lane *l = m->lanes; l < m->lanes + LANES; l++) {
		if (l->my == NULL || l->unit != NULL)
			continue;
		l->unit = u;
		l->step = 0;
		l->verdict = GOOD;
		l->todo = u->nsteps > 1 ? TO_BEGIN : begin_step(l);
		run(l, ops[l->todo].start(l));
		return true;
	}
	return false;
}

static void
drop(void *back, struct unit *u)
{
	struct mariadb *m = back;

	for (struct lane *l = m->lanes; l < m->lanes + LANES; l++) {
		if (l->unit != u)
			continue;
		l->unit = NULL;
		hang_up(l);
		dial(l);
	}
}

static void
copy_conf(struct mariadb *m, const struct store_conf *conf)
{
	m->conf = (struct store_conf){ .host = mem_str(conf->host),
		.port = conf->port,
		.job = conf->job,
		.socket = mem_str(conf->socket),
		.user = mem_str(conf->user),
		.database = mem_str(conf->database),
		.ca = mem_str(conf->ca),
		.password = conf->password };
}

static void *
open_server(struct store *st, struct event_base *base,
    const struct store_conf *conf)
{
	struct mariadb *m = mem_new(sizeof(*m));

	if (mysql_library_init(0, NULL, NULL) != 0)
		fatal("store: the MariaDB library does not start");
	m->st = st;
	m->base = base;
	copy_conf(m, conf);
	for (struct lane *l = m->lanes; l < m->lanes + LANES; l++) {
		l->m = m;
		l->redial = REDIAL_FIRST;
		dial(l);
	}
	return m;
}

static void
close_server(void *back)
{
	struct mariadb *m = back;

	for (struct lane *l = m->lanes; l < m->lanes + LANES; l++) {
		event_free(l->wake);
		if (l->dial != NULL)
			dial_drop(l->dial);
		hang_up(l);
	}
	store_conf_wipe(&m->conf);
	free(m);
}

const struct backend backend_mariadb = { open_server, close_server, start,
	drop };
