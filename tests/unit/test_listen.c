/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/listen.h"
#include "run.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct listen_set l;
static struct err err;
static char dir[64], path[80];

static void
setup(void)
{
	memset(&l, 0, sizeof(l));
	memset(&err, 0, sizeof(err));
	snprintf(dir, sizeof(dir), "/tmp/test_listen.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
}

static void
teardown(void)
{
	listen_close(&l);
	unlink(path);
	rmdir(dir);
}

static int
open_at(const char *host, int port, int slots)
{
	return listen_open(&l, host, port, slots, "HOST", "PORT", &err);
}

static int
port_of(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	return ntohs(sa.sin6_port);	/* at the same place in both families */
}

static bool
has_ipv6(void)
{
	struct sockaddr_in6 sa = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool yes = fd != -1 &&
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	if (fd != -1)
		close(fd);
	return yes;
}

/* An address and a port with a listener, which is what a second daemon meets. */
START_TEST(taken)
{
	struct listen_set first;
	struct err e;
	int port;

	ck_assert_int_eq(listen_open(&first, "127.0.0.1", 0, 2, "A", "B", &e), 0);
	port = port_of(first.fds[0]);
	ck_assert_int_eq(open_at("127.0.0.1", port, 1), -1);
	ck_assert_int_eq(err.kind, ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "taken"));
	ck_assert_ptr_nonnull(strstr(err.text, "PORT"));
	ck_assert_ptr_nonnull(strstr(err.text, "127.0.0.1:"));
	ck_assert_int_eq(open_at("*", port, 1), -1);
	listen_close(&first);
	ck_assert_int_eq(open_at("127.0.0.1", port, 1), 0);
}
END_TEST

START_TEST(refused)
{
	static const struct {
		const char *host, *says;
	} rows[] = {
		{ "", "HOST is empty" },
		{ "no.such.host.invalid", "HOST: cannot resolve" },
		{ "192.0.2.1", "change HOST" },
		{ "127.0.0.1 ", "HOST: cannot resolve" },
	};

	ck_assert_int_eq(open_at(rows[_i].host, 0, 1), -1);
	ck_assert_msg(strstr(err.text, rows[_i].says) != NULL, "%s", err.text);
	ck_assert_ptr_null(l.fds);
}
END_TEST

START_TEST(hosts)
{
	static const struct {
		const char *host;
		const char *shown[2];
	} rows[] = {
		{ "127.0.0.1", { "127.0.0.1:", NULL } },
		{ "localhost", { "127.0.0.1:", "[::1]:" } },
		{ "LocalHost", { "127.0.0.1:", "[::1]:" } },
		{ "*", { "0.0.0.0:", "[::]:" } },
		{ "::1", { "[::1]:", NULL } },
		{ "[::1]", { "[::1]:", NULL } },
		{ "::", { "[::]:", NULL } },
	};
	int want = rows[_i].shown[1] != NULL ? 2 : 1, port;

	if (!has_ipv6()) {
		if (rows[_i].shown[0][0] == '[')
			return;
		want = 1;
	}
	ck_assert_msg(open_at(rows[_i].host, 0, 3) == 0, "%s", err.text);
	ck_assert_int_eq(l.addresses, want);
	ck_assert_int_eq(l.slots, 3);
	port = port_of(l.fds[0]);
	ck_assert_int_ne(port, 0);
	for (int i = 0; i < want; i++)
		ck_assert_int_eq(strncmp(l.shown[i], rows[_i].shown[i],
		    strlen(rows[_i].shown[i])), 0);
	for (int i = 0; i < 3 * want; i++) {
		ck_assert_int_eq(port_of(l.fds[i]), port);
		ck_assert_int_eq(fcntl(l.fds[i], F_GETFD), FD_CLOEXEC);
		ck_assert_int_ne(fcntl(l.fds[i], F_GETFL) & O_NONBLOCK, 0);
	}
}
END_TEST

static int
connect_to(int port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ||
	    errno == EINPROGRESS);
	return fd;
}

/* Why a connection is not made. */
static int
why_not(int port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), e = 0;

	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1)
		e = errno;
	close(fd);
	return e;
}

/* Who waits is accepted, who comes then is refused: by all slots, without privileges. */
START_TEST(shut)
{
	enum { WAIT = 8 };
	int before[WAIT], port, got = 0, fd;
	struct pollfd p;

	if (getuid() == 0)
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(open_at("127.0.0.1", 0, 2), 0);
	port = port_of(l.fds[0]);
	for (int i = 0; i < WAIT; i++)
		before[i] = connect_to(port);
	listen_shut(l.fds, l.slots * l.addresses);
	for (int i = 0; i < WAIT; i++)
		ck_assert_int_eq(why_not(port), ECONNREFUSED);
	for (int i = 0; i < 2; i++)
		while ((fd = accept4(l.fds[i], NULL, NULL, SOCK_CLOEXEC)) != -1) {
			ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), 1);
			close(fd);
			got++;
		}
	ck_assert_int_eq(got, WAIT);
	for (int i = 0; i < WAIT; i++) {
		char c;

		p = (struct pollfd){ .fd = before[i], .events = POLLIN };
		ck_assert_int_eq(poll(&p, 1, 5000), 1);
		ck_assert_int_eq(recv(before[i], &c, 1, 0), 1);
		close(before[i]);
	}
	listen_close(&l);
}
END_TEST

START_TEST(joined)
{
	struct listen_set more;
	int own, first, second;

	ck_assert_msg(open_at("localhost", 0, 3) == 0, "%s", err.text);
	own = l.addresses;
	first = port_of(l.fds[0]);
	ck_assert_int_eq(listen_open(&more, "127.0.0.1", 0, 3, "HOST", "TLS_PORT", &err), 0);
	second = port_of(more.fds[0]);
	listen_join(&l, &more);
	ck_assert_ptr_null(more.fds);
	listen_close(&more);		/* nothing is left in it */
	ck_assert_int_eq(l.own, own);
	ck_assert_int_eq(l.addresses, own + 1);
	ck_assert_int_eq(l.slots, 3);
	for (int i = 0; i < 3 * (own + 1); i++)
		ck_assert_int_eq(port_of(l.fds[i]), i % (own + 1) < own ? first : second);
	ck_assert_int_eq(strncmp(l.shown[own], "127.0.0.1:", 10), 0);
}
END_TEST

/* "::" is for both families. */
START_TEST(dual)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int fd;

	if (!has_ipv6())
		return;
	ck_assert_int_eq(open_at("::", 0, 1), 0);
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sa.sin_port = htons((in_port_t)port_of(l.fds[0]));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
}
END_TEST

START_TEST(unix_socket)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char longer[200];
	struct stat st;
	FILE *f;
	int fd, second;

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(listen_unix(longer, 0600, -1, &err), -1);
	ck_assert_int_eq(listen_unix("/nonexistent/s", 0600, -1, &err), -1);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	fclose(f);
	ck_assert_int_eq(listen_unix(path, 0600, -1, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "no socket"));
	unlink(path);

	fd = listen_unix(path, 0660, (int)getgid(), &err);
	ck_assert_msg(fd != -1, "%s", err.text);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0660);
	ck_assert_uint_eq(st.st_gid, getgid());
	ck_assert_int_eq(listen_unix(path, 0600, -1, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "running program"));
	close(fd);			/* now a dead one */
	fd = listen_unix(path, 0600, -1, &err);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	second = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(second, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(second);
	close(fd);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("listen");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, taken);
	tcase_add_loop_test(tc, refused, 0, 4);
	tcase_add_loop_test(tc, hosts, 0, 7);
	tcase_add_test(tc, shut);
	tcase_add_test(tc, joined);
	tcase_add_test(tc, dual);
	tcase_add_test(tc, unix_socket);
	return run_case("listen", tc);
}
