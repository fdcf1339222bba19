/* SPDX-License-Identifier: ISC */
#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

enum command_id {
#define COMMAND(sym, words, args, level, where, help) CMD_##sym,
#include "admin/commands.def"
#undef COMMAND
	CMD_COUNT
};

enum command_level { LEVEL_VIEW, LEVEL_ADMIN };
enum command_where { WHERE_MASTER, WHERE_ONE, WHERE_SLACK, WHERE_ALL, WHERE_JOB };

struct command {
	const char *words;
	const char *args;
	enum command_level level;
	enum command_where where;
	const char *help;
};

extern const struct command commands[CMD_COUNT];

#define COMMAND_ARGS	32
#define COMMAND_LINE	4096

/* One line from the control socket, or a COMMAND packet: "[--json] words args".
 * argv points into line, which is cut up in place (blanks; '…' and "…" group). */
struct request {
	enum command_id id;
	bool json;
	int argc;
	char *argv[COMMAND_ARGS];
};

/* Finds the command, checks the asker's level and the number of arguments.  A
 * word that is near to a known one is named in the error. */
int command_parse(char *line, enum command_level asker, struct request *out,
    struct err *err);
/* Tests and check-tables: every row as help shows it. */
void command_help(struct buf *out, bool json);

#endif
