/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "admin/command.h"
#include "base/mem.h"
#include "tools/policy.h"

#include <stdlib.h>
#include <string.h>

/* A line of the control socket, and what `key add` makes of its words.
 * covers: admin/command.c */

/* The words of a good line lie in it, one behind the other. */
static void
check_words(const struct request *req, const char *line, size_t len)
{
	const char *at = line;

	MUST(req->id >= 0 && req->id < CMD_COUNT);
	MUST(req->argc >= 0 && req->argc <= COMMAND_ARGS);
	for (int i = 0; i < req->argc; i++) {
		MUST(req->argv[i] >= at && req->argv[i] <= line + len);
		at = req->argv[i] + strlen(req->argv[i]) + 1;
		MUST(at <= line + len + 1);
	}
}

/* As slackmcpctl writes it.  False: a word with both kinds of quotes. */
static bool
written(const struct request *req, struct buf *out)
{
	buf_str(out, req->json ? "--json " : "");
	buf_str(out, commands[req->id].words);
	for (int i = 0; i < req->argc; i++) {
		char quote = strchr(req->argv[i], '\'') != NULL ? '"' : '\'';

		if (strchr(req->argv[i], quote) != NULL)
			return false;
		buf_fmt(out, " %c%s%c", quote, req->argv[i], quote);
	}
	return true;
}

static void
again(const struct request *req)
{
	struct buf line = { 0 };
	struct request more;
	struct err err;

	if (written(req, &line)) {
		MUST(command_parse(line.p, LEVEL_ADMIN, &more, &err) == 0);
		MUST(more.id == req->id && more.json == req->json);
		MUST(more.argc == req->argc);
		for (int i = 0; i < req->argc; i++)
			MUST(strcmp(more.argv[i], req->argv[i]) == 0);
	}
	buf_wipe(&line);
}

/* The same line from somebody who may only look. */
static void
looks(const char *text, const struct request *req)
{
	char *line = mem_str(text);
	struct request his;
	struct err err;
	int rc = command_parse(line, LEVEL_VIEW, &his, &err);

	MUST((rc == 0) == (commands[req->id].level == LEVEL_VIEW));
	MUST(rc == 0 || err.kind == ERR_AUTH);
	free(line);
}

static void
policy_of(const struct request *req)
{
	static char offered[] = "core,channels,people,posting";
	struct conf conf = { .toolsets = offered };
	struct buf warning = { 0 };
	struct key_row row;
	struct policy *p;
	struct err err;

	if (policy_parse(req->argc, (char **)req->argv, &row, &warning, &err) == 0) {
		MUST(strlen(row.name) > 0 && strlen(row.name) <= 64);
		MUST(row.expires == 0 || row.expires > row.made);
		p = policy_from_row(&row);
		MUST(p != NULL);
		MUST(policy_tool(p, &conf, ROLE_READ, offered));
		MUST(row.workspaces[0] != '\0' || !policy_team(p, "", "T1"));
		MUST(p->role >= ROLE_WRITE || !policy_channel(p, "", "T1", "C1", true));
		policy_drop(p);
	} else {
		MUST(err.kind == ERR_INPUT && err.text[0] != '\0');
	}
	buf_wipe(&warning);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *text = mem_strn((const char *)bytes, len), *line;
	struct buf help = { 0 };
	struct request req;
	struct err err;

	/* What the master hands over: to the first end of line. */
	text[strcspn(text, "\r\n")] = '\0';
	line = mem_str(text);
	err.text[0] = '\0';
	if (command_parse(line, LEVEL_ADMIN, &req, &err) == 0) {
		check_words(&req, line, strlen(text));
		again(&req);
		looks(text, &req);
		if (req.id == CMD_KEY_ADD)
			policy_of(&req);
		if (req.id == CMD_HELP)
			command_help(&help, req.json);
		MUST(req.id != CMD_HELP || help.len > 0);
	} else {
		MUST(err.kind == ERR_INPUT || err.kind == ERR_NOT_FOUND);
		MUST(err.text[0] != '\0');
	}
	buf_wipe(&help);
	free(line);
	free(text);
	return 0;
}
