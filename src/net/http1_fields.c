/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/http1.h"

#include <string.h>

const char *
http_field(const struct http_req *req, const char *name)
{
	for (size_t i = 0; i < req->nfields; i++)
		if (http_field_is(&req->fields[i], name))
			return req->fields[i].value;
	return NULL;
}

size_t
http_field_count(const struct http_req *req, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < req->nfields; i++)
		n += http_field_is(&req->fields[i], name);
	return n;
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	if (at == NULL)
		return -1;
	return at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* %XX and + undone; -1: a broken %, or a NUL. */
static int
decode(const char *p, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		char c = p[i] == '+' ? ' ' : p[i];

		if (c == '%') {
			int high = i + 2 < len ? hex(p[i + 1]) : -1;
			int low = high != -1 ? hex(p[i + 2]) : -1;

			if (low == -1 || (high | low) == 0)
				return -1;
			c = (char)(high << 4 | low);
			i += 2;
		}
		buf_char(out, c);
	}
	return 0;
}

/* How many "name=value" parts of text, between any of the separators, have that
 * name; value and len are the last one's. */
static unsigned
find(const char *text, const char *separators, const char *name,
    const char **value, size_t *len)
{
	size_t name_len = strlen(name);
	unsigned found = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, separators);

		if (n >= name_len && strncmp(text, name, name_len) == 0 &&
		    (n == name_len || text[name_len] == '=')) {
			*value = text + name_len + (n > name_len);
			*len = n - (size_t)(*value - text);
			found++;
		}
		text += n;
		text += strspn(text, separators);
	}
	return found;
}

int
http_query(const struct http_req *req, const char *name, struct buf *out)
{
	size_t len, before = out->len;
	const char *value;

	if (find(req->query, "&", name, &value, &len) != 1)
		return -1;
	if (decode(value, len, out) == -1) {
		out->len = before;
		return -1;
	}
	return 0;
}

int
http_cookie(const struct http_req *req, const char *name, struct buf *out)
{
	const char *value;
	unsigned found = 0;
	size_t len;

	for (size_t i = 0; i < req->nfields; i++)
		if (http_field_is(&req->fields[i], "cookie"))
			found += find(req->fields[i].value, "; ", name, &value,
			    &len);
	if (found != 1)
		return -1;
	buf_add(out, value, len);
	return 0;
}
