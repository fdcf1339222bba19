/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/backend.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#define REOPEN_MS	1000	/* after a failure of the file itself */

/* A unit runs from BEGIN to COMMIT within one turn of the loop, so that one
 * connection is enough for reading and writing, and a lock held elsewhere is
 * never waited for: the unit is busy and comes back.  What blocks is the disk,
 * for a COMMIT. */
struct sqlite {
	struct store *st;
	char *path;
	bool create;
	sqlite3 *db;		/* NULL: the next unit opens it */
	sqlite3_stmt *prepared[ST_COUNT];
	bool full;		/* PRAGMA synchronous is FULL */
	struct event *reopen;
};

static const char settings[] =
	"PRAGMA journal_mode = WAL;"
	"PRAGMA synchronous = NORMAL;"
	"PRAGMA secure_delete = ON;"	/* what is deleted is to be gone */
	"PRAGMA wal_autocheckpoint = 20000;";	/* the job does it long before */

/* What tells of the file, not of the unit: it is opened anew, and while it cannot be
 * the store is away. */
static const int broken[] = { SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_NOTADB,
	SQLITE_IOERR, SQLITE_PERM, SQLITE_AUTH };

static bool
is_broken(int rc)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if ((rc & 0xff) == broken[i])
			return true;
	return false;
}

static void
close_db(struct sqlite *s)
{
	for (size_t i = 0; i < ST_COUNT; i++) {
		sqlite3_finalize(s->prepared[i]);
		s->prepared[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
}

/* SQLite would make it readable for others. */
static void
create_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);

	if (fd != -1)
		close(fd);
}

static int
open_db(struct sqlite *s)
{
	int rc;

	if (s->db != NULL)
		return SQLITE_OK;
	if (s->create)
		create_file(s->path);
	rc = sqlite3_open_v2(s->path, &s->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
	    NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, settings, NULL, NULL, NULL);
	s->full = false;
	if (rc != SQLITE_OK)
		close_db(s);
	return rc;
}

/* A file put in its place (a backup played back) is another store. */
static void
check_moved(struct sqlite *s)
{
	int moved = 0;

	if (s->db != NULL &&
	    sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) ==
		SQLITE_OK &&
	    moved != 0) {
		log_warn("store", "the file was replaced path=%s", s->path);
		close_db(s);
	}
}

static int
prepare(struct sqlite *s, const struct step *step, sqlite3_stmt **out)
{
	const char *sql = statements[step->id].sql;
	int rc = SQLITE_OK;

	*out = NULL;
	if (sql == NULL)
		return sqlite3_prepare_v2(s->db, step->params[0].text, -1, out,
		    NULL);
	if (s->prepared[step->id] == NULL)
		rc = sqlite3_prepare_v3(s->db, sql, -1,
		    SQLITE_PREPARE_PERSISTENT, &s->prepared[step->id], NULL);
	*out = s->prepared[step->id];
	return rc;
}

static void
bind_params(sqlite3_stmt *q, const struct step *step)
{
	for (int i = 0; i < sqlite3_bind_parameter_count(q); i++) {
		const struct value *v = &step->params[i];

		if (v->letter == 'i')
			sqlite3_bind_int64(q, i + 1, v->n);
		else if (v->letter == 's')
			sqlite3_bind_text(q, i + 1, v->text, (int)v->len,
			    SQLITE_STATIC);
		else
			sqlite3_bind_blob(q, i + 1, v->text, (int)v->len,
			    SQLITE_STATIC);
	}
}

static void
take_row(struct unit *u, sqlite3_stmt *q, const char *letters)
{
	size_t columns = strlen(letters);
	struct value *v = unit_row(u, columns);

	for (size_t i = 0; i < columns; i++, v++) {
		const void *bytes;
		size_t len;

		v->letter = letters[i];
		if (letters[i] == 'i') {
			v->n = sqlite3_column_int64(q, (int)i);
			continue;
		}
		bytes = sqlite3_column_blob(q, (int)i);
		len = (size_t)sqlite3_column_bytes(q, (int)i);
		value_room(v, len);
		if (len > 0)
			memcpy((char *)v->text, bytes, len);
	}
}

static int
run_step(struct sqlite *s, struct unit *u, const struct step *step)
{
	const struct statement *st = &statements[step->id];
	sqlite3_stmt *q;
	int rc = prepare(s, step, &q);

	if (rc != SQLITE_OK)
		return rc;
	bind_params(q, step);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		take_row(u, q, st->columns);
	if (st->flags & WRITE)
		u->answer.touched = rc == SQLITE_DONE ?
		    sqlite3_changes64(s->db) :
		    0;
	if (st->sql == NULL) {
		sqlite3_finalize(q);
	} else {
		sqlite3_reset(q);
		sqlite3_clear_bindings(q);	/* they point into the unit */
	}
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
begin(struct sqlite *s, const struct unit *u)
{
	bool full = (u->flags & DURABLE) == DURABLE;

	if ((u->flags & WRITE) == 0)
		return u->nsteps == 1 ? SQLITE_OK :
		    sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL);
	if (full != s->full &&
	    sqlite3_exec(s->db,
		full ? "PRAGMA synchronous = FULL" :
		       "PRAGMA synchronous = NORMAL",
		NULL, NULL, NULL) == SQLITE_OK)
		s->full = full;
	return sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
}

/* SQLITE_CONSTRAINT: undone, because a key is taken or a MUST met no row. */
static int
run_unit(struct sqlite *s, struct unit *u)
{
	int rc = begin(s, u);

	for (size_t i = 0; i < u->nsteps && rc == SQLITE_OK; i++) {
		unsigned flags = statements[u->steps[i].id].flags;

		rc = run_step(s, u, &u->steps[i]);
		if (rc == SQLITE_OK && (flags & MUST) == MUST &&
		    u->answer.touched == 0)
			rc = SQLITE_CONSTRAINT;
	}
	if (rc == SQLITE_OK && !sqlite3_get_autocommit(s->db))
		rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

static void
failed(struct sqlite *s, struct unit *u, int rc)
{
	struct timeval tv = clock_tv(REOPEN_MS);
	const char *detail = s->db != NULL && (rc & 0xff) == SQLITE_ERROR ?
	    sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
	struct err err;

	err_set(&err, ERR_UPSTREAM, "store %s: %s: %s", s->path,
	    statements[u->steps[0].id].name, detail);
	if (s->db == NULL && is_broken(rc)) {
		store_away(s->st, &err);
		evtimer_add(s->reopen, &tv);
	} else if (is_broken(rc)) {
		close_db(s);
	}
	unit_end(u, &err);
}

static bool
start(void *back, struct unit *u)
{
	struct sqlite *s = back;
	int rc;

	check_moved(s);
	rc = open_db(s);
	if (rc == SQLITE_OK)
		rc = run_unit(s, u);
	if (rc == SQLITE_OK || rc == SQLITE_CONSTRAINT ||
	    rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
	    rc == SQLITE_CONSTRAINT_UNIQUE)
		unit_end(u, NULL);
	else if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
		unit_busy(u);
	else
		failed(s, u, rc);
	return true;
}

static void
drop(void *back, struct unit *u)
{
	(void)back, (void)u;	/* never runs across turns */
}

static void
on_reopen(evutil_socket_t fd, short what, void *arg)
{
	struct sqlite *s = arg;
	struct timeval tv = clock_tv(REOPEN_MS);
	int rc = open_db(s);

	(void)fd, (void)what;
	if (rc == SQLITE_OK || !is_broken(rc))
		store_ready(s->st);
	else
		evtimer_add(s->reopen, &tv);
}

static void *
open_file(struct store *st, struct event_base *base,
    const struct store_conf *conf)
{
	struct sqlite *s = mem_new(sizeof(*s));

	s->st = st;
	s->path = mem_str(conf->path);
	s->create = conf->create;
	if ((s->reopen = evtimer_new(base, on_reopen, s)) == NULL)
		fatal("store: no timer");
	return s;
}

static void
close_file(void *back)
{
	struct sqlite *s = back;

	close_db(s);
	event_free(s->reopen);
	free(s->path);
	free(s);
}

const struct backend backend_sqlite = { open_file, close_file, start, drop };
