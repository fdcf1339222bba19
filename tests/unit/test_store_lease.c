/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "store/lease.h"

#include <signal.h>
#include <sys/mman.h>

#define TTL	600

static bool
is_gone(const struct region *region, const char *owner)
{
	(void)region;
	return strcmp(owner, "dead") == 0;
}

static struct lease
lease_of(const char *owner)
{
	return (struct lease){ .st = st, .name = "refresh", .owner = owner, .ttl_ms = TTL,
		.gone = is_gone };
}

struct tended {
	int calls, left;
};

static void
on_tended(void *arg, int left_ms)
{
	struct tended *t = arg;

	t->calls++;
	t->left = left_ms;
}

static int
tend(struct lease *l)
{
	struct tended t = { 0 };

	lease_tend(l, on_tended, &t);
	ck_assert_int_eq(t.calls, 0);
	wait_for(&t.calls);
	return t.left;
}

static void
pass(int64_t ms)		/* until that much of our clock is gone */
{
	int64_t end = clock_ms() + ms;

	while (clock_ms() < end) {
		struct timeval tv = clock_tv(end - clock_ms());

		event_base_loopexit(base, &tv);
		event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	}
}

START_TEST(lease_is_kept)
{
	struct lease a = lease_of("a"), b = lease_of("b");

	ck_assert_int_eq(lease_left(&a), 0);
	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_eq(tend(&b), 0);
	for (int i = 0; i < 6; i++) {		/* longer than a ttl, with beats */
		pass(TTL / 4);
		ck_assert_int_gt(tend(&a), TTL / 2);
		ck_assert_int_eq(tend(&b), 0);
	}
}
END_TEST

START_TEST(lease_is_taken_over)
{
	struct lease a = lease_of("a"), b = lease_of("b");
	int64_t began;

	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_eq(tend(&b), 0);
	began = clock_ms();
	while (tend(&b) == 0) {
		ck_assert_int_lt((int)(clock_ms() - began), 20 * TTL);
		pass(TTL / 6);
	}
	ck_assert_int_ge((int)(clock_ms() - began), TTL - 1);
	ck_assert_int_eq(lease_left(&a), 0);	/* a knew before */
	ck_assert_int_eq(tend(&a), 0);
}
END_TEST

/* Each attempt has a struct lease of its own, as a refresh and a run over the
 * directory do: together they see that the owner stands still. */
START_TEST(lease_is_taken_over_by_attempts)
{
	struct lease a = lease_of("a"), b;
	int64_t began;
	int left;

	ck_assert_int_gt(tend(&a), 0);
	began = clock_ms();
	do {
		pass(TTL / 6);
		ck_assert_int_lt((int)(clock_ms() - began), 20 * TTL);
		b = lease_of("b");
		left = tend(&b);
	} while (left == 0);
	ck_assert_int_ge((int)(clock_ms() - began), TTL - 1);
	lease_drop(&b);
	while (b.drop != NULL)
		event_base_loop(base, EVLOOP_ONCE);
}
END_TEST

/* What was seen is kept while attempts go on, and not for ever. */
START_TEST(sights_are_forgotten)
{
	struct lease a = lease_of("a"), b = lease_of("b");

	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_eq(tend(&b), 0);
	pass(TTL + 50);
	lease_tidy(clock_ms() + 61 * 60000);
	ck_assert_int_eq(tend(&b), 0);		/* as if for the first time */
	pass(TTL + 50);
	lease_tidy(clock_ms() + 59 * 60000);
	ck_assert_int_gt(tend(&b), 0);
}
END_TEST

/* The same owner has it anew: that is not the row which stood still for long. */
START_TEST(lease_made_anew)
{
	struct lease a = lease_of("a"), b = lease_of("b");

	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_eq(tend(&b), 0);
	a.forget = true;
	lease_drop(&a);
	while (a.drop != NULL)
		event_base_loop(base, EVLOOP_ONCE);
	pass(TTL + 50);
	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_eq(tend(&b), 0);
}
END_TEST

START_TEST(lease_is_lost)
{
	struct lease a = lease_of("a"), b = lease_of("b");

	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_eq(tend(&b), 0);
	/* somebody took it while we stood still, though we think it is ours */
	ck_assert_int_eq(ask(UNIT(DO(LEASE_TAKE, TEXT("c"), TEXT("refresh"), TEXT("a"),
	    INT(b.beat)))).touched, 1);
	ck_assert_int_gt(lease_left(&a), 0);
	ck_assert_int_eq(tend(&a), 0);
	ck_assert_int_eq(lease_left(&a), 0);
}
END_TEST

START_TEST(lease_is_dropped)
{
	struct lease a = lease_of("a"), b = lease_of("b");

	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_eq(tend(&b), 0);
	lease_drop(&a);
	ck_assert_int_eq(lease_left(&a), 0);
	while (a.drop != NULL)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_gt(tend(&b), 0);
	lease_drop(&a);			/* not ours: no harm */
	ck_assert_int_gt(tend(&b), 0);
}
END_TEST

START_TEST(lease_is_forgotten)
{
	struct lease a = lease_of("a"), b = lease_of("b");

	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_eq(tend(&b), 0);
	b.forget = true;
	lease_drop(&b);				/* not ours: no harm */
	ck_assert_int_gt(tend(&a), 0);
	a.forget = true;
	lease_drop(&a);
	while (a.drop != NULL)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_eq((int)ask(UNIT(DO(LEASE_SEE, TEXT("refresh")))).rows, 0);
	ck_assert_int_gt(tend(&b), 0);
}
END_TEST

START_TEST(lease_of_the_dead)
{
	struct lease dead = lease_of("dead"), b = lease_of("b");

	ck_assert_int_gt(tend(&dead), 0);
	ck_assert_int_gt(tend(&b), 0);		/* at once */
}
END_TEST

/* The answer to an attempt was lost: the row says that it is ours. */
START_TEST(lease_found_as_ours)
{
	struct lease a = lease_of("a"), again = lease_of("a");

	ck_assert_int_gt(tend(&a), 0);
	ck_assert_int_gt(tend(&again), 0);
	lease_tend(&a, NULL, NULL);
	lease_tend(&a, NULL, NULL);		/* one at a time */
	lease_wipe(&a);
}
END_TEST

/* The operator's word on how long the store may take is the store's for leases, too. */
START_TEST(lease_waits_no_longer_than_the_store)
{
	struct lease a = lease_of("a");
	int64_t began;
	pid_t pid;

	if (conf.path == NULL)
		return;
	a.ttl_ms = 60000;
	ck_assert_int_gt(tend(&a), 0);
	close_store();
	pid = hold();
	open_store();
	a.st = st;
	store_set_timeout(st, 200);
	began = clock_ms();
	ck_assert_int_gt(tend(&a), 0);		/* not done, but not lost */
	ck_assert_int_lt((int)(clock_ms() - began), 10000);
	began = clock_ms();
	lease_drop(&a);
	while (a.drop != NULL)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_int_lt((int)(clock_ms() - began), 10000);
	let_go(pid);
}
END_TEST

/* ---- several processes, one lease, some of them killed or stopped ---- */

#define FIGHTERS	5
#define SLOTS		1024

static struct ring {
	volatile int64_t until[SLOTS];	/* what each life believed, dead ones too */
	volatile int used, takes, doubles;
} *ring;

struct fighter {
	struct lease lease;
	int slot;
};

static bool
both_hold(int a, int b, int64_t now)
{
	return ring->until[a] > now && ring->until[b] > now;
}

static void
on_fought(void *arg, int left)
{
	struct fighter *f = arg;
	bool had = ring->until[f->slot] > clock_ms();

	ring->until[f->slot] = f->lease.until;
	if (left == 0 || had)
		return;
	__atomic_add_fetch(&ring->takes, 1, __ATOMIC_SEQ_CST);
	/* both at one moment: this process may have stood still since it was told */
	for (int i = 0; i < ring->used; i++)
		if (i != f->slot && both_hold(f->slot, i, clock_ms()))
			__atomic_add_fetch(&ring->doubles, 1, __ATOMIC_SEQ_CST);
}

static void
on_round(evutil_socket_t fd, short what, void *arg)
{
	struct fighter *f = arg;

	(void)fd, (void)what;
	if (lease_left(&f->lease) > 0 && random() % 50 == 0) {
		ring->until[f->slot] = 0;
		lease_drop(&f->lease);
		return;
	}
	lease_tend(&f->lease, on_fought, f);
}

static pid_t
fight(void)
{
	struct fighter f = { .slot = __atomic_fetch_add(&ring->used, 1, __ATOMIC_SEQ_CST) };
	char owner[32];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	srandom((unsigned)getpid());
	open_store();
	snprintf(owner, sizeof(owner), "n1.%d", f.slot);
	f.lease = (struct lease){ .st = st, .name = "fight", .owner = owner, .ttl_ms = TTL };
	event_add(event_new(base, -1, EV_PERSIST, on_round, &f), &(struct timeval){ 0, 40000 });
	event_base_dispatch(base);
	_exit(1);
}

static int
holder(const int *slot)
{
	for (int i = 0; i < FIGHTERS; i++)
		if (ring->until[slot[i]] > clock_ms())
			return i;
	return -1;
}

static void
hit(pid_t *pid, int *slot, int victim)
{
	if (random() % 3 == 0) {
		kill(pid[victim], SIGSTOP);
		usleep(TTL * 1500);
		kill(pid[victim], SIGCONT);
		return;
	}
	kill(pid[victim], SIGKILL);
	waitpid(pid[victim], NULL, 0);
	slot[victim] = ring->used;
	pid[victim] = fight();
}

START_TEST(lease_has_one_owner)
{
	const char *seconds = getenv("TEST_FIGHT_S");
	int64_t end = clock_ms() + 1000 * (seconds != NULL ? atoi(seconds) : 3);
	int slot[FIGHTERS], victim;
	pid_t pid[FIGHTERS];

	close_store();
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    -1, 0);
	ck_assert_ptr_ne(ring, MAP_FAILED);
	for (int i = 0; i < FIGHTERS; i++) {
		slot[i] = ring->used;
		pid[i] = fight();
	}
	while (clock_ms() < end && ring->used < SLOTS - FIGHTERS) {
		int64_t began = clock_ms();

		while ((victim = holder(slot)) == -1 && clock_ms() < began + 30 * TTL)
			usleep(1000);
		ck_assert_int_ne(victim, -1);		/* somebody always gets it */
		hit(pid, slot, victim);
	}
	for (int i = 0; i < FIGHTERS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	ck_assert_int_eq(ring->doubles, 0);
	ck_assert_int_gt(ring->takes, 1);
	munmap(ring, sizeof(*ring));
	open_store();
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("lease");

	tcase_add_test(tc, lease_is_lost);
	tcase_add_test(tc, lease_is_kept);
	tcase_add_test(tc, lease_is_taken_over);
	tcase_add_test(tc, lease_is_taken_over_by_attempts);
	tcase_add_test(tc, sights_are_forgotten);
	tcase_add_test(tc, lease_made_anew);
	tcase_add_test(tc, lease_is_dropped);
	tcase_add_test(tc, lease_is_forgotten);
	tcase_add_test(tc, lease_of_the_dead);
	tcase_add_test(tc, lease_found_as_ours);
	tcase_add_test(tc, lease_waits_no_longer_than_the_store);
	tcase_add_test(tc, lease_has_one_owner);
	return run_store("store lease", tc);
}
