/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/js.h"

#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define NODES		128	/* that a block holds */

struct block {
	struct block *before;
	size_t used;
	struct js nodes[NODES];
};

/* Strings stay where they are in a copy of the text, their escapes undone. */
struct tree {
	struct js root;			/* first: what the caller has */
	struct block *blocks;
	size_t size;
	unsigned holders;
	char text[];
};

struct reader {
	struct tree *tree;
	char *p;			/* the text ends with a NUL */
	unsigned depth;
	size_t values;
};

static bool read_value(struct reader *r, struct js *v);

static void
blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')
		r->p++;
}

static struct js *
new_node(struct tree *t)
{
	struct block *b = t->blocks;

	if (b == NULL || b->used == NODES) {
		b = mem_array(NULL, 1, sizeof(*b));
		b->before = t->blocks;
		b->used = 0;
		t->blocks = b;
	}
	b->nodes[b->used] = (struct js){ .kind = JS_NULL };
	return &b->nodes[b->used++];
}

/* XXXX, or -1. */
static int32_t
hex4(const char *p)
{
	int32_t n = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit == -1)
			return -1;
		n = n << 4 | digit;
	}
	return n;
}

/* Behind \u; NULL: no digits. */
static char *
unicode(struct reader *r, char *to)
{
	int32_t c = hex4(r->p), low;

	if (c == -1)
		return NULL;
	r->p += 4;
	if (c >= 0xd800 && c <= 0xdbff && r->p[0] == '\\' && r->p[1] == 'u' &&
	    (low = hex4(r->p + 2)) >= 0xdc00 && low <= 0xdfff) {
		r->p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c == 0 || (c >= 0xd800 && c <= 0xdfff)) {
		c = 0xfffd;
	}
	return to + utf8_put(to, (uint32_t)c);	/* no more room than the escape */
}

static char *
escape(struct reader *r, char *to)
{
	static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (*++r->p == 'u') {
		r->p++;
		return unicode(r, to);
	}
	name = *r->p != '\0' ? strchr(names, *r->p) : NULL;
	if (name == NULL)
		return NULL;
	r->p++;
	*to = means[name - names];
	return to + 1;
}

/* From the quote on; NULL: it does not end, or not well. */
static const char *
read_string(struct reader *r, size_t *len)
{
	char *from = ++r->p, *to;

	to = r->p += strcspn(r->p, "\"\\");
	while (*r->p != '"') {
		if (*r->p == '\0')
			return NULL;
		if (*r->p != '\\')
			*to++ = *r->p++;
		else if ((to = escape(r, to)) == NULL)
			return NULL;
	}
	r->p++;
	*to = '\0';
	*len = (size_t)(to - from);
	return from;
}

static bool
digits(struct reader *r)
{
	char *from = r->p;

	while (*r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > from;
}

static bool
read_number(struct reader *r, struct js *v)
{
	v->kind = JS_INT;
	v->text = r->p;
	r->p += *r->p == '-';
	if (*r->p == '0')
		r->p++;
	else if (!digits(r))
		return false;
	if (*r->p == '.') {
		v->kind = JS_DOUBLE;
		r->p++;
		if (!digits(r))
			return false;
	}
	if (*r->p == 'e' || *r->p == 'E') {
		v->kind = JS_DOUBLE;
		r->p++;
		r->p += *r->p == '+' || *r->p == '-';
		if (!digits(r))
			return false;
	}
	v->len = (size_t)(r->p - v->text);
	return true;
}

static bool
read_word(struct reader *r, struct js *v)
{
	static const struct {
		const char *text;
		enum js_kind kind;
		size_t len;
	} words[] = { { "null", JS_NULL, 0 }, { "false", JS_BOOL, 0 },
		{ "true", JS_BOOL, 1 } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].text);

		if (strncmp(r->p, words[i].text, n) != 0)
			continue;
		r->p += n;
		v->kind = words[i].kind;
		v->len = words[i].len;
		return true;
	}
	return false;
}

static bool
read_key(struct reader *r, struct js *v)
{
	size_t len;

	if (*r->p != '"' || (v->key = read_string(r, &len)) == NULL)
		return false;
	blanks(r);
	if (*r->p != ':')
		return false;
	r->p++;
	return true;
}

/* An array or an object. */
static bool
read_nested(struct reader *r, struct js *v)
{
	char end = *r->p == '{' ? '}' : ']';
	const struct js **at = &v->first;

	v->kind = *r->p == '{' ? JS_OBJECT : JS_ARRAY;
	if (++r->depth > JS_DEPTH)
		return false;
	r->p++;
	blanks(r);
	for (; *r->p != end || v->len > 0; v->len++) {
		struct js *child;

		if (++r->values > JS_VALUES)
			return false;
		child = new_node(r->tree);
		blanks(r);
		if ((v->kind == JS_OBJECT && !read_key(r, child)) ||
		    !read_value(r, child))
			return false;
		*at = child;
		at = &child->next;
		blanks(r);
		if (*r->p == end) {
			v->len++;
			break;
		}
		if (*r->p++ != ',')
			return false;
	}
	r->p++;
	r->depth--;
	return true;
}

static bool
read_value(struct reader *r, struct js *v)
{
	blanks(r);
	switch (*r->p) {
	case '{':
	case '[':
		return read_nested(r, v);
	case '"':
		v->kind = JS_STRING;
		v->text = read_string(r, &v->len);
		return v->text != NULL;
	case 't':
	case 'f':
	case 'n':
		return read_word(r, v);
	default:
		return read_number(r, v);
	}
}

struct js *
js_parse(const char *text, size_t len)
{
	struct tree *t = mem_array(NULL, sizeof(*t) + len + 1, 1);
	struct reader r = { .tree = t, .p = t->text };

	t->root = (struct js){ .kind = JS_NULL };
	t->blocks = NULL;
	t->size = len;
	t->holders = 1;
	if (len > 0)
		memcpy(t->text, text, len);
	t->text[len] = '\0';
	if (read_value(&r, &t->root)) {
		blanks(&r);
		if (r.p == t->text + len)
			return &t->root;
	}
	js_free(&t->root);
	return NULL;
}

const struct js *
js_hold(const struct js *root)
{
	struct tree *t = (struct tree *)root;

	if (t != NULL)
		t->holders++;
	return root;
}

void
js_free(const struct js *root)
{
	struct tree *t = (struct tree *)root;
	struct block *b;

	if (t == NULL || --t->holders > 0)
		return;
	while ((b = t->blocks) != NULL) {
		t->blocks = b->before;
		free(b);
	}
	explicit_bzero(t->text, t->size);
	free(t);
}

const struct js *
js_get(const struct js *o, const char *key, enum js_kind kind)
{
	if (o == NULL || o->kind != JS_OBJECT)
		return NULL;
	for (const struct js *v = o->first; v != NULL; v = v->next)
		if (v->key[0] == key[0] && strcmp(v->key, key) == 0)
			return v->kind == kind ? v : NULL;
	return NULL;
}

const char *
js_text(const struct js *o, const char *key)
{
	const struct js *v = js_get(o, key, JS_STRING);

	return v != NULL ? v->text : "";
}

bool
js_bool(const struct js *o, const char *key)
{
	const struct js *v = js_get(o, key, JS_BOOL);

	return v != NULL && v->len != 0;
}

int64_t
js_int(const struct js *o, const char *key)
{
	const struct js *v = js_get(o, key, JS_INT);

	/* What stands behind the digits is no digit. */
	return v != NULL ? strtoll(v->text, NULL, 10) : 0;
}

const struct js *
js_first(const struct js *o, const char *key)
{
	const struct js *v = js_get(o, key, JS_ARRAY);

	return v != NULL ? v->first : NULL;
}

size_t
js_count(const struct js *o, const char *key)
{
	const struct js *v = js_get(o, key, JS_ARRAY);

	return v != NULL ? v->len : 0;
}
