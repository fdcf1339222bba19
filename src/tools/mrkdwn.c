/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/mrkdwn.h"

#include "slack/id.h"

#include <ctype.h>
#include <string.h>

static bool
begins(const char *p, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(p, with, n) == 0;
}

void
mrkdwn_unescape(struct buf *out, const char *p, size_t len)
{
	static const struct {
		const char *name;
		char c;
	} entities[] = { { "&lt;", '<' }, { "&gt;", '>' }, { "&amp;", '&' } };
	const char *end = p + len, *run = p;

	while ((p = memchr(p, '&', (size_t)(end - p))) != NULL) {
		size_t n = 0, e;

		for (e = 0; e < 3; e++)
			if (begins(p, (size_t)(end - p), entities[e].name))
				break;
		if (e < 3) {
			n = strlen(entities[e].name);
			buf_add(out, run, (size_t)(p - run));
			buf_char(out, entities[e].c);
			run = p + n;
		}
		p += n > 0 ? n : 1;
	}
	buf_add(out, run, (size_t)(end - run));
}

/* What stands in <…>: target, and the label behind the bar. */
struct control {
	const char *target, *label;
	size_t tlen, llen;
};

/* <@U1>, <@U1|ann>, <#C1|general>: our name of it, which the legend or a
 * tool's argument leads back to its id; else Slack's; else the id. */
static void
named(struct names *names, struct buf *out, const struct control *c, char sign)
{
	const char *id = c->target + 1;
	size_t len = c->tlen - 1;
	const char *name = sign == '@' ? names_mention(names, id, len) :
	    names_of(names, DIRECTORY_CHANNELS, id, len);

	buf_char(out, sign);
	if (name != NULL) {
		mrkdwn_unescape(out, name, strlen(name));
	} else if (c->llen > 0) {
		mrkdwn_unescape(out, c->label, c->llen);
		buf_str(out, " (");
		mrkdwn_unescape(out, id, len);
		buf_char(out, ')');
	} else {
		mrkdwn_unescape(out, id, len);
	}
}

/* <!here>, <!subteam^S1|@team>, <!date^1700000000^{date}|fallback>. */
static void
special(struct buf *out, const struct control *c)
{
	const char *word = c->target + 1;
	size_t len = c->tlen - 1;

	if (c->llen > 0) {
		mrkdwn_unescape(out, c->label, c->llen);
		return;
	}
	if (begins(word, len, "subteam^")) {
		word += 8;
		len -= 8;
	}
	buf_char(out, '@');
	mrkdwn_unescape(out, word, len);
}

static void
link_to(struct buf *out, const struct control *c)
{
	struct control to = *c;

	if (begins(to.target, to.tlen, "mailto:")) {
		to.target += 7;
		to.tlen -= 7;
	}
	if (to.llen > 0 &&
	    (to.llen != to.tlen || memcmp(to.label, to.target, to.tlen) != 0)) {
		mrkdwn_unescape(out, to.label, to.llen);
		buf_str(out, " (");
		mrkdwn_unescape(out, to.target, to.tlen);
		buf_char(out, ')');
	} else {
		mrkdwn_unescape(out, to.target, to.tlen);
	}
}

static void
control(struct names *names, struct buf *out, const char *p, size_t len)
{
	const char *bar = memchr(p, '|', len);
	struct control c = { .target = p, .tlen = len, .label = "" };

	if (bar != NULL) {
		c.tlen = (size_t)(bar - p);
		c.label = bar + 1;
		c.llen = len - c.tlen - 1;
	}
	if (c.tlen > 1 && (*p == '@' || *p == '#')) {
		named(names, out, &c, *p);
	} else if (c.tlen > 1 && *p == '!') {
		special(out, &c);
	} else if (memchr(p, ':', c.tlen) != NULL) {
		link_to(out, &c);
	} else {		/* nothing that Slack makes */
		buf_char(out, '<');
		mrkdwn_unescape(out, p, len);
		buf_char(out, '>');
	}
}

void
mrkdwn_read(struct names *names, struct buf *out, const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		const char *open = memchr(text + i, '<', len - i);
		const char *end = open != NULL ?
		    memchr(open, '>', len - (size_t)(open - text)) : NULL;

		if (end == NULL) {
			mrkdwn_unescape(out, text + i, len - i);
			return;
		}
		mrkdwn_unescape(out, text + i, (size_t)(open - text) - i);
		if (end == open + 1)
			buf_str(out, "<>");
		else
			control(names, out, open + 1, (size_t)(end - open) - 1);
		i = (size_t)(end - text) + 1;
	}
}

static void
escape(struct buf *out, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		switch (p[i]) {
		case '&':
			buf_str(out, "&amp;");
			break;
		case '<':
			buf_str(out, "&lt;");
			break;
		case '>':
			buf_str(out, "&gt;");
			break;
		default:
			buf_char(out, p[i]);
		}
}

static const char *const crowd_words[] = { "channel", "here", "everyone" };

/* Is it the name of a crowd, whole?  Its length, or 0. */
static size_t
crowd(const char *p, size_t len)
{
	for (size_t i = 0; i < sizeof(crowd_words) / sizeof(crowd_words[0]);
	     i++) {
		size_t n = strlen(crowd_words[i]);

		if (len >= n && strncasecmp(p, crowd_words[i], n) == 0 &&
		    (len == n || !isalnum((unsigned char)p[n])))
			return n;
	}
	return 0;
}

/* !channel, !subteam^S1, either with a label. */
static bool
calls_crowd(const char *p, size_t len)
{
	const char *bar = memchr(p, '|', len);
	size_t n = bar != NULL ? (size_t)(bar - p) : len;

	if (n < 2 || *p != '!')
		return false;
	if (begins(p, n, "!subteam^"))
		return slack_is_id(p + 9, n - 9, "S");
	return crowd(p + 1, n - 1) == n - 1;
}

/* May <p> stay as it is? */
static bool
well_formed(const char *p, size_t len)
{
	if (len > 3 && p[0] == '@' && slack_is_id(p + 1, len - 1, "UW"))
		return true;
	if (len > 3 && p[0] == '#' && slack_is_id(p + 1, len - 1, "CG"))
		return true;
	if (!begins(p, len, "http://") && !begins(p, len, "https://"))
		return false;
	for (size_t i = 0; i < len && p[i] != '|'; i++)
		if ((unsigned char)p[i] <= ' ' || p[i] == '"')
			return false;
	return memchr(p, '\n', len) == NULL && len > 8;
}

bool
mrkdwn_write(struct buf *out, const char *text, size_t len, bool crowds)
{
	bool hushed = false;
	size_t i = 0;

	while (i < len) {
		size_t n = 1;

		if (text[i] == '<') {
			const char *p = text + i + 1;
			size_t inner = 0;
			bool whole, calls;

			while (i + 1 + inner < len && p[inner] != '<' &&
			    p[inner] != '>')
				inner++;
			whole = i + 1 + inner < len && p[inner] == '>';
			calls = whole && calls_crowd(p, inner);
			if (calls ? crowds : whole && well_formed(p, inner)) {
				buf_char(out, '<');
				escape(out, p, inner);
				buf_char(out, '>');
				i += inner + 2;
				continue;
			}
			hushed = hushed || calls;
		}
		escape(out, text + i, n);
		i += n;
	}
	return hushed;
}

/* &#64; &#x40;: the bytes, or 0. */
static size_t
numbered(const char *p, size_t len, unsigned *c)
{
	bool hex = len > 2 && (p[2] == 'x' || p[2] == 'X');
	size_t first = hex ? 3 : 2, i = first;

	if (!begins(p, len, "&#"))
		return 0;
	for (*c = 0; i < len && *c < 0x110000 && (hex ?
	    isxdigit((unsigned char)p[i]) : isdigit((unsigned char)p[i])); i++)
		*c = *c * (hex ? 16 : 10) + (isdigit((unsigned char)p[i]) ?
		    (unsigned)p[i] - '0' : ((unsigned)p[i] | 0x20) - 'a' + 10);
	if (i == first)
		return 0;
	return i < len && p[i] == ';' ? i + 1 : i;
}

/* What is seen of Markdown's next character, and its bytes: an entity or an escaped
 * sign is as good as what it stands for. */
static size_t
seen(const char *p, size_t len, unsigned *c)
{
	static const struct {
		const char *name;	/* HTML does without the ; of some */
		char c;
	} entities[] = { { "&lt", '<' }, { "&LT", '<' }, { "&excl", '!' },
		{ "&commat", '@' } };
	size_t n = numbered(p, len, c);

	if (n > 0)
		return n;
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (begins(p, len, entities[i].name)) {
			*c = (unsigned char)entities[i].c;
			n = strlen(entities[i].name);
			return n < len && p[n] == ';' ? n + 1 : n;
		}
	n = len > 1 && *p == '\\' && ispunct((unsigned char)p[1]) ? 2 : 1;
	*c = (unsigned char)p[n - 1];
	return n;
}

static bool
is_letter(unsigned c)
{
	return c < 0x80 && isalnum((int)c);
}

/* Is the word seen at p, and whole? */
static bool
spells(const char *p, size_t len, const char *word)
{
	unsigned c;

	for (; *word != '\0'; word++) {
		size_t n = len > 0 ? seen(p, len, &c) : 0;

		if (n == 0 || !is_letter(c) || tolower((int)c) != *word)
			return false;
		p += n;
		len -= n;
	}
	return len == 0 || (seen(p, len, &c) > 0 && !is_letter(c));
}

/* <!: of Slack, if not of HTML: <!-- and <!doctype stay, since code is copied. */
static bool
may_open(const char *p, size_t len)
{
	unsigned c = 0;
	size_t n = len > 0 ? seen(p, len, &c) : 0;

	return c == '!' && !begins(p + n, len - n, "--") &&
	    !spells(p + n, len - n, "doctype");
}

/* Does c, with what follows it at p, call a crowd?  Within a mail address it does
 * not. */
static bool
may_call(unsigned before, unsigned c, const char *p, size_t len)
{
	if (c == '<')
		return may_open(p, len);
	if (c != '@' || is_letter(before))
		return false;
	for (size_t i = 0; i < sizeof(crowd_words) / sizeof(crowd_words[0]);
	     i++)
		if (spells(p, len, crowd_words[i]))
			return true;
	return false;
}

/* Likewise, for who takes no entity and no escaped sign for another. */
static bool
calls_as_written(const char *text, size_t at, size_t len)
{
	return text[at] == '@' && crowd(text + at + 1, len - at - 1) > 0 &&
	    (at == 0 || !isalnum((unsigned char)text[at - 1]));
}

bool
mrkdwn_hush(struct buf *out, const char *text, size_t len)
{
	unsigned before = 0, c = 0;
	bool hushed = false;

	for (size_t i = 0, n; i < len; i += n, before = c) {
		n = seen(text + i, len - i, &c);
		buf_add(out, text + i, n);
		if (may_call(before, c, text + i + n, len - i - n) ||
		    calls_as_written(text, i + n - 1, len)) {
			buf_str(out, "\xe2\x81\xa0");
			hushed = true;
		}
	}
	return hushed;
}
