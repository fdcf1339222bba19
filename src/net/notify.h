/* SPDX-License-Identifier: ISC */
#ifndef NET_NOTIFY_H
#define NET_NOTIFY_H

#include <stdint.h>
#include <sys/un.h>

/* What a service manager (systemd) wants to be told, by sd_notify(3)'s protocol.
 * Not by libsystemd: its call blocks when nobody reads, the master must not. */
struct notify {
	struct sockaddr_un to;
	unsigned len;			/* 0: nobody wants to know */
	int64_t watchdog_ms;		/* how often to tell WATCHDOG=1; 0: never */
	int64_t told;
	int lost;			/* in a row */
};

/* Takes NOTIFY_SOCKET and WATCHDOG_* out of the environment, where neither a child
 * nor /proc/PID/environ shows them any more. */
void notify_take(struct notify *n);
/* Lines as "READY=1\nSTATUS=…"; best effort, never blocks. */
void notify_tell(struct notify *n, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* From a timer: tells when it is time. */
void notify_watchdog(struct notify *n, int64_t now);

#endif
