/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "admin/command.h"
#include "admin/health.h"
#include "admin/jobs.h"
#include "admin/table.h"
#include "base/clock.h"
#include "shm/board.h"
#include "run.h"

#include <check.h>
#include <json.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *line;
	enum command_level asker;
	int id;			/* -1: refused */
	int argc;
	const char *text;	/* in the error, or the last argument */
} lines[] = {
	{ "", LEVEL_ADMIN, -1, 0, "help" },
	{ "shwo info", LEVEL_ADMIN, -1, 0, "show info" },
	{ "key", LEVEL_ADMIN, -1, 0, "unknown command \"key\"; try \"help\"" },
	{ "show", LEVEL_VIEW, -1, 0, "unknown command \"show\"; try \"help\"" },
	{ "key add", LEVEL_ADMIN, -1, 0, "usage: key add <name>" },
	{ "key revoke a b", LEVEL_ADMIN, -1, 0, "usage: key revoke" },
	{ "key add x", LEVEL_VIEW, -1, 0, "not permitted" },
	{ "stop", LEVEL_VIEW, -1, 0, "not permitted" },
	{ "key add 'x", LEVEL_ADMIN, -1, 0, "has no end" },
	{ "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9",
	  LEVEL_ADMIN, -1, 0, "words" },
	{ "show info", LEVEL_VIEW, CMD_SHOW_INFO, 0, "" },
	{ "  show\tinfo \r\n", LEVEL_VIEW, CMD_SHOW_INFO, 0, "" },
	{ "--json show info", LEVEL_VIEW, CMD_SHOW_INFO, 0, "" },
	{ "key add x --role read", LEVEL_ADMIN, CMD_KEY_ADD, 3, "read" },
	{ "key add 'two words'", LEVEL_ADMIN, CMD_KEY_ADD, 1, "two words" },
	{ "install approve \"T1\"", LEVEL_ADMIN, CMD_INSTALL_APPROVE, 1, "T1" },
};

START_TEST(test_parse)
{
	char line[256];
	struct request req;
	struct err err;
	int rc;

	snprintf(line, sizeof(line), "%s", lines[_i].line);
	rc = command_parse(line, lines[_i].asker, &req, &err);
	if (lines[_i].id == -1) {
		ck_assert_int_eq(rc, -1);
		ck_assert_msg(strstr(err.text, lines[_i].text) != NULL, "%s", err.text);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_int_eq(req.id, lines[_i].id);
	ck_assert_int_eq(req.argc, lines[_i].argc);
	ck_assert_int_eq(req.json, strncmp(lines[_i].line, "--json", 6) == 0);
	if (req.argc > 0)
		ck_assert_str_eq(req.argv[req.argc - 1], lines[_i].text);
}
END_TEST

/* Whoever only sees changes nothing: every row that writes says so. */
START_TEST(test_levels)
{
	static const char *const writes[] = { "add", "revoke", "approve", "disable",
		"enable", "reload", "stop" };

	for (int i = 0; i < CMD_COUNT; i++)
		for (size_t w = 0; w < sizeof(writes) / sizeof(writes[0]); w++)
			if (strstr(commands[i].words, writes[w]) != NULL)
				ck_assert_msg(commands[i].level == LEVEL_ADMIN, "%s",
				    commands[i].words);
}
END_TEST

START_TEST(test_table)
{
	struct table *t = table_new("name n#");
	struct json_object *o;
	struct buf out = { 0 };

	table_text(t, "a\033[31m\"b\"");
	table_int(t, 42);
	table_text(t, "größer");
	table_int(t, -1);
	table_rows(t, &out, false);
	ck_assert_ptr_null(strchr(out.p, '\033'));
	ck_assert_ptr_nonnull(strstr(out.p, "größer     -1\n"));
	buf_reset(&out);
	table_rows(t, &out, true);
	o = json_tokener_parse(out.p);
	ck_assert_int_eq(json_object_array_length(o), 2);
	ck_assert_int_eq(json_object_get_int(json_object_object_get(
	    json_object_array_get_idx(o, 0), "n")), 42);
	json_object_put(o);
	buf_wipe(&out);
	table_free(t);
}
END_TEST

/* One long cell makes its own row longer, and many rows are no trouble. */
START_TEST(test_long_cell)
{
	struct table *t = table_new("name list n");
	char long_one[4001] = { 0 }, *at;
	struct buf out = { 0 };

	memset(long_one, 'c', sizeof(long_one) - 1);
	for (int i = 0; i < 1000; i++) {
		table_text(t, "name");
		table_text(t, i == 500 ? long_one : i == 501 ? "" : "two words");
		table_int(t, i);
	}
	table_rows(t, &out, false);
	ck_assert_ptr_nonnull(strstr(out.p, "\nname  two words  499\n"));
	ck_assert_ptr_nonnull(strstr(out.p, "\nname             501\n"));
	at = strstr(out.p, "cc 500\n");
	ck_assert_msg(at == NULL && strstr(out.p, "cc500\n") == NULL,
	    "there is no blank behind a long cell");
	ck_assert_ptr_nonnull(strstr(out.p, "cc  500\n"));
	ck_assert_uint_lt(out.len, 4000 + 1001 * 30);
	buf_wipe(&out);
	table_free(t);
}
END_TEST

static void
expect(struct region *r, int health, int ready, const char *word)
{
	struct buf out = { 0 };

	ck_assert_int_eq(health_render(r, &out), health);
	ck_assert_msg(strstr(out.p, word) != NULL, "%s", out.p);
	buf_reset(&out);
	ck_assert_int_eq(ready_render(r, false, &out), ready);
	buf_reset(&out);
	ck_assert_int_eq(ready_render(r, true, &out), 503);
	buf_reset(&out);
	agent_render(r, &out);
	ck_assert_int_eq(strncmp(out.p, "ready up ", 9) == 0, ready == 200);
	ck_assert_int_eq(strcmp(out.p, "drain\n") == 0, strcmp(word, "stopping") == 0);
	buf_wipe(&out);
}

START_TEST(test_health)
{
	struct region_conf conf = { .node = "n1", .max_sessions = 10,
		.max_sessions_per_key = 10, .session_ttl_ms = 1000,
		.session_max_ms = 1000, .rows = 4 };
	struct region *r = region_private(&conf);
	struct board_facts facts = { .started = clock_ms(), .workers = 1 };

	board_set_facts(r, &facts);
	expect(r, 503, 503, "no worker answers");
	board_use(r, board_claim(r, 0, 1));
	board_state(BOARD_READY);
	board_stamp();
	expect(r, 200, 503, "not prepared");
	facts.prepared = true;
	board_set_facts(r, &facts);
	expect(r, 200, 200, "\"ok\"");
	for (int t = 0; t < TROUBLE_COUNT; t++) {
		const char *text = trouble_text((enum trouble_id)t);

		ck_assert(trouble_met((enum trouble_id)t));
		ck_assert(!trouble_met((enum trouble_id)t));
		expect(r, 200, 200, text != NULL ? "degraded" : "\"ok\"");
		expect(r, 200, 200, text != NULL ? text : "\"reasons\":[]");
		ck_assert(trouble_over((enum trouble_id)t));
		ck_assert(!trouble_over((enum trouble_id)t));
	}
	ck_assert(trouble_lasts(1, TROUBLE_MS) && !trouble_lasts(1, TROUBLE_MS + 1));
	ck_assert(!trouble_lasts(0, 1));
	expect(r, 200, 200, "\"ok\"");
	board_store_away(true);
	expect(r, 200, 503, "the store is away");
	board_store_away(false);
	trouble_met(TROUBLE_STORE_WRITES);
	expect(r, 200, 200, "degraded");
	expect(r, 200, 200, "does not take all writes");
	trouble_over(TROUBLE_STORE_WRITES);
	trouble_met(TROUBLE_STORE_READS);
	expect(r, 200, 200, "not all of the store can be read");
	trouble_over(TROUBLE_STORE_READS);
	region_set_spooled(r, true);
	expect(r, 200, 200, "spool");
	region_set_spooled(r, false);
	expect(r, 200, 200, "\"ok\"");
	facts.workers = 2;
	board_set_facts(r, &facts);
	expect(r, 200, 200, "some workers");
	facts.stopping = true;
	board_set_facts(r, &facts);
	expect(r, 503, 503, "stopping");
	region_close(r);
}
END_TEST

START_TEST(jobs_of_commands)
{
	for (int i = 0; i < CMD_COUNT; i++)
		ck_assert_msg((job_of(commands[i].words) != -1) ==
		    (commands[i].where == WHERE_JOB), "%s", commands[i].words);
	ck_assert_int_eq(job_of("team purge"), JOB_TEAM_PURGE);
	ck_assert_int_eq(job_of("team purge x"), -1);
	ck_assert_int_eq(job_of("team"), -1);
	ck_assert_int_eq(job_of(""), -1);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("admin");

	tcase_add_loop_test(t, test_parse, 0, sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, test_levels);
	tcase_add_test(t, jobs_of_commands);
	tcase_add_test(t, test_table);
	tcase_add_test(t, test_long_cell);
	tcase_add_test(t, test_health);
	return run_case("admin", t);
}
