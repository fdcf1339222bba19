/* SPDX-License-Identifier: ISC */
#ifndef SLACK_KIND_H
#define SLACK_KIND_H

#include "slack/api.h"
#include "slack/directory.h"

/* What a directory is made of, one row each: how a page of it is asked for, and how
 * what comes is read.  Private to the directory's files. */
struct kind {
	const char *word;		/* its name in the store */
	enum slack_method method;
	const char *form;		/* besides limit, cursor and types */
	const char *array;		/* of a page: what holds the things */
	bool (*read)(const struct js *o, struct directory_entry *e);
	const char *scope;		/* without which Slack is not asked; NULL */
};
extern const struct kind kinds[DIRECTORY_KINDS + 1];

/* The form of one page; cursor "" is the first. */
void kind_form(struct buf *form, const struct install *in,
    enum directory_kind kind, int limit, const char *cursor);
/* Where the next one begins; "": there is none. */
const char *kind_next(const struct slack_answer *a);
struct directory_of kind_of(const struct install *in,
    enum directory_kind kind);		/* borrows from in */
/* One thing that was found by itself, in passing. */
void kind_put(struct slack *s, const struct install *in,
    enum directory_kind kind, const struct directory_entry *e, int64_t fill);

#endif
