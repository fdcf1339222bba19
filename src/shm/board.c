/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "shm/board.h"

#include "base/clock.h"
#include "shm/layout.h"

#include <stdio.h>
#include <string.h>

#define SERVES_MS	3000
#define OWNER		"%s.%08x"	/* which board: its node and its mark */

static struct row *mine;		/* this process's */

const char *
board_state_name(enum board_state state)
{
	static const char *const names[] = {
#define X(s) [BOARD_##s] = #s,
		BOARD_STATES(X)
#undef X
	};
	return names[state];
}

int
board_claim(struct region *r, int slot, unsigned generation)
{
	for (unsigned i = 0; i < r->head->rows; i++) {
		struct row *row = &r->rows[i];
		int64_t now = clock_ms();

		if (atomic_load(&row->state) != BOARD_FREE)
			continue;
		memset(row, 0, sizeof(*row));
		atomic_store(&row->slot, slot);
		atomic_store(&row->generation, generation);
		atomic_store(&row->started, now);
		atomic_store(&row->stamp, now);
		snprintf(row->owner, sizeof(row->owner), OWNER ":%d:%lld:%u",
		    r->head->node, r->head->mark, slot,
		    (long long)clock_wall_ms(), i);
		atomic_store(&row->state, BOARD_STARTING);
		return (int)i;
	}
	return -1;
}

void
board_set_pid(struct region *r, int row, pid_t pid)
{
	atomic_store(&r->rows[row].pid, pid);
}

void
board_release(struct region *r, int row)
{
	struct row *gone = &r->rows[row];

	for (int i = 0; i < CNT_COUNT; i++)
		r->head->totals[i] += gone->counters[i];
	atomic_store(&gone->state, BOARD_FREE);
	memset(gone, 0, sizeof(*gone));
}

void
board_use(struct region *r, int row)
{
	mine = &r->rows[row];
	counter_attach(mine->counters);
	trouble_attach(mine->troubles);
}

void
board_state(enum board_state state)
{
	if (mine != NULL)
		atomic_store(&mine->state, state);
}

void
board_stamp(void)
{
	if (mine != NULL)
		atomic_store(&mine->stamp, clock_ms());
}

void
board_late(int64_t ms)
{
	if (mine != NULL && ms > atomic_load(&mine->late_max))
		atomic_store(&mine->late_max, ms);
}

void
board_gauge(enum board_gauge g, int64_t by)
{
	if (mine != NULL)
		atomic_fetch_add(&mine->gauges[g], by);
}

void
board_store_away(bool away)
{
	if (mine != NULL)
		atomic_store(&mine->store_away, away);
}

const char *
board_owner(void)
{
	return mine != NULL ? mine->owner : "nobody";
}

/* Its own place, which may lie behind one that has become free since: taking that
 * would split its count. */
static struct row_key *
key_of(struct row *row, uint64_t hash, bool make)
{
	struct row_key *spare = NULL;

	for (unsigned i = 0; i < ROW_KEYS; i++) {
		struct row_key *k = &row->keys[(hash + i) % ROW_KEYS];
		uint64_t was = atomic_load(&k->hash);

		if (was == hash)
			return k;
		if (spare == NULL && atomic_load(&k->calls) == 0)
			spare = k;
		if (was == 0)
			break;
	}
	if (!make || spare == NULL)
		return NULL;
	atomic_store(&spare->hash, hash);
	return spare;
}

int
board_key_up(struct region *r, const char *principal, int max)
{
	uint64_t hash = layout_hash(principal);
	struct row_key *k;
	int sum = 0;

	if (mine == NULL)
		return 0;
	for (unsigned i = 0; i < r->head->rows; i++)
		if (atomic_load(&r->rows[i].state) != BOARD_FREE &&
		    (k = key_of(&r->rows[i], hash, false)) != NULL)
			sum += atomic_load(&k->calls);
	if (sum >= max || (k = key_of(mine, hash, true)) == NULL)
		return -1;
	atomic_fetch_add(&k->calls, 1);
	return 0;
}

void
board_key_down(struct region *r, const char *principal)
{
	struct row_key *k;

	(void)r;
	if (mine != NULL &&
	    (k = key_of(mine, layout_hash(principal), false)) != NULL)
		atomic_fetch_sub(&k->calls, 1);
}

int
board_rows(const struct region *r)
{
	return (int)r->head->rows;
}

bool
board_get(const struct region *r, int at, struct board_row *out)
{
	const struct row *row = &r->rows[at];

	out->state = atomic_load(&row->state);
	if (out->state == BOARD_FREE)
		return false;
	out->pid = atomic_load(&row->pid);
	out->slot = atomic_load(&row->slot);
	out->generation = atomic_load(&row->generation);
	memcpy(out->owner, row->owner, sizeof(out->owner));
	out->owner[sizeof(out->owner) - 1] = '\0';
	out->started = atomic_load(&row->started);
	out->stamp = atomic_load(&row->stamp);
	out->late_max = atomic_load(&row->late_max);
	out->store_away = atomic_load(&row->store_away) != 0;
	for (int i = 0; i < GAUGE_COUNT; i++)
		out->gauges[i] = atomic_load(&row->gauges[i]);
	for (int i = 0; i < TROUBLE_COUNT; i++)
		out->troubles[i] = atomic_load(&row->troubles[i]);
	return true;
}

int64_t
board_gauge_sum(const struct region *r, enum board_gauge g)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < r->head->rows; i++)
		if (atomic_load(&r->rows[i].state) != BOARD_FREE)
			sum += atomic_load(&r->rows[i].gauges[g]);
	return sum;
}

uint64_t
board_counter_sum(const struct region *r, enum counter_id id)
{
	uint64_t sum = r->head->totals[id];

	for (unsigned i = 0; i < r->head->rows; i++)
		if (atomic_load(&r->rows[i].state) != BOARD_FREE)
			sum += r->rows[i].counters[id];
	return sum;
}

bool
board_owner_lives(const struct region *r, const char *owner)
{
	struct board_row row;

	for (int i = 0; i < board_rows(r); i++)
		if (board_get(r, i, &row) && strcmp(row.owner, owner) == 0)
			return true;
	return false;
}

bool
board_trouble(const struct region *r, enum trouble_id id)
{
	struct board_row row;
	int64_t now = clock_ms();

	for (int i = 0; i < board_rows(r); i++)
		if (board_get(r, i, &row) &&
		    trouble_lasts(row.troubles[id], now))
			return true;
	return false;
}

bool
board_owner_gone(const struct region *r, const char *owner)
{
	char ours[40];
	size_t len;

	snprintf(ours, sizeof(ours), OWNER ":", r->head->node, r->head->mark);
	len = strlen(ours);
	return strncmp(owner, ours, len) == 0 && !board_owner_lives(r, owner);
}

bool
board_slot_serves(const struct region *r, int slot, int64_t max_age_ms)
{
	int64_t now = clock_ms();

	for (unsigned i = 0; i < r->head->rows; i++) {
		const struct row *row = &r->rows[i];

		if (atomic_load(&row->state) == BOARD_READY &&
		    atomic_load(&row->slot) == slot &&
		    now - atomic_load(&row->stamp) < max_age_ms)
			return true;
	}
	return false;
}

int
board_ready(const struct region *r)
{
	int n = 0, workers = atomic_load(&r->head->workers);

	for (int slot = 0; slot < workers; slot++)
		n += board_slot_serves(r, slot, SERVES_MS);
	return n;
}

void
board_set_facts(struct region *r, const struct board_facts *f)
{
	atomic_store(&r->head->started, f->started);
	atomic_store(&r->head->workers, f->workers);
	atomic_store(&r->head->stopping, f->stopping);
	atomic_store(&r->head->crash_loop, f->crash_loop);
	atomic_store(&r->head->prepared, f->prepared);
}

void
board_facts(const struct region *r, struct board_facts *out)
{
	out->started = atomic_load(&r->head->started);
	out->workers = atomic_load(&r->head->workers);
	out->stopping = atomic_load(&r->head->stopping) != 0;
	out->crash_loop = atomic_load(&r->head->crash_loop) != 0;
	out->prepared = atomic_load(&r->head->prepared) != 0;
}
