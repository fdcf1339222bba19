/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/messages.h"

#include "base/js.h"
#include "slack/id.h"

void
messages_put(const struct call *call, const struct js *row, struct shown *shown,
    struct buf *out)
{
	(void)call;
	if (render_message(&shown->render, row, out))
		shown->nameless = true;
}

/* Never silently nothing. */
void
messages_none(const struct call *call, bool more, struct buf *out)
{
	if (more)
		buf_str(out, "No message on this page; more pages follow.\n");
	else if (call_text(call, "oldest")[0] != '\0' ||
	    call_text(call, "latest")[0] != '\0')
		buf_str(out, "No message between oldest and latest. Leave them"
		    " out to see the newest ones.\n");
	else
		buf_str(out, "No message: the channel is empty, or its plan"
		    " hides what is older.\n");
}

/* By time, since new messages move the pages. */
bool
messages_rest(const struct js *last, struct buf *out)
{
	const char *ts = js_text(last, "ts");

	if (!slack_is_ts(ts))
		return false;
	buf_fmt(out, "The answer is full: for older messages call again without"
	    " cursor and with latest=%s\n", ts);
	return true;
}

void
messages_after(const struct js *answer, const struct shown *shown,
    struct buf *out)
{
	if (shown->render.has_threads)
		buf_str(out, "slack_get_thread_replies reads the replies: give it"
		    " the message's ts as thread_ts.\n");
	if (shown->render.has_cut && shown->render.text_max == RENDER_TEXT)
		buf_fmt(out, "slack_get_thread_replies shows %d bytes of a text that"
		    " is cut: give it the message's ts as thread_ts, and"
		    " limit=1.\n", RENDER_ALONE);
	if (js_bool(answer, "is_limited"))
		buf_str(out,
		    "Older messages exist that the workspace's plan hides.\n");
}
