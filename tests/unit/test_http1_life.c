/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "http1_peer.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/mem.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- deadlines ---- */

static const struct deadline {
	const char *raw;		/* sent at once */
	const char *drip;		/* then sent byte by byte, again and again */
	const char *statuses;		/* of what comes before the end */
	int gone;
	int64_t header_ms, body_ms, request_ms, idle_ms;	/* 0: 10 s */
} deadlines[] = {
	{ "", "", "", 0, .header_ms = 60 },
	{ "GET", "", "408", 0, .header_ms = 60 },
	{ GET "X: ", "a", "408", 0, .header_ms = 60 },
	{ GET "X: ", "a", "408", 0, .request_ms = 60 },
	{ POST "Content-Length: 900\r\n\r\na", "", "408", 1, .body_ms = 60 },
	{ POST "Content-Length: 900\r\n\r\na", "a", "408", 1, .body_ms = 60 },
	{ CHUNKED "\r\n1\r\n", "", "408", 1, .body_ms = 60 },
	{ POST "Content-Length: 900\r\n\r\na", "a", "408", 1, .request_ms = 60 },
	{ HOLD, "", "504", 1, .request_ms = 60 },
	{ GET "\r\n", "", "200", 0, .idle_ms = 60 },
	{ GET "\r\nGET", "", "200 408", 0, .header_ms = 60 },
	{ "POST /deny HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\n", "", "401", 0, .body_ms = 60 },
};

static int64_t
or_long(int64_t ms)
{
	return ms != 0 ? ms : 10000;
}

START_TEST(deadline)
{
	const struct deadline *d = &deadlines[_i];
	struct http_conf conf = { .header_ms = or_long(d->header_ms),
		.body_ms = or_long(d->body_ms), .request_ms = or_long(d->request_ms),
		.idle_ms = or_long(d->idle_ms), .max_header = 2048, .max_body = 1000 };
	int64_t before = clock_ms(), end = before + 5000, next = before;
	char got[256];
	const char *body;
	struct client c;

	peer_restart(&conf);
	client_open(&c);
	if (*d->raw != '\0')
		client_send(&c, d->raw, strlen(d->raw));
	while (!c.closed && clock_ms() < end) {
		if (*d->drip != '\0' && clock_ms() >= next) {
			(void)!send(c.fd, d->drip, 1, MSG_NOSIGNAL);
			next = clock_ms() + 10;
		}
		event_base_loop(peer.base, EVLOOP_ONCE);
		client_read(&c);
	}
	ck_assert_msg(c.closed, "case %d still open: %s", _i, c.in.p);
	ck_assert_int_ge(clock_ms() - before, 50);
	answers(&c, false, got, sizeof(got), &body);
	ck_assert_msg(strcmp(got, d->statuses) == 0, "case %d: %s", _i, got);
	ck_assert_int_eq(peer.gone, d->gone);
	ck_assert_int_eq(peer.done, (int)(strlen(d->statuses) + 1) / 4);
	client_close(&c);
}
END_TEST

/* A client that asks for much and reads nothing. */
START_TEST(slow_reader_is_dropped)
{
	struct http_conf conf = plain_conf;
	uint64_t before = counter_get(CNT_TIMEOUTS);
	struct client c;
	int64_t began = clock_ms(), end = began + 5000;

	conf.request_ms = 80;
	peer_restart(&conf);
	client_open(&c);
	client_say(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
	ck_assert_int_eq(peer.done, 1);
	while (http_server_connections(peer.s) == 1 && clock_ms() < end)
		event_base_loop(peer.base, EVLOOP_ONCE);
	ck_assert_int_ge(clock_ms() - began, 80);
	ck_assert_uint_eq(http_server_connections(peer.s), 0);
	ck_assert_uint_eq(counter_get(CNT_TIMEOUTS), before + 1);
	client_close(&c);
}
END_TEST

START_TEST(slow_reader_gets_all)
{
	struct client c;
	char got[64], chunk[50000];
	const char *body;
	ssize_t n;

	client_open(&c);
	client_say(&c, "GET /big HTTP/1.1\r\n" H "\r\n" GET "\r\n");
	for (int quiet = 0; quiet < 3; ) {
		turn();
		n = recv(c.fd, chunk, sizeof(chunk), 0);
		quiet = n > 0 ? 0 : quiet + 1;
		if (n > 0)
			buf_add(&c.in, chunk, (size_t)n);
	}
	ck_assert_int_eq(answers(&c, false, got, sizeof(got), &body), 2);
	ck_assert_str_eq(got, "200 200");
	ck_assert_str_eq(body, "<GET|/||1|>");
	ck_assert_uint_gt(c.in.len, BIG);
	client_close(&c);
}
END_TEST

/* ---- the client leaves ---- */

enum leaving { CLOSE, HALF_CLOSE, RESET, WAYS };

static void
tcp_pair(int fds[2])
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(l, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(l, 1), 0);
	ck_assert_int_eq(getsockname(l, (struct sockaddr *)&sa, &len), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fds[0], (struct sockaddr *)&sa, len), 0);
	fds[1] = accept(l, NULL, NULL);
	ck_assert_int_ne(fds[1], -1);
	close(l);
}

static void
leave(int fd, enum leaving way)
{
	struct linger now = { .l_onoff = 1 };

	if (way == RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (way == HALF_CLOSE)
		shutdown(fd, SHUT_WR);
	else
		close(fd);
}

static void
until_gone(int n)
{
	int64_t end = clock_ms() + 5000;

	while (peer.gone < n && clock_ms() < end)
		event_base_loop(peer.base, EVLOOP_ONCE);
	ck_assert_int_eq(peer.gone, n);
}

/* With nothing, a little and more than is read behind the request in work. */
START_TEST(client_leaves)
{
	enum leaving way = _i % WAYS;
	size_t behind = (size_t[]){ 0, 100, 100000 }[_i / WAYS];
	char *junk = mem_new(behind);
	int64_t before;
	int fds[2], turns = 0;

	tcp_pair(fds);
	http_server_adopt(peer.s, fds[1], "192.0.2.7");
	ck_assert_int_eq(send(fds[0], HOLD, 31, 0), 31);
	memset(junk, 'G', behind);
	for (before = clock_ms(); peer.held == NULL && clock_ms() < before + 5000; )
		turn();
	ck_assert_ptr_nonnull(peer.held);
	ck_assert_int_eq(send(fds[0], junk, behind, 0), (ssize_t)behind);
	/* nothing spins meanwhile */
	for (before = clock_ms(); clock_ms() < before + 30; turns++)
		event_base_loop(peer.base, EVLOOP_ONCE);
	ck_assert_int_lt(turns, 100);
	ck_assert_int_eq(peer.gone, 0);
	leave(fds[0], way);
	until_gone(1);
	ck_assert_int_eq(peer.done, 1);
	ck_assert_int_eq(peer.last_status, 0);
	ck_assert_uint_eq(http_server_connections(peer.s), 0);
	if (way == HALF_CLOSE)
		close(fds[0]);
	free(junk);
}
END_TEST

START_TEST(client_leaves_in_the_body)
{
	struct client c;

	client_open(&c);
	client_say(&c, POST "Content-Length: 3\r\n\r\na");
	ck_assert_int_eq(peer.heads, 1);
	client_close(&c);
	until_gone(1);
	ck_assert_int_eq(peer.done, 1);
}
END_TEST

START_TEST(client_leaves_after_a_late_answer)
{
	struct client c;

	client_open(&c);
	client_say(&c, HOLD);
	ck_assert_ptr_nonnull(peer.held);
	http_reply(peer.held, 200, NULL, "x", 1);
	ck_assert_int_eq(peer.done, 0);	/* the answerer still has it */
	ck_assert_int_eq(peer.held->status, 200);
	ck_assert_uint_eq(peer.held->sent, 1);
	client_close(&c);
	turn();
	ck_assert_int_eq(peer.done, 1);
	ck_assert_int_eq(peer.gone, 0);
}
END_TEST

START_TEST(server_freed_under_way)
{
	struct client a, b, c;

	client_open(&a);
	client_say(&a, HOLD);
	client_open(&b);
	client_say(&b, POST "Content-Length: 3\r\n\r\n");
	client_open(&c);
	client_say(&c, "GET /later HTTP/1.1\r\n");
	http_server_free(peer.s);
	ck_assert_int_eq(peer.gone, 2);
	ck_assert_int_eq(peer.done, 2);
	peer.s = http_server_new(peer.base, &plain_conf, &handler, &peer);
	client_close(&a);
	client_close(&b);
	client_close(&c);
}
END_TEST

/* More requests than are read ahead, while the first is in work. */
START_TEST(long_pipeline)
{
	static const char one[] = "GET /1 HTTP/1.1\r\n" H "X-Fill: 0123456789\r\n\r\n";
	struct buf many = { 0 };
	struct client c;
	char got[2048];
	const char *body;

	client_open(&c);
	client_say(&c, HOLD);
	for (int i = 0; i < 400; i++)
		buf_str(&many, one);
	client_send(&c, many.p, many.len);
	buf_wipe(&many);
	ck_assert_int_eq(peer.requests, 1);
	http_reply(peer.held, 200, "text/plain", "first", 5);
	wait_answers(&c, 401);
	ck_assert_int_eq(answers(&c, false, got, sizeof(got), &body), 401);
	ck_assert_int_eq(peer.requests, 401);
	ck_assert_ptr_nonnull(strstr(c.in.p, "\r\n\r\nfirstHTTP"));
	client_close(&c);
}
END_TEST

/* ---- drain, limits, listening ---- */

START_TEST(drain)
{
	struct client idle, busy, fresh;

	client_open(&fresh);
	client_open(&idle);
	client_say(&idle, GET "\r\n");
	wait_answers(&idle, 1);
	client_open(&busy);
	client_say(&busy, HOLD);
	/* asked before the drain, not read yet: answered */
	ck_assert_int_eq(send(fresh.fd, GET "\r\n", 27, 0), 27);
	http_server_drain(peer.s, 0);
	ck_assert(!http_server_idle(peer.s));
	ck_assert(wait_closed(&idle));
	wait_answers(&fresh, 1);
	ck_assert_ptr_nonnull(strstr(fresh.in.p, " 200 OK\r\n"));
	ck_assert_ptr_nonnull(strstr(fresh.in.p, "\r\nConnection: close\r\n"));
	http_reply(peer.held, 200, NULL, NULL, 0);
	wait_answers(&busy, 1);
	ck_assert_ptr_nonnull(strstr(busy.in.p, "\r\nConnection: close\r\n"));
	client_close(&busy);
	client_close(&fresh);
	client_close(&idle);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert(http_server_idle(peer.s));
}
END_TEST

START_TEST(drain_gives_idle_ones_time)
{
	struct client idle, used;
	int64_t before = clock_ms();

	client_open(&idle);
	client_open(&used);
	client_say(&idle, GET "\r\n");
	client_say(&used, GET "\r\n");
	http_server_drain(peer.s, 1000);
	turn();
	client_read(&idle);
	ck_assert(!idle.closed);
	client_say(&used, GET "\r\n");
	wait_answers(&used, 2);
	ck_assert_int_eq(count(used.in.p, "\r\nConnection: close\r\n"), 1);
	ck_assert(wait_closed(&idle));
	ck_assert_int_ge(clock_ms() - before, 990);
	client_close(&idle);
	client_close(&used);
}
END_TEST

static int
listener(struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*sa = (struct sockaddr_in){ .sin_family = AF_INET };
	sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)sa, sizeof(*sa)), 0);
	ck_assert_int_eq(listen(fd, 10), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)sa, &len), 0);
	return fd;
}

static void
client_connect(struct client *c, const struct sockaddr_in *sa)
{
	*c = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	ck_assert_int_eq(connect(c->fd, (const struct sockaddr *)sa, sizeof(*sa)), 0);
	evutil_make_socket_nonblocking(c->fd);
}

static void
until_connections(size_t n)
{
	int64_t end = clock_ms() + 5000;

	while (http_server_connections(peer.s) != n && clock_ms() < end)
		event_base_loop(peer.base, EVLOOP_ONCE);
	ck_assert_uint_eq(http_server_connections(peer.s), n);
}

/* The last one to close a socket answers who waits there. */
START_TEST(swept_before_it_closes)
{
	struct sockaddr_in sa;
	struct client c[3];
	int fd = listener(&sa);

	for (int i = 0; i < 3; i++)
		client_connect(&c[i], &sa);
	http_server_sweep(peer.s, fd);		/* not ours */
	ck_assert_uint_eq(http_server_connections(peer.s), 0);
	http_server_listen(peer.s, fd, true);
	http_server_sweep(peer.s, fd);
	http_server_listen(peer.s, fd, false);
	close(fd);
	http_server_drain(peer.s, 0);
	for (int i = 0; i < 2; i++) {
		client_say(&c[i], GET "\r\n");
		wait_answers(&c[i], 1);
		ck_assert_ptr_nonnull(strstr(c[i].in.p, " 200 OK\r\n"));
		client_close(&c[i]);
	}
	/* who says nothing is not waited for long */
	ck_assert(wait_closed(&c[2]));
	client_close(&c[2]);
	until_connections(0);
}
END_TEST

START_TEST(too_many_connections)
{
	struct http_conf conf = plain_conf;
	uint64_t before = counter_get(CNT_CONNECTIONS_LIMIT);
	struct sockaddr_in sa;
	struct client c[3];
	int fd;

	conf.max_connections = 2;
	peer_restart(&conf);
	fd = listener(&sa);
	http_server_listen(peer.s, fd, true);
	http_server_listen(peer.s, fd, true);
	for (int i = 0; i < 3; i++)
		client_connect(&c[i], &sa);
	until_connections(2);
	for (int i = 0; i < 10; i++)
		turn();
	ck_assert_uint_eq(http_server_connections(peer.s), 2);
	ck_assert_uint_eq(counter_get(CNT_CONNECTIONS_LIMIT), before + 1);
	client_say(&c[2], GET "\r\n");
	client_close(&c[0]);
	until_connections(1);		/* gone, and then the third comes in */
	until_connections(2);
	wait_answers(&c[2], 1);
	ck_assert_ptr_nonnull(strstr(c[2].in.p, "200 OK"));
	client_close(&c[1]);
	client_close(&c[2]);
	until_connections(0);
	http_server_listen(peer.s, fd, false);
	client_connect(&c[0], &sa);
	for (int i = 0; i < 10; i++)
		turn();
	ck_assert_uint_eq(http_server_connections(peer.s), 0);
	client_close(&c[0]);
	close(fd);
}
END_TEST

START_TEST(no_descriptors)
{
	uint64_t before = counter_get(CNT_ACCEPT_PAUSED);
	int64_t since = clock_ms();
	struct sockaddr_in sa;
	struct client c;
	int fd = listener(&sa), hoard[4096], n = 0;

	http_server_listen(peer.s, fd, true);
	client_connect(&c, &sa);
	while (n < 4096 && (hoard[n] = dup(0)) != -1)
		n++;
	if (n < 4096) {
		while (counter_get(CNT_ACCEPT_PAUSED) == before && clock_ms() < since + 5000)
			turn();
		ck_assert_uint_eq(counter_get(CNT_ACCEPT_PAUSED), before + 1);
		ck_assert_uint_eq(http_server_connections(peer.s), 0);
	}
	while (n > 0)
		close(hoard[--n]);
	until_connections(1);
	client_say(&c, GET "\r\n");
	wait_answers(&c, 1);
	ck_assert_ptr_nonnull(strstr(c.in.p, "200 OK"));
	client_close(&c);
	close(fd);
}
END_TEST

static void
add(TCase *tc)
{
	tcase_add_loop_test(tc, deadline, 0,
	    (int)(sizeof(deadlines) / sizeof(*deadlines)));
	tcase_add_test(tc, slow_reader_is_dropped);
	tcase_add_test(tc, slow_reader_gets_all);
	tcase_add_loop_test(tc, client_leaves, 0, 3 * WAYS);
	tcase_add_test(tc, client_leaves_in_the_body);
	tcase_add_test(tc, client_leaves_after_a_late_answer);
	tcase_add_test(tc, server_freed_under_way);
	tcase_add_test(tc, long_pipeline);
	tcase_add_test(tc, drain);
	tcase_add_test(tc, drain_gives_idle_ones_time);
	tcase_add_test(tc, swept_before_it_closes);
	tcase_add_test(tc, too_many_connections);
	tcase_add_test(tc, no_descriptors);
}

int
main(void)
{
	return peer_main("http1_life", add);
}
