/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "http1_peer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a handler that shows what it was given ---- */

struct peer_test peer;

static char *big;

static void
on_head(struct http_req *req, void *arg)
{
	ck_assert_ptr_eq(arg, &peer);
	peer.heads++;
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
	peer.requests++;
	ck_assert_uint_eq(strlen(req->body), req->body_len);
	if (http_field(req, "x-value") != NULL)
		snprintf(peer.last_value, sizeof(peer.last_value), "%s", http_field(req, "x-value"));
	if (http_field(req, "host") != NULL)
		ck_assert_uint_eq(http_field_count(req, "host"), 1);
	if (strcmp(req->path, "/hold") == 0) {
		peer.held = req;
	} else if (strcmp(req->path, "/later") == 0) {
		peer.late = req;
		event_active(peer.later, EV_TIMEOUT, 0);
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
	struct http_req *req = peer.late;

	(void)fd;
	(void)what;
	(void)arg;
	peer.late = NULL;
	if (req != NULL)
		show(req);
}

static void
on_gone(struct http_req *req, void *arg)
{
	(void)arg;
	ck_assert(!req->answered);
	peer.gone++;
	if (peer.held == req)
		peer.held = NULL;
	if (peer.late == req)
		peer.late = NULL;
}

static void
on_done(struct http_req *req, void *arg)
{
	(void)arg;
	ck_assert_uint_eq(strlen(req->id), 16);
	peer.done++;
	peer.last_status = req->status;
	snprintf(peer.last_path, sizeof(peer.last_path), "%s", req->path);
	snprintf(peer.last_peer, sizeof(peer.last_peer), "%s", req->peer);
	free(req->data);
}

const struct http_handler handler = { on_head, on_request, on_gone, on_done };
/* No deadline that a slow machine meets before the test's own. */
const struct http_conf plain_conf = { .header_ms = 60000, .body_ms = 60000,
	.request_ms = 60000, .idle_ms = 60000, .max_header = 2048, .max_body = 1000 };

static void
start(const struct http_conf *conf)
{
	log_quiet();
	memset(&peer, 0, sizeof(peer));
	peer.base = event_base_new();
	peer.later = event_new(peer.base, -1, 0, on_later, NULL);
	peer.s = http_server_new(peer.base, conf, &handler, &peer);
}

void
peer_setup(void)
{
	start(&plain_conf);
}

void
peer_teardown(void)
{
	http_server_free(peer.s);
	event_free(peer.later);
	event_base_free(peer.base);
	ck_assert_int_ge(peer.done, peer.heads);
}

void
peer_restart(const struct http_conf *conf)
{
	peer_teardown();
	start(conf);
}

/* ---- a client ---- */

void
client_open(struct client *c)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	evutil_make_socket_nonblocking(fds[0]);
	*c = (struct client){ .fd = fds[0] };
	http_server_adopt(peer.s, fds[1], "192.0.2.7");
}

void
client_close(struct client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	buf_wipe(&c->in);
}

void
turn(void)
{
	event_base_loop(peer.base, EVLOOP_NONBLOCK);
}

void
client_send(struct client *c, const char *p, size_t len)
{
	/* The server may have closed already. */
	ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);

	if (n != -1)
		ck_assert_int_eq(n, (ssize_t)len);
	turn();
}

void
client_say(struct client *c, const char *s)
{
	client_send(c, s, strlen(s));
}

void
client_read(struct client *c)
{
	char chunk[65536];
	ssize_t n;

	while ((n = recv(c->fd, chunk, sizeof(chunk), 0)) > 0)
		buf_add(&c->in, chunk, (size_t)n);
	if (n == 0 || (n == -1 && errno != EAGAIN))
		c->closed = true;
}

int
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

int
count(const char *in, const char *what)
{
	int n = 0;

	for (; (in = strcasestr(in, what)) != NULL; in++)
		n++;
	return n;
}

void
wait_answers(struct client *c, int n)
{
	int64_t end = clock_ms() + 5000;
	char got[256];
	const char *body;

	do {
		turn();
		client_read(c);
	} while (answers(c, false, got, sizeof(got), &body) < n && !c->closed &&
	    clock_ms() < end);
}

bool
wait_closed(struct client *c)
{
	int64_t end = clock_ms() + 5000;

	for (client_read(c); !c->closed && clock_ms() < end; client_read(c))
		event_base_loop(peer.base, EVLOOP_ONCE);
	return c->closed;
}

int
peer_main(const char *name, void (*add)(TCase *tc))
{
	TCase *tc = tcase_create(name);
	int rc;

	big = mem_new(BIG + 1);
	memset(big, 'b', BIG);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, peer_setup, peer_teardown);
	add(tc);
	rc = run_case(name, tc);
	free(big);
	return rc;
}
