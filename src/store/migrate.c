/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/migrate.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/lease.h"
#include "store/wait.h"

#include <string.h>

#define STEP_MS		300000	/* a step over a large table */
#define LOOK_MS		10000
#define MIGRATIONS_MAX	1024
#define TEND_MS		500	/* whoever waits is let in as soon */

enum way { UP, DOWN, WAYS };

static const char *const way_words[WAYS] = { "up", "down" };

static const struct script_step {
	enum way way;
	int migration, step, readable_by;
	const char *text;
} script[] = {
#define SQL_STEP(way, migration, step, readable_by, text) \
	{ way, migration, step, readable_by, text },
#include "store/sql.h"
#undef SQL_STEP
};

#define SCRIPT_STEPS	(sizeof(script) / sizeof(script[0]))

/* Made before anything else; later migrations may add to it. */
static const char schema_table[] =
    "CREATE TABLE IF NOT EXISTS `schema` ("
    "migration BIGINT NOT NULL, way VARCHAR(8) NOT NULL, step BIGINT NOT NULL, "
    "steps BIGINT NOT NULL, readable_by BIGINT NOT NULL, made BIGINT NOT NULL, "
    "PRIMARY KEY (migration, way, step)) "
    "/*M! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */";

/* Likewise, as migration 1 has it: its lease stands above the first one too. */
static const char leases_table[] =
    "CREATE TABLE IF NOT EXISTS leases ("
    "name VARCHAR(64) NOT NULL, owner VARCHAR(64) NOT NULL, beat BIGINT NOT "
    "NULL, "
    "PRIMARY KEY (name)) "
    "/*M! ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin */";

/* What `schema` says of each migration; steps of one way have no gaps. */
struct progress {
	struct { int done[WAYS], steps; } of[MIGRATIONS_MAX + 1];
	int readable_by;
};

static int
newest(void)
{
	int n = 0;

	for (size_t i = 0; i < SCRIPT_STEPS; i++)
		if (script[i].migration > n)
			n = script[i].migration;
	return n;
}

static int
count_steps(int migration, enum way way)
{
	int n = 0;

	for (size_t i = 0; i < SCRIPT_STEPS; i++)
		n += script[i].migration == migration && script[i].way == way;
	return n;
}

static void
take_rows(void *arg, const struct answer *a)
{
	struct progress *p = arg;

	for (size_t i = 0; i < a->rows; i++) {
		const struct value *v = answer_at(a, i, 0);
		enum way way = strcmp(v[1].text, way_words[DOWN]) == 0 ? DOWN :
									 UP;

		if (v[0].n < 1 || v[0].n > MIGRATIONS_MAX)
			continue;
		p->of[v[0].n].done[way]++;
		if (way == UP)
			p->of[v[0].n].steps = (int)v[3].n;
		if (v[4].n > p->readable_by)
			p->readable_by = (int)v[4].n;
	}
}

static int
look(struct store *st, struct event_base *base, struct progress *p,
    struct err *err)
{
	memset(p, 0, sizeof(*p));
	/* first as a user who may read and write rows, but make no tables */
	if (store_wait(st, base, UNIT(DO(SCHEMA_READ)), store_timeout(st),
		take_rows, p, err) == 0)
		return 0;
	if (err->kind == ERR_TIMEOUT)
		return -1;
	memset(p, 0, sizeof(*p));
	if (store_wait(st, base, UNIT(DO(DDL, TEXT(schema_table))), LOOK_MS,
		NULL, NULL, err) == -1)
		return -1;
	return store_wait(st, base, UNIT(DO(SCHEMA_READ)), LOOK_MS, take_rows,
	    p, err);
}

static void
sum_up(const struct progress *p, struct migrate_state *out)
{
	*out = (struct migrate_state){ .newest = newest(), .readable_by = p->readable_by };
	for (int m = 1; m <= MIGRATIONS_MAX; m++) {
		if (p->of[m].done[UP] == 0)
			continue;
		if (p->of[m].done[UP] == p->of[m].steps &&
		    p->of[m].done[DOWN] == 0)
			out->at = m;
		else
			out->half = m;
	}
}

int
migrate_look(struct store *st, struct event_base *base,
    struct migrate_state *out, struct err *err)
{
	struct progress p;

	if (look(st, base, &p, err) == -1)
		return -1;
	sum_up(&p, out);
	return 0;
}

/* Where scripts run. */
struct at {
	struct store *st;
	struct event_base *base;
	const struct lease *lease;	/* NULL: there is nobody else */
};

/* The step and its record are one transaction where the store can do that; where
 * it cannot, the step is done again after a crash, which its text allows for. */
static int
run_step(const struct at *at, const struct script_step *s, struct err *err)
{
	struct err why;

	if (at->lease != NULL && lease_left(at->lease) == 0)
		return err_set(err, ERR_UPSTREAM,
		    "migration %d, step %d %s: another daemon "
		    "has taken over",
		    s->migration, s->step, way_words[s->way]);
	if (store_wait(at->st, at->base,
		UNIT(DO(DDL, TEXT(s->text)),
		    DO(SCHEMA_ADD, INT(s->migration), TEXT(way_words[s->way]),
			INT(s->step), INT(count_steps(s->migration, s->way)),
			INT(s->readable_by), INT(clock_wall_ms()))),
		STEP_MS, NULL, NULL, &why) == 0)
		return 0;
	return err_set(err, why.kind, "migration %d, step %d %s: %s",
	    s->migration, s->step, way_words[s->way], why.text);
}

static int
run_script(const struct at *at, int migration, enum way way, int done,
    struct err *err)
{
	for (size_t i = 0; i < SCRIPT_STEPS; i++) {
		const struct script_step *s = &script[i];

		if (s->migration == migration && s->way == way &&
		    s->step > done && run_step(at, s, err) == -1)
			return -1;
	}
	log_info("store", "migration is done number=%d way=%s", migration,
	    way_words[way]);
	return 0;
}

static int
undo(const struct at *at, int migration, int done, struct err *err)
{
	if (run_script(at, migration, DOWN, done, err) == -1)
		return -1;
	return store_wait(at->st, at->base,
	    UNIT(DO(SCHEMA_CLEAR, INT(migration))), LOOK_MS, NULL, NULL, err);
}

static int
up(const struct at *at, struct err *err)
{
	struct progress p;
	int last = newest();

	if (look(at->st, at->base, &p, err) == -1)
		return -1;
	if (p.readable_by > last)
		return err_set(err, ERR_INPUT,
		    "the store needs a program that knows "
		    "migration %d, this one knows up to %d: install the newer "
		    "program",
		    p.readable_by, last);
	for (int m = 1; m <= last; m++) {
		/* a rollback that was cut off: to its end first */
		if (p.of[m].done[DOWN] > 0) {
			if (undo(at, m, p.of[m].done[DOWN], err) == -1)
				return -1;
			p.of[m].done[UP] = 0;
		}
		if (p.of[m].done[UP] < count_steps(m, UP) &&
		    run_script(at, m, UP, p.of[m].done[UP], err) == -1)
			return -1;
	}
	return 0;
}

int
migrate_up(struct store *st, struct event_base *base, struct err *err)
{
	return up(&(struct at){ st, base, NULL }, err);
}

int
migrate_down(struct store *st, struct event_base *base, struct err *err)
{
	struct progress p;
	struct migrate_state s;
	int m;

	if (look(st, base, &p, err) == -1)
		return -1;
	sum_up(&p, &s);
	m = s.half > s.at ? s.half : s.at;
	if (m == 0)
		return err_set(err, ERR_NOT_FOUND,
		    "the store is empty: there is no migration "
		    "to undo");
	if (m > s.newest)
		return err_set(err, ERR_INPUT,
		    "migration %d is of a newer program than this "
		    "(it knows up to %d): use that one to undo it",
		    m, s.newest);
	return undo(&(struct at){ st, base, NULL }, m, p.of[m].done[DOWN], err);
}

/* ---- alone ---- */

struct tending {
	struct lease lease;
	struct event_base *base;
	struct event *timer;
};

/* In the loops of the steps too: a lane of the store is free for it. */
static void
on_tend(evutil_socket_t fd, short what, void *arg)
{
	struct tending *t = arg;

	(void)fd, (void)what;
	lease_tend(&t->lease, NULL, NULL);
}

static void
begin(struct tending *t, struct store *st, struct event_base *base,
    const struct region *board)
{
	struct timeval tv = clock_tv(TEND_MS);

	*t = (struct tending){ .base = base };
	lease_init(&t->lease, st, board, "migrate");
	if ((t->timer = event_new(base, -1, EV_PERSIST, on_tend, t)) == NULL)
		fatal("store: no timer");
	event_add(t->timer, &tv);
	lease_tend(&t->lease, NULL, NULL);
}

static void
end(struct tending *t)
{
	event_free(t->timer);
	lease_drop(&t->lease);
	while (t->lease.drop != NULL)
		event_base_loop(t->base, EVLOOP_ONCE);
	lease_wipe(&t->lease);
}

/* Whoever holds it is at work, or has died within the last LEASE_MS; the store may
 * go away meanwhile. */
static int
wait_alone(struct tending *t, struct err *err)
{
	bool told = false;

	while (lease_left(&t->lease) == 0) {
		event_base_loop(t->base, EVLOOP_ONCE);
		if (store_is_away(t->lease.st))
			return err_set(err, ERR_UPSTREAM,
			    "the store went away before it could "
			    "be migrated");
		if (!told && t->lease.rival[0] != '\0')
			log_info("store",
			    "waits for another daemon to migrate owner=%s",
			    t->lease.rival);
		told = told || t->lease.rival[0] != '\0';
	}
	return 0;
}

int
migrate_up_alone(struct store *st, struct event_base *base,
    const struct region *board, struct err *err)
{
	struct tending t;
	int rc;

	if (store_wait(st, base, UNIT(DO(DDL, TEXT(leases_table))), LOOK_MS,
		NULL, NULL, err) == -1)
		return -1;
	begin(&t, st, base, board);
	rc = wait_alone(&t, err);
	if (rc == 0)
		rc = up(&(struct at){ st, base, &t.lease }, err);
	end(&t);
	return rc;
}
