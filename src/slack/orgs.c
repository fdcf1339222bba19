/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/orgs.h"

#include "base/clock.h"
#include "base/mem.h"
#include "slack/fill.h"
#include "store/directory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define LOOK_MS		500	/* between two looks for lists that are due */
#define DOUBT_MS	60000

struct org {
	LIST_ENTRY(org) next;
	struct install *in;		/* its row, as it was looked at last */
	struct fill *fill;
	int64_t after;			/* the next run not before; monotonic ms */
	int64_t doubted;
};

struct orgs {
	struct slack *s;
	LIST_HEAD(, org) all;
	int64_t look;
};

static void
org_free(struct org *g)
{
	LIST_REMOVE(g, next);
	if (g->fill != NULL)
		fill_cancel(g->fill);
	install_drop(g->in);
	free(g);
}

static void
on_over(void *arg, int64_t wait_ms)
{
	struct org *g = arg;

	g->fill = NULL;
	g->after = clock_ms() + wait_ms;
}

static bool
is_wanted(const struct install *in)
{
	return in->team_id[0] == '\0' && in->state == INSTALL_LIVE &&
	    !in->unreadable;
}

/* A row that was read again is looked at again: an event may have said that the list
 * is out of date. */
static bool
take(void *arg, struct install *in)
{
	struct orgs *o = arg;
	struct org *g;

	if (!is_wanted(in))
		return true;
	LIST_FOREACH(g, &o->all, next)
		if (strcmp(install_key(g->in), install_key(in)) == 0)
			break;
	if (g == NULL) {
		g = mem_new(sizeof(*g));
		LIST_INSERT_HEAD(&o->all, g, next);
	}
	if (g->in == in)
		return true;
	install_drop(g->in);
	g->in = install_hold(in);
	g->after = 0;
	return true;
}

static void
tend(struct orgs *o, struct org *g)
{
	struct install *now = installs_find(o->s->installs, install_key(g->in));

	if (now != g->in)
		org_free(g);
	else if (g->fill == NULL && clock_ms() >= g->after)
		g->fill = fill_begin(o->s, g->in, DIRECTORY_TEAMS, on_over, g);
}

void
orgs_tend(struct orgs *o)
{
	struct org *g, *next;

	if (clock_ms() < o->look)
		return;
	o->look = clock_ms() + LOOK_MS;
	installs_each(o->s->installs, take, o);
	for (g = LIST_FIRST(&o->all); g != NULL; g = next) {
		next = LIST_NEXT(g, next);
		tend(o, g);
	}
}

void
orgs_doubt(struct orgs *o, const struct install *org)
{
	int64_t now = clock_ms();
	struct org *g;

	LIST_FOREACH(g, &o->all, next)
		if (strcmp(install_key(g->in), install_key(org)) == 0)
			break;
	if (g == NULL || (g->doubted != 0 && now - g->doubted < DOUBT_MS))
		return;
	g->doubted = now;
	fill_due(o->s->store, install_key(org));
}

struct orgs *
orgs_new(struct slack *s)
{
	struct orgs *o = mem_new(sizeof(*o));

	o->s = s;
	LIST_INIT(&o->all);
	return o;
}

void
orgs_free(struct orgs *o)
{
	if (o == NULL)
		return;
	while (!LIST_EMPTY(&o->all))
		org_free(LIST_FIRST(&o->all));
	free(o);
}
