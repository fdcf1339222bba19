/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/word.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool
goes_on(char c, bool small)
{
	unsigned char u = (unsigned char)c;

	return isdigit(u) || (small ? islower(u) : isupper(u));
}

const char *
word_find(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);
	const char *at = text, *end = text + len;
	bool small = islower((unsigned char)word[0]) != 0;

	while (n > 0 &&
	    (at = memmem(at, (size_t)(end - at), word, n)) != NULL) {
		if ((at == text || !goes_on(at[-1], small)) &&
		    (at + n == end || !goes_on(at[n], small)))
			return at;
		at++;
	}
	return NULL;
}

size_t
word_blot(char *text, size_t len, const char *word)
{
	const char *at = text;
	size_t count = 0;

	while ((at = word_find(at, len - (size_t)(at - text), word)) != NULL) {
		memset(text + (at - text), WORD_BLOT, strlen(word));
		count++;
	}
	return count;
}
