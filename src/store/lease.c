/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/lease.h"

#include "base/clock.h"
#include "base/mem.h"
#include "shm/board.h"
#include "store/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

void
lease_init(struct lease *l, struct store *st, const struct region *board,
    const char *name)
{
	*l = (struct lease){ .st = st, .name = name, .owner = board_owner(),
		.ttl_ms = LEASE_MS,
		.gone = board != NULL ? board_owner_gone : NULL,
		.region = board };
}

/* Much longer than any pause between two attempts at a lease. */
#define SIGHT_MS	(60 * 60 * 1000)

/* Since when this process has seen another's lease as it is.  Kept beside the leases:
 * what they are for is begun anew with each attempt, and one attempt may be much
 * shorter than a ttl. */
struct sight {
	LIST_ENTRY(sight) next;
	char *name, *owner;		/* which lease, and who looks */
	char rival[65];
	int64_t beat, since;
	int64_t looked;
};

static LIST_HEAD(, sight) sights = LIST_HEAD_INITIALIZER(sights);

static struct sight *
sight_of(const struct lease *l)
{
	struct sight *s;

	LIST_FOREACH(s, &sights, next)
		if (strcmp(s->name, l->name) == 0 &&
		    strcmp(s->owner, l->owner) == 0)
			break;
	return s;
}

static void
look_away(struct sight *s)
{
	LIST_REMOVE(s, next);
	free(s->name);
	free(s->owner);
	free(s);
}

static int64_t
seen_since(const struct lease *l)
{
	struct sight *s = sight_of(l);

	if (s == NULL) {
		s = mem_new(sizeof(*s));
		s->name = mem_str(l->name);
		s->owner = mem_str(l->owner);
		LIST_INSERT_HEAD(&sights, s, next);
	}
	if (strcmp(s->rival, l->rival) != 0 || s->beat != l->beat) {
		snprintf(s->rival, sizeof(s->rival), "%s", l->rival);
		s->beat = l->beat;
		s->since = clock_ms();
	}
	s->looked = clock_ms();
	return s->since;
}

void
lease_tidy(int64_t now)
{
	struct sight *s, *next;

	for (s = LIST_FIRST(&sights); s != NULL; s = next) {
		next = LIST_NEXT(s, next);
		if (now - s->looked > SIGHT_MS)
			look_away(s);
	}
}

int
lease_left(const struct lease *l)
{
	int64_t left = l->until - clock_ms();

	return left > 0 ? (int)left : 0;
}

static void
finish(struct lease *l)
{
	l->unit = NULL;
	if (l->done != NULL)
		l->done(l->arg, lease_left(l));
}

/* By the next beat it is over, whatever the operator allows the store. */
static int
deadline(const struct lease *l)
{
	int most = store_timeout(l->st);

	return l->ttl_ms / 3 < most ? l->ttl_ms / 3 : most;
}

static void
ask(struct lease *l, const struct step *steps, store_done_fn *done)
{
	l->sent = clock_ms();
	l->unit = store_run(l->st, steps, deadline(l), done, l);
}

/* A beat or an attempt.  With err nobody knows whether it was done: if it was,
 * the row says so next time; until then only the old time counts. */
static void
on_written(void *arg, const struct answer *a, const struct err *err)
{
	struct lease *l = arg;
	struct sight *s;

	if (err == NULL)
		l->until = a->touched > 0 ? l->sent + l->ttl_ms : 0;
	if (l->until != 0 && (s = sight_of(l)) != NULL)
		look_away(s);
	finish(l);
}

static void
beat(struct lease *l)
{
	ask(l, UNIT(DO(LEASE_BEAT, TEXT(l->name), TEXT(l->owner))), on_written);
}

static void
take(struct lease *l)
{
	ask(l,
	    UNIT(DO(LEASE_TAKE, TEXT(l->owner), TEXT(l->name), TEXT(l->rival),
		INT(l->beat))),
	    on_written);
}

static bool
is_free(const struct lease *l)
{
	return l->rival[0] == '\0' || (l->gone != NULL && l->gone(l->region, l->rival)) ||
	    clock_ms() - seen_since(l) >= l->ttl_ms;
}

static void
on_seen(void *arg, const struct answer *a, const struct err *err)
{
	struct lease *l = arg;
	const char *owner;

	if (err != NULL) {
		finish(l);
		return;
	}
	if (a->rows == 0) {
		/* A row that was taken away is not to look like the one before. */
		ask(l, UNIT(DO(LEASE_MAKE, TEXT(l->name), TEXT(l->owner),
		    INT(clock_wall_ms()))), on_written);
		return;
	}
	owner = answer_at(a, 0, 0)->text;
	if (strcmp(owner, l->owner) == 0) {	/* an attempt whose answer was lost */
		beat(l);
		return;
	}
	snprintf(l->rival, sizeof(l->rival), "%s", owner);
	l->beat = answer_at(a, 0, 1)->n;
	if (is_free(l))
		take(l);
	else
		finish(l);
}

void
lease_tend(struct lease *l, void (*done)(void *arg, int left_ms), void *arg)
{
	if (l->unit != NULL || l->drop != NULL)
		return;
	l->done = done;
	l->arg = arg;
	if (lease_left(l) > 0)
		beat(l);
	else
		ask(l, UNIT(DO(LEASE_SEE, TEXT(l->name))), on_seen);
}

/* Units have no order: a lease taken again before the row was given up would be
 * given up while we hold it. */
struct dropping {
	struct op op;
	struct lease *lease;	/* NULL: wiped meanwhile */
};

static void
on_dropped(void *arg, const struct answer *a, const struct err *err)
{
	struct dropping *d = arg;

	(void)a, (void)err;
	if (d->lease != NULL)
		d->lease->drop = NULL;
}

void
lease_drop(struct lease *l)
{
	bool ours = lease_left(l) > 0;
	struct step give = DO(LEASE_DROP, TEXT(l->name), TEXT(l->owner));
	struct dropping *d;

	if (l->unit != NULL)
		store_cancel(l->unit);
	l->unit = NULL;
	l->until = 0;
	if (!ours)
		return;
	d = l->drop = mem_new(sizeof(*d));
	d->lease = l;
	if (l->forget)
		give.id = ST_LEASE_LEAVE;
	op_start(l->st, UNIT(give), deadline(l), on_dropped, &d->op);
}

void
lease_wipe(struct lease *l)
{
	if (l->unit != NULL)
		store_cancel(l->unit);
	l->unit = NULL;
	if (l->drop != NULL)
		l->drop->lease = NULL;
	l->drop = NULL;
}
