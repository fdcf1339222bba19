/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/people.h"

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
people_put(const struct call *call, const struct directory_entry *e,
    struct buf *out)
{
	const struct fence *f = call_fence(call);

	fence_field(f, out, e->id, NAME_BYTES);
	buf_str(out, " | @");
	fence_field(f, out, e->handle, NAME_BYTES);
	buf_str(out, " | ");
	fence_field(f, out, e->label, NAME_BYTES);
	buf_str(out, " | ");
	fence_field(f, out, e->about, NAME_BYTES);
	put_flags(e->flags, out);
	buf_char(out, '\n');
}
