/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/clock.h"
#include "base/counter.h"
#include "shm/board.h"
#include "shm/bucket.h"
#include "shm/layout.h"
#include "shm/session.h"
#include "run.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct region_conf conf = { .node = "n1", .max_sessions = 1000,
	.max_sessions_per_key = 100, .session_ttl_ms = 60000, .session_max_ms = 600000,
	.rows = 8 };

static struct region *
make(void)
{
	return region_private(&conf);
}

static struct session
begin(struct region *r, const char *principal)
{
	struct session s = { .version = 2, .log_level = 1 };
	struct err err;

	snprintf(s.principal, sizeof(s.principal), "%s", principal);
	ck_assert_int_eq(session_new(r, &s, &err), 0);
	return s;
}

START_TEST(test_session_life)
{
	struct region *r = make();
	struct session s = begin(r, "alice"), got;
	struct err err;

	ck_assert_int_eq(strncmp(s.id, "n1.", 3), 0);
	ck_assert_uint_eq(strlen(s.id), 3 + 43);
	ck_assert_int_eq(session_get(r, s.id, "bob", &got, &err), -1);
	ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
	ck_assert_int_eq(session_get(r, "n1.nothing", "alice", &got, &err), -1);
	ck_assert_int_eq(session_get(r, s.id, "alice", &got, &err), 0);
	ck_assert_int_eq(got.version, 2);
	ck_assert_int_eq(session_log_level(r, s.id, "bob", 5, &err), -1);
	ck_assert_int_eq(session_log_level(r, s.id, "alice", 5, &err), 0);
	ck_assert_int_eq(session_get(r, s.id, "alice", &got, &err), 0);
	ck_assert_int_eq(got.log_level, 5);
	ck_assert_uint_eq(session_count(r), 1);
	ck_assert_uint_eq(session_count_of(r, "alice"), 1);
	ck_assert_int_eq(session_end(r, s.id, "bob", &err), -1);
	ck_assert_int_eq(session_end(r, s.id, "alice", &err), 0);
	ck_assert_int_eq(session_get(r, s.id, "alice", &got, &err), -1);
	ck_assert_uint_eq(session_count(r), 0);
	ck_assert_uint_eq(session_count_of(r, "alice"), 0);
	region_close(r);
}
END_TEST

/* At its cap a key loses its own longest idle session, nobody else's. */
START_TEST(test_session_evicts_its_own)
{
	struct region_conf few = conf;
	struct region *r;
	struct session other, first, got;
	struct err err;

	few.max_sessions_per_key = 3;
	r = region_private(&few);
	other = begin(r, "bob");
	first = begin(r, "alice");
	for (int i = 0; i < 5; i++)
		usleep(2000), begin(r, "alice");
	ck_assert_uint_eq(session_count_of(r, "alice"), 3);
	ck_assert_int_eq(session_get(r, first.id, "alice", &got, &err), -1);
	ck_assert_int_eq(session_get(r, other.id, "bob", &got, &err), 0);
	region_close(r);
}
END_TEST

START_TEST(test_session_table_full)
{
	struct region_conf few = conf;
	struct region *r;
	struct session s = { .principal = "carol" };
	struct err err;

	few.max_sessions = 4;
	r = region_private(&few);
	for (int i = 0; i < 4; i++)
		begin(r, "alice");
	ck_assert_int_eq(session_new(r, &s, &err), -1);
	ck_assert_int_eq(err.kind, ERR_LIMIT);
	ck_assert_uint_eq(session_count(r), 4);
	region_close(r);
}
END_TEST

START_TEST(test_session_time)
{
	struct region_conf brief = conf;
	struct region *r;
	struct session idle, got;
	struct err err;

	brief.session_ttl_ms = 50;
	r = region_private(&brief);
	idle = begin(r, "alice");
	usleep(70000);
	/* judged at use, pruned or not */
	ck_assert_int_eq(session_get(r, idle.id, "alice", &got, &err), -1);
	begin(r, "alice");
	usleep(70000);
	ck_assert_uint_eq(session_prune(r), 1);
	ck_assert_uint_eq(session_count(r), 0);
	region_close(r);
}
END_TEST

START_TEST(test_session_lock_is_not_waited_for)
{
	struct region *r = make();
	struct session s = begin(r, "alice"), got;
	int64_t before;
	struct err err;
	int pipes[2];
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(&r->stripes[layout_hash(s.id) % STRIPES]);
		if (write(pipes[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(pipes[0], &c, 1), 1);
	before = clock_ms();
	ck_assert_int_eq(session_get(r, s.id, "alice", &got, &err), -1);
	ck_assert_int_eq(err.kind, ERR_LIMIT);
	ck_assert_int_lt(clock_ms() - before, 500);
	/* nor again and again: a loop that did would stand still */
	before = clock_ms();
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(session_get(r, s.id, "alice", &got, &err), -1);
	ck_assert_int_lt(clock_ms() - before, 1000);
	ck_assert_uint_eq(counter_get(CNT_LOCK_TIMEOUTS), 41);
	for (int i = 0; i < 300; i++)		/* in one of the others */
		begin(r, "bob");
	session_prune(r);			/* only tries */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_eq(session_get(r, s.id, "alice", &got, &err), 0);
	close(pipes[0]);
	close(pipes[1]);
	region_close(r);
}
END_TEST

START_TEST(test_session_file)
{
	char dir[] = "/tmp/test_shm.XXXXXX", path[64];
	struct region *r = make(), *next;
	struct session a = begin(r, "alice"), b = begin(r, "bob"), got;
	struct err err;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sessions", dir);
	next = make();
	ck_assert_int_eq(session_load(next, path, &err), 0);	/* none there */
	ck_assert_int_eq(session_save(r, path, &err), 2);
	ck_assert_int_eq(session_load(next, path, &err), 2);
	ck_assert_int_eq(session_get(next, a.id, "alice", &got, &err), 0);
	ck_assert_int_eq(got.version, 2);
	ck_assert_int_eq(session_get(next, b.id, "alice", &got, &err), -1);
	ck_assert_int_eq(session_get(next, b.id, "bob", &got, &err), 0);
	f = fopen(path, "w");
	fputs("something else\n", f);
	fclose(f);
	ck_assert_int_eq(session_load(next, path, &err), -1);
	unlink(path);
	rmdir(dir);
	region_close(r);
	region_close(next);
}
END_TEST

static struct region *
open_file(const char *path, int wait_ms, bool *fresh, struct err *err)
{
	struct region_conf rc = conf;

	rc.path = path;
	return region_open(&rc, wait_ms, fresh, err);
}

START_TEST(test_region_file)
{
	char dir[] = "/tmp/test_shm.XXXXXX", path[64];
	struct session s, got;
	struct region *r;
	struct err err;
	bool fresh;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/region", dir);
	ck_assert_ptr_nonnull(r = open_file(path, 100, &fresh, &err));
	ck_assert(fresh);
	s = begin(r, "alice");
	/* held by another: said so, after the wait */
	fd = open(path, O_RDWR);
	ck_assert_int_eq(flock(fd, LOCK_SH), 0);
	region_close(r);
	ck_assert_ptr_null(open_file(path, 100, &fresh, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "another daemon"));
	close(fd);
	/* a cold start keeps the sessions */
	ck_assert_ptr_nonnull(r = open_file(path, 100, &fresh, &err));
	ck_assert(!fresh);
	ck_assert_int_eq(session_get(r, s.id, "alice", &got, &err), 0);
	ck_assert_uint_eq(session_count(r), 1);
	ck_assert_uint_eq(session_count_of(r, "alice"), 1);
	region_close(r);
	unlink(path);
	rmdir(dir);
}
END_TEST

/* What may lie there instead: a new one is made, never a crash. */
#define AT(field)	offsetof(struct head, field)
static const struct spoilt {
	const char *what;
	off_t size;			/* cut to that; 0: whole */
	off_t at;			/* these eight bytes are other ones */
} spoilt[] = {
	{ "empty", 1, AT(magic) },
	{ "a part of the head", 100, AT(rows) },
	{ "the head alone", sizeof(struct head), AT(magic) },
	{ "half of it", 200000, 0 },
	{ "another program's", 0, AT(magic) },
	{ "another layout", 0, AT(layout) },
	{ "another boot", 0, AT(boot_id) },
	{ "another node", 0, AT(node) },
	{ "other sizes", 0, AT(size) },
	{ "more rows", 0, AT(slots) },
	{ "wild", 0, AT(at_tags) },
	{ "wild", 0, AT(at_slots) },
	{ "wild", 0, AT(at_owners) },
	{ "wild", 0, AT(at_rows) },
};

START_TEST(test_region_spoilt)
{
	const struct spoilt *sp = &spoilt[_i];
	char dir[] = "/tmp/test_shm.XXXXXX", path[64];
	struct session s, got;
	struct region *r;
	struct err err;
	bool fresh;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/region", dir);
	ck_assert_ptr_nonnull(r = open_file(path, 100, &fresh, &err));
	s = begin(r, "alice");
	region_close(r);
	fd = open(path, O_RDWR);
	if (sp->size == 0)
		ck_assert_int_eq(pwrite(fd, "\x7f\x7f\x7f\x7f\x7f\x7f\x7f",
		    8, sp->at), 8);
	else
		ck_assert_int_eq(ftruncate(fd, sp->size), 0);
	/* and somebody holds it: what its board says is not believed */
	ck_assert_int_eq(flock(fd, LOCK_SH), 0);
	ck_assert_ptr_null(open_file(path, 20, &fresh, &err));
	close(fd);
	ck_assert_ptr_nonnull(r = open_file(path, 100, &fresh, &err));
	ck_assert(fresh);
	ck_assert_int_eq(session_get(r, s.id, "alice", &got, &err), -1);
	ck_assert_uint_eq(session_count(r), 0);
	begin(r, "alice");
	region_close(r);
	unlink(path);
	rmdir(dir);
}
END_TEST

/* Cut and grown again: its holes are filled before anybody needs them. */
START_TEST(test_region_holes)
{
	char dir[] = "/tmp/test_shm.XXXXXX", path[64];
	struct region *r;
	struct stat st;
	struct err err;
	off_t size;
	bool fresh;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/region", dir);
	ck_assert_ptr_nonnull(r = open_file(path, 100, &fresh, &err));
	region_close(r);
	ck_assert_int_eq(stat(path, &st), 0);
	size = st.st_size;
	ck_assert_int_eq(truncate(path, sizeof(struct head)), 0);
	ck_assert_int_eq(truncate(path, size), 0);
	ck_assert_ptr_nonnull(r = open_file(path, 100, &fresh, &err));
	ck_assert(!fresh);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, size);
	begin(r, "alice");
	region_close(r);
	unlink(path);
	rmdir(dir);
}
END_TEST

/* Cut while it is in use: said, and an end that is no crash. */
START_TEST(test_region_cut)
{
	char dir[] = "/tmp/test_shm.XXXXXX", path[64];
	struct region *r;
	struct err err;
	int status;
	bool fresh;
	pid_t pid;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/region", dir);
	if ((pid = fork()) == 0) {
		r = open_file(path, 100, &fresh, &err);
		if (r != NULL && truncate(path, _i) == 0)
			begin(r, "alice");
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	unlink(path);
	rmdir(dir);
}
END_TEST

START_TEST(test_bucket)
{
	struct region *r = make();
	struct rate rate = { .per_minute = 60, .burst = 3 };
	int64_t now = clock_ms(), at, last = 0;

	for (int i = 0; i < 3; i++) {
		ck_assert(bucket_take(r, "b", rate, 0, &at));
		ck_assert_int_le(at, clock_ms());
	}
	ck_assert(!bucket_take(r, "b", rate, 0, &at));
	ck_assert_int_gt(at, now);
	ck_assert_int_le(at, now + 1100);
	ck_assert(bucket_take(r, "c", rate, 0, &at));		/* another's */
	/* with time to wait, places are given in order, a second apart */
	for (int i = 0; i < 4; i++) {
		ck_assert(bucket_take(r, "b", rate, 10000, &at));
		if (last != 0)
			ck_assert_int_ge(at - last, 990);
		last = at;
	}
	ck_assert(bucket_take(r, "off", (struct rate){ 0 }, 0, &at));
	ck_assert_int_eq(bucket_blocked(r, "b"), 0);
	bucket_block(r, "b", now + 5000);
	bucket_block(r, "b", now + 2000);			/* never sooner */
	ck_assert_int_eq(bucket_blocked(r, "b"), now + 5000);
	region_close(r);
}
END_TEST

/* What is left is told without taking it, or a place in the table. */
START_TEST(test_bucket_left)
{
	struct region *r = make();
	struct rate rate = { 60, 3 };
	int64_t at, wait;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(bucket_left(r, "b", rate, &wait), 3);
	ck_assert_int_eq(wait, 0);
	for (int i = 2; i >= 0; i--) {
		ck_assert(bucket_take(r, "b", rate, 0, &at));
		ck_assert_int_eq(bucket_left(r, "b", rate, &wait), i);
	}
	ck_assert_int_gt(wait, 900);
	ck_assert_int_le(wait, 1000);
	ck_assert_int_eq(bucket_left(r, "c", rate, &wait), 3);
	ck_assert(bucket_take(r, "b", rate, 10000, &at));
	ck_assert_int_eq(bucket_left(r, "b", rate, &wait), 0);
	ck_assert_int_gt(wait, 1900);
	region_close(r);
}
END_TEST

/* Two processes share one allowance exactly. */
START_TEST(test_bucket_shared)
{
	struct region *r = make();
	struct rate rate = { .per_minute = 60, .burst = 20 };
	int taken = 0, status;
	pid_t pids[4];
	int64_t at;

	for (int i = 0; i < 4; i++)
		if ((pids[i] = fork()) == 0) {
			for (int n = 0; n < 100; n++)
				taken += bucket_take(r, "b", rate, 0, &at);
			_exit(taken);
		}
	for (int i = 0; i < 4; i++) {
		waitpid(pids[i], &status, 0);
		taken += WEXITSTATUS(status);
	}
	ck_assert_int_ge(taken, 20);
	ck_assert_int_le(taken, 22);		/* a second may have passed */
	region_close(r);
}
END_TEST

/* More names than places: a new one shares another's, and neither gets more than
 * its rate. */
START_TEST(test_buckets_full)
{
	struct region *r = make();
	struct rate rate = { .per_minute = 1, .burst = 1 };
	uint64_t before = counter_get(CNT_BUCKETS_SHARED);
	char name[32];
	int64_t at;
	int taken = 0;

	for (unsigned i = 0; i < BUCKETS * 2; i++) {
		snprintf(name, sizeof(name), "b%u", i);
		taken += bucket_take(r, name, rate, 0, &at);
		ck_assert(!bucket_take(r, name, rate, 0, &at));
	}
	ck_assert_int_le(taken, (int)BUCKETS);
	ck_assert_uint_gt(counter_get(CNT_BUCKETS_SHARED), before);
	region_close(r);
}
END_TEST

START_TEST(test_board)
{
	struct region *r = make();
	struct board_row row;
	char owner[48];
	int mine, other;

	for (int i = 0; i < conf.rows; i++)
		ck_assert_int_eq(board_claim(r, i, 1), i);
	ck_assert_int_eq(board_claim(r, 9, 1), -1);
	for (int i = 0; i < conf.rows; i++)
		board_release(r, i);
	mine = board_claim(r, 0, 1);
	other = board_claim(r, 1, 1);
	board_use(r, mine);
	board_gauge(GAUGE_CALLS, 2);
	counter_add(CNT_REQUESTS, 7);
	ck_assert_int_eq(board_gauge_sum(r, GAUGE_CALLS), 2);
	ck_assert_uint_eq(board_counter_sum(r, CNT_REQUESTS), 7);
	ck_assert(!board_slot_serves(r, 0, 1000));
	board_state(BOARD_READY);
	board_stamp();
	ck_assert(board_slot_serves(r, 0, 1000));
	ck_assert(!board_slot_serves(r, 1, 1000));
	snprintf(owner, sizeof(owner), "%s", board_owner());
	ck_assert(!board_owner_gone(r, owner));
	/* what is reaped leaves its counters, not its gauges */
	ck_assert(board_get(r, other, &row));
	board_release(r, mine);
	ck_assert_int_eq(board_gauge_sum(r, GAUGE_CALLS), 0);
	ck_assert_uint_eq(board_counter_sum(r, CNT_REQUESTS), 7);
	ck_assert(board_owner_gone(r, owner));
	/* of another host nothing is known, even if it calls itself the same */
	ck_assert(!board_owner_gone(r, "n2.00000000:0:1:0"));
	owner[strcspn(owner, ".") + 1] ^= 1;
	ck_assert(!board_owner_gone(r, owner));
	ck_assert(!board_owner_gone(r, ""));
	region_close(r);
}
END_TEST

START_TEST(test_board_keys)
{
	struct region *r = make();
	int row = board_claim(r, 0, 1);

	board_use(r, row);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(board_key_up(r, "alice", 3), 0);
	ck_assert_int_eq(board_key_up(r, "alice", 3), -1);
	ck_assert_int_eq(board_key_up(r, "bob", 3), 0);
	board_key_down(r, "alice");
	ck_assert_int_eq(board_key_up(r, "alice", 3), 0);
	board_release(r, row);			/* as after kill -9 */
	board_use(r, board_claim(r, 0, 2));
	ck_assert_int_eq(board_key_up(r, "alice", 1), 0);
	region_close(r);
}
END_TEST

/* Two keys whose places are the same: the second one's count stays whole when the
 * first one's place becomes free. */
START_TEST(test_board_keys_collide)
{
	struct region *r = make();
	char first[16], second[16];

	snprintf(first, sizeof(first), "k0");
	for (int i = 1; i < 100000; i++) {
		snprintf(second, sizeof(second), "k%d", i);
		if (layout_hash(second) % ROW_KEYS == layout_hash(first) % ROW_KEYS)
			break;
	}
	board_use(r, board_claim(r, 0, 1));
	ck_assert_int_eq(board_key_up(r, first, 9), 0);
	ck_assert_int_eq(board_key_up(r, second, 2), 0);
	board_key_down(r, first);
	ck_assert_int_eq(board_key_up(r, second, 2), 0);
	ck_assert_int_eq(board_key_up(r, second, 2), -1);
	board_key_down(r, second);
	board_key_down(r, second);
	ck_assert_int_eq(board_key_up(r, first, 1), 0);
	ck_assert_int_eq(board_key_up(r, second, 1), 0);
	ck_assert_int_eq(board_key_up(r, second, 1), -1);
	region_close(r);
}
END_TEST

/* What a list may hold that nobody wrote. */
static const char *const bad_lists[] = {
	"", "slackmcpd sessions 2", "slackmcpd sessions 2\n",
	"slackmcpd sessions 1\n0\nn1.a alice 2 1 0 1 1\n",
	"slackmcpd sessions 2\n-9223372036854775808\nn1.a alice 2 1 0 -1 -1\n",
	"slackmcpd sessions 2\n9223372036854775807\nn1.a alice 2 1 0 1 2\n",
	"slackmcpd sessions 2\n0\nn1.a alice 2 1 0 9223372036854775807 9223372036854775807\n",
	"slackmcpd sessions 2\n99999999999999999999\nn1.a alice\n\n\n",
};

START_TEST(test_session_file_bad)
{
	char path[] = "/tmp/test_shm.XXXXXX";
	struct region *r = make();
	struct err err;
	int fd = mkstemp(path);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, bad_lists[_i], strlen(bad_lists[_i])),
	    (ssize_t)strlen(bad_lists[_i]));
	close(fd);
	ck_assert_int_le(session_load(r, path, &err), 0);
	ck_assert_uint_eq(session_count(r), 0);
	unlink(path);
	region_close(r);
}
END_TEST

/* A board that names a process which is none of ours, and one whose master lives:
 * nobody is killed. */
START_TEST(test_region_spares_others)
{
	char dir[] = "/tmp/test_shm.XXXXXX", path[64];
	struct region *r;
	struct err err;
	bool fresh;
	pid_t pid;
	int fd, row;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/region", dir);
	ck_assert_ptr_nonnull(r = open_file(path, 100, &fresh, &err));
	if ((pid = fork()) == 0) {
		pause();
		_exit(0);
	}
	row = board_claim(r, _i, 1);
	board_set_pid(r, row, pid);
	fd = open(path, O_RDWR);
	ck_assert_int_eq(flock(fd, LOCK_SH), 0);
	region_close(r);
	ck_assert_ptr_null(open_file(path, 50, &fresh, &err));
	ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	unlink(path);
	rmdir(dir);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("shm");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, test_session_life);
	tcase_add_test(t, test_session_evicts_its_own);
	tcase_add_test(t, test_session_table_full);
	tcase_add_test(t, test_session_time);
	tcase_add_test(t, test_session_lock_is_not_waited_for);
	tcase_add_test(t, test_session_file);
	tcase_add_test(t, test_region_file);
	tcase_add_loop_test(t, test_region_spoilt, 0,
	    sizeof(spoilt) / sizeof(spoilt[0]));
	tcase_add_test(t, test_region_holes);
	tcase_add_loop_test(t, test_region_cut, 0, 2);
	tcase_add_test(t, test_bucket);
	tcase_add_test(t, test_bucket_left);
	tcase_add_test(t, test_bucket_shared);
	tcase_add_test(t, test_buckets_full);
	tcase_add_test(t, test_board);
	tcase_add_test(t, test_board_keys);
	tcase_add_test(t, test_board_keys_collide);
	tcase_add_loop_test(t, test_session_file_bad, 0,
	    sizeof(bad_lists) / sizeof(bad_lists[0]));
	tcase_add_loop_test(t, test_region_spares_others, BOARD_MASTER, 1);
	return run_case("shm", t);
}
