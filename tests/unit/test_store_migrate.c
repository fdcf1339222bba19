/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "store/installs.h"
#include "store/wait.h"

#include <fcntl.h>
#include <signal.h>

static int seen_steps;

static struct migrate_state
look(void)
{
	struct migrate_state s;
	struct err err;

	ck_assert_msg(migrate_look(st, base, &s, &err) == 0, "%s", err.text);
	return s;
}

static void
run(const char *sql)
{
	struct got g = ask(UNIT(DO(DDL, TEXT(sql))));

	ck_assert_msg(g.kind == ERR_NONE, "%s: %s", sql, g.text);
}

/* A row in each table, as the program writes it. */
static void
put_named(const char *word)
{
	struct install_row row = { .enterprise_id = "", .team_id = "T1", .app_id = "A1",
		.team_name = "x", .team_url = "u", .key_id = "k1", .bot_token = "t",
		.bot_token_len = 1, .scopes = "s", .bot_user_id = "U", .bot_id = "B",
		.installer = "U", .state = INSTALL_LIVE };
	struct told t = { 0 };

	install_put(st, &row, 5000, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(t.kind, ERR_NONE);
	ck_assert_int_eq(ask(UNIT(DO(NONCE_USE, TEXT(word), INT(1)))).touched, 1);
	ck_assert_int_eq(ask(UNIT(DO(LEASE_MAKE, TEXT(word), TEXT("o"), INT(1)))).touched, 1);
	ck_assert_int_eq(ask(UNIT(DO(POST_BEGIN, TEXT("p"), TEXT(word), BYTES("d", 1), TEXT("o"),
	    TEXT("t"), TEXT("T1"), TEXT("C1"), INT(1)))).touched, 1);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP))).touched, 1);
}

static void
put_data(void)
{
	put_named("first");
}

START_TEST(newer_store_is_refused)
{
	struct err err;
	int n = look().newest;
	char sql[200];

	snprintf(sql, sizeof(sql), "INSERT INTO `schema` (migration, way, step, steps, "
	    "readable_by, made) VALUES (%d, 'up', 1, 1, %d, 1)", n + 1, n);
	run(sql);
	ck_assert_int_eq(look().at, n + 1);
	ck_assert_int_eq(migrate_up(st, base, &err), 0);	/* it says that we can read it */
	ck_assert_int_eq(migrate_down(st, base, &err), -1);	/* but not undo it */
	ck_assert_int_eq(err.kind, ERR_INPUT);
	snprintf(sql, sizeof(sql), "UPDATE `schema` SET readable_by = %d WHERE migration = %d",
	    n + 1, n + 1);
	run(sql);
	ck_assert_int_eq(look().readable_by, n + 1);
	ck_assert_int_eq(migrate_up(st, base, &err), -1);
	ck_assert_int_eq(err.kind, ERR_INPUT);
	ck_assert_msg(strstr(err.text, "newer program") != NULL, "%s", err.text);
	snprintf(sql, sizeof(sql), "DELETE FROM `schema` WHERE migration = %d", n + 1);
	run(sql);
}
END_TEST

START_TEST(up_down_up)
{
	struct migrate_state s = look();
	struct err err;

	ck_assert_int_ge(s.newest, 1);
	ck_assert_int_eq(s.at, s.newest);
	ck_assert_int_eq(s.half, 0);
	put_data();
	ck_assert_int_eq(migrate_up(st, base, &err), 0);	/* nothing to do, nothing lost */
	ck_assert_int_eq(changes_now(), 3);
	for (int n = s.newest; n > 0; n--) {
		ck_assert_int_eq(migrate_down(st, base, &err), 0);
		ck_assert_int_eq(look().at, n - 1);
	}
	ck_assert_int_eq(migrate_down(st, base, &err), -1);
	ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_READ))).kind, ERR_UPSTREAM);
	ck_assert_int_eq(migrate_up(st, base, &err), 0);
	ck_assert_int_eq(look().at, s.newest);
	put_data();
}
END_TEST

/* Where DDL is no part of a transaction, a step may be done and not recorded. */
START_TEST(each_step_may_be_done_twice)
{
	struct err err;

	put_data();
	for (int step = 40; step > 0; step--) {
		char sql[100];

		snprintf(sql, sizeof(sql), "DELETE FROM `schema` WHERE step >= %d", step);
		run(sql);
		ck_assert_msg(migrate_up(st, base, &err) == 0, "step %d: %s", step, err.text);
		ck_assert_int_eq(look().half, 0);
	}
	ck_assert_int_eq(changes_now(), 3);
}
END_TEST

/* Of the newest migration; a rollback is of one. */
START_TEST(half_a_rollback_goes_on)
{
	static const char step[] = "INSERT INTO `schema` (migration, way, step, steps, "
	    "readable_by, made) VALUES (2, 'down', 1, 5, 1, 1)";
	int newest = look().newest;
	struct err err;

	ck_assert_int_eq(newest, 2);
	run("DROP TABLE events");
	run(step);
	ck_assert_int_eq(look().half, 2);
	ck_assert_int_eq(look().at, 1);
	ck_assert_int_eq(migrate_up(st, base, &err), 0);	/* to its end, and up again */
	ck_assert_int_eq(look().at, newest);
	put_data();
	run("DROP TABLE events");
	run(step);
	ck_assert_int_eq(migrate_down(st, base, &err), 0);
	ck_assert_int_eq(look().half, 0);
	ck_assert_int_eq(look().at, 1);
	ck_assert_int_eq(migrate_down(st, base, &err), 0);
	ck_assert_int_eq(ask(UNIT(DO(CHANGES_READ))).kind, ERR_UPSTREAM);
}
END_TEST

static void
count_rows(void *arg, const struct answer *a)
{
	const char *way = arg;

	seen_steps = 0;
	for (size_t i = 0; i < a->rows; i++)
		seen_steps += strcmp(answer_at(a, i, 1)->text, way) == 0;
}

/* kill -9 once that many steps are done; the child may get further, or be through. */
static void
killed_after(int steps, bool up)
{
	char way[8];
	int64_t end = clock_ms() + 20000;
	struct err err;
	pid_t pid;

	snprintf(way, sizeof(way), "%s", up ? "up" : "down");
	close_store();
	if ((pid = fork()) == 0) {
		open_store();
		leave(up ? migrate_up(st, base, &err) : migrate_down(st, base, &err));
	}
	open_store();
	for (seen_steps = 0; seen_steps < steps && waitpid(pid, NULL, WNOHANG) == 0;) {
		ck_assert(clock_ms() < end);
		store_wait(st, base, UNIT(DO(SCHEMA_READ)), 5000, count_rows, way, &err);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

START_TEST(killed_in_the_middle)
{
	struct err err;

	ck_assert_int_eq(migrate_down(st, base, &err), 0);
	killed_after(_i, true);
	ck_assert_msg(migrate_up(st, base, &err) == 0, "%s", err.text);
	ck_assert_int_eq(look().at, look().newest);
	ck_assert_int_eq(look().half, 0);
	put_data();
	killed_after(_i / 2, false);
	ck_assert_msg(migrate_up(st, base, &err) == 0, "%s", err.text);
	put_named("second");		/* the first may be there, or not */
}
END_TEST

START_TEST(copied_aside)
{
	struct store_conf copy = { .path = mem_fmt("%s.before-0002", conf.path) };
	struct stat s;
	struct err err;

	if (conf.path != NULL) {
		put_data();
		ck_assert_msg(migrate_copy(&conf, 2, &err) == 0, "%s", err.text);
		ck_assert_int_eq(stat(copy.path, &s), 0);
		ck_assert_int_eq((int)(s.st_mode & 0777), 0600);
		ck_assert_int_eq(ask(UNIT(DO(CHANGES_BUMP))).touched, 1);
		ck_assert_msg(migrate_copy(&conf, 2, &err) == 0, "%s", err.text); /* once more */
		ck_assert_int_eq(migrate_check(&copy, &err), 0);
		close_store();
		base = event_base_new();
		st = store_new(base, &copy);
		ck_assert_int_eq(changes_now(), 4);
	}
	free(copy.path);
}
END_TEST

START_TEST(damage_is_seen)
{
	struct err err;
	int fd;

	if (conf.path == NULL)
		return;
	ck_assert_int_eq(migrate_check(&conf, &err), 0);
	ck_assert_int_eq(migrate_checkpoint(&conf, &err), 0);
	close_store();
	fd = open(conf.path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "damaged damaged damaged", 23, 0), 23);
	close(fd);
	ck_assert_int_eq(migrate_check(&conf, &err), -1);
	ck_assert_int_eq(err.kind, ERR_INPUT);
	ck_assert_msg(strstr(err.text, conf.path) != NULL, "%s", err.text);
	ck_assert_int_eq(migrate_copy(&conf, 2, &err), -1);
	unlink(conf.path);
	ck_assert_int_eq(migrate_checkpoint(&conf, &err), -1);
}
END_TEST

START_TEST(log_is_cut)
{
	char name[96];
	struct stat s;
	struct err err;

	if (conf.path == NULL)
		return;
	snprintf(name, sizeof(name), "%s-wal", conf.path);
	put_data();
	ck_assert(stat(name, &s) == 0 && s.st_size > 0);
	ck_assert_int_eq(migrate_checkpoint(&conf, &err), 0);
	ck_assert(stat(name, &s) == 0 && s.st_size == 0);
	ck_assert_int_eq(changes_now(), 3);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("migrate");

	tcase_add_test(tc, newer_store_is_refused);
	tcase_add_test(tc, damage_is_seen);
	tcase_add_test(tc, up_down_up);
	tcase_add_test(tc, each_step_may_be_done_twice);
	tcase_add_test(tc, half_a_rollback_goes_on);
	tcase_add_loop_test(tc, killed_in_the_middle, 0, 16);
	tcase_add_test(tc, copied_aside);
	tcase_add_test(tc, log_is_cut);
	return run_store("store migrate", tc);
}
