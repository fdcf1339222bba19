/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_POSTING_H
#define TOOLS_POSTING_H

#include "tools/call.h"

/* What tools that post share. */
void posting_shape(struct call *call, const struct js *answer, struct buf *out);
void posting_json(struct call *call, struct jsonw *w);
/* The messages of a call, each with a NUL behind it, as Slack is to get them; how
 * many.  hushed: their mass mentions call nobody. */
size_t posting_texts(const struct call *call, struct buf *out, bool *hushed);
bool posting_is_markdown(const struct call *call);
/* What the arguments alone do not say of one of them. */
void posting_form(const struct call *call, const char *text, bool first,
    struct buf *form);

#define ARGUMENT_POST_TEXT \
	{ "text", ARG_STRING, .required = true, .min = 1, .max = 40000, \
	  .also = { "message" }, .help = "the message, in Slack's mrkdwn: *bold* _italic_" \
	  " `code`, links as <https://…|label>, people as <@U…>" }
#define ARGUMENTS_POST_HOW \
	{ "markdown", ARG_BOOL, .help = "text is Markdown, not mrkdwn" }, \
	{ "mass_mentions", ARG_BOOL, .also = { "massMentions" }, \
	  .help = "let <!channel>, <!here>, <!everyone>, <!subteam^S…> call people" }, \
	{ "unfurl", ARG_BOOL, .help = "show previews of links" }
#define ARGUMENT_POST_KEY \
	{ "idempotency_key", ARG_KEY, .min = 1, .max = 64, .also = { "idempotencyKey" }, \
	  .help = "any unique word: the same one again posts nothing twice" }

#endif
