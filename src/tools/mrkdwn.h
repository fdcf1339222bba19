/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_MRKDWN_H
#define TOOLS_MRKDWN_H

#include "base/buf.h"
#include "tools/names.h"

#include <stdbool.h>

/* Slack's control sequences (SLACK.md 6 and 7).
 *
 * Reading: <…> first, then &lt; &gt; &amp; once; ids by their names (NULL: none). */
void mrkdwn_read(struct names *names, struct buf *out, const char *text,
    size_t len);
/* Likewise, of what Slack escapes, but has no <…>: names, titles, plain text. */
void mrkdwn_unescape(struct buf *out, const char *text, size_t len);

/* Writing: & < > are escaped, but for <@U…>, <#C…> and <http(s)://…> with or
 * without |label, if well formed.  Only with crowds so are <!channel>, <!here>,
 * <!everyone> and <!subteam^S…>: nothing that a model writes calls a crowd by
 * accident.  True: there was one, and it calls nobody. */
bool mrkdwn_write(struct buf *out, const char *text, size_t len, bool crowds);

/* Markdown whose words call no crowd: <!… and @channel, also when they are written
 * with entities or escaped signs, are parted by a character that nobody sees.  For
 * one message: where a text is cut decides what stands at its ends.  True: there was
 * something to part. */
bool mrkdwn_hush(struct buf *out, const char *text, size_t len);

#endif
