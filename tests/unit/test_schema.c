/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/tool.h"

#include "base/list.h"
#include "base/scan.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every schema keeps to what the narrowest model API takes (DETAILS 7, MCP.md R4). */

static size_t
tool_count(void)
{
	size_t n = 0;

	while (tools[n] != NULL)
		n++;
	return n;
}

static const char *const forbidden[] = { "additionalProperties", "$ref", "anyOf", "oneOf",
    "allOf", "const", "pattern", "format", "not", "$schema" };

static void
check_schema(struct json_object *s, bool headers, int depth)
{
	struct json_object *type, *v;
	const char *word;

	ck_assert(json_object_object_get_ex(s, "type", &type));
	ck_assert(json_object_is_type(type, json_type_string));
	word = json_object_get_string(type);
	ck_assert(list_has("object,string,integer,boolean,array", word));
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		ck_assert(!json_object_object_get_ex(s, forbidden[i], NULL));
	if (strcmp(word, "object") != 0) {
		ck_assert(!json_object_object_get_ex(s, "properties", NULL));
		ck_assert(!json_object_object_get_ex(s, "required", NULL));
	}
	if (strcmp(word, "array") == 0) {
		ck_assert(json_object_object_get_ex(s, "items", &v));
		check_schema(v, false, depth + 1);
	}
	if (json_object_object_get_ex(s, "enum", &v)) {
		ck_assert_uint_gt(json_object_array_length(v), 0);
		for (size_t i = 0; i < json_object_array_length(v); i++)
			ck_assert_int_gt(json_object_get_string_len(
			    json_object_array_get_idx(v, i)), 0);
	}
	if (depth > 0) {
		ck_assert(json_object_object_get_ex(s, "description", &v));
		ck_assert_int_gt(json_object_get_string_len(v), 3);
	}
	if (json_object_object_get_ex(s, "x-mcp-header", &v)) {
		ck_assert(headers && depth == 1);
		ck_assert_str_eq(json_object_get_string(v), "Slack-Team");
	}
	if (json_object_object_get_ex(s, "properties", &v)) {
		json_object_object_foreach(v, name, property) {
			ck_assert_uint_gt(strlen(name), 0);
			check_schema(property, headers, depth + 1);
		}
	}
}

static void
check_required(struct json_object *schema)
{
	struct json_object *required, *properties;

	if (!json_object_object_get_ex(schema, "required", &required))
		return;
	ck_assert(json_object_object_get_ex(schema, "properties", &properties));
	ck_assert_uint_gt(json_object_array_length(required), 0);
	for (size_t i = 0; i < json_object_array_length(required); i++)
		ck_assert(json_object_object_get_ex(properties,
		    json_object_get_string(json_object_array_get_idx(required, i)), NULL));
}

static struct json_object *
describe(const struct tool *t, bool headers)
{
	struct buf out = { 0 };
	struct json_object *o;
	struct err err;

	tool_describe(t, headers, &out);
	ck_assert_msg(scan_json(out.p, out.len, &err) == 0, "%s", err.text);
	o = json_tokener_parse(out.p);
	ck_assert_ptr_nonnull(o);
	buf_wipe(&out);
	return o;
}

START_TEST(schemas)
{
	for (int headers = 0; headers < 2; headers++) {
		struct json_object *o = describe(tools[_i], headers), *v;

		ck_assert(json_object_object_get_ex(o, "name", &v));
		ck_assert_int_eq(strncmp(json_object_get_string(v), "slack_", 6), 0);
		ck_assert(json_object_object_get_ex(o, "title", &v));
		ck_assert(json_object_object_get_ex(o, "description", &v));
		ck_assert_int_lt(json_object_get_string_len(v), 400);
		ck_assert(json_object_object_get_ex(o, "inputSchema", &v));
		check_schema(v, headers, 0);
		check_required(v);
		ck_assert(json_object_object_get_ex(o, "annotations", &v));
		ck_assert_int_eq(json_object_object_length(v), 5);
		json_object_put(o);
	}
}
END_TEST

/* An alias is never advertised and never another argument's name. */
START_TEST(names)
{
	const struct tool *t = tools[_i];

	for (const struct tool_arg *a = t->args; a->name != NULL; a++)
		for (const struct tool_arg *b = t->args; b->name != NULL; b++)
			for (size_t i = 0; i < 3; i++)
				if (b->also[i] != NULL)
					ck_assert_str_ne(a->name, b->also[i]);
	ck_assert_ptr_eq(tool_find(t->name, strlen(t->name)), t);
	ck_assert_ptr_null(tool_find(t->name, strlen(t->name) - 1));
}
END_TEST

/* What clients are told of each: read-only, destructive, idempotent, open world. */
static const struct {
	const char *name, *title, *hints;
} annotations[] = {
	{ "slack_list_workspaces", "List workspaces", "yes no yes no" },
	{ "slack_list_channels", "List channels", "yes no yes yes" },
	{ "slack_get_channel_history", "Read a channel", "yes no yes yes" },
	{ "slack_get_thread_replies", "Read a thread", "yes no yes yes" },
	{ "slack_get_channel_info", "Look at a channel", "yes no yes yes" },
	{ "slack_get_users", "List people", "yes no yes yes" },
	{ "slack_search_users", "Find people", "yes no yes no" },
	{ "slack_get_user_profile", "Read a profile", "yes no yes yes" },
	{ "slack_connection_status", "Connection status", "yes no yes no" },
	{ "slack_post_message", "Post a message", "no no no yes" },
	{ "slack_reply_to_thread", "Reply in a thread", "no no no yes" },
	{ "slack_add_reaction", "Add a reaction", "no no yes yes" },
};

START_TEST(annotated)
{
	static const char *const hints[] = { "readOnlyHint", "destructiveHint",
	    "idempotentHint", "openWorldHint" };
	struct json_object *o = describe(tools[_i], false), *a, *v;
	char said[32] = "";

	ck_assert_str_eq(tools[_i]->name, annotations[_i].name);
	ck_assert(json_object_object_get_ex(o, "title", &v));
	ck_assert_str_eq(json_object_get_string(v), annotations[_i].title);
	ck_assert(json_object_object_get_ex(o, "annotations", &a));
	ck_assert(json_object_object_get_ex(a, "title", &v));
	ck_assert_str_eq(json_object_get_string(v), annotations[_i].title);
	for (size_t i = 0; i < 4; i++) {
		ck_assert(json_object_object_get_ex(a, hints[i], &v));
		ck_assert(json_object_is_type(v, json_type_boolean));
		snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%s", i > 0 ? " " : "",
		    json_object_get_boolean(v) ? "yes" : "no");
	}
	ck_assert_str_eq(said, annotations[_i].hints);
	json_object_put(o);
}
END_TEST

/* The tools that agents know from the server before, with all its arguments: what it
 * took is taken, and nothing else is needed.  Then the names that others give them. */
static const struct {
	const char *tool, *args;
} known[] = {
	{ "slack_list_channels", "{\"limit\":100,\"cursor\":\"x\"}" },
	{ "slack_post_message", "{\"channel_id\":\"C1\",\"text\":\"x\"}" },
	{ "slack_reply_to_thread",
	  "{\"channel_id\":\"C1\",\"thread_ts\":\"1712345678.000100\",\"text\":\"x\"}" },
	{ "slack_add_reaction",
	  "{\"channel_id\":\"C1\",\"timestamp\":\"1712345678.000100\",\"reaction\":\"tada\"}" },
	{ "slack_get_channel_history", "{\"channel_id\":\"C1\",\"limit\":10}" },
	{ "slack_get_thread_replies",
	  "{\"channel_id\":\"C1\",\"thread_ts\":\"1712345678.000100\"}" },
	{ "slack_get_users", "{\"limit\":100,\"cursor\":\"x\"}" },
	{ "slack_get_user_profile", "{\"user_id\":\"U1\"}" },
	{ "slack_post_message", "{\"channel\":\"C1\",\"message\":\"x\","
	  "\"threadTs\":\"1712345678.000100\",\"teamId\":\"T1\"}" },
	{ "slack_get_thread_replies", "{\"channelId\":\"C1\",\"threadTs\":\"1712345678.000100\","
	  "\"team\":\"T1\"}" },
	{ "slack_add_reaction", "{\"channel\":\"C1\",\"message_ts\":\"1712345678.000100\","
	  "\"emoji\":\"tada\",\"workspace\":\"T1\"}" },
	{ "slack_get_thread_replies", "{\"channel\":\"C1\",\"message_ts\":\"1712345678.000100\"}" },
	{ "slack_get_user_profile", "{\"userId\":\"U1\"}" },
	{ "slack_get_user_profile", "{\"user\":\"U1\"}" },
};

START_TEST(drop_in)
{
	const struct tool *t = tool_find(known[_i].tool, strlen(known[_i].tool));
	struct json_object *given = json_tokener_parse(known[_i].args), *taken;
	struct buf note = { 0 };
	struct err err;

	ck_assert(t != NULL && given != NULL);
	taken = tool_take(t, given, &note, &err);
	ck_assert_msg(taken != NULL, "%s %s: %s", known[_i].tool, known[_i].args, err.text);
	ck_assert_uint_eq(note.len, 0);
	ck_assert_int_eq(json_object_object_length(taken), json_object_object_length(given));
	json_object_put(taken);
	json_object_put(given);
}
END_TEST

/* The first tool does no harm without arguments; all of them are short. */
START_TEST(order_and_size)
{
	struct buf all = { 0 }, note = { 0 };
	struct json_object *args;
	struct err err;
	static char unset[] = "", set[] = "a,b", core[] = "core";
	struct conf conf = { .slack_scopes = unset, .toolsets = core };
	char *scopes = tools_scopes(&conf);

	ck_assert_uint_eq(tool_count(), sizeof(annotations) / sizeof(annotations[0]));
	ck_assert_int_eq(tools[0]->role, ROLE_READ);
	args = tool_take(tools[0], NULL, &note, &err);
	ck_assert_ptr_nonnull(args);
	json_object_put(args);
	for (size_t i = 0; i < tool_count(); i++)
		tool_describe(tools[i], true, &all);
	ck_assert_uint_lt(all.len, 12000);
	ck_assert(list_has(scopes, "chat:write"));
	ck_assert(list_has(scopes, "channels:history"));
	ck_assert(list_has(scopes, "channels:read"));
	free(scopes);
	conf.slack_scopes = set;
	scopes = tools_scopes(&conf);
	ck_assert_str_eq(scopes, set);
	free(scopes);
	buf_wipe(&all);
}
END_TEST

/* core has all; each of the others has some, and asks for their scopes alone. */
static const struct {
	char name[16];
	size_t n;
	const char *scopes;
} sets[] = {
	{ "core", 12, "channels:read,groups:read,channels:history,groups:history,users:read,"
	  "users.profile:read,chat:write,reactions:write" },
	{ "channels", 6, "channels:read,groups:read,channels:history,groups:history" },
	{ "people", 5, "users:read,users.profile:read" },
	{ "posting", 5, "chat:write,reactions:write" },
};

START_TEST(toolsets)
{
	static char unset[] = "";
	char name[16];
	struct conf conf = { .slack_scopes = unset, .toolsets = name };
	char *scopes;
	size_t n = 0;

	ck_assert_str_eq(conf_toolsets[_i], sets[_i].name);
	snprintf(name, sizeof(name), "%s", sets[_i].name);
	for (size_t i = 0; i < tool_count(); i++) {
		struct err err;

		n += list_has(tools[i]->toolsets, name);
		ck_assert_msg(conf_words(tools[i]->toolsets, conf_toolsets, &err) == 0, "%s",
		    err.text);
	}
	ck_assert_uint_eq(n, sets[_i].n);
	scopes = tools_scopes(&conf);
	ck_assert_str_eq(scopes, sets[_i].scopes);
	free(scopes);
	ck_assert_ptr_null(conf_toolsets[sizeof(sets) / sizeof(sets[0])]);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("schema");

	tcase_add_loop_test(tc, schemas, 0, (int)tool_count());
	tcase_add_loop_test(tc, names, 0, (int)tool_count());
	tcase_add_loop_test(tc, annotated, 0, sizeof(annotations) / sizeof(annotations[0]));
	tcase_add_loop_test(tc, drop_in, 0, sizeof(known) / sizeof(known[0]));
	tcase_add_test(tc, order_and_size);
	tcase_add_loop_test(tc, toolsets, 0, sizeof(sets) / sizeof(sets[0]));
	return run_case("schema", tc);
}
