/* SPDX-License-Identifier: ISC */
#ifndef WEB_HANDLERS_H
#define WEB_HANDLERS_H

#include "web/visit.h"

/* What the rows of route.c run, once the guards let pass and the body is here. */
#define INSTALL_PATH	"/slack/install"
#define EVENTS_PATH	"/slack/events"
#define CALLBACK_PATH	"/slack/oauth/callback"

void health_run(struct visit *v);
void ready_run(struct visit *v);
void mcp_run(struct visit *v);
void mcp_end(struct visit *v);
void page_landing(struct visit *v);
void install_run(struct visit *v);
void callback_run(struct visit *v);
void events_run(struct visit *v);

#endif
