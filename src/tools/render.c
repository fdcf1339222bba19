/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/render.h"

#include "slack/id.h"
#include "tools/blocks.h"
#include "tools/mrkdwn.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ATTACHMENT_MAX	3000
#define NAME_BYTES	80
#define NOISE_MAX	80
#define LIST_MAX	20		/* reactions, files, attachments of a message */
#define ROW_MAX		24000		/* bytes of a line that end its attachments */

/* When, in UTC. */
struct when {
	char day[RENDER_DAY], minute[6];	/* "" of what is no ts */
};

static struct when
when_of(const char *ts)
{
	struct when w = { "", "" };
	struct tm tm;
	time_t t;

	if (!slack_is_ts(ts))
		return w;
	t = (time_t)strtoll(ts, NULL, 10);
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(w.day, sizeof(w.day), "%Y-%m-%d", &tm) == 0 ||
	    strftime(w.minute, sizeof(w.minute), "%H:%M", &tm) == 0)
		return (struct when){ "", "" };
	return w;
}

/* What is said of a message stands in brackets, behind its text: a text that has such
 * words of its own gets other brackets. */
static const char *const openings[] = { "attachment: ", "attachments more",
	"file ", "files more", "reactions more", "reply", "replies",
	"also sent to ", "edited]", NULL };

static bool
is_opening(const char *p)
{
	p += strspn(p, "0123456789 ");
	for (size_t i = 0; openings[i] != NULL; i++)
		if (strncasecmp(p, openings[i], strlen(openings[i])) == 0)
			return true;
	return false;
}

static void
tame(struct buf *out, size_t at)
{
	for (char *p = out->p + at; at < out->len &&
	     (p = strchr(p, '[')) != NULL; p++)
		if (is_opening(p + 1))
			*p = '(';
}

static void
foreign(const struct render *r, struct buf *out, const char *s, size_t max)
{
	size_t at = out->len;

	fence_field(r->fence, out, s, max);
	tame(out, at);
}

/* True: it was cut. */
static bool
foreign_text(const struct render *r, struct buf *out, const struct buf *b,
    size_t max)
{
	size_t at = out->len;
	bool cut = fence_text(r->fence, out, b->p, b->len, max);

	tame(out, at);
	return cut;
}

/* No list is cut silently. */
static void
tell_more(const struct js *m, const char *key, size_t shown, struct buf *out)
{
	size_t n = js_count(m, key);

	if (n > shown)
		buf_fmt(out, " [%zu %s more]", n - shown, key);
}

/* The parts of a line. */

/* A bot may write under any name, a person under the one that the directory has. */
static const char *
author_name(struct render *r, const struct js *m, const char *id)
{
	const struct js *user = js_get(m, "user_profile", JS_OBJECT);
	const struct js *bot = js_get(m, "bot_profile", JS_OBJECT);
	const char *known = names_of(r->names, DIRECTORY_USERS, id, strlen(id));
	const char *names[] = { js_text(m, "username"),
		known != NULL ? known : "", js_text(user, "display_name"),
		js_text(user, "real_name"), js_text(user, "name"),
		js_text(bot, "name"), "" };
	size_t i = 0;

	while (names[i][0] == '\0' && i + 1 < sizeof(names) / sizeof(names[0]))
		i++;
	return names[i];
}

/* False: an id alone. */
static bool
put_author(struct render *r, const struct js *m, struct buf *out)
{
	const char *id = js_text(m, "user"), *name = author_name(r, m, id);
	char mark[NAMES_MARK];

	if (id[0] == '\0')
		id = js_text(m, "bot_id");
	if (id[0] == '\0' && name[0] == '\0')
		name = "?";
	names_mark(r->names, id, name, mark);
	buf_str(out, mark);
	return name[0] != '\0' || (id[0] != 'U' && id[0] != 'W');
}

/* Who came and went: shown shortly. */
static const char *const noises[] = { "channel_join", "channel_leave",
	"channel_topic", "channel_purpose", "channel_name", "channel_archive",
	"channel_unarchive", "group_join", "group_leave", "group_topic",
	"group_purpose", "group_name", "group_archive", "group_unarchive",
	"tombstone", "bot_add", "bot_remove", "pinned_item", NULL };

static bool
is_among(const char *subtype, const char *const *words)
{
	while (*words != NULL && strcmp(*words, subtype) != 0)
		words++;
	return *words != NULL;
}

static void
put_text(struct render *r, const struct js *m, struct buf *out)
{
	static const char *const usual[] = { "", "bot_message",
		"thread_broadcast", "file_share", NULL };
	const char *subtype = js_text(m, "subtype");
	const struct js *text = js_get(m, "text", JS_STRING);
	bool noise = is_among(subtype, noises);
	struct buf b = { 0 };

	if (text != NULL)
		mrkdwn_read(r->names, &b, text->text, text->len);
	if (b.len == 0)
		blocks_read(r->names, js_get(m, "blocks", JS_ARRAY), &b);
	if (!is_among(subtype, usual)) {
		buf_str(out, " (");
		foreign(r, out, subtype, NAME_BYTES);
		buf_char(out, ')');
	}
	if (b.len > 0) {
		buf_char(out, ' ');
		if (noise)
			foreign_text(r, out, &b, NOISE_MAX);
		else if (foreign_text(r, out, &b, r->text_max))
			r->has_cut = true;
	}
	buf_wipe(&b);
}

static void
add_line(struct render *r, struct buf *b, const char *s)
{
	if (s[0] == '\0')
		return;
	if (b->len > 0)
		buf_char(b, '\n');
	mrkdwn_read(r->names, b, s, strlen(s));
}

static void
add_fields(struct render *r, const struct js *a, struct buf *b)
{
	for (const struct js *f = js_first(a, "fields"); f != NULL;
	     f = f->next) {
		const char *value = js_text(f, "value");

		add_line(r, b, js_text(f, "title"));
		buf_str(b, js_text(f, "title")[0] != '\0' ? ": " : "\n");
		mrkdwn_read(r->names, b, value, strlen(value));
	}
}

static void
put_link(struct buf *b, const char *link)
{
	buf_str(b, " (");
	mrkdwn_unescape(b, link, strlen(link));
	buf_char(b, ')');
}

/* Where it leads, if the message's text does not say so. */
static void
add_title(struct render *r, const struct js *a, struct buf *b)
{
	const char *link = js_text(a, "title_link");

	add_line(r, b, js_text(a, "title"));
	if (js_text(a, "title")[0] != '\0' && link[0] != '\0' &&
	    strcmp(link, js_text(a, "from_url")) != 0)
		put_link(b, link);
}

/* The fallback is for those who cannot show the rest. */
static void
read_attachment(struct render *r, const struct js *a, struct buf *b)
{
	add_line(r, b, js_text(a, "pretext"));
	add_title(r, a, b);
	add_line(r, b, js_text(a, "text"));
	add_fields(r, a, b);
	if (b->len == 0)
		blocks_read(r->names, js_get(a, "blocks", JS_ARRAY), b);
	if (b->len == 0)
		add_line(r, b, js_text(a, "fallback"));
	if (b->len == 0 && js_text(a, "image_url")[0] != '\0') {
		buf_str(b, "image");
		put_link(b, js_text(a, "image_url"));
	}
}

static void
put_attachments(struct render *r, const struct js *m, struct buf *out)
{
	const struct js *a = js_first(m, "attachments");
	size_t i = 0;

	for (; a != NULL && i < LIST_MAX && out->len <= ROW_MAX;
	     a = a->next, i++) {
		struct buf b = { 0 };

		read_attachment(r, a, &b);
		if (b.len > 0) {
			buf_str(out, " [attachment: ");
			if (js_text(a, "author_name")[0] != '\0') {
				foreign(r, out, js_text(a, "author_name"),
				    NAME_BYTES);
				buf_str(out, ": ");
			}
			foreign_text(r, out, &b, ATTACHMENT_MAX);
			buf_char(out, ']');
		}
		buf_wipe(&b);
	}
	tell_more(m, "attachments", i, out);
}

/* One that is not there any more, or not for us. */
static const char *
absence(const struct js *file)
{
	static const struct {
		const char *mode, *words;
	} modes[] = {
		{ "tombstone", "deleted" },
		{ "hidden_by_limit", "hidden by the workspace's plan" },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(js_text(file, "mode"), modes[i].mode) == 0)
			return modes[i].words;
	return "";
}

static void
put_file(struct render *r, const struct js *file, struct buf *out)
{
	const char *words[] = { js_text(file, "name"),
		js_text(file, "mimetype"), absence(file) };

	if (words[0][0] == '\0')
		words[0] = js_text(file, "title");
	if (words[1][0] == '\0')
		words[1] = js_text(file, "filetype");
	buf_str(out, " [file ");
	foreign(r, out, js_text(file, "id"), NAME_BYTES);
	for (size_t i = 0, n = 0; i < 3; i++)
		if (words[i][0] != '\0') {
			buf_str(out, n++ == 0 ? ": " : ", ");
			foreign(r, out, words[i], NAME_BYTES * 2);
		}
	if (js_int(file, "size") > 0)
		buf_fmt(out, ", %" PRId64 " bytes", js_int(file, "size"));
	buf_char(out, ']');
}

static void
put_files(struct render *r, const struct js *m, struct buf *out)
{
	const struct js *file = js_first(m, "files");
	size_t i = 0;

	for (; file != NULL && i < LIST_MAX; file = file->next, i++)
		put_file(r, file, out);
	tell_more(m, "files", i, out);
}

static void
put_reactions(struct render *r, const struct js *m, struct buf *out)
{
	const struct js *e = js_first(m, "reactions");
	size_t i = 0;

	if (e == NULL)
		return;
	for (; e != NULL && i < LIST_MAX; e = e->next, i++) {
		buf_str(out, i == 0 ? " [" : " ");
		foreign(r, out, js_text(e, "name"), NAME_BYTES);
		buf_fmt(out, "\xc3\x97%" PRId64, js_int(e, "count"));
	}
	buf_char(out, ']');
	tell_more(m, "reactions", i, out);
}

/* The thread that it is in, unless all are. */
static void
put_parent(const struct render *r, const struct js *m, struct buf *out)
{
	const char *thread = js_text(m, "thread_ts");

	if (strcmp(js_text(m, "subtype"), "thread_broadcast") == 0)
		buf_str(out, " [also sent to the channel]");
	if (!r->in_thread && slack_is_ts(thread) &&
	    strcmp(thread, js_text(m, "ts")) != 0)
		buf_fmt(out, " [reply in thread %s]", thread);
}

static void
put_thread(struct render *r, const struct js *m, struct buf *out)
{
	int64_t replies = js_int(m, "reply_count");
	struct when last = when_of(js_text(m, "latest_reply"));

	if (replies <= 0)
		return;
	r->has_threads |= !r->in_thread;
	buf_fmt(out, " [%" PRId64 " %s", replies,
	    replies == 1 ? "reply" : "replies");
	if (last.day[0] != '\0')
		buf_fmt(out, ", last %s%s%s",
		    strcmp(last.day, r->day) != 0 ? last.day : "",
		    strcmp(last.day, r->day) != 0 ? " " : "", last.minute);
	buf_char(out, ']');
}

static void
put_time(struct render *r, const char *ts, struct buf *out)
{
	struct when w = when_of(ts);

	if (w.day[0] != '\0' && strcmp(w.day, r->day) != 0) {
		memcpy(r->day, w.day, sizeof(r->day));
		buf_fmt(out, "%s\n", w.day);
	}
	buf_str(out, w.minute[0] != '\0' ? w.minute : "?");
}

bool
render_message(struct render *r, const struct js *message, struct buf *out)
{
	const char *ts = js_text(message, "ts");
	bool named;
	size_t bare;

	put_time(r, ts, out);
	buf_char(out, ' ');
	named = put_author(r, message, out);
	buf_fmt(out, " %s", slack_is_ts(ts) ? ts : "?");
	bare = out->len;
	put_text(r, message, out);
	put_attachments(r, message, out);
	put_files(r, message, out);
	if (out->len == bare)
		buf_str(out, " (no text)");
	put_reactions(r, message, out);
	put_parent(r, message, out);
	put_thread(r, message, out);
	if (js_get(message, "edited", JS_OBJECT) != NULL)
		buf_str(out, " [edited]");
	buf_char(out, '\n');
	return !named;
}
