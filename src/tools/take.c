/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/tool.h"

#include "base/list.h"
#include "base/nearest.h"
#include "slack/id.h"
#include "tools/window.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN	100	/* of a channel or person */
#define BLANKS		" \t\r\n"
#define BEYOND		1000000000000000L	/* any range; a double is exact so far */

/* Each takes one value in whatever shape models give it; the right one, or NULL
 * and err. */
typedef struct json_object *take_fn(const struct tool_arg *a,
    struct json_object *v, struct buf *note, struct err *err);

static struct json_object *
refuse(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static struct json_object *
refuse(struct err *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(err, ERR_INPUT, "%s", text);
	return NULL;
}

static size_t
characters(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static struct json_object *
take_string(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	const char *s = json_object_get_string(v);
	size_t len, n;

	(void)note;
	if (!json_object_is_type(v, json_type_string))
		return refuse(err, "%s must be of type string.", a->name);
	len = (size_t)json_object_get_string_len(v);
	n = characters(s, len);
	if (strlen(s) != len)
		return refuse(err, "%s must not hold NUL characters.", a->name);
	if (n < (size_t)a->min || (a->min > 0 && strspn(s, BLANKS) == len))
		return refuse(err, "%s must not be empty.", a->name);
	if (a->max != 0 && n > (size_t)a->max)
		return refuse(err,
		    "%s is too long: %zu characters, %ld are possible.",
		    a->name, n, a->max);
	return json_object_get(v);
}

/* The number in v if it is a whole one, however it was written. */
static bool
whole(struct json_object *v, long *out)
{
	double d;
	char *end;
	const char *s;

	switch (json_object_get_type(v)) {
	case json_type_int:
		*out = (long)json_object_get_int64(v);
		return true;
	case json_type_double:
		d = json_object_get_double(v);
		*out = d < -BEYOND ? -BEYOND : d > BEYOND ? BEYOND : (long)d;
		return d == floor(d);
	case json_type_string:
		s = json_object_get_string(v);
		while (*s == ' ')
			s++;
		errno = 0;
		*out = strtol(s, &end, 10);
		while (*end == ' ')
			end++;
		return (isdigit((unsigned char)*s) || *s == '-' || *s == '+') &&
		    *end == '\0' && end != s;
	default:
		return false;
	}
}

static struct json_object *
take_int(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	long n, used;

	if (!whole(v, &n))
		return refuse(err, "%s must be a whole number from %ld to %ld.",
		    a->name, a->min, a->max);
	used = n < a->min ? a->min : n > a->max ? a->max : n;
	if (used != n)
		buf_fmt(note,
		    "%s %ld is out of range (%ld to %ld): %ld was used.\n",
		    a->name, n, a->min, a->max, used);
	return json_object_new_int64(used);
}

static struct json_object *
take_bool(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	const char *s = json_object_get_string(v);

	(void)note;
	if (json_object_is_type(v, json_type_boolean))
		return json_object_get(v);
	if (strcasecmp(s, "true") == 0 || strcmp(s, "1") == 0)
		return json_object_new_boolean(true);
	if (strcasecmp(s, "false") == 0 || strcmp(s, "0") == 0)
		return json_object_new_boolean(false);
	return refuse(err, "%s must be true or false.", a->name);
}

/* As Slack's clients copy it, or as it stands in a message: of no use as a name. */
static bool
is_link(const char *s)
{
	return strstr(s, "://") != NULL || strncmp(s, "<#", 2) == 0 ||
	    strncmp(s, "<@", 2) == 0;
}

/* An id, or a name, which resolve.c turns into one: Slack itself would look names and
 * people up past every policy (DESIGN 6).  The ids of others and the sign of their
 * names mean something else. */
static struct json_object *
take_named(const struct tool_arg *a, struct json_object *v, struct err *err,
    const char *others, char sign, const char *what)
{
	const char *s = json_object_get_string(v);
	size_t len, i = 0;

	if (!json_object_is_type(v, json_type_string))
		return refuse(err, "%s must be of type string: %s.", a->name,
		    what);
	len = (size_t)json_object_get_string_len(v);
	if (slack_is_id(s, len, others))
		return refuse(err, "%s: \"%s\" is the id of something else."
		    " It must be %s.", a->name, s, what);
	while (i < len && (unsigned char)s[i] >= ' ' && s[i] != 0x7f)
		i++;
	if (len == 0 || len > NAME_MAX_LEN || i < len || is_link(s) ||
	    s[0] == sign)
		return refuse(err, "%s must be %s.", a->name, what);
	return json_object_get(v);
}

static struct json_object *
take_channel(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	(void)note;
	return take_named(a, v, err, "UWTEBFS", '@',
	    "a channel's id such as C0123ABCD, its name such as #general, or a"
	    " direct message's D… id (slack_list_channels, types im)");
}

static struct json_object *
take_user(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	(void)note;
	return take_named(a, v, err, "CGDTEBFS", '#',
	    "a person's id such as U0123ABCD, or a name such as @ada");
}

static struct json_object *
take_ts(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	const char *s = json_object_get_string(v);
	bool whole_one = a->min == 17;
	char bound[WINDOW_SIZE];

	(void)note;
	if (json_object_is_type(v, json_type_int) ||
	    json_object_is_type(v, json_type_double))
		return refuse(err,
		    "%s must be a string: a number loses digits of it. Write"
		    " it in quotes, as it was given: \"1712345678.000100\".",
		    a->name);
	if (!json_object_is_type(v, json_type_string))
		return refuse(err, "%s must be of type string, such as"
		    " \"1712345678.000100\".", a->name);
	if (strlen(s) != (size_t)json_object_get_string_len(v) ||
	    !(whole_one ? slack_is_ts(s) : window_bound(s, 0, bound)))
		return refuse(err,
		    "%s must look like 1712345678.000100 (the ts of a"
		    " message, as it was given)%s.", a->name, whole_one ? "" :
		    ", be a time such as 2026-01-31T09:00Z, or an age such as"
		    " 12h or 7d");
	return json_object_get(v);
}

/* A comma list, or an array of words. */
static int
join(struct json_object *v, struct buf *out)
{
	if (json_object_is_type(v, json_type_string)) {
		buf_str(out, json_object_get_string(v));
		return 0;
	}
	if (!json_object_is_type(v, json_type_array))
		return -1;
	for (size_t i = 0; i < json_object_array_length(v) && i < 16; i++) {
		struct json_object *w = json_object_array_get_idx(v, i);

		if (!json_object_is_type(w, json_type_string))
			return -1;
		buf_fmt(out, "%s%s", i > 0 ? "," : "",
		    json_object_get_string(w));
	}
	return 0;
}

static struct json_object *
take_types(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	struct json_object *out = NULL;
	struct buf text = { 0 };
	const char *at, *w;
	char *list = NULL;
	size_t n;

	(void)note;
	if (join(v, &text) == -1 || text.len > 200)
		goto bad;
	list = list_tidy(text.len > 0 ? text.p : "");
	for (at = list; (w = list_next(&at, &n)) != NULL;) {
		char word[32];

		snprintf(word, sizeof(word), "%.*s", (int)(n < 31 ? n : 31), w);
		if (!list_has("public_channel,private_channel,mpim,im", word))
			goto bad;
	}
	if (list[0] != '\0')
		out = json_object_new_string(list);
bad:
	buf_wipe(&text);
	free(list);
	if (out == NULL)
		return refuse(err,
		    "%s is a comma list of public_channel, private_channel,"
		    " mpim, im.",
		    a->name);
	return out;
}

static struct json_object *
take_key(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	const char *s = json_object_get_string(v);

	(void)note;
	if (json_object_is_type(v, json_type_string) ||
	    json_object_is_type(v, json_type_int)) {
		size_t n = strlen(s), i = 0;

		while (s[i] > ' ' && s[i] <= '~')
			i++;
		if (n >= 1 && n <= (size_t)a->max && s[i] == '\0')
			return json_object_new_string(s);
	}
	return refuse(err,
	    "%s must be 1 to %ld letters, digits or signs without blanks,"
	    " such as a UUID.",
	    a->name, a->max);
}

/* A reaction's name, without the colons that people write around it. */
static struct json_object *
take_emoji(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-+':";
	const char *s = json_object_get_string(v);
	size_t n;

	(void)note;
	if (json_object_is_type(v, json_type_string)) {
		s += strspn(s, ":");
		n = strlen(s);
		while (n > 0 && s[n - 1] == ':')
			n--;
		if (n > 0 && n <= (size_t)a->max && strspn(s, letters) >= n)
			return json_object_new_string_len(s, (int)n);
	}
	return refuse(err,
	    "%s must be an emoji's name, such as thumbsup or"
	    " wave::skin-tone-2.",
	    a->name);
}

static struct json_object *
take_format(const struct tool_arg *a, struct json_object *v, struct buf *note,
    struct err *err)
{
	const char *s = json_object_get_string(v);

	(void)note;
	if (!list_has("compact,json", s))
		return refuse(err, "%s is compact or json.", a->name);
	return json_object_get(v);
}

static take_fn *const takes[] = {
	[ARG_STRING] = take_string,
	[ARG_INT] = take_int,
	[ARG_LIMIT] = take_int,
	[ARG_BOOL] = take_bool,
	[ARG_TEAM] = take_string,
	[ARG_CHANNEL] = take_channel,
	[ARG_USER] = take_user,
	[ARG_TS] = take_ts,
	[ARG_CURSOR] = take_string,
	[ARG_TYPES] = take_types,
	[ARG_KEY] = take_key,
	[ARG_EMOJI] = take_emoji,
	[ARG_FORMAT] = take_format,
};

static bool
is_called(const struct tool_arg *a, const char *name)
{
	if (strcmp(a->name, name) == 0)
		return true;
	for (size_t i = 0; i < sizeof(a->also) / sizeof(a->also[0]); i++)
		if (a->also[i] != NULL && strcmp(a->also[i], name) == 0)
			return true;
	return false;
}

/* A name as the answer may repeat it. */
static const char *
shown(const char *name, char out[48])
{
	size_t n = 0;

	for (; *name != '\0' && n < 40; name++)
		if (*name >= ' ' && *name <= '~' && *name != '"')
			out[n++] = *name;
	out[n] = '\0';
	return out;
}

/* There is none like it: then all that there are. */
static void
name_all(const struct tool *t, const char *name, struct err *err)
{
	struct buf all = { 0 };
	char word[48];

	for (const struct tool_arg *a = t->args; a->name != NULL; a++)
		buf_fmt(&all, "%s%s", all.len > 0 ? ", " : "", a->name);
	err_set(err, ERR_INPUT, "%s takes no \"%s\". It takes %s.", t->name,
	    shown(name, word), all.len > 0 ? all.p : "no arguments");
	buf_wipe(&all);
}

static const struct tool_arg *
find_arg(const struct tool *t, const char *name, struct err *err)
{
	struct nearest near = { .wrong = name };
	char word[48];

	for (const struct tool_arg *a = t->args; a->name != NULL; a++) {
		if (is_called(a, name))
			return a;
		nearest_offer(&near, a->name);
	}
	if (near.word == NULL)
		name_all(t, name, err);
	else
		err_set(err, ERR_INPUT, "%s takes no \"%s\"; is it \"%s\"?",
		    t->name, shown(name, word), near.word);
	return NULL;
}

/* null is as good as absent, and so is "" where nothing has to be there. */
static bool
is_absent(const struct tool *t, const char *name, struct json_object *value)
{
	if (value == NULL)
		return true;
	if (!json_object_is_type(value, json_type_string) ||
	    json_object_get_string_len(value) > 0)
		return false;
	for (const struct tool_arg *a = t->args; a->name != NULL; a++)
		if (is_called(a, name))
			return !a->required;
	return false;
}

static int
take_given(const struct tool *t, struct json_object *given,
    struct json_object *out, struct buf *note, struct err *err)
{
	json_object_object_foreach(given, name, value) {
		const struct tool_arg *a;
		struct json_object *v;

		if (is_absent(t, name, value))
			continue;
		if ((a = find_arg(t, name, err)) == NULL)
			return -1;
		if (json_object_object_get_ex(out, a->name, NULL))
			return err_set(err, ERR_INPUT,
			    "%s is given twice, under two of its"
			    " names.",
			    a->name);
		if ((v = takes[a->type](a, value, note, err)) == NULL)
			return -1;
		json_object_object_add(out, a->name, v);
	}
	return 0;
}

static int
check_required(const struct tool *t, struct json_object *args, struct err *err)
{
	for (const struct tool_arg *a = t->args; a->name != NULL; a++)
		if (a->required &&
		    !json_object_object_get_ex(args, a->name, NULL))
			return err_set(err, ERR_INPUT, "%s needs \"%s\": %s.",
			    t->name, a->name, a->help);
	return 0;
}

struct json_object *
tool_take(const struct tool *t, struct json_object *given, struct buf *note,
    struct err *err)
{
	struct json_object *out = json_object_new_object();

	if ((given == NULL || take_given(t, given, out, note, err) == 0) &&
	    check_required(t, out, err) == 0)
		return out;
	json_object_put(out);
	return NULL;
}
