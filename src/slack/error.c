/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/error.h"

#include "base/list.h"

#include <string.h>

static const struct row {
	const char *code;
	enum slack_class class;
	const char *text;
} rows[] = {
#define SLACK_ERROR(code, class, text) { code, SLACK_##class, text },
#include "slack/errors.def"
#undef SLACK_ERROR
};

#define ROW_COUNT	(sizeof(rows) / sizeof(rows[0]))

/* again: the workspace has to be connected again, so the answer says where. */
enum again { NO, TOKEN, SCOPES };

static const struct {
	const char *word;
	const char *text;
	enum again again;
} classes[] = {
#define CLASS(c, a, t) [SLACK_##c] = { #c, t, a }
	CLASS(NONE, NO, "Slack did it."),
	CLASS(EXPIRED, TOKEN, "The workspace's token has run out and nothing renews it."),
	CLASS(REVOKED, TOKEN, "Slack does not accept this workspace's token any more."),
	CLASS(SCOPE, SCOPES, "The app lacks a permission (scope) for this in the workspace."),
	CLASS(NOT_SEEN, NO, "No such thing, or the app may not see it."),
	CLASS(MEMBERSHIP, NO, "Somebody has to be a member of the channel first."),
	CLASS(STATE, NO, "Its present state does not allow this."),
	CLASS(POLICY, NO, "A rule of the workspace forbids this. Ask an admin of it."),
	CLASS(ARGUMENT, NO, "Slack does not take these arguments. Check them against the"
	    " tool's description."),
	CLASS(BUG, NO, "Internal error of this server; it has been logged. Do not try the"
	    " same again."),
	CLASS(WAIT, NO, "Slack asks to wait before this is called again."),
	CLASS(TROUBLE, NO, "Slack itself has a fault at the moment. Try again in a"
	    " minute."),
	CLASS(MIGRATION, NO, "Slack is moving this workspace at the moment. Try again"
	    " later."),
	CLASS(TRANSPORT, NO, "Slack could not be reached, or its answer was not whole."
	    " Try again in a minute."),
	CLASS(RENEWING, NO, "The workspace's token is being renewed, which takes longer"
	    " than this call may wait. Nothing was done. Try again in a minute."),
	CLASS(LARGE, NO, "Slack's answer is larger than this server takes. Ask for"
	    " less at once: a smaller limit."),
	CLASS(OTHER, NO, "Slack refused this."),
#undef CLASS
};

static bool
matches(const char *pattern, const char *code)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] == '*')
		return strncmp(pattern, code, n - 1) == 0;
	return strcmp(pattern, code) == 0;
}

/* A row of its own goes before one with *, wherever they stand. */
static const struct row *
find(const char *code)
{
	const struct row *wild = NULL;

	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (!matches(rows[i].code, code))
			continue;
		if (rows[i].code[strlen(rows[i].code) - 1] != '*')
			return &rows[i];
		wild = &rows[i];
	}
	return wild;
}

enum slack_class
slack_class_of(const char *code)
{
	const struct row *r = find(code);

	return r != NULL ? r->class : SLACK_OTHER;
}

const char *
slack_error_text(const char *code)
{
	const struct row *r = find(code);

	if (r != NULL && r->text != NULL)
		return r->text;
	return classes[r != NULL ? r->class : SLACK_OTHER].text;
}

const char *
slack_error_code(size_t row)
{
	return row < ROW_COUNT ? rows[row].code : NULL;
}

const char *
slack_class_word(enum slack_class c)
{
	return classes[c].word;
}

void
slack_word(char *out, size_t size, const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n + 1 < size; i++) {
		char c = text[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '_' || c == '.' ||
		    c == ':' || c == ',' || c == '-')
			out[n++] = c;
	}
	out[n] = '\0';
}

/* A write of which nobody knows whether it was done: the first thing to say. */
static void
explain_unknown(const struct slack_answer *a, enum slack_method m,
    struct buf *out)
{
	buf_str(out, "It is unknown whether this was done: Slack ");
	buf_str(out, a->code[0] != '\0' ? "had a fault in the middle of it" :
	    "did not answer to the end");
	buf_str(out, slack_method_repeatable(m) ?
	    ". Doing it again does no harm." :
	    ". It may have been posted. Do not send it again before looking at"
	    " the channel (slack_get_channel_history).");
}

static void
explain_wait(const struct slack_answer *a, enum slack_method m, struct buf *out)
{
	buf_fmt(out,
	    "Too many calls: wait %d s before %s is called again here. Nothing "
	    "was"
	    " done. Try again after that time.",
	    a->wait_s, slack_method_name(m));
	if (a->rare)
		buf_str(out, " (Slack lets this app call it once a minute in this"
		    " workspace, for 15 messages.)");
}

void
slack_tell_way(const struct slack *s, const char *scopes, struct buf *out)
{
	buf_fmt(out, " An admin can connect the workspace again at"
	    " %s/slack/install", s->conf->public_base_url);
	if (scopes[0] != '\0' && !list_meets(scopes, s->scopes))
		buf_str(out, " after the operator has put the scope into"
		    " SLACK_SCOPES");
}

void
slack_explain(const struct slack *s, const struct slack_answer *a,
    enum slack_method m, struct buf *out)
{
	if (a->unknown) {
		explain_unknown(a, m, out);
	} else if (a->class == SLACK_WAIT) {
		explain_wait(a, m, out);
	} else if (a->class == SLACK_TRANSPORT || a->code[0] == '\0') {
		buf_str(out, classes[a->class].text);
		if (!a->sent)
			buf_str(out, " Nothing was sent.");
	} else {
		buf_str(out, slack_error_text(a->code));
	}
	if (a->needed[0] != '\0')
		buf_fmt(out, " It needs the scope %s.", a->needed);
	if (classes[a->class].again == SCOPES && !a->unknown)
		slack_tell_way(s, a->needed, out);
	else if (classes[a->class].again == TOKEN && !a->unknown)
		buf_fmt(out, " This workspace must be connected again:"
		    " %s/slack/install", s->conf->public_base_url);
	if (a->class == SLACK_ARGUMENT && a->detail[0] != '\0')
		buf_fmt(out, " Slack says: %s.", a->detail);
	if (a->code[0] != '\0' && a->class != SLACK_BUG)
		buf_fmt(out, " (Slack's error: %s)", a->code);
}
