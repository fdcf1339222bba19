/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/reply.h"

#include "base/counter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEAD		"{\"jsonrpc\":\"2.0\""
#define HEAD_ID		"{\"jsonrpc\":\"2.0\",\"id\":"

void
reply_open(struct jsonw *w, struct buf *tail, enum mcp_version v)
{
	buf_str(tail, ",\"result\":");
	*w = (struct jsonw){ .out = tail };
	jsonw_open(w, '{');
	if (v != MCP_MODERN)
		return;
	jsonw_put_text(w, "resultType", "complete");
	jsonw_key(w, "_meta");
	jsonw_open(w, '{');
	jsonw_key(w, "io.modelcontextprotocol/serverInfo");
	jsonw_open(w, '{');
	jsonw_put_text(w, "name", PACKAGE_NAME);
	jsonw_put_text(w, "version", PACKAGE_VERSION);
	jsonw_close(w);
	jsonw_close(w);
}

void
reply_close(struct jsonw *w)
{
	jsonw_close(w);
	buf_char(w->out, '}');
}

void
reply_empty(struct item *it)
{
	struct jsonw w;

	it->status = 200;
	reply_open(&w, &it->tail, it->rpc->version);
	reply_close(&w);
}

void
reply_stored(struct item *it, const struct buf *tail)
{
	it->status = 200;
	it->stored = tail;
}

void
reply_accepted(struct item *it)
{
	it->status = 202;
}

static void
fault(struct item *it, enum fault f, const char *more, const char *text)
{
	struct jsonw w = { .out = &it->tail };

	counter_up(CNT_RPC_ERRORS);
	it->status = fault_status(f, it->rpc->version);
	it->rpc->code = fault_code(f);
	if (f == FAULT_BUSY)
		it->rpc->retry_after = 1;
	buf_str(&it->tail, ",\"error\":");
	jsonw_open(&w, '{');
	jsonw_put_int(&w, "code", fault_code(f));
	jsonw_put_text(&w, "message", text);
	jsonw_key(&w, "data");
	jsonw_open(&w, '{');
	jsonw_put_text(&w, "request_id", it->rpc->request_id);
	if (more != NULL) {
		buf_char(&it->tail, ',');
		buf_str(&it->tail, more);
	}
	jsonw_close(&w);
	jsonw_close(&w);
	buf_char(&it->tail, '}');
}

void
reply_fault(struct item *it, enum fault f, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fault(it, f, NULL, text);
}

void
reply_fault_with(struct item *it, enum fault f, const char *more,
    const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fault(it, f, more, text);
}

void
reply_tool(struct item *it, const struct call_result *r)
{
	bool structured = r->json != NULL && it->rpc->version >= V2025_06_18;
	bool as_text = r->json != NULL && !structured;
	struct jsonw w;

	it->status = 200;
	reply_open(&w, &it->tail, it->rpc->version);
	jsonw_key(&w, "content");
	jsonw_open(&w, '[');
	jsonw_open(&w, '{');
	jsonw_put_text(&w, "type", "text");
	jsonw_key(&w, "text");
	jsonw_textn(&w, as_text ? r->json : r->text,
	    as_text ? r->json_len : r->len);
	jsonw_close(&w);
	jsonw_close(&w);
	if (structured) {
		jsonw_key(&w, "structuredContent");
		jsonw_raw(&w, r->json, r->json_len);
	}
	jsonw_put_bool(&w, "isError", r->is_error);
	reply_close(&w);
}

static const struct buf *
tail_of(const struct item *it)
{
	return it->stored != NULL ? it->stored : &it->tail;
}

static struct iovec
part(const void *p, size_t len)
{
	return (struct iovec){ .iov_base = (void *)p, .iov_len = len };
}

static void
alone(const struct item *it, struct mcp_out *out)
{
	const struct buf *tail = tail_of(it);

	out->status = it->status;
	if (tail->len == 0)
		return;
	if (it->id != NULL) {
		out->parts[out->nparts++] = part(HEAD_ID, strlen(HEAD_ID));
		out->parts[out->nparts++] = part(it->id, it->id_len);
	} else {
		out->parts[out->nparts++] = part(HEAD, strlen(HEAD));
	}
	out->parts[out->nparts++] = part(tail->p, tail->len);
}

static void
together(struct rpc *r, struct mcp_out *out)
{
	struct mcp_out one;

	for (size_t i = 0; i < r->nitems; i++) {
		one = (struct mcp_out){ .status = 0 };
		alone(&r->items[i], &one);
		if (one.nparts > 0)
			buf_char(&r->whole, r->whole.len == 0 ? '[' : ',');
		for (int k = 0; k < one.nparts; k++)
			buf_add(&r->whole, one.parts[k].iov_base,
			    one.parts[k].iov_len);
	}
	out->status = 202;
	if (r->whole.len == 0)
		return;
	buf_char(&r->whole, ']');
	out->status = 200;
	out->parts[out->nparts++] = part(r->whole.p, r->whole.len);
}

void
reply_parts(struct rpc *r, struct mcp_out *out)
{
	*out = (struct mcp_out){
		.retry_after = r->retry_after,
		.method = r->method,
		.tool = r->tool,
		.code = r->code,
	};
	if (r->begun)
		snprintf(out->session, sizeof(out->session), "%s",
		    r->session.id);
	if (r->batch)
		together(r, out);
	else
		alone(&r->items[0], out);
}
