/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_MRKDWN_H
#define TOOLS_MRKDWN_H

#include "base/buf.h"

/* Slack's control sequences (SLACK.md 6 and 7).
 *
 * Reading: <…> first, then &lt; &gt; &amp; once. */
void mrkdwn_read(struct buf *out, const char *text, size_t len);

/* Writing: & < > are escaped, but for <@U…>, <#C…> and <http(s)://…> with or
 * without |label, if well formed.  <!channel> and the like are escaped too: nothing
 * that a model writes calls a crowd by accident. */
void mrkdwn_write(struct buf *out, const char *text, size_t len);

#endif
