/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "store/installs.h"
#include "store/keys.h"

/* Changes come in pages, and each row of them comes, however many share a number. */

#define MOST	1700

struct page {
	int calls;
	size_t n;
	int64_t changed;		/* of its last row */
	char id[65], team_id[65];	/* likewise; of a key, of an install */
	char name[65], state[17];
};

static int seen[MOST];			/* how often each row came */
static int64_t newest;			/* number of the last one */
static bool listing;			/* in an order of its own */

static void
note(const char *name, int64_t changed)
{
	int i = atoi(name);

	ck_assert(i >= 0 && i < MOST);
	seen[i]++;
	ck_assert(listing || changed >= newest);
	newest = changed;
}

/* ---- of keys ---- */

static void
on_keys(void *arg, const struct key_row *rows, size_t n, const struct err *err)
{
	struct page *p = arg;

	ck_assert_ptr_null(err);
	p->calls++;
	p->n = n;
	for (size_t i = 0; i < n; i++)
		note(rows[i].name, rows[i].changed);
	if (n == 0)
		return;
	p->changed = rows[n - 1].changed;
	snprintf(p->id, sizeof(p->id), "%s", rows[n - 1].id);
	snprintf(p->name, sizeof(p->name), "%s", rows[n - 1].name);
	snprintf(p->state, sizeof(p->state), "%s", rows[n - 1].state);
}

static void
first_keys(struct page *p, int64_t since)
{
	if (listing)
		keys_listed(st, NULL, on_keys, p);
	else
		keys_since(st, since, on_keys, p);
}

static void
next_keys(struct page *p)
{
	struct key_row last = { .changed = p->changed, .id = p->id, .name = p->name,
		.state = p->state };

	if (listing)
		keys_listed(st, &last, on_keys, p);
	else
		keys_next(st, &last, on_keys, p);
	memset(p->name, 'x', 3);
	memset(p->id, 'x', 3);		/* it was borrowed only until then */
}

/* ---- of installs ---- */

static void
on_installs(void *arg, const struct install_row *rows, size_t n, const struct err *err)
{
	struct page *p = arg;

	ck_assert_ptr_null(err);
	p->calls++;
	p->n = n;
	for (size_t i = 0; i < n; i++)
		note(rows[i].team_name, rows[i].changed);
	if (n == 0)
		return;
	p->changed = rows[n - 1].changed;
	snprintf(p->id, sizeof(p->id), "%s", rows[n - 1].enterprise_id);
	snprintf(p->team_id, sizeof(p->team_id), "%s", rows[n - 1].team_id);
}

static void
first_installs(struct page *p, int64_t since)
{
	if (listing)
		installs_listed(st, NULL, on_installs, p);
	else
		installs_since(st, since, on_installs, p);
}

static void
next_installs(struct page *p)
{
	struct install_row last = { .changed = p->changed, .enterprise_id = p->id,
		.team_id = p->team_id };

	if (listing)
		installs_listed(st, &last, on_installs, p);
	else
		installs_next(st, &last, on_installs, p);
	memset(p->id, 'x', 3);
	memset(p->team_id, 'x', 3);
}

/* ---- both ---- */

/* Of three installs one is of no organisation, one of E, one org-wide. */
static const struct {
	const char *table, *row, *name;
	size_t page;
	void (*first)(struct page *p, int64_t since);
	void (*next)(struct page *p);
} kinds[] = {
	{ "api_keys", "i, i, i, 'h', '*', 'read', 'core', '', '', '', '', 1, 0, 0, 'live'",
	    "name", 500, first_keys, next_keys },
	{ "installs", "CASE i % 3 WHEN 0 THEN '' WHEN 1 THEN 'E' ELSE i END, CASE i % 3 WHEN 2 "
	    "THEN '' ELSE i END, 'A', i, 'u', 'k', 't', '', 0, 's', 'U', 'B', 'U', 1, 1, 0, "
	    "'live'", "team_name", 200, first_installs, next_installs },
};

static void
sql(const char *text)
{
	struct got g = ask(UNIT(DO(DDL, TEXT(text))));

	ck_assert_msg(g.kind == ERR_NONE, "%s: %s", text, g.text);
}

/* So many rows, whose numbers are this of i. */
static void
fill(int kind, int n, const char *changed)
{
	char *text = mem_fmt("INSERT INTO %s " ROWS "SELECT %s, %s FROM c WHERE i < %d",
	    kinds[kind].table, kinds[kind].row, changed, n);

	sql(text);
	free(text);
	memset(seen, 0, sizeof(seen));
	newest = 0;
	listing = false;
}

/* A tenth of the rows changes. */
static void
change_some(int kind)
{
	char *text = mem_fmt("UPDATE %s SET changed = 8 WHERE %s LIKE '%%5'",
	    kinds[kind].table, kinds[kind].name);

	sql(text);
	free(text);
}

static struct page
first(int kind, int64_t since)
{
	struct page p = { 0 };

	kinds[kind].first(&p, since);
	wait_for(&p.calls);
	return p;
}

static void
next(int kind, struct page *p)
{
	p->calls = 0;
	kinds[kind].next(p);
	wait_for(&p->calls);
}

static void
all_came(int n, int times)
{
	for (int i = 0; i < MOST; i++)
		ck_assert_msg(seen[i] == (i < n ? times : 0), "row %d came %d times", i, seen[i]);
}

static const struct {
	int n;
	const char *changed;
} spreads[] = {
	{ MOST, "7" },			/* an import, a bulk mark: all are one unit's */
	{ MOST, "i + 1" },		/* each is its own */
	{ 1000, "7" },			/* the last page is a full one */
	{ 1001, "7" },
	{ MOST, "i - i % 199 + 1" },	/* the edges of pages lie within them and between */
	{ MOST, "i - i % 500 + 1" },
	{ MOST, "CASE i % 2 WHEN 0 THEN 9 ELSE 1 END" },
};

START_TEST(each_comes_once)
{
	int kind = _i / N(spreads), n = spreads[_i % N(spreads)].n;
	size_t pages = 0;
	struct page p;

	fill(kind, n, spreads[_i % N(spreads)].changed);
	for (p = first(kind, 0); p.n > 0; next(kind, &p)) {
		ck_assert_uint_le(p.n, kinds[kind].page);
		ck_assert_uint_lt(pages++, MOST);
	}
	ck_assert_uint_eq(pages, ((size_t)n + kinds[kind].page - 1) / kinds[kind].page);
	all_came(n, 1);
	ck_assert_uint_eq(first(kind, newest).n, 0);
	ck_assert_uint_gt(first(kind, newest - 1).n, 0);
}
END_TEST

/* A row that is changed between two pages is not lost, whether it came before or not. */
START_TEST(what_moves_comes_at_the_end)
{
	int times[MOST] = { 0 };
	struct page p;

	fill(_i, MOST, "7");
	p = first(_i, 0);
	memcpy(times, seen, sizeof(times));
	change_some(_i);
	while (p.n > 0)
		next(_i, &p);
	for (int i = 0; i < MOST; i++)
		ck_assert_int_eq(seen[i], i % 10 == 5 ? times[i] + 1 : 1);
	ck_assert_int_eq(newest, 8);
	ck_assert_uint_gt(first(_i, 7).n, 0);
	ck_assert_uint_eq(first(_i, 8).n, 0);
}
END_TEST

/* A list is no sum of changes. */
START_TEST(a_list_has_each_once)
{
	struct page p;

	fill(_i, MOST, "7");
	listing = true;
	for (p = first(_i, 0); p.n > 0; next(_i, &p)) {
		ck_assert_uint_le(p.n, kinds[_i].page);
		change_some(_i);
	}
	all_came(MOST, 1);
}
END_TEST

/* The key of the environment stands first, and one that is named as it is not lost. */
START_TEST(keys_by_name)
{
	struct page p;

	fill(0, 300, "7");
	sql("INSERT INTO api_keys (id, name, live_name, hash, workspaces, role, toolsets, "
	    "channels_read, channels_write, rate, slack_user, made, expires, ended, state, changed) "
	    "SELECT 'env', '300', '!env', 'h', '*', 'admin', '*', '', '', '', '', 1, 0, 0, 'seed', 9 "
	    "FROM changes");
	sql("UPDATE api_keys SET state = 'revoked', live_name = '!7' WHERE id = '7'");
	listing = true;
	p = (struct page){ .state = "seed", .name = "300", .id = "env" };
	next_keys(&p);
	wait_for(&p.calls);
	ck_assert_uint_eq(p.n, 299);		/* behind it: all that live */
	ck_assert_str_eq(p.name, "99");
	ck_assert_int_eq(seen[7], 0);
	ck_assert_int_eq(seen[300], 0);
	p = first(0, 0);
	ck_assert_uint_eq(p.n, 300);
	ck_assert_int_eq(seen[300], 1);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("pages");

	tcase_add_loop_test(tc, each_comes_once, 0, N(kinds) * N(spreads));
	tcase_add_loop_test(tc, what_moves_comes_at_the_end, 0, N(kinds));
	tcase_add_loop_test(tc, a_list_has_each_once, 0, N(kinds));
	tcase_add_test(tc, keys_by_name);
	return run_store("store pages", tc);
}
