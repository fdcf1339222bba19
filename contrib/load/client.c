/* SPDX-License-Identifier: ISC */
/* usage: client [-c CONNECTIONS] [-s SECONDS] [-n REQUESTS] [-p PERIOD] PORT FILE [FILE]
 * Sends the request that stands in FILE to 127.0.0.1 over and over, one at a time on
 * each kept connection, and reads the answers by their Content-Length.  After each
 * answer to the first FILE the second one is sent, with the Mcp-Session-Id of that
 * answer put in behind its own "Mcp-Session-Id: ".  With -p all connections ask at
 * the same time, at most once in so many microseconds.  Ends after so many seconds
 * or requests; one line says what was seen. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX	8192
#define ERRORS_MAX	1000	/* nothing is measured here any more */
#define SLOTS		2000000	/* of the histogram, a microsecond each */

struct text {
	char *p;
	size_t len;
};

struct connection {
	int fd;
	bool busy;			/* a request is under way */
	bool second;			/* it is the second file */
	bool closing;			/* the server will close after this answer */
	size_t left;			/* of the answer's body */
	int64_t sent_us;
	size_t nhead;			/* of an answer whose head came in parts */
	char *head;
};

static struct text files[2];
static size_t id_at;			/* where the session's id goes in the second */
static struct sockaddr_in server;
static int poller;
static struct connection *all;
static size_t connections = 1, resting;
static uint64_t answers, errors, wanted = UINT64_MAX;
static uint32_t histogram[SLOTS];
static int64_t began, round_began, period;

static void
die(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct text
read_file(const char *path)
{
	struct text t = { .p = malloc(65536) };
	FILE *f = fopen(path, "rb");

	if (f == NULL || t.p == NULL)
		die(path);
	t.len = fread(t.p, 1, 65536, f);
	fclose(f);
	return t;
}

static void
send_all(struct connection *c, const char *p, size_t len)
{
	c->sent_us = now_us();
	c->busy = true;
	if (send(c->fd, p, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("send");
}

static void
send_first(struct connection *c)
{
	c->second = false;
	send_all(c, files[0].p, files[0].len);
}

/* At once, or with all the others when the next round begins. */
static void
ask_again(struct connection *c)
{
	if (period > 0)
		resting++;
	else
		send_first(c);
}

static void
send_second(struct connection *c, const char *id, size_t len)
{
	char request[HEAD_MAX];

	if (files[1].len + len > sizeof(request))
		die("the second file");
	memcpy(request, files[1].p, id_at);
	memcpy(request + id_at, id, len);
	memcpy(request + id_at + len, files[1].p + id_at, files[1].len - id_at);
	c->second = true;
	send_all(c, request, files[1].len + len);
}

static void
dial(struct connection *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd == -1)
		die("socket");
	if (connect(c->fd, (struct sockaddr *)&server, sizeof(server)) == -1)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e) == -1)
		die("epoll_ctl");
	c->left = c->nhead = 0;
	c->busy = c->closing = false;
}

static void
dial_again(struct connection *c)
{
	close(c->fd);
	dial(c);
}

static void
failed(struct connection *c, const char *why)
{
	if (errors++ == 0)
		fprintf(stderr, "client: %s\n", why);
	if (errors > ERRORS_MAX)
		exit(1);
	dial_again(c);
	ask_again(c);
}

static const char *
value(const char *head, size_t len, const char *name, size_t *vlen)
{
	const char *p = memmem(head, len, name, strlen(name)), *end;

	if (p == NULL)
		return NULL;
	p += strlen(name);
	end = memchr(p, '\r', len - (size_t)(p - head));
	*vlen = (size_t)(end - p);
	return p;
}

static void
answered(struct connection *c, const char *id, size_t idlen)
{
	int64_t took = now_us() - c->sent_us;

	answers++;
	c->busy = false;
	if (c->closing)
		dial_again(c);
	histogram[took < SLOTS ? took : SLOTS - 1]++;
	if (files[1].p != NULL && !c->second)
		send_second(c, id, idlen);
	else if (answers < wanted)
		ask_again(c);
}

/* The head is whole; rest bytes of the body came with it. */
static void
take_head(struct connection *c, const char *head, size_t len, size_t rest)
{
	static char id[256];
	static size_t idlen;
	const char *length, *session;
	size_t n, body = 0;

	if (memcmp(head, "HTTP/1.1 2", 10) != 0) {
		fprintf(stderr, "%.*s\n", (int)len, head);
		failed(c, "an answer that is no success");
		return;
	}
	c->closing = value(head, len, "Connection: close", &n) != NULL;
	if ((length = value(head, len, "Content-Length: ", &n)) != NULL)
		body = strtoul(length, NULL, 10);
	if (files[1].p != NULL && !c->second) {
		session = value(head, len, "Mcp-Session-Id: ", &idlen);
		if (session == NULL || idlen > sizeof(id)) {
			failed(c, "an answer without a session");
			return;
		}
		memcpy(id, session, idlen);
	}
	if (rest > body)
		failed(c, "more than an answer");
	else if ((c->left = body - rest) == 0)
		answered(c, id, idlen);
	else if (files[1].p != NULL && !c->second)
		failed(c, "a first answer in parts");
}

static void
take(struct connection *c, const char *p, size_t len)
{
	const char *end;
	size_t n;

	if (c->left > 0) {
		if (len > c->left) {
			failed(c, "more than an answer");
			return;
		}
		if ((c->left -= len) == 0)
			answered(c, NULL, 0);
		return;
	}
	if (c->nhead > 0) {
		n = len < HEAD_MAX - c->nhead ? len : HEAD_MAX - c->nhead;
		memcpy(c->head + c->nhead, p, n);
		c->nhead += n;
		p = c->head;
		len = c->nhead;
	}
	end = memmem(p, len, "\r\n\r\n", 4);
	if (end != NULL) {
		c->nhead = 0;
		n = (size_t)(end + 4 - p);
		take_head(c, p, n, len - n);
	} else if (c->nhead == 0 && len <= HEAD_MAX) {
		if (c->head == NULL && (c->head = malloc(HEAD_MAX)) == NULL)
			die("malloc");
		memcpy(c->head, p, len);
		c->nhead = len;
	} else if (c->nhead == 0 || c->nhead == HEAD_MAX) {
		failed(c, "a head without end");
	}
}

static void
readable(struct connection *c)
{
	static char chunk[65536];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);

	if (n > 0)
		take(c, chunk, (size_t)n);
	else if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	else if (c->busy)
		failed(c, "the server closed a connection");
	else
		dial_again(c);
}

static void
next_round(void)
{
	int64_t left = round_began + period - now_us();

	if (left > 0)
		usleep((useconds_t)left);
	round_began = now_us();
	resting = 0;
	for (size_t i = 0; i < connections; i++)
		send_first(&all[i]);
}

static int
percentile(double part)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < SLOTS - 1; i++)
		if ((double)(sum += histogram[i]) >= part * (double)answers &&
		    sum > 0)
			break;
	return i;
}

static double
seconds_of(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static void
report(void)
{
	double took = (double)(now_us() - began) / 1e6;
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("requests=%llu errors=%llu seconds=%.3f cpu=%.3f p50_us=%d "
	    "p99_us=%d max_us=%d\n", (unsigned long long)answers,
	    (unsigned long long)errors, took,
	    seconds_of(u.ru_utime) + seconds_of(u.ru_stime), percentile(0.5),
	    percentile(0.99), percentile(1));
}

static void
run(double seconds)
{
	struct epoll_event events[256];
	int64_t until = now_us() + (int64_t)(seconds * 1e6);

	while (answers < wanted && now_us() < until) {
		int n = epoll_wait(poller, events, 256, 100);

		for (int i = 0; i < n; i++)
			readable(events[i].data.ptr);
		if (resting >= connections)
			next_round();
	}
}

static void
open_all(void)
{
	all = calloc(connections, sizeof(*all));
	poller = epoll_create1(0);
	if (all == NULL || poller == -1)
		die("connections");
	for (size_t i = 0; i < connections; i++)
		dial(&all[i]);
	began = round_began = now_us();
	for (size_t i = 0; i < connections; i++)
		send_first(&all[i]);
}

static void
take_files(int n, char **paths)
{
	const char *p;

	files[0] = read_file(paths[0]);
	if (n == 1)
		return;
	files[1] = read_file(paths[1]);
	p = memmem(files[1].p, files[1].len, "Mcp-Session-Id: ", 16);
	if (p == NULL) {
		fprintf(stderr, "client: no Mcp-Session-Id in %s\n", paths[1]);
		exit(2);
	}
	id_at = (size_t)(p + 16 - files[1].p);
}

int
main(int argc, char **argv)
{
	double seconds = 3600;
	int c;

	while ((c = getopt(argc, argv, "c:s:n:p:")) != -1) {
		if (c == 'c')
			connections = strtoul(optarg, NULL, 10);
		else if (c == 's')
			seconds = strtod(optarg, NULL);
		else if (c == 'n')
			wanted = strtoul(optarg, NULL, 10);
		else if (c == 'p')
			period = strtol(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind < 2 || argc - optind > 3 || connections == 0) {
		fprintf(stderr, "client: PORT FILE [FILE]\n");
		return 2;
	}
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)atoi(argv[optind]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	take_files(argc - optind - 1, argv + optind + 1);
	open_all();
	run(seconds);
	report();
	return errors > 0;
}
