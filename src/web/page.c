/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/page.h"

#include "base/crypto.h"
#include "base/jsonw.h"
#include "web/accept.h"
#include "web/handlers.h"

#include <stdarg.h>
#include <stdio.h>

/* Colours by the browser's scheme; every text has a contrast of 4.5 or more. */
#define STYLE \
	":root{color-scheme:light dark;--ink:#1d1c1d;--soft:#5e5c60;" \
	"--back:#f6f4f7;--card:#fff;--line:#e2dfe4;--code:#f5f3f7;" \
	"--go:#611f69;--on-go:#fff;--good:#0b6e4f;--wait:#8a5a00;" \
	"--bad:#b3261e}" \
	"@media(prefers-color-scheme:dark){:root{--ink:#e9e7ea;" \
	"--soft:#aba7ae;--back:#131214;--card:#1e1c20;--line:#38343b;" \
	"--code:#29262c;--go:#dcaee3;--on-go:#2b0b30;--good:#5fd1a5;" \
	"--wait:#f0b849;--bad:#ff8f85}}" \
	"*{box-sizing:border-box}" \
	"body{margin:0;padding:3rem 1rem;background:var(--back);" \
	"color:var(--ink);font:16px/1.55 system-ui,sans-serif}" \
	"main{max-width:44rem;margin:0 auto;padding:2rem 2.25rem;" \
	"background:var(--card);border:1px solid var(--line);" \
	"border-radius:12px}" \
	"header,footer{color:var(--soft);font-size:.875rem}" \
	"footer{margin-top:2rem}" \
	"h1{margin:.25rem 0 1rem;font-size:1.625rem;line-height:1.25}" \
	"h2{margin:2rem 0 .75rem;padding-top:1.5rem;font-size:1.2rem;" \
	"border-top:1px solid var(--line)}" \
	"h3{margin:1.25rem 0 .5rem;font-size:1rem}" \
	"p{margin:.75rem 0}" \
	".good:before{content:'\\2713\\a0';color:var(--good)}" \
	".wait:before{content:'\\2026\\a0';color:var(--wait)}" \
	".bad:before{content:'\\00d7\\a0';color:var(--bad)}" \
	"pre{margin:.5rem 0 1rem;padding:.75rem 1rem;white-space:pre-wrap;" \
	"overflow-wrap:anywhere;background:var(--code);" \
	"border:1px solid var(--line);border-radius:8px;" \
	"font:.875rem/1.5 ui-monospace,monospace}" \
	"dl{display:grid;grid-template-columns:max-content 1fr;" \
	"gap:.35rem 1.5rem;margin:1.25rem 0}" \
	"dt{color:var(--soft)}" \
	"dd{margin:0;min-width:0;text-align:left;overflow-wrap:anywhere}" \
	"a.go{display:inline-block;margin:.5rem 0;padding:.65rem 1.4rem;" \
	"border-radius:8px;background:var(--go);color:var(--on-go);" \
	"font-weight:600;text-decoration:none}" \
	"a.go:hover{text-decoration:underline}" \
	"a.go:focus-visible{outline:3px solid var(--go);outline-offset:3px}" \
	"@media(max-width:32rem){body{padding:0;background:var(--card)}" \
	"main{padding:1.5rem 1.25rem;border:0;border-radius:0}" \
	"pre{padding:.6rem .7rem;font-size:.8125rem}}"

/* Else browsers ask for /favicon.ico and tell of the policy that forbids it. */
#define ICON \
	"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' " \
	"viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' " \
	"fill='%23611f69'/%3E%3Cpath d='M5 8h6M8 5v6' stroke='%23fff' " \
	"stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E"

static void
add(struct page *p, const char *before, const char *text, const char *after)
{
	buf_str(&p->html, before);
	buf_html(&p->html, text);
	buf_str(&p->html, after);
}

/* As add, behind the list of facts if one is open. */
static void
element(struct page *p, const char *before, const char *text, const char *after)
{
	if (p->facts)
		buf_str(&p->html, "</dl>\n");
	p->facts = false;
	add(p, before, text, after);
}

void
page_begin(struct page *p, enum page_mood mood, const char *title)
{
	static const char *const heads[] = {
		[PAGE_PLAIN] = "<h1>",
		[PAGE_GOOD] = "<h1 class=\"good\">",
		[PAGE_WAIT] = "<h1 class=\"wait\">",
		[PAGE_BAD] = "<h1 class=\"bad\">",
	};

	*p = (struct page){ .facts = false };
	add(p,
	    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	    "<meta name=\"viewport\" "
	    "content=\"width=device-width,initial-scale=1\">"
	    "<title>", title,
	    "</title><link rel=\"icon\" href=\"" ICON "\">"
	    "<style>" STYLE "</style></head><body><main>\n");
	if (mood != PAGE_PLAIN)
		buf_str(&p->html, "<header>" PACKAGE_NAME "</header>\n");
	add(p, heads[mood], title, "</h1>\n");
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
page_subhead(struct page *p, const char *text)
{
	element(p, "<h3>", text, "</h3>\n");
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
	add(p, "", text, "</a></p>\n");
}

void
page_fact(struct page *p, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	add(p, p->facts ? "<dt>" : "<dl><dt>", name, "</dt>");
	add(p, "<dd dir=\"auto\">", value, "</dd>\n");
	p->facts = true;
}

/* The one style, by its hash, and the icon are all that this policy lets in. */
static void
add_policy(struct visit *v)
{
	unsigned char hash[SHA256_SIZE];
	const struct conf *conf = v->web->conf;
	struct buf csp = { 0 };

	crypto_sha256(STYLE, sizeof(STYLE) - 1, hash);
	buf_str(&csp,
	    "default-src 'none';img-src data:;style-src 'sha256-");
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
	element(p, "", "", "</main></body></html>\n");
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

	v->error = word;
	if (!accept_html(v->req)) {
		send_json(v, status, word, text);
		return;
	}
	page_begin(&p, PAGE_BAD, "This did not work");
	page_text(&p, "%s", text);
	if (again) {
		page_url(v->web->conf, INSTALL_PATH, &url);
		page_link(&p, url.p, "Add to Slack");
		buf_wipe(&url);
	}
	add(&p, "<footer>", word, " &middot; request ");
	add(&p, "", v->req->id, "</footer>\n");
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

	page_begin(&p, PAGE_PLAIN, PACKAGE_NAME);
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
