/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/log.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log_line.h"
#include "base/scan.h"
#include "run.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err err;
static char dir[64], path[96], moved[96];
static char text[65536];

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_log.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s/old", dir);
	log_level(LOG_LEVEL_INFO);
	log_process("worker 1");
	log_request(NULL);
}

static void
teardown(void)
{
	log_take_fd(STDERR_FILENO);
	log_quiet();
	unlink(path);
	unlink(moved);
	rmdir(dir);
}

static const char *
content(const char *file)
{
	FILE *f = fopen(file, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

START_TEST(refused)
{
	char link_to[128];

	ck_assert_int_eq(log_open("/nowhere/log", LOG_FORMAT_JSON, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/log"));
	snprintf(link_to, sizeof(link_to), "%s/target", dir);
	ck_assert_int_eq(symlink(link_to, path), 0);
	ck_assert_int_eq(log_open(path, LOG_FORMAT_JSON, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "symbolic link"));
}
END_TEST

static struct log_line
sample(const char *msg)
{
	return (struct log_line){ .level = LOG_LEVEL_WARN, .wall_ms = 1700000000007,
		.pid = 42, .hostname = "h", .process = "worker 1", .token = "slack",
		.request = "r1", .msg = msg, .len = strlen(msg) };
}

static const struct {
	enum log_format format;
	const char *msg, *line;
} forms[] = {
	{ LOG_FORMAT_TEXT, "a\nb\x1b[2J\xc2\x9b\xff k=1",
	  "2023-11-14 22:13:20.007Z warn worker 1[42] slack: "
	  "a\\nb\\x1b[2J\\xc2\\x9b\\xff k=1 req=r1\n" },
	{ LOG_FORMAT_TEXT, "caf\xc3\xa9", "2023-11-14 22:13:20.007Z warn "
	  "worker 1[42] slack: caf\xc3\xa9 req=r1\n" },
	{ LOG_FORMAT_JSON, "a\n\"b", "{\"time\":\"2023-11-14T22:13:20.007Z\","
	  "\"level\":\"warn\",\"pid\":42,\"hostname\":\"h\",\"name\":\"worker 1\","
	  "\"token\":\"slack\",\"req\":\"r1\",\"msg\":\"a\\n\\\"b\"}\n" },
	{ LOG_FORMAT_LOGFMT, "a\n\"b", "time=2023-11-14T22:13:20.007Z level=warn "
	  "pid=42 hostname=h name=\"worker 1\" token=slack req=r1 "
	  "msg=\"a\\n\\\"b\"\n" },
};

START_TEST(formats)
{
	struct log_line line = sample(forms[_i].msg);
	struct buf b = { 0 };

	log_line_format(&b, forms[_i].format, &line);
	ck_assert_str_eq(b.p, forms[_i].line);
	buf_wipe(&b);
}
END_TEST

START_TEST(levels_and_request)
{
	const char *before;

	ck_assert_int_eq(log_open(path, LOG_FORMAT_JSON, &err), 0);
	log_debug("t", "hidden");
	before = log_request("req-1");
	log_info("t", "shown %d", 1);
	ck_assert_ptr_null(before);
	ck_assert_str_eq(log_request(before), "req-1");
	log_level(LOG_LEVEL_SILENT);
	log_error("t", "hidden too");
	log_level(LOG_LEVEL_DEBUG);
	log_debug("t", "now");
	content(path);
	ck_assert_ptr_null(strstr(text, "hidden"));
	ck_assert_ptr_nonnull(strstr(text, "\"req\":\"req-1\",\"msg\":\"shown 1\""));
	ck_assert_ptr_nonnull(strstr(text, "\"token\":\"t\",\"msg\":\"now\""));
	ck_assert_int_eq(log_level_now(), LOG_LEVEL_DEBUG);
}
END_TEST

static int asked;

static void
later(void *arg)
{
	ck_assert_ptr_eq(arg, &asked);
	asked++;
}

static size_t
lines(void)
{
	size_t n = 0;

	for (const char *p = content(path); *p != '\0'; p++)
		n += *p == '\n';
	return n;
}

/* Lines of requests wait for the flush; others go out at once, behind them. */
START_TEST(gathered)
{
	ck_assert_int_eq(log_open(path, LOG_FORMAT_JSON, &err), 0);
	log_end(LOG_LEVEL_INFO, "http", "before");
	ck_assert_uint_eq(lines(), 1);
	asked = 0;
	log_gather(later, &asked);
	log_end(LOG_LEVEL_DEBUG, "http", "not shown");
	log_end(LOG_LEVEL_INFO, "http", "first");
	log_end(LOG_LEVEL_INFO, "http", "100 %s second");
	ck_assert_int_eq(asked, 1);
	ck_assert_uint_eq(lines(), 1);
	log_warn("t", "third");
	ck_assert_uint_eq(lines(), 4);
	ck_assert_ptr_null(strstr(text, "not shown"));
	ck_assert(strstr(text, "first") < strstr(text, "100 %s second"));
	ck_assert(strstr(text, "second") < strstr(text, "third"));
	log_flush();
	log_end(LOG_LEVEL_INFO, "http", "fourth");
	ck_assert_int_eq(asked, 2);
	log_flush();
	ck_assert_uint_eq(lines(), 5);
	log_end(LOG_LEVEL_INFO, "http", "fifth");
	log_gather(NULL, NULL);
	ck_assert_uint_eq(lines(), 6);
	log_end(LOG_LEVEL_INFO, "http", "at once");
	ck_assert_uint_eq(lines(), 7);
}
END_TEST

/* More than is kept: nothing is lost.  A new file gets none of the old one's. */
START_TEST(gathered_many)
{
	char words[256];

	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	ck_assert_int_eq(log_open(path, LOG_FORMAT_JSON, &err), 0);
	log_gather(later, &asked);
	for (int i = 0; i < 150; i++)
		log_end(LOG_LEVEL_INFO, "http", words);
	ck_assert_uint_gt(lines(), 0);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(log_reopen(&err), 0);
	ck_assert_uint_eq(lines(), 0);
	ck_assert_int_eq(rename(moved, path), 0);
	ck_assert_uint_eq(lines(), 150);
	log_gather(NULL, NULL);
}
END_TEST

START_TEST(bounded)
{
	struct err bad;
	char *newline;
	size_t n;

	/* Control characters grow sixfold. */
	memset(text, 1, 20000);
	text[20000] = '\0';
	ck_assert_int_eq(log_open(path, LOG_FORMAT_JSON, &err), 0);
	log_info("t", "%s", text);
	memset(text, 'a', 20000);
	log_info("t", "%s", text);
	log_info("t", "after");
	content(path);
	for (char *p = text; *p != '\0'; p = newline + 1) {
		newline = strchr(p, '\n');
		ck_assert_ptr_nonnull(newline);
		n = (size_t)(newline - p);
		ck_assert_uint_le(n, 8192);
		ck_assert_int_eq(scan_json(p, n, &bad), 0);
	}
	ck_assert_ptr_nonnull(strstr(text, "\"cut\":true"));
	ck_assert_ptr_nonnull(strstr(text, "\"after\""));
}
END_TEST

START_TEST(reopened)
{
	ck_assert_int_eq(log_open(path, LOG_FORMAT_TEXT, &err), 0);
	log_info("t", "one");
	ck_assert_int_eq(rename(path, moved), 0);
	log_info("t", "two");
	ck_assert_int_eq(log_reopen(&err), 0);
	log_info("t", "three");
	ck_assert_ptr_nonnull(strstr(content(moved), "two"));
	ck_assert_ptr_null(strstr(text, "three"));
	ck_assert_ptr_nonnull(strstr(content(path), "three"));
	/* A failure keeps the old one. */
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(log_reopen(&err), -1);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_ne(fcntl(log_fd(), F_GETFD), -1);
}
END_TEST

/* Fills what nobody reads, then reads: the loss is told in a later line. */
static void
slow_reader(int ours, int theirs)
{
	uint64_t before = counter_get(CNT_LOG_DROPPED);
	int64_t began = clock_ms();
	ssize_t n = 1, total = 0;

	log_take_fd(ours);
	for (int i = 0; i < 3000; i++)
		log_info("t", "line %d of many, and some more words in it %0200d",
		    i, 0);
	ck_assert_int_lt(clock_ms() - began, 10000);
	ck_assert_uint_gt(counter_get(CNT_LOG_DROPPED), before);
	ck_assert_int_eq(fcntl(theirs, F_SETFL, O_NONBLOCK), 0);
	while (n > 0) {
		n = read(theirs, text, sizeof(text) - 1);
		total += n > 0 ? n : 0;
	}
	ck_assert_int_gt(total, 4096);
	log_info("t", "at last");
	n = read(theirs, text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "lines were dropped"));
	ck_assert_ptr_nonnull(strstr(text, "at last"));
	close(theirs);
}

static void
open_quietly(void)
{
	ck_assert_int_eq(log_open(path, LOG_FORMAT_JSON, &err), 0);
}

START_TEST(full_pipe)
{
	int fd[2];

	open_quietly();
	ck_assert_int_eq(pipe(fd), 0);
	slow_reader(fd[1], fd[0]);
}
END_TEST

START_TEST(full_socket)
{
	int fd[2];

	open_quietly();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	slow_reader(fd[1], fd[0]);
}
END_TEST

START_TEST(gone_reader)
{
	int fd[2];

	open_quietly();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	close(fd[0]);
	log_take_fd(fd[1]);
	errno = 7;
	log_info("t", "to nobody");	/* no SIGPIPE either */
	ck_assert_int_eq(errno, 7);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, full_pipe);
	tcase_add_test(tc, full_socket);
	tcase_add_test(tc, gone_reader);
	tcase_add_loop_test(tc, formats, 0, sizeof(forms) / sizeof(forms[0]));
	tcase_add_test(tc, levels_and_request);
	tcase_add_test(tc, gathered);
	tcase_add_test(tc, gathered_many);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, reopened);
	return run_case("log", tc);
}
