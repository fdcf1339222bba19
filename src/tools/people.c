/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/people.h"

#include "base/js.h"

#define NAME_BYTES	100

static void
put_flags(unsigned flags, struct buf *out)
{
	static const struct {
		unsigned flag;
		const char *word;
	} words[] = {
		{ DIRECTORY_BOT, "bot" },
		{ DIRECTORY_DELETED, "deactivated" },
		{ DIRECTORY_STRANGER, "of another workspace" },
	};
	const char *before = " | ";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (flags & words[i].flag) {
			buf_fmt(out, "%s%s", before, words[i].word);
			before = ", ";
		}
}

static void
put(const struct call *call, const struct js *row, struct shown *shown,
    struct buf *out)
{
	const struct fence *f = call_fence(call);
	const char *about = js_text(row, PEOPLE_ABOUT);
	struct directory_entry e;

	(void)shown;
	if (!directory_read(DIRECTORY_USERS, row, &e))
		return;
	fence_field(f, out, e.id, NAME_BYTES);
	buf_str(out, " | @");
	fence_field(f, out, e.handle, NAME_BYTES);
	buf_str(out, " | ");
	fence_field(f, out, e.label, NAME_BYTES);
	buf_str(out, " | ");
	fence_field(f, out, about[0] != '\0' ? about : e.about, NAME_BYTES);
	put_flags(e.flags, out);
	buf_char(out, '\n');
}

static void
none(const struct call *call, bool more, struct buf *out)
{
	if (more)
		buf_str(out, "Nobody on this page; more pages follow.\n");
	else if (call_text(call, "query")[0] != '\0')
		buf_str(out, "Nobody fits. Try a shorter part of the name.\n");
	else
		buf_str(out, "Nobody here.\n");
}

const struct tool_list people_list = {
	.rows = "members",
	.one = "person",
	.many = "people",
	.order = "",
	.legend = "id | @handle | name | real name or title | flags",
	.put = put,
	.none = none,
};
