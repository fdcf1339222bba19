/* SPDX-License-Identifier: ISC */
#ifndef BASE_JS_H
#define BASE_JS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Foreign JSON, to be read: a tree in a few pieces of memory, which costs a
 * tenth of json-c's.  The structure is RFC 8259's, at most JS_DEPTH deep, and
 * one value is all there is; strings are taken as they come, since whoever shows
 * them makes them safe: control characters and bytes that are no UTF-8 stay, half
 * a surrogate pair and \u0000 become U+FFFD.  Of a key that is there twice the
 * first counts.  It is made in one go: a value takes 48 bytes and 30 ns, and a
 * dense page of thousand messages has half of JS_VALUES. */
#define JS_DEPTH	64
#define JS_VALUES	500000

enum js_kind { JS_NULL, JS_BOOL, JS_INT, JS_DOUBLE, JS_STRING, JS_ARRAY,
	JS_OBJECT };

struct js {
	enum js_kind kind;
	const char *key;		/* of a member, else NULL */
	const char *text;		/* a string, NUL-terminated; a number's digits */
	size_t len;			/* of text; elements, members; true: 1 */
	const struct js *first, *next;	/* child; what follows in the same parent */
};

/* NULL when it is no JSON, or too much.  The last js_free of those who hold it wipes
 * it: there may be tokens in it. */
struct js *js_parse(const char *text, size_t len);
/* The same root, which is there until it was freed once more. */
const struct js *js_hold(const struct js *root);
void js_free(const struct js *root);

/* The member of that key and kind; one of the wrong kind is as good as none, and
 * nothing has no members: all these take NULL. */
const struct js *js_get(const struct js *o, const char *key, enum js_kind kind);
const char *js_text(const struct js *o, const char *key);	/* or "" */
bool js_bool(const struct js *o, const char *key);
int64_t js_int(const struct js *o, const char *key);		/* or 0 */

/* Of an array member, for (v = js_first(o, k); v != NULL; v = v->next). */
const struct js *js_first(const struct js *o, const char *key);
size_t js_count(const struct js *o, const char *key);

#endif
