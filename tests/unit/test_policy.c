/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/policy.h"
#include "tools/principals.h"

#include "base/clock.h"
#include "base/mem.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N(a)	((int)(sizeof(a) / sizeof((a)[0])))

/* The options of `key add`. */

#define WORDS	8

static struct {
	char *argv[WORDS];
	int argc;
	struct key_row row;
	struct buf warning;
	struct err err;
} t;

static int
parse(const char *line)
{
	char *copy = mem_str(line), *save = NULL;

	t.argc = 0;
	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	    w = strtok_r(NULL, " ", &save))
		t.argv[t.argc++] = mem_str(w);
	free(copy);
	return policy_parse(t.argc, t.argv, &t.row, &t.warning, &t.err);
}

static void
forget(void)
{
	for (int i = 0; i < t.argc; i++)
		free(t.argv[i]);
	buf_wipe(&t.warning);
	memset(&t, 0, sizeof(t));
}

static const struct {
	const char *line, *error;
} wrong[] = {
	{ "", "is no name" },
	{ "a/b", "is no name" },
	{ "-x", "is no name" },
	{ "env", "belongs to the key of the environment" },
	{ "bot --workspace T1", "is it --workspaces?" },
	{ "bot --workspaces", "needs a value" },
	{ "bot --workspaces C1", "\"C1\" is no workspace id" },
	{ "bot --workspaces T1,t2", "\"t2\" is no workspace id" },
	{ "bot --workspaces T1 --workspaces T2", "given twice" },
	{ "bot --role owner", "none of read, write, admin" },
	{ "bot --toolsets cores", "--toolsets has \"cores\" in it, which there is not, perhaps core" },
	{ "bot --toolsets people,xyzzy", "write some of core, channels, people, posting" },
	{ "bot --toolsets=", "--toolsets names nothing" },
	{ "bot --read general", "\"general\" is no channel id" },
	{ "bot --read U1", "\"U1\" is no channel id" },
	{ "bot --write=", "at least one channel" },
	{ "bot --rate often", "is no rate" },
	{ "bot --expires 0", "is no time from now" },
	{ "bot --expires soon", "is no time from now" },
	{ "bot --expires -1", "is no time from now" },
};

START_TEST(refuses)
{
	ck_assert_int_eq(parse(wrong[_i].line), -1);
	ck_assert_msg(strstr(t.err.text, wrong[_i].error) != NULL, "%s: %s", wrong[_i].line,
	    t.err.text);
	forget();
}
END_TEST

static const struct {
	const char *line;
	const char *workspaces, *role, *read, *write, *rate, *warning;
} right[] = {
	{ "bot", "", "read", "", "", "", "reaches no workspace yet" },
	{ "bot --workspaces T1,,T2,T1", "T1,T2", "read", "", "", "", "" },
	{ "bot --workspaces * --role write", "*", "write", "", "", "", "" },
	{ "bot --workspaces=E1 --role=admin --write=C1,G2,D3 --rate 5/2", "E1", "admin", "",
	  "C1,G2,D3", "5/2", "" },
	{ "bot --workspaces T1 --role write --read C1", "T1", "write", "C1", "", "",
	  "write to every channel" },
	{ "bot --workspaces T1 --write C1", "T1", "read", "", "C1", "", "no effect" },
};

START_TEST(takes)
{
	ck_assert_msg(parse(right[_i].line) == 0, "%s", t.err.text);
	ck_assert_str_eq(t.row.name, "bot");
	ck_assert_str_eq(t.row.workspaces, right[_i].workspaces);
	ck_assert_str_eq(t.row.role, right[_i].role);
	ck_assert_str_eq(t.row.toolsets, TOOLSETS_DEFAULT);
	ck_assert_str_eq(t.row.channels_read, right[_i].read);
	ck_assert_str_eq(t.row.channels_write, right[_i].write);
	ck_assert_str_eq(t.row.rate, right[_i].rate);
	ck_assert_str_eq(t.row.state, "live");
	ck_assert_int_eq(t.row.expires, 0);
	if (right[_i].warning[0] == '\0')
		ck_assert_uint_eq(t.warning.len, 0);
	else
		ck_assert_ptr_nonnull(strstr(t.warning.p, right[_i].warning));
	forget();
}
END_TEST

START_TEST(expires)
{
	int64_t before = clock_wall_ms();

	ck_assert_int_eq(parse("bot --expires 7d"), 0);
	ck_assert_int_ge(t.row.expires, before + 7 * 86400000LL);
	ck_assert_int_le(t.row.expires, clock_wall_ms() + 7 * 86400000LL);
	forget();
}
END_TEST

/* What a key may. */

static struct key_row
row_of(const char *id, const char *workspaces, const char *role)
{
	return (struct key_row){ .id = id, .name = id, .workspaces = workspaces,
	    .role = role, .toolsets = "core", .channels_read = "", .channels_write = "",
	    .rate = "", .slack_user = "", .state = "live" };
}

static const struct {
	const char *workspaces, *role, *read, *write;
	const char *team, *channel;
	bool team_ok, read_ok, write_ok;
	const char *org;
} reach[] = {
	/* nothing, by default */
	{ "", "admin", "", "", "T1", "C1", false, false, false, "" },
	{ "T1", "admin", "", "", "T2", "C1", false, false, false, "" },
	{ "T1", "admin", "", "", "T", "C1", false, false, false, "" },
	{ "T11", "admin", "", "", "T1", "C1", false, false, false, "" },
	{ "T1", "admin", "", "", "", "C1", false, false, false, "" },
	{ "*", "admin", "", "", "", "C1", false, false, false, "" },
	{ "T1", "read", "", "", "T1", "", true, false, false, "" },
	/* a role that reads never writes */
	{ "T1", "read", "", "", "T1", "C1", true, true, false, "" },
	{ "T1", "read", "", "C1", "T1", "C1", true, true, false, "" },
	/* lists of channels */
	{ "T1", "write", "C2", "", "T1", "C1", true, false, true, "" },
	{ "T1", "write", "", "C2", "T1", "C1", true, true, false, "" },
	{ "T1", "write", "C2", "C1", "T1", "C1", true, false, true, "" },
	{ "T1", "write", "C1,C2", "C1,C2", "T1", "C2", true, true, true, "" },
	{ "T2", "write", "C1", "C1", "T1", "C1", false, false, false, "" },
	{ "*", "write", "", "", "T9", "C9", true, true, true, "" },
	{ "*", "write", "*", "*", "T9", "C9", true, false, false, "" },
	/* an organisation: E… is all of its workspaces, T… that one */
	{ "E1", "write", "", "", "T1", "C1", true, true, true, "E1" },
	{ "E1", "write", "", "", "T1", "C1", false, false, false, "E2" },
	{ "E1", "write", "", "", "T1", "C1", false, false, false, "" },
	{ "E1", "read", "C1", "", "T1", "C2", true, false, false, "E1" },
	{ "T1", "write", "", "", "T1", "C1", true, true, true, "E1" },
	{ "T1", "write", "", "", "T2", "C1", false, false, false, "E1" },
	{ "T1,E2", "write", "", "", "T2", "C1", true, true, true, "E2" },
	{ "*", "write", "", "", "T1", "C1", true, true, true, "E1" },
	{ "E1", "write", "", "", "", "C1", false, false, false, "E1" },
	{ "", "admin", "", "", "T1", "C1", false, false, false, "E1" },
	{ "E11", "admin", "", "", "T1", "C1", false, false, false, "E1" },
};

START_TEST(reaches)
{
	struct key_row row = row_of("k_1", reach[_i].workspaces, reach[_i].role);
	struct policy *p;

	row.channels_read = reach[_i].read;
	row.channels_write = reach[_i].write;
	p = policy_from_row(&row);
	ck_assert_int_eq(policy_team(p, reach[_i].org, reach[_i].team), reach[_i].team_ok);
	ck_assert_int_eq(policy_channel(p, reach[_i].org, reach[_i].team, reach[_i].channel, false),
	    reach[_i].read_ok);
	ck_assert_int_eq(policy_channel(p, reach[_i].org, reach[_i].team, reach[_i].channel, true),
	    reach[_i].write_ok);
	policy_drop(p);
}
END_TEST

START_TEST(uses_tools)
{
	static char core[] = "core";
	struct conf conf = { .toolsets = core };
	struct key_row row = row_of("k_1", "T1", "write");
	struct policy *p = policy_from_row(&row);

	ck_assert(!policy_tool(NULL, &conf, ROLE_READ, "core"));
	ck_assert(!policy_tool(p, &conf, ROLE_ADMIN, "core"));
	ck_assert(policy_tool(p, &conf, ROLE_READ, "core"));
	ck_assert(policy_tool(p, &conf, ROLE_WRITE, "core"));
	policy_drop(p);
	row.role = "emperor";
	ck_assert_ptr_null(policy_from_row(&row));
	p = policy_seed();
	ck_assert(policy_tool(p, &conf, ROLE_ADMIN, "core"));
	ck_assert(!policy_tool(p, &conf, ROLE_READ, "files"));
	ck_assert(policy_channel(p, "", "T1", "C1", true));
	policy_drop(p);
}
END_TEST

/* What the key has, what is offered, whose the tool is: is it there? */
static const struct {
	const char *key;
	char conf[24];
	const char *tool;
	bool there;
} sets[] = {
	{ "core", "core", "core", true },
	{ "core", "core", "core,people", true },
	{ "core", "core", "files", false },
	{ "core", "core,files", "files", false },
	{ "files", "core", "files", false },
	{ "files", "core,files", "files", true },
	{ "core,files", "files", "files", true },
	{ "people", "core", "core,people", true },
	{ "core", "people", "core,people", true },
	{ "core", "people", "core,channels", false },
	{ "people", "channels", "core,people", false },
	{ "people", "channels", "core,people,channels", true },
	{ "*", "people", "core,people", true },
	{ "*", "people", "core,channels", false },
	{ "", "core", "core", false },
	{ "core", "", "core", false },
	{ "cor", "core", "core", false },
};

START_TEST(has_toolsets)
{
	struct key_row row = row_of("k_1", "T1", "read");
	char offered[24];
	struct conf conf = { .toolsets = offered };
	struct policy *p;

	snprintf(offered, sizeof(offered), "%s", sets[_i].conf);
	row.toolsets = sets[_i].key;
	p = policy_from_row(&row);
	ck_assert(policy_offers(p, &conf, sets[_i].tool) == sets[_i].there);
	ck_assert(policy_tool(p, &conf, ROLE_READ, sets[_i].tool) == sets[_i].there);
	ck_assert(!policy_tool(p, &conf, ROLE_WRITE, sets[_i].tool));
	policy_drop(p);
}
END_TEST

static const struct {
	const char *key;
	char conf[24];
	bool warned;
} offers[] = {
	{ "people", "channels", true },
	{ "people,posting", "channels", true },
	{ "people", "channels,people", false },
	{ "people", "core", false },
	{ "core", "channels", false },
	{ "*", "channels", false },
};

START_TEST(warns_of_offer)
{
	struct key_row row = row_of("k_1", "T1", "read");
	struct buf warning = { 0 };
	char offered[24];
	struct conf conf = { .toolsets = offered };

	snprintf(offered, sizeof(offered), "%s", offers[_i].conf);
	row.toolsets = offers[_i].key;
	policy_warn_offer(&row, &conf, &warning);
	ck_assert((warning.len > 0) == offers[_i].warned);
	buf_wipe(&warning);
}
END_TEST

/* The keys in a worker, over a store that the test plays. */

static struct {
	struct event_base *base;
	struct conf conf;
	struct principals *p;
	struct key_row rows[4];
	size_t n;
	int64_t since;
	size_t next;			/* the row that comes */
	int asked, woken;
	bool away;
	keys_fn *done;
	void *arg;
} s;

static struct unit *
asked(keys_fn *done, void *arg)
{
	ck_assert_ptr_null(s.done);
	s.asked++;
	s.done = done;
	s.arg = arg;
	return (struct unit *)&s;
}

struct unit *
keys_since(struct store *st, int64_t since, keys_fn *done, void *arg)
{
	(void)st;
	s.since = since;
	s.next = 0;
	while (s.next < s.n && s.rows[s.next].changed <= since)
		s.next++;
	return asked(done, arg);
}

struct unit *
keys_next(struct store *st, const struct key_row *last, keys_fn *done, void *arg)
{
	(void)st;
	s.next = 0;
	while (strcmp(s.rows[s.next++].id, last->id) != 0)
		ck_assert_uint_lt(s.next, s.n);
	return asked(done, arg);
}

void
store_cancel(struct unit *u)
{
	ck_assert_ptr_eq(u, &s);
	s.done = NULL;
}

/* Answers with what changed, a row at a time, until all is told. */
static void
answer(void)
{
	static const struct err away = { ERR_UPSTREAM, "the store is away" };

	while (s.done != NULL) {
		keys_fn *done = s.done;

		s.done = NULL;
		if (s.away)
			done(s.arg, NULL, 0, &away);
		else
			done(s.arg, s.rows + s.next, s.next < s.n ? 1 : 0, NULL);
	}
}

static void
setup(void)
{
	memset(&s, 0, sizeof(s));
	log_quiet();
	s.base = event_base_new();
	s.conf.key_grace = 3600000;
	secret_set(&s.conf.api_key, "the key of the environment, 32 or more");
	s.p = principals_new(NULL, s.base, &s.conf);
}

static void
teardown(void)
{
	principals_free(s.p);
	secret_wipe(&s.conf.api_key);
	event_base_free(s.base);
}

static struct policy *
find(const char *key, bool *maybe)
{
	return principals_find(s.p, key, strlen(key), maybe);
}

static void
on_woken(void *arg)
{
	(void)arg;
	s.woken++;
}

START_TEST(finds_keys)
{
	char key[2][KEY_TEXT_SIZE], id[2][PRINCIPAL_SIZE];
	bool maybe;

	ck_assert_ptr_null(find("", &maybe));
	ck_assert_ptr_null(find("wrong", &maybe));
	ck_assert(!maybe);
	ck_assert(find("the key of the environment, 32 or more", &maybe)->seed);

	for (int i = 0; i < 2; i++) {
		s.rows[i] = row_of("", "T1", "read");
		principals_new_key(key[i], &s.rows[i], id[i]);
		s.rows[i].changed = i + 1;
	}
	s.n = 2;
	ck_assert_ptr_null(find(key[0], &maybe));
	ck_assert(maybe);
	principals_refresh(s.p, false);
	ck_assert(!principals_loaded(s.p));
	answer();
	ck_assert(principals_loaded(s.p));
	ck_assert_str_eq(find(key[0], &maybe)->principal, id[0]);
	ck_assert_str_eq(find(key[1], &maybe)->principal, id[1]);

	/* revoked, and expired */
	s.rows[0].state = "revoked";
	s.rows[0].changed = 3;
	s.rows[1].expires = 1;
	s.rows[1].changed = 4;
	principals_refresh(s.p, false);
	ck_assert_int_eq(s.since, 2);
	answer();
	ck_assert_ptr_null(find(key[0], &maybe));
	ck_assert(maybe);
	ck_assert_ptr_null(find(key[1], &maybe));
	ck_assert(!maybe);
}
END_TEST

/* One unit changed them all. */
START_TEST(finds_all_of_a_number)
{
	char key[N(s.rows)][KEY_TEXT_SIZE], id[N(s.rows)][PRINCIPAL_SIZE];
	bool maybe;

	for (int i = 0; i < N(s.rows); i++) {
		s.rows[i] = row_of("", "T1", "read");
		principals_new_key(key[i], &s.rows[i], id[i]);
		s.rows[i].changed = 7;
	}
	s.n = N(s.rows);
	principals_refresh(s.p, false);
	answer();
	for (int i = 0; i < N(s.rows); i++)
		ck_assert_ptr_nonnull(find(key[i], &maybe));
	principals_refresh(s.p, false);
	ck_assert_int_eq(s.since, 7);
	answer();
}
END_TEST

/* A policy outlives the change of its key for as long as a request holds it. */
START_TEST(holds_policy)
{
	char key[KEY_TEXT_SIZE], id[PRINCIPAL_SIZE];
	struct policy *p;
	bool maybe;

	s.rows[0] = row_of("", "T1", "read");
	principals_new_key(key, &s.rows[0], id);
	s.rows[0].changed = 1;
	s.n = 1;
	principals_refresh(s.p, false);
	answer();
	p = policy_hold(find(key, &maybe));
	s.rows[0].state = "revoked";
	s.rows[0].changed = 2;
	principals_refresh(s.p, false);
	answer();
	ck_assert_ptr_null(find(key, &maybe));
	ck_assert(policy_team(p, "", "T1"));
	policy_drop(p);
}
END_TEST

/* A backup was played back: what it does not hold is no key any more, and what it
 * holds is read although its numbers are old. */
START_TEST(begins_anew)
{
	char keys[2][KEY_TEXT_SIZE], ids[2][PRINCIPAL_SIZE];
	bool maybe;

	for (int i = 0; i < 2; i++) {
		s.rows[i] = row_of("", "T1", "read");
		principals_new_key(keys[i], &s.rows[i], ids[i]);
		s.rows[i].changed = 8 + i;
	}
	s.n = 1;
	principals_refresh(s.p, false);
	answer();
	ck_assert_ptr_nonnull(find(keys[0], &maybe));
	s.rows[0] = s.rows[1];
	s.rows[0].changed = 3;
	principals_refresh(s.p, false);
	s.away = true;
	principals_refresh(s.p, true);
	answer();
	ck_assert(!principals_current(s.p));
	ck_assert_ptr_nonnull(find(keys[0], &maybe));
	s.away = false;
	principals_refresh(s.p, false);		/* the one that failed is owed */
	answer();
	ck_assert(principals_current(s.p));
	ck_assert_ptr_null(find(keys[0], &maybe));
	ck_assert_ptr_nonnull(find(keys[1], &maybe));
	s.n = 0;
	principals_refresh(s.p, true);
	answer();
	ck_assert_ptr_null(find(keys[1], &maybe));
}
END_TEST

START_TEST(waits_for_unknown)
{
	struct principals_wait *w;

	/* one that joins a reading under way is served by the next one */
	principals_refresh(s.p, false);
	w = principals_ask(s.p, on_woken, NULL);
	ck_assert_ptr_nonnull(w);
	ck_assert_int_eq(s.woken, 0);
	answer();
	while (s.woken == 0) {
		event_base_loop(s.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		answer();
	}
	ck_assert_int_eq(s.woken, 1);

	/* a store that is away holds nobody */
	s.away = true;
	ck_assert_ptr_nonnull(principals_ask(s.p, on_woken, NULL));
	while (s.woken == 1) {
		event_base_loop(s.base, EVLOOP_ONCE);
		answer();
	}
	w = principals_ask(s.p, on_woken, NULL);
	principals_cancel(w);
	answer();
	ck_assert_int_eq(s.woken, 2);
}
END_TEST

/* Whoever comes then is told to come again. */
START_TEST(waits_full)
{
	struct principals_wait *w = NULL, *last = NULL;
	size_t n = 0;

	while ((w = principals_ask(s.p, on_woken, NULL)) != NULL) {
		last = w;
		ck_assert_uint_le(++n, 1024);
	}
	ck_assert_uint_eq(n, 1024);
	principals_cancel(last);
	ck_assert_ptr_nonnull(principals_ask(s.p, on_woken, NULL));
	ck_assert_ptr_null(principals_ask(s.p, on_woken, NULL));
}
END_TEST

START_TEST(ends_after_grace)
{
	char key[KEY_TEXT_SIZE], id[PRINCIPAL_SIZE];
	bool maybe;

	s.rows[0] = row_of("", "T1", "read");
	principals_new_key(key, &s.rows[0], id);
	s.rows[0].changed = 1;
	s.n = 1;
	principals_refresh(s.p, false);
	answer();
	s.conf.key_grace = -1;		/* the floor of 3 s holds */
	ck_assert_ptr_nonnull(find(key, &maybe));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy");
	TCase *options = tcase_create("options");
	TCase *rights = tcase_create("rights");
	TCase *keys = tcase_create("keys");

	tcase_add_loop_test(options, refuses, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_loop_test(options, takes, 0, sizeof(right) / sizeof(right[0]));
	tcase_add_test(options, expires);
	suite_add_tcase(suite, options);
	tcase_add_loop_test(rights, reaches, 0, sizeof(reach) / sizeof(reach[0]));
	tcase_add_test(rights, uses_tools);
	tcase_add_loop_test(rights, has_toolsets, 0, sizeof(sets) / sizeof(sets[0]));
	tcase_add_loop_test(rights, warns_of_offer, 0, sizeof(offers) / sizeof(offers[0]));
	suite_add_tcase(suite, rights);
	tcase_add_checked_fixture(keys, setup, teardown);
	tcase_add_test(keys, finds_keys);
	tcase_add_test(keys, finds_all_of_a_number);
	tcase_add_test(keys, holds_policy);
	tcase_add_test(keys, begins_anew);
	tcase_add_test(keys, waits_for_unknown);
	tcase_add_test(keys, waits_full);
	tcase_add_test(keys, ends_after_grace);
	suite_add_tcase(suite, keys);
	return run_suite(suite);
}
