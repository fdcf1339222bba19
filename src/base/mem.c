/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/mem.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
mem_new(size_t size)
{
	void *p = calloc(1, size != 0 ? size : 1);

	if (p == NULL)
		fatal("out of memory for %zu bytes", size);
	return p;
}

void *
mem_array(void *p, size_t n, size_t size)
{
	/* Never 0 bytes: a NULL that means "empty" would look like a lack. */
	void *new = reallocarray(p, n != 0 ? n : 1, size != 0 ? size : 1);

	if (new == NULL)
		fatal("out of memory for %zu times %zu bytes", n, size);
	return new;
}

char *
mem_str(const char *s)
{
	return s != NULL ? mem_strn(s, strlen(s)) : NULL;
}

char *
mem_strn(const char *s, size_t len)
{
	char *p = mem_new(len + 1);

	if (len != 0)
		memcpy(p, s, len);
	return p;
}

char *
mem_fmt(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		fatal("out of memory for a text");
	return p;
}
