/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "admin/command.h"

#include "admin/table.h"
#include "base/nearest.h"

#include <stdio.h>
#include <string.h>

const struct command commands[CMD_COUNT] = {
#define COMMAND(sym, words, args, level, where, help) \
	[CMD_##sym] = { words, args, LEVEL_##level, WHERE_##where, help },
#include "admin/commands.def"
#undef COMMAND
};

/* Cuts the line into words in place; '…' and "…" keep blanks.  -1: too many, or a
 * quote that does not end. */
static int
split(char *line, char **words, int max, struct err *err)
{
	int n = 0;
	char *to = line;

	for (char *at = line + strspn(line, " \t\r\n"); *at != '\0';
	    at += strspn(at, " \t\r\n")) {
		char quote = '\0';

		if (n == max)
			return err_set(err, ERR_INPUT, "more than %d words",
			    max);
		words[n++] = to;
		for (; *at != '\0' &&
		     (quote != '\0' || strchr(" \t\r\n", *at) == NULL);
		     at++) {
			if (quote == '\0' && (*at == '\'' || *at == '"'))
				quote = *at;
			else if (*at == quote)
				quote = '\0';
			else
				*to++ = *at;
		}
		if (quote != '\0')
			return err_set(err, ERR_INPUT, "a %c has no end",
			    quote);
		if (*at != '\0')
			at++;
		*to++ = '\0';
	}
	return n;
}

/* How many of the given words the command's name is made of; 0: another one. */
static int
match(const struct command *c, char **words, int n)
{
	const char *at = c->words;
	int used = 0;

	while (*at != '\0') {
		size_t len = strcspn(at, " ");

		if (used == n || strlen(words[used]) != len ||
		    strncmp(words[used], at, len) != 0)
			return 0;
		used++;
		at += len + (at[len] == ' ');
	}
	return used;
}

static int
count(const char *args, char begin)
{
	int n = 0;

	for (; *args != '\0'; args++)
		n += *args == begin;
	return n;
}

static int
check_args(const struct command *c, int given, struct err *err)
{
	int needed = count(c->args, '<');
	bool more = strchr(c->args, '[') != NULL;

	if (given < needed || (given > needed && !more))
		return err_set(err, ERR_INPUT, "usage: %s %s", c->words,
		    c->args);
	return 0;
}

/* The first word of some: "show" is not meant as "stop". */
static bool
is_begun(const char *said)
{
	size_t len = strlen(said);

	for (int i = 0; i < CMD_COUNT; i++)
		if (strncmp(commands[i].words, said, len) == 0 &&
		    commands[i].words[len] == ' ')
			return true;
	return false;
}

static int
unknown(char **words, int n, struct err *err)
{
	char said[128];
	struct nearest near = { .wrong = said };

	snprintf(said, sizeof(said), "%s%s%s", n > 0 ? words[0] : "",
	    n > 1 ? " " : "", n > 1 ? words[1] : "");
	for (int i = 0; i < CMD_COUNT && !is_begun(said); i++)
		nearest_offer(&near, commands[i].words);
	return err_set(err, ERR_NOT_FOUND,
	    "unknown command \"%.60s\"; try \"%s\"", said,
	    near.word != NULL ? near.word : "help");
}

int
command_parse(char *line, enum command_level asker, struct request *out,
    struct err *err)
{
	char *all[COMMAND_ARGS + 4], **words = all;
	int n = split(line, all, COMMAND_ARGS + 4, err);
	int best = 0;

	memset(out, 0, sizeof(*out));
	if (n == -1)
		return -1;
	if (n > 0 && strcmp(words[0], "--json") == 0) {
		out->json = true;
		words++;
		n--;
	}
	for (int i = 0; i < CMD_COUNT; i++) {
		int used = match(&commands[i], words, n);

		if (used <= best)
			continue;
		best = used;
		out->id = (enum command_id)i;
	}
	if (best == 0)
		return unknown(words, n, err);
	if (commands[out->id].level > asker)
		return err_set(err, ERR_AUTH, "%s: not permitted for this user",
		    commands[out->id].words);
	out->argc = n - best;
	if (out->argc > COMMAND_ARGS)
		return err_set(err, ERR_INPUT, "more than %d words",
		    COMMAND_ARGS);
	memcpy(out->argv, words + best, sizeof(*words) * (size_t)out->argc);
	return check_args(&commands[out->id], out->argc, err);
}

void
command_help(struct buf *out, bool json)
{
	struct table *t = table_new("command arguments level help");

	for (int i = 0; i < CMD_COUNT; i++) {
		table_text(t, commands[i].words);
		table_text(t, commands[i].args);
		table_text(t,
		    commands[i].level == LEVEL_ADMIN ? "admin" : "view");
		table_text(t, commands[i].help);
	}
	table_rows(t, out, json);
	table_free(t);
}
