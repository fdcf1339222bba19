/* SPDX-License-Identifier: ISC */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"

#include <stdint.h>

/* The system's CA bundle, parsed once (25 to 40 ms) by the master before it
 * forks and shared with the workers' curl: an X509_STORE. */
void *tls_ca_load(struct err *err);
void tls_ca_free(void *ca);

/* What a server needs: an SSL_CTX with the certificate chain TLS_CERT and its key
 * TLS_KEY.  Made by the master before it forks, so that every worker knows the
 * tickets of every other.  The key is nothing for others than its owner and
 * group; err says which of the two files is wrong, and how. */
void *tls_server_load(const char *cert, const char *key, struct err *err);
void tls_server_free(void *server);
/* Before the fork: what seals the tickets turns every turn_ms.  A ticket is taken until
 * the period after its own is over; all processes turn at the same moment, and what
 * their memory holds opens no ticket of longer ago.  Without this call tickets are good
 * for as long as the server is. */
void tls_server_tickets(void *server, int64_t turn_ms);
/* Then each process, once in a while, to forget the keys whose time is over: now is
 * clock_ms(). */
void tls_server_turn(void *server, int64_t now);
/* From when to when the certificate is good, as time(2) counts. */
void tls_server_dates(const void *server, int64_t *begins, int64_t *ends);

#endif
