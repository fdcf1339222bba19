/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "base/counter.h"
#include "store/changes.h"
#include "store/installs.h"
#include "store/wait.h"

/* ---- STORE taken apart ---- */

static const struct {
	const char *text, *path, *host, *socket, *user, *database;
	unsigned port;
} forms[] = {
	{ "", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "sqlite:", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "sqlite:relative.db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "sqlite:/", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "postgres://u@h/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://h/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://@h/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u:secret@h/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@h", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@h/", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@h/db/more", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@h:0/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@h:65536/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@h:+1/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@:3306/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@[::1/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@[]/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@/db", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@/db?socket=", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@/db?socket=/s&x=1", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "mariadb://u@h/db?socket=/s", NULL, NULL, NULL, NULL, NULL, 0 },
	{ "sqlite:/a/b.db", "/a/b.db", NULL, NULL, NULL, NULL, 3306 },
	{ "mariadb://u@h/db", NULL, "h", NULL, "u", "db", 3306 },
	{ "mariadb://u@h.example:3307/db", NULL, "h.example", NULL, "u", "db", 3307 },
	{ "mariadb://u@[::1]:3307/db", NULL, "::1", NULL, "u", "db", 3307 },
	{ "mariadb://u@[::1]/db", NULL, "::1", NULL, "u", "db", 3306 },
	{ "mariadb://u@/db?socket=/run/s.sock", NULL, NULL, "/run/s.sock", "u", "db", 3306 },
};

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

START_TEST(forms_of_store)
{
	struct store_conf c;
	struct err err = { .kind = ERR_NONE };
	int rc = store_conf_parse(&c, forms[_i].text, &err);

	ck_assert_msg((rc == 0) == (forms[_i].port != 0), "\"%s\": %s", forms[_i].text, err.text);
	ck_assert_int_eq(err.kind, rc == 0 ? ERR_NONE : ERR_INPUT);
	ck_assert(rc != 0 || c.shared == (c.path == NULL));
	if (rc == 0)
		ck_assert_msg(same(c.path, forms[_i].path) && same(c.host, forms[_i].host) &&
		    same(c.socket, forms[_i].socket) && same(c.user, forms[_i].user) &&
		    same(c.database, forms[_i].database) && c.port == forms[_i].port,
		    "%s", forms[_i].text);
	store_conf_wipe(&c);
}
END_TEST

/* ---- values ---- */

static const struct {
	const char *id, *hash;
	size_t len;
	bool added;
} values[] = {
	{ "T0abc", "\0\1\377\'", 4, true },
	{ "T0abc", "again", 5, false },
	{ "T0ABC", "other case", 10, true },
	{ "T0abc ", "a blank more", 12, true },
	{ "0123", "0123", 4, true },
	{ "", "empty name", 10, true },
	{ "\360\237\246\212", "", 0, true },
	{ "it's; DROP TABLE api_keys; --", "\"", 1, true },
};

#define KEY(id, name, hash, len)                                                       \
	DO(KEY_ADD, TEXT(id), TEXT(name), TEXT(name), BYTES(hash, len), TEXT("*"),     \
	    TEXT("read"), TEXT("core"), TEXT(""), TEXT(""), TEXT(""), TEXT(""),        \
	    INT(0x7fffffffffff), INT(0), TEXT("live"))

static void
on_hash(void *arg, const struct answer *a)
{
	int i = *(int *)arg;

	ck_assert_uint_eq(a->rows, 1);
	if (values[i].added)
		ck_assert_msg(a->cells[0].len == values[i].len && memcmp(a->cells[0].text,
		    values[i].hash, values[i].len) == 0, "row %d", i);
}

START_TEST(values_come_back)
{
	struct err err;

	for (int i = 0; i < N(values); i++) {
		struct got g = ask(UNIT(KEY(values[i].id, values[i].id, values[i].hash,
		    values[i].len)));

		ck_assert_int_eq(g.kind, ERR_NONE);
		ck_assert_msg((g.touched == 1) == values[i].added, "row %d", i);
	}
	for (int i = 0; i < N(values); i++)
		ck_assert_int_eq(store_wait(st, base, UNIT(DO(KEY_HASH, TEXT(values[i].id))),
		    5000, on_hash, &i, &err), 0);
}
END_TEST

/* ---- units ---- */

START_TEST(units_are_whole)
{
	int64_t n = changes_now();

	/* the last step is a MUST and finds nothing: the first is undone */
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP), DO(KEY_REVOKE, TEXT("!x"), INT(1),
	    TEXT("no such")))).touched, 0);
	ck_assert_int_eq(changes_now(), n);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP), KEY("k", "k", "h", 1))).touched, 1);
	ck_assert_int_eq(changes_now(), n + 1);
	/* a key that is taken undoes it too */
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP), KEY("k", "other", "h", 1))).touched, 0);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP), KEY("k2", "k", "h", 1))).touched, 0);
	ck_assert_int_eq(changes_now(), n + 1);
	/* and the step in the middle stops those after it */
	ck_assert_int_eq(ask(UNIT(KEY("k3", "k", "h", 1), DO(CHANGES_BUMP))).touched, 0);
	ck_assert_int_eq(changes_now(), n + 1);
}
END_TEST

START_TEST(errors_harm_nobody)
{
	int64_t n = changes_now();
	struct got g = ask(UNIT(DO(CHANGES_BUMP), DO(DDL, TEXT("SELEKT"))));

	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	ck_assert(!store_is_away(st));
	ck_assert_int_eq(changes_now(), n);
	/* a write that breaks a rule other than "taken" is an error, not "touched 0" */
	g = ask(UNIT(DO(DDL, TEXT("INSERT INTO nonces (nonce) VALUES ('x')"))));
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	/* equal values are found, not "unchanged" */
	ask(UNIT(KEY("k", "k", "h", 1)));
	ck_assert_int_eq(ask(UNIT(DO(DDL, TEXT("UPDATE api_keys SET name = 'k'")))).touched, 1);
	/* a WRITE may touch none */
	g = ask(UNIT(DO(NONCES_PRUNE, INT(1))));
	ck_assert_int_eq(g.kind, ERR_NONE);
	ck_assert_int_eq(g.touched, 0);
}
END_TEST

START_TEST(callbacks_keep_the_rules)
{
	struct got cancelled = { 0 }, kept[100] = { { 0 } };
	uint64_t units = counter_get(CNT_STORE_UNITS);
	int64_t n = changes_now();
	struct unit *u;

	store_cancel(store_run(st, UNIT(DO(CHANGES_BUMP)), 2000, on_answer, &cancelled));
	u = store_run(st, UNIT(DO(CHANGES_READ)), 2000, on_answer, &cancelled);
	for (int i = 0; i < 100; i++)
		store_run(st, UNIT(DO(CHANGES_BUMP)), 30000, on_answer, &kept[i]);
	store_run(st, UNIT(DO(CHANGES_BUMP)), 30000, NULL, NULL);
	store_cancel(u);
	for (int i = 0; i < 100; i++)
		wait_for(&kept[i].calls);
	while (changes_now() != n + 101)
		;
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(kept[i].calls, 1);
	ck_assert_int_eq(cancelled.calls, 0);
	ck_assert_uint_ge(counter_get(CNT_STORE_UNITS), units + 103);
	/* what is under way when the store goes is forgotten, and freed */
	store_run(st, UNIT(DO(CHANGES_BUMP)), 2000, on_answer, &cancelled);
	close_store();
	ck_assert_int_eq(cancelled.calls, 0);
}
END_TEST

/* Told on the board, by kind, until the same thing works again. */
START_TEST(failures_are_marked)
{
	struct board_row row = board();
	struct step use[] = { DO(NONCE_USE, TEXT("n"), INT(1)), { .id = ST_END } };

	ck_assert(row.troubles[TROUBLE_STORE_READS] == 0 && row.troubles[TROUBLE_STORE_WRITES] == 0);
	ask(UNIT(DO(DDL, TEXT("ALTER TABLE nonces RENAME TO aside"))));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ask(use).kind, ERR_UPSTREAM);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP))).kind, ERR_NONE);
	row = board();
	ck_assert(row.troubles[TROUBLE_STORE_READS] == 0 && row.troubles[TROUBLE_STORE_WRITES] != 0 && !row.store_away);
	ask(UNIT(DO(DDL, TEXT("ALTER TABLE installs RENAME TO aside2"))));
	ck_assert_int_eq(ask(UNIT(DO(INSTALLS_WAITING))).kind, ERR_UPSTREAM);
	ck_assert_int_eq(ask(UNIT(INSTALLS_BEHIND(0, "", ""))).kind, ERR_UPSTREAM);
	ask(UNIT(DO(DDL, TEXT("ALTER TABLE aside RENAME TO nonces"))));
	ck_assert_int_eq(ask(use).kind, ERR_NONE);
	row = board();
	ck_assert(row.troubles[TROUBLE_STORE_READS] != 0 && row.troubles[TROUBLE_STORE_WRITES] == 0);
	ask(UNIT(DO(DDL, TEXT("ALTER TABLE aside2 RENAME TO installs"))));
	ck_assert_int_eq(ask(UNIT(DO(INSTALLS_WAITING))).kind, ERR_NONE);
	ck_assert_int_ne(board().troubles[TROUBLE_STORE_READS], 0);		/* there is another */
	ck_assert_int_eq(ask(UNIT(INSTALLS_BEHIND(0, "", ""))).kind, ERR_NONE);
	ck_assert_int_eq(board().troubles[TROUBLE_STORE_READS], 0);
}
END_TEST

/* More than can wait are refused at once; what must be told is not. */
START_TEST(there_is_a_cap)
{
	enum { MOST = 2048, MORE = 5 };
	uint64_t full = counter_get(CNT_STORE_FULL);
	static struct got got[MOST + MORE];
	struct got told = { 0 };
	int refused = 0;

	board();
	memset(got, 0, sizeof(got));
	for (int i = 0; i < MOST + MORE; i++)
		store_run(st, UNIT(DO(CHANGES_READ)), 60000, on_answer, &got[i]);
	store_run(st, UNIT(DO(POST_END, TEXT("posted"), TEXT("C"), TEXT("1"), TEXT("p"),
	    TEXT("k"), TEXT("o"), INT(1))), 60000, on_answer, &told);
	settle();
	for (int i = 0; i < MOST + MORE; i++) {
		ck_assert_int_eq(got[i].calls, 1);
		ck_assert_int_eq(got[i].kind, i < MOST ? ERR_NONE : ERR_LIMIT);
		refused += got[i].kind == ERR_LIMIT;
	}
	ck_assert_int_eq(told.kind, ERR_NONE);
	ck_assert_uint_eq(counter_get(CNT_STORE_FULL), full + MORE);
	ck_assert_int_eq(refused, MORE);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_READ))).kind, ERR_NONE);
	ck_assert_int_eq(board().troubles[TROUBLE_STORE_READS], 0);		/* not the store's fault */
}
END_TEST

/* Whoever has many to do does not keep the others waiting. */
START_TEST(reads_and_writes_take_turns)
{
	struct got writes[50] = { { 0 } }, read = { 0 };
	int done = 0;

	for (int i = 0; i < N(writes); i++)
		store_run(st, UNIT(DO(CHANGES_BUMP)), 60000, on_answer, &writes[i]);
	store_run(st, UNIT(DO(CHANGES_READ)), 60000, on_answer, &read);
	wait_for(&read.calls);
	for (int i = 0; i < N(writes); i++)
		done += writes[i].calls;
	ck_assert_int_le(done, 4);
	/* and the other way round, though another read always waits */
	while (writes[N(writes) - 1].calls == 0)
		ask(UNIT(DO(CHANGES_READ)));
}
END_TEST

/* ---- a file that another process holds ---- */

static int64_t beat_at, late;

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	int64_t now = clock_ms();

	(void)fd, (void)what, (void)arg;
	if (beat_at != 0 && now - beat_at - 10 > late)
		late = now - beat_at - 10;
	beat_at = now;
}

/* It ends in time, and the loop goes on meanwhile?  Both are late on a busy machine. */
static bool
asks_in_vain(void)
{
	uint64_t busy = counter_get(CNT_STORE_BUSY);
	int64_t began = clock_ms();
	struct got g;

	beat_at = late = 0;
	g = ask_for(UNIT(DO(CHANGES_BUMP)), 700);
	began = clock_ms() - began;
	ck_assert_int_eq(g.kind, ERR_TIMEOUT);
	ck_assert_int_ge(began, 690);
	ck_assert(!store_is_away(st));
	return began < 2000 && late < 400 && counter_get(CNT_STORE_BUSY) > busy + 3;
}

START_TEST(deadlines_hold)
{
	struct event *beat;
	struct got g = { 0 }, later = { 0 };
	int tries = 1;
	pid_t pid;

	if (conf.path == NULL)
		return;
	close_store();
	pid = hold();
	open_store();
	beat = event_new(base, -1, EV_PERSIST, on_beat, NULL);
	event_add(beat, &(struct timeval){ 0, 10000 });
	while (!asks_in_vain())		/* one quiet moment is enough: a loop that is held has none */
		ck_assert_msg(++tries < 10, "the loop stood still for %d ms", (int)late);
	/* who waits within the deadline gets through when the other lets go; a unit
	 * that is cancelled while it waits is not done */
	store_run(st, UNIT(DO(CHANGES_BUMP)), 20000, on_answer, &later);
	{
		struct unit *u = store_run(st, UNIT(DO(CHANGES_BUMP)), 20000, on_answer, &g);

		event_base_loop(base, EVLOOP_ONCE);
		event_base_loop(base, EVLOOP_ONCE);
		event_base_loop(base, EVLOOP_ONCE);
		store_cancel(u);
	}
	ck_assert_int_eq(later.calls, 0);
	let_go(pid);
	wait_for(&later.calls);
	ck_assert_int_eq(later.touched, 1);
	ck_assert_int_eq(changes_now(), 2);
	ck_assert_int_eq(g.calls, 0);
	event_free(beat);
}
END_TEST

/* ---- a file that cannot be used ---- */

START_TEST(away_and_back)
{
	struct got g, end = { 0 };
	char aside[96];

	if (conf.path == NULL)
		return;
	close_store();
	ck_assert(!board().store_away);
	snprintf(aside, sizeof(aside), "%s.aside", conf.path);
	ck_assert_int_eq(rename(conf.path, aside), 0);
	conf.create = false;
	open_store();
	g = ask(UNIT(DO(CHANGES_READ)));
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	ck_assert_msg(strstr(g.text, conf.path) != NULL, "%s", g.text);
	ck_assert(store_is_away(st));
	ck_assert(board().store_away);
	ck_assert_int_eq(access(conf.path, F_OK), -1);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_READ))).kind, ERR_UPSTREAM);
	/* INSIST waits */
	store_run(st, UNIT(DO(POST_END, TEXT("posted"), TEXT("C1"), TEXT("1.2"), TEXT("p"),
	    TEXT("k"), TEXT("o"), INT(1))), 30000, on_answer, &end);
	ck_assert_int_eq((int)board().gauges[GAUGE_STORE], 1);
	ck_assert_int_eq(rename(aside, conf.path), 0);
	wait_for(&end.calls);
	ck_assert_int_eq(end.kind, ERR_NONE);
	ck_assert(!store_is_away(st));
	ck_assert(!board().store_away);
	ck_assert_int_eq((int)board().gauges[GAUGE_STORE], 0);
	ck_assert_int_eq(changes_now(), 1);
}
END_TEST

/* A backup played back under a running daemon. */
START_TEST(replaced_file_is_noticed)
{
	static const char *const logs[] = { "-wal", "-shm" };
	char copy[96];
	struct err err;

	if (conf.path == NULL)
		return;
	ck_assert_int_eq(migrate_copy(&conf, 7, &err), 0);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP))).touched, 1);
	snprintf(copy, sizeof(copy), "%s.before-0007", conf.path);
	ck_assert_int_eq(rename(copy, conf.path), 0);
	for (int i = 0; i < N(logs); i++) {
		snprintf(copy, sizeof(copy), "%s%s", conf.path, logs[i]);
		ck_assert_int_eq(unlink(copy), 0);
	}
	ck_assert_int_eq(changes_now(), 1);
}
END_TEST

START_TEST(insisting_ends_too)
{
	struct got g;

	if (conf.path == NULL)
		return;
	close_store();
	unlink(conf.path);
	conf.create = false;
	open_store();
	g = ask_for(UNIT(DO(POST_END, TEXT("posted"), TEXT("C1"), TEXT("1.2"), TEXT("p"),
	    TEXT("k"), TEXT("o"), INT(1))), 600);
	ck_assert(g.kind == ERR_TIMEOUT || g.kind == ERR_UPSTREAM);
}
END_TEST

START_TEST(file_is_nobody_elses)
{
	struct stat s;

	if (conf.path == NULL)
		return;
	ck_assert_int_eq(stat(conf.path, &s), 0);
	ck_assert_int_eq((int)(s.st_mode & 0777), 0600);
}
END_TEST

/* ---- changes ---- */

struct seen {
	int calls, back;
};

static void
on_moved(void *arg, bool back)
{
	struct seen *s = arg;

	s->calls++;
	s->back += back;
}

static void
wait_moved(const struct seen *s, int calls)
{
	int64_t end = clock_ms() + 20000;

	while (s->calls < calls) {
		ck_assert(clock_ms() < end);
		event_base_loop(base, EVLOOP_ONCE);
	}
}

START_TEST(changes_of_another_process)
{
	struct seen s = { 0 };
	struct changes *c;
	int64_t read_at;
	int status, go[2];
	pid_t pid;
	char byte;

	close_store();
	ck_assert_int_eq(pipe(go), 0);
	if ((pid = fork()) == 0) {
		open_store();
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		leave(ask(UNIT(DO(CHANGES_BUMP))).touched == 1 ? 0 : 1);
	}
	open_store();
	c = changes_new(st, base, on_moved, &s);
	ck_assert_int_eq(changes_read_at(c), 0);
	wait_moved(&s, 1);		/* the first reading tells too */
	read_at = changes_read_at(c);
	ck_assert_int_gt(read_at, 0);
	ck_assert_int_eq(write(go[1], "", 1), 1);
	wait_moved(&s, 2);
	ck_assert_int_eq(s.calls, 2);
	ck_assert_int_gt(changes_read_at(c), read_at);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	/* at once when kicked, also in the middle of a reading */
	changes_kick(c);
	ask(UNIT(DO(CHANGES_BUMP)));
	changes_kick(c);
	changes_kick(c);
	wait_moved(&s, 3);
	ck_assert_int_eq(s.calls, 3);
	ck_assert_int_eq(s.back, 0);
	/* and it is told when it is an older one's */
	ask(UNIT(DO(DDL, TEXT("UPDATE changes SET n = 0 + 1"))));
	wait_moved(&s, 4);
	ck_assert_int_eq(s.back, 1);
	changes_kick(c);
	changes_free(c);
	close(go[0]);
	close(go[1]);
}
END_TEST

/* The file is there, but what should be in it is not. */
START_TEST(changes_that_cannot_be_read)
{
	struct seen s = { 0 };
	struct changes *c;

	ask(UNIT(DO(DDL, TEXT("DELETE FROM changes"))));
	c = changes_new(st, base, on_moved, &s);
	while (!board().store_away)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq(changes_read_at(c), 0);
	ask(UNIT(DO(DDL, TEXT("INSERT INTO changes (id, n) VALUES (1, 9)"))));
	wait_moved(&s, 1);
	ck_assert(!board().store_away);
	ck_assert_int_eq(s.calls, 1);
	changes_free(c);
}
END_TEST

/* What ended meanwhile may be deleted by now: all is read anew. */
START_TEST(changes_after_a_long_gap)
{
	struct seen s = { 0 };
	struct changes *c = changes_new(st, base, on_moved, &s);

	wait_moved(&s, 1);
	ck_assert_int_eq(s.back, 0);
	ask(UNIT(DO(DDL, TEXT("DELETE FROM changes"))));
	while (clock_ms() - changes_read_at(c) <= 3000)
		event_base_loop(base, EVLOOP_ONCE);
	ask(UNIT(DO(DDL, TEXT("INSERT INTO changes (id, n) VALUES (1, 9)"))));
	wait_moved(&s, 2);
	ck_assert_int_eq(s.back, 1);
	ask(UNIT(DO(CHANGES_BUMP)));
	changes_kick(c);
	wait_moved(&s, 3);
	ck_assert_int_eq(s.back, 1);		/* once */
	changes_free(c);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("store");

	tcase_add_loop_test(tc, forms_of_store, 0, N(forms));
	tcase_add_test(tc, deadlines_hold);
	tcase_add_test(tc, away_and_back);
	tcase_add_test(tc, replaced_file_is_noticed);
	tcase_add_test(tc, insisting_ends_too);
	tcase_add_test(tc, errors_harm_nobody);
	tcase_add_test(tc, failures_are_marked);
	tcase_add_test(tc, there_is_a_cap);
	tcase_add_test(tc, reads_and_writes_take_turns);
	tcase_add_test(tc, units_are_whole);
	tcase_add_test(tc, callbacks_keep_the_rules);
	tcase_add_test(tc, values_come_back);
	tcase_add_test(tc, file_is_nobody_elses);
	tcase_add_test(tc, changes_that_cannot_be_read);
	tcase_add_test(tc, changes_after_a_long_gap);
	tcase_add_test(tc, changes_of_another_process);
	return run_store("store", tc);
}
