/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/same.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define EMOJI	'\001'		/* stands for a run of them */

/* What Slack may turn into a :word:.  More than that is no harm: both texts are
 * read with the same eyes. */
static const struct {
	uint32_t first, last;
} emoji[] = {
	{ 0xa9, 0xa9 }, { 0xae, 0xae }, { 0x200d, 0x200d }, { 0x203c, 0x203c },
	{ 0x2049, 0x2049 }, { 0x20e3, 0x20e3 }, { 0x2100, 0x2bff },
	{ 0x3030, 0x3030 }, { 0x303d, 0x303d }, { 0x3297, 0x3299 },
	{ 0xfe00, 0xfe0f }, { 0x1f000, 0x1faff }, { 0xe0020, 0xe007f },
};

static bool
is_emoji(const char *p, size_t n)
{
	uint32_t r = n < 2 ? 0 : utf8_code(p, n);

	for (size_t i = 0; i < sizeof(emoji) / sizeof(emoji[0]); i++)
		if (r >= emoji[i].first && r <= emoji[i].last)
			return true;
	return false;
}

/* The bytes of a :word: at p, or 0. */
static size_t
word(const char *p)
{
	size_t n;

	if (*p != ':')
		return 0;
	n = 1 + strspn(p + 1, "abcdefghijklmnopqrstuvwxyz0123456789_+'-");
	return n > 1 && p[n] == ':' ? n + 1 : 0;
}

/* &lt; &gt; &amp;, or 0. */
static size_t
entity(const char *p, char *c)
{
	static const struct {
		const char *text;
		char c;
	} all[] = { { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strncmp(p, all[i].text, strlen(all[i].text)) == 0) {
			*c = all[i].c;
			return strlen(all[i].text);
		}
	return 0;
}

static void put(struct buf *out, const char *p, const char *end);

/* <…>: of a link what is seen, of anything else what it names. */
static void
control(struct buf *out, const char *p, const char *end)
{
	const char *bar = memchr(p, '|', (size_t)(end - p));

	if (bar == NULL)
		put(out, p, end);
	else if (*p == '@' || *p == '#' || *p == '!')
		put(out, p, bar);
	else
		put(out, bar + 1, end);
}

static void
put_emoji(struct buf *out)
{
	if (out->len == 0 || out->p[out->len - 1] != EMOJI)
		buf_char(out, EMOJI);
}

static void
put(struct buf *out, const char *p, const char *end)
{
	while (p < end) {
		size_t n = utf8_length(p, (size_t)(end - p)), w = word(p);
		const char *close;
		char c = *p;

		if (w > 0 || is_emoji(p, n)) {
			put_emoji(out);
			p += w > 0 ? w : n;
		} else if (c == '<' && (close = memchr(p, '>',
		    (size_t)(end - p))) != NULL) {
			control(out, p + 1, close);
			p = close + 1;
		} else {
			w = c == '&' ? entity(p, &c) : 0;
			if (w > 0)
				buf_char(out, c);
			else if (c != '\r')
				buf_add(out, p, n > 0 ? n : 1);
			p += w > 0 ? w : n > 0 ? n : 1;
		}
	}
}

/* Markdown's own links, down to what is seen of them. */
static void
put_markdown(struct buf *out, const char *p)
{
	const char *link, *end;

	while ((link = strstr(p, "](")) != NULL &&
	    (end = strchr(link, ')')) != NULL) {
		put(out, p, link);
		p = end + 1;
	}
	put(out, p, p + strlen(p));
}

static void
letters_only(struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		if (isalnum((unsigned char)b->p[i]) || (b->p[i] & 0x80) != 0)
			b->p[n++] = b->p[i];
	b->len = n;
}

static void
trim(struct buf *b)
{
	size_t n = 0;

	while (b->len > 0 && isspace((unsigned char)b->p[b->len - 1]))
		b->len--;
	while (n < b->len && isspace((unsigned char)b->p[n]))
		n++;
	buf_drop(b, n);
}

bool
same_text(const char *sent, const char *kept, bool markdown)
{
	struct buf a = { 0 }, b = { 0 };
	bool same;

	if (markdown)
		put_markdown(&a, sent);
	else
		put(&a, sent, sent + strlen(sent));
	put(&b, kept, kept + strlen(kept));
	if (markdown) {
		letters_only(&a);
		letters_only(&b);
	}
	trim(&a);
	trim(&b);
	same = a.len > 0 && a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
	buf_wipe(&a);
	buf_wipe(&b);
	return same;
}
