/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "admin/table.h"

#include "base/jsonw.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COLUMNS_MAX	24
#define WIDEST		60	/* a longer cell makes its own row longer, not all */

struct table {
	char *names[COLUMNS_MAX];
	bool number[COLUMNS_MAX];
	size_t columns;
	char **cells;
	size_t n, room;
};

struct table *
table_new(const char *columns)
{
	struct table *t = mem_new(sizeof(*t));

	while (*columns != '\0' && t->columns < COLUMNS_MAX) {
		size_t len = strcspn(columns, " ");
		bool number = len > 0 && columns[len - 1] == '#';

		t->number[t->columns] = number;
		t->names[t->columns++] = mem_strn(columns, len - number);
		columns += len + (columns[len] == ' ');
	}
	return t;
}

void
table_text(struct table *t, const char *cell)
{
	if (t->n == t->room) {
		t->room = t->room == 0 ? 64 : t->room * 2;
		t->cells = mem_array(t->cells, t->room, sizeof(*t->cells));
	}
	t->cells[t->n++] = mem_str(cell != NULL ? cell : "");
}

void
table_int(struct table *t, int64_t n)
{
	table_fmt(t, "%" PRId64, n);
}

void
table_fmt(struct table *t, const char *fmt, ...)
{
	char cell[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cell, sizeof(cell), fmt, ap);
	va_end(ap);
	table_text(t, cell);
}

/* Bytes that begin a character. */
static size_t
width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Cells may hold a workspace's name: nothing of it steers a terminal. */
static void
put_cell(struct buf *out, const char *cell)
{
	size_t at = out->len;

	buf_str(out, cell);
	for (; at < out->len; at++)
		if ((unsigned char)out->p[at] < ' ' || out->p[at] == 0x7f)
			out->p[at] = '?';
}

static void
put_padded(struct buf *out, const char *cell, size_t to, bool last)
{
	size_t w = width(cell);

	put_cell(out, cell);
	for (w = w < to ? w : to; !last && w < to + 2; w++)
		buf_char(out, ' ');
}

static size_t
column_width(const struct table *t, size_t c)
{
	size_t wide = width(t->names[c]);

	for (size_t i = c; i < t->n; i += t->columns) {
		size_t w = width(t->cells[i]);

		if (w > wide && w <= WIDEST)
			wide = w;
	}
	return wide;
}

static void
rows_text(const struct table *t, struct buf *out)
{
	size_t wide[COLUMNS_MAX];

	for (size_t c = 0; c < t->columns; c++)
		wide[c] = column_width(t, c);
	for (size_t c = 0; c < t->columns; c++)
		put_padded(out, t->names[c], wide[c], c + 1 == t->columns);
	buf_char(out, '\n');
	for (size_t i = 0; i < t->n; i += t->columns) {
		for (size_t c = 0; c < t->columns; c++)
			put_padded(out, t->cells[i + c], wide[c],
			    c + 1 == t->columns);
		buf_char(out, '\n');
	}
}

static void
json_row(const struct table *t, struct jsonw *w, size_t row)
{
	jsonw_open(w, '{');
	for (size_t c = 0; c < t->columns; c++) {
		const char *cell = t->cells[row * t->columns + c];

		jsonw_key(w, t->names[c]);
		if (t->number[c])
			jsonw_int(w, strtoll(cell, NULL, 10));
		else
			jsonw_text(w, cell);
	}
	jsonw_close(w);
}

void
table_rows(const struct table *t, struct buf *out, bool json)
{
	struct jsonw w = { .out = out };

	if (!json) {
		rows_text(t, out);
		return;
	}
	jsonw_open(&w, '[');
	for (size_t row = 0; row < t->n / t->columns; row++)
		json_row(t, &w, row);
	jsonw_close(&w);
	buf_char(out, '\n');
}

void
table_free(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->columns; i++)
		free(t->names[i]);
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}
