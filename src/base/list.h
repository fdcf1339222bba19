/* SPDX-License-Identifier: ISC */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Comma lists as configuration, keys and Slack's scopes keep them: "a,b,c",
 * already trimmed, no empty words.  NULL is the empty list. */

bool list_has(const char *list, const char *word);
/* Also true when the list is "*". */
bool list_allows(const char *list, const char *word);

/* Has one word of the list a place in the other one?  Always true when that is "*". */
bool list_meets(const char *list, const char *other);

/* Walks: const char *at = list, *w; size_t n; while ((w = list_next(&at, &n)))
 * the word is w[0..n), not NUL-terminated. */
const char *list_next(const char **at, size_t *len);

/* The words trimmed, empties and repeats dropped; a new string ("" at least). */
char *list_tidy(const char *text);

#endif
