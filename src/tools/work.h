/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_WORK_H
#define TOOLS_WORK_H

#include "slack/directory.h"
#include "store/posts.h"
#include "tools/call.h"

/* What a call is made of; private to admit.c, belong.c, call.c, cursor.c,
 * ledger.c, naming.c, page.c, resolve.c, sending.c and target.c. */
struct call {
	struct toolbox *box;
	const struct tool *tool;
	struct json_object *args;	/* as tool_take made them */
	struct policy *policy;
	struct install *install;	/* NULL: a tool that asks Slack nothing */
	char request[24];		/* of HTTP, for the log */
	int64_t deadline;

	char *cursor;			/* Slack's, unsealed; or NULL */
	size_t skip;
	long limit;			/* that page's; 0: the argument's */
	char latest[24];		/* likewise, a ts; "": the argument's */
	int64_t now;			/* wall ms, of the first page: ages count from it */

	size_t step;			/* the next one of call.c */
	struct event *timer;
	struct slack_call *asked;
	const struct js *answer;	/* Slack's, held */
	struct post *post;		/* being begun in the ledger */
	struct post_id id;
	char key[160], part_key[224];
	int64_t head;			/* when the first part's row was made */
	struct sending *sending;	/* of a tool that posts */

	struct directory_ask *looking;
	struct directory_state seen[DIRECTORY_KINDS];	/* of connection_status */
	const struct tool_arg *named;	/* the argument that is looked up */
	size_t named_kind;
	bool resolved;			/* a name became an id */
	bool failed;			/* call_later */
	size_t proved;			/* arguments, of belong.c */
	struct names *names;		/* what is shown in place of ids; or NULL */

	struct fence fence;
	struct buf note, out, json;
	bool counted;			/* in GAUGE_CALLS and its key's */
	call_fn *done;			/* NULL: the client has gone */
	void *arg;
};

/* admit.c: all that can be checked without waiting, so that a call has steps that wait
 * only.  The call is counted, and its arguments are taken; -1 and words for the model
 * in refused. */
int admit_call(struct call *call, const struct call_ask *ask, struct buf *refused);

/* cursor.c: -1 and words for the model in refused. */
int cursor_take(struct call *call, struct buf *refused);
/* Slack's cursor ("" for its first page), of whose page skip rows were shown, and the
 * span's end in place of the argument's ("": that), sealed for the caller: bound to
 * principal, tool, workspace and arguments, expiring.  NULL, or why not, and out is
 * as it was. */
const char *cursor_seal(const struct call *call, const char *cursor, size_t skip,
    const char *latest, struct buf *out);
/* That of a list's answer, which stopped before row end of Slack's page and had shown
 * last: what is left of the page, or the next one; nothing and NULL at the end. */
const char *cursor_next(const struct call *call, const struct js *answer, size_t end,
    const struct js *last, struct buf *out);
/* The line that tells how to go on, or why not; none at the end. */
void cursor_tell(const struct call *call, const struct js *answer, size_t end,
    const struct js *last, struct buf *out);
/* The cursor of Slack's that this call was made with, or "". */
const char *cursor_at(const struct call *call);

/* page.c: the answer of a tool with a list, of CALL_BYTES at most in its rows. */
#define CALL_BYTES	65536
void page_put(const struct call *call, const struct js *answer,
    struct buf *out);
/* The same, but nobody sees it: for what it asks of call->names. */
void page_look(const struct call *call, const struct js *answer);

/* asjson.c: the same in Slack's own words, into call->json. */
void asjson_put(struct call *call, const struct js *answer);
/* Foreign text as a member. */
void asjson_text(struct jsonw *w, const char *key, const char *text);

/* SHA-256 of tool, workspace and arguments, but for those that name a page. */
void call_digest(const struct call *call, unsigned char out[32]);

/* target.c: the workspace that is meant, held; or -1 and words in refused. */
bool target_reaches(const struct policy *p, const struct install *in);
int target_find(struct call *call, struct buf *refused);
int target_channels(struct call *call, struct buf *refused);
int target_scopes(struct call *call, struct buf *refused);
/* What is wrong with its token, in a few words; or NULL. */
const char *target_problem(const struct install *in);
/* The workspaces that the key reaches, a line each, at most max and CALL_BYTES; how
 * many there are. */
#define TARGET_MORE	"team_id takes a workspace's name, too"
size_t target_list(const struct toolbox *box, const struct policy *p,
    const struct fence *f, size_t max, struct buf *out);

/* resolve.c: the next argument that is a name is looked up, which ends in call_run or
 * call_end; false: there is none. */
bool resolve_next(struct call *call);

/* belong.c: of a workspace that an org-wide install was granted, the next argument whose
 * id has to be its own is looked up, which ends in call_run or call_end; false: there
 * is none. */
bool belong_next(struct call *call);

/* naming.c: the names that the answer would like to show are looked up, which ends in
 * call_run; false: there are none. */
bool naming_begin(struct call *call);

/* ledger.c: the row of each of a post's parts, before and after.  ledger_name at
 * the start; the other three tell the row that was begun last. */
void ledger_name(struct call *call, const struct call_ask *ask);
struct post *ledger_begin(struct call *call, size_t part, post_fn *done);
void ledger_end(struct call *call, const struct slack_answer *a);
void ledger_unsent(struct call *call);
/* It was seen in the channel: its own row's, or else an earlier one's that id.made
 * tells. */
void ledger_found(struct call *call, const char *ts, bool own);

/* call.c */
void call_run(struct call *call);	/* goes on with the next step */
void call_turn(struct call *call);	/* likewise, in the next turn */
void call_end(struct call *call, bool is_error);	/* out holds the text */
void call_later(struct call *call, bool is_error);	/* as call_end, in the next turn */
void call_free(struct call *call);
void call_form(const struct call *call, struct buf *form);	/* what the arguments say */

#endif
