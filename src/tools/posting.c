/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/posting.h"

#include "slack/id.h"
#include "slack/installs.h"
#include "tools/mrkdwn.h"
#include "tools/sending.h"
#include "tools/split.h"

#include <string.h>

#define TEXT_MAX	4000	/* what Slack shows in one piece */
#define MARKDOWN_MAX	12000
#define TRUNCATED	"Slack has cut the text: it was too long for one message.\n"
#define HUSHED		"The mass mentions in the text called nobody: that takes" \
			" mass_mentions=true.\n"

/* Made, not asked for: https://acme.slack.com/archives/C1/p1712345678000100. */
static void
permalink(const struct call *call, const char *channel, const char *ts,
    const char *thread, struct buf *out)
{
	const char *url = call_install(call)->url;
	size_t n = strlen(url), whole = strcspn(ts, ".");

	if (n == 0 || !slack_is_ts(ts))
		return;
	buf_fmt(out, "%.*s/archives/%s/p%.*s%s",
	    (int)(url[n - 1] == '/' ? n - 1 : n), url, channel, (int)whole, ts,
	    ts + whole + 1);
	if (thread[0] != '\0')
		buf_fmt(out, "?thread_ts=%s&cid=%s", thread, channel);
}

static void
put_permalink(const struct call *call, const char *channel, const char *ts,
    const char *thread, struct buf *out)
{
	struct buf link = { 0 };

	permalink(call, channel, ts, thread, &link);
	if (link.len > 0)
		buf_fmt(out, "permalink: %s\n", link.p);
	buf_wipe(&link);
}

static void
put_done(const struct call *call, struct buf *out)
{
	size_t n = sending_count(call), earlier = 0, found = 0;

	for (size_t i = 0; i < n; i++) {
		earlier += sending_part(call, i)->earlier;
		found += sending_part(call, i)->found;
	}
	if (earlier == n)
		buf_str(out, "Posted already, by an earlier equal call; nothing"
		    " was posted now.\n");
	else if (n > 1)
		buf_fmt(out, "Posted in %zu parts, in one thread.\n", n);
	else
		buf_str(out, "Posted.\n");
	if (earlier > 0 && earlier < n)
		buf_fmt(out, "%zu of them were posted already, by an earlier"
		    " equal call.\n", earlier);
	if (found > 0)
		buf_str(out, "Slack did not confirm it; it was found in the"
		    " channel.\n");
}

/* What it came to, beside the message itself. */
static void
put_remarks(const struct call *call, struct buf *out)
{
	if (sending_truncated(call))
		buf_str(out, TRUNCATED);
	if (sending_hushed(call))
		buf_str(out, HUSHED);
}

static const char *
shown(const struct sent *part)
{
	return part->ts[0] != '\0' ? part->ts : "unknown";
}

void
posting_shape(struct call *call, const struct js *answer, struct buf *out)
{
	const char *channel = sending_channel(call);
	const char *thread = call_text(call, "thread_ts");
	size_t n = sending_count(call);

	(void)answer;
	put_done(call, out);
	buf_fmt(out, "channel: %s\n", channel);
	buf_fmt(out, "ts: %s\n", shown(sending_part(call, 0)));
	for (size_t i = 1; i < n; i++)
		buf_fmt(out, "part %zu ts: %s\n", i + 1,
		    shown(sending_part(call, i)));
	if (thread[0] != '\0')
		buf_fmt(out, "thread_ts: %s\n", thread);
	put_permalink(call, channel, sending_part(call, 0)->ts, thread, out);
	put_remarks(call, out);
}

static const char *
known(const struct sent *part)
{
	return part->ts[0] != '\0' ? part->ts : NULL;
}

/* As chat.postMessage answers, and what it does not know. */
void
posting_json(struct call *call, struct jsonw *w)
{
	const char *channel = sending_channel(call);
	const char *thread = call_text(call, "thread_ts");
	size_t n = sending_count(call);
	struct buf said = { 0 };

	jsonw_put_text(w, "channel", channel);
	jsonw_put_text(w, "ts", known(sending_part(call, 0)));
	if (thread[0] != '\0')
		jsonw_put_text(w, "thread_ts", thread);
	permalink(call, channel, sending_part(call, 0)->ts, thread, &said);
	jsonw_put_text(w, "permalink", said.len > 0 ? said.p : "");
	if (n > 1) {
		jsonw_key(w, "parts");
		jsonw_open(w, '[');
		for (size_t i = 0; i < n; i++)
			jsonw_text(w, known(sending_part(call, i)));
		jsonw_close(w);
	}
	buf_reset(&said);
	put_done(call, &said);
	put_remarks(call, &said);
	jsonw_key(w, "outcome");
	jsonw_textn(w, said.p, said.len - 1);	/* without its line end */
	buf_wipe(&said);
}

/* What is sent. */

static bool
wants(const struct call *call, const char *name)
{
	return json_object_get_boolean(call_arg(call, name));
}

bool
posting_is_markdown(const struct call *call)
{
	return wants(call, "markdown");
}

/* What is sent, and how. */
struct parting {
	const char *text;
	size_t len;
	bool markdown, crowds;
	bool hushed;		/* there are some, and they are not to be called */
	bool code;		/* within a block of it at text */
};

static void
put_part(struct parting *p, size_t end, bool code, struct buf *out)
{
	buf_reset(out);
	if (p->code)
		buf_str(out, SPLIT_CODE "\n");
	if (!p->markdown || p->crowds)
		buf_add(out, p->text, end);
	else if (mrkdwn_hush(out, p->text, end))
		p->hushed = true;
	if (code)
		buf_str(out, "\n" SPLIT_CODE);
}

/* The text's first message; what is left stands in p.  Markdown is hushed after it is
 * cut, a block of code that is cut ends and begins again: what that puts in has to fit
 * as well.  False: it is blank. */
static bool
take_first(struct parting *p, struct buf *out)
{
	size_t max = p->markdown ? MARKDOWN_MAX : TEXT_MAX, room = max, used;
	struct cut cut;
	bool code, blank;

	for (;;) {
		cut = split_at(p->text, p->len, room);
		code = split_in_code(p->code, p->text, cut.end, p->len);
		put_part(p, cut.end, code, out);
		used = split_units(out->p, out->len);
		if (used <= max)
			break;
		room -= used - max;
	}
	blank = strspn(p->text, " \t\r\n") >= cut.end;
	p->text += cut.next;
	p->len -= cut.next;
	p->code = code;
	if (code && strncmp(p->text, SPLIT_CODE, strlen(SPLIT_CODE)) == 0) {
		p->text += strspn(p->text, "`");	/* it has ended already */
		p->text += *p->text == '\n';
		p->len = strlen(p->text);
		p->code = false;
	}
	return !blank;
}

size_t
posting_texts(const struct call *call, struct buf *out, bool *hushed)
{
	const char *text = call_text(call, "text");
	struct parting p = { .markdown = posting_is_markdown(call),
		.crowds = wants(call, "mass_mentions") };
	struct buf all = { 0 }, one = { 0 };
	size_t n = 0;

	if (p.markdown)
		buf_str(&all, text);
	else
		p.hushed = mrkdwn_write(&all, text, strlen(text), p.crowds);
	for (p.text = all.p, p.len = all.len; p.len > 0;)
		if (take_first(&p, &one)) {
			buf_add(out, one.p, one.len);
			buf_char(out, '\0');
			n++;
		}
	*hushed = p.hushed;
	buf_wipe(&all);
	buf_wipe(&one);
	return n;
}

void
posting_form(const struct call *call, const char *text, bool first,
    struct buf *form)
{
	const char *unfurl = wants(call, "unfurl") ? "true" : "false";

	buf_form(form, posting_is_markdown(call) ? "markdown_text" : "text",
	    text, strlen(text));
	buf_fmt(form, "&unfurl_links=%s&unfurl_media=%s", unfurl, unfurl);
	if (first && wants(call, "reply_broadcast"))
		buf_str(form, "&reply_broadcast=true");
}
