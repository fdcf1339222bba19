/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/http1_server.h"

#include "base/counter.h"
#include "base/jsonw.h"
#include "base/log.h"

#include <strings.h>
#include <time.h>

#define PARTS_MAX	16

/* Helmet's default set, on every answer. */
#define CSP "default-src 'self';base-uri 'self';font-src 'self' https: data:;" \
	"form-action 'self';frame-ancestors 'self';img-src 'self' data:;" \
	"object-src 'none';script-src 'self';script-src-attr 'none';" \
	"style-src 'self' https: 'unsafe-inline'"

enum when { ALWAYS, WITH_HSTS, WITHOUT_HSTS };

static const struct {
	const char *name, *value;
	enum when when;
} fixed[] = {
	{ "Content-Security-Policy", CSP ";upgrade-insecure-requests", WITH_HSTS },
	{ "Content-Security-Policy", CSP, WITHOUT_HSTS },
	{ "Cross-Origin-Opener-Policy", "same-origin", ALWAYS },
	{ "Cross-Origin-Resource-Policy", "same-origin", ALWAYS },
	{ "Origin-Agent-Cluster", "?1", ALWAYS },
	{ "Referrer-Policy", "no-referrer", ALWAYS },
	{ "Strict-Transport-Security", "max-age=31536000; includeSubDomains", WITH_HSTS },
	{ "X-Content-Type-Options", "nosniff", ALWAYS },
	{ "X-DNS-Prefetch-Control", "off", ALWAYS },
	{ "X-Download-Options", "noopen", ALWAYS },
	{ "X-Frame-Options", "SAMEORIGIN", ALWAYS },
	{ "X-Permitted-Cross-Domain-Policies", "none", ALWAYS },
	{ "X-XSS-Protection", "0", ALWAYS },
};
#define FIXED	(sizeof(fixed) / sizeof(*fixed))

static const struct {
	int status;
	const char *text;
} reasons[] = {
	{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
	{ 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" },
	{ 304, "Not Modified" }, { 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
	{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
	{ 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" },
	{ 413, "Content Too Large" }, { 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" }, { 417, "Expectation Failed" },
	{ 421, "Misdirected Request" }, { 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
	{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
};

static const struct {
	int status;
	const char *word, *text;
} errors[] = {
#define HTTP_ERROR(sym, status, word, text) { status, word, text },
#include "net/http_errors.def"
#undef HTTP_ERROR
};

static void
render_fixed(struct buf *out, bool hsts, unsigned but)
{
	for (size_t i = 0; i < FIXED; i++) {
		if (fixed[i].when == (hsts ? WITHOUT_HSTS : WITH_HSTS) ||
		    (but & 1u << i) != 0)
			continue;
		buf_str(out, fixed[i].name);
		buf_str(out, ": ");
		buf_str(out, fixed[i].value);
		buf_str(out, "\r\n");
	}
}

void
http1_fixed(struct http_server *s)
{
	render_fixed(&s->fixed, s->conf.hsts, 0);
}

/* A counter through a bijection that stirs all bits (the finisher of
 * splitmix64), from a random start: unique, cheap, and tells nothing. */
void
http1_request_id(struct http_server *s, char *out)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t x = s->id_base + 0x9e3779b97f4a7c15u * ++s->id_count;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	for (int i = 0; i < 16; i++)
		out[i] = digits[x >> (60 - 4 * i) & 15];
	out[16] = '\0';
}

static bool
one_line(const char *s)
{
	return strpbrk(s, "\r\n") == NULL;
}

void
http_add(struct http_req *req, const char *name, const char *value)
{
	struct request *r = (struct request *)req;

	if (!one_line(name) || !one_line(value)) {
		log_error("http",
		    "a header with a line break was left out name=%.32s", name);
		return;
	}
	for (size_t i = 0; i < FIXED; i++)
		if ((name[0] | ' ') == (fixed[i].name[0] | ' ') &&
		    strcasecmp(name, fixed[i].name) == 0)
			r->replaced |= 1u << i;
	buf_str(&r->added, name);
	buf_str(&r->added, ": ");
	buf_str(&r->added, value);
	buf_str(&r->added, "\r\n");
}

static void
add_status(struct buf *out, int status)
{
	buf_str(out, "HTTP/1.1 ");
	buf_int(out, status);
	buf_char(out, ' ');
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			buf_str(out, reasons[i].text);
	buf_str(out, "\r\n");
}

/* Made anew once a second. */
static const char *
date(struct http_server *s)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != s->date_at) {
		s->date_at = now;
		gmtime_r(&now, &tm);
		strftime(s->date, sizeof(s->date), "%a, %d %b %Y %H:%M:%S GMT",
		    &tm);
	}
	return s->date;
}

static bool
bodyless(int status)
{
	return status < 200 || status == 204 || status == 304;
}

static void
render_head(struct request *r, const char *type, size_t len)
{
	struct http_server *s = r->c->s;
	struct buf *out = &s->head;

	buf_reset(out);
	add_status(out, r->req.status);
	if (r->replaced == 0)
		buf_add(out, s->fixed.p, s->fixed.len);
	else
		render_fixed(out, s->conf.hsts, r->replaced);
	buf_str(out, "Date: ");
	buf_str(out, date(s));
	buf_str(out, "\r\nX-Request-Id: ");
	buf_str(out, r->req.id);
	if (type != NULL) {
		buf_str(out, "\r\nContent-Type: ");
		buf_str(out, type);
	}
	if (!bodyless(r->req.status)) {
		buf_str(out, "\r\nContent-Length: ");
		buf_int(out, (int64_t)len);
	}
	if (!r->c->keep)
		buf_str(out, "\r\nConnection: close");
	buf_str(out, "\r\n");
	buf_add(out, r->added.p, r->added.len);
	buf_str(out, "\r\n");
}

/* May the connection go on after this answer?  Not when the client still holds
 * back a body that nobody wants, or has too much of it. */
static void
decide_keep(struct http_conn *c)
{
	if (c->s->draining) {
		c->keep = false;
		c->linger = true;
	}
	if (c->holds_back || c->left > HTTP1_SKIP_MAX)
		c->keep = false;
}

static void
finish_later(struct http_conn *c)
{
	if (c->in_call)
		return;
	TAILQ_INSERT_TAIL(&c->s->answered, c, answered);
	c->in_answered = true;
	event_active(c->s->later, EV_TIMEOUT, 0);
}

void
http_replyv(struct http_req *req, int status, const char *type,
    const struct iovec *parts, int nparts)
{
	struct request *r = (struct request *)req;
	struct http_conn *c = r->c;
	struct iovec all[PARTS_MAX + 1];
	size_t len = 0;
	bool quiet;

	if (req->answered || nparts > PARTS_MAX)
		fatal("http: %s, %d parts", req->answered ? "a second answer" :
		    "an answer", nparts);
	for (int i = 0; i < nparts; i++) {
		all[i + 1] = parts[i];
		len += parts[i].iov_len;
	}
	decide_keep(c);
	req->status = status;
	req->answered = true;
	quiet = bodyless(status) || strcmp(req->method, "HEAD") == 0;
	req->sent = quiet ? 0 : len;
	render_head(r, type, len);
	all[0] = (struct iovec){ .iov_base = c->s->head.p, .iov_len = c->s->head.len };
	conn_send(&c->conn, all, quiet ? 1 : nparts + 1);
	counter_up(CNT_REQUESTS);
	http1_whole(c, false);
	finish_later(c);
}

void
http_reply(struct http_req *req, int status, const char *type,
    const void *body, size_t len)
{
	struct iovec part = { .iov_base = (void *)body, .iov_len = len };

	http_replyv(req, status, type, &part, len > 0 ? 1 : 0);
}

void
http_error(struct http_req *req, enum http_error e, const char *text)
{
	struct buf body = { 0 };
	struct jsonw w = { .out = &body };

	jsonw_open(&w, '{');
	jsonw_put_text(&w, "error", errors[e].word);
	jsonw_put_text(&w, "message", text != NULL ? text : errors[e].text);
	jsonw_put_text(&w, "request_id", req->id);
	jsonw_close(&w);
	http_reply(req, errors[e].status, "application/json", body.p, body.len);
	buf_wipe(&body);
}

int
http_error_status(enum http_error e)
{
	return errors[e].status;
}

const char *
http_error_word(enum http_error e)
{
	return errors[e].word;
}

const char *
http_error_text(enum http_error e)
{
	return errors[e].text;
}
