/* SPDX-License-Identifier: ISC */
#ifndef ADMIN_TABLE_H
#define ADMIN_TABLE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* What commands print: rows of named cells, aligned text or a JSON array of
 * objects.  Columns are "name" or "name#" (a number in JSON), separated by
 * blanks. */
struct table;
struct table *table_new(const char *columns);
void table_text(struct table *t, const char *cell);	/* fills the next cell */
void table_int(struct table *t, int64_t n);
void table_fmt(struct table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void table_rows(const struct table *t, struct buf *out, bool json);
void table_free(struct table *t);

#endif
