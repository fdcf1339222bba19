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

void
people_put(const struct call *call, const struct js *row, struct shown *shown,
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
