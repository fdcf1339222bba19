/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/settings.h"

#include "base/jsonw.h"

#include <string.h>

static void
claude(const char *url, struct buf *out)
{
	buf_fmt(out, "claude mcp add --transport http slack %s \\\n"
	    "  --header \"Authorization: Bearer KEY\"", url);
}

static void
cursor(const char *url, struct buf *out)
{
	buf_str(out,
	    "{\n  \"mcpServers\": {\n    \"slack\": {\n      \"url\": ");
	jsonw_quote(out, url, strlen(url));
	buf_str(out,
	    ",\n      \"headers\": { \"Authorization\": \"Bearer KEY\" }\n"
	    "    }\n  }\n}");
}

static void
vscode(const char *url, struct buf *out)
{
	buf_str(out,
	    "{\n  \"servers\": {\n    \"slack\": {\n      \"type\": \"http\",\n"
	    "      \"url\": ");
	jsonw_quote(out, url, strlen(url));
	buf_str(out,
	    ",\n      \"headers\": { \"Authorization\": \"Bearer KEY\" }\n"
	    "    }\n  }\n}");
}

static const struct {
	const char *title;
	void (*render)(const char *url, struct buf *out);
} clients[] = {
	{ "Claude Code (command line)", claude },
	{ "Cursor (~/.cursor/mcp.json)", cursor },
	{ "VS Code (.vscode/mcp.json)", vscode },
};

void
settings_add(const struct conf *conf, struct page *p)
{
	struct buf url = { 0 }, text = { 0 };

	page_url(conf, "/mcp", &url);
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		buf_reset(&text);
		clients[i].render(url.p, &text);
		page_subhead(p, clients[i].title);
		page_code(p, text.p);
	}
	buf_wipe(&url);
	buf_wipe(&text);
}
