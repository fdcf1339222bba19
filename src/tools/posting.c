/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/posting.h"

#include "base/js.h"
#include "slack/id.h"
#include "slack/installs.h"
#include "tools/mrkdwn.h"

#include <string.h>

/* Made, not asked for: https://acme.slack.com/archives/C1/p1712345678000100. */
static void
put_permalink(struct call *call, const char *channel, const char *ts,
    const char *thread, struct buf *out)
{
	const char *url = call_install(call)->url;
	size_t n = strlen(url), whole = strcspn(ts, ".");

	if (n == 0 || !slack_is_ts(ts))
		return;
	buf_fmt(out, "permalink: %.*s/archives/%s/p%.*s%s",
	    (int)(url[n - 1] == '/' ? n - 1 : n), url, channel, (int)whole, ts,
	    ts + whole + 1);
	if (thread[0] != '\0')
		buf_fmt(out, "?thread_ts=%s&cid=%s", thread, channel);
	buf_char(out, '\n');
}

static void
put_warnings(const struct js *answer, struct buf *out)
{
	if (strstr(js_text(answer, "warning"), "message_truncated") != NULL)
		buf_str(out,
		    "Slack has cut the text: it was too long for one "
		    "message.\n");
}

void
posting_shape(struct call *call, const struct js *answer, struct buf *out)
{
	const char *channel = js_text(answer, "channel"),
		   *ts = js_text(answer, "ts");
	const char *thread = call_text(call, "thread_ts");

	if (!slack_is_id(channel, strlen(channel), NULL))
		channel = call_of(call, ARG_CHANNEL);
	buf_str(out,
	    call_is_repeat(call) ?
		"Posted already, by an earlier equal call; nothing"
		" was posted now.\n" :
		"Posted.\n");
	buf_fmt(out, "channel: %s\n", channel);
	buf_fmt(out, "ts: %s\n", slack_is_ts(ts) ? ts : "unknown");
	if (thread[0] != '\0')
		buf_fmt(out, "thread_ts: %s\n", thread);
	put_permalink(call, channel, ts, thread, out);
	put_warnings(answer, out);
}

void
posting_form(struct call *call, struct buf *form)
{
	const char *text = call_text(call, "text");
	struct buf b = { 0 };

	mrkdwn_write(&b, text, strlen(text));
	buf_form(form, "text", b.p, b.len);
	buf_str(form, "&unfurl_links=false&unfurl_media=false");
	buf_wipe(&b);
}
