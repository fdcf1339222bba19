/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/conn.h"

#include "base/log.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t
plain_read(struct conn *c, void *p, size_t len)
{
	return recv(c->fd, p, len, 0);
}

static ssize_t
plain_write(struct conn *c, const struct iovec *parts, int n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)parts,
		.msg_iovlen = (size_t)n };

	return sendmsg(c->fd, &m, MSG_NOSIGNAL);
}

static void
plain_shutdown(struct conn *c)
{
	shutdown(c->fd, SHUT_WR);
}

const struct conn_transport conn_plain = {
	.read = plain_read, .write = plain_write, .shutdown = plain_shutdown,
};

void
conn_open(struct conn *c, struct event_base *base, int fd,
    event_callback_fn on_event, void *arg)
{
	*c = (struct conn){ .transport = &conn_plain, .fd = fd };
	if (event_assign(&c->event, base, fd, EV_READ, on_event, arg) == -1)
		fatal("conn: no event for descriptor %d", fd);
}

void
conn_close(struct conn *c)
{
	conn_watch(c, 0);
	if (c->transport->close != NULL)
		c->transport->close(c);
	buf_wipe(&c->in);
	buf_wipe(&c->out);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

void
conn_watch(struct conn *c, short what)
{
	if (c->wants_write && (what & EV_READ) != 0)
		what |= EV_WRITE;
	if (what == c->watched)
		return;
	if (c->watched != 0)
		event_del(&c->event);
	c->watched = what;
	if (what == 0)
		return;
	/* A reset is told by libevent as EV_READ and EV_WRITE alone: whoever asks
	 * for EV_CLOSED only would not be called, and the loop would spin.  By
	 * edges, since there may be bytes that are not to be read now. */
	if (what == EV_CLOSED)
		what = EV_CLOSED | EV_READ | EV_ET;
	if (event_assign(&c->event, event_get_base(&c->event), c->fd,
	    what | EV_PERSIST, event_get_callback(&c->event),
	    event_get_callback_arg(&c->event)) == -1 ||
	    event_add(&c->event, NULL) == -1)
		fatal("conn: cannot watch descriptor %d", c->fd);
}

bool
conn_left(struct conn *c, short what)
{
	int e = 0;
	socklen_t len = sizeof(e);

	if ((what & EV_CLOSED) != 0 ||
	    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &len) == -1 || e != 0)
		c->broken = true;
	return c->broken;
}

static bool
again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

ssize_t
conn_read(struct conn *c, void *p, size_t len)
{
	ssize_t n = c->transport->read(c, p, len);

	if (n > 0)
		return n;
	if (n == -1 && again())
		return 0;
	if (n == -1)
		c->broken = true;
	return -1;
}

void
conn_send(struct conn *c, struct iovec *parts, int n)
{
	ssize_t done = 0;
	size_t skip;

	if (c->broken)
		return;
	if (!conn_pending(c)) {
		done = c->transport->write(c, parts, n);
		if (done == -1 && !again()) {
			c->broken = true;
			return;
		}
	}
	skip = done > 0 ? (size_t)done : 0;
	for (int i = 0; i < n; i++) {
		size_t have = parts[i].iov_len;

		if (skip >= have) {
			skip -= have;
			continue;
		}
		buf_add(&c->out, (char *)parts[i].iov_base + skip, have - skip);
		skip = 0;
	}
}

void
conn_flush(struct conn *c)
{
	struct iovec rest = { .iov_base = c->out.p + c->out_at,
		.iov_len = c->out.len - c->out_at };
	ssize_t n;

	if (!conn_pending(c))
		return;
	n = c->transport->write(c, &rest, 1);
	if (n == -1 && !again())
		c->broken = true;
	if (n > 0)
		c->out_at += (size_t)n;
	if (!conn_pending(c)) {
		buf_wipe(&c->out);
		c->out_at = 0;
	}
}

bool
conn_pending(const struct conn *c)
{
	return !c->broken && c->out_at < c->out.len;
}

void
conn_shutdown(struct conn *c)
{
	c->transport->shutdown(c);
}
