/* SPDX-License-Identifier: ISC */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* An IP address.  IPv4 is kept as ::ffff:a.b.c.d, so that an address has one form
 * however it came in. */
struct address {
	unsigned char bytes[16];
};
#define ADDRESS_SIZE	48

/* Numeric, nothing around it; -1: none. */
int address_parse(struct address *a, const char *text, size_t len);
bool address_is_loopback(const struct address *a);
void address_text(const struct address *a, char out[ADDRESS_SIZE]);

struct network {
	struct address address;
	unsigned bits;			/* of the 128 */
};

/* "192.0.2.7", "10.0.0.0/8", "2001:db8::/32"; bits behind the prefix are an error,
 * err says what and how to do better. */
int network_parse(struct network *n, const char *text, size_t len,
    struct err *err);

/* Several of them. */
struct networks {
	struct network *list;
	size_t count;
};
bool networks_have(const struct networks *all, const struct address *a);

#endif
