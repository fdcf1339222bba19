/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "http1_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* "{x*9}" stands for xxxxxxxxx. */
static const struct row {
	const char *raw, *statuses;
	const char *says;		/* within the last answer's body */
	size_t len;			/* when there are NULs */
} rows[] = {
	/* request lines */
	{ "GET\r\n\r\n", "400" },
	{ "GET /\r\n\r\n", "400" },
	{ "GET / \r\n" H "\r\n", "400" },
	{ "GET  / HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET /  HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET\t/ HTTP/1.1\r\n" H "\r\n", "400" },
	{ " GET / HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1.1 \r\n" H "\r\n", "400" },
	{ "GET / http/1.1\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1.10\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1.x\r\n" H "\r\n", "400" },
	{ "GET / HTTP/11\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1.1\r\r\n" H "\r\n", "400" },
	{ "GET / HTTP/1.1\rX\r\n" H "\r\n", "400" },
	{ "G\x01T / HTTP/1.1\r\n" H "\r\n", "400" },
	{ "G(T / HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET /a\x7f HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET /\xc3\xbc HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET /a#b HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET a HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET * HTTP/1.1\r\n" H "\r\n", "400" },
	{ "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET /\0 HTTP/1.1\r\n" H "\r\n", "400", .len = 17 + 9 + 2 },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "400" },
	{ "\nGET / HTTP/1.1\r\n" H "\r\n", "400" },
	{ "\x16\x03\x01\x02\x00\x01\xfc\x03\x03", "400", .len = 9 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505" },
	{ "GET / HTTP/2.0\r\n" H "\r\n", "505" },
	{ "GET / HTTP/0.9\r\n\r\n", "505" },
	{ "GET / HTTP/1.2\r\n" H "\r\n", "505" },
	{ "GET /{a*2100} HTTP/1.1\r\n" H "\r\n", "414" },
	{ "GET /{a*2100}", "414" },
	{ "{G*2100} / HTTP/1.1\r\n" H "\r\n", "414" },
	/* targets */
	{ "GET http://user@a/ HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET http:///x HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET http://a:x/ HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET ftp://a/ HTTP/1.1\r\n" H "\r\n", "400" },
	{ "GET //a HTTP/1.1\r\n" H "\r\n", "200", "<GET|//a||1|>" },
	{ "GET http://b:80/x/?q HTTP/1.1\r\n" H "\r\n", "200", "<GET|/x|q|1|>" },
	{ "GET HTTPS://b HTTP/1.1\r\n" H "\r\n", "200", "<GET|/||1|>" },
	{ "GET http://b?q=/ HTTP/1.1\r\n" H "\r\n", "200", "<GET|/|q=/|1|>" },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", "200", "<OPTIONS|*||1|>" },
	{ "GET /a/ HTTP/1.1\r\n" H "\r\n", "200", "<GET|/a||1|>" },
	{ "GET /a// HTTP/1.1\r\n" H "\r\n", "200", "<GET|/a/||1|>" },
	{ "GET /a?b?c/ HTTP/1.1\r\n" H "\r\n", "200", "<GET|/a|b?c/|1|>" },
	{ "GET /%00%zz?%00 HTTP/1.1\r\n" H "\r\n", "200", "<GET|/%00%zz|%00|1|>" },
	{ "get / HTTP/1.1\r\n" H "\r\n", "200", "<get|/||1|>" },
	{ "BREW / HTTP/1.1\r\n" H "\r\n", "200", "<BREW|/||1|>" },
	/* Host */
	{ "GET / HTTP/1.1\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: []\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", "400" },
	{ "GET / HTTP/1.0\r\n" H H "\r\n", "400" },
	{ "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200" },
	{ "GET / HTTP/1.1\r\nhOsT:\t a.b-c_d:\t\r\n\r\n", "200" },
	{ "GET / HTTP/1.0\r\n\r\n", "200", "<GET|/||0|>" },
	{ "OPTIONS / HTTP/1.0\r\n\r\n", "200", "<OPTIONS|/||0|>" },
	{ "GET / HTTP/1.0\r\nHost: up_stream\r\n\r\n", "200" },
	/* fields */
	{ GET "X: a\r\n b\r\n\r\n", "400" },
	{ GET "X: a\r\n\tb\r\n\r\n", "400" },
	{ "GET / HTTP/1.1\r\n X: a\r\n" H "\r\n", "400" },
	{ GET "X : a\r\n\r\n", "400" },
	{ GET "X\t: a\r\n\r\n", "400" },
	{ GET ": a\r\n\r\n", "400" },
	{ GET "X\r\n\r\n", "400" },
	{ GET "X(: a\r\n\r\n", "400" },
	{ GET "X\xe4: a\r\n\r\n", "400" },
	{ GET "X: a\x01\r\n\r\n", "400" },
	{ GET "X: a\x7f\r\n\r\n", "400" },
	{ GET "X: a\rb\r\n\r\n", "400" },
	{ GET "X: a\r\r\n\r\n", "400" },
	{ GET "X: \0\r\n\r\n", "400", .len = 16 + 9 + 4 + 4 },
	{ GET "X: a\n\r\n", "400" },
	{ "GET / HTTP/1.1\nHost: a\n\n", "400" },
	{ GET "\n", "400" },
	{ GET "X: {a*2100}\r\n\r\n", "431" },
	{ GET "X: {a*2100}", "431" },
	{ GET "{X:\r\n*110}\r\n", "431" },
	{ GET "{X:\r\n*99}\r\n", "200" },
	{ GET "X:\r\nx:a\r\nX: \xe4\t\x80 \r\n\r\n", "200" },
	/* length */
	{ POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400" },
	{ POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400" },
	{ POST "Content-Length: 3, 3\r\n\r\nabc", "400" },
	{ POST "Content-Length: +3\r\n\r\nabc", "400" },
	{ POST "Content-Length: -3\r\n\r\nabc", "400" },
	{ POST "Content-Length: 3 3\r\n\r\nabc", "400" },
	{ POST "Content-Length: 0x3\r\n\r\nabc", "400" },
	{ POST "Content-Length: 3.0\r\n\r\nabc", "400" },
	{ POST "Content-Length:\r\n\r\nabc", "400" },
	{ POST "Content-Length: 1001\r\n\r\n", "413" },
	{ POST "Content-Length: 18446744073709551616\r\n\r\n", "413" },
	{ POST "Content-Length: 18446744073709551619\r\n\r\nabc", "413" },
	{ POST "Content-Length: 99999999999999999999999999999\r\n\r\n", "413" },
	{ POST "Content-Length: 1001\r\n\r\n{a*1001}", "413" },
	{ POST "Content-Length: 1000\r\n\r\n{a*1000}", "200" },
	{ POST "Content-Length: 03\r\n\r\nabc", "200", "<POST|/p||1|abc>" },
	{ POST "Content-Length: 0\r\n\r\n", "200", "<POST|/p||1|>" },
	{ POST "\r\n", "200", "<POST|/p||1|>" },
	{ "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", "200", "<POST|/||0|ab>" },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab", "200", "<GET|/||1|ab>" },
	/* codings */
	{ CHUNKED "Content-Length: 3\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ CHUNKED "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ CHUNKED "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501" },
	{ POST "Transfer-Encoding: identity\r\n\r\nabc", "501" },
	{ POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501" },
	{ POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", "501" },
	{ POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "501" },
	{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
	{ POST "Transfer-Encoding: Chunked \r\n\r\n0\r\n\r\n", "200" },
	/* chunks */
	{ CHUNKED "\r\n3\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n3 \r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n 3\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n+3\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n-3\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n0x3\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n;a\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n3\r\nabcd\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n3\r\nabc0\r\n\r\n", "400" },
	{ CHUNKED "\r\n3\r\nabc\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n3\r\nabc\rX0\r\n\r\n", "400" },
	{ CHUNKED "\r\n00000000000000003\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n3;a\x01\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n3;a\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n3;{a*4100}\r\nabc\r\n0\r\n\r\n", "400" },
	{ CHUNKED "\r\n0\r\nX\r\n\r\n", "400" },
	{ CHUNKED "\r\n0\r\n X: a\r\n\r\n", "400" },
	{ CHUNKED "\r\n0\r\nX : a\r\n\r\n", "400" },
	{ CHUNKED "\r\n0\r\nX: a\n\r\n", "400" },
	{ CHUNKED "\r\n0\r\n\n", "400" },
	{ CHUNKED "\r\n0\r\n\rX", "400" },
	{ CHUNKED "\r\n0\r\nX: {a*8200}\r\n\r\n", "431" },
	{ CHUNKED "\r\n3e9\r\n", "413" },
	{ CHUNKED "\r\nffffffffffffffff\r\n", "413" },
	{ CHUNKED "\r\n3e7\r\n{a*999}\r\n2\r\n", "413" },
	{ CHUNKED "\r\n3e8\r\n{a*1000}\r\n0\r\n\r\n", "200" },
	{ CHUNKED "\r\n0\r\n\r\n", "200", "<POST|/p||1|>" },
	{ CHUNKED "\r\n000\r\n\r\n", "200", "<POST|/p||1|>" },
	{ CHUNKED "\r\n3\r\nabc\r\nA\r\n0123456789\r\n1\r\nd\r\n0\r\n\r\n", "200",
	    "<POST|/p||1|abc0123456789d>" },
	{ CHUNKED "\r\n3;x=\"y\r\nabc\r\n0;z\r\nX-T: 1\r\nY:\r\n\r\n", "200",
	    "<POST|/p||1|abc>" },
	/* Expect */
	{ POST "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", "417" },
	{ POST "Expect: 100-continue, x\r\nContent-Length: 3\r\n\r\nabc", "417" },
	{ POST "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", "200" },
	{ POST "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n", "413" },
	{ "POST /deny HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", "401" },
	{ "POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 1\r\n\r\na", "200" },
	/* one after the other */
	{ GET "\r\n" GET "\r\n" GET "\r\n", "200 200 200" },
	{ "GET /later HTTP/1.1\r\n" H "\r\nGET /2 HTTP/1.1\r\n" H "\r\n", "200 200",
	    "<GET|/2||1|>" },
	{ "GET /later HTTP/1.1\r\n" H "\r\nGET /later HTTP/1.1\r\n" H "\r\n", "200 200" },
	{ POST "Content-Length: 3\r\n\r\nabc" GET "\r\n", "200 200", "<GET|/||1|>" },
	{ POST "Content-Length: 3\r\n\r\nabc\r\n" GET "\r\n", "200 200", "<GET|/||1|>" },
	{ CHUNKED "\r\n3\r\nabc\r\n0\r\n\r\n" GET "\r\n", "200 200", "<GET|/||1|>" },
	{ "\r\n" GET "\r\n", "200" },
	{ GET "\r\n\r\n\r\n", "200 400" },
	{ GET "Connection: x , Close\r\n\r\n" GET "\r\n", "200" },
	{ GET "Connection: keep-alive\r\n\r\n" GET "\r\n", "200 200" },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" GET "\r\n", "200" },
	{ "POST /deny HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET "\r\n", "401 200" },
	{ "POST /deny HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
	    GET "\r\n", "401 200" },
	{ "POST /deny HTTP/1.1\r\n" H "Content-Length: 70000\r\n\r\nabc" GET "\r\n", "401" },
	{ "POST /deny HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nx" GET "\r\n", "401" },
	{ GET "\r\nGET / HTTP/1.1\r\n\r\n" GET "\r\n", "200 400" },
	{ "GET /none HTTP/1.1\r\n" H "\r\n" GET "\r\n", "204 200" },
	{ "GET /accepted HTTP/1.1\r\n" H "\r\n" GET "\r\n", "202 200" },
	{ GET "X-Value:   two  words \t\r\n\r\n", "200" },
};
#define ROWS	((int)(sizeof(rows) / sizeof(*rows)))

static void
expand(const struct row *row, struct buf *out)
{
	const char *p = row->raw, *end = p + (row->len > 0 ? row->len : strlen(p));

	while (p < end) {
		const char *star = *p == '{' ? strchr(p, '*') : NULL;
		char *stop;

		if (star == NULL) {
			buf_char(out, *p++);
			continue;
		}
		for (long n = strtol(star + 1, &stop, 10); n > 0; n--)
			buf_add(out, p + 1, (size_t)(star - p - 1));
		p = stop + 1;
	}
}

/* Whatever the answer, it has our headers, each once. */
static void
check_headers(const struct client *c, const char *statuses)
{
	static const char *const names[] = {
		"\r\nX-Request-Id: ", "\r\nDate: ", "\r\nContent-Security-Policy: ",
		"\r\nX-Content-Type-Options: nosniff\r\n", "\r\nX-XSS-Protection: 0\r\n",
	};
	int n = (int)(strlen(statuses) + 1) / 4;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ck_assert_msg(count(c->in.p, names[i]) == n, "%s in %s", names[i], c->in.p);
	if (statuses[(n - 1) * 4] >= '4' && strcmp(statuses, "401 200") != 0)
		ck_assert_msg(strstr(c->in.p, "\"request_id\":\"") != NULL, "%s", c->in.p);
}

static void
expect_row(struct client *c, const struct row *row, const char *how)
{
	char got[256];
	const char *body = "";
	int n = (int)(strlen(row->statuses) + 1) / 4;

	wait_answers(c, n);
	turn();
	client_read(c);
	answers(c, false, got, sizeof(got), &body);
	/* 100 is right whenever the body was late */
	if (strncmp(got, "100 ", 4) == 0 && strstr(row->raw, "100-continue") != NULL)
		memmove(got, got + 4, strlen(got + 4) + 1);
	else
		check_headers(c, row->statuses);
	ck_assert_msg(strcmp(got, row->statuses) == 0, "row %d %s: %s, not %s: %s",
	    (int)(row - rows), how, got, row->statuses, row->raw);
	if (row->says != NULL)
		ck_assert_msg(strstr(body, row->says) != NULL, "row %d %s: %s",
		    (int)(row - rows), how, body);
	ck_assert_int_eq(peer.gone, 0);
}

START_TEST(whole_and_split)
{
	const struct row *row = &rows[_i];
	static const struct row normal = { GET "\r\n", "200", "<GET|/||1|>", 0 };
	struct buf raw = { 0 };
	struct client c;
	size_t step;

	expand(row, &raw);
	/* a long run of the same byte is as good split at some */
	step = raw.len > 400 ? raw.len / 200 : 1;
	for (size_t at = 0; at <= raw.len; at += at < raw.len && at + step > raw.len ?
	    raw.len - at : step) {
		char how[32];

		snprintf(how, sizeof(how), "split at %zu", at);
		client_open(&c);
		peer.gone = 0;
		if (at == raw.len) {
			for (size_t i = 0; i < raw.len; i++)
				client_send(&c, raw.p + i, 1);
		} else {
			if (at > 0)
				client_send(&c, raw.p, at);
			client_send(&c, raw.p + at, raw.len - at);
		}
		/* on_gone is right when it was refused after on_head */
		if (strchr("4", row->statuses[0]) != NULL)
			peer.gone = 0;
		expect_row(&c, row, how);
		client_close(&c);
		turn();
	}
	client_open(&c);
	client_send(&c, normal.raw, strlen(normal.raw));
	expect_row(&c, &normal, "afterwards");
	client_close(&c);
	turn();
	ck_assert_uint_eq(http_server_connections(peer.s), 0);
	ck_assert_uint_eq(http_server_requests(peer.s), 0);
	buf_wipe(&raw);
}
END_TEST

static void
add(TCase *tc)
{
	tcase_add_loop_test(tc, whole_and_split, 0, ROWS);
}

int
main(void)
{
	return peer_main("http1", add);
}
