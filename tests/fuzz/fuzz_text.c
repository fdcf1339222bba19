/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "slack/id.h"
#include "tools/fence.h"
#include "tools/mrkdwn.h"
#include "tools/window.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Text by itself: from Slack, to Slack, and into an answer.
 * covers: tools/mrkdwn.c tools/fence.c tools/window.c */

static const struct fence fence = { "0123456789abcdef" };

static bool
begins(const char *p, const char *with)
{
	return strncmp(p, with, strlen(with)) == 0;
}

/* What is posted as mrkdwn: entities, and forms that call nobody but who is named. */
static void
check_written(const struct buf *out, bool crowds)
{
	bool within = false;

	for (const char *p = out->p; p < out->p + out->len; p++) {
		if (*p == '&')
			MUST(begins(p, "&amp;") || begins(p, "&lt;") ||
			    begins(p, "&gt;"));
		if (*p == '<') {
			MUST(!within);
			MUST(begins(p, "<@U") || begins(p, "<@W") ||
			    begins(p, "<#C") || begins(p, "<#G") ||
			    begins(p, "<http://") || begins(p, "<https://") ||
			    (crowds && begins(p, "<!")));
			within = true;
		} else if (*p == '>') {
			MUST(within);
			within = false;
		}
	}
	MUST(!within);
}

/* Whatever holds no form of its own comes back as it was written. */
static void
write_and_read(const char *text, size_t len, bool crowds)
{
	struct buf sent = { 0 }, back = { 0 };

	mrkdwn_write(&sent, text, len, crowds);
	check_written(&sent, crowds);
	mrkdwn_read(NULL, &back, sent.p, sent.len);
	if (memchr(sent.p, '<', sent.len) == NULL)
		MUST(back.len == len && memcmp(back.p, text, len) == 0);
	buf_wipe(&sent);
	buf_wipe(&back);
}

/* What HTML has and Slack does not. */
static bool
is_of_html(const char *p, size_t len)
{
	return (len >= 2 && begins(p, "--")) ||
	    (len >= 7 && strncasecmp(p, "doctype", 7) == 0 &&
		(len == 7 || !isalnum((unsigned char)p[7])));
}

static void
check_hushed(const char *p, size_t len)
{
	static const char *const words[] = { "channel", "here", "everyone" };

	for (size_t i = 0; i < len; i++) {
		MUST(p[i] != '<' || i + 1 == len || p[i + 1] != '!' ||
		    is_of_html(p + i + 2, len - i - 2));
		if (p[i] != '@' || (i > 0 && isalnum((unsigned char)p[i - 1])))
			continue;
		for (size_t w = 0; w < 3; w++) {
			size_t n = strlen(words[w]);

			MUST(len - i - 1 < n ||
			    strncasecmp(p + i + 1, words[w], n) != 0 ||
			    (len - i - 1 > n &&
				isalnum((unsigned char)p[i + 1 + n])));
		}
	}
}

static void
hush(const char *text, size_t len)
{
	struct buf out = { 0 };

	mrkdwn_hush(&out, text, len);
	MUST(out.len >= len);
	if (out.len > 0)
		check_hushed(out.p, out.len);
	buf_wipe(&out);
}

#define NOTE	40		/* "… (cut, 12345 bytes more)" */

static void
check_shown(const struct buf *out, size_t max, const char *stays)
{
	MUST(max == 0 || out->len <= max + NOTE);
	for (size_t i = 0, n; i < out->len; i += n) {
		unsigned char c = (unsigned char)out->p[i];

		MUST((n = utf8_length(out->p + i, out->len - i)) > 0);
		MUST((c >= ' ' && c != 0x7f) || strchr(stays, c) != NULL);
	}
}

static void
show(const char *text, size_t len, size_t max)
{
	struct buf out = { 0 };
	char *whole = mem_strn(text, len);

	fence_text(&fence, &out, text, len, max);
	check_shown(&out, max, "");
	MUST(out.len == 0 || strstr(out.p, fence.mark) == NULL);
	buf_reset(&out);
	fence_field(&fence, &out, whole, max);
	check_shown(&out, max, "");
	MUST(out.len == 0 || (strchr(out.p, '|') == NULL &&
	    strstr(out.p, fence.mark) == NULL));
	buf_reset(&out);
	fence_value(&out, text, len, max);
	check_shown(&out, max, "\n\t");
	buf_wipe(&out);
	free(whole);
}

static void
bound(const char *text, size_t len)
{
	char out[WINDOW_SIZE], *whole = mem_strn(text, len);

	if (window_bound(whole, 1764078242123, out))
		MUST(slack_is_time(out));
	free(whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	struct buf out = { 0 };

	if (len == 0)
		return 0;
	mrkdwn_read(NULL, &out, text, len);
	buf_wipe(&out);
	write_and_read(text, len, false);
	write_and_read(text, len, true);
	hush(text, len);
	show(text, len, 0);
	show(text, len, bytes[0]);
	bound(text, len);
	return 0;
}
