/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "admin/jobs.h"
#include "base/crypto.h"
#include "job/job.h"
#include "net/channel.h"
#include "shm/session.h"
#include "store/installs.h"
#include "store/keys.h"
#include "store/spool.h"

#include <sqlite3.h>

/* Jobs as the master runs them, but in this process: their status and their words. */

#define RING	"k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define DAY	86400000LL

static struct conf job_conf;
static char no_ca[] = "";
static struct heritage h;
static char said[4096];

static void
on_message(struct channel *ch, const struct message *m, void *arg)
{
	(void)ch, (void)arg;
	ck_assert_int_eq(m->type, MSG_REPLY);
	ck_assert_int_eq((int)m->id, 0);
	strncat(said, m->data, sizeof(said) - strlen(said) - 1);
}

static void
on_gone(struct channel *ch, void *arg)
{
	channel_free(ch);
	*(bool *)arg = true;
}

static int
run_job(enum job_id job)
{
	struct event_base *own = event_base_new();
	bool gone = false;
	int fds[2], status;

	said[0] = '\0';
	ck_assert_int_eq(channel_pair(fds), 0);
	h.channel = fds[1];
	status = job_run(&h, (int)job);
	close(fds[1]);			/* it was closed already if something was said */
	channel_new(own, fds[0], on_message, on_gone, &gone);
	while (!gone)
		event_base_loop(own, EVLOOP_ONCE);
	event_base_free(own);
	return status;
}

static int
prepare(void)
{
	return run_job(JOB_PREPARE);
}

static void
set_region(bool is_fresh)
{
	static const struct region_conf rc = { .node = "n1", .max_sessions = 256,
		.max_sessions_per_key = 10, .session_ttl_ms = DAY, .session_max_ms = DAY, .rows = 4 };

	if (h.region != NULL)
		region_close(h.region);
	h.region = region_private(&rc);
	h.region_fresh = is_fresh;
}

static void
begin(void)
{
	struct err err;

	log_quiet();
	configure();
	memset(&job_conf, 0, sizeof(job_conf));
	memset(&h, 0, sizeof(h));
	job_conf.store = mem_fmt("sqlite:%s", conf.path);
	job_conf.store_ca = no_ca;
	job_conf.state_dir = folder;
	job_conf.store_timeout = 2000;
	secret_set(&job_conf.token_keys, RING);
	secret_set(&job_conf.api_key, "a key of the environment, long enough");
	h.conf = &job_conf;
	h.keys = keyring_parse(RING, &err);
	h.slot = -1;
	set_region(false);
}

static void
end(void)
{
	region_close(h.region);
	keyring_free(h.keys);
	free(job_conf.store);
	secret_wipe(&job_conf.token_keys);
	secret_wipe(&job_conf.api_key);
	finished();
}

static void
sql(const char *text)
{
	struct got g;

	open_store();
	g = ask(UNIT(DO(DDL, TEXT(text))));
	ck_assert_msg(g.kind == ERR_NONE && g.touched >= 1, "%s: %s", text, g.text);
	close_store();
}

static int64_t
count(const char *table)
{
	char text[200];
	sqlite3_stmt *q;
	sqlite3 *db;
	int64_t n;

	snprintf(text, sizeof(text), "SELECT COUNT(*) FROM %s", table);
	ck_assert_int_eq(sqlite3_open(conf.path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_prepare_v2(db, text, -1, &q, NULL) == SQLITE_OK, "%s", text);
	ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

static void
install(const char *team, const char *key_id, enum install_state state, int64_t when)
{
	struct install_row row = { .enterprise_id = "", .team_id = team, .app_id = "A1",
		.team_name = "x", .team_url = "u", .key_id = key_id, .bot_token = "t",
		.bot_token_len = 1, .scopes = "s", .bot_user_id = "U", .bot_id = "B",
		.installer = "U", .made = when, .updated = when, .state = state };
	struct told t = { 0 };

	open_store();
	install_put(st, &row, 5000, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(t.kind, ERR_NONE);
	close_store();
}

static void
set_args(const char *line)
{
	static char copy[256];
	static char *argv[16];
	char *at = copy;

	snprintf(copy, sizeof(copy), "%s", line);
	h.argv = argv;
	for (h.argc = 0; at != NULL; h.argc++)
		argv[h.argc] = strsep(&at, " ");
	argv[h.argc] = NULL;
}

#define SAYS(word)	ck_assert_msg(strstr(said, word) != NULL, "said: %s", said)

/* ---- prepare refuses, and says what to do ---- */

START_TEST(no_folder)
{
	free(job_conf.store);
	job_conf.store = mem_str("sqlite:/nonexistent/folder/store.db");
	ck_assert_int_eq(prepare(), JOB_REFUSED);
	SAYS("/nonexistent/folder");
}
END_TEST

#ifdef HAVE_MARIADB
START_TEST(no_server)
{
	free(job_conf.store);
	job_conf.store = mem_str("mariadb://u@127.0.0.1:1/db");
	ck_assert_int_eq(prepare(), JOB_LATER);
	SAYS("MariaDB");
	SAYS("connect");
}
END_TEST

START_TEST(no_token_keys_of_a_shared_store)
{
	free(job_conf.store);
	job_conf.store = mem_str("mariadb://u@127.0.0.1:1/db");
	h.keys_are_new = true;
	ck_assert_int_eq(prepare(), JOB_REFUSED);	/* whether it can be reached or not */
	SAYS("openssl rand -base64 32");
	SAYS("TOKEN_KEYS");
}
END_TEST
#endif

START_TEST(damaged_store)
{
	FILE *f = fopen(conf.path, "w");

	for (int i = 0; i < 1000; i++)
		fputs("this is no store ", f);
	fclose(f);
	ck_assert_int_eq(prepare(), JOB_REFUSED);
	SAYS("damaged");
}
END_TEST

START_TEST(no_key_at_all)
{
	secret_wipe(&job_conf.api_key);
	ck_assert_int_eq(prepare(), JOB_REFUSED);
	SAYS("AFFINITYBOTS_MCP_API_KEY");
	SAYS("slackmcpd --add-key");
}
END_TEST

START_TEST(only_dead_keys)
{
	secret_wipe(&job_conf.api_key);
	set_args("old");
	ck_assert_int_eq(run_job(JOB_ADD_KEY), JOB_OK);
	ck_assert_int_eq(prepare(), JOB_OK);
	sql("UPDATE api_keys SET expires = 1");
	ck_assert_int_eq(prepare(), JOB_REFUSED);
	sql("UPDATE api_keys SET expires = 0");
	ck_assert_int_eq(prepare(), JOB_OK);
	sql("UPDATE api_keys SET state = 'revoked'");
	ck_assert_int_eq(prepare(), JOB_REFUSED);
}
END_TEST

START_TEST(newer_store)
{
	ck_assert_int_eq(prepare(), JOB_OK);
	sql("INSERT INTO `schema` (migration, way, step, steps, readable_by, made) VALUES "
	    "(999, 'up', 1, 1, 998, 1)");
	ck_assert_int_eq(prepare(), JOB_REFUSED);
	SAYS("998");
	sql("UPDATE `schema` SET readable_by = 1");
	ck_assert_int_eq(prepare(), JOB_OK);
}
END_TEST

START_TEST(lost_token_keys)
{
	ck_assert_int_eq(prepare(), JOB_OK);
	install("T1", "k7", INSTALL_LIVE, 1);
	install("T2", "k1", INSTALL_LIVE, 1);
	install("T3", "k8", INSTALL_PENDING, 1);
	ck_assert_int_eq(prepare(), JOB_REFUSED);
	SAYS("k7, k8");
	ck_assert_ptr_null(strstr(said, "k1"));
	h.keys_are_new = true;		/* none was found, one is in memory */
	ck_assert_int_eq(prepare(), JOB_REFUSED);
	SAYS("token.keys");
	SAYS("k1");
	sql("UPDATE installs SET key_id = 'k1'");
	h.keys_are_new = false;
	ck_assert_int_eq(prepare(), JOB_OK);
}
END_TEST

START_TEST(locked_store)
{
	pid_t pid;

	ck_assert_int_eq(prepare(), JOB_OK);
	pid = hold();
	secret_set(&job_conf.api_key, "another key of the environment");
	ck_assert_int_eq(prepare(), JOB_LATER);
	SAYS("locked by others");
	let_go(pid);
	ck_assert_int_eq(prepare(), JOB_OK);
}
END_TEST

/* ---- what it does ---- */

START_TEST(new_token_keys_are_stored)
{
	char path[96], text[200] = "";
	struct stat s;
	FILE *f;

	snprintf(path, sizeof(path), "%s/token.keys", folder);
	ck_assert_int_eq(prepare(), JOB_OK);
	ck_assert_int_eq(stat(path, &s), -1);
	h.keys_are_new = true;
	ck_assert_int_eq(prepare(), JOB_OK);
	ck_assert_int_eq(stat(path, &s), 0);
	ck_assert_int_eq((int)(s.st_mode & 0777), 0600);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
	fclose(f);
	ck_assert_str_eq(text, RING "\n");
	ck_assert_int_eq(prepare(), JOB_REFUSED);	/* never over one that is there */
	SAYS("token.keys");
}
END_TEST

START_TEST(first_day_of_the_seed_is_kept)
{
	ck_assert_int_eq(prepare(), JOB_OK);
	sql("UPDATE api_keys SET made = 1234 WHERE id = 'env' AND state = 'seed'");
	ck_assert_int_eq(prepare(), JOB_OK);
	ck_assert_int_eq(count("api_keys WHERE made = 1234"), 1);
	secret_set(&job_conf.api_key, "another key of the environment");
	ck_assert_int_eq(prepare(), JOB_OK);
	ck_assert_int_eq(count("api_keys WHERE made > 1234"), 1);
}
END_TEST

START_TEST(sessions_go_and_come)
{
	struct session s = { .principal = "k_1", .version = 2 }, back;
	char path[96], id[SESSION_ID_SIZE];
	struct err err;

	snprintf(path, sizeof(path), "%s/sessions", folder);
	ck_assert_int_eq(session_new(h.region, &s, &err), 0);
	memcpy(id, s.id, sizeof(id));
	ck_assert_int_eq(run_job(JOB_SAVE_SESSIONS), JOB_OK);
	ck_assert_int_eq(access(path, R_OK), 0);
	set_region(true);
	ck_assert_int_eq(session_get(h.region, id, "k_1", &back, &err), -1);
	ck_assert_int_eq(prepare(), JOB_OK);
	ck_assert_int_eq(session_get(h.region, id, "k_1", &back, &err), 0);
	ck_assert_int_eq(access(path, R_OK), -1);
	/* a region that lived on has the truth: an old list is removed, not read */
	ck_assert_int_eq(run_job(JOB_SAVE_SESSIONS), JOB_OK);
	set_region(false);
	ck_assert_int_eq(prepare(), JOB_OK);
	ck_assert_int_eq(session_get(h.region, id, "k_1", &back, &err), -1);
	ck_assert_int_eq(access(path, R_OK), -1);
}
END_TEST

START_TEST(key_is_added)
{
	set_args("first --workspaces T1,T2 --role=write");
	ck_assert_int_eq(run_job(JOB_ADD_KEY), JOB_OK);	/* migrates too */
	SAYS("sk_");
	SAYS("shown this once");
	ck_assert_int_eq(count("api_keys WHERE name = 'first' AND workspaces = 'T1,T2' AND "
	    "role = 'write' AND state = 'live' AND length(hash) = 32"), 1);
	set_args("first");
	ck_assert_int_eq(run_job(JOB_ADD_KEY), JOB_REFUSED);
	ck_assert_ptr_null(strstr(said, "sk_"));
	SAYS("first");
	set_args("x --rol write");
	ck_assert_int_eq(run_job(JOB_ADD_KEY), JOB_REFUSED);
	SAYS("--role");
	secret_wipe(&job_conf.api_key);
	ck_assert_int_eq(prepare(), JOB_OK);		/* a stored key is enough */
}
END_TEST

START_TEST(migrate_and_roll_back)
{
	ck_assert_int_eq(run_job(JOB_ROLLBACK), JOB_LATER);	/* no file */
	ck_assert_int_eq(run_job(JOB_MIGRATE), JOB_OK);
	SAYS("migration 2");
	ck_assert_int_eq(run_job(JOB_MIGRATE), JOB_OK);
	install("T1", "k1", INSTALL_LIVE, 1);
	ck_assert_int_eq(run_job(JOB_ROLLBACK), JOB_OK);
	SAYS("migration 1");
	ck_assert_int_eq(count("installs"), 1);
	ck_assert_int_eq(run_job(JOB_ROLLBACK), JOB_OK);
	SAYS("migration 0");
	ck_assert_int_eq(run_job(JOB_ROLLBACK), JOB_REFUSED);
	SAYS("no migration");
	ck_assert_int_eq(prepare(), JOB_OK);
	ck_assert_int_eq(count("installs"), 0);
	/* what was there before lies beside it */
	free(conf.path);
	conf.path = mem_fmt("%s/store.db.before-0000", folder);
	ck_assert_int_eq(count("installs"), 1);
}
END_TEST

static void
put_into_spool(const struct install_row *row)
{
	struct spool_place place;
	struct err err;

	ck_assert_int_eq(spool_reserve(&place, folder, SPOOL_INSTALL, &err), 0);
	ck_assert_int_eq(spool_write(&place, row, &err), 0);
	spool_release(&place);
}

START_TEST(spool_is_emptied)
{
	struct install_row row = { .enterprise_id = "", .team_id = "T1", .app_id = "A1",
		.team_name = "x", .team_url = "u", .key_id = "k1", .bot_token = "t",
		.bot_token_len = 1, .scopes = "s", .bot_user_id = "U", .bot_id = "B",
		.installer = "U", .made = 1, .updated = 1, .state = INSTALL_LIVE };
	char path[96];
	FILE *f;

	ck_assert_int_eq(prepare(), JOB_OK);
	put_into_spool(&row);
	region_set_spooled(h.region, true);
	ck_assert_int_eq(run_job(JOB_SPOOL), JOB_OK);
	ck_assert(!region_spooled(h.region));
	ck_assert_int_eq(count("installs"), 1);
	snprintf(path, sizeof(path), "%s/spool/install-1", folder);
	f = fopen(path, "w");
	fputs("nothing", f);
	fclose(f);
	row.team_id = "T2";
	put_into_spool(&row);
	ck_assert_int_eq(prepare(), JOB_OK);	/* the daemon starts all the same */
	ck_assert(!region_spooled(h.region));
	ck_assert_int_eq(count("installs"), 2);
	/* what is left is known to be, whoever looks first */
	put_into_spool(&row);
	snprintf(path, sizeof(path), "%s.aside", conf.path);
	ck_assert_int_eq(rename(conf.path, path), 0);
	ck_assert_int_eq(run_job(JOB_SPOOL), JOB_LATER);
	ck_assert(region_spooled(h.region));
	SAYS(conf.path);
	ck_assert_int_eq(rename(path, conf.path), 0);
	ck_assert_int_eq(run_job(JOB_SPOOL), JOB_OK);
	ck_assert(!region_spooled(h.region));
}
END_TEST

START_TEST(old_rows_go)
{
	int64_t now = clock_wall_ms();
	char text[700];

	ck_assert_int_eq(prepare(), JOB_OK);
	install("T1", "k1", INSTALL_PENDING, now - DAY - 60000);
	install("T2", "k1", INSTALL_PENDING, now - DAY + 600000);
	install("T3", "k1", INSTALL_LIVE, now - 90 * DAY);
	install("T4", "k1", INSTALL_LIVE, now - 90 * DAY);
	install("T5", "k1", INSTALL_LIVE, now - 90 * DAY);
	snprintf(text, sizeof(text), "UPDATE installs SET state = 'revoked', ended = CASE team_id "
	    "WHEN 'T4' THEN %lld ELSE %lld END WHERE team_id IN ('T4', 'T5')",
	    (long long)(now - 11 * DAY), (long long)(now - 9 * DAY));
	sql(text);
	sql("INSERT INTO directory (team, kind, id, handle, label, label_key, about, words, flags, "
	    "members, fill, seen) VALUES ('T4', 'users', 'U1', 'a', 'a', 'a', '', 'a', 0, 0, 1, 1), "
	    "('T5', 'users', 'U1', 'a', 'a', 'a', '', 'a', 0, 0, 1, 1), "
	    "('T3', 'users', 'U1', 'a', 'a', 'a', '', 'a', 0, 0, 1, 1)");
	sql("INSERT INTO directory_fills (team, kind, fill, state, entries, began, ended, page, "
	    "problem) VALUES ('T4', 'users', 1, 'complete', 1, 1, 1, '', ''), "
	    "('T5', 'users', 1, 'complete', 1, 1, 1, '', '')");
	sql("INSERT INTO chains (enterprise_id, team_id, holder, refresh_hash, state, owner, since, "
	    "tries) VALUES ('', 'T4', '', x'00', '', '', 1, 0), ('', 'T5', '', x'00', '', '', 1, 0)");
	sql("INSERT INTO leases (name, owner, beat) VALUES ('token::T4', '', 1), "
	    "('token::T5', '', 1)");
	snprintf(text, sizeof(text), "INSERT INTO nonces (nonce, expires) VALUES ('a', %lld), "
	    "('b', %lld)", (long long)(now - 1000), (long long)(now + 600000));
	sql(text);
	snprintf(text, sizeof(text), "INSERT INTO posts (principal, call_key, digest, state, owner, "
	    "tool, team, channel, answer, made) VALUES ('p', 'a', 'd', 'posted', 'o', 't', 'T', 'C', "
	    "'1', %lld), ('p', 'b', 'd', 'posted', 'o', 't', 'T', 'C', '1', %lld), "
	    "('p', 'c', 'd', 'posted', 'o', 't', 'T4', 'C', '1', %lld)",
	    (long long)(now - 31 * DAY), (long long)(now - 29 * DAY), (long long)(now - 11 * DAY));
	sql(text);
	snprintf(text, sizeof(text), "INSERT INTO api_keys (id, name, live_name, hash, workspaces, "
	    "role, toolsets, channels_read, channels_write, rate, slack_user, made, expires, ended, "
	    "state, changed) VALUES ('k_1', 'a', '!1', 'h', '', 'read', '', '', '', '', '', 1, 0, "
	    "%lld, 'revoked', 1), ('k_2', 'a', '!2', 'h', '', 'read', '', '', '', '', '', 1, 0, %lld, "
	    "'revoked', 2), ('k_3', 'a', 'a', 'h', '', 'read', '', '', '', '', '', 1, 0, 0, 'live', 3)",
	    (long long)(now - 31 * DAY), (long long)(now - 29 * DAY));
	sql(text);
	ck_assert_int_eq(run_job(JOB_PRUNE), JOB_OK);
	ck_assert_int_eq(count("nonces"), 1);
	ck_assert_int_eq(count("posts"), 1);
	ck_assert_int_eq(count("api_keys WHERE id IN ('k_2', 'k_3', 'env')"), 3);
	ck_assert_int_eq(count("api_keys"), 3);
	ck_assert_int_eq(count("installs WHERE team_id IN ('T1', 'T2', 'T3', 'T5')"), 4);
	ck_assert_int_eq(count("installs"), 4);
	/* all of a workspace whose install ended so long ago, and of no other */
	ck_assert_int_eq(count("directory WHERE team IN ('T3', 'T5')"), 2);
	ck_assert_int_eq(count("directory"), 2);
	ck_assert_int_eq(count("directory_fills"), 1);
	ck_assert_int_eq(count("chains"), 1);
	ck_assert_int_eq(count("leases"), 1);
	ck_assert_int_eq(run_job(JOB_PRUNE), JOB_OK);
	ck_assert_int_eq(count("installs"), 4);
}
END_TEST

/* A workspace that came into an organisation: the ended row goes, the rest is the
 * live one's. */
START_TEST(another_install_of_the_workspace_lives)
{
	char text[200];

	ck_assert_int_eq(prepare(), JOB_OK);
	install("T1", "k1", INSTALL_LIVE, 1);
	snprintf(text, sizeof(text), "UPDATE installs SET enterprise_id = 'E1', state = 'revoked', "
	    "ended = %lld", (long long)(clock_wall_ms() - 11 * DAY));
	sql(text);
	install("T1", "k1", INSTALL_LIVE, 1);
	sql("INSERT INTO directory (team, kind, id, handle, label, label_key, about, words, flags, "
	    "members, fill, seen) VALUES ('T1', 'users', 'U1', 'a', 'a', 'a', '', 'a', 0, 0, 1, 1)");
	sql("INSERT INTO chains (enterprise_id, team_id, holder, refresh_hash, state, owner, since, "
	    "tries) VALUES ('E1', 'T1', '', x'00', '', '', 1, 0), ('', 'T1', '', x'00', '', '', 1, 0)");
	ck_assert_int_eq(run_job(JOB_PRUNE), JOB_OK);
	ck_assert_int_eq(count("installs WHERE enterprise_id = ''"), 1);
	ck_assert_int_eq(count("installs"), 1);
	ck_assert_int_eq(count("directory"), 1);
	ck_assert_int_eq(count("chains WHERE enterprise_id = ''"), 1);
	ck_assert_int_eq(count("chains"), 1);
}
END_TEST

START_TEST(rows_of_the_table)
{
	for (int i = 0; i < JOB_COUNT; i++) {
		ck_assert_ptr_nonnull(job_rows[i].name);
		ck_assert_int_gt(job_rows[i].seconds, 0);
	}
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("job");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, no_folder);
#ifdef HAVE_MARIADB
	tcase_add_test(tc, no_server);
	tcase_add_test(tc, no_token_keys_of_a_shared_store);
#endif
	tcase_add_test(tc, damaged_store);
	tcase_add_test(tc, no_key_at_all);
	tcase_add_test(tc, only_dead_keys);
	tcase_add_test(tc, newer_store);
	tcase_add_test(tc, lost_token_keys);
	tcase_add_test(tc, locked_store);
	tcase_add_test(tc, new_token_keys_are_stored);
	tcase_add_test(tc, first_day_of_the_seed_is_kept);
	tcase_add_test(tc, sessions_go_and_come);
	tcase_add_test(tc, key_is_added);
	tcase_add_test(tc, migrate_and_roll_back);
	tcase_add_test(tc, spool_is_emptied);
	tcase_add_test(tc, old_rows_go);
	tcase_add_test(tc, another_install_of_the_workspace_lives);
	tcase_add_test(tc, rows_of_the_table);
	return run_case("job", tc);
}
