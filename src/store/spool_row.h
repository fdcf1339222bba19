/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_ROW_H
#define STORE_SPOOL_ROW_H

#include "base/buf.h"
#include "store/chains.h"

/* What is spooled, as the text of a file: the line of its kind, then a line "name value"
 * for each field of the row (texts and bytes as base64), then "end". */
enum spool_kind {
	SPOOL_INSTALL,			/* a struct install_row */
	SPOOL_PAIR			/* a struct chain_pair */
};
#define SPOOL_NAME	96
#define SPOOL_FIELDS	20

/* One that was read. */
struct spooled {
	enum spool_kind kind;
	union spool_row {
		struct install_row install;
		struct chain_pair pair;
	} row;
	struct buf values[SPOOL_FIELDS];	/* what the row's pointers point to */
	char name[SPOOL_NAME];		/* of its file */
};
void spooled_free(struct spooled *s);	/* NULL is fine */

/* What the names of a kind's files begin with, and back: -1: it is no such name. */
const char *spool_prefix(enum spool_kind kind);
int spool_kind_of(const char *name);

/* row is of that kind. */
void spool_render(enum spool_kind kind, const void *row, struct buf *out);
/* -1: it is no whole one.  text is cut up in place. */
int spool_parse(struct spooled *s, enum spool_kind kind, char *text);
/* Has it that field?  Also of one that is not whole. */
bool spool_tells(const char *text, const char *field, const char *value);

#endif
