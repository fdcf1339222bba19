/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/tools_list.h"

#include "base/mem.h"
#include "mcp/reply.h"
#include "tools/tool.h"

#include <stdlib.h>
#include <string.h>

#define LIST_TTL	300000

struct variant {
	char *toolsets;			/* NULL: free */
	enum role role;
	bool bound, modern;
	struct buf tail;
};

struct tools_list {
	const struct conf *conf;
	struct variant variants[VARIANTS];
	unsigned next;			/* the oldest, once all are taken */
};

struct tools_list *
tools_list_new(const struct conf *conf)
{
	struct tools_list *l = mem_new(sizeof(*l));

	l->conf = conf;
	return l;
}

static void
wipe(struct variant *v)
{
	free(v->toolsets);
	buf_wipe(&v->tail);
	*v = (struct variant){ .toolsets = NULL };
}

void
tools_list_free(struct tools_list *l)
{
	if (l == NULL)
		return;
	for (int i = 0; i < VARIANTS; i++)
		wipe(&l->variants[i]);
	free(l);
}

static void
render(struct variant *v, const struct policy *p, const struct conf *conf)
{
	struct buf one = { 0 };
	struct jsonw w;

	reply_open(&w, &v->tail, v->modern ? MCP_MODERN : MCP_LEGACY_LATEST);
	jsonw_key(&w, "tools");
	jsonw_open(&w, '[');
	for (const struct tool *const *t = tools; *t != NULL; t++) {
		if (!policy_tool(p, conf, (*t)->role, (*t)->toolsets))
			continue;
		buf_reset(&one);
		tool_describe(*t, v->modern, &one);
		jsonw_raw(&w, one.p, one.len);
	}
	jsonw_close(&w);
	if (v->modern) {
		jsonw_put_int(&w, "ttlMs", LIST_TTL);
		jsonw_put_text(&w, "cacheScope", "private");
	}
	reply_close(&w);
	buf_wipe(&one);
}

static const struct buf *
get(struct tools_list *l, const struct policy *p, bool modern)
{
	bool bound = p->slack_user[0] != '\0';
	struct variant *v;

	for (v = l->variants; v < l->variants + VARIANTS && v->toolsets != NULL;
	     v++)
		if (v->role == p->role && v->bound == bound &&
		    v->modern == modern &&
		    strcmp(v->toolsets, p->toolsets) == 0)
			return &v->tail;
	if (v == l->variants + VARIANTS) {
		v = &l->variants[l->next];
		l->next = (l->next + 1) % VARIANTS;
		wipe(v);
	}
	*v = (struct variant){
		.toolsets = mem_str(p->toolsets),
		.role = p->role,
		.bound = bound,
		.modern = modern,
	};
	render(v, p, l->conf);
	return &v->tail;
}

/* There is one page: a cursor cannot be ours. */
static bool
has_cursor(struct span params)
{
	struct span cursor = scan_member(params, "cursor");

	return cursor.kind != SCAN_NONE && cursor.kind != SCAN_NULL &&
	    !scan_is(cursor, "");
}

/* Another item of a batch may push a kept variant out. */
static void
add_list(struct item *it, const struct buf *kept)
{
	it->status = 200;
	buf_add(&it->tail, kept->p, kept->len);
}

void
tools_list(struct rpc *r, struct item *it, struct span params)
{
	if (has_cursor(params))
		reply_fault(it, FAULT_PARAMS,
		    "This cursor is not of this server; ask "
		    "without one: all tools come at once");
	else if (r->batch)
		add_list(it, get(r->mcp->lists, r->policy, false));
	else
		reply_stored(it, get(r->mcp->lists, r->policy,
		    r->version == MCP_MODERN));
}
