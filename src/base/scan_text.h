/* SPDX-License-Identifier: ISC */
#ifndef BASE_SCAN_TEXT_H
#define BASE_SCAN_TEXT_H

#include "base/scan.h"

#include <stdbool.h>
#include <stdint.h>

/* What the check and the readers of JSON text have in common. */

/* The kind of value that this byte begins. */
enum scan_kind scan_kind_of(char c);

/* Does this byte stand for itself within a string? */
static inline bool
scan_plain(unsigned char c)
{
	return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

/* The next character within a string, its escape undone, or -1 and why. */
int32_t scan_char(const char **at, const char *end, const char **why);

/* Of two strings' insides: what they mean, not how they are written. */
bool scan_same(struct span a, struct span b);
uint32_t scan_hash(struct span s, uint32_t seed);

#endif
