/* SPDX-License-Identifier: ISC */
#ifndef SLACK_SLACK_H
#define SLACK_SLACK_H

#include "base/conf.h"
#include "base/crypto.h"
#include "net/httpc.h"
#include "shm/region.h"
#include "store/store.h"

#include <event2/event.h>
#include <sys/queue.h>

/* What a worker calls Slack with; one a worker, all members borrowed. */
struct slack {
	struct event_base *base;
	const struct conf *conf;
	struct region *region;
	struct store *store;
	struct httpc *httpc;
	const struct keyring *keys;
	struct installs *installs;
	struct directory *directory;	/* NULL: there is none */
	struct orgs *orgs;
	struct tokens *tokens;		/* NULL: nothing is renewed */
	struct verdicts *verdicts;	/* NULL: no token is called dead */
	const char *scopes;		/* list that an install is asked for */
	TAILQ_HEAD(slack_line, slack_call) line;	/* api.c's: all calls, as they came */
	struct changes *changes;	/* kicked after a write; may be NULL */
};

#endif
