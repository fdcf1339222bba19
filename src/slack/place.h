/* SPDX-License-Identifier: ISC */
#ifndef SLACK_PLACE_H
#define SLACK_PLACE_H

#include "slack/fill.h"
#include "slack/strangers.h"

#include <sys/queue.h>

/* What this worker knows of one workspace's directory; private to the directory's
 * files.  There as long as somebody asks for it. */
struct place {
	LIST_ENTRY(place) next;
	struct directory *d;
	struct install *in;
	int64_t wanted;				/* monotonic ms */
	struct {
		struct directory_state state;
		int64_t read;			/* monotonic ms; 0: never */
		struct fill *fill;
		int64_t after;			/* the next run not before */
	} kinds[DIRECTORY_KINDS];
	struct strangers *strangers;
};

struct directory {
	struct slack *s;
	LIST_HEAD(, place) places;
	size_t n;
	int64_t look;
	LIST_HEAD(, directory_ask) asks;	/* directory_ask.c's */
};

/* The workspace's, made if need be. */
struct place *place_of(struct directory *d, struct install *in);
/* Is a question about it still open? */
bool place_is_asked(const struct place *p);

#endif
