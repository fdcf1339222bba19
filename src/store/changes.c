/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/changes.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "shm/board.h"

#include <stdlib.h>

#define EVERY_MS	1000
#define LATE_MS		3000	/* a row that has ended stays longer than that */

struct changes {
	struct store *st;
	struct event *timer;
	struct unit *unit;
	changes_fn *moved;
	void *arg;
	int64_t n;		/* as last told; 0: never */
	int64_t read_at;
	bool again;		/* kicked while reading */
	bool own;		/* a read after a write of this process is due */
	bool read, failed;
	bool late;
};

static void
on_read(void *arg, const struct answer *a, const struct err *err)
{
	struct changes *c = arg;
	int64_t n = err == NULL && a->rows == 1 ? answer_at(a, 0, 0)->n : 0;
	bool failed = n == 0;

	c->unit = NULL;
	if (failed != c->failed || !c->read)
		board_store_away(failed);	/* also when it answers, with an error */
	c->read = true;
	if (failed && !c->failed && err == NULL)	/* an error the store tells */
		log_warn("store", "table changes has no row");
	c->failed = failed;
	if (!failed) {
		/* kept until it is told */
		c->late |= c->read_at != 0 && clock_ms() - c->read_at > LATE_MS;
		c->read_at = clock_ms();
	}
	if (c->again && !failed)
		changes_kick(c);
	if (!failed && (n != c->n || c->own)) {
		bool back = n < c->n;

		if (back)
			log_warn("store", "is an older one, as of a backup: all"
			    " is read anew");
		c->n = n;
		c->moved(c->arg, back || c->late);
		c->late = false;
		/* The one that is under way again may be the one that shows it. */
		c->own = c->own && c->unit != NULL;
	}
}

void
changes_wrote(struct changes *c)
{
	if (c == NULL)
		return;
	c->own = true;
	changes_kick(c);
}

bool
changes_own(const struct changes *c)
{
	return c->own;
}

void
changes_kick(struct changes *c)
{
	c->again = c->unit != NULL;
	if (c->unit == NULL)
		c->unit = store_run(c->st, UNIT(DO(CHANGES_READ)),
		    store_timeout(c->st), on_read, c);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct changes *c = arg;

	(void)fd, (void)what;
	if (c->unit == NULL)
		changes_kick(c);
}

struct changes *
changes_new(struct store *st, struct event_base *base, changes_fn *moved,
    void *arg)
{
	struct changes *c = mem_new(sizeof(*c));
	struct timeval tv = clock_tv(EVERY_MS);

	c->st = st;
	c->moved = moved;
	c->arg = arg;
	c->timer = event_new(base, -1, EV_PERSIST, on_timer, c);
	if (c->timer == NULL || event_add(c->timer, &tv) == -1)
		fatal("changes: no timer");
	board_store_away(true);		/* until it has been read */
	changes_kick(c);
	return c;
}

int64_t
changes_read_at(const struct changes *c)
{
	return c->read_at;
}

void
changes_free(struct changes *c)
{
	if (c == NULL)
		return;
	if (c->unit != NULL)
		store_cancel(c->unit);
	event_free(c->timer);
	free(c);
}
