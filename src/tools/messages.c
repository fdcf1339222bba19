/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/messages.h"

#include "base/js.h"
#include "slack/budget.h"

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
	const char *from = call_text(call, "oldest");
	const char *to = call_text(call, "latest");

	if (more)
		buf_str(out, "No message on this page; more pages follow.\n");
	else if (from[0] != '\0' || to[0] != '\0')
		buf_fmt(out, "No message between oldest and latest%s. Leave them"
		    " out to see the newest ones.\n", from[0] != '\0' &&
		    to[0] != '\0' ? "; oldest has to be the earlier time" : "");
	else
		buf_str(out, "No message: the channel is empty, or its plan"
		    " hides what is older.\n");
}

/* A thread's head comes whatever the span. */
static bool
is_head_alone(const struct call *call, const struct js *answer)
{
	return call_text(call, "thread_ts")[0] != '\0' &&
	    (call_text(call, "oldest")[0] != '\0' ||
		call_text(call, "latest")[0] != '\0') &&
	    js_count(answer, "messages") == 1 && !js_bool(answer, "has_more");
}

/* Better known before than from the refusal of the next page. */
static bool
is_rare(const struct call *call)
{
	struct budget b;

	budget_of(&b, call_box(call)->slack, call_install(call),
	    METHOD_CONVERSATIONS_HISTORY, NULL);
	return b.rare;
}

/* A thread's first page begins with its head, whatever reply is asked for. */
static void
tell_rest(const struct call *call, struct buf *out)
{
	if (call_text(call, "thread_ts")[0] == '\0')
		buf_fmt(out, "slack_get_thread_replies shows %d bytes of a text"
		    " that is cut: give it the message's ts as thread_ts, limit=1"
		    " and format=compact.\n", RENDER_ALONE);
	else
		buf_fmt(out, "To see %d bytes of a text that is cut, call again with"
		    " limit=1 and format=compact, for a reply also oldest=the ts of"
		    " the message before it: it is on the second page.\n",
		    RENDER_ALONE);
}

void
messages_after(const struct call *call, const struct js *answer,
    const struct shown *shown, struct buf *out)
{
	if (is_head_alone(call, answer))
		buf_str(out, "No reply between oldest and latest.\n");
	if (is_rare(call))
		buf_str(out, "Slack lets this app read 15 messages a minute in"
		    " this workspace: wait 60 s before the next page.\n");
	if (shown->render.has_threads)
		buf_str(out, "slack_get_thread_replies reads the replies: give it"
		    " the message's ts as thread_ts.\n");
	if (shown->render.has_cut && shown->render.text_max == RENDER_TEXT)
		tell_rest(call, out);
	if (js_bool(answer, "is_limited"))
		buf_str(out,
		    "Older messages exist that the workspace's plan hides.\n");
}
