/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/js.h"
#include "base/scan.h"

#include <string.h>

/* What Slack answers.
 * covers: base/js.c */

static void
walk(const struct js *v, unsigned depth)
{
	size_t n = 0;

	MUST(depth <= JS_DEPTH);
	if (v->kind == JS_STRING)
		MUST(strlen(v->text) == v->len);
	if (v->kind != JS_ARRAY && v->kind != JS_OBJECT) {
		MUST(v->first == NULL);
		return;
	}
	for (const struct js *c = v->first; c != NULL; c = c->next, n++) {
		MUST((c->key != NULL) == (v->kind == JS_OBJECT));
		if (c->key != NULL)
			MUST(js_get(v, c->key, c->kind) != NULL || n > 0);
		walk(c, depth + 1);
	}
	MUST(n == v->len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct js *root = js_parse((const char *)bytes, len);
	struct err err;

	/* The strict scan takes nothing that this does not. */
	MUST(root != NULL || scan_json((const char *)bytes, len, &err) == -1);
	if (root == NULL)
		return 0;
	walk(root, 0);
	js_int(root, "n");
	js_text(root, "s");
	js_bool(root, "t");
	js_count(root, "l");
	js_first(root, "l");
	js_free(root);
	return 0;
}
