/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/notify.h"

#include "base/log.h"
#include "run.h"

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char dir[64], path[80], text[2048];
static int fd;
static struct notify n;

static void
setup(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	log_quiet();
	snprintf(dir, sizeof(dir), "/tmp/test_notify.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void
teardown(void)
{
	close(fd);
	unlink(path);
	rmdir(dir);
}

/* What was sent next; "": nothing. */
static const char *
next(void)
{
	ssize_t len = recv(fd, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static void
take(const char *to)
{
	setenv("NOTIFY_SOCKET", to, 1);
	notify_take(&n);
}

#define A40	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
static const char *const no_addresses[] = { "", "/", "@", "relative/s", "vsock:2:1",
	("/" A40 A40 A40) };

START_TEST(test_no_address)
{
	take(no_addresses[_i]);
	ck_assert_uint_eq(n.len, 0);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	notify_tell(&n, "READY=1");
	ck_assert_str_eq(next(), "");
}
END_TEST

START_TEST(test_nobody)
{
	notify_take(&n);
	notify_tell(&n, "READY=1");
	ck_assert_uint_eq(n.len, 0);
	ck_assert_int_eq(n.lost, 0);
}
END_TEST

START_TEST(test_nobody_listens)
{
	take(path);
	unlink(path);
	notify_tell(&n, "READY=1");
	notify_tell(&n, "READY=1");
	ck_assert_int_eq(n.lost, 2);
}
END_TEST

START_TEST(test_nobody_reads)
{
	take(path);
	for (int i = 0; i < 5000 && n.lost == 0; i++)
		notify_tell(&n, "WATCHDOG=1");	/* would block for ever */
	ck_assert_int_eq(n.lost, 1);
	while (*next() != '\0')
		;
	notify_tell(&n, "READY=1");
	ck_assert_str_eq(next(), "READY=1");
	ck_assert_int_eq(n.lost, 0);
}
END_TEST

START_TEST(test_tell)
{
	char *place;

	setenv("NOTIFY_SOCKET", path, 1);
	place = getenv("NOTIFY_SOCKET");
	notify_take(&n);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	ck_assert_int_eq(place[0], '\0');
	notify_tell(&n, "READY=1\nSTATUS=%d workers", 2);
	ck_assert_str_eq(next(), "READY=1\nSTATUS=2 workers");
	ck_assert_int_eq(n.watchdog_ms, 0);
}
END_TEST

START_TEST(test_abstract)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int len = snprintf(at.sun_path, sizeof(at.sun_path), "@%s", path);

	at.sun_path[0] = '\0';
	close(fd);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)), 0);
	snprintf(text, sizeof(text), "@%s", path);
	take(text);
	notify_tell(&n, "READY=1");
	ck_assert_str_eq(next(), "READY=1");
}
END_TEST

static const struct {
	const char *usec, *pid;		/* NULL: unset; "me" */
	int64_t ms;
} watchdogs[] = {
	{ NULL, NULL, 0 }, { "", NULL, 0 }, { "0", NULL, 0 }, { "-5", NULL, 0 },
	{ "soon", NULL, 0 }, { "99999999999999999999", NULL, 0 }, { "30000000", "1", 0 },
	{ "1000", NULL, 1 }, { "30000000", NULL, 15000 }, { "30000000", "me", 15000 },
};

START_TEST(test_watchdog)
{
	char me[16];

	snprintf(me, sizeof(me), "%d", (int)getpid());
	if (watchdogs[_i].usec != NULL)
		setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
	if (watchdogs[_i].pid != NULL)
		setenv("WATCHDOG_PID", strcmp(watchdogs[_i].pid, "me") == 0 ? me :
		    watchdogs[_i].pid, 1);
	take(path);
	ck_assert_int_eq(n.watchdog_ms, watchdogs[_i].ms);
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	ck_assert_ptr_null(getenv("WATCHDOG_PID"));
	notify_watchdog(&n, 100000);
	ck_assert_str_eq(next(), n.watchdog_ms > 0 ? "WATCHDOG=1" : "");
	notify_watchdog(&n, 100000 + n.watchdog_ms - 1);
	ck_assert_str_eq(next(), "");
	notify_watchdog(&n, 100000 + n.watchdog_ms);
	ck_assert_str_eq(next(), n.watchdog_ms > 0 ? "WATCHDOG=1" : "");
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("notify");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_no_address, 0,
	    sizeof(no_addresses) / sizeof(no_addresses[0]));
	tcase_add_test(tc, test_nobody);
	tcase_add_test(tc, test_nobody_listens);
	tcase_add_test(tc, test_nobody_reads);
	tcase_add_test(tc, test_tell);
	tcase_add_test(tc, test_abstract);
	tcase_add_loop_test(tc, test_watchdog, 0, sizeof(watchdogs) / sizeof(watchdogs[0]));
	return run_case("notify", tc);
}
