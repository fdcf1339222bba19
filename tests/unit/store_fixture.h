/* SPDX-License-Identifier: ISC */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

/* A store of its own for each case of the store's tests: SQLite in a new folder,
 * or what TEST_STORE names (tests/mariadb.py sets it, TEST_STORE_PASSWORD and
 * TEST_STORE_CA), emptied before. */

#include "run.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "shm/board.h"
#include "store/migrate.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N(a)	((int)(sizeof(a) / sizeof((a)[0])))

/* INSERT INTO nonces ROWS SELECT i, 1 FROM c WHERE i < 300: for i from 0 to 9999 at
 * most.  By digits, as MariaDB's recursion ends at 1,000. */
#define ROWS	"WITH RECURSIVE d(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM d WHERE i < 9), " \
	"c(i) AS (SELECT a.i + 10 * b.i + 100 * e.i + 1000 * f.i FROM d a, d b, d e, d f) "

static char folder[64];
static struct store_conf conf;
static struct secret password;
static struct event_base *base;
static struct store *st;

static inline void
open_store(void)
{
	base = event_base_new();
	st = store_new(base, &conf);
}

/* Also before a fork: a connection belongs to one process. */
static inline void
close_store(void)
{
	store_free(st);
	event_base_free(base);
	st = NULL;
	base = NULL;
}

static inline void
configure(void)
{
	const char *named = getenv("TEST_STORE"), *secret = getenv("TEST_STORE_PASSWORD");
	char text[128];
	struct err err;

	snprintf(folder, sizeof(folder), "/tmp/slackmcp-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(text, sizeof(text), "sqlite:%s/store.db", folder);
	ck_assert_msg(store_conf_parse(&conf, named != NULL ? named : text, &err) == 0, "%s",
	    err.text);
	secret_set(&password, secret != NULL ? secret : "");
	conf.password = &password;
	conf.ca = mem_str(getenv("TEST_STORE_CA"));
	conf.create = true;
}

static inline void
migrate_all(void)
{
	struct err err;

	while (migrate_down(st, base, &err) == 0)
		;
	ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
	ck_assert_msg(migrate_up(st, base, &err) == 0, "%s", err.text);
}

static inline void
fresh(void)
{
	log_quiet();
	configure();
	open_store();
	migrate_all();
}

static inline void
remove_folder(const char *path)
{
	struct dirent *e;
	DIR *d = opendir(path);

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *name;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		name = mem_fmt("%s/%s", path, e->d_name);
		if (unlink(name) == -1)
			remove_folder(name);
		free(name);
	}
	if (d != NULL)
		closedir(d);
	rmdir(path);
}

static inline void
finished(void)
{
	if (st != NULL)
		close_store();
	store_conf_wipe(&conf);
	secret_wipe(&password);
	remove_folder(folder);
}

/* Another process holds SQLite's file, until let_go. */
static inline pid_t
hold(void)
{
	int ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		sqlite3 *db;

		sqlite3_open(conf.path, &db);
		if (sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK &&
		    write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static inline void
let_go(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* ---- asking and waiting for the answer ---- */

struct got {
	int calls;
	enum err_kind kind;
	int64_t touched, n;	/* n: the last integer */
	size_t rows;
	char text[256];		/* of the error, or the last column that is a text */
};

static inline void
on_answer(void *arg, const struct answer *a, const struct err *err)
{
	struct got *g = arg;

	g->calls++;
	g->kind = err != NULL ? err->kind : ERR_NONE;
	g->touched = err == NULL ? a->touched : -1;
	g->rows = err == NULL ? a->rows : 0;
	if (err != NULL)
		snprintf(g->text, sizeof(g->text), "%s", err->text);
	for (size_t i = 0; err == NULL && i < a->rows * a->columns; i++)
		if (a->cells[i].letter == 'i')
			g->n = a->cells[i].n;
		else if (a->cells[i].letter == 's')
			snprintf(g->text, sizeof(g->text), "%s", a->cells[i].text);
}

static inline void
wait_for(const int *calls)
{
	int64_t end = clock_ms() + 60000;

	while (*calls == 0) {
		ck_assert(clock_ms() < end);
		event_base_loop(base, EVLOOP_ONCE);
	}
	ck_assert_int_eq(*calls, 1);
}

static inline struct got
ask_for(const struct step *steps, int deadline_ms)
{
	struct got g = { 0 };

	store_run(st, steps, deadline_ms, on_answer, &g);
	ck_assert_int_eq(g.calls, 0);
	wait_for(&g.calls);
	return g;
}

static inline struct got
ask(const struct step *steps)
{
	return ask_for(steps, 5000);
}

static inline int64_t
changes_now(void)
{
	return ask(UNIT(DO(CHANGES_READ))).n;
}

/* The store's row; from the first call to the end of the program. */
static inline struct board_row
board(void)
{
	static const struct region_conf rc = { .node = "n1", .max_sessions = 256,
		.max_sessions_per_key = 10, .session_ttl_ms = 1000, .session_max_ms = 1000,
		.rows = 1 };
	static struct region *region;
	struct board_row row;

	if (region == NULL) {
		region = region_private(&rc);
		board_use(region, board_claim(region, 0, 1));
	}
	ck_assert(board_get(region, 0, &row));
	return row;
}

/* Until nothing is under way.  Units have no order, so what was given to nobody
 * is waited for like this; board() has to be called before. */
static inline void
settle(void)
{
	int64_t end = clock_ms() + 60000;

	while (board().gauges[GAUGE_STORE] != 0) {
		ck_assert(clock_ms() < end);
		event_base_loop(base, EVLOOP_ONCE);
	}
}

/* What callbacks with nothing but an error tell. */
struct told {
	int calls;
	enum err_kind kind;
	char text[256];
};

static inline void
on_told(void *arg, const struct err *err)
{
	struct told *t = arg;

	t->calls++;
	t->kind = err != NULL ? err->kind : ERR_NONE;
	snprintf(t->text, sizeof(t->text), "%s", err != NULL ? err->text : "");
}

/* The end of a child of the test. */
static inline _Noreturn void
leave(int status)
{
	if (st != NULL)
		close_store();
	_exit(status);
}

static inline int
run_store(const char *name, TCase *tc)
{
	crypto_start();		/* as main does: a test exits with a dial under way */
	tcase_set_timeout(tc, 300);	/* thousands of commits, each waits for the disk */
	tcase_add_checked_fixture(tc, fresh, finished);
	return run_case(name, tc);
}

#endif
