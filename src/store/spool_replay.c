/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/spool_replay.h"

#include "base/counter.h"
#include "base/log.h"
#include "store/spool.h"
#include "store/spool_folder.h"
#include "store/wait.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the rows ---- */

struct put {
	struct waiting w;
	bool newer;
	int64_t updated;
};

static void
on_times(void *arg, const struct answer *a)
{
	struct put *p = arg;

	p->newer = a->rows > 0 && (answer_at(a, 0, 0)->n >= p->updated ||
	    answer_at(a, 0, 1)->n > p->updated);
}

/* What was installed again or revoked since is not undone; nor what is there by now,
 * since its tokens may have been renewed. */
static int
store_install(struct store *st, struct event_base *base,
    const union spool_row *any, struct err *err)
{
	const struct install_row *row = &any->install;
	struct put p = { .w.err = err, .updated = row->updated };

	if (store_wait(st, base,
		UNIT(DO(INSTALL_TIMES, TEXT(row->enterprise_id),
		    TEXT(row->team_id))),
		store_timeout(st), on_times, &p, err) == -1)
		return -1;
	if (p.newer) {
		log_info("spool",
		    "an install is in the store, or a newer one team=%s",
		    row->team_id);
		return 0;
	}
	install_put(st, row, store_timeout(st), wait_over, &p.w);
	if (wait_end(&p.w, base) == 0)
		log_info("spool", "an install was stored team=%s",
		    row->team_id);
	return p.w.rc;
}

static void
on_spent(void *arg, bool hit, const struct err *err)
{
	struct put *p = arg;

	p->newer = !hit;
	wait_over(&p->w, err);
}

static int
store_pair(struct store *st, struct event_base *base, const union spool_row *any,
    struct err *err)
{
	const struct chain_pair *pair = &any->pair;
	const char *team = pair->team_id[0] != '\0' ? pair->team_id :
	    pair->enterprise_id;
	struct put p = { .w.err = err };

	chain_spend(st, pair, on_spent, &p);
	if (wait_end(&p.w, base) == 0)
		log_info("spool", p.newer ?
		    "a token pair was overtaken by a newer one team=%s" :
		    "a token pair was stored team=%s", team);
	return p.w.rc;
}

static int (*const store_row[])(struct store *st, struct event_base *base,
    const union spool_row *row, struct err *err) = {
	[SPOOL_INSTALL] = store_install, [SPOOL_PAIR] = store_pair,
};

/* ---- the files ---- */

/* What cannot be read now cannot be read in two seconds either: it is told once,
 * and kept for whoever can mend it. */
static int
put_aside(int dir, const char *name, struct err *err)
{
	char aside[300];

	snprintf(aside, sizeof(aside), "bad-%s", name);
	if (renameat(dir, name, dir, aside) == -1)
		return errno == ENOENT ? 0 : err_set(err, ERR_INPUT,
		    "STATE_DIR/spool/%s is no whole answer of "
		    "this version: look at it and remove it",
		    name);
	counter_up(CNT_SPOOL_ASIDE);
	log_error("spool",
	    "STATE_DIR/spool/%s is no whole answer of this version: look at "
	    "it, and remove it, or mend it and take away the bad-",
	    aside);
	return 0;
}

static int
replay_file(int dir, const char *name, struct store *st,
    struct event_base *base, struct err *err)
{
	struct spooled *s;
	int rc;

	if (spool_is_held(dir, name))
		return 0;
	if ((s = spool_load(dir, name)) == NULL)
		return put_aside(dir, name, err);
	rc = store_row[s->kind](st, base, &s->row, err);
	if (rc == 0 && unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		rc = err_set(err, ERR_UPSTREAM, "STATE_DIR/spool/%s: %s", name,
		    strerror(errno));
	spooled_free(s);
	return rc;
}

struct replay {
	struct store *st;
	struct event_base *base;
	struct err *err;
	int rc;
};

/* One file's failure is its own, the store's is everybody's. */
static bool
on_file(void *arg, int dir, const char *name)
{
	struct replay *r = arg;

	if (replay_file(dir, name, r->st, r->base, r->err) == 0)
		return true;
	r->rc = -1;
	return r->err->kind != ERR_UPSTREAM && r->err->kind != ERR_TIMEOUT;
}

int
spool_replay(const char *state_dir, struct store *st, struct event_base *base,
    struct err *err)
{
	struct replay r = { .st = st, .base = base, .err = err };
	int dir = spool_open(state_dir, err);

	if (dir == -1)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	spool_sweep(dir);
	if (spool_each(dir, on_file, &r) == -1)
		r.rc = err_set(err, ERR_UPSTREAM, "%s/spool: %s", state_dir,
		    strerror(errno));
	close(dir);
	return r.rc;
}

static bool
on_waiting(void *arg, int dir, const char *name)
{
	bool *waits = arg;

	*waits = !spool_is_held(dir, name);
	return !*waits;
}

bool
spool_waits(const char *state_dir)
{
	bool waits = false;
	struct err err;
	int dir = spool_open(state_dir, &err);

	if (dir == -1)
		return false;
	if (spool_each(dir, on_waiting, &waits) == -1)
		waits = true;		/* it will be told why */
	close(dir);
	return waits;
}
