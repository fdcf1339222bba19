/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SAME_H
#define TOOLS_SAME_H

#include <stdbool.h>

/* Is it the same message?  Slack does not keep a text as it was sent: it marks the
 * URLs in it, gives channels their names, turns emoji into :words:, and makes its
 * own text of Markdown, of which only letters and digits are compared. */
bool same_text(const char *sent, const char *kept, bool markdown);

#endif
