/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/http1.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a handler that shows what it was given ---- */

static struct {
	struct event_base *base;
	struct http_server *s;
	struct http_req *held;		/* of /hold: answered by the test */
	int heads, requests, gone, done;
	struct event *later;
	struct http_req *late;		/* of /later: answered in the next turn */
	int last_status;
	char last_path[64], last_value[256];
} t;

#define BIG	(8 * 1024 * 1024)
static char *big;

static void
on_head(struct http_req *req, void *arg)
{
	ck_assert_ptr_eq(arg, &t);
	t.heads++;
	req->data = mem_new(1);
	if (strcmp(req->path, "/deny") == 0) {
		http_add(req, "WWW-Authenticate", "Bearer");
		http_error(req, HTTP_ERROR_UNAUTHORIZED, NULL);
	}
}

static void
show(struct http_req *req)
{
	struct buf b = { 0 };

	buf_fmt(&b, "<%s|%s|%s|%d|%s>", req->method, req->path, req->query,
	    req->minor, req->body);
	http_reply(req, 200, "text/plain", b.p, b.len);
	buf_wipe(&b);
}

static void
on_request(struct http_req *req, void *arg)
{
	(void)arg;
	t.requests++;
	ck_assert_uint_eq(strlen(req->body), req->body_len);
	if (http_field(req, "x-value") != NULL)
		snprintf(t.last_value, sizeof(t.last_value), "%s", http_field(req, "x-value"));
	if (http_field(req, "host") != NULL)
		ck_assert_uint_eq(http_field_count(req, "host"), 1);
	if (strcmp(req->path, "/hold") == 0) {
		t.held = req;
	} else if (strcmp(req->path, "/later") == 0) {
		t.late = req;
		event_active(t.later, EV_TIMEOUT, 0);
	} else if (strcmp(req->path, "/big") == 0) {
		http_reply(req, 200, "text/plain", big, BIG);
	} else if (strcmp(req->path, "/none") == 0) {
		http_reply(req, 204, NULL, NULL, 0);
	} else if (strcmp(req->path, "/accepted") == 0) {
		http_reply(req, 202, NULL, NULL, 0);
	} else {
		show(req);
	}
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct http_req *req = t.late;

	(void)fd;
	(void)what;
	(void)arg;
	t.late = NULL;
	if (req != NULL)
		show(req);
}

static void
on_gone(struct http_req *req, void *arg)
{
	(void)arg;
	ck_assert(!req->answered);
	t.gone++;
	if (t.held == req)
		t.held = NULL;
	if (t.late == req)
		t.late = NULL;
}

static void
on_done(struct http_req *req, void *arg)
{
	(void)arg;
	ck_assert_uint_eq(strlen(req->id), 16);
	t.done++;
	t.last_status = req->status;
	snprintf(t.last_path, sizeof(t.last_path), "%s", req->path);
	free(req->data);
}

static const struct http_handler handler = { on_head, on_request, on_gone, on_done };
static const struct http_conf plain_conf = { .header_ms = 10000, .body_ms = 10000,
	.request_ms = 10000, .idle_ms = 10000, .max_header = 2048, .max_body = 1000 };

static void
start(const struct http_conf *conf)
{
	log_quiet();
	memset(&t, 0, sizeof(t));
	t.base = event_base_new();
	t.later = event_new(t.base, -1, 0, on_later, NULL);
	t.s = http_server_new(t.base, conf, &handler, &t);
}

static void
setup(void)
{
	start(&plain_conf);
}

static void
teardown(void)
{
	http_server_free(t.s);
	event_free(t.later);
	event_base_free(t.base);
	ck_assert_int_ge(t.done, t.heads);
}

static void
restart(const struct http_conf *conf)
{
	teardown();
	start(conf);
}

/* ---- a client ---- */

struct client {
	int fd;
	bool closed;			/* by the server */
	struct buf in;
};

static void
client_open(struct client *c)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	evutil_make_socket_nonblocking(fds[0]);
	*c = (struct client){ .fd = fds[0] };
	http_server_adopt(t.s, fds[1], "192.0.2.7");
}

static void
client_close(struct client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	buf_wipe(&c->in);
}

static void
turn(void)
{
	event_base_loop(t.base, EVLOOP_NONBLOCK);
}

static void
client_send(struct client *c, const char *p, size_t len)
{
	/* The server may have closed already. */
	ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

	if (n != -1)
		ck_assert_int_eq(n, (ssize_t)len);
	turn();
}

static void
client_say(struct client *c, const char *s)
{
	client_send(c, s, strlen(s));
}

static void
client_read(struct client *c)
{
	char chunk[65536];
	ssize_t n;

	while ((n = recv(c->fd, chunk, sizeof(chunk), 0)) > 0)
		buf_add(&c->in, chunk, (size_t)n);
	if (n == 0 || (n == -1 && errno != EAGAIN))
		c->closed = true;
}

/* The statuses of what came, "100 200"; the body of the last. */
static int
answers(const struct client *c, bool head, char *out, size_t size, const char **body)
{
	const char *p = c->in.p;
	int n = 0;

	*out = '\0';
	while (p != NULL && *p != '\0') {
		const char *end = strstr(p, "\r\n\r\n"), *length;
		size_t used = strlen(out);

		ck_assert_msg(strncmp(p, "HTTP/1.1 ", 9) == 0, "no answer: %s", p);
		if (end == NULL)
			break;
		length = strcasestr(p, "\r\nContent-Length: ");
		snprintf(out + used, size - used, "%s%.3s", used > 0 ? " " : "", p + 9);
		if (strncmp(p + 9, "100", 3) != 0)
			n++;
		*body = p = end + 4;
		if (!head && length != NULL && length < end)
			p += strtoul(length + 18, NULL, 10);
	}
	return n;
}

static int
count(const char *in, const char *what)
{
	int n = 0;

	for (; (in = strcasestr(in, what)) != NULL; in++)
		n++;
	return n;
}

static void
wait_answers(struct client *c, int n)
{
	char got[256];
	const char *body;

	for (int i = 0; i < 200; i++) {
		turn();
		client_read(c);
		if (answers(c, false, got, sizeof(got), &body) >= n)
			return;
	}
}

static bool
wait_closed(struct client *c)
{
	int64_t end = clock_ms() + 5000;

	for (client_read(c); !c->closed && clock_ms() < end; client_read(c))
		event_base_loop(t.base, EVLOOP_ONCE);
	return c->closed;
}

/* ---- requests, as they come and what comes back ---- */

#define H "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST /p HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n"

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
	ck_assert_int_eq(t.gone, 0);
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
		t.gone = 0;
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
			t.gone = 0;
		expect_row(&c, row, how);
		client_close(&c);
		turn();
	}
	client_open(&c);
	client_send(&c, normal.raw, strlen(normal.raw));
	expect_row(&c, &normal, "afterwards");
	client_close(&c);
	turn();
	ck_assert_uint_eq(http_server_connections(t.s), 0);
	ck_assert_uint_eq(http_server_requests(t.s), 0);
	buf_wipe(&raw);
}
END_TEST

START_TEST(guards_run_before_the_body)
{
	struct client c;

	client_open(&c);
	client_say(&c, "POST /deny HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\n");
	wait_answers(&c, 1);
	ck_assert_ptr_nonnull(strstr(c.in.p, "401 Unauthorized"));
	ck_assert_ptr_nonnull(strstr(c.in.p, "WWW-Authenticate: Bearer\r\n"));
	ck_assert_int_eq(t.heads, 1);
	ck_assert_int_eq(t.requests, 0);
	ck_assert_int_eq(t.done, 1);
	ck_assert_int_eq(t.gone, 0);
	client_say(&c, "123456789" GET "\r\n");
	wait_answers(&c, 2);
	ck_assert_int_eq(t.requests, 1);
	client_close(&c);
}
END_TEST

START_TEST(continue_only_when_let_pass)
{
	static const char head[] = POST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n";
	struct client c;

	client_open(&c);
	client_say(&c, head);
	client_read(&c);
	ck_assert_str_eq(c.in.p, "HTTP/1.1 100 Continue\r\n\r\n");
	buf_reset(&c.in);
	client_say(&c, "abc");
	wait_answers(&c, 1);
	ck_assert_ptr_nonnull(strstr(c.in.p, "<POST|/p||1|abc>"));
	client_close(&c);
}
END_TEST

START_TEST(head_has_length_but_no_body)
{
	struct client c;
	char got[64];
	const char *body = NULL;

	client_open(&c);
	client_say(&c, "HEAD /x HTTP/1.1\r\n" H "\r\n");
	client_say(&c, "HEAD /x HTTP/1.1\r\n" H "\r\n");
	client_read(&c);
	ck_assert_int_eq(answers(&c, true, got, sizeof(got), &body), 2);
	ck_assert_str_eq(got, "200 200");
	ck_assert_int_eq(count(c.in.p, "\r\nContent-Length: 13\r\n"), 2);
	ck_assert_ptr_null(strchr(c.in.p, '<'));
	client_close(&c);
}
END_TEST

/* What ends with the connection says so; 204 has no length, 202 has one. */
START_TEST(closing)
{
	static const struct {
		const char *raw, *has, *has_not;
		bool closed;
	} cases[] = {
		{ "GET / HTTP/1.0\r\n\r\n", "\r\nConnection: close\r\n", "chunked", true },
		{ GET "Connection: close\r\n\r\n", "\r\nConnection: close\r\n", "chunked", true },
		{ "GARBAGE\r\n", "\r\nConnection: close\r\n", "X-Powered", false },
		{ GET "\r\n", "\r\nContent-Length: 11\r\n", "\r\nConnection:", false },
		{ "GET /none HTTP/1.1\r\n" H "\r\n", " 204 No Content\r\n", "Content-Length", false },
		{ "GET /accepted HTTP/1.1\r\n" H "\r\n", "\r\nContent-Length: 0\r\n",
		    "\r\nContent-Type", false },
	};
	struct client c;

	client_open(&c);
	client_send(&c, cases[_i].raw, strlen(cases[_i].raw));
	if (cases[_i].has_not[0] == 'X')
		client_say(&c, "\r\n");
	wait_answers(&c, 1);
	ck_assert_msg(strstr(c.in.p, cases[_i].has) != NULL, "%s", c.in.p);
	ck_assert_msg(strstr(c.in.p, cases[_i].has_not) == NULL, "%s", c.in.p);
	if (cases[_i].closed)
		ck_assert(wait_closed(&c));
	client_close(&c);
}
END_TEST

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
	{ "GET /hold HTTP/1.1\r\n" H "\r\n", "", "504", 1, .request_ms = 60 },
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

	restart(&conf);
	client_open(&c);
	if (*d->raw != '\0')
		client_send(&c, d->raw, strlen(d->raw));
	while (!c.closed && clock_ms() < end) {
		if (*d->drip != '\0' && clock_ms() >= next) {
			(void)!send(c.fd, d->drip, 1, MSG_NOSIGNAL);
			next = clock_ms() + 10;
		}
		event_base_loop(t.base, EVLOOP_ONCE);
		client_read(&c);
	}
	ck_assert_msg(c.closed, "case %d still open: %s", _i, c.in.p);
	ck_assert_int_lt(clock_ms() - before, 2000);
	ck_assert_int_ge(clock_ms() - before, 50);
	answers(&c, false, got, sizeof(got), &body);
	ck_assert_msg(strcmp(got, d->statuses) == 0, "case %d: %s", _i, got);
	ck_assert_int_eq(t.gone, d->gone);
	ck_assert_int_eq(t.done, (int)(strlen(d->statuses) + 1) / 4);
	client_close(&c);
}
END_TEST

/* A client that asks for much and reads nothing. */
START_TEST(slow_reader_is_dropped)
{
	struct http_conf conf = plain_conf;
	uint64_t before = counter_get(CNT_TIMEOUTS);
	struct client c;
	int64_t end = clock_ms() + 5000;

	conf.request_ms = 80;
	restart(&conf);
	client_open(&c);
	client_say(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
	ck_assert_int_eq(t.done, 1);
	ck_assert_uint_eq(http_server_connections(t.s), 1);
	while (http_server_connections(t.s) == 1 && clock_ms() < end)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_uint_eq(http_server_connections(t.s), 0);
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

	while (t.gone < n && clock_ms() < end)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_int_eq(t.gone, n);
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
	http_server_adopt(t.s, fds[1], "192.0.2.7");
	ck_assert_int_eq(send(fds[0], "GET /hold HTTP/1.1\r\n" H "\r\n", 31, 0), 31);
	memset(junk, 'G', behind);
	for (before = clock_ms(); t.held == NULL && clock_ms() < before + 5000; )
		turn();
	ck_assert_ptr_nonnull(t.held);
	ck_assert_int_eq(send(fds[0], junk, behind, 0), (ssize_t)behind);
	/* nothing spins meanwhile */
	for (before = clock_ms(); clock_ms() < before + 30; turns++)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_int_lt(turns, 100);
	ck_assert_int_eq(t.gone, 0);
	leave(fds[0], way);
	until_gone(1);
	ck_assert_int_eq(t.done, 1);
	ck_assert_int_eq(t.last_status, 0);
	ck_assert_uint_eq(http_server_connections(t.s), 0);
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
	ck_assert_int_eq(t.heads, 1);
	client_close(&c);
	until_gone(1);
	ck_assert_int_eq(t.done, 1);
}
END_TEST

START_TEST(client_leaves_after_a_late_answer)
{
	struct client c;

	client_open(&c);
	client_say(&c, "GET /hold HTTP/1.1\r\n" H "\r\n");
	ck_assert_ptr_nonnull(t.held);
	http_reply(t.held, 200, NULL, "x", 1);
	ck_assert_int_eq(t.done, 0);	/* the answerer still has it */
	ck_assert_int_eq(t.held->status, 200);
	ck_assert_uint_eq(t.held->sent, 1);
	client_close(&c);
	turn();
	ck_assert_int_eq(t.done, 1);
	ck_assert_int_eq(t.gone, 0);
}
END_TEST

START_TEST(server_freed_under_way)
{
	struct client a, b, c;

	client_open(&a);
	client_say(&a, "GET /hold HTTP/1.1\r\n" H "\r\n");
	client_open(&b);
	client_say(&b, POST "Content-Length: 3\r\n\r\n");
	client_open(&c);
	client_say(&c, "GET /later HTTP/1.1\r\n");
	http_server_free(t.s);
	ck_assert_int_eq(t.gone, 2);
	ck_assert_int_eq(t.done, 2);
	t.s = http_server_new(t.base, &plain_conf, &handler, &t);
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
	client_say(&c, "GET /hold HTTP/1.1\r\n" H "\r\n");
	for (int i = 0; i < 400; i++)
		buf_str(&many, one);
	client_send(&c, many.p, many.len);
	buf_wipe(&many);
	ck_assert_int_eq(t.requests, 1);
	http_reply(t.held, 200, "text/plain", "first", 5);
	wait_answers(&c, 401);
	ck_assert_int_eq(answers(&c, false, got, sizeof(got), &body), 401);
	ck_assert_int_eq(t.requests, 401);
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
	client_say(&busy, "GET /hold HTTP/1.1\r\n" H "\r\n");
	/* asked before the drain, not read yet: answered */
	ck_assert_int_eq(send(fresh.fd, GET "\r\n", 27, 0), 27);
	http_server_drain(t.s, 0);
	ck_assert(!http_server_idle(t.s));
	ck_assert(wait_closed(&idle));
	wait_answers(&fresh, 1);
	ck_assert_ptr_nonnull(strstr(fresh.in.p, " 200 OK\r\n"));
	ck_assert_ptr_nonnull(strstr(fresh.in.p, "\r\nConnection: close\r\n"));
	http_reply(t.held, 200, NULL, NULL, 0);
	wait_answers(&busy, 1);
	ck_assert_ptr_nonnull(strstr(busy.in.p, "\r\nConnection: close\r\n"));
	client_close(&busy);
	client_close(&fresh);
	client_close(&idle);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert(http_server_idle(t.s));
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
	http_server_drain(t.s, 100);
	turn();
	client_read(&idle);
	ck_assert(!idle.closed);
	client_say(&used, GET "\r\n");
	wait_answers(&used, 2);
	ck_assert_int_eq(count(used.in.p, "\r\nConnection: close\r\n"), 1);
	ck_assert(wait_closed(&idle));
	ck_assert_int_ge(clock_ms() - before, 90);
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

	while (http_server_connections(t.s) != n && clock_ms() < end)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_uint_eq(http_server_connections(t.s), n);
}

START_TEST(too_many_connections)
{
	struct http_conf conf = plain_conf;
	uint64_t before = counter_get(CNT_CONNECTIONS_LIMIT);
	struct sockaddr_in sa;
	struct client c[3];
	int fd;

	conf.max_connections = 2;
	restart(&conf);
	fd = listener(&sa);
	http_server_listen(t.s, fd, true);
	http_server_listen(t.s, fd, true);
	for (int i = 0; i < 3; i++)
		client_connect(&c[i], &sa);
	until_connections(2);
	for (int i = 0; i < 10; i++)
		turn();
	ck_assert_uint_eq(http_server_connections(t.s), 2);
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
	http_server_listen(t.s, fd, false);
	client_connect(&c[0], &sa);
	for (int i = 0; i < 10; i++)
		turn();
	ck_assert_uint_eq(http_server_connections(t.s), 0);
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

	http_server_listen(t.s, fd, true);
	client_connect(&c, &sa);
	while (n < 4096 && (hoard[n] = dup(0)) != -1)
		n++;
	if (n < 4096) {
		while (counter_get(CNT_ACCEPT_PAUSED) == before && clock_ms() < since + 5000)
			turn();
		ck_assert_uint_eq(counter_get(CNT_ACCEPT_PAUSED), before + 1);
		ck_assert_uint_eq(http_server_connections(t.s), 0);
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

/* ---- answers ---- */

static const char *
reply_with(struct client *c, const char *name, const char *value)
{
	client_open(c);
	client_say(c, "GET /hold HTTP/1.1\r\n" H "\r\n");
	http_add(t.held, name, value);
	http_error(t.held, HTTP_ERROR_NOT_FOUND, "say \"what\"");
	wait_answers(c, 1);
	return c->in.p;
}

START_TEST(added_headers)
{
	static const struct {
		const char *name, *value, *has;
		int n;
	} cases[] = {
		{ "X-A", "b\r\nX-B: c", "X-A", 0 },
		{ "X-A\n", "b", "X-A", 0 },
		{ "Cache-Control", "no-store", "\r\nCache-Control: no-store\r\n", 1 },
		{ "content-security-policy", "none", "\r\nContent-Security-Policy: ", 1 },
		{ "X-Frame-Options", "DENY", "\r\nX-Frame-Options: DENY\r\n", 1 },
		{ "X-Frame-Options", "DENY", "\r\nX-Frame-Options: ", 1 },
	};
	struct client c;
	const char *in = reply_with(&c, cases[_i].name, cases[_i].value);

	ck_assert_msg(count(in, cases[_i].has) == cases[_i].n, "%s", in);
	ck_assert_ptr_nonnull(strstr(in, "{\"error\":\"not_found\",\"message\":"
	    "\"say \\\"what\\\"\",\"request_id\":\""));
	ck_assert_ptr_nonnull(strstr(in, "\r\nContent-Type: application/json\r\n"));
	client_close(&c);
}
END_TEST

START_TEST(helmet)
{
	static const char *const want[] = {
		"Cross-Origin-Opener-Policy: same-origin", "Cross-Origin-Resource-Policy: same-origin",
		"Origin-Agent-Cluster: ?1", "Referrer-Policy: no-referrer",
		"X-Content-Type-Options: nosniff", "X-DNS-Prefetch-Control: off",
		"X-Download-Options: noopen", "X-Frame-Options: SAMEORIGIN",
		"X-Permitted-Cross-Domain-Policies: none", "X-XSS-Protection: 0",
	};
	struct http_conf conf = plain_conf;
	struct client c;

	conf.hsts = _i == 1;
	restart(&conf);
	client_open(&c);
	client_say(&c, GET "\r\n");
	wait_answers(&c, 1);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		ck_assert_msg(count(c.in.p, want[i]) == 1, "%s", want[i]);
	ck_assert_int_eq(count(c.in.p, "Content-Security-Policy"), 1);
	ck_assert_int_eq(count(c.in.p, ";upgrade-insecure-requests"), _i);
	ck_assert_int_eq(count(c.in.p, "\r\nStrict-Transport-Security: "
	    "max-age=31536000; includeSubDomains\r\n"), _i);
	client_close(&c);
}
END_TEST

START_TEST(values_are_trimmed)
{
	struct client c;

	client_open(&c);
	client_say(&c, GET "X-Value:   two  words \t\r\n\r\n");
	ck_assert_str_eq(t.last_value, "two  words");
	client_say(&c, "GET http://b:80/ HTTP/1.1\r\nX-Value: 1\r\nHost: a\r\n\r\n");
	ck_assert_int_eq(t.requests, 2);
	client_close(&c);
}
END_TEST

/* The request line's own limit, whatever a head may have. */
START_TEST(line_limit)
{
	struct http_conf conf = plain_conf;
	struct client c;
	char *line = mem_new(8300);

	conf.max_header = 32768;
	restart(&conf);
	client_open(&c);
	memset(line, 'a', 8300);
	memcpy(line, "GET /", 5);
	client_send(&c, line, 8300);
	wait_answers(&c, 1);
	ck_assert_ptr_nonnull(strstr(c.in.p, " 414 URI Too Long"));
	ck_assert_int_eq(t.done, 1);
	ck_assert_str_eq(t.last_path, "-");
	ck_assert_int_eq(t.last_status, 414);
	client_close(&c);
	free(line);
}
END_TEST

START_TEST(request_ids)
{
	struct client c;
	const char *p;
	char last[17] = "";
	int n = 0;

	client_open(&c);
	for (int i = 0; i < 50; i++)
		client_say(&c, GET "\r\n");
	wait_answers(&c, 50);
	for (p = c.in.p; (p = strstr(p, "X-Request-Id: ")) != NULL; n++) {
		p += 14;
		ck_assert_uint_eq(strspn(p, "0123456789abcdef"), 16);
		ck_assert_int_ne(strncmp(p, last, 16), 0);
		snprintf(last, sizeof(last), "%.16s", p);
	}
	ck_assert_int_eq(n, 50);
	client_close(&c);
}
END_TEST

/* ---- what is in a request ---- */

START_TEST(query)
{
	static const struct {
		const char *query, *value;	/* NULL: -1 */
	} cases[] = {
		{ "", NULL }, { "b=1", NULL }, { "ab=1", NULL }, { "a=1&a=1", NULL },
		{ "a=%", NULL }, { "a=%4", NULL }, { "a=%4g", NULL }, { "a=%00", NULL },
		{ "A=1", NULL }, { "b=a=1", NULL },
		{ "a=1", "1" }, { "a", "" }, { "a=", "" }, { "x=y&a=%41+%2b%7E&b", "A +~" },
		{ "&&a=b=c&", "b=c" },
	};
	struct http_req req = { .query = cases[_i].query };
	struct buf out = { 0 };

	buf_str(&out, "x");
	ck_assert_int_eq(http_query(&req, "a", &out), cases[_i].value == NULL ? -1 : 0);
	ck_assert_uint_eq(out.len, 1 + (cases[_i].value == NULL ? 0 :
	    strlen(cases[_i].value)));
	if (cases[_i].value != NULL)
		ck_assert_str_eq(out.p + 1, cases[_i].value);
	buf_wipe(&out);
}
END_TEST

START_TEST(cookie)
{
	static const struct {
		struct http_field fields[2];
		const char *value;
	} cases[] = {
		{ { { "x", "a=1" }, { "y", "" } }, NULL },
		{ { { "cookie", "b=1" }, { "cookie", "ba=1" } }, NULL },
		{ { { "cookie", "a=1; a=2" }, { "y", "" } }, NULL },
		{ { { "cookie", "a=1; a=2" }, { "cookie", "a=3" } }, NULL },
		{ { { "cookie", "a=1" }, { "cookie", "a=1" } }, NULL },
		{ { { "cookie", "b=2; a=x.y_z-=; c=3" }, { "y", "" } }, "x.y_z-=" },
		{ { { "cookie", "b=2" }, { "cookie", "a=1" } }, "1" },
	};
	struct http_req req = { .fields = (struct http_field *)cases[_i].fields,
		.nfields = 2 };
	struct buf out = { 0 };

	ck_assert_int_eq(http_cookie(&req, "a", &out), cases[_i].value == NULL ? -1 : 0);
	if (cases[_i].value != NULL)
		ck_assert_str_eq(out.p, cases[_i].value);
	buf_wipe(&out);
}
END_TEST

START_TEST(error_table)
{
	for (int e = 0; e < HTTP_ERROR_COUNT; e++) {
		ck_assert_int_ge(http_error_status(e), 400);
		ck_assert_int_lt(http_error_status(e), 600);
		ck_assert_uint_gt(strlen(http_error_word(e)), 3);
		ck_assert_uint_gt(strlen(http_error_text(e)), 10);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("http1");
	TCase *tc = tcase_create("http1");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, whole_and_split, 0, ROWS);
	tcase_add_test(tc, guards_run_before_the_body);
	tcase_add_test(tc, continue_only_when_let_pass);
	tcase_add_test(tc, head_has_length_but_no_body);
	tcase_add_loop_test(tc, closing, 0, 6);
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
	tcase_add_test(tc, too_many_connections);
	tcase_add_test(tc, no_descriptors);
	tcase_add_loop_test(tc, added_headers, 0, 6);
	tcase_add_loop_test(tc, helmet, 0, 2);
	tcase_add_test(tc, values_are_trimmed);
	tcase_add_test(tc, line_limit);
	tcase_add_test(tc, request_ids);
	tcase_add_loop_test(tc, query, 0, 15);
	tcase_add_loop_test(tc, cookie, 0, 7);
	tcase_add_test(tc, error_table);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	big = mem_new(BIG + 1);
	memset(big, 'b', BIG);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	free(big);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
