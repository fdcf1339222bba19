/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "shm/session.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/trouble.h"
#include "shm/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_MS		50
#define HELD_MS		1000
#define ID_BYTES	32
#define TRIES		8	/* ids, until one falls into a stripe with room */
#define OWNER_PROBES	64

/* Stripes whose lock was not had: their holder stands still, and a loop that waits
 * for each of their requests would stand still too.  Until then (monotonic ms)
 * they are only tried; 0: not held. */
static int64_t held_until[STRIPES];

/* A slot is found by its tag alone, which is written last and taken away first: a
 * writer that dies in between leaves a slot that opens nothing. */

static uint32_t
tag_of(uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);

	return tag != 0 ? tag : 1;
}

static size_t
first_of(const struct region *r, unsigned stripe)
{
	return (size_t)stripe * r->head->slots;
}

static int
recovered(struct region *r, unsigned stripe)
{
	session_repair(r, stripe);
	pthread_mutex_consistent(&r->stripes[stripe]);
	counter_up(CNT_STRIPES_RECOVERED);
	return 0;
}

static int
lock(struct region *r, unsigned stripe, int wait_ms)
{
	pthread_mutex_t *m = &r->stripes[stripe];
	struct timespec until;
	int rc = pthread_mutex_trylock(m);

	if (rc == EBUSY && wait_ms > 0) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += wait_ms * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		rc = pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &until);
	}
	if (rc == 0)
		return 0;
	if (rc == EOWNERDEAD)
		return recovered(r, stripe);
	return -1;
}

static int
lock_or_limit(struct region *r, unsigned stripe, struct err *err)
{
	bool waits = held_until[stripe] == 0 ||
	    clock_ms() >= held_until[stripe];

	if (lock(r, stripe, waits ? LOCK_MS : 0) == 0) {
		held_until[stripe] = 0;
		return 0;
	}
	if (waits)
		held_until[stripe] = clock_ms() + HELD_MS;
	if (trouble_met(TROUBLE_LOCKS))
		log_warn("session", "a lock is held by a process that stands"
		    " still, its sessions are refused stripe=%u", stripe);
	counter_up(CNT_LOCK_TIMEOUTS);
	return err_set(err, ERR_LIMIT,
	    "sessions: the lock of stripe %u was not had in %d ms", stripe,
	    LOCK_MS);
}

static void
unlock(struct region *r, unsigned stripe)
{
	pthread_mutex_unlock(&r->stripes[stripe]);
}

/* The place of a principal; NULL: it has none, and make is not wanted. */
static struct owner *
owner_of(struct region *r, const char *principal, bool make)
{
	uint64_t hash = layout_hash(principal), was;
	struct owner *o, *spare = NULL;

	for (unsigned i = 0; i < OWNER_PROBES; i++) {
		o = &r->owners[(hash + i) % OWNERS];
		was = atomic_load(&o->hash);
		if (was == hash)
			return o;
		if (spare == NULL && atomic_load(&o->sessions) <= 0)
			spare = o;
		if (was == 0)
			break;
	}
	if (!make)
		return NULL;
	if (spare == NULL)		/* shared, which is the safe side */
		return &r->owners[hash % OWNERS];
	was = atomic_load(&spare->hash);
	if (!atomic_compare_exchange_strong(&spare->hash, &was, hash))
		return owner_of(r, principal, make);
	return spare;
}

static void
uncount(struct region *r, size_t at)
{
	struct owner *o = owner_of(r, r->slot_at[at].s.principal, false);

	if (o != NULL)
		atomic_fetch_sub(&o->sessions, 1);
	atomic_fetch_sub(&r->head->live[at / r->head->slots], 1);
}

static void
forget(struct region *r, size_t at)
{
	struct slot *slot = &r->slot_at[at];

	atomic_store(&r->tags[at], 0);
	atomic_store(&slot->state, SLOT_FREE);
	uncount(r, at);
	memset(&slot->s, 0, sizeof(slot->s));
}

static bool
is_past(const struct region *r, const struct session *s, int64_t now)
{
	return now - s->used >= atomic_load(&r->head->ttl_ms) * 1000 ||
	    now - s->made >= atomic_load(&r->head->max_ms) * 1000;
}

static bool
is_whole(const struct region *r, size_t at, int64_t now)
{
	const struct slot *slot = &r->slot_at[at];
	const struct session *s = &slot->s;

	return atomic_load(&slot->state) == SLOT_LIVE &&
	    memchr(s->id, '\0', sizeof(s->id)) != NULL &&
	    memchr(s->principal, '\0', sizeof(s->principal)) != NULL &&
	    s->principal[0] != '\0' && s->made <= now && s->used <= now &&
	    tag_of(layout_hash(s->id)) == atomic_load(&r->tags[at]);
}

void
session_repair(struct region *r, unsigned stripe)
{
	int64_t now = clock_us();
	size_t first = first_of(r, stripe);
	uint32_t live = 0;

	for (size_t at = first; at < first + r->head->slots; at++) {
		struct slot *slot = &r->slot_at[at];

		if (atomic_load(&r->tags[at]) == 0 &&
		    atomic_load(&slot->state) == SLOT_FREE)
			continue;
		if (is_whole(r, at, now)) {
			live++;
			continue;
		}
		atomic_store(&r->tags[at], 0);
		atomic_store(&slot->state, SLOT_FREE);
		memset(&slot->s, 0, sizeof(slot->s));
		counter_up(CNT_SLOTS_DROPPED);
	}
	atomic_store(&r->head->live[stripe], live);
}

/* Under the stripe's lock.  SIZE_MAX: not there. */
static size_t
find(struct region *r, const char *id, uint64_t hash)
{
	uint32_t tag = tag_of(hash);
	size_t first = first_of(r, hash % STRIPES);

	for (size_t at = first; at < first + r->head->slots; at++)
		if (atomic_load_explicit(&r->tags[at], memory_order_relaxed) ==
			tag &&
		    strcmp(r->slot_at[at].s.id, id) == 0)
			return at;
	return SIZE_MAX;
}

/* Under the lock of the slot's stripe, which has room at `at`. */
static void
fill(struct region *r, size_t at, const struct session *s)
{
	struct slot *slot = &r->slot_at[at];

	atomic_fetch_add(&owner_of(r, s->principal, true)->sessions, 1);
	atomic_fetch_add(&r->head->live[at / r->head->slots], 1);
	atomic_store(&slot->state, SLOT_WRITING);
	slot->s = *s;
	atomic_store(&slot->state, SLOT_LIVE);
	atomic_store(&r->tags[at], tag_of(layout_hash(s->id)));
}

/* 1: stored, 0: this stripe is full, -1: its lock was not had. */
static int
put(struct region *r, const struct session *s, struct err *err)
{
	unsigned stripe = layout_hash(s->id) % STRIPES;
	size_t first = first_of(r, stripe);
	int stored = 0;

	if (lock_or_limit(r, stripe, err) == -1)
		return -1;
	for (size_t at = first; at < first + r->head->slots; at++) {
		if (atomic_load(&r->tags[at]) != 0)
			continue;
		fill(r, at, s);
		stored = 1;
		break;
	}
	unlock(r, stripe);
	return stored;
}

/* The longest idle session of that principal, which has n. */
static int
oldest_of(struct region *r, const char *principal, struct session *oldest)
{
	int n = 0;

	oldest->used = INT64_MAX;
	for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
		size_t first = first_of(r, stripe);

		if (lock(r, stripe, held_until[stripe] == 0 ? LOCK_MS : 0) == -1)
			continue;
		for (size_t at = first; at < first + r->head->slots; at++) {
			const struct session *s = &r->slot_at[at].s;

			if (atomic_load(&r->tags[at]) == 0 ||
			    strcmp(s->principal, principal) != 0)
				continue;
			n++;
			if (s->used < oldest->used)
				*oldest = *s;
		}
		unlock(r, stripe);
	}
	return n;
}

/* Its count only says when to look: it may be too high for a while. */
static void
make_room(struct region *r, const char *principal)
{
	int max = atomic_load(&r->head->max_per_key);
	struct session oldest;
	struct err err;

	for (int i = 0; i < TRIES; i++) {
		if (session_count_of(r, principal) < (size_t)max ||
		    oldest_of(r, principal, &oldest) < max)
			return;
		if (session_end(r, oldest.id, principal, &err) == 0)
			counter_up(CNT_SESSIONS_EVICTED);
	}
}

static bool
is_full(const struct region *r)
{
	return session_count(r) >=
	    (size_t)atomic_load(&r->head->max_sessions);
}

static int
refuse(const struct region *r, struct err *err)
{
	int max = atomic_load(&r->head->max_sessions);

	counter_up(CNT_SESSIONS_FULL);
	if (trouble_met(TROUBLE_SESSIONS))
		log_warn("session", "all places are taken, new sessions are"
		    " refused: raise MAX_SESSIONS sessions=%d", max);
	return err_set(err, ERR_LIMIT,
	    "sessions: all %d places are taken (MAX_SESSIONS)", max);
}

int
session_new(struct region *r, struct session *s, struct err *err)
{
	char random[B64URL_SIZE(ID_BYTES)];
	int rc = 0;

	make_room(r, s->principal);
	if (is_full(r))
		session_prune(r);
	s->made = s->used = clock_us();
	for (int i = 0; i < TRIES && rc != 1 && !is_full(r); i++) {
		crypto_token(random, ID_BYTES);
		snprintf(s->id, sizeof(s->id), "%s.%s", r->head->node, random);
		rc = put(r, s, err);
	}
	if (rc == 1) {
		counter_up(CNT_SESSIONS_MADE);
		return 0;
	}
	return rc == -1 ? -1 : refuse(r, err);
}

static int
not_found(struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "no such session");
}

/* Finds, locks and checks: the slot of a session of this principal that is not
 * past its time; the caller unlocks.  SIZE_MAX and err else, unlocked. */
static size_t
enter(struct region *r, const char *id, const char *principal, unsigned *stripe,
    struct err *err)
{
	uint64_t hash = layout_hash(id);
	size_t at;

	*stripe = hash % STRIPES;
	if (lock_or_limit(r, *stripe, err) == -1)
		return SIZE_MAX;
	at = find(r, id, hash);
	if (at != SIZE_MAX && is_past(r, &r->slot_at[at].s, clock_us())) {
		forget(r, at);
		counter_up(CNT_SESSIONS_PRUNED);
		at = SIZE_MAX;
	}
	if (at != SIZE_MAX &&
	    strcmp(r->slot_at[at].s.principal, principal) == 0)
		return at;
	unlock(r, *stripe);
	not_found(err);
	return SIZE_MAX;
}

int
session_get(struct region *r, const char *id, const char *principal,
    struct session *out, struct err *err)
{
	unsigned stripe;
	size_t at = enter(r, id, principal, &stripe, err);

	if (at == SIZE_MAX)
		return -1;
	r->slot_at[at].s.used = clock_us();
	*out = r->slot_at[at].s;
	unlock(r, stripe);
	return 0;
}

int
session_log_level(struct region *r, const char *id, const char *principal,
    int level, struct err *err)
{
	unsigned stripe;
	size_t at = enter(r, id, principal, &stripe, err);

	if (at == SIZE_MAX)
		return -1;
	r->slot_at[at].s.log_level = level;
	unlock(r, stripe);
	return 0;
}

int
session_end(struct region *r, const char *id, const char *principal,
    struct err *err)
{
	unsigned stripe;
	size_t at = enter(r, id, principal, &stripe, err);

	if (at == SIZE_MAX)
		return -1;
	forget(r, at);
	unlock(r, stripe);
	counter_up(CNT_SESSIONS_ENDED);
	return 0;
}

/* Drops what is past its time, counts the rest for its owners. */
static size_t
prune_stripe(struct region *r, unsigned stripe, int64_t now, int32_t *seen)
{
	size_t first = first_of(r, stripe), gone = 0;

	for (size_t at = first; at < first + r->head->slots; at++) {
		const struct session *s = &r->slot_at[at].s;

		if (atomic_load(&r->tags[at]) == 0)
			continue;
		if (is_past(r, s, now)) {
			forget(r, at);
			gone++;
		} else {
			seen[owner_of(r, s->principal, true) - r->owners]++;
		}
	}
	return gone;
}

/* Others go on counting during a pass, so a difference is believed the second
 * time. */
static void
settle(struct owner *o, int32_t seen)
{
	int32_t drift = atomic_load(&o->sessions) - seen;

	if (drift != 0 && drift == atomic_load(&o->drift)) {
		atomic_fetch_sub(&o->sessions, drift);
		drift = 0;
	}
	atomic_store(&o->drift, drift);
}

size_t
session_prune(struct region *r)
{
	int32_t *seen = mem_new(OWNERS * sizeof(*seen));
	int64_t now = clock_us();
	size_t gone = 0;
	bool all = true;

	for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
		if (lock(r, stripe, 0) == -1) {
			all = false;
			continue;
		}
		gone += prune_stripe(r, stripe, now, seen);
		unlock(r, stripe);
	}
	for (unsigned i = 0; all && i < OWNERS; i++)
		settle(&r->owners[i], seen[i]);
	free(seen);
	counter_add(CNT_SESSIONS_PRUNED, gone);
	return gone;
}

size_t
session_count(const struct region *r)
{
	size_t n = 0;

	for (unsigned stripe = 0; stripe < STRIPES; stripe++)
		n += atomic_load_explicit(&r->head->live[stripe],
		    memory_order_relaxed);
	return n;
}

size_t
session_count_of(const struct region *r, const char *principal)
{
	struct owner *o = owner_of((struct region *)r, principal, false);
	int n = o != NULL ? atomic_load(&o->sessions) : 0;

	return n > 0 ? (size_t)n : 0;
}

void
session_each(struct region *r, void (*fn)(void *arg, const struct session *s),
    void *arg)
{
	struct session *copy = mem_array(NULL, r->head->slots, sizeof(*copy));

	for (unsigned stripe = 0; stripe < STRIPES; stripe++) {
		size_t first = first_of(r, stripe), n = 0;

		if (lock(r, stripe, LOCK_MS) == -1)
			continue;
		for (size_t at = first; at < first + r->head->slots; at++)
			if (atomic_load(&r->tags[at]) != 0)
				copy[n++] = r->slot_at[at].s;
		unlock(r, stripe);
		for (size_t i = 0; i < n; i++)
			fn(arg, &copy[i]);
	}
	free(copy);
}

int
session_restore(struct region *r, const struct session *s, struct err *err)
{
	unsigned stripe = layout_hash(s->id) % STRIPES;
	bool there;

	if (is_past(r, s, clock_us()))
		return err_set(err, ERR_NOT_FOUND, "past its time");
	if (lock_or_limit(r, stripe, err) == -1)
		return -1;
	there = find(r, s->id, layout_hash(s->id)) != SIZE_MAX;
	unlock(r, stripe);
	if (there || put(r, s, err) == 1)
		return 0;
	return err_set(err, ERR_LIMIT, "no room");
}
