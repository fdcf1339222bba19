/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "store/chains.h"
#include "store/directory.h"
#include "store/installs.h"
#include "store/keys.h"
#include "store/posts.h"
#include "store/purge.h"
#include "store/spool.h"
#include "store/spool_purge.h"
#include "store/spool_replay.h"

#include <sqlite3.h>

/* What a purge takes and what it leaves, and that nobody brings a row back. */

#define TEAM	"T1"
#define USER	"U1"

static void
installed(const char *enterprise, const char *team, const char *installer)
{
	struct install_row row = { .enterprise_id = enterprise, .team_id = team,
		.app_id = "A1", .team_name = "x", .team_url = "u", .key_id = "k1",
		.bot_token = "t", .bot_token_len = 1, .refresh_token = "r", .refresh_token_len = 1,
		.scopes = "s", .bot_user_id = "UBOT", .bot_id = "B", .installer = installer,
		.made = 1, .updated = 1, .state = INSTALL_LIVE };
	struct told t = { 0 };

	install_put(st, &row, 5000, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(t.kind, ERR_NONE);
}

static struct told
put(const char *enterprise, const char *team, const char *kind, const char *id, const char *about)
{
	struct directory_of of = { team[0] != '\0' ? team : enterprise, kind, enterprise, team };
	struct directory_row row = { .id = id, .handle = id, .label = id, .about = about };
	struct told t = { 0 };

	directory_rows_put(st, &of, &row, 1, 1, 1, on_told, &t);
	wait_for(&t.calls);
	return t;
}

static struct told
run_begins(const char *team)
{
	struct directory_of of = { team, "users", "", team };
	struct fill_row row = { .fill = 1, .state = "", .page = "next", .problem = "" };
	struct told t = { 0 };

	fill_set(st, &of, &row, on_told, &t);
	wait_for(&t.calls);
	return t;
}

struct chain_told {
	int calls;
	bool hit;
};

static void
on_chain(void *arg, bool hit, const struct err *err)
{
	struct chain_told *t = arg;

	ck_assert_ptr_null(err);
	t->calls++;
	t->hit = hit;
}

static bool
chain_begins(const char *team)
{
	struct chain_id id = { "", team, CHAIN_BOT };
	unsigned char hash[CHAIN_HASH] = { 7 };
	struct chain_told t = { 0 };

	chain_ask(st, &id, hash, true, "o1", 1, on_chain, &t);
	wait_for(&t.calls);
	return t.hit;
}

static void
on_post(void *arg, enum post_word word, const struct post_was *was, const struct err *err)
{
	struct told *t = arg;

	(void)was;
	t->calls++;
	t->kind = err != NULL ? err->kind : ERR_NONE;
	ck_assert(err != NULL || word == POST_GO);
}

static enum err_kind
post_of(const char *team, const char *key)
{
	struct post_id id = { .principal = "p", .key = key, .owner = "o", .team = team,
		.channel = "C1", .made = clock_wall_ms(), .enterprise_id = "", .team_id = team };
	struct told t = { 0 };

	post_begin(st, &id, 5000, on_post, &t);
	wait_for(&t.calls);
	return t.kind;
}

static void
post(const char *principal, const char *key, const char *team, const char *channel,
    const char *answer, int64_t made)
{
	struct got g = ask(UNIT(DO(POST_BEGIN, TEXT(principal), TEXT(key), BYTES("d", 1),
	    TEXT("o"), TEXT("t"), TEXT(team), TEXT(channel), INT(made))));

	ck_assert_int_eq((int)g.touched, 1);
	g = ask(UNIT(DO(POST_END, TEXT("posted"), TEXT(channel), TEXT(answer), TEXT(principal),
	    TEXT(key), TEXT("o"), INT(made))));
	ck_assert_int_eq((int)g.touched, 1);
}

static void
key(const char *id, const char *workspaces, const char *user)
{
	struct got g = ask(UNIT(DO(CHANGES_BUMP), DO(KEY_ADD, TEXT(id), TEXT(id), TEXT(id),
	    BYTES("h", 1), TEXT(workspaces), TEXT("read"), TEXT("core"), TEXT("C1"), TEXT(""),
	    TEXT(""), TEXT(user), INT(1), INT(0), TEXT("live"))));

	ck_assert_int_eq((int)g.touched, 1);
}

static struct purge purges[8];	/* what they hold is freed at the end */
static int npurges;

static void
all_wiped(void)
{
	while (npurges > 0)
		purge_wipe(&purges[--npurges]);
}

static struct purge
purge_of(const char *team, const char *user)
{
	struct purge p = { .st = st, .base = base, .team = team, .user = user };
	struct err err;

	ck_assert_msg(purge_find(&p, &err) == 0, "%s", err.text);
	purges[npurges++] = p;
	return p;
}

static int64_t
run(struct purge *p)
{
	int64_t count[32] = { 0 }, all = 0;
	struct err err;

	ck_assert_msg(purge_rows(p, count, &err) == 0, "%s", err.text);
	for (size_t i = 0; i < purge_ntables; i++)
		all += count[i];
	return all;
}

static void
finish(struct purge *p)
{
	struct err err;

	ck_assert_int_eq(purge_end(p, &err), 0);
	ck_assert_int_gt((int)run(p), 0);
	ck_assert_int_eq((int)run(p), 0);
}

/* ---- nobody brings a row back ---- */

START_TEST(nothing_is_added_to_what_has_ended)
{
	struct purge p;
	struct err err;

	installed("", TEAM, USER);
	ck_assert_int_eq(put("", TEAM, "users", "U9", "").kind, ERR_NONE);
	ck_assert_int_eq(run_begins(TEAM).kind, ERR_NONE);
	ck_assert(chain_begins(TEAM));
	ck_assert_int_eq(post_of(TEAM, "a"), ERR_NONE);
	p = purge_of(TEAM, NULL);
	ck_assert_uint_eq(p.ninstalls, 1);
	ck_assert_int_eq(purge_end(&p, &err), 0);
	ck_assert_int_eq(post_of(TEAM, "c"), ERR_NOT_FOUND);
	ck_assert_int_eq(put("", TEAM, "users", "U9", "").kind, ERR_NOT_FOUND);
	ck_assert(!chain_begins(TEAM));
	ck_assert_int_gt((int)run(&p), 0);
	ck_assert_int_eq(put("", TEAM, "users", "U9", "").kind, ERR_NOT_FOUND);
	ck_assert_int_eq(run_begins(TEAM).kind, ERR_NOT_FOUND);
	ck_assert(!chain_begins(TEAM));
	ck_assert_int_eq((int)run(&p), 0);
	ck_assert_int_eq(post_of(TEAM, "b"), ERR_NOT_FOUND);
	installed("", TEAM, USER);	/* and a new life begins */
	ck_assert_int_eq(post_of(TEAM, "b"), ERR_NONE);
	ck_assert_int_eq(put("", TEAM, "users", "U9", "").kind, ERR_NONE);
	ck_assert_int_eq(run_begins(TEAM).kind, ERR_NONE);
	ck_assert(chain_begins(TEAM));
}
END_TEST

/* ---- a workspace ---- */

START_TEST(a_team_goes_whole)
{
	struct purge p;

	for (int i = 0; i < 2; i++) {
		const char *team = i == 0 ? TEAM : "T12";	/* which begins alike */

		installed("", team, USER);
		for (int n = 0; n < 1203; n++) {
			char id[32];

			if (i == 1 && n == 3)
				break;
			snprintf(id, sizeof(id), "U%04d", n);
			ck_assert_int_eq(put("", team, n % 2 ? "users" : "channels", id, "").kind,
			    ERR_NONE);
			post("p", id + i * 2, team, n % 2 ? "C1" : "C2", "1.2", n + i);
		}
		ck_assert_int_eq(run_begins(team).kind, ERR_NONE);
		ck_assert(chain_begins(team));
	}
	ck_assert_int_eq((int)ask(UNIT(DO(LEASE_MAKE, TEXT("token::T1"), TEXT("o"), INT(1)))).touched, 1);
	ck_assert_int_eq((int)ask(UNIT(DO(LEASE_MAKE, TEXT("users:T1"), TEXT(""), INT(1)))).touched, 1);
	ck_assert_int_eq((int)ask(UNIT(DO(LEASE_MAKE, TEXT("users:T12"), TEXT("o"), INT(1)))).touched, 1);
	key("k_1", "T0,T1,T12", "");
	key("k_2", "T1", "");
	key("k_3", "*", "");
	p = purge_of(TEAM, NULL);
	finish(&p);
	p = purge_of("T12", NULL);
	ck_assert_uint_eq(p.ninstalls, 1);
	/* 3 of the directory and as many posts, fill, chain, lease, key, install */
	ck_assert_int_eq(purge_end(&p, &(struct err){ 0 }), 0);
	ck_assert_int_eq((int)run(&p), 3 + 3 + 5);
	ck_assert_int_eq((int)ask(UNIT(KEYS_BEHIND(0, ""))).rows, 3);
}
END_TEST

/* What one unit wrote (an import) is more than is read at once. */
START_TEST(many_of_one_number)
{
	static const char *const fills[] = {
		"INSERT INTO api_keys " ROWS "SELECT i, i, i, 'h', 'T0,T1', 'read', 'core', '', "
		    "'', '', 'U1', 1, 0, 0, 'live', 7 FROM c WHERE i < 600",
		"INSERT INTO installs " ROWS "SELECT '', i, 'A', 'n', 'u', 'k', 't', '', 0, 's', "
		    "'U', 'B', 'U', 1, 1, 0, 'live', 7 FROM c WHERE i < 300",
		"UPDATE installs SET changed = 7",		/* T1 comes behind the digits */
	};
	struct purge p;

	installed("", TEAM, USER);
	for (int i = 0; i < N(fills); i++)
		ck_assert_int_eq(ask(UNIT(DO(DDL, TEXT(fills[i])))).kind, ERR_NONE);
	p = purge_of(TEAM, USER);
	ck_assert_uint_eq(p.ninstalls, 1);
	finish(&p);
	ck_assert_int_eq(ask(UNIT(DO(KEY_COUNT, TEXT("live")))).n, 0);
	p = purge_of(TEAM, NULL);
	ck_assert_uint_eq(p.ninstalls, 1);
	ck_assert_int_eq(purge_end(&p, &(struct err){ 0 }), 0);
	ck_assert_int_eq((int)run(&p), 600 + 1);	/* lists of keys, and the install */
}
END_TEST

START_TEST(an_organisation)
{
	struct purge p;

	installed("E1", "", USER);
	installed("E1", TEAM, USER);
	ck_assert_int_eq(put("E1", "", "users", "U9", "").kind, ERR_NONE);
	ck_assert_int_eq(put("E1", TEAM, "users", "U9", "").kind, ERR_NONE);
	p = purge_of("E1", NULL);
	ck_assert_uint_eq(p.ninstalls, 1);
	ck_assert_str_eq(p.install[0].team_id, "");
	finish(&p);
	p = purge_of(TEAM, NULL);
	ck_assert_uint_eq(p.ninstalls, 1);
	finish(&p);
}
END_TEST

/* All that an org-wide install has, and nothing of another with a like name. */
START_TEST(workspaces_of_an_organisation)
{
	struct directory_of of = { "E1/T1", "users", "E1", "" };
	struct directory_row row = { .id = "U9", .handle = "a", .label = "a", .about = "" };
	struct told t = { 0 };
	struct purge p;

	installed("E1", "", USER);
	installed("E12", "", USER);
	installed("E1", "T7", USER);	/* its own */
	ck_assert_int_eq(put("E1", "", "teams", "T1", "").kind, ERR_NONE);
	ck_assert_int_eq(put("E1", "", "teams", "T3", "").kind, ERR_NONE);
	ck_assert_int_eq(put("E1", "", "teams", "T7", "").kind, ERR_NONE);
	ck_assert_int_eq(put("E12", "", "teams", "T1", "").kind, ERR_NONE);
	directory_rows_put(st, &of, &row, 1, 1, 1, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(t.kind, ERR_NONE);
	post("p", "a", "E1/T4", "C1", "1.2", 1);
	post("p", "b", "E12/T1", "C1", "1.2", 1);
	key("k_1", "E1,T1,T3,T4,T7,T8", "");
	ask(UNIT(DO(LEASE_MAKE, TEXT("users:E1/T1"), TEXT(""), INT(1))));
	ask(UNIT(DO(LEASE_MAKE, TEXT("token:E1:"), TEXT(""), INT(1))));
	ask(UNIT(DO(LEASE_MAKE, TEXT("token:E1:T7"), TEXT("o"), INT(1))));
	ask(UNIT(DO(LEASE_MAKE, TEXT("users:E12/T1"), TEXT("o"), INT(1))));
	p = purge_of("T1", NULL);
	ck_assert_uint_eq(p.ninstalls, 0);
	ck_assert(strcmp(p.org, "E1") == 0 || strcmp(p.org, "E12") == 0);
	ck_assert_uint_eq(p.places.n, 1);
	p = purge_of("E1", NULL);
	ck_assert_uint_eq(p.ninstalls, 1);
	ck_assert_uint_eq(p.also.n, 3);
	/* a key; three teams, a person; a post; two leases; the install */
	ck_assert_int_eq(purge_end(&p, &(struct err){ 0 }), 0);
	ck_assert_int_eq((int)run(&p), 1 + 4 + 1 + 2 + 1);
	ck_assert_int_eq((int)run(&p), 0);
	t.calls = 0;
	directory_rows_put(st, &of, &row, 1, 1, 1, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(t.kind, ERR_NOT_FOUND);
	ck_assert_int_eq((int)ask(UNIT(DO(POSTS_PICK, TEXT("E12/T1")))).rows, 1);
	ck_assert_int_eq((int)ask(UNIT(DO(DIRECTORY_PICK, TEXT("E12")))).rows, 1);
	ck_assert_int_eq((int)ask(UNIT(DO(LEASE_SEE, TEXT("token:E1:T7")))).rows, 1);
	ck_assert_int_eq((int)ask(UNIT(DO(LEASE_SEE, TEXT("users:E12/T1")))).rows, 1);
	ck_assert_int_eq((int)ask(UNIT(DO(KEY_LEAVE, TEXT("x"), TEXT("k_1"),
	    TEXT("T7,T8")))).touched, 1);
}
END_TEST

START_TEST(who_holds_a_lease)
{
	struct purge p = purge_of(TEAM, NULL);
	struct err err;
	bool held;

	ck_assert_int_eq(purge_held(&p, &held, &err), 0);
	ck_assert(!held);
	ask(UNIT(DO(LEASE_MAKE, TEXT("users:T12"), TEXT("o"), INT(1))));
	ask(UNIT(DO(LEASE_MAKE, TEXT("channels:T1"), TEXT(""), INT(1))));
	ck_assert_int_eq(purge_held(&p, &held, &err), 0);
	ck_assert(!held);
	ask(UNIT(DO(LEASE_MAKE, TEXT("users:T1"), TEXT("o"), INT(1))));
	ck_assert_int_eq(purge_held(&p, &held, &err), 0);
	ck_assert(held);
}
END_TEST

/* ---- a person ---- */

START_TEST(a_person_goes)
{
	struct purge p;

	installed("", TEAM, USER);
	installed("", "T2", "U7");
	ck_assert_int_eq(put("", TEAM, "users", USER, "").kind, ERR_NONE);
	ck_assert_int_eq(put("", TEAM, "users", "U12", "").kind, ERR_NONE);
	ck_assert_int_eq(put("", TEAM, "channels", "C1", "ask <@U1> or <@U12>").kind, ERR_NONE);
	ck_assert_int_eq(put("", "T2", "users", USER, "").kind, ERR_NONE);
	ck_assert_int_eq(run_begins(TEAM).kind, ERR_NONE);
	key("k_1", "*", USER);
	key("k_2", "*", "U12");
	post("k_1", "a", TEAM, "C1", "1.2", 1);
	post("k_2", "b", TEAM, USER, "1.2", 1);
	post("k_2", "c", TEAM, "C1", "1.2", 1);
	post("k_2", "k:for-U1", TEAM, "C1", "1.2", 1);
	post("k_1", "e", "T2", "C1", "1.2", 1);
	p = purge_of(TEAM, USER);
	/* two of the directory, a cursor, three posts, a key, an installer */
	ck_assert_int_eq(purge_end(&p, &(struct err){ 0 }), 0);
	ck_assert_int_ne((int)p.revoked, 0);
	ck_assert_int_eq((int)run(&p), 2 + 1 + 3 + 1 + 1);
	ck_assert_int_eq((int)run(&p), 0);
	ck_assert_str_eq(ask(UNIT(DO(DIRECTORY_GET, TEXT(TEAM), TEXT("channels"), TEXT("C1"),
	    TEXT(""), TEXT(""), TEXT(""), TEXT(""), TEXT(""), TEXT(""), TEXT(""), TEXT(""),
	    TEXT(""), TEXT(""), TEXT(""), TEXT(""), TEXT(""), TEXT(""), TEXT(""), TEXT(""),
	    TEXT(""), TEXT(""), TEXT("")))).text, "ask <@**> or <@U12>");
	ck_assert_int_eq((int)ask(UNIT(DO(KEY_FIND, TEXT("k_2"), TEXT("none")))).rows, 1);
	ck_assert_int_eq((int)ask(UNIT(DO(KEY_FIND, TEXT("k_1"), TEXT("none")))).rows, 0);
	ck_assert_int_eq((int)ask(UNIT(DO(POSTS_PICK, TEXT("T2")))).rows, 1);
	ck_assert_int_eq((int)ask(UNIT(DO(DIRECTORY_PICK, TEXT("T2")))).rows, 1);
}
END_TEST

/* ---- every table is thought of ---- */

START_TEST(no_table_is_forgotten)
{
	sqlite3_stmt *q;
	sqlite3 *db;
	int n = 0;

	if (conf.path == NULL)
		return;
	ck_assert_int_eq(sqlite3_open(conf.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_master WHERE type = "
	    "'table' AND name <> 'schema'", -1, &q, NULL), SQLITE_OK);
	for (; sqlite3_step(q) == SQLITE_ROW; n++) {
		const char *name = (const char *)sqlite3_column_text(q, 0);
		bool found = false;

		for (size_t i = 0; i < purge_ntables; i++)
			found |= strcmp(purge_tables[i].table, name) == 0;
		ck_assert_msg(found, "table %s: say in store/purge.c what a purge does to it", name);
	}
	ck_assert_int_eq(n, (int)purge_ntables);
	sqlite3_finalize(q);
	sqlite3_close(db);
}
END_TEST

/* ---- files ---- */

static bool
file_holds(const char *path, const char *word)
{
	char *text = mem_new(1 << 20);
	FILE *f = fopen(path, "rb");
	size_t n = f != NULL ? fread(text, 1, 1 << 20, f) : 0;
	bool holds = memmem(text, n, word, strlen(word)) != NULL;

	if (f != NULL)
		fclose(f);
	free(text);
	return holds;
}

static void
count_copy(void *arg, const char *path)
{
	(void)path;
	++*(int *)arg;
}

START_TEST(the_file_holds_nothing)
{
	char path[128], copy[128];
	struct purge p;
	struct err err;
	int copies = 0;

	if (conf.path == NULL)
		return;
	snprintf(path, sizeof(path), "%s-wal", conf.path);
	snprintf(copy, sizeof(copy), "%s.before-0002", conf.path);
	installed("", "T0GONE0001", USER);
	ck_assert_int_eq(put("", "T0GONE0001", "users", "U9", "").kind, ERR_NONE);
	ck_assert_int_eq(migrate_copy(&conf, 2, &err), 0);
	ck_assert(file_holds(path, "T0GONE0001") && file_holds(copy, "T0GONE0001"));
	p = purge_of("T0GONE0001", NULL);
	finish(&p);
	ck_assert_msg(migrate_scrub(&conf, 5000, &err) == 0, "%s", err.text);
	ck_assert(!file_holds(path, "T0GONE0001") && !file_holds(conf.path, "T0GONE0001"));
	ck_assert_int_eq(migrate_drop_copies(&conf, count_copy, &copies, &err), 1);
	ck_assert_int_eq(copies, 1);
	ck_assert_int_eq(access(copy, F_OK), -1);
}
END_TEST

START_TEST(the_spool)
{
	struct install_row row = { .enterprise_id = "", .app_id = "", .team_name = "",
		.team_url = "", .key_id = "", .bot_token = "", .refresh_token = "", .scopes = "",
		.bot_user_id = "", .bot_id = "", .installer = USER };
	static const char *const teams[] = { TEAM, "T12", "T2" };
	struct spool_place place;
	struct err err;

	ck_assert_int_eq(spool_purge(folder, TEAM, NULL, &err), 0);
	for (int i = 0; i < N(teams); i++) {
		row.team_id = teams[i];
		row.installer = i == 1 ? "U12" : USER;
		ck_assert_int_eq(spool_reserve(&place, folder, SPOOL_INSTALL, &err), 0);
		ck_assert_int_eq(spool_write(&place, &row, &err), 0);
		spool_release(&place);
	}
	ck_assert_int_eq(spool_purge(folder, TEAM, NULL, &err), 1);
	ck_assert_int_eq(spool_purge(folder, TEAM, NULL, &err), 0);
	ck_assert_int_eq(spool_purge(folder, "T2", USER, &err), 1);
	ck_assert(spool_waits(folder));
	ck_assert_int_eq(spool_purge(folder, "T12", NULL, &err), 1);
	ck_assert(!spool_waits(folder));
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("purge");

	tcase_add_checked_fixture(tc, NULL, all_wiped);
	tcase_add_test(tc, nothing_is_added_to_what_has_ended);
	tcase_add_test(tc, a_team_goes_whole);
	tcase_add_test(tc, many_of_one_number);
	tcase_add_test(tc, an_organisation);
	tcase_add_test(tc, workspaces_of_an_organisation);
	tcase_add_test(tc, who_holds_a_lease);
	tcase_add_test(tc, a_person_goes);
	tcase_add_test(tc, no_table_is_forgotten);
	tcase_add_test(tc, the_file_holds_nothing);
	tcase_add_test(tc, the_spool);
	return run_store("store purge", tc);
}
