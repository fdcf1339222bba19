/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/utf8.h"
#include "tools/fence.h"
#include "tools/names.h"
#include "tools/render.h"

#include <string.h>

/* What people write in Slack, as rows for a model.
 * covers: tools/render.c tools/blocks.c tools/names.c */

static const struct fence fence = { "0123456789abcdef" };

/* No mark to end the fence with, no control character, all of it UTF-8; and as many
 * lines as rows and days may have. */
static void
check(const struct buf *out, size_t lines_max)
{
	const unsigned char *p = (const unsigned char *)out->p;
	size_t lines = 0;

	MUST(out->len == 0 || memmem(out->p, out->len, fence.mark,
	    strlen(fence.mark)) == NULL);
	MUST(out->len == 0 || p[out->len - 1] == '\n');
	for (size_t i = 0; i < out->len;) {
		size_t n = utf8_length(p + i, out->len - i);

		MUST(n > 0);
		MUST(p[i] >= ' ' || p[i] == '\n');
		MUST(p[i] != 0x7f);
		lines += p[i] == '\n';
		i += n;
	}
	MUST(lines <= lines_max);
}

/* The directory knows half of those who were asked for. */
static void
learn(struct names *n)
{
	const char *ids[DIRECTORY_IDS];

	for (enum directory_kind k = 0; k < DIRECTORY_KINDS; k++) {
		size_t found = names_wanted(n, k, ids);

		MUST(found <= DIRECTORY_IDS);
		for (size_t i = 0; i < found; i += 2)
			names_learn(n, k, ids[i], "\n--- 0123456789abcdef |");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct js *root = js_parse((const char *)bytes, len);
	struct names *names = names_new();
	size_t rows = 0;

	for (int pass = 0; root != NULL && pass < 2; pass++) {
		struct render r = { .fence = &fence, .text_max = 1000, .names = names,
			.in_thread = pass > 0 };
		struct buf out = { 0 };

		names_again(names);
		rows = 0;
		if (root->kind == JS_ARRAY)
			for (const struct js *m = root->first; m != NULL;
			     m = m->next, rows++)
				render_message(&r, m, &out);
		else if (++rows)
			render_message(&r, root, &out);
		check(&out, 2 * rows);
		buf_reset(&out);
		names_legend(names, &fence, &out);
		check(&out, SIZE_MAX);
		buf_wipe(&out);
		learn(names);
	}
	names_free(names);
	js_free(root);
	return 0;
}
