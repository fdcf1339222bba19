/* SPDX-License-Identifier: ISC */
#ifndef WORKER_STATE_H
#define WORKER_STATE_H

/* What the files of worker/ share. */

#include "net/channel.h"
#include "net/http1.h"
#include "slack/slack.h"
#include "store/changes.h"
#include "web/web.h"

struct worker {
	const struct heritage *h;
	struct event_base *base;
	struct store *store;
	struct changes *changes;
	struct httpc *httpc;
	struct slack slack;
	char *scopes;			/* its; owned */
	struct upkeep *upkeep;
	struct stale *stale;
	struct principals *principals;
	struct toolbox box;
	struct mcp *mcp;
	struct web web;
	struct http_server *http;
	struct channel *channel;
	struct event *tick, *term, *flush;
	bool *accepting;		/* on each listener */
	int64_t started, ticked, every;
	bool ready;
	int64_t drain_until;		/* monotonic; 0: serves */
	int64_t close_at;		/* the listening sockets; 0: not, or done */
	int64_t settled;		/* since when only the store is waited for; 0 */
	size_t connections;		/* as the board knows them */
	size_t requests;
};

/* commands.c: a COMMAND of the control socket; answers by REPLY. */
void worker_command(struct worker *w, const struct message *m);

#endif
