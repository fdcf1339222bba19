/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/jsonw.h"

#include <string.h>

#define TEXT_MAX	12000		/* bytes of a string */
#define SHORT_MAX	400		/* likewise, of a row that is too large */
#define KEY_MAX		80
#define ROW_MAX		32000		/* bytes, so that a page ends behind some rows */

/* What Slack's objects have that no reader wants: pictures, what is there twice, the
 * app's own. */
static const char *const left_out[] = { "client_msg_id", "avatar_hash", "icons",
	"previous_names", "image_", "thumb_", "url_private", "permalink_public",
	"service_icon", "footer_icon", "author_icon", NULL };

static bool
is_left_out(const struct js *o, const struct js *member)
{
	if (strcmp(member->key, "blocks") == 0)
		return js_text(o, "text")[0] != '\0';
	for (size_t i = 0; left_out[i] != NULL; i++)
		if (strncmp(member->key, left_out[i], strlen(left_out[i])) == 0)
			return true;
	return false;
}

/* True: it was cut. */
static bool
put_string(const char *text, size_t len, size_t max, struct jsonw *w)
{
	struct buf clean = { 0 };
	bool cut = fence_value(&clean, text, len, max);

	jsonw_textn(w, clean.len > 0 ? clean.p : "", clean.len);
	buf_wipe(&clean);
	return cut;
}

static void
put_key(const struct js *v, struct jsonw *w)
{
	struct buf clean = { 0 };

	fence_value(&clean, v->key, strlen(v->key), KEY_MAX);
	jsonw_key(w, clean.len > 0 ? clean.p : "");
	buf_wipe(&clean);
}

/* True of these: something was cut. */

static bool put(const struct js *v, struct jsonw *w);

static bool
put_nested(const struct js *v, struct jsonw *w)
{
	bool cut = false;

	jsonw_open(w, v->kind == JS_OBJECT ? '{' : '[');
	for (const struct js *c = v->first; c != NULL; c = c->next) {
		if (v->kind == JS_OBJECT) {
			if (is_left_out(v, c))
				continue;
			put_key(c, w);
		}
		cut |= put(c, w);
	}
	jsonw_close(w);
	return cut;
}

static bool
put_plain(const struct js *v, size_t max, struct jsonw *w)
{
	static const char *const words[] = { "false", "true" };

	if (v->kind == JS_STRING)
		return put_string(v->text, v->len, max, w);
	if (v->kind == JS_BOOL)
		jsonw_raw(w, words[v->len != 0], strlen(words[v->len != 0]));
	else if (v->kind == JS_NULL)
		jsonw_raw(w, "null", 4);
	else
		jsonw_raw(w, v->text, v->len);
	return false;
}

static bool
is_nested(const struct js *v)
{
	return v->kind == JS_OBJECT || v->kind == JS_ARRAY;
}

static bool
put(const struct js *v, struct jsonw *w)
{
	if (!is_nested(v))
		return put_plain(v, TEXT_MAX, w);
	if (w->depth < JSONW_DEPTH - 2)
		return put_nested(v, w);
	jsonw_raw(w, "null", 4);
	return true;
}

/* Only what is no list and no object, and that cut short. */
static void
put_core(const struct js *row, struct jsonw *w)
{
	jsonw_open(w, '{');
	for (const struct js *c = row->first; c != NULL; c = c->next)
		if (row->kind == JS_OBJECT && !is_nested(c)) {
			put_key(c, w);
			put_plain(c, SHORT_MAX, w);
			if (w->out->len > ROW_MAX)
				break;
		}
	jsonw_put_bool(w, "cut", true);
	jsonw_close(w);
}

/* A row that is larger than the answer were never seen, nor what is behind it. */
static bool
put_row(const struct js *row, struct buf *out)
{
	struct jsonw w = { .out = out };
	bool cut = put(row, &w);

	if (out->len <= ROW_MAX)
		return cut;
	buf_reset(out);
	w = (struct jsonw){ .out = out };
	put_core(row, &w);
	return true;
}

/* One in any case, else nobody came past it.  Returns at which row it had to stop;
 * their number when it need not. */
static size_t
put_rows(const struct call *call, const struct js *answer, struct shown *shown,
    struct jsonw *w)
{
	const struct tool_list *l = call->tool->list;
	const struct js *row = js_first(answer, l->rows);
	struct buf one = { 0 };
	size_t i = 0;
	bool cut;

	jsonw_key(w, l->rows);
	jsonw_open(w, '[');
	for (; row != NULL; row = row->next, i++) {
		if (i < call->skip || (l->may != NULL && !l->may(call, row)))
			continue;
		buf_reset(&one);
		cut = put_row(row, &one);
		if (shown->n > 0 && w->out->len + one.len > CALL_BYTES)
			break;
		jsonw_raw(w, one.p, one.len);
		shown->n++;
		shown->last = row;
		shown->render.has_cut |= cut;
	}
	jsonw_close(w);
	buf_wipe(&one);
	return i;
}

/* Slack's own words for it: "" is the end.  Why it is, if Slack did not say so, goes
 * to the hint. */
static void
put_next(const struct call *call, const struct js *answer, size_t end,
    const struct js *last, struct buf *hint, struct jsonw *w)
{
	struct buf sealed = { 0 };
	const char *why_not = cursor_next(call, answer, end, last, &sealed);

	if (why_not != NULL)
		buf_str(hint, why_not);
	jsonw_put_bool(w, "has_more", sealed.len > 0);
	jsonw_key(w, "response_metadata");
	jsonw_open(w, '{');
	jsonw_put_text(w, "next_cursor", sealed.len > 0 ? sealed.p : "");
	jsonw_close(w);
	buf_wipe(&sealed);
}

/* The rows, how to go on, and in our words what they do not say. */
static void
put_list(const struct call *call, const struct js *answer, struct jsonw *w)
{
	const struct tool_list *l = call->tool->list;
	struct shown shown = { .render = { .text_max = RENDER_TEXT } };
	struct buf hint = { 0 };
	size_t end = put_rows(call, answer, &shown, w);

	put_next(call, answer, end, shown.last, &hint, w);
	if (shown.n == 0)
		l->none(call, js_text(js_get(answer, "response_metadata",
		    JS_OBJECT), "next_cursor")[0] != '\0', &hint);
	if (l->after != NULL)
		l->after(call, answer, &shown, &hint);
	if (hint.len > 0) {
		jsonw_key(w, "hint");
		jsonw_textn(w, hint.p, hint.len - 1);	/* without the line's end */
	}
	buf_wipe(&hint);
}

void
asjson_text(struct jsonw *w, const char *key, const char *text)
{
	jsonw_key(w, key);
	put_string(text, strlen(text), SHORT_MAX, w);
}

static void
put_member(const struct call *call, const struct js *answer, struct jsonw *w)
{
	const struct js *v = js_get(answer, call->tool->member, JS_OBJECT);
	struct buf one = { 0 };

	jsonw_key(w, call->tool->member);
	if (v != NULL)
		put_row(v, &one);
	else
		buf_str(&one, "null");
	jsonw_raw(w, one.p, one.len);
	buf_wipe(&one);
}

/* What is said beside the data. */
static void
put_note(struct call *call, struct jsonw *w)
{
	if (call->tool->role == ROLE_READ)
		buf_str(&call->note, FENCE_NOTE);
	if (call->note.len == 0)
		return;
	jsonw_key(w, "note");
	jsonw_textn(w, call->note.p, call->note.len);
}

void
asjson_put(struct call *call, const struct js *answer)
{
	const struct tool *t = call->tool;
	struct jsonw w = { .out = &call->json };

	jsonw_open(&w, '{');
	jsonw_put_bool(&w, "ok", true);
	put_note(call, &w);
	if (t->list != NULL)
		put_list(call, answer, &w);
	else if (t->member != NULL)
		put_member(call, answer, &w);
	else
		t->json(call, &w);
	jsonw_close(&w);
	buf_fmt(&call->out, "%sThe answer is in structuredContent.",
	    call->note.len > 0 ? " " : "");
}
