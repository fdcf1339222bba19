/* SPDX-License-Identifier: ISC */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Memory that is there: its lack is fatal (every input-sized piece is bounded
 * by an option, and the master starts a new worker). */
void *mem_new(size_t size);			/* zeroed */
void *mem_array(void *p, size_t n, size_t size);	/* as reallocarray */
char *mem_str(const char *s);			/* NULL stays NULL */
char *mem_strn(const char *s, size_t len);
char *mem_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
