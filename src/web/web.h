/* SPDX-License-Identifier: ISC */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "base/url.h"
#include "mcp/mcp.h"
#include "net/http1.h"
#include "slack/slack.h"
#include "tools/principals.h"

#define WEB_ORIGINS	16

/* URLs: routes, guards, pages.  One a worker, all members borrowed; zeroed but for
 * what the worker sets. */
struct web {
	const struct conf *conf;
	struct region *region;
	struct slack *slack;
	struct principals *principals;
	struct mcp *mcp;
	bool draining;			/* /ready says 503, no install begins */

	/* its own: the refused origins that were logged last */
	char refused[WEB_ORIGINS][URL_ORIGIN_SIZE];
	unsigned nrefused;
};

/* The handler to give to http_server_new, with a struct web as its arg. */
extern const struct http_handler web_handler;

/* Slack's app manifest as JSON, from PUBLIC_BASE_URL and the tools (APP-1). */
void web_manifest(const struct conf *conf, struct buf *out);

/* A line for json-c, as it is loaded now (-V). */
void web_libraries(struct buf *out);

#endif
