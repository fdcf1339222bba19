/* SPDX-License-Identifier: ISC */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"

/* The system's CA bundle, parsed once (25 to 40 ms) by the master before it
 * forks and shared with the workers' curl: an X509_STORE. */
void *tls_ca_load(struct err *err);
void tls_ca_free(void *ca);

#endif
