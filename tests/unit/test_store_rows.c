/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "store/installs.h"
#include "store/keys.h"
#include "store/nonces.h"
#include "store/posts.h"

#include <signal.h>

/* ---- keys ---- */

static const struct key_row key_model = {
	.id = "k_1", .name = "claude", .hash = { 1, 0, 2 }, .workspaces = "T1,T2",
	.role = "write", .toolsets = "core", .channels_read = "C1,C2", .channels_write = "C1",
	.rate = "120/60", .slack_user = "U1", .made = 1700000000000, .expires = 1800000000000,
	.state = "live",
};

static struct told
add(const struct key_row *row)
{
	struct told t = { 0 };

	key_add(st, row, on_told, &t);
	ck_assert_int_eq(t.calls, 0);
	wait_for(&t.calls);
	return t;
}

static struct told
add_named(const char *id, const char *name)
{
	struct key_row row = key_model;

	row.id = id;
	row.name = name;
	return add(&row);
}

static struct told
end_key(const char *name)
{
	struct told t = { 0 };

	key_revoke(st, name, on_told, &t);
	wait_for(&t.calls);
	return t;
}

struct keys {
	int calls;
	size_t n;
	struct key_row row;		/* the last one, its texts copied */
	char id[64], name[64], state[16], all[256];
};

static void
on_keys(void *arg, const struct key_row *rows, size_t n, const struct err *err)
{
	struct keys *k = arg;

	ck_assert_ptr_null(err);
	k->calls++;
	k->n = n;
	if (n == 0)
		return;
	k->row = rows[n - 1];
	snprintf(k->id, sizeof(k->id), "%s", k->row.id);
	snprintf(k->name, sizeof(k->name), "%s", k->row.name);
	snprintf(k->state, sizeof(k->state), "%s", k->row.state);
	snprintf(k->all, sizeof(k->all), "%s|%s|%s|%s|%s|%s|%s", k->row.workspaces,
	    k->row.role, k->row.toolsets, k->row.channels_read, k->row.channels_write,
	    k->row.rate, k->row.slack_user);
}

static struct keys
since(int64_t n)
{
	struct keys k = { 0 };

	keys_since(st, n, on_keys, &k);
	ck_assert_int_eq(k.calls, 0);
	wait_for(&k.calls);
	return k;
}

START_TEST(key_is_added_once)
{
	int64_t n = changes_now();
	struct told t;
	struct keys k;

	ck_assert_int_eq(end_key("claude").kind, ERR_NOT_FOUND);
	ck_assert_int_eq(add(&key_model).kind, ERR_NONE);
	ck_assert_int_eq(changes_now(), n + 1);
	t = add_named("k_2", "claude");
	ck_assert_int_eq(t.kind, ERR_INPUT);
	ck_assert_msg(strstr(t.text, "claude") != NULL, "%s", t.text);
	ck_assert_int_eq(changes_now(), n + 1);
	k = since(n);
	ck_assert_uint_eq(k.n, 1);
	ck_assert_str_eq(k.id, "k_1");
	ck_assert_str_eq(k.name, "claude");
	ck_assert_str_eq(k.state, "live");
	ck_assert_str_eq(k.all, "T1,T2|write|core|C1,C2|C1|120/60|U1");
	ck_assert_int_eq(k.row.made, key_model.made);
	ck_assert_int_eq(k.row.expires, key_model.expires);
	ck_assert_int_eq(k.row.changed, n + 1);
	ck_assert_mem_eq(k.row.hash, key_model.hash, 32);
	ck_assert_uint_eq(since(n + 1).n, 0);
}
END_TEST

START_TEST(key_is_revoked_by_name_or_id)
{
	int64_t n;

	ck_assert_int_eq(add(&key_model).kind, ERR_NONE);
	ck_assert_int_eq(add_named("k_2", "k_1").kind, ERR_NONE);	/* named as the other's id */
	n = changes_now();
	ck_assert_int_eq(end_key("k_1").kind, ERR_NONE);
	ck_assert_str_eq(since(n).id, "k_2");
	ck_assert_str_eq(since(n).state, "revoked");
	ck_assert_str_eq(since(n).name, "k_1");
	ck_assert_int_eq(end_key("k_1").kind, ERR_NONE);
	ck_assert_str_eq(since(n + 1).id, "k_1");
	ck_assert_int_eq(end_key("k_1").kind, ERR_NOT_FOUND);
	ck_assert_int_eq(end_key("!k_1").kind, ERR_NOT_FOUND);
	ck_assert_int_eq(end_key("claude").kind, ERR_NOT_FOUND);
	ck_assert_int_eq(changes_now(), n + 2);
	/* the name is free again, the id is not */
	ck_assert_int_eq(add_named("k_3", "claude").kind, ERR_NONE);
	ck_assert_int_eq(add_named("k_1", "other").kind, ERR_INPUT);
}
END_TEST

START_TEST(keys_have_a_cap)
{
	char sql[700];
	struct told t;

	snprintf(sql, sizeof(sql), "INSERT INTO api_keys (id, name, live_name, hash, "
	    "workspaces, role, toolsets, channels_read, channels_write, rate, slack_user, made, "
	    "expires, state, ended, changed) " ROWS "SELECT i, i, i, 'h', '*', 'read', 'core', "
	    "'', '', '', '', 1, 0, 'live', 0, i FROM c WHERE i < %d", KEYS_MAX - 1);
	ck_assert_int_eq(ask(UNIT(DO(DDL, TEXT(sql)))).touched, KEYS_MAX - 1);
	ck_assert_int_eq(add(&key_model).kind, ERR_NONE);
	t = add_named("k_2", "one more");
	ck_assert_int_eq(t.kind, ERR_LIMIT);
	ck_assert_int_eq(end_key("claude").kind, ERR_NONE);
	ck_assert_int_eq(add_named("k_2", "one more").kind, ERR_NONE);
}
END_TEST

static void
see(unsigned char first, int64_t now)
{
	unsigned char hash[32] = { first };
	struct told t = { 0 };

	key_seen(st, hash, now, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(t.kind, ERR_NONE);
}

START_TEST(first_day_of_the_seed)
{
	struct keys k;

	see(7, 1000);
	see(7, 2000);
	k = since(0);
	ck_assert_uint_eq(k.n, 1);
	ck_assert_str_eq(k.id, "env");
	ck_assert_str_eq(k.state, "seed");
	ck_assert_int_eq(k.row.made, 1000);
	ck_assert_int_eq(k.row.hash[0], 7);
	see(8, 3000);
	k = since(0);
	ck_assert_uint_eq(k.n, 1);
	ck_assert_int_eq(k.row.made, 3000);
	ck_assert_int_eq(k.row.hash[0], 8);
	ck_assert_int_eq(end_key("env").kind, ERR_NOT_FOUND);
	ck_assert_uint_eq(ask(UNIT(DO(KEY_USABLE, INT(1)))).rows, 0);
}
END_TEST

/* ---- installs ---- */

static const struct install_row install_model = {
	.enterprise_id = "", .team_id = "T1", .app_id = "A1",
	.team_name = "Caf\303\251 <b>'\"", .team_url = "https://cafe.slack.com/",
	.key_id = "k1", .bot_token = "a\0b", .bot_token_len = 3, .refresh_token = NULL,
	.expires = 5, .scopes = "chat:write,channels:read", .bot_user_id = "U1",
	.bot_id = "B1", .installer = "U2", .made = 100, .updated = 100,
	.state = INSTALL_PENDING,
};

static struct told
put(const struct install_row *row)
{
	struct told t = { 0 };

	install_put(st, row, 5000, on_told, &t);
	ck_assert_int_eq(t.calls, 0);
	wait_for(&t.calls);
	return t;
}

static enum err_kind
set_state(const char *team, enum install_state from, enum install_state to)
{
	struct told t = { 0 };

	install_set_state(st, "", team, from, to, on_told, &t);
	wait_for(&t.calls);
	return t.kind;
}

struct installs {
	int calls;
	size_t n;
	struct install_row row;		/* the last one; texts below */
	char team[64], name[64], key_id[32], token[16], scopes[64], rest[128];
};

static void
on_installs(void *arg, const struct install_row *rows, size_t n, const struct err *err)
{
	struct installs *s = arg;

	ck_assert_ptr_null(err);
	s->calls++;
	s->n = n;
	if (n == 0)
		return;
	s->row = rows[n - 1];
	snprintf(s->team, sizeof(s->team), "%s", s->row.team_id);
	snprintf(s->name, sizeof(s->name), "%s", s->row.team_name);
	snprintf(s->key_id, sizeof(s->key_id), "%s", s->row.key_id);
	snprintf(s->scopes, sizeof(s->scopes), "%s", s->row.scopes);
	memcpy(s->token, s->row.bot_token, s->row.bot_token_len);
	snprintf(s->rest, sizeof(s->rest), "%s|%s|%s|%s|%s|%s", s->row.enterprise_id,
	    s->row.app_id, s->row.team_url, s->row.bot_user_id, s->row.bot_id,
	    s->row.installer);
}

static struct installs
installed_since(int64_t n)
{
	struct installs s = { 0 };

	installs_since(st, n, on_installs, &s);
	wait_for(&s.calls);
	return s;
}

START_TEST(install_comes_back)
{
	int64_t n = changes_now();
	struct installs s;

	ck_assert_int_eq(put(&install_model).kind, ERR_NONE);
	s = installed_since(n);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_str_eq(s.team, "T1");
	ck_assert_str_eq(s.name, install_model.team_name);
	ck_assert_str_eq(s.key_id, "k1");
	ck_assert_uint_eq(s.row.bot_token_len, 3);
	ck_assert_mem_eq(s.token, "a\0b", 3);
	ck_assert_uint_eq(s.row.refresh_token_len, 0);
	ck_assert_str_eq(s.scopes, "chat:write,channels:read");
	ck_assert_str_eq(s.rest, "|A1|https://cafe.slack.com/|U1|B1|U2");
	ck_assert_int_eq(s.row.expires, 5);
	ck_assert_int_eq(s.row.state, INSTALL_PENDING);
	ck_assert_int_eq(s.row.changed, n + 1);
	ck_assert_uint_eq(installed_since(n + 1).n, 0);
}
END_TEST

/* What a re-install leaves and what it takes, by the state that was there. */
static const struct {
	enum install_state was, given, becomes;
} reinstalls[] = {
	{ INSTALL_PENDING, INSTALL_PENDING, INSTALL_PENDING },
	{ INSTALL_PENDING, INSTALL_LIVE, INSTALL_LIVE },
	{ INSTALL_LIVE, INSTALL_PENDING, INSTALL_LIVE },
	{ INSTALL_DISABLED, INSTALL_LIVE, INSTALL_DISABLED },
	{ INSTALL_REVOKED, INSTALL_PENDING, INSTALL_PENDING },
	{ INSTALL_REVOKED, INSTALL_LIVE, INSTALL_LIVE },
};

START_TEST(install_again)
{
	struct install_row row = install_model;
	struct installs s;
	int64_t n;

	row.state = INSTALL_LIVE;
	if (reinstalls[_i].was == INSTALL_PENDING)
		row.state = INSTALL_PENDING;
	ck_assert_int_eq(put(&row).kind, ERR_NONE);
	if (reinstalls[_i].was != row.state)
		ck_assert_int_eq(set_state("T1", INSTALL_LIVE, reinstalls[_i].was), ERR_NONE);
	n = changes_now();
	row.made = row.updated = 900;
	row.bot_token = "new";
	row.team_name = "Renamed";
	row.state = reinstalls[_i].given;
	ck_assert_int_eq(put(&row).kind, ERR_NONE);
	s = installed_since(n);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_int_eq(s.row.state, reinstalls[_i].becomes);
	ck_assert_int_eq(s.row.made, 100);
	ck_assert_int_eq(s.row.updated, 900);
	ck_assert_mem_eq(s.token, "new", 3);
	ck_assert_str_eq(s.name, "Renamed");
	ck_assert_uint_eq(installed_since(0).n, 1);
}
END_TEST

static const struct {
	enum install_state from, to;
	enum err_kind kind;
} moves[] = {		/* one after the other; the row begins as pending */
	{ INSTALL_LIVE, INSTALL_DISABLED, ERR_NOT_FOUND },
	{ INSTALL_DISABLED, INSTALL_LIVE, ERR_NOT_FOUND },
	{ INSTALL_LIVE, INSTALL_REVOKED, ERR_NOT_FOUND },
	{ INSTALL_PENDING, INSTALL_LIVE, ERR_NONE },
	{ INSTALL_PENDING, INSTALL_LIVE, ERR_NOT_FOUND },
	{ INSTALL_LIVE, INSTALL_DISABLED, ERR_NONE },
	{ INSTALL_DISABLED, INSTALL_LIVE, ERR_NONE },
	{ INSTALL_LIVE, INSTALL_REVOKED, ERR_NONE },
	{ INSTALL_REVOKED, INSTALL_REVOKED, ERR_NONE },
	{ INSTALL_PENDING, INSTALL_LIVE, ERR_NOT_FOUND },
};

START_TEST(install_states)
{
	struct installs s;

	ck_assert_int_eq(set_state("T1", INSTALL_PENDING, INSTALL_LIVE), ERR_NOT_FOUND);
	ck_assert_int_eq(put(&install_model).kind, ERR_NONE);
	for (int i = 0; i < N(moves); i++) {
		int64_t n = changes_now();

		ck_assert_msg(set_state("T1", moves[i].from, moves[i].to) == moves[i].kind,
		    "row %d", i);
		ck_assert_int_eq(changes_now(), n + (moves[i].kind == ERR_NONE));
		if (moves[i].kind == ERR_NONE)
			ck_assert_int_eq(installed_since(n).row.state, moves[i].to);
	}
	s = installed_since(0);
	ck_assert_uint_eq(s.row.bot_token_len, 0);
	ck_assert_str_eq(s.key_id, "");
	ck_assert_int_eq(s.row.expires, 0);
	ck_assert_uint_eq(ask(UNIT(DO(INSTALLS_KEYS, TEXT("")))).rows, 0);
}
END_TEST

START_TEST(installs_are_told_apart)
{
	struct install_row row = install_model;

	ck_assert_int_eq(put(&row).kind, ERR_NONE);
	row.enterprise_id = "E1";
	ck_assert_int_eq(put(&row).kind, ERR_NONE);
	row.team_id = "";		/* org-wide */
	row.key_id = "k2";
	ck_assert_int_eq(put(&row).kind, ERR_NONE);
	ck_assert_uint_eq(installed_since(0).n, 3);
	ck_assert_str_eq(ask(UNIT(DO(INSTALLS_KEYS, TEXT("")))).text, "k1");
	ck_assert_str_eq(ask(UNIT(DO(INSTALLS_KEYS, TEXT("k1")))).text, "k2");
	ck_assert_uint_eq(ask(UNIT(DO(INSTALLS_KEYS, TEXT("k2")))).rows, 0);
}
END_TEST

START_TEST(what_is_cancelled_is_freed)
{
	struct installs s = { 0 };
	struct keys k = { 0 };

	store_cancel(installs_since(st, 0, on_installs, &s));
	store_cancel(keys_since(st, 0, on_keys, &k));
	install_put(st, &install_model, 5000, NULL, NULL);
	key_add(st, &key_model, NULL, NULL);
	ck_assert_int_eq(changes_now() > 0, 1);
	key_revoke(st, "claude", NULL, NULL);		/* under way when the store goes */
	close_store();
	ck_assert_int_eq(s.calls + k.calls, 0);
}
END_TEST

/* ---- nonces ---- */

static void
on_nonce(void *arg, bool first, const struct err *err)
{
	*(int *)arg = err != NULL ? 3 : first ? 1 : 2;
}

static int
use_nonce(const char *nonce)
{
	int64_t end = clock_ms() + 20000;
	int told = 0;

	nonce_use(st, nonce, 1000, on_nonce, &told);
	while (told == 0 && clock_ms() < end)
		event_base_loop(base, EVLOOP_ONCE);
	return told;
}

/* Eight processes want each of these at the same time: exactly one gets it. */
START_TEST(nonce_once_over_processes)
{
	enum { PROCESSES = 8, NONCES = 10 };
	int go[2], result[2], firsts[NONCES] = { 0 };
	char word[16], got[2];
	pid_t pids[PROCESSES];

	ck_assert_int_eq(use_nonce("before"), 1);
	ck_assert_int_eq(use_nonce("before"), 2);
	close_store();
	ck_assert_int_eq(pipe(go), 0);
	ck_assert_int_eq(pipe(result), 0);
	for (int i = 0; i < PROCESSES; i++) {
		if ((pids[i] = fork()) != 0)
			continue;
		open_store();
		if (read(go[0], word, 1) != 1)
			_exit(1);
		for (int n = 0; n < NONCES; n++) {
			snprintf(word, sizeof(word), "n%d", n);
			got[0] = (char)n;
			got[1] = (char)use_nonce(word);
			if (write(result[1], got, 2) != 2)
				_exit(1);
		}
		leave(0);
	}
	ck_assert_int_eq(write(go[1], "12345678", PROCESSES), PROCESSES);
	for (int i = 0; i < PROCESSES * NONCES; i++) {
		ck_assert_int_eq(read(result[0], got, 2), 2);
		ck_assert_int_ne(got[1], 3);
		firsts[(int)got[0]] += got[1] == 1;
	}
	for (int i = 0; i < PROCESSES; i++)
		waitpid(pids[i], NULL, 0);
	for (int n = 0; n < NONCES; n++)
		ck_assert_int_eq(firsts[n], 1);
	open_store();
	ck_assert_int_eq(use_nonce("before"), 2);
}
END_TEST

/* ---- the ledger ---- */

static const struct {
	const char *key;
	unsigned char digest;
	int minute;
	enum post_word word;
	const char *text;	/* that comes back */
	const char *owner;
	enum post_state end;	/* what is recorded then; SENDING: nothing */
	const char *end_text;
} posts[] = {
	{ "a", 1, 0, POST_GO, "", "w1", POST_IS_POSTED, "1.2" },
	{ "a", 1, 1, POST_POSTED, "1.2", "w1", POST_IS_SENDING, "" },
	{ "a", 2, 1, POST_OTHER, "1.2", "w1", POST_IS_SENDING, "" },
	{ "A", 1, 1, POST_GO, "", "w1", POST_IS_SENDING, "" },		/* still being sent */
	{ "A", 1, 1, POST_OPEN, "", "w2", POST_IS_POSTED, "9.9" },	/* not this one's to say */
	{ "A", 1, 1, POST_OPEN, "", "w1", POST_IS_UNKNOWN, "" },
	{ "A", 1, 2, POST_OPEN, "", "w1", POST_IS_POSTED, "9.9" },	/* too late: it is settled */
	{ "A", 1, 2, POST_OPEN, "", "w1", POST_IS_SENDING, "" },
	{ "b", 1, 2, POST_GO, "", "w1", POST_IS_REFUSED, "not_in_channel" },
	{ "b", 1, 3, POST_REFUSED, "not_in_channel", "w1", POST_IS_SENDING, "" },
	{ "a", 1, 10, POST_POSTED, "1.2", "w1", POST_IS_SENDING, "" },
	{ "a", 1, 11, POST_GO, "", "w1", POST_IS_POSTED, "2.2" },	/* a new call by now */
	{ "a", 1, 12, POST_POSTED, "2.2", "w1", POST_IS_SENDING, "" },
	{ "a", 2, 30, POST_GO, "", "w1", POST_IS_SENDING, "" },
	{ "A", 1, 30, POST_GO, "", "w3", POST_IS_SENDING, "" },		/* the unclear one as well */
	/* nothing was sent: as if it had not been, but for another call */
	{ "c", 1, 31, POST_GO, "", "w1", POST_IS_UNSENT, "" },
	{ "c", 2, 31, POST_OTHER, "", "w1", POST_IS_SENDING, "" },
	{ "c", 1, 31, POST_GO, "", "w1", POST_IS_UNSENT, "" },
	{ "c", 1, 32, POST_GO, "", "w1", POST_IS_SENDING, "" },
	{ "c", 1, 31, POST_OPEN, "", "w1", POST_IS_UNSENT, "" },	/* an earlier attempt's end, once more */
	{ "c", 1, 33, POST_OPEN, "", "w1", POST_IS_SENDING, "" },
};

struct posted {
	int calls;
	enum post_word word;
	enum err_kind kind;
	char text[64];
};

static void
on_post(void *arg, enum post_word word, const struct post_was *was,
    const struct err *err)
{
	struct posted *t = arg;

	t->calls++;
	t->word = word;
	t->kind = err != NULL ? err->kind : ERR_NONE;
	snprintf(t->text, sizeof(t->text), "%s", was->text);
}

static struct posted
begin(struct post_id *id, int64_t now)
{
	struct posted t = { 0 };

	id->made = now;
	post_begin(st, id, 5000, on_post, &t);
	ck_assert_int_eq(t.calls, 0);
	wait_for(&t.calls);
	return t;
}

START_TEST(ledger_answers_repeats)
{
	board();
	for (int i = 0; i < N(posts); i++) {
		struct post_id id = { .principal = "p", .key = posts[i].key,
			.owner = posts[i].owner, .digest = { posts[i].digest }, .team = "T1",
			.channel = "C1", .tool = "slack_post_message" };
		struct posted t = begin(&id, 60000 * (int64_t)posts[i].minute);

		ck_assert_int_eq(t.kind, ERR_NONE);
		ck_assert_msg(t.word == posts[i].word && strcmp(t.text, posts[i].text) == 0,
		    "row %d: %d \"%s\"", i, (int)t.word, t.text);
		if (posts[i].end != POST_IS_SENDING)
			post_end(st, &id, posts[i].end, "C9", posts[i].end_text, 5000);
		settle();
		id.principal = "q";		/* nobody else's business */
		id.key = posts[i].key;
		if (i == 1)
			ck_assert_int_eq(begin(&id, 60000).word, POST_GO);
	}
	/* the old rows are there, as proof of ownership */
	ck_assert_int_eq(ask(UNIT(DO(DDL, TEXT("UPDATE posts SET team = 'T1' WHERE "
	    "principal = 'p' AND channel = 'C9' AND answer <> ''")))).touched, 3);
}
END_TEST

struct beside {
	int calls;
	bool own, none;
	size_t twins;
	const struct post_id *id;
	int64_t since;			/* of the twins, too */
};

static void
on_beside(void *arg, const struct answer *a, const struct err *err)
{
	struct beside *t = arg;

	ck_assert_ptr_null(err);
	t->calls++;
	t->own = posts_own(a, "1.2");
	t->none = posts_own(a, "");
	t->twins = posts_twins(a, t->id, t->since);
}

static struct beside
look_beside(const struct post_id *id, int64_t since)
{
	struct beside t = { .id = id, .since = since };

	posts_beside(st, id, since, 5000, on_beside, &t);
	wait_for(&t.calls);
	return t;
}

/* What a lookup asks, and what it tells the row. */
START_TEST(ledger_is_told_by_a_lookup)
{
	struct post_id a = { .principal = "p", .key = "a", .owner = "w1", .digest = { 1 },
		.team = "T1", .channel = "C1" }, b = a, other = a;
	struct beside t;

	board();
	b.key = "b";
	other.key = "c";
	other.channel = "C2";
	begin(&a, 1000);
	begin(&b, 2000);
	begin(&other, 2000);
	t = look_beside(&b, 0);
	ck_assert(t.twins == 1 && !t.own && !t.none);
	ck_assert_uint_eq(look_beside(&b, 1001).twins, 0);	/* older than that */
	a.made = 999;
	post_found(st, &a, "1.2", 5000);		/* an earlier one's, retired since */
	settle();
	ck_assert_int_eq(begin(&a, 3000).word, POST_OPEN);
	a.made = 1000;
	post_end(st, &a, POST_IS_UNKNOWN, "C1", "", 5000);
	settle();
	ck_assert_uint_eq(look_beside(&b, 0).twins, 1);
	a.made = 1000;
	post_found(st, &a, "1.2", 5000);
	settle();
	t = look_beside(&b, 0);
	ck_assert(t.twins == 0 && t.own);
	ck_assert(!look_beside(&a, 0).own);			/* its own */
	ck_assert(!look_beside(&other, 0).own);
	a.made = 1000;
	post_found(st, &a, "3.4", 5000);			/* it is settled */
	settle();
	ck_assert_str_eq(begin(&a, 3000).text, "1.2");
}
END_TEST

START_TEST(ledger_takes_long_keys)
{
	struct post_id id = { .principal = "p", .owner = "w", .team = "T1", .channel = "C1" };
	char key[2000];

	memset(key, 'x', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	id.key = key;
	board();
	ck_assert_int_eq(begin(&id, 0).word, POST_GO);
	post_end(st, &id, POST_IS_POSTED, "C1", "3.4", 5000);
	settle();
	ck_assert_str_eq(begin(&id, 1).text, "3.4");
	key[1998] = 'y';
	ck_assert_int_eq(begin(&id, 2).word, POST_GO);
	for (int w = POST_POSTED; w <= POST_OTHER; w++)
		ck_assert_int_gt((int)strlen(post_text((enum post_word)w)), 10);
}
END_TEST

/* Equal calls at the same time, in as many processes: one may go. */
START_TEST(ledger_lets_one_go)
{
	enum { PROCESSES = 6 };
	int result[2], go = 0;
	pid_t pids[PROCESSES];
	char word;

	/* one of them is old, so that they race for retiring it as well */
	begin(&(struct post_id){ .principal = "p", .key = "k", .owner = "w", .team = "T1",
	    .channel = "C1" }, 0);
	close_store();
	ck_assert_int_eq(pipe(result), 0);
	for (int i = 0; i < PROCESSES; i++) {
		struct post_id id = { .principal = "p", .key = "k", .owner = "w", .team = "T1",
			.channel = "C1" };

		if ((pids[i] = fork()) != 0)
			continue;
		open_store();
		word = (char)begin(&id, 3600000).word;
		leave(write(result[1], &word, 1) == 1 ? 0 : 1);
	}
	for (int i = 0; i < PROCESSES; i++) {
		ck_assert_int_eq(read(result[0], &word, 1), 1);
		ck_assert(word == POST_GO || word == POST_OPEN);
		go += word == POST_GO;
	}
	for (int i = 0; i < PROCESSES; i++)
		waitpid(pids[i], NULL, 0);
	ck_assert_int_eq(go, 1);
	open_store();
}
END_TEST

START_TEST(ledger_away_means_do_not_send)
{
	struct post_id id = { .principal = "p", .key = "k", .owner = "w", .team = "T1",
		.channel = "C1" };
	struct posted t = { 0 };

	post_cancel(post_begin(st, &id, 5000, on_post, &t));
	changes_now();
	ck_assert_int_eq(t.calls, 0);
	ck_assert_int_eq(begin(&id, 0).word, POST_GO);	/* what was not begun is not done */
	if (conf.path == NULL)
		return;
	close_store();
	unlink(conf.path);
	conf.create = false;
	open_store();
	ck_assert_int_eq(begin(&id, 1).kind, ERR_UPSTREAM);
	post_end(st, &id, POST_IS_POSTED, "C1", "1.2", 60000);	/* goes on trying, and is freed */
	event_base_loop(base, EVLOOP_ONCE);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("rows");

	tcase_add_test(tc, key_is_added_once);
	tcase_add_test(tc, key_is_revoked_by_name_or_id);
	tcase_add_test(tc, keys_have_a_cap);
	tcase_add_test(tc, first_day_of_the_seed);
	tcase_add_test(tc, install_comes_back);
	tcase_add_loop_test(tc, install_again, 0, N(reinstalls));
	tcase_add_test(tc, install_states);
	tcase_add_test(tc, installs_are_told_apart);
	tcase_add_test(tc, what_is_cancelled_is_freed);
	tcase_add_test(tc, nonce_once_over_processes);
	tcase_add_test(tc, ledger_answers_repeats);
	tcase_add_test(tc, ledger_is_told_by_a_lookup);
	tcase_add_test(tc, ledger_takes_long_keys);
	tcase_add_test(tc, ledger_lets_one_go);
	tcase_add_test(tc, ledger_away_means_do_not_send);
	return run_store("store rows", tc);
}
