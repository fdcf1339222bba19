/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/principals.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define KEY_PREFIX	"sk_"
#define KEY_BYTES	32
#define KEY_LEN		(sizeof(KEY_PREFIX) - 1 + B64URL_SIZE(KEY_BYTES) - 1)
#define ID_BYTES	12

#define ASK_MS		100	/* between refreshes that unknown keys cause */
#define RETRY_MS	1000	/* after one that failed */
#define GRACE_MIN	3000	/* changes are read every second */
#define WAITS_MAX	1024

struct entry {
	unsigned char hash[SHA256_SIZE];
	char id[PRINCIPAL_SIZE];
	size_t seq;			/* the later row of an id counts */
	struct policy *policy;		/* NULL: revoked */
};

struct principals_wait {
	TAILQ_ENTRY(principals_wait) link;
	struct principals *p;
	uint64_t pass;			/* served by this one or a later */
	principals_fn *done;
	void *arg;
};

struct principals {
	struct store *st;
	const struct conf *conf;
	struct policy *seed;		/* NULL: no key in the environment */
	unsigned char seed_hash[SHA256_SIZE];

	struct entry *entries;		/* live ones, by hash */
	size_t n;
	struct entry *fresh;		/* of the refresh under way */
	size_t nfresh, room;

	int64_t changed;		/* merged up to here */
	int64_t at;			/* read up to here */
	struct unit *unit;
	struct event *timer;
	bool loaded, current, again;
	bool all;			/* the next refresh is to read all */
	bool anew;			/* the one under way reads all */
	int64_t read_at, asked_at;	/* monotonic ms */

	uint64_t pass;			/* refreshes that have ended */
	TAILQ_HEAD(wait_list, principals_wait) waits;
	size_t nwaits;
};

static void on_rows(void *arg, const struct key_row *rows, size_t n,
    const struct err *err);

static void
begin(struct principals *p)
{
	p->anew = p->all;
	p->all = false;
	p->at = p->anew ? 0 : p->changed;
	p->unit = keys_since(p->st, p->at, on_rows, p);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct principals *p = arg;

	(void)fd, (void)what;
	if (p->unit != NULL)
		return;
	p->asked_at = clock_ms();
	begin(p);
}

/* Soon, but not more often than every ASK_MS. */
static void
pace(struct principals *p)
{
	int64_t wait = p->asked_at + ASK_MS - clock_ms();
	struct timeval tv = clock_tv(wait);

	if (p->unit != NULL)
		return;
	if (wait > 0 && p->asked_at != 0)
		evtimer_add(p->timer, &tv);
	else
		on_timer(-1, 0, p);
}

static void
drop_fresh(struct principals *p)
{
	for (size_t i = 0; i < p->nfresh; i++)
		policy_drop(p->fresh[i].policy);
	free(p->fresh);
	p->fresh = NULL;
	p->nfresh = p->room = 0;
}

static void
add_fresh(struct principals *p, const struct key_row *row)
{
	struct entry *e;

	if (p->nfresh == p->room) {
		p->room = p->room == 0 ? 64 : p->room * 2;
		p->fresh = mem_array(p->fresh, p->room, sizeof(*p->fresh));
	}
	e = &p->fresh[p->nfresh];
	*e = (struct entry){ .seq = p->n + p->nfresh };
	p->nfresh++;
	memcpy(e->hash, row->hash, sizeof(e->hash));
	snprintf(e->id, sizeof(e->id), "%s", row->id);
	if (strcmp(row->state, "live") == 0 &&
	    (e->policy = policy_from_row(row)) == NULL)
		log_error("keys",
		    "key %s has a role that this program does not know"
		    " role=%s",
		    row->name, row->role);
}

static int
by_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = strcmp(x->id, y->id);

	if (c != 0)
		return c;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
by_hash(const void *a, const void *b)
{
	return memcmp(((const struct entry *)a)->hash,
	    ((const struct entry *)b)->hash, SHA256_SIZE);
}

static void
forget(struct principals *p)
{
	for (size_t i = 0; i < p->n; i++)
		policy_drop(p->entries[i].policy);
	p->n = 0;
}

/* Old entries and fresh rows together: the latest of each id, if it lives. */
static void
merge(struct principals *p)
{
	struct entry *all;
	size_t n, kept = 0;

	if (p->anew)
		forget(p);
	n = p->n + p->nfresh;
	if (p->nfresh == 0)
		return;
	for (size_t i = 0; i < p->n; i++)
		p->entries[i].seq = i;
	all = mem_array(p->entries, n, sizeof(*all));
	memcpy(all + p->n, p->fresh, p->nfresh * sizeof(*all));
	p->nfresh = 0;
	drop_fresh(p);
	qsort(all, n, sizeof(*all), by_id);
	for (size_t i = 0; i < n; i++) {
		bool latest = i + 1 == n ||
		    strcmp(all[i].id, all[i + 1].id) != 0;

		if (latest && all[i].policy != NULL)
			all[kept++] = all[i];
		else
			policy_drop(all[i].policy);
	}
	qsort(all, kept, sizeof(*all), by_hash);
	p->entries = all;
	p->n = kept;
}

/* Callbacks may ask again or cancel others: the list is looked at anew each time. */
static void
wake(struct principals *p)
{
	struct principals_wait *w;

	while ((w = TAILQ_FIRST(&p->waits)) != NULL && w->pass <= p->pass) {
		principals_fn *done = w->done;
		void *arg = w->arg;

		principals_cancel(w);
		done(arg);
	}
}

static void
end(struct principals *p, bool good)
{
	struct timeval tv = clock_tv(RETRY_MS);

	p->current = good;
	if (good) {
		merge(p);
		p->changed = p->at;
		p->read_at = clock_ms();
		p->loaded = true;
		p->pass++;
	} else {
		drop_fresh(p);
		p->all |= p->anew;
		p->pass += 2;		/* nobody waits for a store that is away */
		evtimer_add(p->timer, &tv);
	}
	if (!good)
		p->again = false;
	if (good && p->again) {
		p->again = false;
		begin(p);
	}
	wake(p);
	if (good && p->unit == NULL && !TAILQ_EMPTY(&p->waits))
		pace(p);
}

static void
on_rows(void *arg, const struct key_row *rows, size_t n, const struct err *err)
{
	struct principals *p = arg;

	p->unit = NULL;
	if (err != NULL) {
		log_debug("keys", "keys could not be read: %s", err->text);
		end(p, false);
		return;
	}
	for (size_t i = 0; i < n; i++)
		add_fresh(p, &rows[i]);
	if (n == 0) {
		end(p, true);
		return;
	}
	p->at = rows[n - 1].changed;
	p->unit = keys_next(p->st, &rows[n - 1], on_rows, p);
}

struct principals *
principals_new(struct store *st, struct event_base *base,
    const struct conf *conf)
{
	struct principals *p = mem_new(sizeof(*p));

	p->st = st;
	p->conf = conf;
	TAILQ_INIT(&p->waits);
	p->timer = evtimer_new(base, on_timer, p);
	if (p->timer == NULL)
		fatal("no timer for the keys");
	if (conf->api_key.len > 0) {
		p->seed = policy_seed();
		principals_hash(secret_expose(&conf->api_key),
		    conf->api_key.len, p->seed_hash);
	}
	return p;
}

void
principals_free(struct principals *p)
{
	struct principals_wait *w;

	if (p == NULL)
		return;
	if (p->unit != NULL)
		store_cancel(p->unit);
	event_free(p->timer);
	while ((w = TAILQ_FIRST(&p->waits)) != NULL)
		principals_cancel(w);
	drop_fresh(p);
	forget(p);
	free(p->entries);
	policy_drop(p->seed);
	free(p);
}

void
principals_refresh(struct principals *p, bool all)
{
	p->all |= all;
	if (p->unit != NULL)
		p->again = true;
	else
		begin(p);
}

void
principals_store_read_at(struct principals *p, int64_t when)
{
	if (when > p->read_at)
		p->read_at = when;
}

bool
principals_loaded(const struct principals *p)
{
	return p->loaded;
}

bool
principals_current(const struct principals *p)
{
	return p->current;
}

static bool
in_grace(const struct principals *p)
{
	int64_t grace = p->conf->key_grace;

	if (grace < GRACE_MIN)
		grace = GRACE_MIN;
	return p->loaded && clock_ms() - p->read_at <= grace;
}

static bool
looks_like_ours(const char *key, size_t len)
{
	return len == KEY_LEN &&
	    memcmp(key, KEY_PREFIX, sizeof(KEY_PREFIX) - 1) == 0;
}

struct policy *
principals_find(struct principals *p, const char *key, size_t len, bool *maybe)
{
	struct entry want, *e = NULL;

	*maybe = false;
	if (len == 0)
		return NULL;
	principals_hash(key, len, want.hash);
	if (p->seed != NULL &&
	    crypto_equal(want.hash, p->seed_hash, SHA256_SIZE))
		return p->seed;
	if (!looks_like_ours(key, len))
		return NULL;
	if (p->n > 0)
		e = bsearch(&want, p->entries, p->n, sizeof(want), by_hash);
	if (e == NULL || !in_grace(p)) {
		*maybe = true;
		return NULL;
	}
	if (e->policy->expires != 0 && clock_wall_ms() >= e->policy->expires)
		return NULL;
	return e->policy;
}

struct principals_wait *
principals_ask(struct principals *p, principals_fn *done, void *arg)
{
	struct principals_wait *w;

	if (p->nwaits >= WAITS_MAX)
		return NULL;
	w = mem_new(sizeof(*w));
	w->p = p;
	w->done = done;
	w->arg = arg;
	/* One that is under way may have begun before the key was there. */
	w->pass = p->pass + (p->unit != NULL ? 2 : 1);
	TAILQ_INSERT_TAIL(&p->waits, w, link);
	p->nwaits++;
	pace(p);
	return w;
}

void
principals_cancel(struct principals_wait *w)
{
	if (w == NULL)
		return;
	TAILQ_REMOVE(&w->p->waits, w, link);
	w->p->nwaits--;
	free(w);
}

void
principals_new_key(char *out, struct key_row *row, char id[PRINCIPAL_SIZE])
{
	memcpy(out, KEY_PREFIX, sizeof(KEY_PREFIX) - 1);
	crypto_token(out + sizeof(KEY_PREFIX) - 1, KEY_BYTES);
	principals_hash(out, strlen(out), row->hash);
	memcpy(id, "k_", 2);
	crypto_token(id + 2, ID_BYTES);
	row->id = id;
}

void
principals_hash(const char *key, size_t len, unsigned char out[32])
{
	crypto_sha256(key, len, out);
}
