/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "http1_peer.h"

#include "base/counter.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The client of these tests connects from 192.0.2.7. */
static struct network proxy;
static struct networks proxies = { &proxy, 1 };

#define LINE	"PROXY TCP4 198.51.100.9 192.0.2.1 1 2\r\n"
#define RECORD	"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11" \
	"\xc6\x33\x64\x09\xc0\x00\x02\x01\x00\x01\x00\x02" "\x04\0\x02" "ab"
#define BYTES(s)	s, sizeof(s) - 1

static const struct {
	const char *trusted, *p;
	size_t len;
	const char *statuses, *peer;
} rows[] = {
	{ "192.0.2.8", BYTES(LINE GET "\r\n"), "400", "192.0.2.7" },
	{ "192.0.2.7", BYTES(GET "\r\n"), "400", "192.0.2.7" },
	{ "192.0.2.7", BYTES("PROXY TCP4 198.51.100.9\r\n" GET "\r\n"), "400", "192.0.2.7" },
	{ "192.0.2.7", BYTES(LINE LINE GET "\r\n"), "400", "198.51.100.9" },
	{ "192.0.2.7", BYTES(LINE GET "\r\n"), "200", "198.51.100.9" },
	{ "192.0.2.0/24", BYTES(LINE GET "\r\n" GET "\r\n"), "200 200", "198.51.100.9" },
	{ "192.0.2.7", BYTES(RECORD GET "\r\n"), "200", "198.51.100.9" },
	{ "192.0.2.7", BYTES("PROXY UNKNOWN\r\n" GET "\r\n"), "200", "192.0.2.7" },
	{ "192.0.2.7", BYTES("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0" GET "\r\n"), "200", "192.0.2.7" },
};

static void
restart(const char *trusted, int64_t header_ms)
{
	struct http_conf conf = plain_conf;
	struct err err;

	ck_assert_int_eq(network_parse(&proxy, trusted, strlen(trusted), &err), 0);
	conf.proxies = &proxies;
	conf.header_ms = header_ms;
	peer_restart(&conf);
}

/* All at once, and a byte at a time. */
static void
check(int i, size_t step)
{
	struct client c;
	char got[256];
	const char *body;

	restart(rows[i].trusted, 10000);
	client_open(&c);
	for (size_t at = 0; at < rows[i].len; at += step)
		client_send(&c, rows[i].p + at,
		    step < rows[i].len - at ? step : rows[i].len - at);
	wait_answers(&c, 1 + count(rows[i].statuses, " "));
	answers(&c, false, got, sizeof(got), &body);
	ck_assert_str_eq(got, rows[i].statuses);
	ck_assert_str_eq(peer.last_peer, rows[i].peer);
	client_close(&c);
}

START_TEST(headers)
{
	check(_i, rows[_i].len);
	check(_i, 1);
}
END_TEST

START_TEST(refusal_is_counted)
{
	uint64_t before = counter_get(CNT_PROXY_REFUSED);
	struct client c;

	restart("10.0.0.0/8", 10000);
	client_open(&c);
	wait_answers(&c, 1);
	ck_assert_ptr_nonnull(strstr(c.in.p, "\"proxy_protocol\""));
	ck_assert_uint_eq(counter_get(CNT_PROXY_REFUSED), before + 1);
	ck_assert_int_eq(peer.heads, 0);
	client_close(&c);
}
END_TEST

START_TEST(deadline)
{
	struct client c;

	restart("192.0.2.7", 60);
	client_open(&c);
	client_say(&c, _i == 0 ? "" : "PROXY TCP");
	ck_assert(wait_closed(&c));
	ck_assert_uint_eq(c.in.len, 0);
	ck_assert_uint_eq(http_server_connections(peer.s), 0);
	client_close(&c);
}
END_TEST

START_TEST(leaves)
{
	struct client c;

	restart("192.0.2.7", 10000);
	client_open(&c);
	client_say(&c, _i == 0 ? "" : "PROXY TCP");
	client_close(&c);
	turn();
	ck_assert_uint_eq(http_server_connections(peer.s), 0);
}
END_TEST

/* What is here already is answered, header and all. */
START_TEST(drain)
{
	struct client with, without;

	restart("192.0.2.7", 10000);
	client_open(&with);
	client_open(&without);
	ck_assert_int_eq(send(with.fd, LINE GET "\r\n", sizeof(LINE GET "\r\n") - 1, 0),
	    sizeof(LINE GET "\r\n") - 1);
	http_server_drain(peer.s, 0);
	wait_answers(&with, 1);
	ck_assert_ptr_nonnull(strstr(with.in.p, "200 OK"));
	ck_assert(wait_closed(&without));
	client_close(&with);
	client_close(&without);
}
END_TEST

static void
add(TCase *tc)
{
	tcase_add_loop_test(tc, headers, 0, (int)(sizeof(rows) / sizeof(*rows)));
	tcase_add_test(tc, refusal_is_counted);
	tcase_add_loop_test(tc, deadline, 0, 2);
	tcase_add_loop_test(tc, leaves, 0, 2);
	tcase_add_test(tc, drain);
}

int
main(void)
{
	return peer_main("http1_proxy", add);
}
