/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_POSTING_H
#define TOOLS_POSTING_H

#include "tools/call.h"

/* What tools that post share. */
void posting_shape(struct call *call, const struct js *answer, struct buf *out);
void posting_form(struct call *call, struct buf *form);

#define ARGUMENT_POST_TEXT \
	{ "text", ARG_STRING, .required = true, .min = 1, .max = 40000, \
	  .also = { "message" }, .help = "the message, in Slack's mrkdwn: *bold* _italic_" \
	  " `code`, links as <https://…|label>, people as <@U…>" }
#define ARGUMENT_POST_KEY \
	{ "idempotency_key", ARG_KEY, .min = 1, .max = 64, .also = { "idempotencyKey" }, \
	  .help = "any unique word: the same one again posts nothing twice" }

#endif
