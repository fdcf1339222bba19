/* SPDX-License-Identifier: ISC */
#include "config.h"

/* A process is killed after each single change that it makes to a session's slot,
 * its counts or its lock: a child runs one operation, and this process, its tracer,
 * lets it do one instruction at a time and looks at the shared bytes between. */

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "shm/layout.h"
#include "run.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAP		8	/* sessions of a key */
#define NEIGHBOURS	2	/* in each stripe */
#define PASTS_MS	INT64_C(3600000)
#define SECTIONS	1024	/* locked ones of one operation, at most */

static struct region_conf conf = { .node = "n1", .max_sessions = 1280,
	.max_sessions_per_key = CAP, .session_ttl_ms = PASTS_MS,
	.session_max_ms = PASTS_MS, .rows = 2 };

static struct region *r;
static struct session neighbours[STRIPES][NEIGHBOURS];
static struct session victim;		/* what the operation is about */

/* Seen by both processes. */
static struct {
	_Atomic int armed;
	_Atomic unsigned stripe;	/* that is about to be locked */
} *shared;

/* Each locking begins with this: the tracer hears of it. */
int
pthread_mutex_trylock(pthread_mutex_t *m)
{
	static int (*real)(pthread_mutex_t *m);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_trylock");
	if (shared != NULL && atomic_load(&shared->armed)) {
		atomic_store(&shared->stripe, (unsigned)(m - r->stripes));
		raise(SIGTRAP);
	}
	return real(m);
}

static struct session
like(const char *principal)
{
	struct session s = { .version = 3, .log_level = 4, .caps = 0x55aa55aa };

	snprintf(s.principal, sizeof(s.principal), "%s", principal);
	s.made = s.used = clock_us();
	return s;
}

/* Some for each stripe, found once: so many tries there are until an id falls there. */
static void
name_neighbours(void)
{
	for (unsigned i = 0; i < STRIPES * NEIGHBOURS; i++) {
		struct session *s = &neighbours[i / NEIGHBOURS][i % NEIGHBOURS];
		unsigned try = 0;

		snprintf(s->principal, sizeof(s->principal), "key%u", i / CAP);
		do
			snprintf(s->id, sizeof(s->id), "n1.%u-%u", i, try++);
		while (layout_hash(s->id) % STRIPES != i / NEIGHBOURS);
	}
}

static void
settle_neighbours(void)
{
	struct err err;

	for (unsigned i = 0; i < STRIPES * NEIGHBOURS; i++) {
		struct session *s = &neighbours[i / NEIGHBOURS][i % NEIGHBOURS];

		s->version = 3;
		s->made = s->used = clock_us();
		ck_assert_int_eq(session_restore(r, s, &err), 0);
	}
}

/* -- the operations ----------------------------------------------------------- */

static void
make_none(void)
{
	victim = like("carol");
}

static void
make_one(void)
{
	struct err err;

	make_none();
	ck_assert_int_eq(session_new(r, &victim, &err), 0);
}

static void
make_cap(void)
{
	struct session s;
	struct err err;

	make_one();
	for (int i = 1; i < CAP; i++) {
		s = like("carol");
		ck_assert_int_eq(session_new(r, &s, &err), 0);
	}
}

/* Its id is always the same: which stripe is changed must not change. */
static void
make_past(void)
{
	size_t all = (size_t)STRIPES * r->head->slots;
	struct err err;

	make_none();
	snprintf(victim.id, sizeof(victim.id), "n1.%043d", 7);
	ck_assert_int_eq(session_restore(r, &victim, &err), 0);
	for (size_t at = 0; at < all; at++)
		if (strcmp(r->slot_at[at].s.id, victim.id) == 0)
			r->slot_at[at].s.used = clock_us() - PASTS_MS * 1000;
}

static void
run_new(void)
{
	struct session s = victim;
	struct err err;

	session_new(r, &s, &err);
}

static void
run_get(void)
{
	struct session s;
	struct err err;

	session_get(r, victim.id, "carol", &s, &err);
}

static void
run_log_level(void)
{
	struct err err;

	session_log_level(r, victim.id, "carol", 7, &err);
}

static void
run_end(void)
{
	struct err err;

	session_end(r, victim.id, "carol", &err);
}

static void
run_prune(void)
{
	session_prune(r);
}

static const struct operation {
	const char *name;
	void (*before)(void);
	void (*run)(void);
	int least;		/* kills: so many changes there are in any case */
	bool halves;		/* some leave a slot that must be dropped */
} operations[] = {
	{ "create", make_none, run_new, 16, true },
	{ "create, another goes", make_cap, run_new, 24, true },
	{ "touch", make_one, run_get, 3, false },
	{ "log level", make_one, run_log_level, 3, false },
	{ "end", make_one, run_end, 10, true },
	{ "end of one past its time", make_past, run_get, 10, true },
	{ "prune", make_past, run_prune, 10, true },
};

/* -- the tracer --------------------------------------------------------------- */

/* What an operation on one stripe may change: where it is, and a copy. */
struct part {
	const volatile void *at;
	size_t len;
	char copy[64 * sizeof(struct slot)];
};
enum { LOCK, LIVE, TAGS, SLOTS, OWNER, PARTS };

static void
look_at(struct part *parts, unsigned stripe)
{
	size_t first = (size_t)stripe * r->head->slots, n = r->head->slots;
	const struct part all[PARTS] = {
		[LOCK] = { &r->stripes[stripe], sizeof(r->stripes[0]), "" },
		[LIVE] = { &r->head->live[stripe], sizeof(uint32_t), "" },
		[TAGS] = { &r->tags[first], n * sizeof(r->tags[0]), "" },
		[SLOTS] = { &r->slot_at[first], n * sizeof(r->slot_at[0]), "" },
		[OWNER] = { &r->owners[layout_hash("carol") % OWNERS],
		    sizeof(r->owners[0]), "" },
	};

	memcpy(parts, all, sizeof(all));
	for (int i = 0; i < PARTS; i++)
		memcpy(parts[i].copy, (const void *)parts[i].at, parts[i].len);
}

/* Has it changed since?  If so, the copy is renewed. */
static bool
has_changed(struct part *p)
{
	if (memcmp(p->copy, (const void *)p->at, p->len) == 0)
		return false;
	memcpy(p->copy, (const void *)p->at, p->len);
	return true;
}

static pid_t
begin(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			_exit(errno);
		raise(SIGSTOP);
		atomic_store(&shared->armed, 1);
		run();
		atomic_store(&shared->armed, 0);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status),
	    "a process may not be traced here (ptrace: %s), and without that "
	    "nothing is proved", strerror(WEXITSTATUS(status)));
	ck_assert_int_eq(ptrace(PTRACE_SETOPTIONS, pid, NULL,
	    (void *)PTRACE_O_EXITKILL), 0);
	return pid;
}

/* Until the next stop; false: it has ended. */
static bool
go_on(pid_t pid, int how)
{
	int status;

	ck_assert_int_ne(ptrace(how, pid, NULL, NULL), -1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status)) {
		ck_assert_int_eq(WEXITSTATUS(status), 0);
		return false;
	}
	ck_assert(WIFSTOPPED(status));
	ck_assert_int_eq(WSTOPSIG(status), SIGTRAP);
	return true;
}

static unsigned
held(unsigned stripe)
{
	return *(volatile unsigned *)&r->stripes[stripe];
}

/* Steps from before a lock until it is free again, counting changes; true: killed
 * at change number *left (it becomes 0). */
static bool
step(pid_t pid, int *left, int *inside)
{
	static struct part parts[PARTS];
	unsigned stripe = atomic_load(&shared->stripe);
	bool had = false, changed;

	look_at(parts, stripe);
	while (!had || held(stripe) != 0) {
		ck_assert(go_on(pid, PTRACE_SINGLESTEP));
		had |= held(stripe) != 0;
		changed = has_changed(&parts[SLOTS]);
		*inside += changed;
		for (int i = 0; i < PARTS; i++)
			changed |= i != SLOTS && has_changed(&parts[i]);
		if (!changed || --*left > 0)
			continue;
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		return true;
	}
	return false;
}

static uint64_t
digest(void)
{
	const unsigned char *p = (void *)r->tags;
	size_t len = (size_t)((unsigned char *)r->buckets - p);
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 1099511628211u;
	return h;
}

/* Which of its locked sections change anything at all; their number. */
static int
survey(void (*run)(void), bool *changes)
{
	pid_t pid = begin(run);
	uint64_t was = digest(), now;
	int n = -1;

	for (bool more = true; more; was = now) {
		more = go_on(pid, PTRACE_CONT);
		now = digest();
		if (n >= 0)
			changes[n] = now != was;
		ck_assert_int_lt(++n, SECTIONS);
	}
	return n;
}

/* Runs it once more in a new region and kills it at that change; false: it came to
 * its end before. */
static bool
kill_at(const struct operation *op, const bool *changes, int n, int at,
    int *inside)
{
	pid_t pid;
	bool dead = false;

	settle_neighbours();
	op->before();
	pid = begin(op->run);
	for (int i = 0; i < n && !dead; i++) {
		ck_assert(go_on(pid, PTRACE_CONT));
		dead = changes[i] && step(pid, &at, inside);
	}
	if (!dead)
		ck_assert(!go_on(pid, PTRACE_CONT));
	atomic_store(&shared->armed, 0);
	return dead;
}

/* -- what must hold afterwards -------------------------------------------------- */

static bool
is_same(const struct session *a, const struct session *b)
{
	return strcmp(a->id, b->id) == 0 &&
	    strcmp(a->principal, b->principal) == 0 &&
	    a->version == b->version && a->caps == b->caps &&
	    a->made != 0 && a->used >= a->made;
}

static void
neighbours_answer(void)
{
	struct session got;
	struct err err;

	for (unsigned stripe = 0; stripe < STRIPES; stripe++)
		for (int n = 0; n < NEIGHBOURS; n++) {
			const struct session *s = &neighbours[stripe][n];

			ck_assert_msg(session_get(r, s->id, s->principal, &got,
			    &err) == 0, "stripe %u: %s", stripe, err.text);
			ck_assert(is_same(&got, s));
		}
}

/* Whatever stands in a slot opens nothing but a whole session. */
static void
half_ones_open_nothing(void)
{
	size_t all = (size_t)STRIPES * r->head->slots;
	struct session half, got, whole = victim;
	struct err err;

	for (size_t at = 0; at < all; at++) {
		half = r->slot_at[at].s;
		half.id[sizeof(half.id) - 1] = '\0';
		half.principal[sizeof(half.principal) - 1] = '\0';
		if (strncmp(half.principal, "key", 3) == 0 ||
		    strncmp(half.principal, "storm", 5) == 0 ||
		    session_get(r, half.id, half.principal, &got, &err) == -1)
			continue;
		snprintf(whole.id, sizeof(whole.id), "%s", half.id);
		ck_assert(is_same(&got, &whole));
		ck_assert_uint_eq(strlen(got.id), strlen("n1.") + 43);
	}
}

static void
count_one(void *arg, const struct session *s)
{
	size_t *counts = arg;

	counts[0]++;
	counts[1] += strcmp(s->principal, "carol") == 0;
}

/* The table's count at once, a key's never too low, and right after two passes. */
static void
counts_are_right(void)
{
	size_t n[2] = { 0, 0 };

	session_each(r, count_one, n);
	ck_assert_uint_eq(session_count(r), n[0]);
	ck_assert_uint_ge(session_count_of(r, "carol"), n[1]);
	ck_assert_uint_le(session_count_of(r, "carol"), n[1] + 2);
	session_prune(r);
	session_prune(r);
	n[0] = n[1] = 0;
	session_each(r, count_one, n);
	ck_assert_uint_eq(session_count(r), n[0]);
	ck_assert_uint_eq(session_count_of(r, "carol"), n[1]);
}

static void
caps_are_reached(void)
{
	struct session made[CAP + 1], got;
	struct err err;

	for (int i = 0; i <= CAP; i++) {
		made[i] = like("carol");
		ck_assert_int_eq(session_new(r, &made[i], &err), 0);
	}
	for (int i = 0; i <= CAP; i++)
		ck_assert_int_eq(session_get(r, made[i].id, "carol", &got,
		    &err), i == 0 ? -1 : 0);
	ck_assert_uint_eq(session_count_of(r, "carol"), CAP);
	ck_assert_uint_eq(session_count(r), STRIPES * NEIGHBOURS + CAP);
}

START_TEST(test_killed_at_each_change)
{
	const struct operation *op = &operations[_i];
	bool changes[SECTIONS] = { false }, dead = true;
	int sections, at, inside = 0;

	r = region_private(&conf);
	ck_assert_uint_le(r->head->slots, 64);
	settle_neighbours();
	op->before();
	sections = survey(op->run, changes);
	for (at = 1; dead; at++) {
		region_close(r);
		r = region_private(&conf);
		inside = 0;
		dead = kill_at(op, changes, sections, at, &inside);
		if (at % 2 == 0)
			neighbours_answer();
		half_ones_open_nothing();
		neighbours_answer();
		counts_are_right();
		caps_are_reached();
	}
	printf("note: %s: killed at each of %d changes, %d of them in a slot\n",
	    op->name, at - 2, inside);
	ck_assert_int_ge(at - 2, op->least);
	ck_assert_uint_gt(counter_get(CNT_STRIPES_RECOVERED), 0);
	ck_assert_int_eq(counter_get(CNT_SLOTS_DROPPED) > 0, op->halves);
	region_close(r);
}
END_TEST

/* -- without a tracer: many at once, killed anywhere ------------------------------ */

#define STORM_KILLS	150
#define STORM_PROCESSES	3

static _Noreturn void
storm(unsigned seed)
{
	struct session s, got;
	struct err err;

	for (;;) {
		unsigned n = (unsigned)rand_r(&seed) % 40;

		s = like("carol");
		if (n < 38)
			snprintf(s.principal, sizeof(s.principal), "storm%u", n);
		if (session_new(r, &s, &err) == -1)
			continue;
		session_get(r, s.id, s.principal, &got, &err);
		session_log_level(r, s.id, s.principal, 7, &err);
		if (n % 4 != 0)
			session_end(r, s.id, s.principal, &err);
	}
}

static void
end_all(void *arg, const struct session *s)
{
	struct err err;

	(void)arg;
	if (strncmp(s->principal, "key", 3) != 0)
		ck_assert_int_eq(session_end(r, s->id, s->principal, &err), 0);
}

START_TEST(test_killed_anywhere)
{
	pid_t pids[STORM_PROCESSES];
	char name[PRINCIPAL_SIZE];

	r = region_private(&conf);
	settle_neighbours();
	victim = like("carol");
	for (unsigned i = 0; i < STORM_KILLS + STORM_PROCESSES; i++) {
		pid_t *pid = &pids[i % STORM_PROCESSES];

		if (i >= STORM_PROCESSES) {
			usleep(500 + i % 7 * 1000);
			kill(*pid, SIGKILL);
			ck_assert_int_eq(waitpid(*pid, NULL, 0), *pid);
		}
		if (i < STORM_KILLS && (*pid = fork()) == 0)
			storm(i);
		if (i % 10 == 0)
			session_prune(r);	/* as the master does */
	}
	neighbours_answer();
	half_ones_open_nothing();
	session_prune(r);
	session_prune(r);
	session_each(r, end_all, NULL);
	ck_assert_uint_eq(session_count(r), STRIPES * NEIGHBOURS);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "storm%u", i);
		ck_assert_uint_eq(session_count_of(r, name), 0);
	}
	ck_assert_uint_eq(session_count_of(r, "carol"), 0);
	caps_are_reached();
	region_close(r);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("shm_kill");

	log_quiet();
	name_neighbours();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, test_killed_at_each_change, 0,
	    sizeof(operations) / sizeof(operations[0]));
	tcase_add_test(t, test_killed_anywhere);
	return run_case("shm_kill", t);
}
