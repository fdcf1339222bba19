/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/code.h"

static const struct {
	int code, legacy, modern;
} faults[FAULT_COUNT] = {
#define X(sym, code, legacy, modern) [FAULT_##sym] = { code, legacy, modern },
	FAULTS(X)
#undef X
};

int
fault_code(enum fault f)
{
	return faults[f].code;
}

int
fault_status(enum fault f, enum mcp_version v)
{
	return v == MCP_MODERN ? faults[f].modern : faults[f].legacy;
}

enum fault
fault_of(enum err_kind kind)
{
	static const enum fault of[ERR_COUNT] = {
		[ERR_NONE] = FAULT_INTERNAL,
		[ERR_INPUT] = FAULT_PARAMS,
		[ERR_AUTH] = FAULT_SESSION,
		[ERR_NOT_FOUND] = FAULT_SESSION,
		[ERR_LIMIT] = FAULT_BUSY,
		[ERR_UPSTREAM] = FAULT_BUSY,
		[ERR_TIMEOUT] = FAULT_BUSY,
		[ERR_INTERNAL] = FAULT_INTERNAL,
	};

	return of[kind];
}
