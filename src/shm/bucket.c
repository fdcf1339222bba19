/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "shm/bucket.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/trouble.h"
#include "shm/layout.h"

#define PROBES	16
#define MINUTE_US	60000000

static bool
is_stale(const struct bucket *b, int64_t now)
{
	return atomic_load(&b->next_us) / 1000 < now &&
	    atomic_load(&b->blocked_ms) < now;
}

/* The bucket of that name.  When all places are taken by live ones the first is
 * shared: two names then slow each other down, which is the safe side. */
static struct bucket *
find(struct region *r, const char *name, int64_t now)
{
	uint64_t hash = layout_hash(name), old = 0;
	struct bucket *stale = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		struct bucket *b = &r->buckets[(hash + i) % BUCKETS];
		uint64_t was = atomic_load(&b->hash);

		if (was == hash)
			return b;
		if (stale == NULL && is_stale(b, now)) {
			stale = b;
			old = was;
		}
	}
	if (stale == NULL) {
		counter_up(CNT_BUCKETS_SHARED);
		if (trouble_met(TROUBLE_BUCKETS))
			log_warn("bucket", "the table of rates is full, some"
			    " share a place");
		return &r->buckets[hash % BUCKETS];
	}
	/* another process may have taken it for another name in this moment */
	if (!atomic_compare_exchange_strong(&stale->hash, &old, hash))
		return find(r, name, now);
	return stale;
}

/* How much earlier than evenly one may go: as many as burst at once. */
static int64_t
credit(struct rate rate)
{
	return MINUTE_US / rate.per_minute *
	    (rate.burst > 1 ? rate.burst - 1 : 0);
}

static int64_t
earliest(const struct bucket *b, struct rate rate, int64_t now_us,
    int64_t *next)
{
	int64_t step = MINUTE_US / rate.per_minute;
	int64_t slack = credit(rate);
	int64_t was = atomic_load(&b->next_us);
	int64_t base = was > now_us ? was : now_us;

	*next = base + step;
	return base - slack > now_us ? base - slack : now_us;
}

bool
bucket_take(struct region *r, const char *name, struct rate rate,
    int64_t wait_ms, int64_t *at_ms)
{
	int64_t now = clock_ms(), at, next, was;
	struct bucket *b;

	*at_ms = now;
	if (rate.per_minute <= 0)
		return true;
	b = find(r, name, now);
	do {
		was = atomic_load(&b->next_us);
		at = earliest(b, rate, now * 1000, &next);
		*at_ms = (at + 999) / 1000;
		if (*at_ms - now > wait_ms)
			return false;
	} while (!atomic_compare_exchange_weak(&b->next_us, &was, next));
	return true;
}

/* The bucket of that name, if it has a place. */
static const struct bucket *
seek(struct region *r, const char *name)
{
	uint64_t hash = layout_hash(name);

	for (unsigned i = 0; i < PROBES; i++) {
		const struct bucket *b = &r->buckets[(hash + i) % BUCKETS];

		if (atomic_load(&b->hash) == hash)
			return b;
	}
	return NULL;
}

int
bucket_left(struct region *r, const char *name, struct rate rate,
    int64_t *wait_ms)
{
	const struct bucket *b = seek(r, name);
	int64_t now = clock_ms() * 1000, next, at, spare;

	*wait_ms = 0;
	if (b == NULL)
		return rate.burst;
	at = earliest(b, rate, now, &next);
	if (at > now) {
		*wait_ms = (at - now + 999) / 1000;
		return 0;
	}
	/* next is one step beyond what is taken; each call moves it by another */
	spare = now + credit(rate) - (next - MINUTE_US / rate.per_minute);
	return (int)(spare / (MINUTE_US / rate.per_minute)) + 1;
}

void
bucket_give_back(struct region *r, const char *name, struct rate rate)
{
	int64_t now = clock_ms(), was;
	struct bucket *b;

	if (rate.per_minute <= 0)
		return;
	b = find(r, name, now);
	was = atomic_load(&b->next_us);
	while (was / 1000 > now && !atomic_compare_exchange_weak(&b->next_us,
	    &was, was - MINUTE_US / rate.per_minute))
		;
}

void
bucket_block(struct region *r, const char *name, int64_t until_ms)
{
	struct bucket *b = find(r, name, clock_ms());
	int64_t was = atomic_load(&b->blocked_ms);

	while (was < until_ms &&
	    !atomic_compare_exchange_weak(&b->blocked_ms, &was, until_ms))
		;
}

void
bucket_unblock(struct region *r, const char *name)
{
	atomic_store(&find(r, name, clock_ms())->blocked_ms, 0);
}

void
bucket_drain(struct region *r, const char *name, struct rate rate,
    int64_t until_ms)
{
	struct bucket *b;
	int64_t was, to;

	if (rate.per_minute <= 0)
		return;
	b = find(r, name, clock_ms());
	was = atomic_load(&b->next_us);
	to = until_ms * 1000 + credit(rate);
	while (was < to &&
	    !atomic_compare_exchange_weak(&b->next_us, &was, to))
		;
}

int64_t
bucket_blocked(struct region *r, const char *name)
{
	int64_t now = clock_ms();
	int64_t until = atomic_load(&find(r, name, now)->blocked_ms);

	return until > now ? until : 0;
}
