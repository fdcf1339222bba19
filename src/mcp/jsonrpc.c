/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/jsonrpc.h"

#include "base/log.h"

#include <stdbool.h>

/* A string or an integer; 0 is one.  What else is there is no id. */
static int
read_id(struct span id, struct span *out)
{
	long long n;

	if (id.len > RPC_ID_MAX)
		return -1;
	if (id.kind != SCAN_STRING &&
	    (id.kind != SCAN_NUMBER || scan_int(id, &n) == -1))
		return -1;
	*out = id;
	return 0;
}

static bool
is_error(struct span error)
{
	long long code;

	return scan_int(scan_member(error, "code"), &code) == 0 &&
	    scan_member(error, "message").kind == SCAN_STRING;
}

static int
read_answer(struct span result, struct span error, struct jsonrpc *m,
    struct err *err)
{
	if ((result.kind == SCAN_NONE) == (error.kind == SCAN_NONE))
		return err_set(err, ERR_INPUT,
		    "a message has a method, or else one of "
		    "result and error");
	if (m->id.kind == SCAN_NONE && error.kind == SCAN_NONE)
		return err_set(err, ERR_INPUT,
		    "a result needs the id of its request");
	if (error.kind == SCAN_NONE ? result.kind != SCAN_OBJECT :
				      !is_error(error))
		return err_set(err, ERR_INPUT,
		    "a result is an object, an error one with code and "
		    "message");
	m->kind = MESSAGE_RESPONSE;
	return 0;
}

int
jsonrpc_read(struct span v, struct jsonrpc *m, struct err *err)
{
	enum { JSONRPC, ID, METHOD, PARAMS, RESULT, ERROR, MEMBERS };
	static const char *const names[MEMBERS] = { "jsonrpc", "id", "method",
		"params", "result", "error" };
	struct span has[MEMBERS];

	*m = (struct jsonrpc){ .kind = MESSAGE_NOTIFICATION };
	if (v.kind != SCAN_OBJECT)
		return err_set(err, ERR_INPUT, "a message is a JSON object");
	scan_members(v, names, has, MEMBERS);
	if (has[ID].kind != SCAN_NONE) {
		if (read_id(has[ID], &m->id) == -1)
			return err_set(err, ERR_INPUT,
			    "id has to be a string or an "
			    "integer of 64 bits, %d bytes at most",
			    RPC_ID_MAX);
		m->kind = MESSAGE_REQUEST;
	}
	if (!scan_is(has[JSONRPC], "2.0"))
		return err_set(err, ERR_INPUT,
		    "\"jsonrpc\":\"2.0\" is missing");
	m->method = has[METHOD];
	if (m->method.kind == SCAN_NONE)
		return read_answer(has[RESULT], has[ERROR], m, err);
	if (m->method.kind != SCAN_STRING)
		return err_set(err, ERR_INPUT, "method has to be a string");
	if (has[RESULT].kind != SCAN_NONE || has[ERROR].kind != SCAN_NONE)
		return err_set(err, ERR_INPUT,
		    "a message with a method has no result "
		    "and no error");
	m->params = has[PARAMS];
	if (m->params.kind == SCAN_NULL)
		m->params.kind = SCAN_NONE;
	if (m->params.kind != SCAN_NONE && m->params.kind != SCAN_OBJECT)
		return err_set(err, ERR_INPUT, "params has to be an object");
	return 0;
}

struct json_object *
jsonrpc_parse(struct span v)
{
	struct json_tokener *tok;
	struct json_object *o;

	if (v.kind == SCAN_NONE || v.kind == SCAN_NULL)
		return NULL;
	tok = json_tokener_new_ex(SCAN_DEPTH + 2);
	if (tok == NULL)
		fatal("no memory for a JSON parser");
	/* A bare number ends only with the text. */
	o = json_tokener_parse_ex(tok, v.p, (int)v.len);
	if (o == NULL && json_tokener_get_error(tok) == json_tokener_continue)
		o = json_tokener_parse_ex(tok, "", -1);
	json_tokener_free(tok);
	return o;
}
