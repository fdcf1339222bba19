/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/page.h"

#include "base/crypto.h"
#include "base/jsonw.h"
#include "web/accept.h"
#include "web/handlers.h"

#include <stdarg.h>
#include <stdio.h>

#define STYLE \
	"body{font:16px/1.5 system-ui,sans-serif;max-width:44em;margin:3em auto;" \
	"padding:0 1em;color:#1d1c1d;background:#fff}" \
	"h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}" \
	"pre{background:#f4f4f4;padding:.8em;border-radius:6px;white-space:pre-wrap;" \
	"overflow-wrap:anywhere}dt{font-weight:600}dd{margin:0 0 .5em;" \
	"overflow-wrap:anywhere}a.go{display:inline-block;padding:.6em 1.2em;" \
	"border-radius:6px;background:#4a154b;color:#fff;text-decoration:none}" \
	"small{color:#616061}"

void
page_begin(struct page *p, const char *title)
{
	*p = (struct page){ { 0 } };
	buf_str(&p->html,
	    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	    "<meta name=\"viewport\" "
	    "content=\"width=device-width,initial-scale=1\">"
	    "<title>");
	buf_html(&p->html, title);
	buf_str(&p->html,
	    "</title><style>" STYLE "</style></head><body>\n<h1>");
	buf_html(&p->html, title);
	buf_str(&p->html, "</h1>\n");
}

static void
element(struct page *p, const char *before, const char *text, const char *after)
{
	buf_str(&p->html, before);
	buf_html(&p->html, text);
	buf_str(&p->html, after);
}

void
page_text(struct page *p, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	element(p, "<p>", text, "</p>\n");
}

void
page_head(struct page *p, const char *text)
{
	element(p, "<h2>", text, "</h2>\n");
}

void
page_code(struct page *p, const char *text)
{
	element(p, "<pre>", text, "</pre>\n");
}

void
page_link(struct page *p, const char *url, const char *text)
{
	element(p, "<p><a class=\"go\" href=\"", url, "\">");
	element(p, "", text, "</a></p>\n");
}

void
page_fact(struct page *p, const char *name, const char *value)
{
	element(p, "<dl><dt>", name, "</dt>");
	element(p, "<dd>", value, "</dd></dl>\n");
}

/* The hash of the one style is all that this policy lets in. */
static void
add_policy(struct visit *v)
{
	unsigned char hash[SHA256_SIZE];
	const struct conf *conf = v->web->conf;
	struct buf csp = { 0 };

	crypto_sha256(STYLE, sizeof(STYLE) - 1, hash);
	buf_str(&csp, "default-src 'none';style-src 'sha256-");
	crypto_b64(&csp, hash, sizeof(hash));
	buf_str(&csp,
	    "';base-uri 'none';form-action 'none';frame-ancestors 'none'");
	if (conf->base_https && !conf->base_loopback)
		buf_str(&csp, ";upgrade-insecure-requests");
	http_add(v->req, "Content-Security-Policy", csp.p);
	buf_wipe(&csp);
}

void
page_send(struct page *p, struct visit *v, int status)
{
	buf_str(&p->html, "</body></html>\n");
	add_policy(v);
	http_add(v->req, "Cache-Control", "no-store");
	http_add(v->req, "Referrer-Policy", "no-referrer");
	http_add(v->req, "X-Robots-Tag", "noindex");
	http_reply(v->req, status, "text/html; charset=utf-8", p->html.p,
	    p->html.len);
	buf_wipe(&p->html);
}

void
page_url(const struct conf *conf, const char *path, struct buf *out)
{
	buf_str(out, conf->public_base_url);
	buf_str(out, path);
}

static void
send_json(struct visit *v, int status, const char *word, const char *text)
{
	struct buf body = { 0 };
	struct jsonw w = { .out = &body };

	jsonw_open(&w, '{');
	jsonw_put_text(&w, "error", word);
	jsonw_put_text(&w, "message", text);
	jsonw_put_text(&w, "request_id", v->req->id);
	jsonw_close(&w);
	http_add(v->req, "Cache-Control", "no-store");
	http_reply(v->req, status, "application/json", body.p, body.len);
	buf_wipe(&body);
}

static void
fail(struct visit *v, int status, const char *word, const char *text,
    bool again)
{
	struct page p;
	struct buf url = { 0 };

	if (!accept_html(v->req)) {
		send_json(v, status, word, text);
		return;
	}
	page_begin(&p, "This did not work");
	page_text(&p, "%s", text);
	if (again) {
		page_url(v->web->conf, INSTALL_PATH, &url);
		page_link(&p, url.p, "Add to Slack");
		buf_wipe(&url);
	}
	buf_str(&p.html, "<small>");
	buf_html(&p.html, word);
	buf_str(&p.html, " &middot; request ");
	buf_html(&p.html, v->req->id);
	buf_str(&p.html, "</small>\n");
	page_send(&p, v, status);
}

void
page_error(struct visit *v, int status, const char *word, const char *text)
{
	fail(v, status, word, text, false);
}

void
page_again(struct visit *v, int status, const char *word, const char *text)
{
	fail(v, status, word, text, true);
}

void
page_landing(struct visit *v)
{
	struct buf url = { 0 };
	struct page p;

	page_begin(&p, PACKAGE_NAME);
	page_text(&p,
	    "This server lets AI agents work in Slack workspaces over MCP. A "
	    "workspace takes part once the app was added to it.");
	page_url(v->web->conf, INSTALL_PATH, &url);
	page_link(&p, url.p, "Add to Slack");
	buf_reset(&url);
	page_url(v->web->conf, "/mcp", &url);
	page_fact(&p, "MCP endpoint", url.p);
	page_text(&p,
	    "Agents need a key for it; the operator of this server makes "
	    "them.");
	buf_wipe(&url);
	page_send(&p, v, 200);
}
