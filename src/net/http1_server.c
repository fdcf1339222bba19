/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/http1_server.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/trouble.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS	3000
#define EMFILE_MS	100
#define TICK_MS		100
#define FRESH_MS	1000	/* for the first request of a connection, in a drain */

void
http1_wait(struct http_conn *c, enum wait wait)
{
	struct http_server *s = c->s;

	if (c->wait != WAIT_NONE)
		TAILQ_REMOVE(&s->waiting[c->wait], c, waiting);
	c->wait = wait;
	c->since = s->now;
	if (wait != WAIT_NONE)
		TAILQ_INSERT_TAIL(&s->waiting[wait], c, waiting);
}

void
http1_whole(struct http_conn *c, bool on)
{
	if (on == c->in_whole)
		return;
	if (on)
		TAILQ_INSERT_TAIL(&c->s->whole, c, whole);
	else
		TAILQ_REMOVE(&c->s->whole, c, whole);
	c->in_whole = on;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	struct http_conn *c;

	(void)fd;
	(void)what;
	s->now = clock_ms();
	for (int wait = WAIT_NONE + 1; wait < WAIT_COUNT; wait++)
		while ((c = TAILQ_FIRST(&s->waiting[wait])) != NULL &&
		    s->now - c->since >= s->limit[wait])
			http1_expire(c);
	while ((c = TAILQ_FIRST(&s->whole)) != NULL &&
	    s->now - c->began >= s->conf.request_ms)
		http1_expire(c);
}

/* As often as the shortest deadline needs. */
static void
tick_start(struct http_server *s)
{
	int64_t ms = TICK_MS;
	struct timeval tv;

	for (int wait = WAIT_NONE + 1; wait < WAIT_COUNT; wait++)
		if (s->limit[wait] / 4 < ms)
			ms = s->limit[wait] / 4;
	tv = clock_tv(ms > 5 ? ms : 5);
	event_add(s->tick, &tv);
}

/* Accepting: on while there is room, a descriptor, and somebody wants it. */
static void
listeners_update(struct http_server *s)
{
	struct listener *l;

	LIST_FOREACH(l, &s->listeners, next)
		if (s->paused || s->at_limit)
			event_del(l->event);
		else
			event_add(l->event, NULL);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	(void)fd;
	(void)what;
	s->paused = false;
	listeners_update(s);
}

static void
tell_pause(const struct http_server *s, enum trouble_id trouble, const char *why)
{
	if (trouble_met(trouble))
		log_warn("http", "accepting pauses: %s connections=%zu", why,
		    s->connections);
}

static void
tell_limit(struct http_server *s)
{
	char why[96];

	snprintf(why, sizeof(why), "there are as many as %s allows",
	    s->conf.max_option != NULL ? s->conf.max_option : "this server");
	tell_pause(s, TROUBLE_CONNECTIONS, why);
}

static void
pause_accepting(struct http_server *s, int e)
{
	struct timeval tv = clock_tv(EMFILE_MS);

	tell_pause(s, TROUBLE_DESCRIPTORS, strerror(e));
	counter_up(CNT_ACCEPT_PAUSED);
	s->paused = true;
	listeners_update(s);
	event_add(s->resume, &tv);
}

void
http1_room(struct http_server *s)
{
	if (!s->at_limit)
		return;
	s->at_limit = false;
	listeners_update(s);
}

static void
peer_text(const struct sockaddr_storage *sa, char out[48])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	const void *address = &in->sin_addr;
	int family = sa->ss_family;

	if (family == AF_INET6)
		address = &in6->sin6_addr;
	if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		address = &in6->sin6_addr.s6_addr[12];
		family = AF_INET;
	}
	if (inet_ntop(family, address, out, 48) == NULL)
		snprintf(out, 48, "unix");
}

static void
adopt(struct http_server *s, int fd, const char *peer, bool tls)
{
	struct http_conn *c = mem_new(sizeof(*c));

	evutil_make_socket_nonblocking(fd);
	c->s = s;
	c->fresh = true;
	conn_open(&c->conn, s->base, fd, http1_on_event, c);
	if (tls)
		conn_accept_tls(&c->conn, s->conf.tls);
	snprintf(c->peer, sizeof(c->peer), "%s", peer);
	s->now = clock_ms();
	if (s->connections++ == 0)
		tick_start(s);
	TAILQ_INSERT_TAIL(&s->all, c, all);
	counter_up(CNT_CONNECTIONS);
	http1_proxy_begin(c);
	http1_settle(c);
}

/* One connection, if there is one and room for it. */
static bool
take_one(struct listener *l)
{
	struct http_server *s = l->s;
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	char peer[48];
	int client;

	if (s->conf.max_connections > 0 &&
	    s->connections >= (size_t)s->conf.max_connections) {
		counter_up(CNT_CONNECTIONS_LIMIT);
		tell_limit(s);
		s->at_limit = true;
		listeners_update(s);
		return false;
	}
	client = accept4(l->fd, (struct sockaddr *)&sa, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client != -1) {
		peer_text(&sa, peer);
		adopt(s, client, peer, l->tls);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM) {
		pause_accepting(s, errno);
	}
	return client != -1;
}

/* One a call: the others may want some. */
static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take_one(arg);
}

static void
listener_free(struct listener *l)
{
	LIST_REMOVE(l, next);
	event_free(l->event);
	free(l);
}

static struct listener *
listener_find(struct http_server *s, int fd)
{
	struct listener *l;

	LIST_FOREACH(l, &s->listeners, next)
		if (l->fd == fd)
			return l;
	return NULL;
}

static void
listener_new(struct http_server *s, int fd, bool tls)
{
	struct listener *l = mem_new(sizeof(*l));

	l->s = s;
	l->fd = fd;
	l->tls = tls;
	l->event = event_new(s->base, fd, EV_READ | EV_PERSIST, on_accept, l);
	if (l->event == NULL)
		fatal("http: no event for descriptor %d", fd);
	LIST_INSERT_HEAD(&s->listeners, l, next);
	if (!s->paused && !s->at_limit)
		event_add(l->event, NULL);
}

void
http_server_listen(struct http_server *s, int fd, bool on)
{
	struct listener *l = listener_find(s, fd);

	if (on && l == NULL)
		listener_new(s, fd, false);
	else if (!on && l != NULL)
		listener_free(l);
}

void
http_server_listen_tls(struct http_server *s, int fd)
{
	if (listener_find(s, fd) == NULL)
		listener_new(s, fd, true);
}

void
http_server_sweep(struct http_server *s, int fd)
{
	struct listener *l = listener_find(s, fd);

	if (l != NULL)
		while (take_one(l))
			;
}

void
http_server_adopt(struct http_server *s, int fd, const char *peer)
{
	adopt(s, fd, peer, false);
}

void
http_server_adopt_tls(struct http_server *s, int fd, const char *peer)
{
	adopt(s, fd, peer, true);
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
set_limits(struct http_server *s)
{
	const struct http_conf *conf = &s->conf;

	s->limit[WAIT_FRESH] = s->limit[WAIT_HEAD] = conf->header_ms;
	s->limit[WAIT_IDLE] = conf->idle_ms;
	s->limit[WAIT_BODY] = conf->body_ms;
	s->limit[WAIT_WRITE] = conf->request_ms;
	s->limit[WAIT_LINGER] = least(LINGER_MS, conf->request_ms);
}

struct http_server *
http_server_new(struct event_base *base, const struct http_conf *conf,
    const struct http_handler *handler, void *arg)
{
	struct http_server *s = mem_new(sizeof(*s));

	s->base = base;
	s->conf = *conf;
	s->handler = *handler;
	s->arg = arg;
	TAILQ_INIT(&s->all);
	TAILQ_INIT(&s->whole);
	TAILQ_INIT(&s->answered);
	for (int wait = 0; wait < WAIT_COUNT; wait++)
		TAILQ_INIT(&s->waiting[wait]);
	LIST_INIT(&s->listeners);
	set_limits(s);
	crypto_random(&s->id_base, sizeof(s->id_base));
	http1_fixed(s);
	s->tick = event_new(base, -1, EV_PERSIST, on_tick, s);
	s->later = event_new(base, -1, 0, http1_on_answered, s);
	s->resume = event_new(base, -1, 0, on_resume, s);
	if (s->tick == NULL || s->later == NULL || s->resume == NULL)
		fatal("http: no events");
	return s;
}

void
http_server_free(struct http_server *s)
{
	struct http_conn *c;
	struct listener *l;

	if (s == NULL)
		return;
	while ((l = LIST_FIRST(&s->listeners)) != NULL)
		listener_free(l);
	while ((c = TAILQ_FIRST(&s->all)) != NULL)
		http1_drop(c);
	event_free(s->tick);
	event_free(s->later);
	event_free(s->resume);
	buf_wipe(&s->fixed);
	buf_wipe(&s->head);
	free(s);
}

void
http_server_drain(struct http_server *s, int64_t idle_ms)
{
	struct http_conn *c, *next;

	s->draining = true;
	s->now = clock_ms();
	s->limit[WAIT_IDLE] = least(s->conf.idle_ms, idle_ms);
	s->limit[WAIT_FRESH] = least(s->conf.header_ms, idle_ms > 0 ? idle_ms : FRESH_MS);
	if (s->connections > 0)
		tick_start(s);
	if (idle_ms > 0)
		return;
	for (c = TAILQ_FIRST(&s->all); c != NULL; c = next) {
		next = TAILQ_NEXT(c, all);
		if (c->phase > PHASE_IDLE)
			continue;
		/* A request that is here already is answered. */
		http1_read(c);
		if (c->phase <= PHASE_IDLE && !c->fresh)
			c->dead = true;
		http1_settle(c);
	}
}

bool
http_server_idle(const struct http_server *s)
{
	return s->connections == 0;
}

size_t
http_server_connections(const struct http_server *s)
{
	return s->connections;
}

size_t
http_server_requests(const struct http_server *s)
{
	return s->working;
}
