/* SPDX-License-Identifier: ISC */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include "base/err.h"

/* The addresses a HOST stands for: an address, a name, "localhost" (both
 * families), "*", "::".  Resolves names: the master's business, at start. */
#define LISTEN_ADDRESSES	4

struct listen_set {
	int addresses;			/* of a slot */
	int own;			/* of them its own; the others came by a join */
	int slots;
	int *fds;			/* slot * addresses + address */
	char shown[2 * LISTEN_ADDRESSES][64];	/* "127.0.0.1:8080", for log and errors */
};

/* First a probe bind without SO_REUSEPORT (else a second daemon would share the
 * port in silence), then one socket with it for each slot and address, listening,
 * non-blocking, close-on-exec.  port 0 is bound as a free one, the same for all.
 * err names host_option and port_option as what to change. */
int listen_open(struct listen_set *l, const char *host, int port, int slots,
    const char *host_option, const char *port_option, struct err *err);
void listen_close(struct listen_set *l);
/* Who comes from here on is refused, which a proxy can send elsewhere; who waits in
 * line, or is shaking hands (for a moment yet, on a busy host), is still to be
 * accepted: closed at once, the last holder's socket would reset them, and a proxy
 * cannot tell whether their request was carried out.  Linux 5.7 or later; before,
 * nothing happens. */
void listen_shut(const int *fds, int n);
/* The sockets of more go behind those of l, slot by slot; more is empty then. */
void listen_join(struct listen_set *l, struct listen_set *more);

/* A stream socket of the file system with that mode (and group, or -1): removes
 * a dead one first, refuses a live one. */
int listen_unix(const char *path, unsigned mode, int gid, struct err *err);

#endif
