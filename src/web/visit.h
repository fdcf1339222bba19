/* SPDX-License-Identifier: ISC */
#ifndef WEB_VISIT_H
#define WEB_VISIT_H

#include "slack/oauth.h"
#include "web/web.h"

/* One request while it is here: hangs on http_req.data. */
struct route;

struct visit {
	struct web *web;
	struct http_req *req;
	const struct route *route;	/* of its path; the method may not be served */
	struct policy *policy;		/* held; NULL before the key was good */
	/* client.c: as trusted proxies say, else as the connection shows */
	char client[ADDRESS_SIZE];
	const char *host;		/* NULL: not told */
	bool plain;			/* http towards a proxy */

	bool sse;			/* the answer has to be a stream of one event */
	int64_t body_held;		/* its part of policy->body_bytes */

	/* what is under way, each NULL when it is not */
	struct principals_wait *wait;
	bool body_here;			/* on_request came while waiting */
	struct rpc *rpc;
	struct oauth *oauth;
	struct event_in *event;

	/* for the log */
	const char *method, *tool;
	const char *error;		/* the word of a refusal; NULL: none */
	int code;			/* of a JSON-RPC error; 0: none */
	char session[9];
};

/* Refuses: a page where a browser asks for one, else the JSON body of every error. */
void visit_refuse(struct visit *v, enum http_error e, const char *text);
/* With Retry-After. */
void visit_later(struct visit *v, enum http_error e, int64_t ms);

#endif
