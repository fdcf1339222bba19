/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/call.h"

#include "base/js.h"

#define VALUE_BYTES	400

static void
shape(struct call *call, const struct js *answer, struct buf *out)
{
	static const struct {
		const char *key, *word;
	} fields[] = {
		{ "display_name", "name" }, { "real_name", "real name" },
		{ "title", "title" }, { "pronouns", "pronouns" },
		{ "email", "email" }, { "phone", "phone" },
		{ "status_emoji", "status emoji" }, { "status_text", "status" },
	};
	const struct js *profile = js_get(answer, "profile", JS_OBJECT);
	const struct fence *f = call_fence(call);

	buf_fmt(out, "The profile of %s.\n", call_of(call, ARG_USER));
	fence_begin(f, out);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *s = js_text(profile, fields[i].key);

		if (s[0] == '\0')
			continue;
		buf_fmt(out, "%s: ", fields[i].word);
		fence_field(f, out, s, VALUE_BYTES);
		buf_char(out, '\n');
	}
	fence_end(f, out);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_USER,
	ARGUMENT_FORMAT,
	{ .name = NULL }
};

const struct tool tool_get_user_profile = {
	.name = "slack_get_user_profile",
	.title = "Read a profile",
	.help = "Reads what a person's profile says: names, title, status.",
	.toolsets = TOOLSETS_PEOPLE,
	.role = ROLE_READ,
	.hints = TOOL_IDEMPOTENT,
	.args = args,
	.method = METHOD_USERS_PROFILE_GET,
	.scopes = "users.profile:read",
	.want_scopes = "users.profile:read",
	.member = "profile",
	.shape = shape,
};
