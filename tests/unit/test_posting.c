/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/mrkdwn.h"
#include "tools/same.h"
#include "tools/split.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What Slack keeps of what was sent. */

#define URL	"https://e.org/?a=1&amp;b=2"

static const struct {
	const char *sent, *kept;
	bool markdown, same;
} texts[] = {
	{ "hello", "hello", false, true },
	{ "hello", "hello!", false, false },
	{ "hello", "Hello", false, false },
	{ "", "", false, false },
	{ "a &lt; b &amp;&amp; c", "a &lt; b &amp;&amp; c", false, true },
	{ "a &lt; b", "a < b", false, true },
	{ "&amp;lt;", "&lt;", false, false },
	{ "see " URL ".", "see <" URL ">.", false, true },
	{ "see example.org", "see <http://example.org|example.org>", false, true },
	{ "me@e.org", "<mailto:me@e.org|me@e.org>", false, true },
	{ "see <" URL "|a &amp; b>", "see <" URL "|a &amp; b>", false, true },
	{ "see <" URL "|a>", "see <" URL "|b>", false, false },
	{ "in <#C12> by <@U12>", "in <#C12|general> by <@U12|ann>", false, true },
	{ "in <#C12>", "in <#C13|general>", false, false },
	{ "\xf0\x9f\x8e\x89 done", ":tada: done", false, true },
	{ "\xe2\x9c\x85\xef\xb8\x8f\xf0\x9f\x8e\x89 x", ":white_check_mark::tada: x", false, true },
	{ "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", ":+1::skin-tone-4:", false, true },
	{ "\xf0\x9f\x8e\x89 done", "done", false, false },
	{ "at 10:30:45", "at 10:30:45", false, true },
	{ "at 10:30:45", "at 10:30:46", false, false },
	{ " a\r\nb\n", "a\nb", false, true },
	{ "a  b", "a b", false, false },
	{ "bad \xff", "bad \xff", false, true },
	{ "<", "&lt;", false, true },
	{ "**bold** [a](https://e.org/x) https://e.org/y", "*bold* <https://e.org/x|a> <https://e.org/y>",
	  true, true },
	{ "# Head\n\n- one\n- two", "*Head*\n• one\n• two", true, false },	/* • is a letter to us */
	{ "# Head\n\n1. one", "*Head*\n1. one", true, true },
	{ "**bold**", "*bald*", true, false },
	{ "![x](y", "x (y", true, true },
	{ "**", "**", true, false },
};

START_TEST(compared)
{
	ck_assert_msg(same_text(texts[_i].sent, texts[_i].kept, texts[_i].markdown) ==
	    texts[_i].same, "%s", texts[_i].sent);
}
END_TEST

/* Cut at 10: the first part, and what comes behind it. */

#define TADA	"\xf0\x9f\x8e\x89"

static const struct {
	const char *text, *first, *rest;
} cuts[] = {
	{ "short", "short", "" },
	{ "0123456789", "0123456789", "" },
	{ "0123456789a", "0123456789", "a" },
	{ "01234 6789a", "01234", "6789a" },
	{ "0123456789 a", "0123456789", "a" },
	{ "0 234567890", "0 23456789", "0" },	/* too early a place */
	{ "01234\n678 901", "01234", "678 901" },
	{ "01234\n\n78\n901", "01234", "78\n901" },
	{ "012345 \n  90123", "012345 ", "  90123" },	/* what is indented stays so */
	{ "012345678&amp;x", "012345678", "&amp;x" },
	{ "012345678& more words;", "012345678&", "more words;" },
	{ "0123456<@U1>", "0123456", "<@U1>" },
	{ "0123456< U1\n", "0123456<", "U1\n" },
	{ "12345678" TADA "9", "12345678" TADA, "9" },
	{ "123456789" TADA "9", "123456789", TADA "9" },	/* two units each */
	{ "123456789e\xcc\x81x", "123456789", "e\xcc\x81x" },
	{ "1234567\xe2\x9d\xa4\xef\xb8\x8f\xe2\x80\x8d\xf0\x9f\x94\xa5", "1234567",
	  "\xe2\x9d\xa4\xef\xb8\x8f\xe2\x80\x8d\xf0\x9f\x94\xa5" },
	{ "<https://e.org/>", "<https://e", ".org/>" },	/* longer than a message */
	{ "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc" "x",
	  "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", "x" },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", NULL, NULL },
};

START_TEST(split)
{
	const char *text = cuts[_i].text;
	size_t len = strlen(text);
	struct cut c = split_at(text, len, 10);

	ck_assert_uint_le(c.end, c.next);
	ck_assert_uint_gt(c.next, 0);
	ck_assert_uint_le(c.next, len);
	if (cuts[_i].first == NULL)
		return;
	ck_assert_msg(strlen(cuts[_i].first) == c.end &&
	    memcmp(cuts[_i].first, text, c.end) == 0, "%s: %.*s", text, (int)c.end, text);
	ck_assert_str_eq(text + c.next, cuts[_i].rest);
}
END_TEST

/* Of anything: nothing is lost but blanks at a cut, no message is too long, none
 * begins in the middle of a character or with what belongs to the one before it,
 * and no &amp; or <…> that would fit is torn. */

static const char *const pieces[] = { "a", "Z9", " ", "\n", "\n\n", "\xc3\xbc", TADA,
	"e\xcc\x81", "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", "&amp;", "&lt;", "<@U1>", "<https://e.org/?a=1&amp;b|x y>",
	"\xe2\x9d\xa4\xef\xb8\x8f\xe2\x80\x8d\xf0\x9f\x94\xa5" };
#define PIECES	(sizeof(pieces) / sizeof(pieces[0]))

static size_t
random_text(char *text, size_t size, unsigned *seed)
{
	size_t n = 0;

	while (n + 40 < size) {
		const char *p;

		*seed = *seed * 1664525u + 1013904223u;
		p = pieces[(*seed >> 16) % PIECES];
		memcpy(text + n, p, strlen(p));
		n += strlen(p);
	}
	text[n] = '\0';
	return n;
}

static bool
begins_one(const char *p)
{
	for (size_t i = 0; i < PIECES; i++)
		if (strncmp(p, pieces[i], strlen(pieces[i])) == 0)
			return true;
	return *p == '9' || *p == '\0';	/* of "Z9" */
}

/* Is code open at the bar? */

static const struct {
	const char *text;
	bool before, after;
} codes[] = {
	{ "a|b", false, false },
	{ "```a|b```", false, true },
	{ "```a|b", false, false },
	{ "``a|b``", false, false },
	{ "a|b```", true, true },
	{ "a|b", true, false },
	{ "a```b|c", true, false },
	{ "a```b```c|d```", true, true },
	{ "```a```|b```c```", false, false },
	{ "````a|b````", false, true },
	{ "|```a```", false, false },
};

START_TEST(code)
{
	const char *bar = strchr(codes[_i].text, '|');
	size_t at = (size_t)(bar - codes[_i].text);
	char text[40];

	snprintf(text, sizeof(text), "%.*s%s", (int)at, codes[_i].text, bar + 1);
	ck_assert_int_eq(split_in_code(codes[_i].before, text, at, strlen(text)),
	    codes[_i].after);
}
END_TEST

START_TEST(split_anything)
{
	unsigned seed = (unsigned)_i;
	char text[600];
	size_t len = random_text(text, sizeof(text), &seed), at = 0;

	while (at < len) {
		struct cut c = split_at(text + at, len - at, 40);

		ck_assert_uint_gt(c.next, 0);
		ck_assert_uint_le(c.end, c.next);
		ck_assert_uint_le(split_units(text + at, c.end), 40);
		for (size_t i = c.end; i < c.next; i++)
			ck_assert(text[at + i] == ' ' || text[at + i] == '\n');
		at += c.next;
		ck_assert_msg(begins_one(text + at), "%d: at %zu of %s", _i, at, text);
	}
	ck_assert_uint_eq(at, len);
}
END_TEST

/* Crowds, wanted and not. */

#define J	"\xe2\x81\xa0"

static const struct {
	const char *text, *called, *hushed;
} crowds[] = {
	{ "<!channel> <!here> <!everyone>", "<!channel> <!here> <!everyone>",
	  "<" J "!channel> <" J "!here> <" J "!everyone>" },
	{ "<!here|x>", "<!here|x>", "<" J "!here|x>" },
	{ "<!subteam^S1>", "<!subteam^S1>", "<" J "!subteam^S1>" },
	{ "<!subteam^s1>", "&lt;!subteam^s1&gt;", "<" J "!subteam^s1>" },
	{ "<!channels>", "&lt;!channels&gt;", "<" J "!channels>" },
	{ "<!date^1^{x}|@here>", "&lt;!date^1^{x}|@here&gt;", "<" J "!date^1^{x}|@" J "here>" },
	{ "<!>", "&lt;!&gt;", "<" J "!>" },
	{ "@channel, **@Here**", "@channel, **@Here**", "@" J "channel, **@" J "Here**" },
	{ "a@channel.org @hereby", "a@channel.org @hereby", "a@channel.org @hereby" },
	/* as Markdown's reader sees it */
	{ "&lt;!here&gt;", "&amp;lt;!here&amp;gt;", "&lt;" J "!here&gt;" },
	{ "&#60;!here> &#X3c!here>", "&amp;#60;!here&gt; &amp;#X3c!here&gt;",
	  "&#60;" J "!here> &#X3c" J "!here>" },
	{ "\\<!here> <\\!here> <&excl;here> <&#33;here>",
	  "\\<!here> &lt;\\!here&gt; &lt;&amp;excl;here&gt; &lt;&amp;#33;here&gt;",
	  "\\<" J "!here> <" J "\\!here> <" J "&excl;here> <" J "&#33;here>" },
	{ "&lt!here> &LT&#33;here> &ltx", "&amp;lt!here&gt; &amp;LT&amp;#33;here&gt; &amp;ltx",
	  "&lt" J "!here> &LT" J "&#33;here> &ltx" },
	{ "&#64;here &commat;channel \\@everyone", "&amp;#64;here &amp;commat;channel \\@everyone",
	  "&#64;" J "here &commat;" J "channel \\@" J "everyone" },
	{ "@&#104;ere @h&#x65;re @he&#000114;e", "@&amp;#104;ere @h&amp;#x65;re @he&amp;#000114;e",
	  "@" J "&#104;ere @" J "h&#x65;re @" J "he&#000114;e" },
	{ "[@here](x) `@here` _@here_ ~@here~ (@here)", "[@here](x) `@here` _@here_ ~@here~ (@here)",
	  "[@" J "here](x) `@" J "here` _@" J "here_ ~@" J "here~ (@" J "here)" },
	{ "a&#64;here.org", "a&amp;#64;here.org", "a&#64;here.org" },
	{ "a\\@here &#97;@here @here&#97;", "a\\@here &amp;#97;@here @here&amp;#97;",
	  "a\\@" J "here &#97;@" J "here @" J "here&#97;" },
	{ "&# &#x; &#99999999999999999999; &lt", "&amp;# &amp;#x; &amp;#99999999999999999999; &amp;lt",
	  "&# &#x; &#99999999999999999999; &lt" },
	{ "https://e.org/?a=1&b=2&#here", "https://e.org/?a=1&amp;b=2&amp;#here",
	  "https://e.org/?a=1&b=2&#here" },
	{ "<!-- x --> <!DOCTYPE html> <!doctype> <!doctypes> <!-", "&lt;!-- x --&gt; &lt;!DOCTYPE"
	  " html&gt; &lt;!doctype&gt; &lt;!doctypes&gt; &lt;!-",
	  "<!-- x --> <!DOCTYPE html> <!doctype> <" J "!doctypes> <" J "!-" },
	{ "<https://e.org|<!channel>>", "&lt;https://e.org|<!channel>&gt;",
	  "<https://e.org|<" J "!channel>>" },
	{ "\xc3\xa9@here @here\xc3\xa9", "\xc3\xa9@here @here\xc3\xa9",
	  "\xc3\xa9@" J "here @" J "here\xc3\xa9" },
	{ "@", "@", "@" },
	{ "<", "&lt;", "<" },
};

START_TEST(crowd)
{
	const char *text = crowds[_i].text;
	struct buf out = { 0 };
	bool quiet;

	ck_assert(!mrkdwn_write(&out, text, strlen(text), true));
	ck_assert_str_eq(out.p, crowds[_i].called);
	buf_reset(&out);
	quiet = mrkdwn_write(&out, text, strlen(text), false);
	ck_assert_int_eq(quiet, strcmp(out.p, crowds[_i].called) != 0);
	buf_reset(&out);
	quiet = mrkdwn_hush(&out, text, strlen(text));
	ck_assert_str_eq(out.p, crowds[_i].hushed);
	ck_assert_int_eq(quiet, strcmp(out.p, text) != 0);
	buf_wipe(&out);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("texts");

	tcase_add_loop_test(tc, compared, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_loop_test(tc, split, 0, sizeof(cuts) / sizeof(cuts[0]));
	tcase_add_loop_test(tc, code, 0, sizeof(codes) / sizeof(codes[0]));
	tcase_add_loop_test(tc, split_anything, 0, 200);
	tcase_add_loop_test(tc, crowd, 0, sizeof(crowds) / sizeof(crowds[0]));
	return run_case("posting", tc);
}
