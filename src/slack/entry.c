/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/entry.h"

#include "slack/id.h"

#include <string.h>

#define TEAM_MAX	30	/* so that E…/T… fits the store's column */

bool
entry_read_channel(const struct js *o, struct directory_entry *e)
{
	const struct js *topic = js_get(o, "topic", JS_OBJECT);
	const struct js *purpose = js_get(o, "purpose", JS_OBJECT);
	static const struct {
		const char *key;
		unsigned flag;
	} flags[] = {
		{ "is_private", DIRECTORY_PRIVATE },
		{ "is_archived", DIRECTORY_ARCHIVED },
		{ "is_member", DIRECTORY_MEMBER },
		{ "is_im", DIRECTORY_IM },
		{ "is_mpim", DIRECTORY_MPIM },
		{ "is_ext_shared", DIRECTORY_SHARED },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (js_bool(o, flags[i].key))
			e->flags |= flags[i].flag;
	e->handle = e->label = e->flags & DIRECTORY_IM ? js_text(o, "user") :
	    js_text(o, "name");
	e->about = js_text(topic, "value");
	if (e->about[0] == '\0')
		e->about = js_text(purpose, "value");
	e->members = js_int(o, "num_members");
	return slack_is_id(e->id, strlen(e->id), "CGD");
}

bool
entry_read_person(const struct js *o, struct directory_entry *e)
{
	const struct js *profile = js_get(o, "profile", JS_OBJECT);
	const char *real = js_text(o, "real_name");

	if (js_bool(o, "is_bot"))
		e->flags |= DIRECTORY_BOT;
	if (js_bool(o, "deleted"))
		e->flags |= DIRECTORY_DELETED;
	if (js_bool(o, "is_stranger"))
		e->flags |= DIRECTORY_STRANGER;
	if (real[0] == '\0')
		real = js_text(profile, "real_name");
	e->handle = js_text(o, "name");
	e->label = js_text(profile, "display_name");
	if (e->label[0] == '\0')
		e->label = real[0] != '\0' ? real : e->handle;
	e->about = strcmp(real, e->label) != 0 ? real :
	    js_text(profile, "title");
	return slack_is_id(e->id, strlen(e->id), "UW");
}

bool
entry_read_team(const struct js *o, struct directory_entry *e)
{
	e->handle = e->id;
	e->label = js_text(o, "name");
	e->about = "";
	return strlen(e->id) <= TEAM_MAX && slack_is_id(e->id, strlen(e->id), "T");
}

static void
count_text(size_t *n, const char *s)
{
	*n += strlen(s) + 1;
}

static const char *
keep_text(struct buf *own, const char *s)
{
	const char *at = own->p + own->len;

	buf_add(own, s, strlen(s) + 1);
	return at;
}

void
directory_keep(struct directory_entry *e, size_t n, struct buf *own)
{
	size_t need = 1;

	for (size_t i = 0; i < n; i++) {
		count_text(&need, e[i].id);
		count_text(&need, e[i].handle);
		count_text(&need, e[i].label);
		count_text(&need, e[i].about);
	}
	buf_room(own, need);		/* from here on it does not move */
	for (size_t i = 0; i < n; i++) {
		e[i].id = keep_text(own, e[i].id);
		e[i].handle = keep_text(own, e[i].handle);
		e[i].label = keep_text(own, e[i].label);
		e[i].about = keep_text(own, e[i].about);
	}
}

struct directory_row
entry_row(const struct directory_entry *e)
{
	return (struct directory_row){ .id = e->id, .handle = e->handle,
		.label = e->label, .about = e->about, .flags = e->flags,
		.members = e->members };
}

struct directory_entry
entry_of_row(const struct directory_row *row)
{
	return (struct directory_entry){ .id = row->id, .handle = row->handle,
		.label = row->label, .about = row->about,
		.flags = (unsigned)row->flags, .members = row->members };
}
