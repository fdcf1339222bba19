/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/http1_parse.h"

#include "base/hex.h"

/* One function a state: it looks at one byte and says the next state.  The data
 * of a chunk go by as a whole. */
#define CHUNK_STATES(X) X(size) X(extension) X(size_lf) X(data) X(data_cr) X(data_lf) \
	X(trailer_start) X(trailer_name) X(trailer_value) X(trailer_lf) X(last_lf)

enum state {
#define X(name) S_##name,
	CHUNK_STATES(X)
#undef X
	S_DONE, S_MALFORMED, S_TOO_LARGE, S_HEADERS
};

static bool
token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
text(char c)
{
	return ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
}

static enum state
size(struct http1_chunked *k, char c)
{
	int digit = hex_digit(c);

	if (digit >= 0) {
		if (k->digits++ == 16)
			return S_MALFORMED;
		k->size = k->size << 4 | (uint64_t)digit;
		return S_size;
	}
	if (k->digits == 0)
		return S_MALFORMED;
	return c == ';' ? S_extension : c == '\r' ? S_size_lf : S_MALFORMED;
}

static enum state
extension(struct http1_chunked *k, char c)
{
	if (c == '\r')
		return S_size_lf;
	return text(c) && ++k->extensions <= HTTP1_EXTENSIONS_MAX ?
	    S_extension : S_MALFORMED;
}

static enum state
size_lf(struct http1_chunked *k, char c)
{
	if (c != '\n')
		return S_MALFORMED;
	k->digits = 0;
	return k->size == 0 ? S_trailer_start : S_data;
}

/* Only its size is left to account for: http1_chunked() takes the bytes. */
static enum state
data(struct http1_chunked *k, char c)
{
	(void)c;
	return k->size == 0 ? S_data_cr : S_data;
}

static enum state
data_cr(struct http1_chunked *k, char c)
{
	(void)k;
	return c == '\r' ? S_data_lf : S_MALFORMED;
}

static enum state
data_lf(struct http1_chunked *k, char c)
{
	(void)k;
	return c == '\n' ? S_size : S_MALFORMED;
}

static enum state
trailer(struct http1_chunked *k, enum state next)
{
	return ++k->trailers > HTTP1_TRAILERS_MAX ? S_HEADERS : next;
}

static enum state
trailer_start(struct http1_chunked *k, char c)
{
	if (c == '\r')
		return S_last_lf;
	return token(c) ? trailer(k, S_trailer_name) : S_MALFORMED;
}

static enum state
trailer_name(struct http1_chunked *k, char c)
{
	if (c == ':')
		return trailer(k, S_trailer_value);
	return token(c) ? trailer(k, S_trailer_name) : S_MALFORMED;
}

static enum state
trailer_value(struct http1_chunked *k, char c)
{
	if (c == '\r')
		return S_trailer_lf;
	return text(c) ? trailer(k, S_trailer_value) : S_MALFORMED;
}

static enum state
trailer_lf(struct http1_chunked *k, char c)
{
	(void)k;
	return c == '\n' ? S_trailer_start : S_MALFORMED;
}

static enum state
last_lf(struct http1_chunked *k, char c)
{
	(void)k;
	return c == '\n' ? S_DONE : S_MALFORMED;
}

static enum state (*const steps[])(struct http1_chunked *k, char c) = {
#define X(name) [S_##name] = name,
	CHUNK_STATES(X)
#undef X
};

static const enum http_error errors[] = {
	[S_MALFORMED] = HTTP_ERROR_MALFORMED,
	[S_TOO_LARGE] = HTTP_ERROR_TOO_LARGE,
	[S_HEADERS] = HTTP_ERROR_HEADERS,
};

/* As many bytes of the chunk as there are. */
static size_t
take_data(struct http1_chunked *k, const char *p, size_t len, struct buf *out)
{
	size_t n = len < k->size ? len : (size_t)k->size;

	if (out != NULL)
		buf_add(out, p, n);
	k->size -= n;
	k->total += n;
	return n;
}

ssize_t
http1_chunked(struct http1_chunked *k, const char *p, size_t len, size_t max,
    struct buf *out, enum http_error *e)
{
	size_t i = 0;

	while (i < len && !k->done) {
		enum state next;

		if (k->state == S_data && k->size > 0) {
			i += take_data(k, p + i, len - i, out);
			if (k->size == 0)
				k->state = S_data_cr;
			continue;
		}
		next = steps[k->state](k, p[i++]);
		/* Refused at its head, before a byte of it is kept. */
		if (next == S_data && k->size > max - k->total)
			next = S_TOO_LARGE;
		if (next > S_DONE) {
			*e = errors[next];
			return -1;
		}
		k->done = next == S_DONE;
		k->state = (unsigned char)next;
	}
	return (ssize_t)i;
}
