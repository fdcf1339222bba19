/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/scan.h"

#include <json.h>
#include <string.h>

/* What comes as JSON, before json-c sees it.
 * covers: base/scan.c base/scan_read.c base/scan_text.c */

/* The readers must stay within the text. */
static void
walk(struct span v, const char *p, size_t len, int depth)
{
	const char *at = NULL;
	struct span e;
	long long n;

	MUST(v.kind != SCAN_NONE && v.p >= p && v.p + v.len <= p + len);
	MUST(depth <= SCAN_DEPTH);
	scan_is(v, "x");
	scan_int(v, &n);
	e = scan_member(v, "a");
	if (e.kind != SCAN_NONE)
		walk(e, p, len, depth + 1);
	while ((e = scan_next(v, &at)).kind != SCAN_NONE)
		walk(e, p, len, depth + 1);
}

/* What the scan accepts, json-c must parse whole. */
static void
as_json_c(const char *p, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(SCAN_DEPTH + 2);
	struct json_object *o;
	enum json_tokener_error e;

	o = json_tokener_parse_ex(t, p, (int)len);
	e = json_tokener_get_error(t);
	if (e == json_tokener_continue) {
		o = json_tokener_parse_ex(t, "", -1);
		e = json_tokener_get_error(t);
	}
	MUST(e == json_tokener_success);
	json_object_put(o);
	json_tokener_free(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *p = (const char *)bytes;
	struct err err;

	err.text[0] = '\0';
	if (scan_json(p, len, &err) == -1) {
		MUST(err.kind == ERR_INPUT && err.text[0] != '\0');
		return 0;
	}
	walk(scan_value(p, len), p, len, 0);
	as_json_c(p, len);
	return 0;
}
