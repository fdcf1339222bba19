/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "store/chains.h"

/* What marks an install, what takes the mark away, and whom it must not hit. */

static const struct chain_id ids[] = {
	{ "", "T1", CHAIN_BOT },
	{ "E1", "", CHAIN_BOT },
};

static void
put(const char *enterprise, const char *team, enum install_state state, int64_t updated)
{
	struct install_row row = { .enterprise_id = enterprise, .team_id = team,
		.app_id = "A1", .team_name = "name", .team_url = "", .key_id = "k1",
		.bot_token = "a\0b", .bot_token_len = 3, .refresh_token = "",
		.scopes = "", .bot_user_id = "", .bot_id = "", .installer = "",
		.made = updated, .updated = updated, .state = state };
	struct told t = { 0 };

	install_put(st, &row, 5000, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(t.kind, ERR_NONE);
}

struct hit {
	int calls;
	bool hit;
};

static void
on_hit(void *arg, bool hit, const struct err *err)
{
	struct hit *h = arg;

	ck_assert_ptr_null(err);
	h->calls++;
	h->hit = hit;
}

static bool
killed(const struct chain_id *id, bool fresh, unsigned char hash, int64_t updated)
{
	struct chain_death d = { .fresh = fresh, .hash = { hash },
		.code = "token_revoked", .updated = updated, .now = 77 };
	struct hit h = { 0 };

	chain_kill(st, id, &d, on_hit, &h);
	ck_assert_int_eq(h.calls, 0);
	wait_for(&h.calls);
	return h.hit;
}

static bool
begun(const struct chain_id *id, bool fresh, unsigned char hash)
{
	const unsigned char whole[CHAIN_HASH] = { hash };
	struct hit h = { 0 };

	chain_ask(st, id, whole, fresh, "o1", 5, on_hit, &h);
	wait_for(&h.calls);
	return h.hit;
}

static void
heal(const struct chain_id *id)
{
	struct hit h = { 0 };

	chain_heal(st, id, on_hit, &h);
	wait_for(&h.calls);
	ck_assert(h.hit);
}

struct seen {
	int calls;
	char dead[32];
	int64_t since;
	bool lost;
};

static void
on_rows(void *arg, const struct install_row *rows, size_t n, const struct err *err)
{
	struct seen *s = arg;

	ck_assert_ptr_null(err);
	s->calls++;
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].team_id, "T1") == 0) {
			snprintf(s->dead, sizeof(s->dead), "%s", rows[i].dead);
			s->since = rows[i].dead_since;
			s->lost = rows[i].lost;
		}
}

static struct seen
see(void)
{
	struct seen s = { 0 };

	installs_since(st, 0, on_rows, &s);
	wait_for(&s.calls);
	return s;
}

START_TEST(dead_and_healed)
{
	put("", "T1", INSTALL_LIVE, 100);
	ck_assert_str_eq(see().dead, "");
	ck_assert(killed(&ids[0], true, 1, 100));
	ck_assert_str_eq(see().dead, "token_revoked");
	ck_assert_int_eq(see().since, 77);
	ck_assert(!see().lost);
	ck_assert(!killed(&ids[0], false, 1, 100));	/* known: told once */
	ck_assert(!begun(&ids[0], false, 1));		/* nobody renews it */
	heal(&ids[0]);
	ck_assert_str_eq(see().dead, "");
	ck_assert(begun(&ids[0], false, 1));
	ck_assert(killed(&ids[0], false, 1, 100));
	put("", "T1", INSTALL_LIVE, 200);		/* a new install */
	ck_assert_str_eq(see().dead, "");
}
END_TEST

/* Made anew, or renewed, between the look and the mark: that one is not hit. */
START_TEST(another_is_not_hit)
{
	put("", "T1", INSTALL_LIVE, 100);
	put("", "T1", INSTALL_LIVE, 200);
	ck_assert(!killed(&ids[0], true, 1, 100));
	ck_assert_str_eq(see().dead, "");
	ck_assert(begun(&ids[0], true, 2));
	ck_assert(!killed(&ids[0], false, 1, 200));
	ck_assert_str_eq(see().dead, "");
	ck_assert(!killed(&ids[1], true, 1, 200));	/* there is none */
}
END_TEST

/* ---- those that nobody approved ---- */

struct found {
	int calls;
	bool there, elsewhere;
	char team[64];
};

static void
on_found(void *arg, const struct install_row *row, bool elsewhere, const struct err *err)
{
	struct found *f = arg;

	ck_assert_ptr_null(err);
	f->calls++;
	f->there = row != NULL;
	f->elsewhere = elsewhere;
	if (row != NULL)
		snprintf(f->team, sizeof(f->team), "%s/%s", row->enterprise_id, row->team_id);
}

static struct found
find_behind(int64_t updated, const char *enterprise_id, const char *team_id, int64_t before)
{
	struct install_row last = { .updated = updated, .enterprise_id = enterprise_id,
		.team_id = team_id };
	struct found f = { 0 };

	install_stale(st, &last, before, on_found, &f);
	wait_for(&f.calls);
	return f;
}

static struct found
find(int64_t after, int64_t before)
{
	return find_behind(after + 1, "", "", before);
}

START_TEST(stale_in_turn)
{
	put("", "T1", INSTALL_PENDING, 100);
	put("", "T2", INSTALL_LIVE, 110);
	put("", "T3", INSTALL_PENDING, 120);
	put("", "T4", INSTALL_PENDING, 900);
	put("E1", "T1", INSTALL_PENDING, 100);		/* within the same millisecond */
	put("", "T11", INSTALL_PENDING, 100);
	ck_assert_str_eq(find(0, 500).team, "/T1");
	ck_assert_str_eq(find_behind(100, "", "T1", 500).team, "/T11");
	ck_assert_str_eq(find_behind(100, "", "T11", 500).team, "E1/T1");
	ck_assert_str_eq(find_behind(100, "E1", "T1", 500).team, "/T3");
	ck_assert_str_eq(find(100, 500).team, "/T3");
	ck_assert(!find(120, 500).there);
	ck_assert(!find(0, 100).there);
}
END_TEST

/* The one that waits, the other one, and whether that is the same workspace. */
static const struct {
	const char *enterprise, *team;
	const char *other_enterprise, *other_team;
	enum install_state other;
	bool elsewhere;
} pairs[] = {
	{ "", "T1", "", "T2", INSTALL_LIVE, false },
	{ "", "T1", "E1", "T1", INSTALL_LIVE, true },
	{ "E1", "T1", "", "T1", INSTALL_LIVE, true },
	{ "E1", "T1", "", "T1", INSTALL_DISABLED, true },
	{ "E1", "T1", "", "T1", INSTALL_PENDING, false },
	{ "E1", "T1", "E1", "", INSTALL_LIVE, true },
	{ "E1", "T1", "E1", "T2", INSTALL_LIVE, false },
	{ "E1", "", "E1", "T1", INSTALL_LIVE, true },
	{ "E1", "", "E2", "", INSTALL_LIVE, false },
	{ "E1", "", "", "T1", INSTALL_LIVE, false },
};

START_TEST(elsewhere)
{
	put(pairs[_i].enterprise, pairs[_i].team, INSTALL_PENDING, 100);
	put(pairs[_i].other_enterprise, pairs[_i].other_team, pairs[_i].other, 200);
	ck_assert(find(0, 150).there);
	ck_assert_int_eq(find(0, 150).elsewhere, pairs[_i].elsewhere);
}
END_TEST

static enum err_kind
expired(int64_t updated)
{
	struct install_row row = { .enterprise_id = "", .team_id = "T1", .updated = updated };
	struct told t = { 0 };

	install_expire(st, &row, on_told, &t);
	wait_for(&t.calls);
	return t.kind;
}

START_TEST(expires_as_it_was_found)
{
	put("", "T1", INSTALL_PENDING, 100);
	put("", "T1", INSTALL_PENDING, 200);		/* made anew */
	ck_assert_int_eq(expired(100), ERR_NOT_FOUND);
	ck_assert(find(0, 500).there);
	ck_assert_int_eq(expired(200), ERR_NONE);
	ck_assert(!find(0, 500).there);
	put("", "T1", INSTALL_LIVE, 300);
	ck_assert_int_eq(expired(300), ERR_NOT_FOUND);	/* approved */
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("chains");

	tcase_add_test(tc, dead_and_healed);
	tcase_add_test(tc, another_is_not_hit);
	tcase_add_test(tc, stale_in_turn);
	tcase_add_loop_test(tc, elsewhere, 0, N(pairs));
	tcase_add_test(tc, expires_as_it_was_found);
	return run_store("store chains", tc);
}
