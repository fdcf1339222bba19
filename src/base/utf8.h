/* SPDX-License-Identifier: ISC */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at p, of which len are there; 0 when they are no
 * well-formed UTF-8 (overlong, surrogate, beyond U+10FFFF, cut off). */
size_t utf8_length(const void *p, size_t len);

/* The code point of a well-formed character of n bytes. */
uint32_t utf8_code(const void *p, size_t n);

/* Bytes of the whole characters of text that fit into max, up to the first that is no
 * UTF-8. */
size_t utf8_cut(const char *text, size_t len, size_t max);

/* The character of this code point, four bytes at most; returns how many. */
size_t utf8_put(char *to, uint32_t code);

/* Capitals of all alphabets become small, in place, where that takes no more bytes; what
 * is no UTF-8 stays. */
void utf8_lower(char *text);
/* Are both the same, lowered? */
bool utf8_alike(const char *a, const char *b);

#endif
