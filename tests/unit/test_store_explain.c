/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "store/backend.h"

#include <sqlite3.h>

/* Every statement on tables of 10,000 rows: found by an index, in the index's
 * order, never by reading a table that grows. */

static const char *const fills[] = {
	"INSERT INTO installs " ROWS "SELECT '', 'T' || i, 'A1', 'name', 'url', 'k' || (i % 3), "
	    "x'00', x'00', 0, 'chat:write', 'U', 'B', 'U', i, i, CASE i % 10 WHEN 0 THEN i ELSE 0 "
	    "END, CASE i % 10 WHEN 0 THEN 'revoked' WHEN 1 THEN 'pending' WHEN 2 THEN 'disabled' "
	    "ELSE 'live' END, i FROM c",
	"INSERT INTO api_keys " ROWS "SELECT 'k_' || i, 'n' || i, CASE i % 2 WHEN 0 THEN 'n' ELSE "
	    "'!' END || i, x'00', '*', 'read', 'core', '', '', '', '', i, 0, CASE i % 2 WHEN 0 "
	    "THEN 0 ELSE i END, CASE i % 2 WHEN 0 THEN 'live' ELSE 'revoked' END, i FROM c",
	"INSERT INTO nonces " ROWS "SELECT 'n' || i, i FROM c",
	"INSERT INTO leases " ROWS "SELECT 'l' || i, 'owner', i FROM c",
	"INSERT INTO posts " ROWS "SELECT 'p' || (i % 50), 'k' || i, x'00', 'posted', 'o', 't', "
	    "'T1', 'C1', '1.2', i FROM c",
	"ANALYZE",
};

static const char *const grow[] = { "installs", "api_keys", "nonces", "leases", "posts" };

static sqlite3 *
filled(void)
{
	sqlite3 *db;
	char *text = NULL;

	close_store();
	ck_assert_int_eq(sqlite3_open(conf.path, &db), SQLITE_OK);
	for (int i = 0; i < N(fills); i++)
		ck_assert_msg(sqlite3_exec(db, fills[i], NULL, NULL, &text) == SQLITE_OK,
		    "%s", text);
	return db;
}

static bool
is_slow(const char *plan)
{
	char word[64];

	if (strstr(plan, "TEMP B-TREE") != NULL)
		return true;
	for (int i = 0; i < N(grow); i++) {
		snprintf(word, sizeof(word), "SCAN %s", grow[i]);
		if (strstr(plan, word) != NULL)
			return true;
	}
	return false;
}

/* How many lines of its plan are slow; -1: no plan. */
static int
explain(sqlite3 *db, const char *sql, char *plan, size_t size)
{
	char text[2048];
	sqlite3_stmt *q;
	int slow = 0;

	snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql);
	if (sqlite3_prepare_v2(db, text, -1, &q, NULL) != SQLITE_OK)
		return -1;
	while (sqlite3_step(q) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(q, 3);

		snprintf(plan, size, "%s", line);
		slow += is_slow(line);
	}
	sqlite3_finalize(q);
	return slow;
}

static const char *const bad[] = {		/* the test can tell */
	"SELECT id FROM api_keys WHERE hash = ?",
	"SELECT team_id FROM installs ORDER BY team_name LIMIT 1",
	"DELETE FROM posts WHERE answer = ?",
};

START_TEST(slow_ones_are_seen)
{
	char plan[512] = "";
	sqlite3 *db;

	if (conf.path == NULL)
		return;
	db = filled();
	for (int i = 0; i < N(bad); i++)
		ck_assert_msg(explain(db, bad[i], plan, sizeof(plan)) > 0, "%s: %s", bad[i], plan);
	sqlite3_close(db);
}
END_TEST

START_TEST(no_statement_is_slow)
{
	char plan[512] = "";
	sqlite3 *db;

	if (conf.path == NULL)
		return;
	db = filled();
	for (int i = ST_END + 1; i < ST_COUNT; i++) {
		const struct statement *s = &statements[i];
		sqlite3_stmt *q;

		if (s->sql == NULL)
			continue;
		ck_assert_msg(explain(db, s->sql, plan, sizeof(plan)) == 0, "%s: %s", s->name, plan);
		/* and its letters are as many as its parameters and columns */
		ck_assert_int_eq(sqlite3_prepare_v2(db, s->sql, -1, &q, NULL), SQLITE_OK);
		ck_assert_msg(sqlite3_bind_parameter_count(q) == (int)strlen(s->params) &&
		    sqlite3_column_count(q) == (int)strlen(s->columns), "%s", s->name);
		ck_assert_msg((sqlite3_stmt_readonly(q) != 0) == ((s->flags & WRITE) == 0), "%s",
		    s->name);
		sqlite3_finalize(q);
	}
	sqlite3_close(db);
}
END_TEST

/* One text for both back ends. */
static const char *const never[] = { "REPLACE", "RETURNING", "SELECT *", "ON CONFLICT",
	"ON DUPLICATE", "NOW(", "CURRENT_", "strftime", "UNIX_TIMESTAMP", "AUTOINCREMENT",
	"AUTO_INCREMENT", "||", "IFNULL" };

START_TEST(text_suits_both)
{
	for (int i = ST_END + 1; i < ST_COUNT; i++)
		for (int n = 0; n < N(never) && statements[i].sql != NULL; n++)
			ck_assert_msg(strstr(statements[i].sql, never[n]) == NULL, "%s: %s",
			    statements[i].name, never[n]);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("explain");

	tcase_add_test(tc, slow_ones_are_seen);
	tcase_add_test(tc, no_statement_is_slow);
	tcase_add_test(tc, text_suits_both);
	return run_store("store explain", tc);
}
