/* SPDX-License-Identifier: ISC */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include "base/address.h"
#include "base/buf.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

/* An HTTP/1.1 (and 1.0) server on libevent: RFC 9112, strict (DESIGN 9).  Refused
 * with our own body and headers: two Content-Length, Content-Length with
 * Transfer-Encoding, any coding but chunked, none or two Host (1.1), bare LF,
 * obs-fold, NUL, blank before the colon, a signed length, …
 *
 * Order of a request, each at most once:
 *   on_head     the head is read and good; guards run here, before the body.
 *               Either answers (the body is then never handed over) or returns.
 *   on_request  the body is complete.  Answers now or later.
 *   on_gone     the client left before an answer was given: cancel what is below;
 *               nothing may be answered any more.
 *   on_done     after the answer was handed over or on_gone: last use of req; this
 *               is where the log line of a request is written.
 * What is refused or runs out of time before the handler could answer is answered
 * here: with on_gone (if on_head was called) and on_done around it.  on_done alone
 * comes for what never was a good request; method and path are "-" then and data
 * is NULL.  One request of a connection is in work at a time, so answers keep the
 * order. */
struct http_server;
struct http_req;

struct http_conf {
	int64_t header_ms, body_ms, request_ms, idle_ms;
	size_t max_header, max_body;
	int max_connections;		/* of this process */
	const char *max_option;		/* that says so, for the log; may be NULL */
	const struct networks *proxies;	/* the PROXY protocol, from these alone; NULL: off */
	bool hsts;			/* Strict-Transport-Security and upgrade-insecure-requests */
	void *tls;			/* tls_server_load()'s, for http_server_listen_tls() */
};

struct http_handler {
	void (*on_head)(struct http_req *req, void *arg);
	void (*on_request)(struct http_req *req, void *arg);
	void (*on_gone)(struct http_req *req, void *arg);
	void (*on_done)(struct http_req *req, void *arg);
};

struct http_field {
	const char *name;		/* lower-cased, NUL-terminated */
	const char *value;		/* blanks at both ends cut, NUL-terminated */
};

/* Most names differ in their first letter already. */
static inline bool
http_field_is(const struct http_field *f, const char *name)
{
	return f->name[0] == name[0] && strcmp(f->name, name) == 0;
}

#define REQUEST_ID_SIZE	20
#define HTTP_FIELDS_MAX	100

/* Read-only for the handler but for data. */
struct http_req {
	char id[REQUEST_ID_SIZE];	/* also sent as X-Request-Id */
	const char *method;		/* as sent: "GET", "POST", … */
	const char *path;		/* raw, NUL-terminated, at most one trailing / cut;
					 * "*" for OPTIONS * */
	const char *query;		/* after ?, or "" */
	int minor;			/* 0: HTTP/1.0 */
	struct http_field *fields;
	size_t nfields;
	const char *body;		/* NUL-terminated */
	size_t body_len;
	char peer[ADDRESS_SIZE];	/* numeric address of the client, or of its last proxy */
	bool tls;			/* it came over our own TLS */
	int64_t began;			/* monotonic ms: first byte */
	int status;			/* of the answer, once there is one */
	size_t sent;			/* bytes of its body */
	bool answered;
	void *data;			/* the handler's; on_done frees it */
};

struct http_server *http_server_new(struct event_base *base,
    const struct http_conf *conf, const struct http_handler *handler,
    void *arg);
/* Connections under way are closed; on_gone and on_done are called for each. */
void http_server_free(struct http_server *s);

/* Accepts on this listening socket (not owned) while it is on.  On EMFILE and
 * at max_connections accepting pauses and comes back by itself. */
void http_server_listen(struct http_server *s, int fd, bool on);
/* The same for TLS; turned off by http_server_listen().  The handshake has the time
 * that a header has; what is no TLS is told so in plain http. */
void http_server_listen_tls(struct http_server *s, int fd);
/* Accepts all that wait there now: the socket is about to be closed for good. */
void http_server_sweep(struct http_server *s, int fd);
/* A connection made elsewhere (tests: one end of a socketpair). */
void http_server_adopt(struct http_server *s, int fd, const char *peer);
void http_server_adopt_tls(struct http_server *s, int fd, const char *peer);

/* Drain: answers with Connection: close from now on, idle connections are closed
 * once they were idle for idle_ms (0: at once, but for those that had no request
 * yet: theirs is on its way).  http_server_idle is true when no connection is left. */
void http_server_drain(struct http_server *s, int64_t idle_ms);
bool http_server_idle(const struct http_server *s);
size_t http_server_connections(const struct http_server *s);
size_t http_server_requests(const struct http_server *s);	/* in work now */

/* The first field of that (lower-case) name, or NULL. */
const char *http_field(const struct http_req *req, const char *name);
size_t http_field_count(const struct http_req *req, const char *name);
/* The decoded value of a query parameter into out; -1: absent, twice, or bad. */
int http_query(const struct http_req *req, const char *name, struct buf *out);
/* The value of a cookie; -1: absent or twice. */
int http_cookie(const struct http_req *req, const char *name, struct buf *out);

/* Before the answer: one more header of it.  CR, LF and NUL in it are a bug. */
void http_add(struct http_req *req, const char *name, const char *value);
/* The answer, exactly one.  Bytes are copied before it returns.  type NULL: no
 * Content-Type.  HEAD gets no body but its length. */
void http_reply(struct http_req *req, int status, const char *type,
    const void *body, size_t len);
void http_replyv(struct http_req *req, int status, const char *type,
    const struct iovec *parts, int nparts);

enum http_error {
#define HTTP_ERROR(sym, status, word, text) HTTP_ERROR_##sym,
#include "net/http_errors.def"
#undef HTTP_ERROR
	HTTP_ERROR_COUNT
};
/* The JSON body of the table; text NULL: the row's own. */
void http_error(struct http_req *req, enum http_error e, const char *text);
int http_error_status(enum http_error e);
const char *http_error_word(enum http_error e);
const char *http_error_text(enum http_error e);

#endif
