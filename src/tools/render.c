/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/render.h"

#include "base/js.h"
#include "slack/id.h"
#include "tools/mrkdwn.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX	12000		/* bytes of one message's text */
#define NAME_BYTES	80
#define NOISE_MAX	80
#define LIST_MAX	20		/* reactions, files, attachments of one message */
#define ROW_MAX		24000		/* bytes of a line that end its attachments */
#define DEPTH		12		/* of blocks */

static void
put_time(const char *ts, struct buf *out)
{
	char text[32];
	time_t t;
	struct tm tm;

	if (!slack_is_ts(ts))
		return;
	t = (time_t)strtoll(ts, NULL, 10);
	if (gmtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		buf_str(out, text);
}

static void
foreign(const struct fence *f, struct buf *out, const char *s, size_t max)
{
	fence_field(f, out, s, max);
}

/* Blocks: what a reader would see, in its order. */

static void walk(const struct js *o, struct buf *out, int depth);

static void
walk_list(const struct js *list, struct buf *out, int depth)
{
	for (const struct js *v = list->first; v != NULL; v = v->next)
		walk(v, out, depth);
}

static void
leaf_text(const struct js *o, struct buf *out)
{
	buf_str(out, js_text(o, "text"));
}

static void
leaf_mrkdwn(const struct js *o, struct buf *out)
{
	const char *s = js_text(o, "text");

	mrkdwn_read(out, s, strlen(s));
}

static void
leaf_link(const struct js *o, struct buf *out)
{
	const char *text = js_text(o, "text"), *url = js_text(o, "url");

	if (text[0] != '\0' && strcmp(text, url) != 0)
		buf_fmt(out, "%s (%s)", text, url);
	else
		buf_str(out, url);
}

static void
leaf_user(const struct js *o, struct buf *out)
{
	buf_fmt(out, "@%s", js_text(o, "user_id"));
}

static void
leaf_channel(const struct js *o, struct buf *out)
{
	buf_fmt(out, "#%s", js_text(o, "channel_id"));
}

static void
leaf_group(const struct js *o, struct buf *out)
{
	buf_fmt(out, "@%s", js_text(o, "usergroup_id"));
}

static void
leaf_range(const struct js *o, struct buf *out)
{
	buf_fmt(out, "@%s", js_text(o, "range"));
}

static void
leaf_emoji(const struct js *o, struct buf *out)
{
	buf_fmt(out, ":%s:", js_text(o, "name"));
}

static void
leaf_image(const struct js *o, struct buf *out)
{
	buf_fmt(out, "(image: %s)", js_text(o, "alt_text"));
}

static void
leaf_date(const struct js *o, struct buf *out)
{
	buf_str(out, js_text(o, "fallback"));
}

static const struct {
	const char *type;
	void (*put)(const struct js *o, struct buf *out);
} leaves[] = {
	{ "text", leaf_text },
	{ "plain_text", leaf_text },
	{ "mrkdwn", leaf_mrkdwn },
	{ "markdown", leaf_text },
	{ "link", leaf_link },
	{ "user", leaf_user },
	{ "channel", leaf_channel },
	{ "usergroup", leaf_group },
	{ "broadcast", leaf_range },
	{ "emoji", leaf_emoji },
	{ "image", leaf_image },
	{ "date", leaf_date },
};

/* Blocks and the parts of a list stand on lines of their own. */
static bool
is_line(const char *type)
{
	static const char *const lines[] = { "section", "header", "context",
		"rich_text", "rich_text_section", "rich_text_quote",
		"rich_text_preformatted", "actions", "image", "markdown",
		NULL };

	for (size_t i = 0; lines[i] != NULL; i++)
		if (strcmp(lines[i], type) == 0)
			return true;
	return false;
}

static bool
is_field(const char *type)
{
	return strcmp(type, "mrkdwn") == 0 || strcmp(type, "plain_text") == 0;
}

static void
walk(const struct js *o, struct buf *out, int depth)
{
	static const char *const inner[] = { "title", "text", "fields",
		"elements" };
	const char *type = js_text(o, "type");

	if (depth > DEPTH || o == NULL || o->kind != JS_OBJECT)
		return;
	if (is_line(type) && out->len > 0 && out->p[out->len - 1] != '\n')
		buf_char(out, '\n');
	else if (is_field(type) && out->len > 0 &&
	    !strchr(" \n", out->p[out->len - 1]))
		buf_char(out, ' ');
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		if (strcmp(leaves[i].type, type) == 0) {
			leaves[i].put(o, out);
			return;
		}
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
		const struct js *list = js_get(o, inner[i], JS_ARRAY);

		if (list != NULL)
			walk_list(list, out, depth + 1);
		else
			walk(js_get(o, inner[i], JS_OBJECT), out, depth + 1);
	}
}

void
render_blocks(const struct js *blocks, struct buf *out)
{
	if (blocks != NULL)
		walk_list(blocks, out, 0);
}

/* The parts of a line. */

static bool
put_author(const struct fence *f, const struct js *m, struct buf *out)
{
	const struct js *user = js_get(m, "user_profile", JS_OBJECT);
	const struct js *bot = js_get(m, "bot_profile", JS_OBJECT);
	const char *names[] = { js_text(user, "display_name"),
		js_text(user, "real_name"), js_text(user, "name"),
		js_text(m, "username"), js_text(bot, "name") };
	const char *id = js_text(m, "user"), *name = "";

	for (size_t i = 0; i < 5 && name[0] == '\0'; i++)
		name = names[i];
	if (id[0] == '\0')
		id = js_text(m, "bot_id");
	if (name[0] == '\0') {
		foreign(f, out, id[0] != '\0' ? id : "?", NAME_BYTES);
		return id[0] == 'U' || id[0] == 'W';
	}
	foreign(f, out, name, NAME_BYTES);
	if (id[0] != '\0') {
		buf_str(out, " (");
		foreign(f, out, id, NAME_BYTES);
		buf_char(out, ')');
	}
	return false;
}

/* Who came and went: shown shortly. */
static bool
is_noise(const char *subtype)
{
	static const char *const words[] = { "channel_join", "channel_leave",
		"channel_topic", "channel_purpose", "channel_name",
		"channel_archive", "channel_unarchive", "group_join",
		"group_leave", "group_topic", "group_purpose", "group_name",
		"group_archive", "group_unarchive", "tombstone", "bot_add",
		"bot_remove", "pinned_item", NULL };

	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], subtype) == 0)
			return true;
	return false;
}

static void
put_text(const struct fence *f, const struct js *m, struct buf *out)
{
	const char *subtype = js_text(m, "subtype");
	const struct js *text = js_get(m, "text", JS_STRING);
	bool noise = is_noise(subtype);
	struct buf b = { 0 };

	if (text != NULL)
		mrkdwn_read(&b, text->text, text->len);
	if (b.len == 0)
		render_blocks(js_get(m, "blocks", JS_ARRAY), &b);
	if (noise)
		buf_fmt(out, "(%s) ", subtype);
	if (b.len > 0)
		fence_text(f, out, b.p, b.len, noise ? NOISE_MAX : TEXT_MAX);
	buf_wipe(&b);
}

static void
put_attachments(const struct fence *f, const struct js *m, struct buf *out)
{
	const struct js *a = js_first(m, "attachments");

	for (size_t i = 0; a != NULL; a = a->next, i++) {
		const char *texts[] = { js_text(a, "fallback"),
			js_text(a, "text"), js_text(a, "title"),
			js_text(a, "pretext") };
		const char *s = "";
		struct buf b = { 0 };

		/* A line has to fit an answer, else nobody reads on behind it. */
		if (i == LIST_MAX || out->len > ROW_MAX) {
			buf_fmt(out, " [%zu attachments more]",
			    js_count(m, "attachments") - i);
			return;
		}
		for (size_t k = 0; k < 4 && s[0] == '\0'; k++)
			s = texts[k];
		mrkdwn_read(&b, s, strlen(s));
		if (b.len == 0)
			render_blocks(js_get(a, "blocks", JS_ARRAY), &b);
		if (b.len > 0) {
			buf_str(out, " [attachment: ");
			fence_text(f, out, b.p, b.len, TEXT_MAX / 4);
			buf_char(out, ']');
		}
		buf_wipe(&b);
	}
}

static void
put_files(const struct fence *f, const struct js *m, struct buf *out)
{
	const struct js *file = js_first(m, "files");

	for (int i = 0; file != NULL && i < LIST_MAX; file = file->next, i++) {
		const char *name = js_text(file, "name");
		const char *type = js_text(file, "mimetype");

		if (name[0] == '\0')
			name = js_text(file, "title");
		if (type[0] == '\0')
			type = js_text(file, "filetype");
		buf_str(out, " [file ");
		foreign(f, out, js_text(file, "id"), NAME_BYTES);
		buf_str(out, ": ");
		foreign(f, out, name, NAME_BYTES * 2);
		if (type[0] != '\0') {
			buf_str(out, ", ");
			foreign(f, out, type, NAME_BYTES);
		}
		if (js_int(file, "size") > 0)
			buf_fmt(out, ", %" PRId64 " bytes",
			    js_int(file, "size"));
		buf_char(out, ']');
	}
}

static void
put_reactions(const struct fence *f, const struct js *m, struct buf *out)
{
	const struct js *r = js_first(m, "reactions");

	if (r == NULL)
		return;
	buf_str(out, " [reactions:");
	for (int i = 0; r != NULL && i < LIST_MAX; r = r->next, i++) {
		buf_char(out, ' ');
		foreign(f, out, js_text(r, "name"), NAME_BYTES);
		buf_fmt(out, "\xc3\x97%" PRId64, js_int(r, "count"));
	}
	buf_char(out, ']');
}

static void
put_thread(const struct js *m, struct buf *out)
{
	const char *ts = js_text(m, "ts"), *thread = js_text(m, "thread_ts");
	const char *last = js_text(m, "latest_reply");
	int64_t replies = js_int(m, "reply_count");

	if (slack_is_ts(thread) && strcmp(thread, ts) != 0)
		buf_fmt(out, " [%s thread_ts=%s]",
		    strcmp(js_text(m, "subtype"), "thread_broadcast") == 0 ?
		    "also sent to the channel," : "reply,", thread);
	if (replies > 0) {
		buf_fmt(out, " [thread: %" PRId64 " %s", replies,
		    replies == 1 ? "reply" : "replies");
		if (slack_is_ts(last)) {
			buf_str(out, ", last ");
			put_time(last, out);
		}
		buf_char(out, ']');
	}
	if (js_get(m, "edited", JS_OBJECT) != NULL)
		buf_str(out, " [edited]");
}

bool
render_message(const struct fence *f, const struct js *message,
    struct buf *out)
{
	const char *ts = js_text(message, "ts");
	bool nameless;

	if (slack_is_ts(ts))
		put_time(ts, out);
	else
		buf_char(out, '?');
	buf_str(out, " | ");
	nameless = put_author(f, message, out);
	buf_fmt(out, " | ts=%s | ", slack_is_ts(ts) ? ts : "?");
	put_text(f, message, out);
	put_attachments(f, message, out);
	put_files(f, message, out);
	put_reactions(f, message, out);
	put_thread(message, out);
	buf_char(out, '\n');
	return nameless;
}
