/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_SPLIT_H
#define TOOLS_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

/* Where a text that is longer than max characters (as Slack may count them: of
 * UTF-16) is best cut: its first end bytes are a message, the next one begins at
 * byte next (blanks between the two are dropped).  Between paragraphs, lines or
 * words if there is such a place in the second half; never within a character,
 * &amp;, ``` or <…>.  next is len when nothing is left; it is never 0. */
struct cut {
	size_t end, next;
};
struct cut split_at(const char *text, size_t len, size_t max);
/* Is a block of code, from ``` to ```, open behind the first end bytes, if it is
 * (open) before them?  One that nothing closes is none. */
bool split_in_code(bool open, const char *text, size_t end, size_t len);
#define SPLIT_CODE	"```"
/* How many characters those are. */
size_t split_units(const char *text, size_t len);

#endif
