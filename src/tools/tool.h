/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include "base/buf.h"
#include "base/jsonw.h"
#include "slack/api.h"
#include "tools/policy.h"

#include <json.h>
#include <stdbool.h>

/* Hints as MCP names them; readOnlyHint is the role. */
#define TOOL_DESTRUCTIVE	0x1
#define TOOL_IDEMPOTENT		0x2

/* What tools belong to (base/conf.h has the words): core has them all. */
#define TOOLSETS_CHANNELS	"core,channels"
#define TOOLSETS_PEOPLE		"core,people"
#define TOOLSETS_POSTING	"core,posting"
#define TOOLSETS_ALL		"core,channels,people,posting"

/* What an argument names, so that tools/policy can check it for every tool. */
#define ARG_TYPES(X) X(STRING, "string") X(INT, "integer") X(BOOL, "boolean") \
	X(TEAM, "string") X(CHANNEL, "string") X(USER, "string") X(TS, "string") X(CURSOR, "string") \
	X(LIMIT, "integer") X(TYPES, "string") X(KEY, "string") X(EMOJI, "string") \
	X(FORMAT, "string")
enum arg_type {
#define X(sym, json) ARG_##sym,
	ARG_TYPES(X)
#undef X
};

/* One argument.  Feeds the JSON Schema, the check of a call and the form field
 * sent to Slack, so that these three cannot differ. */
struct tool_arg {
	const char *name;
	enum arg_type type;
	bool required;
	long min, max;		/* value of a number, characters of a string (with a
				 * min not all of them blank); 0,0: free.
				 * An ARG_TS with min 17 must be a message's, whole */
	long dflt;		/* of a number; 0: none */
	const char *slack;	/* Slack's parameter; NULL: not sent */
	const char *also[3];	/* other names that are taken, not advertised */
	const char *header;	/* x-mcp-header, or NULL */
	const char *help;
};

/* Rows that tools share: they say the same thing everywhere. */
#define ARGUMENT_TEAM \
	{ "team_id", ARG_TEAM, .max = 80, .also = { "teamId", "team", "workspace" }, \
	  .header = "Slack-Team", .help = "workspace id (T… or E…) from " \
	  "slack_list_workspaces; may be left out when there is only one" }
#define ARGUMENT_CHANNEL \
	{ "channel_id", ARG_CHANNEL, .required = true, .slack = "channel", \
	  .also = { "channel", "channelId" }, \
	  .help = "channel id (C…, G… or D…), or #name" }
#define ARGUMENT_USER \
	{ "user_id", ARG_USER, .required = true, .slack = "user", \
	  .also = { "user", "userId" }, .help = "person's id (U… or W…), or @name" }
#define ARGUMENT_LIMIT_TO(normal, most) \
	{ "limit", ARG_LIMIT, .min = 1, .max = (most), .dflt = (normal), .slack = "limit", \
	  .help = "how many at most" }
#define ARGUMENT_LIMIT(normal)	ARGUMENT_LIMIT_TO(normal, 999)
#define ARGUMENT_CURSOR \
	{ "cursor", ARG_CURSOR, .max = 4096, \
	  .help = "goes on where the last page ended: the cursor given there" }

#define ARGUMENT_FORMAT \
	{ "format", ARG_FORMAT, .help = "compact or json" }

static inline bool
arg_is_number(const struct tool_arg *a)
{
	return a->type == ARG_INT || a->type == ARG_LIMIT;
}

struct call;
struct shown;

/* A tool whose answer is a list: the rows of one page of Slack's, which page.c fences,
 * cuts at the answer's budget and gives the cursor of what is left. */
struct tool_list {
	const char *rows;		/* the array in Slack's answer */
	const char *one, *many;		/* "channel", "channels" */
	const char *order;		/* ", newest first"; or "" */
	const char *legend;		/* "id | name | …" */
	/* May it be shown to this key?  NULL: any. */
	bool (*may)(const struct call *call, const struct js *row);
	/* The row as one line. */
	void (*put)(const struct call *call, const struct js *row,
	    struct shown *shown, struct buf *out);
	/* Nothing was shown: why, and what to do. */
	void (*none)(const struct call *call, bool more, struct buf *out);
	bool by_time;			/* newest first, so new rows move the pages: what
					 * is left of one is asked for by its last ts */
	/* What else the answer says; NULL: nothing. */
	void (*after)(const struct call *call, const struct js *answer,
	    const struct shown *shown, struct buf *out);
};

struct tool {
	const char *name;
	const char *title;
	const char *help;
	const char *toolsets;		/* list: each of them has it */
	enum role role;			/* that a key must have */
	unsigned hints;
	const struct tool_arg *args;	/* ends with .name == NULL */
	enum slack_method method;	/* METHOD_NONE: asks Slack nothing */
	const char *scopes;		/* list, any one of which will do */
	const char *want_scopes;	/* list that an install should be asked for */
	bool names;			/* shows people and channels by their ids: names
					 * are looked up, then it is shaped again */
	bool once;			/* posts: sending.c carries it out (shape gets NULL) */
	const char *done;		/* list of Slack's errors that mean: it is so already
					 * (shape gets NULL); or NULL */

	/* With METHOD_NONE: asks the directory of the workspace, in place of Slack; ends in
	 * call_run, or in call_end.  NULL: nobody is asked, and no workspace is meant. */
	void (*find)(struct call *call);
	const struct tool_list *list;	/* or NULL: then */
	const char *member;		/* of Slack's answer, as JSON; without a list */
	/* The members of the JSON, where neither list nor member is; or NULL. */
	void (*json)(struct call *call, struct jsonw *w);
	/* The answer's text: from Slack's answer, or of its own without a method. */
	void (*shape)(struct call *call, const struct js *answer,
	    struct buf *out);
	/* What the arguments alone do not say of the form; may be NULL. */
	void (*form)(struct call *call, struct buf *form);
};

/* In the order tools/list shows them (a harmless one first); ends with NULL. */
extern const struct tool *const tools[];
const struct tool *tool_find(const char *name, size_t len);

/* The JSON of one tool for tools/list (MCP.md O, DETAILS 7): type one string, no
 * additionalProperties, x-mcp-header only with headers. */
void tool_describe(const struct tool *t, bool headers, struct buf *out);

/* The scopes that an install is asked for: SLACK_SCOPES, else what the tools that
 * TOOLSETS offers want together; a list, owned. */
char *tools_scopes(const struct conf *conf);

/* What the caller gave, each under its own name, aliases and numbers in strings
 * made right, limits clamped (then said in note); or NULL and err, which says what
 * to write instead.  Owned by the caller. */
struct json_object *tool_take(const struct tool *t, struct json_object *given,
    struct buf *note, struct err *err);

#endif
