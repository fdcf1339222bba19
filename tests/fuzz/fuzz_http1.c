/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/http1_parse.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first byte: how the rest is cut, and what kind of server gets it.
 * covers: net/http1_parse.c net/http1_chunked.c net/http1_fields.c net/http1.c
 * covers: net/http1_reply.c net/http1_proxy.c */

#define MAX_HEADER	512
#define MAX_BODY	300
#define CUT		0x3f
#define BEHIND_PROXY	0x40
#define UNDER_HTTPS	0x80
#define LARGE		(512 * 1024)	/* more than a socket takes */

/* What a stream of requests means: must not hang on how it is cut. */
struct reading {
	struct http1_scan scan;
	struct http1_chunked chunked;
	bool in_body, is_chunked, failed;
	uint64_t left;
	struct buf in, body, meaning;
};

static void
fail(struct reading *r, enum http_error e)
{
	MUST(e < HTTP_ERROR_COUNT);
	r->failed = true;
	buf_fmt(&r->meaning, "[%d]", http_error_status(e));
}

static void
end_of_request(struct reading *r)
{
	MUST(r->body.len <= MAX_BODY);
	buf_fmt(&r->meaning, "(%zu)", r->body.len);
	buf_add(&r->meaning, r->body.p, r->body.len);
	buf_wipe(&r->body);
	r->in_body = false;
	r->scan = (struct http1_scan){ 0 };
}

static size_t
head(struct reading *r)
{
	struct http1_head h;
	enum http_error e = HTTP_ERROR_COUNT;
	ssize_t n = http1_scan(&r->scan, r->in.p, r->in.len, MAX_HEADER, &e);
	char *copy;

	if (n == -1)
		fail(r, e);
	if (n <= 0)
		return 0;
	MUST((size_t)n <= r->in.len && n <= MAX_HEADER);
	copy = mem_strn(r->in.p, (size_t)n);
	if (http1_parse(copy, (size_t)n, &h, &e) == -1) {
		fail(r, e);
	} else {
		MUST(!h.chunked || (!h.has_length && h.minor == 1));
		MUST(h.nfields <= HTTP_FIELDS_MAX);
		buf_fmt(&r->meaning, "%s %s %s %d", h.method, h.path, h.query, h.minor);
		for (size_t i = 0; i < h.nfields; i++)
			buf_fmt(&r->meaning, "|%s:%s", h.fields[i].name, h.fields[i].value);
		r->in_body = true;
		r->is_chunked = h.chunked;
		r->chunked = (struct http1_chunked){ 0 };
		r->left = h.length;
		if (h.length > MAX_BODY)
			fail(r, HTTP_ERROR_TOO_LARGE);
		else if (!h.chunked && h.length == 0)
			end_of_request(r);
	}
	free(copy);
	return (size_t)n;
}

static size_t
body(struct reading *r)
{
	enum http_error e = HTTP_ERROR_COUNT;
	size_t n = r->in.len < r->left ? r->in.len : (size_t)r->left;
	ssize_t used;

	if (!r->is_chunked) {
		buf_add(&r->body, r->in.p, n);
		r->left -= n;
		if (r->left == 0)
			end_of_request(r);
		return n;
	}
	used = http1_chunked(&r->chunked, r->in.p, r->in.len, MAX_BODY, &r->body, &e);
	if (used == -1) {
		fail(r, e);
		return 0;
	}
	MUST((size_t)used <= r->in.len);
	MUST(r->chunked.done || (size_t)used == r->in.len);
	if (r->chunked.done)
		end_of_request(r);
	return (size_t)used;
}

static struct buf
meaning(const char *p, size_t len, size_t step)
{
	struct reading r = { 0 };

	for (size_t at = 0; at < len && !r.failed; at += step) {
		size_t used = 1;

		buf_add(&r.in, p + at, len - at < step ? len - at : step);
		while (r.in.len > 0 && used > 0 && !r.failed) {
			used = r.in_body ? body(&r) : head(&r);
			buf_drop(&r.in, used);
		}
	}
	buf_wipe(&r.in);
	buf_wipe(&r.body);
	return r.meaning;
}

/* The same bytes through the whole server.  What is done with a request is in its
 * path. */
struct service {
	struct http_req *late;		/* to be answered from elsewhere */
	unsigned under_way;
};

static void
answer(struct http_req *req)
{
	static char large[LARGE];

	if (strncmp(req->path, "/large", 6) == 0)
		http_reply(req, 200, "text/plain", large, sizeof(large));
	else if (strncmp(req->path, "/none", 5) == 0)
		http_reply(req, 204, NULL, NULL, 0);
	else
		http_reply(req, 200, "text/plain", req->body, req->body_len);
}

static void
on_head(struct http_req *req, void *arg)
{
	struct service *service = arg;

	MUST(!req->answered && req->data == NULL);
	req->data = service;
	service->under_way++;
	MUST(service->under_way == 1);
	if (strncmp(req->path, "/refused", 8) == 0)
		http_error(req, HTTP_ERROR_UNAUTHORIZED, NULL);
}

static void
on_request(struct http_req *req, void *arg)
{
	struct service *service = arg;
	struct buf out = { 0 };

	MUST(req->data == service && !req->answered);
	MUST(req->body_len <= MAX_BODY && strlen(req->body) <= req->body_len);
	if (http_query(req, "a", &out) == 0 || http_cookie(req, "a", &out) == 0)
		http_add(req, "X-A", out.len > 0 ? out.p : "");
	buf_wipe(&out);
	if (http_field_count(req, "x-frame") == 1)
		http_add(req, "X-Frame-Options", http_field(req, "x-frame"));
	if (strncmp(req->path, "/late", 5) == 0)
		service->late = req;
	else
		answer(req);
}

static void
on_gone(struct http_req *req, void *arg)
{
	struct service *service = arg;

	MUST(req->data == service && !req->answered);
	if (service->late == req)
		service->late = NULL;
}

static void
on_done(struct http_req *req, void *arg)
{
	struct service *service = arg;

	if (req->data != NULL)
		service->under_way--;
	MUST(service->late != req);
	req->data = NULL;
}

static void
turn(struct event_base *base, struct service *service)
{
	struct http_req *late = service->late;

	event_base_loop(base, EVLOOP_NONBLOCK);
	if (late == NULL || late != service->late)
		return;
	service->late = NULL;
	answer(late);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* What came back, but for all the zeros of /large; the first bytes are checked. */
static size_t
drain(int fd, size_t before)
{
	char bytes[65536];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		for (size_t i = 0; i < (size_t)n && before + i < 9; i++)
			MUST(bytes[i] == "HTTP/1.1 "[before + i]);
		before += (size_t)n;
	}
	return before;
}

static void
serve(unsigned char how, const char *p, size_t len)
{
	static const struct http_handler handler = { on_head, on_request, on_gone,
		on_done };
	static struct network near = { .bits = 0 };
	static const struct networks from = { &near, 1 };
	struct http_conf conf = { .header_ms = 1000, .body_ms = 1000,
		.request_ms = 1000, .idle_ms = 1000, .max_header = MAX_HEADER,
		.max_body = MAX_BODY, .hsts = (how & UNDER_HTTPS) != 0,
		.proxies = how & BEHIND_PROXY ? &from : NULL };
	struct event_base *base = event_base_new();
	struct service service = { 0 };
	struct http_server *s = http_server_new(base, &conf, &handler, &service);
	size_t step = (how & CUT) + 1, came = 0;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		abort();
	http_server_adopt(s, fds[1], how & BEHIND_PROXY ? "192.0.2.1" : "peer");
	for (size_t at = 0; at < len; at += step) {
		if (send(fds[0], p + at, len - at < step ? len - at : step,
		    MSG_DONTWAIT | MSG_NOSIGNAL) <= 0)
			break;
		turn(base, &service);
		came = drain(fds[0], came);
	}
	if (how & 1)
		shutdown(fds[0], SHUT_WR);
	for (size_t before = came + 1; before != came;) {
		before = came;
		turn(base, &service);
		came = drain(fds[0], came);
	}
	if (how & 2)
		http_server_drain(s, 0);
	close(fds[0]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	http_server_free(s);
	MUST(service.late == NULL && service.under_way == 0);
	event_base_free(base);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct buf whole, cut;

	if (len < 2)
		return 0;
	log_quiet();
	whole = meaning((const char *)bytes + 1, len - 1, len);
	cut = meaning((const char *)bytes + 1, len - 1, (bytes[0] & CUT) + 1);
	MUST(whole.len == cut.len);
	MUST(whole.len == 0 || memcmp(whole.p, cut.p, whole.len) == 0);
	buf_wipe(&whole);
	buf_wipe(&cut);
	serve(bytes[0], (const char *)bytes + 1, len - 1);
	return 0;
}
