/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/tool.h"

#include "base/jsonw.h"
#include "base/list.h"
#include "base/mem.h"

#include <string.h>

/* The first one does no harm when it is called without arguments (MCP.md R2). */
#define TOOLS(X) \
	X(list_workspaces) \
	X(list_channels) \
	X(get_channel_history) \
	X(get_thread_replies) \
	X(get_channel_info) \
	X(get_users) \
	X(search_users) \
	X(get_user_profile) \
	X(connection_status) \
	X(post_message) \
	X(reply_to_thread) \
	X(add_reaction)

#define X(name) extern const struct tool tool_##name;
TOOLS(X)
#undef X

const struct tool *const tools[] = {
#define X(name) &tool_##name,
	TOOLS(X)
#undef X
	NULL
};

static const char *const types[] = {
#define X(sym, json) [ARG_##sym] = json,
	ARG_TYPES(X)
#undef X
};

const struct tool *
tool_find(const char *name, size_t len)
{
	for (const struct tool *const *t = tools; *t != NULL; t++)
		if (strlen((*t)->name) == len &&
		    memcmp((*t)->name, name, len) == 0)
			return *t;
	return NULL;
}

static void
describe_arg(const struct tool_arg *a, bool headers, struct jsonw *w)
{
	jsonw_key(w, a->name);
	jsonw_open(w, '{');
	jsonw_put_text(w, "type", types[a->type]);
	jsonw_put_text(w, "description", a->help);
	if (arg_is_number(a)) {
		jsonw_put_int(w, "minimum", a->min);
		jsonw_put_int(w, "maximum", a->max);
		if (a->dflt != 0)
			jsonw_put_int(w, "default", a->dflt);
	}
	if (headers && a->header != NULL)
		jsonw_put_text(w, "x-mcp-header", a->header);
	jsonw_close(w);
}

static void
describe_args(const struct tool *t, bool headers, struct jsonw *w)
{
	bool required = false;

	jsonw_key(w, "inputSchema");
	jsonw_open(w, '{');
	jsonw_put_text(w, "type", "object");
	jsonw_key(w, "properties");
	jsonw_open(w, '{');
	for (const struct tool_arg *a = t->args; a->name != NULL; a++) {
		describe_arg(a, headers, w);
		required = required || a->required;
	}
	jsonw_close(w);
	if (required) {
		jsonw_key(w, "required");
		jsonw_open(w, '[');
		for (const struct tool_arg *a = t->args; a->name != NULL; a++)
			if (a->required)
				jsonw_text(w, a->name);
		jsonw_close(w);
	}
	jsonw_close(w);
}

void
tool_describe(const struct tool *t, bool headers, struct buf *out)
{
	struct jsonw w = { .out = out };

	jsonw_open(&w, '{');
	jsonw_put_text(&w, "name", t->name);
	jsonw_put_text(&w, "title", t->title);
	jsonw_put_text(&w, "description", t->help);
	describe_args(t, headers, &w);
	jsonw_key(&w, "annotations");
	jsonw_open(&w, '{');
	jsonw_put_text(&w, "title", t->title);	/* 2025-03-26 knows no other */
	jsonw_put_bool(&w, "readOnlyHint", t->role == ROLE_READ);
	jsonw_put_bool(&w, "destructiveHint",
	    (t->hints & TOOL_DESTRUCTIVE) != 0);
	jsonw_put_bool(&w, "idempotentHint", (t->hints & TOOL_IDEMPOTENT) != 0);
	jsonw_put_bool(&w, "openWorldHint", t->method != METHOD_NONE);
	jsonw_close(&w);
	jsonw_close(&w);
}

char *
tools_scopes(const struct conf *conf)
{
	struct buf all = { 0 };
	char *list;

	if (conf->slack_scopes[0] != '\0')
		return mem_str(conf->slack_scopes);
	for (const struct tool *const *t = tools; *t != NULL; t++)
		if ((*t)->want_scopes != NULL &&
		    list_meets((*t)->toolsets, conf->toolsets)) {
			buf_str(&all, (*t)->want_scopes);
			buf_char(&all, ',');
		}
	list = list_tidy(all.len > 0 ? all.p : "");
	buf_wipe(&all);
	return list;
}
