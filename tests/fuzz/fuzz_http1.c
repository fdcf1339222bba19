/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/http1_parse.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEADER	512
#define MAX_BODY	300

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

static void
on_request(struct http_req *req, void *arg)
{
	struct buf out = { 0 };

	(void)arg;
	if (http_query(req, "a", &out) == 0)
		http_add(req, "X-A", "a");
	http_cookie(req, "a", &out);
	buf_wipe(&out);
	http_reply(req, 200, "text/plain", req->body, req->body_len);
}

/* The same bytes through the whole server. */
static void
serve(const char *p, size_t len)
{
	static const struct http_handler handler = { .on_request = on_request };
	static const struct http_conf conf = { .header_ms = 1000, .body_ms = 1000,
		.request_ms = 1000, .idle_ms = 1000, .max_header = MAX_HEADER,
		.max_body = MAX_BODY };
	struct event_base *base = event_base_new();
	struct http_server *s = http_server_new(base, &conf, &handler, NULL);
	char answer[9];
	ssize_t n;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		abort();
	http_server_adopt(s, fds[1], "peer");
	n = send(fds[0], p, len, MSG_DONTWAIT);
	for (int i = 0; n > 0 && i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	n = recv(fds[0], answer, sizeof(answer), MSG_DONTWAIT);
	MUST(n <= 0 || (n == 9 && memcmp(answer, "HTTP/1.1 ", 9) == 0));
	close(fds[0]);
	http_server_free(s);
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
	cut = meaning((const char *)bytes + 1, len - 1, bytes[0] % 64 + 1);
	MUST(whole.len == cut.len);
	MUST(whole.len == 0 || memcmp(whole.p, cut.p, whole.len) == 0);
	buf_wipe(&whole);
	buf_wipe(&cut);
	serve((const char *)bytes + 1, len - 1);
	return 0;
}
