/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/channels.h"

#include "base/js.h"
#include "tools/mrkdwn.h"

#include <inttypes.h>
#include <string.h>

#define NAME_BYTES	100
#define ABOUT_BYTES	160

static void
put(const struct fence *f, struct buf *out, const char *before, const char *s,
    size_t max)
{
	if (s[0] == '\0')
		return;
	buf_str(out, before);
	fence_field(f, out, s, max);
}

static void
put_about(const struct fence *f, struct buf *out, const char *before,
    const struct js *channel, const char *key)
{
	const char *s = js_text(js_get(channel, key, JS_OBJECT),
	    "value");
	struct buf b = { 0 };

	mrkdwn_read(NULL, &b, s, strlen(s));
	if (b.len > 0) {
		buf_str(out, before);
		fence_column(f, out, b.p, ABOUT_BYTES);
	}
	buf_wipe(&b);
}

static void
put_person(const struct call *call, const char *id, struct buf *out)
{
	const struct fence *f = call_fence(call);
	const char *name = names_of(call_names(call), DIRECTORY_USERS, id,
	    strlen(id));

	put(f, out, " | with ", name != NULL ? name : id, NAME_BYTES);
	if (name != NULL) {
		put(f, out, " (", id, NAME_BYTES);
		buf_char(out, ')');
	}
}

static void
put_flags(const struct js *c, struct buf *out)
{
	static const struct {
		const char *key, *word;
	} flags[] = {
		{ "is_private", "private" },
		{ "is_archived", "archived" },
		{ "is_member", "app is member" },
		{ "is_mpim", "group message" },
		{ "is_im", "direct message" },
		{ "is_ext_shared", "shared with others" },
		{ "is_general", "general" },
	};
	const char *before = " | ";

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (js_bool(c, flags[i].key)) {
			buf_fmt(out, "%s%s", before, flags[i].word);
			before = ", ";
		}
}

void
channels_put(const struct call *call, const struct js *c, struct buf *out)
{
	const struct fence *f = call_fence(call);

	put(f, out, "", js_text(c, "id"), NAME_BYTES);
	if (js_text(c, "name")[0] != '\0')
		put(f, out, " | #", js_text(c, "name"), NAME_BYTES);
	else
		put_person(call, js_text(c, "user"), out);
	if (js_get(c, "num_members", JS_INT) != NULL)
		buf_fmt(out, " | %" PRId64 " members",
		    js_int(c, "num_members"));
	put_flags(c, out);
	put_about(f, out, " | topic: ", c, "topic");
	put_about(f, out, " | purpose: ", c, "purpose");
	buf_char(out, '\n');
}
