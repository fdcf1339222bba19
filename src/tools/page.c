/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/js.h"
#include "slack/directory.h"

#include <string.h>

static size_t
legend_bytes(const struct call *call)
{
	return call->names != NULL ? names_bytes(call->names) : 0;
}

/* What the rows share; nothing was shown yet. */
static void
begin(const struct call *call, struct shown *shown)
{
	*shown = (struct shown){ .render = { .fence = &call->fence,
		.names = call->names, 
		.in_thread = call_text(call, "thread_ts")[0] != '\0',
		.text_max = call_number(call, ARG_LIMIT) == 1 ?
		    RENDER_ALONE : RENDER_TEXT } };
	if (call->names != NULL)
		names_again(call->names);
}

/* As many of the page's rows as fit, from the one on that an earlier answer had not
 * shown; one in any case, else nobody came past it.  Returns at which row it had to
 * stop; their number when it need not. */
static size_t
put_rows(const struct call *call, const struct js *answer, struct shown *shown,
    struct buf *out)
{
	const struct tool_list *l = call->tool->list;
	const struct js *row = js_first(answer, l->rows);
	struct buf one = { 0 };
	size_t i = 0;

	for (; row != NULL; row = row->next, i++) {
		if (i < call->skip || (l->may != NULL && !l->may(call, row)))
			continue;
		buf_reset(&one);
		l->put(call, row, shown, &one);
		if (one.len == 0)
			continue;
		if (shown->n > 0 && out->len + one.len + legend_bytes(call) >
		    CALL_BYTES)
			break;
		buf_add(out, one.p, one.len);
		shown->n++;
		shown->last = row;
	}
	buf_wipe(&one);
	return i;
}

void
page_look(const struct call *call, const struct js *answer)
{
	struct buf rows = { 0 };
	struct shown shown;

	begin(call, &shown);
	put_rows(call, answer, &shown, &rows);
	buf_wipe(&rows);
}

static void
put_fenced(const struct call *call, const struct shown *shown,
    const struct buf *rows, struct buf *out)
{
	const struct tool_list *l = call->tool->list;
	const char *channel = call_of(call, ARG_CHANNEL);

	buf_fmt(out, "%zu %s%s%s%s. Each line: %s.\n", shown->n,
	    shown->n == 1 ? l->one : l->many,
	    channel[0] != '\0' ? " of " : "", channel, l->order, l->legend);
	fence_begin(&call->fence, out);
	if (call->names != NULL)
		names_legend(call->names, &call->fence, out);
	buf_add(out, rows->p, rows->len);
	fence_end(&call->fence, out);
}

static void
tell_nameless(const struct call *call, struct buf *out)
{
	bool may = directory_may_ask(call->install, DIRECTORY_USERS);

	buf_fmt(out, "Some people are shown by id only: their names %s.\n",
	    may ? "are not known yet" : "need the scope users:read");
}

void
page_put(const struct call *call, const struct js *answer, struct buf *out)
{
	const struct tool_list *l = call->tool->list;
	const char *next = js_text(js_get(answer, "response_metadata",
	    JS_OBJECT), "next_cursor");
	struct buf rows = { 0 };
	struct shown shown;
	size_t end;

	begin(call, &shown);
	end = put_rows(call, answer, &shown, &rows);
	if (shown.n > 0)
		put_fenced(call, &shown, &rows, out);
	else
		l->none(call, next[0] != '\0', out);
	if (shown.nameless)
		tell_nameless(call, out);
	cursor_tell(call, answer, end, shown.last, out);
	if (l->after != NULL)
		l->after(call, answer, &shown, out);
	buf_wipe(&rows);
}
