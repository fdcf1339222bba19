/* SPDX-License-Identifier: ISC */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/buf.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/* A stream socket on one plain struct event.  What is written goes out at once;
 * only what the kernel does not take is kept, and only then EV_WRITE is watched.
 * TLS (conn_tls.c) is another row of functions for the same type. */
struct conn;
struct conn_transport {
	ssize_t (*read)(struct conn *c, void *p, size_t len);	/* as read(2) */
	ssize_t (*write)(struct conn *c, const struct iovec *parts, int n);
	void (*shutdown)(struct conn *c);	/* nothing more will be written */
	void (*close)(struct conn *c);		/* NULL: nothing to give back */
};
extern const struct conn_transport conn_plain;

struct conn {
	const struct conn_transport *transport;
	int fd;
	short watched;
	bool broken;			/* nothing more will get through */
	bool wants_write;		/* reading has to write first */
	bool mistaken;			/* no TLS came where it is spoken: plain now */
	struct event event;
	struct buf in;			/* read, and not used yet */
	struct buf out;			/* from out_at on: not written yet */
	size_t out_at;
	void *tls;			/* SSL */
};

void conn_open(struct conn *c, struct event_base *base, int fd,
    event_callback_fn on_event, void *arg);
/* Before anything is read: the other side is to begin TLS; server is net/tls.h's. */
void conn_accept_tls(struct conn *c, void *server);
void conn_close(struct conn *c);

/* EV_READ, EV_WRITE; 0: nothing.  EV_CLOSED: that the other side leaves while
 * nothing is read; comes once for each change, so conn_left() must be asked. */
void conn_watch(struct conn *c, short what);
bool conn_left(struct conn *c, short what);

/* 0: not now; -1: the end.  p has room for CONN_READ_MIN: a whole record of TLS, so
 * that nothing is left where epoll does not see it. */
#define CONN_READ_MIN	(16 * 1024)
ssize_t conn_read(struct conn *c, void *p, size_t len);
/* Changes parts.  What cannot be written now is kept for conn_flush(). */
void conn_send(struct conn *c, struct iovec *parts, int n);
void conn_flush(struct conn *c);
bool conn_pending(const struct conn *c);
void conn_shutdown(struct conn *c);

#endif
