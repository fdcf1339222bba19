/* SPDX-License-Identifier: ISC */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <stddef.h>

/* One of Slack's ids within a text: whole, so that U12 is not found in U123.  It may
 * be in capitals or in small letters throughout; those and digits go on with it. */
#define WORD_BLOT	'*'

/* Where it stands first; NULL: nowhere. */
const char *word_find(const char *text, size_t len, const char *word);
/* Each is overwritten by as many WORD_BLOT; how many there were. */
size_t word_blot(char *text, size_t len, const char *word);

#endif
