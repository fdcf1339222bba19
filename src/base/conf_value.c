/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf_row.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *word;
	int64_t count;
};

/* The largest last, "" being the bare number. */
static const struct unit time_units[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	{ "d", 86400000 },
};
static const struct unit size_units[] = {
	{ "", 1 }, { "k", 1024 }, { "m", 1024 * 1024 },
};
#define NTIME	(sizeof(time_units) / sizeof(time_units[0]))
#define NSIZE	(sizeof(size_units) / sizeof(size_units[0]))

/* Digits only; -1 when there are none, or too many for an int64_t. */
static int64_t
digits(const char **at)
{
	const char *p = *at;
	int64_t n = 0;

	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p); p++) {
		if (n > (INT64_MAX - (*p - '0')) / 10)
			return -1;
		n = n * 10 + (*p - '0');
	}
	*at = p;
	return n;
}

static int64_t
with_unit(const char *text, int64_t bare, const struct unit *units, size_t n)
{
	int64_t number = digits(&text);

	if (number < 0)
		return -1;
	if (*text == '\0')
		return number <= INT64_MAX / bare ? number * bare : -1;
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(text, units[i].word) == 0)
			return number <= INT64_MAX / units[i].count ?
			    number * units[i].count : -1;
	return -1;
}

int64_t
conf_time(const char *text, int64_t unit_ms)
{
	return with_unit(text, unit_ms, time_units, NTIME);
}

int
conf_rate(const char *text, struct rate *out)
{
	const int64_t most = 10000000;
	int64_t rate = digits(&text), burst = rate;

	if (rate == 0 && *text == '\0') {
		*out = (struct rate){ 0 };
		return 0;
	}
	if (*text == '/') {
		text++;
		burst = digits(&text);
	}
	if (*text != '\0' || rate < 1 || rate > most || burst < 1 ||
	    burst > most)
		return -1;
	*out = (struct rate){ (int)rate, (int)burst };
	return 0;
}

/* "10s": the largest unit that keeps it exact. */
static void
show_unit(int64_t n, const struct unit *units, size_t count, struct buf *out)
{
	while (n == 0 || n % units[count - 1].count != 0)
		if (--count <= 1) {
			count = 1;
			break;
		}
	buf_fmt(out, "%" PRId64 "%s", n / units[count - 1].count,
	    units[count - 1].word);
}

static int
parse_bool(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "on", true }, { "yes", true }, { "true", true }, { "1", true },
		{ "off", false }, { "no", false }, { "false", false },
		{ "0", false },
	};

	(void)row;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(words[i].word, text) == 0) {
			*(bool *)at = words[i].value;
			return 0;
		}
	return err_set(err, ERR_INPUT, "is no switch: write on or off");
}

static void
show_bool(const struct conf_row *row, const void *at, struct buf *out)
{
	(void)row;
	buf_str(out, *(const bool *)at ? "on" : "off");
}

static int
parse_int(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	int64_t n;

	if (*text == '\0' && row->dflt == NULL)
		return 0;
	if ((row->flags & F_OFF) && strcasecmp(text, "off") == 0) {
		*(int *)at = 0;
		return 0;
	}
	n = digits(&text);
	if (*text != '\0' || n < row->min || n > row->max)
		return err_set(err, ERR_INPUT,
		    "is out of range: write a number "
		    "from %" PRId64 " to %" PRId64 "%s",
		    row->min, row->max, row->flags & F_OFF ? ", or off" : "");
	*(int *)at = (int)n;
	return 0;
}

static void
show_int(const struct conf_row *row, const void *at, struct buf *out)
{
	if ((row->flags & F_OFF) && *(const int *)at == 0)
		buf_str(out, "off");
	else
		buf_fmt(out, "%d", *(const int *)at);
}

static int
parse_double(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	size_t whole = strspn(text, "0123456789"), len = whole;
	double n;

	if (text[len] == '.')
		len += 1 + strspn(text + len + 1, "0123456789");
	n = strtod(text, NULL);
	if (whole == 0 || text[len] != '\0' || n < (double)row->min ||
	    n > (double)row->max)
		return err_set(err, ERR_INPUT,
		    "is out of range: write a number "
		    "from %" PRId64 " to %" PRId64 ", as 0.5",
		    row->min, row->max);
	*(double *)at = n;
	return 0;
}

static void
show_double(const struct conf_row *row, const void *at, struct buf *out)
{
	(void)row;
	buf_fmt(out, "%g", *(const double *)at);
}

static int
parse_time(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	int64_t ms = conf_time(text, row->unit_ms);
	struct buf low = { 0 }, high = { 0 };

	if (ms >= row->min && ms <= row->max) {
		*(int64_t *)at = ms;
		return 0;
	}
	show_unit(row->min, time_units, NTIME, &low);
	show_unit(row->max, time_units, NTIME, &high);
	err_set(err, ERR_INPUT,
	    "is no time from %s to %s: write a number of %s, "
	    "or one with ms, s, m, h or d behind it",
	    low.p, high.p, row->unit_ms == 1 ? "milliseconds" : "seconds");
	buf_wipe(&low);
	buf_wipe(&high);
	return -1;
}

static void
show_time(const struct conf_row *row, const void *at, struct buf *out)
{
	(void)row;
	show_unit(*(const int64_t *)at, time_units, NTIME, out);
}

static int
parse_size(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	int64_t n = with_unit(text, 1, size_units, NSIZE);

	if (n < row->min || n > row->max)
		return err_set(err, ERR_INPUT,
		    "is no size from %" PRId64 "k to %" PRId64
		    "k: write a number of bytes, or one with k or m behind "
		    "it",
		    row->min / 1024, row->max / 1024);
	*(int64_t *)at = n;
	return 0;
}

static void
show_size(const struct conf_row *row, const void *at, struct buf *out)
{
	(void)row;
	show_unit(*(const int64_t *)at, size_units, NSIZE, out);
}

static int
parse_rate(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	(void)row;
	if (conf_rate(text, at) == 0)
		return 0;
	return err_set(err, ERR_INPUT, "is no rate: write requests per minute/"
	    "at once, as 120/60, or 0 for no limit");
}

static void
show_rate(const struct conf_row *row, const void *at, struct buf *out)
{
	const struct rate *r = at;

	(void)row;
	if (r->per_minute == 0)
		buf_char(out, '0');
	else
		buf_fmt(out, "%d/%d", r->per_minute, r->burst);
}

static void
put_words(const char *const *words, struct buf *out)
{
	for (size_t i = 0; words[i] != NULL; i++)
		buf_fmt(out, "%s%s", i == 0 ? "" : ", ", words[i]);
}

/* The first of the list that is none of the words, into wrong; or "". */
static void
find_wrong(const char *list, const char *const *words, char wrong[48],
    struct nearest *near)
{
	const char *w;
	size_t n;

	while ((w = list_next(&list, &n)) != NULL) {
		bool known = false;

		snprintf(wrong, 48, "%.*s", (int)(n > 40 ? 40 : n), w);
		*near = (struct nearest){ .wrong = wrong };
		for (size_t i = 0; words[i] != NULL; i++) {
			known = known || strcmp(words[i], wrong) == 0;
			nearest_offer(near, words[i]);
		}
		if (!known)
			return;
	}
	wrong[0] = '\0';
}

int
conf_words(const char *list, const char *const *words, struct err *err)
{
	struct nearest near = { .word = NULL };
	struct buf all = { 0 };
	char wrong[48];

	find_wrong(list, words, wrong, &near);
	if (list[0] != '\0' && wrong[0] == '\0')
		return 0;
	put_words(words, &all);
	if (list[0] == '\0')
		err_set(err, ERR_INPUT, "names nothing: write some of %s",
		    all.p);
	else
		err_set(err, ERR_INPUT, "has \"%s\" in it, which there is not%s%s:"
		    " write some of %s", wrong, near.word != NULL ?
		    ", perhaps " : "", near.word != NULL ? near.word : "",
		    all.p);
	buf_wipe(&all);
	return -1;
}

static int
parse_word(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	struct buf all = { 0 };

	for (int i = 0; row->words[i] != NULL; i++)
		if (strcasecmp(row->words[i], text) == 0) {
			*(int *)at = i;
			return 0;
		}
	put_words(row->words, &all);
	err_set(err, ERR_INPUT, "is none of its words: write one of %s",
	    all.p);
	buf_wipe(&all);
	return -1;
}

static void
show_word(const struct conf_row *row, const void *at, struct buf *out)
{
	buf_str(out, row->words[*(const int *)at]);
}

static int
parse_text(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, ERR_INPUT,
			    "has a control character "
			    "in it: take that out");
	if ((row->flags & F_PATH) && *text != '\0' && *text != '/')
		return err_set(err, ERR_INPUT,
		    "is relative: write the whole path, "
		    "since the daemon works in /");
	conf_set_text(at, text);
	return 0;
}

static void
show_text(const struct conf_row *row, const void *at, struct buf *out)
{
	const char *text = *(char *const *)at;

	(void)row;
	buf_str(out, conf_is_token(text) ? "(a token)" : text);
}

static void
wipe_text(void *at)
{
	free(*(char **)at);
	*(char **)at = NULL;
}

static int
parse_list(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	char *tidy = list_tidy(text);
	int rc = parse_text(row, tidy, at, err);

	if (rc == 0 && row->words != NULL)
		rc = conf_words(tidy, row->words, err);
	free(tidy);
	return rc;
}

static int
parse_secret(const struct conf_row *row, const char *text, void *at,
    struct err *err)
{
	(void)row;
	if (strlen(text) > CONF_SECRET_MAX)
		return err_set(err, ERR_INPUT,
		    "is longer than %d bytes: it cannot "
		    "be right",
		    CONF_SECRET_MAX);
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, ERR_INPUT,
			    "has a control character "
			    "or a second line in it: take that out");
	if (*text != '\0')
		secret_set(at, text);
	return 0;
}

static void
show_secret(const struct conf_row *row, const void *at, struct buf *out)
{
	(void)row;
	buf_str(out,
	    ((const struct secret *)at)->len > 0 ? "(set)" : "(unset)");
}

static void
wipe_secret(void *at)
{
	secret_wipe(at);
}

static const struct {
	int (*parse)(const struct conf_row *, const char *, void *,
	    struct err *);
	void (*show)(const struct conf_row *, const void *, struct buf *);
	void (*wipe)(void *);
} types[T_COUNT] = {
	[T_BOOL] = { parse_bool, show_bool, NULL },
	[T_INT] = { parse_int, show_int, NULL },
	[T_DOUBLE] = { parse_double, show_double, NULL },
	[T_TIME] = { parse_time, show_time, NULL },
	[T_SIZE] = { parse_size, show_size, NULL },
	[T_RATE] = { parse_rate, show_rate, NULL },
	[T_WORD] = { parse_word, show_word, NULL },
	[T_TEXT] = { parse_text, show_text, wipe_text },
	[T_LIST] = { parse_list, show_text, wipe_text },
	[T_SECRET] = { parse_secret, show_secret, wipe_secret },
};

int
conf_parse(const struct conf_row *row, const char *text, struct conf *c,
    struct err *err)
{
	return types[row->type].parse(row, text, (char *)c + row->at, err);
}

void
conf_show(const struct conf_row *row, const struct conf *c, struct buf *out)
{
	types[row->type].show(row, (const char *)c + row->at, out);
}

void
conf_wipe(const struct conf_row *row, struct conf *c)
{
	if (types[row->type].wipe != NULL)
		types[row->type].wipe((char *)c + row->at);
}
