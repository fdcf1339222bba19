/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/kind.h"

#include "base/clock.h"
#include "base/list.h"
#include "slack/place.h"

const struct kind kinds[DIRECTORY_KINDS + 1] = {
	[DIRECTORY_CHANNELS] = { "channels", METHOD_CONVERSATIONS_LIST,
	    "exclude_archived=true", "channels", entry_read_channel, NULL },
	[DIRECTORY_USERS] = { "users", METHOD_USERS_LIST, "",
	    "members", entry_read_person, "users:read" },
	[DIRECTORY_TEAMS] = { DIRECTORY_TEAMS_WORD, METHOD_AUTH_TEAMS_LIST, "",
	    "teams", entry_read_team, NULL },
};

bool
directory_read(enum directory_kind kind, const struct js *thing,
    struct directory_entry *out)
{
	*out = (struct directory_entry){ .id = js_text(thing, "id") };
	return kinds[kind].read(thing, out);
}

bool
directory_may_ask(const struct install *in, enum directory_kind kind)
{
	return kinds[kind].scope == NULL || in->scopes[0] == '\0' ||
	    list_has(in->scopes, kinds[kind].scope);
}

const char *
directory_types(const struct install *in)
{
	if (!list_has(in->scopes, "groups:read"))
		return "public_channel";
	return list_has(in->scopes, "channels:read") ?
	    "public_channel,private_channel" : "private_channel";
}

void
kind_form(struct buf *form, const struct install *in, enum directory_kind kind,
    int limit, const char *cursor)
{
	const char *types = directory_types(in);

	buf_fmt(form, "limit=%d%s%s", limit,
	    kinds[kind].form[0] != '\0' ? "&" : "", kinds[kind].form);
	if (kind == DIRECTORY_CHANNELS)
		buf_form(form, "types", types, strlen(types));
	if (cursor[0] != '\0')
		buf_form(form, "cursor", cursor, strlen(cursor));
}

const char *
kind_next(const struct slack_answer *a)
{
	return js_text(js_get(a->json, "response_metadata", JS_OBJECT),
	    "next_cursor");
}

struct directory_of
kind_of(const struct install *in, enum directory_kind kind)
{
	const struct install *row = install_row_of(in);

	return (struct directory_of){ .team = install_place(in),
		.kind = kinds[kind].word,
		.enterprise_id = row->enterprise_id, .team_id = row->team_id };
}

void
directory_learn(struct directory *d, struct install *in,
    enum directory_kind kind, const struct directory_entry *e)
{
	kind_put(d->s, in, kind, e, 0);
}

void
kind_put(struct slack *s, const struct install *in, enum directory_kind kind,
    const struct directory_entry *e, int64_t fill)
{
	struct directory_row row = entry_row(e);
	struct directory_of of = kind_of(in, kind);

	directory_rows_put(s->store, &of, &row, 1, fill, clock_wall_ms(), NULL,
	    NULL);
}
