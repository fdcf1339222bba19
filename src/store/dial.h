/* SPDX-License-Identifier: ISC */
#ifndef STORE_DIAL_H
#define STORE_DIAL_H

#include "store/store.h"

#include <mysql.h>

/* Connecting may block on names, TLS and a silent server, so a short-lived
 * thread does it.  It and the loop hold the dial together; whoever lets go
 * last frees it, and with it a connection that nobody took. */
struct dial;

/* conf is copied, its password too. */
struct dial *dial_start(const struct store_conf *conf);
int dial_fd(const struct dial *d);	/* readable when the thread is done */

/* The connection, or NULL and err.  Lets go of the dial, as dial_drop does. */
MYSQL *dial_take(struct dial *d, struct err *err);
void dial_drop(struct dial *d);

#endif
