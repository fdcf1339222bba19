/* SPDX-License-Identifier: ISC */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "base/address.h"

#include <sys/types.h>

/* The line (version 1) or record (version 2) that a proxy sends in front of all
 * else, TLS too, to say whose connection it is: the PROXY protocol, strict. */
#define PROXY_LONGEST	4096	/* with version 2's extras, which are skipped */

struct proxy {
	bool told;		/* else LOCAL or unknown: the connection is its own */
	struct address client;
};

/* Give it all bytes from the connection's first one on.  The header's length; 0:
 * there is more to come; -1: it is none, or a bad one. */
ssize_t proxy_parse(struct proxy *out, const void *bytes, size_t len);

#endif
