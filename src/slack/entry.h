/* SPDX-License-Identifier: ISC */
#ifndef SLACK_ENTRY_H
#define SLACK_ENTRY_H

#include "base/buf.h"
#include "base/js.h"
#include "store/directory.h"

#include <stdbool.h>

/* One of the directory's things, as Slack's own object says it.  The store keeps the
 * flags as they are: a bit never changes its meaning. */
enum directory_flag {
	DIRECTORY_PRIVATE = 1 << 0,
	DIRECTORY_ARCHIVED = 1 << 1,
	DIRECTORY_MEMBER = 1 << 2,
	DIRECTORY_IM = 1 << 3,
	DIRECTORY_MPIM = 1 << 4,
	DIRECTORY_SHARED = 1 << 5,
	DIRECTORY_BOT = 1 << 6,
	DIRECTORY_DELETED = 1 << 7,
	DIRECTORY_STRANGER = 1 << 8,	/* of another workspace: users.info alone has it */
};

struct directory_entry {
	const char *id;
	const char *handle;	/* what #… or @… names, lower case; an im's: the user's id */
	const char *label;	/* what is shown: a channel's name, a person's display name */
	const char *about;	/* topic, or purpose; a person's real name and title */
	unsigned flags;
	int64_t members;
};

/* One of Slack's own objects as an entry that borrows from it; e->id is there already.
 * false: it is none. */
bool entry_read_channel(const struct js *o, struct directory_entry *e);
bool entry_read_person(const struct js *o, struct directory_entry *e);
bool entry_read_team(const struct js *o, struct directory_entry *e);

/* The texts of n entries are copied into own, which they borrow from then. */
void directory_keep(struct directory_entry *e, size_t n, struct buf *own);

/* As the store keeps it, and back; both borrow. */
struct directory_row entry_row(const struct directory_entry *e);
struct directory_entry entry_of_row(const struct directory_row *row);

#endif
