/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_STATUS_H
#define TOOLS_STATUS_H

#include "tools/call.h"

/* What slack_connection_status tells of a call's workspace without asking anybody, as
 * lines and as members of its JSON: how long the token serves; which scopes the key's
 * tools lack, and the way to them; how many calls each method has left. */
void status_token(const struct call *call, struct buf *out);
void status_token_json(const struct call *call, struct jsonw *w);
void status_scopes(const struct call *call, struct buf *out);
void status_scopes_json(const struct call *call, struct jsonw *w);
void status_budget(const struct call *call, struct buf *out);
void status_budget_json(const struct call *call, struct jsonw *w);

#endif
