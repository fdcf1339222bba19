/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/installs.h"

#include "base/clock.h"
#include "base/mem.h"
#include "slack/orgs.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_MS	1000

struct slot {
	struct install *in;
	size_t seq;			/* of reading */
	bool stale;
};

struct installs {
	struct slack *slack;
	struct slot *v;			/* by install_key; the one that counts first */
	size_t n, room;
	int64_t changed, at;		/* merged, read up to here */
	struct install **fresh;		/* of the refresh under way */
	size_t nfresh, fresh_room;
	struct unit *unit;
	struct granted *granted;	/* of fresh[org] */
	size_t org;
	struct event *timer;
	bool loaded, again;
	bool all;			/* the next refresh is to read all */
	bool anew;			/* the one under way reads all */
	void (*news)(void *arg);
	void *news_arg;
};

static void on_rows(void *arg, const struct install_row *rows, size_t n,
    const struct err *err);

/* Of the sorted ones; n: none begins so. */
static size_t
first_of(const struct installs *i, const char *key)
{
	size_t low = 0, high = i->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(install_key(i->v[mid].in), key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct install *
installs_current(struct installs *i, const struct install *in)
{
	const char *key = install_key(in);

	for (size_t k = first_of(i, key); k < i->n &&
	    strcmp(install_key(i->v[k].in), key) == 0; k++)
		if (i->v[k].in->org == NULL && strcmp(
		    i->v[k].in->enterprise_id, in->enterprise_id) == 0)
			return i->v[k].in;
	return NULL;
}

static bool
same_row(const struct install *a, const struct install *b)
{
	return strcmp(a->team_id, b->team_id) == 0 &&
	    strcmp(a->enterprise_id, b->enterprise_id) == 0 &&
	    (a->org != NULL) == (b->org != NULL);
}

/* The same row twice: the later reading first. */
static int
by_row(const void *x, const void *y)
{
	const struct slot *a = x, *b = y;
	int c = strcmp(a->in->team_id, b->in->team_id);

	if (c == 0)
		c = strcmp(a->in->enterprise_id, b->in->enterprise_id);
	if (c == 0)
		c = (a->in->org != NULL) - (b->in->org != NULL);
	if (c != 0)
		return c;
	return a->seq > b->seq ? -1 : a->seq < b->seq;
}

/* Which of a workspace's installs is the one to use: that of its own, if it serves or
 * the operator has disabled it; its org's; the others, which are not usable. */
static int
rank(const struct install *in)
{
	bool live = in->state == INSTALL_LIVE, serves = live &&
	    in->dead[0] == '\0';

	if (in->org != NULL)
		return serves ? 2 : live ? 4 : 6;
	return serves ? 0 : in->state == INSTALL_DISABLED ? 1 : live ? 3 : 5;
}

/* A workspace that moved into an org may have two rows of its own: the newer one. */
static int
by_key(const void *x, const void *y)
{
	const struct install *a = ((const struct slot *)x)->in;
	const struct install *b = ((const struct slot *)y)->in;
	int c = strcmp(install_key(a), install_key(b));

	if (c != 0)
		return c;
	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	return a->updated > b->updated ? -1 : a->updated < b->updated;
}

static void
add(struct installs *i, struct install *in)
{
	if (i->n == i->room) {
		i->room = i->room == 0 ? 16 : i->room * 2;
		i->v = mem_array(i->v, i->room, sizeof(*i->v));
	}
	i->v[i->n] = (struct slot){ .in = in, .seq = i->n };
	i->n++;
}

static void
forget(struct installs *i)
{
	for (size_t k = 0; k < i->n; k++)
		install_drop(i->v[k].in);
	i->n = 0;
}

/* An org's row was read again, and with it all of its workspaces: those from before
 * go, by the row that they hold. */
static void
drop_stale(struct installs *i)
{
	size_t kept = 0, n = i->n;

	for (size_t k = 0; k < n; k++) {
		const struct install *org = i->v[k].in->org;

		if (org != NULL && installs_find(i, org->enterprise_id) != org)
			i->v[k].stale = true;
	}
	for (size_t k = 0; k < n; k++)
		if (i->v[k].stale)
			install_drop(i->v[k].in);
		else
			i->v[kept++] = i->v[k];
	i->n = kept;
}

static void
merge(struct installs *i)
{
	bool news = i->nfresh > 0;
	size_t kept = 0;

	if (i->anew)
		forget(i);
	for (size_t k = 0; k < i->n; k++)
		i->v[k].seq = k;
	for (size_t k = 0; k < i->nfresh; k++)
		add(i, i->fresh[k]);
	if (i->nfresh > 0) {
		qsort(i->v, i->n, sizeof(*i->v), by_row);
		for (size_t k = 0; k < i->n; k++)
			if (kept > 0 && same_row(i->v[kept - 1].in, i->v[k].in))
				install_drop(i->v[k].in);
			else
				i->v[kept++] = i->v[k];
		i->n = kept;
		qsort(i->v, i->n, sizeof(*i->v), by_key);
		drop_stale(i);
	}
	i->nfresh = 0;
	i->changed = i->at;
	i->loaded = true;
	if (news && i->news != NULL)
		i->news(i->news_arg);
}

static void
forget_fresh(struct installs *i)
{
	for (size_t k = 0; k < i->nfresh; k++)
		install_drop(i->fresh[k]);
	i->nfresh = 0;
}

static void
begin(struct installs *i)
{
	i->again = false;
	i->anew = i->all;
	i->all = false;
	i->at = i->anew ? 0 : i->changed;
	i->unit = installs_since(i->slack->store, i->at, on_rows, i);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	installs_refresh(arg, false);
}

static void
try_later(struct installs *i, const struct err *err)
{
	struct timeval tv = clock_tv(RETRY_MS);

	log_debug("installs", "installs could not be read: %s", err->text);
	forget_fresh(i);
	i->all |= i->anew;
	evtimer_add(i->timer, &tv);
}

static void
make_room(struct installs *i, size_t n)
{
	if (i->nfresh + n <= i->fresh_room)
		return;
	i->fresh_room = i->nfresh + n;
	i->fresh = mem_array(i->fresh, i->fresh_room, sizeof(struct install *));
}

static void read_orgs(struct installs *i);

static void
on_granted(void *arg, struct install **in, size_t n, const struct err *err)
{
	struct installs *i = arg;

	i->granted = NULL;
	if (err != NULL) {
		try_later(i, err);
		return;
	}
	make_room(i, n);
	for (size_t k = 0; k < n; k++)
		i->fresh[i->nfresh++] = in[k];
	i->org++;
	read_orgs(i);
}

/* All rows are there: now the workspaces of those that are org-wide. */
static void
read_orgs(struct installs *i)
{
	for (; i->org < i->nfresh; i->org++) {
		struct install *in = i->fresh[i->org];

		if (in->team_id[0] != '\0' || in->state != INSTALL_LIVE)
			continue;
		i->granted = granted_read(i->slack, in, on_granted, i);
		return;
	}
	merge(i);
	if (i->again)
		begin(i);
}

static void
on_rows(void *arg, const struct install_row *rows, size_t n,
    const struct err *err)
{
	struct installs *i = arg;

	i->unit = NULL;
	if (err != NULL) {
		try_later(i, err);
		return;
	}
	if (n == 0) {
		i->org = 0;
		read_orgs(i);
		return;
	}
	make_room(i, n);
	for (size_t k = 0; k < n; k++)
		i->fresh[i->nfresh++] = install_from_row(i->slack->keys,
		    &rows[k]);
	i->at = rows[n - 1].changed;
	i->unit = installs_next(i->slack->store, &rows[n - 1], on_rows, i);
}

struct installs *
installs_new(struct slack *slack)
{
	struct installs *i = mem_new(sizeof(*i));

	i->slack = slack;
	i->timer = evtimer_new(slack->base, on_timer, i);
	if (i->timer == NULL)
		fatal("no timer for the installs");
	return i;
}

void
installs_free(struct installs *i)
{
	if (i == NULL)
		return;
	if (i->unit != NULL)
		store_cancel(i->unit);
	if (i->granted != NULL)
		granted_cancel(i->granted);
	event_free(i->timer);
	forget_fresh(i);
	free(i->fresh);
	forget(i);
	free(i->v);
	free(i);
}

void
installs_refresh(struct installs *i, bool all)
{
	i->all |= all;
	if (i->unit != NULL || i->granted != NULL)
		i->again = true;
	else
		begin(i);
}

void
installs_on_news(struct installs *i, void (*fn)(void *arg), void *arg)
{
	i->news = fn;
	i->news_arg = arg;
}

bool
installs_loaded(const struct installs *i)
{
	return i->loaded;
}

struct install *
installs_find(struct installs *i, const char *team_id)
{
	size_t k = first_of(i, team_id);

	return k < i->n && strcmp(install_key(i->v[k].in), team_id) == 0 ?
	    i->v[k].in : NULL;
}

void
installs_each(struct installs *i, bool (*fn)(void *arg, struct install *in),
    void *arg)
{
	const char *before = "";

	for (size_t k = 0; k < i->n; k++) {
		const char *key = install_key(i->v[k].in);

		if (strcmp(key, before) != 0 && !fn(arg, i->v[k].in))
			return;
		before = key;
	}
}
