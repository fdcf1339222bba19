/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/list.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

const char *
list_next(const char **at, size_t *len)
{
	const char *p = *at, *end;

	if (p == NULL || *p == '\0')
		return NULL;
	end = strchrnul(p, ',');
	*len = (size_t)(end - p);
	*at = *end == ',' ? end + 1 : end;
	return p;
}

static bool
has(const char *list, const char *word, size_t len)
{
	const char *w;
	size_t n;

	while ((w = list_next(&list, &n)) != NULL)
		if (n == len && memcmp(w, word, n) == 0)
			return true;
	return false;
}

bool
list_has(const char *list, const char *word)
{
	return *word != '\0' && has(list, word, strlen(word));
}

bool
list_allows(const char *list, const char *word)
{
	if (list != NULL && strcmp(list, "*") == 0)
		return true;
	return list_has(list, word);
}

bool
list_meets(const char *list, const char *other)
{
	const char *w;
	size_t n;

	if (other != NULL && strcmp(other, "*") == 0)
		return true;
	while ((w = list_next(&list, &n)) != NULL)
		if (n > 0 && has(other, w, n))
			return true;
	return false;
}

char *
list_tidy(const char *text)
{
	static const char blanks[] = " \t\r\n";
	struct buf out = { 0 };
	const char *w;
	size_t n;
	char *s;

	while ((w = list_next(&text, &n)) != NULL) {
		while (n > 0 && strchr(blanks, *w) != NULL) {
			w++;
			n--;
		}
		while (n > 0 && strchr(blanks, w[n - 1]) != NULL)
			n--;
		if (n == 0 || has(out.p, w, n))
			continue;
		if (out.len != 0)
			buf_char(&out, ',');
		buf_add(&out, w, n);
	}
	s = mem_strn(out.p, out.len);
	buf_wipe(&out);
	return s;
}
