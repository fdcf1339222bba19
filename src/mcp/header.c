/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/header.h"

#include "base/crypto.h"
#include "base/scan.h"
#include "base/utf8.h"

#include <string.h>

#define BEGIN	"=?base64?"
#define END	"?="

static bool
is_utf8(const char *p, size_t len)
{
	while (len > 0) {
		size_t n = utf8_length(p, len);

		if (n == 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

int
header_decode(const char *value, struct buf *out)
{
	size_t len = strlen(value), begin = strlen(BEGIN), end = strlen(END);
	size_t before = out->len;

	if (len < begin + end || memcmp(value, BEGIN, begin) != 0 ||
	    memcmp(value + len - end, END, end) != 0) {
		buf_add(out, value, len);
		return 0;
	}
	len -= begin + end;
	if (len > 0 && crypto_unb64(out, value + begin, len) == -1)
		return -1;
	return is_utf8(out->p + before, out->len - before) ? 0 : -1;
}

static bool
same_number(const struct buf *text, int64_t number)
{
	struct span v = { SCAN_NUMBER, text->p, text->len };
	long long n;

	if (text->len == 0 || (text->p[0] != '-' &&
	    (text->p[0] < '0' || text->p[0] > '9')))
		return false;
	return scan_int(v, &n) == 0 && n == number;
}

bool
header_mirrors(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ||
	    json_object_is_type(value, json_type_int) ||
	    json_object_is_type(value, json_type_boolean);
}

static bool
same_text(const struct buf *text, const char *s, size_t len)
{
	return text->len == len && (len == 0 || memcmp(text->p, s, len) == 0);
}

bool
header_says(const struct buf *text, struct json_object *value)
{
	const char *word;

	switch (json_object_get_type(value)) {
	case json_type_string:
		return same_text(text, json_object_get_string(value),
		    (size_t)json_object_get_string_len(value));
	case json_type_int:
		return same_number(text, json_object_get_int64(value));
	case json_type_boolean:
		word = json_object_get_boolean(value) ? "true" : "false";
		return same_text(text, word, strlen(word));
	default:
		return false;
	}
}
