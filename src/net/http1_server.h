/* SPDX-License-Identifier: ISC */
#ifndef NET_HTTP1_SERVER_H
#define NET_HTTP1_SERVER_H

#include "net/conn.h"
#include "net/http1.h"
#include "net/http1_parse.h"

#include <sys/queue.h>

/* Shared by the files http1*.c only.
 *
 * Life of a connection: PROXY (where its header has to come first) - IDLE (nothing
 * of a request yet) - HEAD - BODY - WORK (the handler has it) - FLUSH (the client
 * is slow to take the answer) - SKIP (what is left of a body that nobody wants) -
 * IDLE again, or LINGER: our side is shut and what still comes is thrown away, so
 * that the client gets to see the answer. */
enum phase {
	PHASE_PROXY,
	PHASE_IDLE,
	PHASE_HEAD,
	PHASE_BODY,
	PHASE_WORK,
	PHASE_FLUSH,
	PHASE_SKIP,
	PHASE_LINGER,
	PHASE_COUNT
};

/* Deadlines: all in one list wait equally long, so each list is in order and a
 * tick looks only at its head.  WHOLE is a list of its own beside the others. */
enum wait { WAIT_NONE, WAIT_FRESH, WAIT_IDLE, WAIT_HEAD, WAIT_BODY, WAIT_WRITE,
	WAIT_LINGER, WAIT_COUNT };

/* A refused body is read to its end up to this size, for the sake of keep-alive. */
#define HTTP1_SKIP_MAX	(64 * 1024)

struct request {
	struct http_req req;		/* first: what the handler sees */
	struct http_conn *c;
	struct buf body;
	struct buf added;		/* header lines of the answer */
	unsigned replaced;		/* bits of fixed headers that are in added */
	bool told;			/* on_head ran: the handler knows of it */
	size_t len;
	char head[];
};

struct http_conn {
	struct conn conn;
	struct http_server *s;
	TAILQ_ENTRY(http_conn) all, waiting, whole, answered;
	struct request *r;
	int64_t since, began;
	enum phase phase;
	enum wait wait;
	bool dead;			/* http1_settle() closes it */
	bool fresh;			/* never had a request */
	bool blank;			/* one empty line was skipped */
	bool in_whole, in_answered;
	bool in_call;			/* the handler is being called */
	bool keep;			/* stays open after the answer */
	bool linger;			/* else: bytes of the client may be under way */
	bool is_chunked, holds_back;	/* waits for our 100 */
	uint64_t left;			/* of a body with Content-Length */
	struct http1_scan scan;
	struct http1_chunked chunked;
	char peer[48];
};

TAILQ_HEAD(http_conns, http_conn);

struct listener {
	LIST_ENTRY(listener) next;
	struct http_server *s;
	int fd;
	bool tls;
	struct event *event;
};

struct http_server {
	struct event_base *base;
	struct http_conf conf;
	struct http_handler handler;
	void *arg;
	int64_t now;
	struct http_conns all, whole, answered;
	struct http_conns waiting[WAIT_COUNT];
	int64_t limit[WAIT_COUNT];
	size_t connections, working;
	bool draining, paused, at_limit;
	struct event *tick, *later, *resume;
	LIST_HEAD(listeners, listener) listeners;
	uint64_t id_base, id_count;
	struct buf fixed;		/* headers of every answer, rendered */
	struct buf head;		/* scratch for the head of an answer */
	time_t date_at;
	char date[40];
	char chunk[CONN_READ_MIN];	/* scratch for what is read */
};

/* http1.c: the life of requests */
void http1_on_event(evutil_socket_t fd, short what, void *arg);
void http1_enter(struct http_conn *c, enum phase phase);
void http1_read(struct http_conn *c);
/* The last thing that is done with a connection; it may be gone then. */
void http1_settle(struct http_conn *c);
/* Answers in the handler's place, for good. */
void http1_refuse(struct http_conn *c, enum http_error e);
void http1_drop(struct http_conn *c);
void http1_expire(struct http_conn *c);	/* one of its deadlines has passed */
void http1_on_answered(evutil_socket_t fd, short what, void *arg);

/* http1_proxy.c: the PROXY protocol */
void http1_proxy_begin(struct http_conn *c);
bool http1_proxy_read(struct http_conn *c);	/* true: it is through */

/* http1_reply.c: answers */
void http1_fixed(struct http_server *s);
void http1_request_id(struct http_server *s, char *out);

/* http1_server.c: the lists */
void http1_wait(struct http_conn *c, enum wait wait);
void http1_whole(struct http_conn *c, bool on);
void http1_room(struct http_server *s);		/* a connection has gone */

#endif
