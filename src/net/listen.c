/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/listen.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FREE_PORT_TRIES	16

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
	bool dual;			/* an IPv6 socket that takes IPv4 too */
};

struct place {
	struct address at[LISTEN_ADDRESSES];
	int n;
	int port;
	const char *host, *host_option, *port_option;
};

static void
set_port(struct address *a, int port)
{
	if (a->sa.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&a->sa)->sin6_port = htons(
		    (uint16_t)port);
	else
		((struct sockaddr_in *)&a->sa)->sin_port = htons(
		    (uint16_t)port);
}

static int
get_port(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) == -1)
		return -1;
	if (sa.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
	return ntohs(((struct sockaddr_in *)&sa)->sin_port);
}

static void
show(const struct address *a, char *out, size_t size)
{
	char host[46], port[6];		/* both numeric */

	if (getnameinfo((const struct sockaddr *)&a->sa, a->len, host,
		sizeof(host), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(out, size, "?");
	else if (a->sa.ss_family == AF_INET6)
		snprintf(out, size, "[%s]:%s", host, port);
	else
		snprintf(out, size, "%s:%s", host, port);
}

/* Adds what one name stands for; doubles and what is over the limit fall away. */
static int
resolve(struct place *p, const char *name, struct err *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *list;
	int rc = getaddrinfo(name, NULL, &hints, &list);

	if (rc != 0)
		return err_set(err, ERR_INPUT,
		    "%s: cannot resolve \"%s\" (%s); give "
		    "an address of this machine, a name of it, localhost or *",
		    p->host_option, p->host, gai_strerror(rc));
	for (struct addrinfo *i = list; i != NULL; i = i->ai_next) {
		bool have = false;

		for (int k = 0; k < p->n; k++)
			have |= p->at[k].len == i->ai_addrlen &&
			    memcmp(&p->at[k].sa, i->ai_addr, i->ai_addrlen) ==
				0;
		if (have || p->n == LISTEN_ADDRESSES)
			continue;
		memcpy(&p->at[p->n].sa, i->ai_addr, i->ai_addrlen);
		p->at[p->n++].len = i->ai_addrlen;
	}
	freeaddrinfo(list);
	return 0;
}

static int
find_addresses(struct place *p, struct err *err)
{
	static const struct {
		const char *host;
		const char *names[2];
	} special[] = {
		{ "localhost", { "127.0.0.1", "::1" } },
		{ "*", { "0.0.0.0", "::" } },
	};
	char plain[64];
	size_t len = strlen(p->host);

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
		if (strcasecmp(p->host, special[i].host) != 0)
			continue;
		for (int k = 0; k < 2; k++)
			if (resolve(p, special[i].names[k], err) == -1)
				return -1;
		return 0;
	}
	if (len > 2 && len < sizeof(plain) && p->host[0] == '[' &&
	    p->host[len - 1] == ']') {
		snprintf(plain, sizeof(plain), "%.*s", (int)len - 2,
		    p->host + 1);
		return resolve(p, plain, err);
	}
	if (len == 0)
		return err_set(err, ERR_INPUT,
		    "%s is empty; give an address, a name, "
		    "localhost or *",
		    p->host_option);
	if (resolve(p, p->host, err) == -1)
		return -1;
	p->at[0].dual = strcmp(p->host, "::") == 0;
	return 0;
}

/* A bound socket, or -1 and errno. */
static int
bound(const struct address *a, bool shared)
{
	const int on = 1, v6only = !a->dual;
	int fd = socket(a->sa.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	/* NODELAY and KEEPALIVE: accepted sockets have them from here. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == -1 ||
	    (shared &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ==
		    -1) ||
	    (a->sa.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
		    sizeof(v6only)) == -1) ||
	    bind(fd, (const struct sockaddr *)&a->sa, a->len) == -1) {
		int e = errno;

		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

static int
complain(const struct place *p, const struct address *a, int e, struct err *err)
{
	char text[64];

	show(a, text, sizeof(text));
	switch (e) {
	case EADDRINUSE:
		return err_set(err, ERR_INPUT,
		    "%s is taken by another program: stop "
		    "it, or change %s",
		    text, p->port_option);
	case EACCES:
		return err_set(err, ERR_INPUT,
		    "%s: ports below 1024 need root or "
		    "CAP_NET_BIND_SERVICE; start as root, or change %s",
		    text, p->port_option);
	case EADDRNOTAVAIL:
		return err_set(err, ERR_INPUT,
		    "%s is no address of this machine: "
		    "change %s",
		    text, p->host_option);
	default:
		return err_set(err, ERR_INTERNAL, "%s: %s; see %s and %s", text,
		    strerror(e), p->host_option, p->port_option);
	}
}

/* A machine without IPv6 (or IPv4) serves on the other. */
static bool
lacks_family(const struct place *p, int e)
{
	return p->n > 1 && (e == EAFNOSUPPORT || e == EADDRNOTAVAIL);
}

static void
forget(struct place *p, int i)
{
	memmove(&p->at[i], &p->at[i + 1],
	    sizeof(p->at[0]) * (size_t)(p->n - i - 1));
	p->n--;
}

/* Is every address free?  Port 0 becomes one that is; 1: look for another. */
static int
probe(struct place *p, struct err *err)
{
	int fds[LISTEN_ADDRESSES], port = p->port, rc = 0, n = 0;

	while (n < p->n && rc == 0) {
		set_port(&p->at[n], port);
		fds[n] = bound(&p->at[n], false);
		if (fds[n] != -1) {
			if (port == 0)
				port = get_port(fds[n]);
			set_port(&p->at[n++], port);
		} else if (lacks_family(p, errno)) {
			forget(p, n);
		} else {
			rc = errno == EADDRINUSE && p->port == 0 && n > 0 ?
			    1 : complain(p, &p->at[n], errno, err);
		}
	}
	while (n > 0)
		close(fds[--n]);
	return rc;
}

static int
open_all(struct listen_set *l, const struct place *p, struct err *err)
{
	for (int i = 0; i < l->slots * p->n; i++) {
		const struct address *a = &p->at[i % p->n];

		l->fds[i] = bound(a, true);
		if (l->fds[i] == -1 || listen(l->fds[i], SOMAXCONN) == -1)
			return complain(p, a, errno, err);
	}
	return 0;
}

int
listen_open(struct listen_set *l, const char *host, int port, int slots,
    const char *host_option, const char *port_option, struct err *err)
{
	struct place p = { .host = host,
		.port = port,
		.host_option = host_option,
		.port_option = port_option };
	int rc, tries = 0;

	*l = (struct listen_set){ 0 };
	if (find_addresses(&p, err) == -1)
		return -1;
	while ((rc = probe(&p, err)) == 1)
		if (++tries == FREE_PORT_TRIES)
			return err_set(err, ERR_INTERNAL,
			    "no port is free on all "
			    "addresses of %s=%s",
			    host_option, host);
	if (rc == -1)
		return -1;
	l->addresses = l->own = p.n;
	l->slots = slots;
	l->fds = mem_array(NULL, (size_t)slots * (size_t)p.n, sizeof(*l->fds));
	for (int i = 0; i < slots * p.n; i++)
		l->fds[i] = -1;
	for (int i = 0; i < p.n; i++)
		show(&p.at[i], l->shown[i], sizeof(l->shown[i]));
	if (open_all(l, &p, err) == -1) {
		listen_close(l);
		return -1;
	}
	return 0;
}

void
listen_shut(const int *fds, int n)
{
	/* Bound to an interface that there is not, a socket is found by no SYN; the
	 * line behind it stays.  (A filter would need CAP_BPF on some kernels.) */
	static const int nowhere = INT_MAX;

	for (int i = 0; i < n; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere,
		    sizeof(nowhere));
}

void
listen_close(struct listen_set *l)
{
	for (int i = 0; i < l->slots * l->addresses; i++)
		if (l->fds[i] != -1)
			close(l->fds[i]);
	free(l->fds);
	*l = (struct listen_set){ 0 };
}

void
listen_join(struct listen_set *l, struct listen_set *more)
{
	int both = l->addresses + more->addresses;
	int *fds = mem_array(NULL, (size_t)l->slots * (size_t)both,
	    sizeof(*fds));

	for (int slot = 0; slot < l->slots; slot++) {
		memcpy(fds + slot * both, l->fds + slot * l->addresses,
		    sizeof(*fds) * (size_t)l->addresses);
		memcpy(fds + slot * both + l->addresses,
		    more->fds + slot * more->addresses,
		    sizeof(*fds) * (size_t)more->addresses);
	}
	memcpy(l->shown[l->addresses], more->shown[0],
	    sizeof(l->shown[0]) * (size_t)more->addresses);
	free(l->fds);
	free(more->fds);
	l->fds = fds;
	l->addresses = both;
	*more = (struct listen_set){ 0 };
}

/* Removes a socket that nobody serves any more. */
static int
clear_path(const struct sockaddr_un *sa, struct err *err)
{
	struct stat st;
	int fd, rc, e;

	if (lstat(sa->sun_path, &st) == -1)
		return errno == ENOENT ? 0 : err_set(err, ERR_INPUT, "%s: %s",
		    sa->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_INPUT,
		    "%s is there and no socket: move it "
		    "away, or choose another path",
		    sa->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_set(err, ERR_INTERNAL, "socket: %s",
		    strerror(errno));
	rc = connect(fd, (const struct sockaddr *)sa, sizeof(*sa));
	e = errno;
	close(fd);
	if (rc == 0 || e == EAGAIN)
		return err_set(err, ERR_INPUT,
		    "%s is served by a running program: "
		    "stop it, or choose another path",
		    sa->sun_path);
	if (e != ECONNREFUSED && e != ENOENT)
		return err_set(err, ERR_INPUT, "%s: %s", sa->sun_path,
		    strerror(e));
	if (unlink(sa->sun_path) == -1 && errno != ENOENT)
		return err_set(err, ERR_INPUT,
		    "%s: cannot remove the dead socket: %s", sa->sun_path,
		    strerror(errno));
	return 0;
}

int
listen_unix(const char *path, unsigned mode, int gid, struct err *err)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return err_set(err, ERR_INPUT,
		    "%s: longer than the %zu bytes a socket "
		    "path may have",
		    path, sizeof(sa.sun_path) - 1);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (clear_path(&sa, err) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_set(err, ERR_INTERNAL, "socket: %s",
		    strerror(errno));
	/* fchmod: so that it is never open wider than in the end */
	if (fchmod(fd, 0600) == -1 ||
	    bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    (gid != -1 && lchown(path, (uid_t)-1, (gid_t)gid) == -1) ||
	    chmod(path, mode) == -1 || listen(fd, SOMAXCONN) == -1) {
		err_set(err, ERR_INPUT, "%s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}
