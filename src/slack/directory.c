/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/directory.h"

#include "base/clock.h"
#include "base/mem.h"
#include "slack/place.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_MS		500	/* between two looks for fills that are due */
#define WANTED_MS	(24 * 60 * 60 * 1000LL)	/* since somebody asked */
#define PLACES_MAX	1000

static void
place_free(struct place *p)
{
	LIST_REMOVE(p, next);
	p->d->n--;
	for (int k = 0; k < DIRECTORY_KINDS; k++)
		if (p->kinds[k].fill != NULL)
			fill_cancel(p->kinds[k].fill);
	strangers_free(p->strangers);
	install_drop(p->in);
	free(p);
}

struct place *
place_of(struct directory *d, struct install *in)
{
	struct place *p;

	LIST_FOREACH(p, &d->places, next)
		if (strcmp(install_place(p->in), install_place(in)) == 0)
			break;
	if (p == NULL) {
		p = mem_new(sizeof(*p));
		p->d = d;
		p->in = install_hold(in);
		p->strangers = strangers_new(d->s, in);
		LIST_INSERT_HEAD(&d->places, p, next);
		d->n++;
	}
	p->wanted = clock_ms();
	return p;
}

void
directory_want(struct directory *d, struct install *in)
{
	if (!in->unreadable)
		place_of(d, in);
}

static void
on_filled(struct place *p, enum directory_kind kind, int64_t wait_ms)
{
	p->kinds[kind].fill = NULL;
	p->kinds[kind].after = clock_ms() + wait_ms;
	p->kinds[kind].read = 0;
}

static void
on_channels(void *arg, int64_t wait_ms)
{
	on_filled(arg, DIRECTORY_CHANNELS, wait_ms);
}

static void
on_users(void *arg, int64_t wait_ms)
{
	on_filled(arg, DIRECTORY_USERS, wait_ms);
}

/* It may see more now. */
static void
connected_again(struct place *p, struct install *now)
{
	install_hold(now);
	install_drop(p->in);
	p->in = now;
	for (enum directory_kind k = 0; k < DIRECTORY_KINDS; k++)
		p->kinds[k].after = 0;
}

/* The install as it is now; NULL: it has ended, or has another directory. */
static struct install *
install_now(const struct place *p)
{
	struct install *now = installs_find(p->d->s->installs,
	    install_key(p->in));

	return now != NULL && now->state == INSTALL_LIVE &&
	    strcmp(install_place(now), install_place(p->in)) == 0 ? now : NULL;
}

static bool
is_read(const struct place *p)
{
	for (enum directory_kind k = 0; k < DIRECTORY_KINDS; k++)
		if (p->kinds[k].fill != NULL)
			return true;
	return false;
}

static void
tend(struct place *p, struct install *now)
{
	static fill_over_fn *const over[] = {
		[DIRECTORY_CHANNELS] = on_channels, [DIRECTORY_USERS] = on_users,
	};

	if (now->updated != p->in->updated)
		connected_again(p, now);
	for (enum directory_kind k = 0; k < DIRECTORY_KINDS; k++)
		if (p->kinds[k].fill == NULL && clock_ms() >= p->kinds[k].after)
			p->kinds[k].fill = fill_begin(p->d->s, now, k, over[k],
			    p);
}

void
directory_tend(struct directory *d)
{
	int64_t now = clock_ms();
	struct place *p, *next;
	struct install *in;

	if (now < d->look)
		return;
	d->look = now + LOOK_MS;
	for (p = LIST_FIRST(&d->places); p != NULL; p = next) {
		next = LIST_NEXT(p, next);
		in = install_now(p);
		/* a run that is under way ends by itself: it knows what becomes
		 * of its lease */
		if ((now - p->wanted > WANTED_MS || d->n > PLACES_MAX ||
			(in == NULL && !is_read(p))) && !place_is_asked(p))
			place_free(p);
		else if (in != NULL)
			tend(p, in);
	}
}

struct directory *
directory_new(struct slack *s)
{
	struct directory *d = mem_new(sizeof(*d));

	d->s = s;
	LIST_INIT(&d->places);
	LIST_INIT(&d->asks);
	return d;
}

void
directory_free(struct directory *d)
{
	if (d == NULL)
		return;
	while (!LIST_EMPTY(&d->asks))
		directory_cancel(LIST_FIRST(&d->asks));
	while (!LIST_EMPTY(&d->places))
		place_free(LIST_FIRST(&d->places));
	free(d);
}
