/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/call.h"

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

static void
shape(struct call *call, const struct js *answer, struct buf *out)
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

static void
form(struct call *call, struct buf *form)
{
	const char *text = call_text(call, "text");
	struct buf b = { 0 };

	mrkdwn_write(&b, text, strlen(text));
	buf_form(form, "text", b.p, b.len);
	buf_str(form, "&unfurl_links=false&unfurl_media=false");
	buf_wipe(&b);
}

static const struct tool_arg args[] = {
	ARGUMENT_TEAM,
	ARGUMENT_CHANNEL,
	{ "text", ARG_STRING, .required = true, .min = 1, .max = 40000,
	  .also = { "message" }, .help = "the message, in Slack's mrkdwn: *bold* _italic_"
	  " `code`, links as <https://…|label>, people as <@U…>" },
	{ "thread_ts", ARG_TS, .min = 17, .slack = "thread_ts", .also = { "threadTs" },
	  .help = "to reply: the ts of the thread's first message" },
	{ "idempotency_key", ARG_KEY, .min = 1, .max = 64, .also = { "idempotencyKey" },
	  .help = "any unique word: the same one again posts nothing twice" },
	{ .name = NULL }
};

const struct tool tool_post_message = {
	.name = "slack_post_message",
	.title = "Post a message",
	.help = "Posts a message to a channel or thread. & < > are shown as "
	        "they are, but for"
		" <@U…>, <#C…> and <https://…|…>; @channel and @here call "
	        "nobody. After an"
		" unclear outcome look at the channel before posting again.",
	.toolset = TOOLSETS_DEFAULT,
	.role = ROLE_WRITE,
	.args = args,
	.method = METHOD_CHAT_POST_MESSAGE,
	.scopes = "chat:write",
	.want_scopes = "chat:write",
	.once = true,
	.shape = shape,
	.form = form,
};
