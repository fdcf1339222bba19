/* SPDX-License-Identifier: ISC */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character at p, of which len are there; 0 when they are no
 * well-formed UTF-8 (overlong, surrogate, beyond U+10FFFF, cut off). */
size_t utf8_length(const void *p, size_t len);

#endif
