/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/channel.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLAG_LAST	1u
#define FLAG_ERROR	2u

/* An upgraded master talks to workers of the old program, so this stays as it
 * is and messages.def only grows at its end. */
struct packet_head {
	uint16_t type;
	uint8_t flags;
	uint8_t zero;
	uint32_t id;
};

struct packet {
	STAILQ_ENTRY(packet) next;
	int fd;
	size_t len;
	struct packet_head head;
	char data[];
};

struct channel {
	int fd;
	struct event *readable, *writable;
	STAILQ_HEAD(packets, packet) queue;
	size_t queued;
	channel_fn *on_message;
	channel_gone_fn *on_gone;
	void *arg;
};

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static const char *const names[] = {
#define MESSAGE(sym, who, help) #sym,
#include "net/messages.def"
#undef MESSAGE
};

const char *
message_name(enum message_type type)
{
	return (unsigned)type < MSG_COUNT ? names[type] : "unknown";
}

int
channel_pair(int fds[2])
{
	return socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
}

/* 0: gone out; else errno. */
static int
transmit(int fd, const struct packet_head *head, const void *data, size_t len,
    int pass)
{
	struct iovec parts[2] = {
		{ .iov_base = (void *)head, .iov_len = sizeof(*head) },
		{ .iov_base = (void *)data, .iov_len = len },
	};
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };
	union control control = { 0 };
	ssize_t n;

	if (pass != -1) {
		struct cmsghdr *c;

		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass, sizeof(int));
	}
	do
		n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? errno : 0;
}

static void
packet_free(struct packet *p)
{
	if (p->fd != -1)
		close(p->fd);
	free(p);
}

static void
queue_drop(struct channel *ch)
{
	struct packet *p;

	while ((p = STAILQ_FIRST(&ch->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&ch->queue, next);
		packet_free(p);
	}
	ch->queued = 0;
}

static void
enqueue(struct channel *ch, const struct packet_head *head, const void *data,
    size_t len, int fd)
{
	struct packet *p = mem_new(sizeof(*p) + len);

	p->head = *head;
	p->len = len;
	if (len > 0)
		memcpy(p->data, data, len);
	p->fd = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (STAILQ_EMPTY(&ch->queue))
		event_add(ch->writable, NULL);
	STAILQ_INSERT_TAIL(&ch->queue, p, next);
	ch->queued += len;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;
	struct packet *p;

	(void)what;
	while ((p = STAILQ_FIRST(&ch->queue)) != NULL) {
		int e = transmit(fd, &p->head, p->data, p->len, p->fd);

		if (e == EAGAIN || e == ENOBUFS)
			return;
		if (e != 0) {	/* the other side is gone; EOF will tell */
			counter_up(CNT_CHANNEL_DROPPED);
			queue_drop(ch);
			break;
		}
		STAILQ_REMOVE_HEAD(&ch->queue, next);
		ch->queued -= p->len;
		packet_free(p);
	}
	event_del(ch->writable);
}

/* One descriptor is kept; whatever else came along is closed. */
static int
take_fd(struct msghdr *m)
{
	int kept = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	     c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(int));
			if (kept == -1)
				kept = fd;
			else
				close(fd);
		}
	}
	return kept;
}

static void
gone(struct channel *ch)
{
	event_del(ch->readable);
	event_del(ch->writable);
	queue_drop(ch);
	ch->on_gone(ch, ch->arg);
}

static void
hand_over(struct channel *ch, const struct packet_head *head, char *data,
    size_t len, int fd)
{
	struct message message = { .type = (enum message_type)head->type,
		.id = head->id,
		.last = (head->flags & FLAG_LAST) != 0,
		.error = (head->flags & FLAG_ERROR) != 0,
		.data = data,
		.len = len,
		.fd = fd };

	data[len] = '\0';
	ch->on_message(ch, &message, ch->arg);
}

bool
channel_read(struct channel *ch)
{
	struct packet_head head;
	char data[CHANNEL_PACKET + 1];
	struct iovec parts[2] = {
		{ .iov_base = &head, .iov_len = sizeof(head) },
		{ .iov_base = data, .iov_len = CHANNEL_PACKET },
	};
	union control control;
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2,
		.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(ch->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		gone(ch);
		return false;
	}
	fd = take_fd(&m);
	if ((size_t)n < sizeof(head) || (m.msg_flags & MSG_TRUNC) != 0 ||
	    head.type >= MSG_COUNT) {
		log_warn("channel", "packet not understood bytes=%zd", n);
		if (fd != -1)
			close(fd);
		return true;
	}
	hand_over(ch, &head, data, (size_t)n - sizeof(head), fd);
	return true;
}

/* One packet a call: the callback may free the channel. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	channel_read(arg);
}

struct channel *
channel_new(struct event_base *base, int fd, channel_fn *on_message,
    channel_gone_fn *on_gone, void *arg)
{
	struct channel *ch = mem_new(sizeof(*ch));

	ch->fd = fd;
	ch->on_message = on_message;
	ch->on_gone = on_gone;
	ch->arg = arg;
	STAILQ_INIT(&ch->queue);
	ch->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable,
	    ch);
	ch->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable,
	    ch);
	if (ch->readable == NULL || ch->writable == NULL ||
	    event_add(ch->readable, NULL) == -1)
		fatal("channel: no event for descriptor %d", fd);
	return ch;
}

void
channel_free(struct channel *ch)
{
	if (ch == NULL)
		return;
	event_free(ch->readable);
	event_free(ch->writable);
	queue_drop(ch);
	close(ch->fd);
	free(ch);
}

int
channel_fd(const struct channel *ch)
{
	return ch->fd;
}

size_t
channel_queued(const struct channel *ch)
{
	return ch->queued;
}

static bool
send_flagged(struct channel *ch, struct packet_head *head, const char *data,
    size_t len, int fd)
{
	unsigned flags = head->flags;

	if (ch->queued + len > CHANNEL_BACKLOG) {
		counter_up(CNT_CHANNEL_DROPPED);
		return false;
	}
	do {
		size_t n = len > CHANNEL_PACKET ? CHANNEL_PACKET : len;
		int e = EAGAIN;

		head->flags = (uint8_t)(flags | (n == len ? FLAG_LAST : 0));
		if (STAILQ_EMPTY(&ch->queue))
			e = transmit(ch->fd, head, data, n, fd);
		if (e == EAGAIN || e == ENOBUFS) {
			enqueue(ch, head, data, n, fd);
		} else if (e != 0) {
			counter_up(CNT_CHANNEL_DROPPED);
			return false;
		}
		data = data == NULL ? NULL : data + n;
		len -= n;
		fd = -1;
	} while (len > 0);
	return true;
}

bool
channel_send(struct channel *ch, enum message_type type, unsigned id,
    const void *data, size_t len, int fd)
{
	struct packet_head head = { .type = (uint16_t)type, .id = id };

	return send_flagged(ch, &head, data, len, fd);
}

bool
channel_reply(struct channel *ch, unsigned id, bool error, const void *data,
    size_t len)
{
	struct packet_head head = { .type = MSG_REPLY, .id = id,
		.flags = error ? FLAG_ERROR : 0 };

	return send_flagged(ch, &head, data, len, -1);
}
