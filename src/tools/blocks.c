/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/blocks.h"

#include "tools/mrkdwn.h"

#include <inttypes.h>
#include <string.h>

#define INDENT_MAX	8

/* What is read, and where it goes. */
struct reader {
	struct names *names;
	struct buf *out;
};

static void walk(struct reader *r, const struct js *o);

static void
put(struct reader *r, const char *before, const char *s, const char *behind)
{
	buf_str(r->out, before);
	mrkdwn_unescape(r->out, s, strlen(s));
	buf_str(r->out, behind);
}

/* Leaves with words of their own. */

static void
leaf_mrkdwn(struct reader *r, const struct js *o)
{
	const char *s = js_text(o, "text");

	mrkdwn_read(r->names, r->out, s, strlen(s));
}

/* Of its styles the one that changes what is said. */
static void
leaf_text(struct reader *r, const struct js *o)
{
	const char *line =
	    js_bool(js_get(o, "style", JS_OBJECT), "strike") ? "~" : "";

	put(r, line, js_text(o, "text"), line);
}

static void
leaf_link(struct reader *r, const struct js *o)
{
	const char *text = js_text(o, "text"), *url = js_text(o, "url");

	if (text[0] != '\0' && strcmp(text, url) != 0) {
		put(r, "", text, " (");
		put(r, "", url, ")");
	} else {
		put(r, "", url, "");
	}
}

static void
leaf_user(struct reader *r, const struct js *o)
{
	const char *id = js_text(o, "user_id");
	const char *name = names_mention(r->names, id, strlen(id));

	put(r, "@", name != NULL ? name : id, "");
}

static void
leaf_channel(struct reader *r, const struct js *o)
{
	const char *id = js_text(o, "channel_id");
	const char *name = names_of(r->names, DIRECTORY_CHANNELS, id,
	    strlen(id));

	put(r, "#", name != NULL ? name : id, "");
}

/* What it does when it is pressed is its app's affair; where it leads is not. */
static void
leaf_button(struct reader *r, const struct js *o)
{
	put(r, "", js_text(js_get(o, "text", JS_OBJECT), "text"), "");
	if (js_text(o, "url")[0] != '\0')
		put(r, " (", js_text(o, "url"), ")");
}

static void
leaf_video(struct reader *r, const struct js *o)
{
	put(r, "(video: ", js_text(o, "alt_text"), " ");
	put(r, "", js_text(o, "title_url"), ")");
}

static void
leaf_file(struct reader *r, const struct js *o)
{
	if (js_text(o, "file_id")[0] != '\0')
		put(r, "(file ", js_text(o, "file_id"), ")");
}

/* What stands before and behind the text under that key; or put. */
static const struct {
	const char *type, *key, *before, *behind;
	void (*put)(struct reader *r, const struct js *o);
} leaves[] = {
	{ "text", NULL, NULL, NULL, leaf_text },
	{ "plain_text", "text", "", "", NULL },
	{ "raw_text", "text", "", "", NULL },
	{ "markdown", "text", "", "", NULL },
	{ "usergroup", "usergroup_id", "@", "", NULL },
	{ "broadcast", "range", "@", "", NULL },
	{ "emoji", "name", ":", ":", NULL },
	{ "image", "alt_text", "(image: ", ")", NULL },
	{ "date", "fallback", "", "", NULL },
	{ "color", "value", "", "", NULL },
	{ "mrkdwn", NULL, NULL, NULL, leaf_mrkdwn },
	{ "link", NULL, NULL, NULL, leaf_link },
	{ "user", NULL, NULL, NULL, leaf_user },
	{ "channel", NULL, NULL, NULL, leaf_channel },
	{ "button", NULL, NULL, NULL, leaf_button },
	{ "video", NULL, NULL, NULL, leaf_video },
	{ "file", NULL, NULL, NULL, leaf_file },
};

static bool
leaf(struct reader *r, const struct js *o, const char *type)
{
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		if (strcmp(leaves[i].type, type) != 0)
			continue;
		if (leaves[i].put != NULL)
			leaves[i].put(r, o);
		else
			put(r, leaves[i].before, js_text(o, leaves[i].key),
			    leaves[i].behind);
		return true;
	}
	return false;
}

static bool
is_among(const char *type, const char *const *words)
{
	while (*words != NULL && strcmp(*words, type) != 0)
		words++;
	return *words != NULL;
}

static void
new_line(struct buf *out)
{
	if (out->len > 0 && out->p[out->len - 1] != '\n')
		buf_char(out, '\n');
}

/* Stands on a line of its own, or apart from what is before it. */
static void
set_apart(struct buf *out, const char *type)
{
	static const char *const lines[] = { "section", "header", "context",
		"rich_text", "rich_text_section", "rich_text_quote",
		"rich_text_preformatted", "actions", "image", "markdown",
		"video", "file", "input", "table", NULL };
	static const char *const fields[] = { "mrkdwn", "plain_text", "button",
		NULL };

	if (is_among(type, lines))
		new_line(out);
	else if (is_among(type, fields) && out->len > 0 &&
	    !strchr(" \n", out->p[out->len - 1]))
		buf_char(out, ' ');
}

static void
walk_list(struct reader *r, const struct js *list)
{
	for (const struct js *v = list->first; v != NULL; v = v->next)
		walk(r, v);
}

/* Rows of cells. */
static void
walk_table(struct reader *r, const struct js *o)
{
	for (const struct js *row = js_first(o, "rows"); row != NULL;
	     row = row->next) {
		new_line(r->out);
		for (const struct js *c = row->first; c != NULL; c = c->next) {
			struct buf cell = { 0 };
			struct reader in = { r->names, &cell };

			walk(&in, c);
			buf_fmt(r->out, "%s%s", c == row->first ? "" : "; ",
			    cell.len > 0 ? cell.p : "");
			buf_wipe(&cell);
		}
	}
}

/* Each item on a line, as Markdown has it. */
static void
walk_items(struct reader *r, const struct js *o)
{
	bool ordered = strcmp(js_text(o, "style"), "ordered") == 0;
	int64_t n = js_int(o, "offset"), indent = js_int(o, "indent");

	for (const struct js *v = js_first(o, "elements"); v != NULL; v = v->next) {
		const struct js *parts = js_get(v, "elements", JS_ARRAY);

		new_line(r->out);
		for (int64_t i = 0; i < indent && i < INDENT_MAX; i++)
			buf_str(r->out, "  ");
		if (ordered)
			buf_fmt(r->out, "%" PRId64 ". ", ++n);
		else
			buf_str(r->out, "- ");
		if (parts != NULL)
			walk_list(r, parts);
	}
}

/* Somebody else's words: each line is marked. */
static void
walk_quote(struct reader *r, const struct js *o)
{
	struct buf inside = { 0 };
	struct reader in = { r->names, &inside };
	const struct js *parts = js_get(o, "elements", JS_ARRAY);

	if (parts != NULL)
		walk_list(&in, parts);
	for (const char *p = inside.p, *end; p != NULL; p = end) {
		new_line(r->out);
		end = strchr(p, '\n');
		buf_str(r->out, "> ");
		buf_add(r->out, p, end != NULL ? (size_t)(end++ - p) : strlen(p));
	}
	buf_wipe(&inside);
}

static const struct {
	const char *type;
	void (*walk)(struct reader *r, const struct js *o);
} shapes[] = {
	{ "rich_text_list", walk_items },
	{ "rich_text_quote", walk_quote },
	{ "table", walk_table },
};

static bool
shape(struct reader *r, const struct js *o, const char *type)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (strcmp(shapes[i].type, type) == 0) {
			shapes[i].walk(r, o);
			return true;
		}
	return false;
}

/* As deep as JSON may be (JS_DEPTH). */
static void
walk(struct reader *r, const struct js *o)
{
	static const char *const inner[] = { "title", "label", "text", "fields",
		"elements", "accessory" };
	const char *type = js_text(o, "type");

	if (o == NULL || o->kind != JS_OBJECT)
		return;
	set_apart(r->out, type);
	if (leaf(r, o, type) || shape(r, o, type))
		return;
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
		const struct js *list = js_get(o, inner[i], JS_ARRAY);

		if (list != NULL)
			walk_list(r, list);
		else
			walk(r, js_get(o, inner[i], JS_OBJECT));
	}
}

void
blocks_read(struct names *names, const struct js *blocks, struct buf *out)
{
	struct reader r = { names, out };

	if (blocks != NULL)
		walk_list(&r, blocks);
}
