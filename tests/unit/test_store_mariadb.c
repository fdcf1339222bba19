/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "base/secret.h"
#include "store/backend.h"

#include <mysql.h>
#include <signal.h>

/* What only a server can do to us.  Nothing of this runs without one:
 * tests/mariadb.py starts it. */

static void
sql(const char *text)
{
	struct got g = ask(UNIT(DO(DDL, TEXT(text))));

	ck_assert_msg(g.kind == ERR_NONE, "%s: %s", text, g.text);
}

static void
pass(int64_t ms)		/* until that much of our clock is gone */
{
	struct timeval tv = clock_tv(ms);

	event_base_loopexit(base, &tv);
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

/* ---- connecting ---- */

static struct got
ask_as(const struct store_conf *as)
{
	struct event_base *own = base;
	struct store *ours = st;
	struct got g = { 0 };

	base = event_base_new();
	st = store_new(base, as);
	store_run(st, UNIT(DO(CHANGES_READ)), 20000, on_answer, &g);
	wait_for(&g.calls);
	close_store();
	base = own;
	st = ours;
	return g;
}

START_TEST(wrong_password)
{
	struct secret wrong = { 0 };
	struct store_conf as = conf;
	struct got g;

	secret_set(&wrong, "a wrong one");
	as.password = &wrong;
	g = ask_as(&as);
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	ck_assert_msg(strstr(g.text, "denied") != NULL, "%s", g.text);
	ck_assert_ptr_null(strstr(g.text, "a wrong one"));
	secret_wipe(&wrong);
}
END_TEST

START_TEST(nobody_there)
{
	struct store_conf as = conf;
	struct got g;

	as.port = 1;
	g = ask_as(&as);
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	ck_assert_msg(strstr(g.text, "connect") != NULL, "%s", g.text);
}
END_TEST

/* The server's user must come by TLS then. */
START_TEST(tls_is_checked)
{
	static char elsewhere[] = "127.0.0.2";
	struct store_conf as = conf;
	struct got g;

	if (conf.ca == NULL)
		return;
	ck_assert_int_eq(ask_as(&as).kind, ERR_NONE);
	as.ca = NULL;
	ck_assert_int_eq(ask_as(&as).kind, ERR_UPSTREAM);
	as.ca = getenv("TEST_STORE_OTHER_CA");
	g = ask_as(&as);
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	ck_assert_msg(strstr(g.text, "certificate") != NULL, "%s", g.text);
	as.ca = folder;			/* no file at all */
	ck_assert_int_eq(ask_as(&as).kind, ERR_UPSTREAM);
	as.ca = conf.ca;
	as.host = elsewhere;		/* the same server, by a name it has no proof of */
	g = ask_as(&as);
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	ck_assert_msg(strstr(g.text, "SSL") != NULL || strstr(g.text, "TLS") != NULL, "%s", g.text);
}
END_TEST

START_TEST(killed_connection)
{
	for (int i = 0; i < 4; i++) {
		ask(UNIT(DO(DDL, TEXT("KILL CONNECTION_ID()"))));
		while (ask(UNIT(DO(CHANGES_READ))).kind != ERR_NONE)
			;
		ck_assert(!store_is_away(st));
	}
}
END_TEST

/* A store that is closed while it connects leaves the thread to itself. */
START_TEST(closed_while_connecting)
{
	for (int i = 0; i < 20; i++) {
		close_store();
		open_store();
		if (i % 2 == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ck_assert_int_eq(changes_now(), 1);
}
END_TEST

/* ---- a server that stands still ---- */

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

START_TEST(standing_still)
{
	pid_t pid = atoi(getenv("TEST_STORE_PID"));
	struct event *beat = event_new(base, -1, EV_PERSIST, on_beat, NULL);
	struct got insists = { 0 }, g;
	struct step post[] = { DO(POST_BEGIN, TEXT("p"), TEXT("k"), BYTES("d", 1), TEXT("o"),
	    TEXT("t"), TEXT("T"), TEXT("C"), INT(1)), { .id = ST_END } };
	int64_t began;

	ck_assert_int_eq(ask(post).touched, 1);
	event_add(beat, &(struct timeval){ 0, 10000 });
	beat_at = late = 0;
	kill(pid, SIGSTOP);
	do {		/* its threads stop one after the other */
		began = clock_ms();
		g = ask_for(UNIT(DO(CHANGES_BUMP)), 700);
	} while (g.kind == ERR_NONE);
	began = clock_ms() - began;
	ck_assert_int_eq(g.kind, ERR_TIMEOUT);
	ck_assert_msg(began >= 690 && began < 2000, "%d ms", (int)began);
	ask_for(UNIT(DO(CHANGES_READ)), 100);	/* the other lane too */
	began = clock_ms();
	while (!store_is_away(st) && clock_ms() < began + 20000)
		pass(20);
	ck_assert(store_is_away(st));
	g = ask_for(UNIT(DO(CHANGES_READ)), 5000);
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	store_run(st, UNIT(DO(POST_END, TEXT("posted"), TEXT("C"), TEXT("1"), TEXT("p"),
	    TEXT("k"), TEXT("o"), INT(1))), 30000, on_answer, &insists);
	pass(300);
	ck_assert_int_eq(insists.calls, 0);
	kill(pid, SIGCONT);
	wait_for(&insists.calls);
	ck_assert_int_eq(insists.touched, 1);
	ck_assert(!store_is_away(st));
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP))).touched, 1);
	ck_assert_msg(late < 400, "the loop stood still for %d ms", (int)late);
	event_free(beat);
}
END_TEST

/* A row that another holds is waited for, and not longer than the unit may. */
START_TEST(locked_row)
{
	struct got late_one = { 0 }, g;
	struct store *other;

	close_store();
	open_store();
	other = store_new(base, &conf);
	/* it sleeps within its transaction, with the row locked */
	store_run(other, UNIT(DO(CHANGES_BUMP), DO(DDL, TEXT("DO SLEEP(3)")), DO(CHANGES_BUMP)),
	    20000, on_answer, &late_one);
	while (changes_now() == 1 && late_one.calls == 0) {
		g = ask_for(UNIT(DO(CHANGES_BUMP)), 100);
		if (g.kind == ERR_TIMEOUT)
			break;
		pass(50);
	}
	g = ask_for(UNIT(DO(CHANGES_BUMP)), 20000);
	ck_assert_int_eq(g.touched, 1);
	wait_for(&late_one.calls);
	store_free(other);
}
END_TEST

START_TEST(answers_must_fit)
{
	struct got g;

	sql("ALTER TABLE changes MODIFY n VARCHAR(40) NOT NULL");
	sql("UPDATE changes SET n = '99999999999999999999999999'");
	g = ask(UNIT(DO(CHANGES_READ)));
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	ck_assert_msg(strstr(g.text, "does not fit") != NULL, "%s", g.text);
	sql("UPDATE changes SET n = '5'");
	ck_assert_int_eq(changes_now(), 5);
	sql("ALTER TABLE changes MODIFY n BIGINT NOT NULL");
	ck_assert_int_eq(changes_now(), 5);
	/* what is too long is refused, not cut */
	g = ask(UNIT(DO(LEASE_MAKE, TEXT("0123456789012345678901234567890123456789012345678901"
	    "234567890123456789"), TEXT("o"), INT(1))));
	ck_assert_int_eq(g.kind, ERR_UPSTREAM);
	ck_assert_ptr_null(strstr(g.text, "0123456789"));
}
END_TEST

/* ---- migrations ---- */

static void
undo_all(void)
{
	struct err err;

	while (migrate_down(st, base, &err) == 0)
		;
	ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
	sql("DROP TABLE `schema`");
}

START_TEST(two_at_once)
{
	struct migrate_state s;
	struct err err;
	pid_t pids[3];
	int status;

	undo_all();
	close_store();
	for (int i = 0; i < N(pids); i++) {
		if ((pids[i] = fork()) != 0)
			continue;
		board();		/* each has its own */
		open_store();
		if (migrate_up_alone(st, base, NULL, &err) == -1) {
			fprintf(stderr, "%s: %s\n", board_owner(), err.text);
			leave(1);
		}
		leave(0);
	}
	for (int i = 0; i < N(pids); i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	open_store();
	ck_assert_int_eq(migrate_look(st, base, &s, &err), 0);
	ck_assert_int_eq(s.at, s.newest);
	ck_assert_int_eq(s.half, 0);
	ck_assert_int_eq(changes_now(), 1);
}
END_TEST

/* One that died while it held the lease is not waited for. */
START_TEST(after_one_that_died)
{
	char dead[64];
	struct region_conf rc = { .node = "n1", .max_sessions = 256,
		.max_sessions_per_key = 10, .session_ttl_ms = 1000, .session_max_ms = 1000,
		.rows = 2 };
	struct region *region = region_private(&rc);
	int64_t began = clock_ms();
	struct err err;
	int row;

	board_use(region, board_claim(region, 0, 1));
	row = board_claim(region, BOARD_JOB, 1);
	board_use(region, row);
	snprintf(dead, sizeof(dead), "%s", board_owner());
	board_use(region, 0);
	board_release(region, row);
	ck_assert_int_eq(ask(UNIT(DO(LEASE_MAKE, TEXT("migrate"), TEXT(dead), INT(1)))).touched, 1);
	ck_assert_msg(migrate_up_alone(st, base, region, &err) == 0, "%s", err.text);
	ck_assert_int_lt((int)(clock_ms() - began), 20000);	/* else 30 s */
	close_store();
	open_store();
	region_close(region);
}
END_TEST

/* ---- EXPLAIN ---- */

static const char *const fills[] = {
	"INSERT INTO installs " ROWS "SELECT '', CONCAT('T', i), 'A1', 'name', 'url', "
	    "CONCAT('k', i % 3), x'00', x'00', 0, 'chat:write', 'U', 'B', 'U', i, i, CASE i % 10 "
	    "WHEN 0 THEN i ELSE 0 END, CASE i % 10 WHEN 0 THEN 'revoked' WHEN 1 THEN 'pending' "
	    "WHEN 2 THEN 'disabled' ELSE 'live' END, i FROM c",
	"INSERT INTO api_keys " ROWS "SELECT CONCAT('k_', i), CONCAT('n', i), CONCAT(CASE i % 2 "
	    "WHEN 0 THEN 'n' ELSE '!' END, i), x'00', '*', 'read', 'core', '', '', '', '', i, 0, "
	    "CASE i % 2 WHEN 0 THEN 0 ELSE i END, CASE i % 2 WHEN 0 THEN 'live' ELSE 'revoked' "
	    "END, i FROM c",
	"INSERT INTO nonces " ROWS "SELECT CONCAT('n', i), i FROM c",
	"INSERT INTO leases " ROWS "SELECT CONCAT('l', i), 'owner', i FROM c",
	"INSERT INTO posts " ROWS "SELECT CONCAT('p', i % 50), CONCAT('k', i), x'00', 'posted', "
	    "'o', 't', 'T1', 'C1', '1.2', i FROM c",
};

static const char *const grow[] = { "installs", "api_keys", "nonces", "leases", "posts" };

static MYSQL *
filled(void)
{
	MYSQL *my = mysql_init(NULL);
	my_bool yes = 1;
	MYSQL_RES *r;
	char text[64];

	for (int i = 0; i < N(fills); i++)
		sql(fills[i]);
	if (conf.ca != NULL) {
		mysql_options(my, MYSQL_OPT_SSL_CA, conf.ca);
		mysql_options(my, MYSQL_OPT_SSL_ENFORCE, &yes);
	}
	ck_assert_msg(mysql_real_connect(my, conf.host, conf.user, secret_expose(&password),
	    conf.database, conf.port, conf.socket, 0) != NULL, "%s", mysql_error(my));
	for (int i = 0; i < N(grow); i++) {
		snprintf(text, sizeof(text), "ANALYZE TABLE %s", grow[i]);
		ck_assert_int_eq(mysql_query(my, text), 0);
		r = mysql_store_result(my);
		mysql_free_result(r);
	}
	return my;
}

/* The statement with values as they come: near the end of what is read onwards, near
 * the beginning of what is thrown away. */
static void
with_values(const struct statement *s, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "EXPLAIN "), param = 0;

	for (const char *p = s->sql; *p != '\0' && n < size - 32; p++) {
		const char *value = "'T5000'";

		if (*p != '?') {
			out[n++] = *p;
			out[n] = '\0';
			continue;
		}
		if (s->params[param] == 'i')
			value = p[-2] == '>' || strncmp(p - 3, ">=", 2) == 0 ? "9900" : "100";
		else if (s->params[param] == 'b')
			value = "x'00'";
		else if (n > 8 && strcmp(out + n - 8, "state = ") == 0)
			value = "'live'";
		param++;
		n += (size_t)snprintf(out + n, size - n, "%s", value);
	}
}

enum { PLAN_TABLE = 2, PLAN_TYPE = 3, PLAN_KEY = 5, PLAN_ROWS = 8, PLAN_EXTRA = 9 };

static bool
is_slow(MYSQL_ROW row)
{
	const char *extra = row[PLAN_EXTRA] != NULL ? row[PLAN_EXTRA] : "";
	bool grows = false;

	for (int i = 0; i < N(grow); i++)
		grows |= row[PLAN_TABLE] != NULL && strcmp(row[PLAN_TABLE], grow[i]) == 0;
	if (strstr(extra, "filesort") != NULL || strstr(extra, "temporary") != NULL)
		return true;
	/* the table that an INSERT goes to has no number of rows */
	return grows && row[PLAN_ROWS] != NULL && row[PLAN_TYPE] != NULL && (strcmp(row[PLAN_TYPE], "ALL") == 0 ||
	    strcmp(row[PLAN_TYPE], "index") == 0);
}

static int
explain(MYSQL *my, const char *text, char *plan, size_t size)
{
	MYSQL_RES *r;
	MYSQL_ROW row;
	int slow = 0;

	if (mysql_query(my, text) != 0) {
		snprintf(plan, size, "%s", mysql_error(my));
		return -1;
	}
	r = mysql_store_result(my);
	ck_assert_uint_eq(mysql_num_fields(r), 10);
	while ((row = mysql_fetch_row(r)) != NULL) {
		if (!is_slow(row))
			continue;
		slow++;
		snprintf(plan, size, "%s %s key=%s rows=%s %s", row[PLAN_TABLE], row[PLAN_TYPE],
		    row[PLAN_KEY], row[PLAN_ROWS], row[PLAN_EXTRA]);
	}
	mysql_free_result(r);
	return slow;
}

static const char *const bad[] = {		/* the test can tell */
	"EXPLAIN SELECT id FROM api_keys WHERE hash = x'00'",
	"EXPLAIN SELECT team_id FROM installs ORDER BY team_name LIMIT 1",
	"EXPLAIN DELETE FROM posts WHERE answer = '1.2'",
};

START_TEST(no_statement_is_slow)
{
	MYSQL *my = filled();
	char text[2048], plan[512] = "";

	for (int i = 0; i < N(bad); i++)
		ck_assert_msg(explain(my, bad[i], plan, sizeof(plan)) > 0, "%s", bad[i]);
	for (int i = ST_END + 1; i < ST_COUNT; i++) {
		const struct statement *s = &statements[i];
		MYSQL_STMT *q;

		if (s->sql == NULL)
			continue;
		with_values(s, text, sizeof(text));
		ck_assert_msg(explain(my, text, plan, sizeof(plan)) == 0, "%s: %s\n%s", s->name,
		    plan, text);
		/* and its letters are as many as its parameters and columns */
		q = mysql_stmt_init(my);
		ck_assert_msg(mysql_stmt_prepare(q, s->sql, strlen(s->sql)) == 0, "%s: %s",
		    s->name, mysql_stmt_error(q));
		ck_assert_msg(mysql_stmt_param_count(q) == strlen(s->params) &&
		    mysql_stmt_field_count(q) == strlen(s->columns), "%s", s->name);
		mysql_stmt_close(q);
	}
	mysql_close(my);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("mariadb");

	if (getenv("TEST_STORE") != NULL) {
		tcase_add_test(tc, wrong_password);
		tcase_add_test(tc, nobody_there);
		tcase_add_test(tc, tls_is_checked);
		tcase_add_test(tc, killed_connection);
		tcase_add_test(tc, closed_while_connecting);
		tcase_add_test(tc, standing_still);
		tcase_add_test(tc, locked_row);
		tcase_add_test(tc, answers_must_fit);
		tcase_add_test(tc, two_at_once);
		tcase_add_test(tc, after_one_that_died);
		tcase_add_test(tc, no_statement_is_slow);
	}
	return run_store("store mariadb", tc);
}
