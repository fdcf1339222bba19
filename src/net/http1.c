/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/http1_server.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/trouble.h"

#include <stdlib.h>

static void
request_free(struct request *r)
{
	/* There was a key in it. */
	explicit_bzero(r->head, r->len);
	buf_wipe(&r->body);
	buf_wipe(&r->added);
	free(r->req.fields);
	free(r);
}

static struct request *
request_new(struct http_conn *c, const char *head, size_t len)
{
	struct request *r = mem_new(sizeof(*r) + len + 1);

	r->c = c;
	r->len = len;
	if (len > 0)
		memcpy(r->head, head, len);
	r->body.max = c->s->conf.max_body;
	r->req.method = r->req.path = "-";
	r->req.query = r->req.body = "";
	r->req.minor = 1;
	r->req.tls = c->conn.tls != NULL;
	r->req.began = c->began;
	memcpy(r->req.peer, c->peer, sizeof(r->req.peer));
	http1_request_id(c->s, r->req.id);
	c->r = r;
	c->s->working++;
	return r;
}

static void
call(struct http_conn *c, void (*fn)(struct http_req *req, void *arg))
{
	const char *before = log_request(c->r->req.id);

	c->in_call = true;
	if (fn != NULL)
		fn(&c->r->req, c->s->arg);
	c->in_call = false;
	log_request(before);
}

/* The request ends here, answered or not. */
static void
request_end(struct http_conn *c)
{
	struct http_server *s = c->s;
	struct request *r = c->r;

	if (c->in_answered)
		TAILQ_REMOVE(&s->answered, c, answered);
	c->in_answered = false;
	http1_whole(c, false);
	if (r->told && !r->req.answered)
		call(c, s->handler.on_gone);
	call(c, s->handler.on_done);
	c->r = NULL;
	s->working--;
	request_free(r);
}

void
http1_drop(struct http_conn *c)
{
	struct http_server *s = c->s;

	if (c->r != NULL)
		request_end(c);
	http1_whole(c, false);
	http1_wait(c, WAIT_NONE);
	TAILQ_REMOVE(&s->all, c, all);
	conn_close(&c->conn);
	free(c);
	if (--s->connections == 0)
		event_del(s->tick);
	http1_room(s);
}

void
http1_enter(struct http_conn *c, enum phase phase)
{
	static const enum wait waits[PHASE_COUNT] = {
		[PHASE_PROXY] = WAIT_FRESH, [PHASE_IDLE] = WAIT_IDLE, [PHASE_HEAD] = WAIT_HEAD,
		[PHASE_BODY] = WAIT_BODY, [PHASE_WORK] = WAIT_NONE,
		[PHASE_FLUSH] = WAIT_WRITE, [PHASE_SKIP] = WAIT_BODY,
		[PHASE_LINGER] = WAIT_LINGER,
	};

	c->phase = phase;
	http1_wait(c,
	    phase == PHASE_IDLE && c->fresh ? WAIT_FRESH : waits[phase]);
}

static bool
body_unread(const struct http_conn *c)
{
	return c->left > 0 || (c->is_chunked && !c->chunked.done);
}

/* The answer is out. */
static void
after_answer(struct http_conn *c)
{
	bool linger = c->linger || body_unread(c) || c->conn.in.len > 0;
	bool broken = c->conn.broken;

	if (conn_pending(&c->conn)) {
		http1_enter(c, PHASE_FLUSH);
	} else if (c->keep && !broken) {
		http1_enter(c, body_unread(c) ? PHASE_SKIP : PHASE_IDLE);
	} else if (linger && !broken) {
		conn_shutdown(&c->conn);
		http1_enter(c, PHASE_LINGER);
	} else {
		c->dead = true;
	}
}

void
http1_refuse(struct http_conn *c, enum http_error e)
{
	if (c->r == NULL)
		request_new(c, NULL, 0);
	if (c->r->told)
		call(c, c->s->handler.on_gone);
	c->keep = false;
	c->linger = true;
	c->in_call = true;
	http_error(&c->r->req, e, NULL);
	c->in_call = false;
	request_end(c);
	after_answer(c);
}

static void
refuse_malformed(struct http_conn *c, enum http_error e)
{
	counter_up(CNT_HTTP_ERRORS);
	http1_refuse(c, e);
}

static void
body_complete(struct http_conn *c)
{
	struct request *r = c->r;

	if (r->body.p != NULL)
		r->req.body = r->body.p;
	r->req.body_len = r->body.len;
	http1_enter(c, PHASE_WORK);
	call(c, c->s->handler.on_request);
	if (r->req.answered) {
		request_end(c);
		after_answer(c);
	}
}

static void
send_continue(struct http_conn *c)
{
	static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec part = { .iov_base = text, .iov_len = sizeof(text) - 1 };

	conn_send(&c->conn, &part, 1);
}

/* A good head.  more: bytes of the body are here already. */
static void
head_complete(struct http_conn *c, const struct http1_head *h, bool more)
{
	struct http_server *s = c->s;
	struct request *r = c->r;

	r->req.method = h->method;
	r->req.path = h->path;
	r->req.query = h->query;
	r->req.minor = h->minor;
	r->req.nfields = h->nfields;
	r->req.fields = mem_array(NULL, h->nfields, sizeof(*h->fields));
	memcpy(r->req.fields, h->fields, h->nfields * sizeof(*h->fields));
	c->keep = h->minor == 1 && !h->close;
	c->left = h->length;
	c->is_chunked = h->chunked;
	c->chunked = (struct http1_chunked){ 0 };
	c->holds_back = h->expect && body_unread(c) && !more;
	http1_enter(c, PHASE_BODY);
	r->told = true;
	call(c, s->handler.on_head);
	if (r->req.answered) {
		request_end(c);
		after_answer(c);
	} else if (h->length > s->conf.max_body) {
		refuse_malformed(c, HTTP_ERROR_TOO_LARGE);
	} else if (!body_unread(c)) {
		body_complete(c);
	} else if (c->holds_back) {
		c->holds_back = false;
		send_continue(c);
	}
}

static size_t
head_step(struct http_conn *c, const char *p, size_t len)
{
	struct http1_head h;
	enum http_error e;
	ssize_t n;

	if (c->conn.mistaken) {
		c->began = c->s->now;
		refuse_malformed(c, HTTP_ERROR_HTTPS);
		return len;
	}
	if (c->phase == PHASE_IDLE) {
		/* RFC 9112, 2.2: old clients send one after a body. */
		if (!c->blank && len >= 2 && p[0] == '\r' && p[1] == '\n') {
			c->blank = true;
			return 2;
		}
		if (!c->blank && len == 1 && p[0] == '\r')
			return 0;
		c->began = c->s->now;
		c->scan = (struct http1_scan){ 0 };
		c->fresh = c->blank = c->linger = false;
		http1_whole(c, true);
		http1_enter(c, PHASE_HEAD);
	}
	n = http1_scan(&c->scan, p, len, c->s->conf.max_header, &e);
	if (n == 0)
		return 0;
	if (n == -1) {
		refuse_malformed(c, e);
		return len;
	}
	request_new(c, p, (size_t)n);
	if (http1_parse(c->r->head, (size_t)n, &h, &e) == -1)
		refuse_malformed(c, e);
	else
		head_complete(c, &h, len > (size_t)n);
	return (size_t)n;
}

/* Takes bytes of the body; -1: *e.  Without a request they are thrown away. */
static ssize_t
take_body(struct http_conn *c, const char *p, size_t len, enum http_error *e)
{
	struct buf *out = c->r != NULL ? &c->r->body : NULL;

	if (c->is_chunked)
		return http1_chunked(&c->chunked, p, len, out != NULL ?
		    c->s->conf.max_body : HTTP1_SKIP_MAX, out, e);
	if (len > c->left)
		len = (size_t)c->left;
	if (out != NULL)
		buf_add(out, p, len);
	c->left -= len;
	return (ssize_t)len;
}

static size_t
body_step(struct http_conn *c, const char *p, size_t len)
{
	enum http_error e;
	ssize_t n = take_body(c, p, len, &e);

	if (n == -1)
		refuse_malformed(c, e);
	else if (!body_unread(c))
		body_complete(c);
	return n == -1 ? len : (size_t)n;
}

static size_t
skip_step(struct http_conn *c, const char *p, size_t len)
{
	enum http_error e;
	ssize_t n = take_body(c, p, len, &e);

	if (n == -1) {
		c->keep = false;
		c->linger = true;
		after_answer(c);
		return len;
	}
	if (!body_unread(c))
		http1_enter(c, PHASE_IDLE);
	return (size_t)n;
}

/* Uses what it can of what came; the number of bytes. */
static size_t
feed(struct http_conn *c, const char *p, size_t len)
{
	static size_t (*const steps[PHASE_COUNT])(struct http_conn *c,
	    const char *p, size_t len) = {
		[PHASE_IDLE] = head_step, [PHASE_HEAD] = head_step,
		[PHASE_BODY] = body_step, [PHASE_SKIP] = skip_step,
	};
	size_t used = 0;

	while (!c->dead && !c->in_answered && used < len &&
	    steps[c->phase] != NULL) {
		size_t n = steps[c->phase](c, p + used, len - used);

		if (n == 0)
			break;
		used += n;
	}
	return used;
}

/* What was kept while nothing could be done with it. */
static void
feed_kept(struct http_conn *c)
{
	struct buf *in = &c->conn.in;
	size_t used;

	if (in->len == 0)
		return;
	used = feed(c, in->p, in->len);
	if (used == in->len)
		buf_wipe(in);
	else
		buf_drop(in, used);
}

void
http1_read(struct http_conn *c)
{
	struct http_server *s = c->s;
	ssize_t n;

	if (c->phase == PHASE_PROXY && !http1_proxy_read(c))
		return;
	n = conn_read(&c->conn, s->chunk, sizeof(s->chunk));

	if (n == -1)
		c->dead = true;
	if (n <= 0 || c->phase == PHASE_LINGER)
		return;
	if (c->conn.in.len == 0) {
		size_t used = feed(c, s->chunk, (size_t)n);

		if (used < (size_t)n)
			buf_add(&c->conn.in, s->chunk + used, (size_t)n - used);
	} else {
		buf_add(&c->conn.in, s->chunk, (size_t)n);
		feed_kept(c);
	}
}

/* While a request is in work the next one may come, but not without end. */
static bool
read_enough(const struct http_conn *c)
{
	return c->phase == PHASE_WORK &&
	    c->conn.in.len >= c->s->conf.max_header;
}

void
http1_settle(struct http_conn *c)
{
	if (c->dead)
		http1_drop(c);
	else if (c->phase == PHASE_FLUSH)
		conn_watch(&c->conn, EV_WRITE);
	else
		conn_watch(&c->conn, read_enough(c) ? EV_CLOSED : EV_READ);
}

void
http1_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	c->s->now = clock_ms();
	if (c->phase == PHASE_FLUSH) {
		conn_flush(&c->conn);
		if (!conn_pending(&c->conn)) {
			after_answer(c);
			feed_kept(c);
		}
	} else if (read_enough(c)) {
		c->dead = conn_left(&c->conn, what);
	} else {
		http1_read(c);
	}
	http1_settle(c);
}

static void
finish_answered(struct http_conn *c)
{
	request_end(c);
	after_answer(c);
	feed_kept(c);
}

/* Answers that were not given from within on_head or on_request: their
 * requests end here, so that whoever answered has them until it returns. */
void
http1_on_answered(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	struct http_conn *c;

	(void)fd;
	(void)what;
	s->now = clock_ms();
	while ((c = TAILQ_FIRST(&s->answered)) != NULL) {
		finish_answered(c);
		http1_settle(c);
	}
}

static void
tell_slow(const struct http_conn *c)
{
	static const char *const at[PHASE_COUNT] = {
		[PHASE_HEAD] = "header", [PHASE_BODY] = "body",
		[PHASE_FLUSH] = "answer", [PHASE_SKIP] = "body",
	};

	if (at[c->phase] == NULL)
		return;
	counter_up(CNT_TIMEOUTS);
	if (trouble_met(TROUBLE_SLOW))
		log_warn("http", "clients are too slow and are cut at=%s"
		    " peer=%s", at[c->phase], c->peer);
}

void
http1_expire(struct http_conn *c)
{
	tell_slow(c);
	if (c->in_answered)
		finish_answered(c);
	else if (c->phase == PHASE_WORK)
		http1_refuse(c, HTTP_ERROR_UPSTREAM_TIME);
	else if (c->phase == PHASE_HEAD || c->phase == PHASE_BODY)
		http1_refuse(c, HTTP_ERROR_TIMEOUT);
	else
		c->dead = true;
	http1_settle(c);
}
