/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/orgs.h"

#include "base/mem.h"
#include "store/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE	200
#define MOST	20000		/* workspaces of one organisation */
#define ID_MAX	64

struct granted {
	struct slack *s;
	struct install *org;
	granted_fn *done;
	void *arg;
	struct unit *unit;
	struct install **v;
	size_t n;
	char handle[ID_MAX], id[ID_MAX];	/* where the next page begins */
};

static void
granted_free(struct granted *g)
{
	install_drop(g->org);
	free(g->v);
	free(g);
}

void
granted_cancel(struct granted *g)
{
	store_cancel(g->unit);
	for (size_t i = 0; i < g->n; i++)
		install_drop(g->v[i]);
	granted_free(g);
}

static void
finish(struct granted *g, const struct err *err)
{
	if (err != NULL)
		for (size_t i = 0; i < g->n; i++)
			install_drop(g->v[i]);
	g->done(g->arg, g->v, err == NULL ? g->n : 0, err);
	granted_free(g);
}

static void next_page(struct granted *g);

static void
on_rows(void *arg, const struct directory_row *rows, size_t n,
    const struct err *err)
{
	struct granted *g = arg;

	if (err != NULL) {
		finish(g, err);
		return;
	}
	g->v = mem_array(g->v, g->n + n + 1, sizeof(struct install *));
	for (size_t i = 0; i < n; i++)
		g->v[g->n++] = install_of_org(g->org, rows[i].id, rows[i].label);
	if (n < PAGE || g->n >= MOST) {
		finish(g, NULL);
		return;
	}
	snprintf(g->handle, sizeof(g->handle), "%s", rows[n - 1].handle);
	snprintf(g->id, sizeof(g->id), "%s", rows[n - 1].id);
	next_page(g);
}

static void
next_page(struct granted *g)
{
	g->unit = directory_rows_search(g->s->store, install_place(g->org),
	    DIRECTORY_TEAMS_WORD, "", g->handle, g->id, PAGE,
	    store_timeout(g->s->store), on_rows, g);
}

struct granted *
granted_read(struct slack *s, struct install *org, granted_fn *done, void *arg)
{
	struct granted *g = mem_new(sizeof(*g));

	g->s = s;
	g->org = install_hold(org);
	g->done = done;
	g->arg = arg;
	next_page(g);
	return g;
}
