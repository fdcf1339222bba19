/* SPDX-License-Identifier: ISC */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

/* A token or key.  Being a struct it cannot be handed to printf("%s");
 * the one way to the bytes is secret_expose(), which grep finds. */
struct secret {
	char *bytes;
	size_t len;
};

void secret_set(struct secret *s, const char *text);
void secret_copy(struct secret *to, const struct secret *from);
const char *secret_expose(const struct secret *s);
void secret_wipe(struct secret *s);	/* zeroes, frees; safe on empty */

#endif
