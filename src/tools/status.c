/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/status.h"

#include "base/clock.h"
#include "base/list.h"
#include "slack/budget.h"
#include "slack/error.h"
#include "tools/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCOPES_BYTES	1500	/* of those that Slack has granted */

/* ---- token ---- */

enum token_state {
	TOKEN_LASTS, TOKEN_RENEWS, TOKEN_ENDS, TOKEN_ENDED, TOKEN_DEAD
};

/* again: somebody has to connect the workspace once more. */
static const struct {
	const char *word, *text;
	bool again;
} tokens[] = {
	[TOKEN_LASTS] = { "lasts", "does not run out", false },
	[TOKEN_RENEWS] = { "renews", "renewed by this server before", false },
	[TOKEN_ENDS] = { "ends", "not to be renewed, runs out at", true },
	[TOKEN_ENDED] = { "ended", "has run out at", true },
	[TOKEN_DEAD] = { "dead", "not taken by Slack any more", true },
};

static enum token_state
token_state(const struct install *in)
{
	if (in->dead[0] != '\0')
		return TOKEN_DEAD;
	if (in->expires == 0)
		return TOKEN_LASTS;
	if (in->rotates && !in->lost)
		return TOKEN_RENEWS;
	return clock_wall_ms() < in->expires ? TOKEN_ENDS : TOKEN_ENDED;
}

void
status_token(const struct call *call, struct buf *out)
{
	enum token_state state = token_state(call->install);
	char when[CLOCK_ISO_SIZE] = "";

	if (call->install->expires != 0 && state != TOKEN_DEAD)
		clock_iso(when, call->install->expires);
	buf_fmt(out, "token: %s%s%s", tokens[state].text,
	    when[0] != '\0' ? " " : "", when);
	if (tokens[state].again) {
		buf_char(out, '.');
		slack_tell_way(call->box->slack, "", out);
	}
	buf_char(out, '\n');
}

void
status_token_json(const struct call *call, struct jsonw *w)
{
	char when[CLOCK_ISO_SIZE];

	jsonw_key(w, "token");
	jsonw_open(w, '{');
	jsonw_put_text(w, "state", tokens[token_state(call->install)].word);
	if (call->install->expires != 0) {
		clock_iso(when, call->install->expires);
		jsonw_put_text(w, "expires", when);
	}
	jsonw_close(w);
}

/* ---- what the key's tools need ---- */

/* The next one that the key may use, from *at on; or NULL. */
static const struct tool *
next_tool(const struct call *call, size_t *at)
{
	const struct tool *t;

	while ((t = tools[*at]) != NULL) {
		(*at)++;
		if (policy_tool(call->policy, call->box->slack->conf, t->role,
		    t->toolsets))
			return t;
	}
	return NULL;
}

/* ---- scopes ---- */

/* Those that the tools want and the install lacks; a list, owned. */
static char *
lacking(const struct call *call)
{
	struct buf all = { 0 };
	const struct tool *t;
	const char *w;
	size_t i = 0, n;
	char word[64], *list;

	while ((t = next_tool(call, &i)) != NULL)
		for (const char *at = t->want_scopes;
		     (w = list_next(&at, &n)) != NULL;) {
			snprintf(word, sizeof(word), "%.*s", (int)n, w);
			if (!list_has(call->install->scopes, word))
				buf_fmt(&all, "%s,", word);
		}
	list = list_tidy(all.len > 0 ? all.p : "");
	buf_wipe(&all);
	return list;
}

/* Does it do something without that scope? */
static bool
works_in_part(const struct call *call, const struct tool *t)
{
	return list_meets(t->scopes, call->install->scopes);
}

static void
put_lack(const struct call *call, const char *scope, struct buf *out)
{
	const char *before = " (";
	const struct tool *t;
	size_t i = 0;

	buf_str(out, scope);
	while ((t = next_tool(call, &i)) != NULL)
		if (list_has(t->want_scopes, scope)) {
			buf_fmt(out, "%s%s%s", before, t->name,
			    works_in_part(call, t) ? " in part" : "");
			before = ", ";
		}
	buf_char(out, ')');
}

static void
json_lack(const struct call *call, const char *scope, struct jsonw *w)
{
	const struct tool *t;
	size_t i = 0;

	jsonw_open(w, '{');
	jsonw_put_text(w, "scope", scope);
	jsonw_key(w, "tools");
	jsonw_open(w, '[');
	while ((t = next_tool(call, &i)) != NULL)
		if (list_has(t->want_scopes, scope))
			jsonw_text(w, t->name);
	jsonw_close(w);
	jsonw_close(w);
}

void
status_scopes(const struct call *call, struct buf *out)
{
	const char *has = call->install->scopes, *at, *w;
	char *list = has[0] != '\0' ? lacking(call) : NULL, word[64];
	size_t n;

	buf_str(out, "scopes: ");
	fence_field(&call->fence, out, has[0] != '\0' ? has : "not known",
	    SCOPES_BYTES);
	buf_str(out, list == NULL ? "\n" : "\nlacking: ");
	for (at = list; (w = list_next(&at, &n)) != NULL;) {
		snprintf(word, sizeof(word), "%.*s", (int)n, w);
		put_lack(call, word, out);
		buf_str(out, *at != '\0' ? ", " : ".");
	}
	if (list != NULL && list[0] != '\0')
		slack_tell_way(call->box->slack, list, out);
	if (list != NULL)
		buf_str(out, list[0] != '\0' ? "\n" : "nothing\n");
	free(list);
}

static void
json_words(struct jsonw *w, const char *key, const char *list)
{
	const char *word;
	size_t n;

	jsonw_key(w, key);
	jsonw_open(w, '[');
	while ((word = list_next(&list, &n)) != NULL)
		jsonw_textn(w, word, n);
	jsonw_close(w);
}

void
status_scopes_json(const struct call *call, struct jsonw *w)
{
	char *list = lacking(call), word[64];
	struct buf way = { 0 };
	const char *s;
	size_t n;

	json_words(w, "scopes", call->install->scopes);
	jsonw_key(w, "lacking");
	jsonw_open(w, '[');
	for (const char *at = list; (s = list_next(&at, &n)) != NULL;) {
		snprintf(word, sizeof(word), "%.*s", (int)n, s);
		json_lack(call, word, w);
	}
	jsonw_close(w);
	slack_tell_way(call->box->slack, list, &way);
	if (list[0] != '\0' || tokens[token_state(call->install)].again)
		jsonw_put_text(w, "way", way.p + 1);
	buf_wipe(&way);
	free(list);
}

/* ---- budget ---- */

/* Of one of Slack's methods; as budget_left, in seconds. */
static int
left_of(const struct call *call, enum slack_method m, int *wait_s)
{
	const struct slack *s = call->box->slack;
	struct budget b;
	int64_t wait;
	int left;

	budget_of(&b, s, call->install, m, NULL);
	left = budget_left(s->region, &b, &wait);
	*wait_s = (int)((wait + 999) / 1000);
	return left;
}

static void
put_left(const struct call *call, enum slack_method m, struct buf *out)
{
	int wait_s, left = left_of(call, m, &wait_s);

	buf_fmt(out, "%s ", slack_method_name(m));
	if (left > 0)
		buf_fmt(out, "%d%s", left, budget_is_per_channel(m) ?
		    " a channel" : "");
	else if (left == BUDGET_FREE)
		buf_str(out, "any");
	else
		buf_fmt(out, "0 for %d s", wait_s);
}

static void
json_left(const struct call *call, enum slack_method m, struct jsonw *w)
{
	int wait_s, left = left_of(call, m, &wait_s);

	jsonw_open(w, '{');
	jsonw_put_text(w, "method", slack_method_name(m));
	if (left != BUDGET_FREE)
		jsonw_put_int(w, "left", left);
	jsonw_put_int(w, "wait_s", wait_s);
	if (budget_is_per_channel(m))
		jsonw_put_bool(w, "per_channel", true);
	jsonw_close(w);
}

/* Do the key's tools ask it? */
static bool
is_used(const struct call *call, enum slack_method m)
{
	const struct tool *t;
	size_t i = 0;

	while ((t = next_tool(call, &i)) != NULL)
		if (t->method == m)
			return true;
	return false;
}

static bool
is_limited(const struct call *call)
{
	struct budget b;

	budget_of(&b, call->box->slack, call->install,
	    METHOD_CONVERSATIONS_HISTORY, NULL);
	return b.rare;
}

void
status_budget(const struct call *call, struct buf *out)
{
	const char *before = "calls left now: ";

	for (enum slack_method m = 0; m < METHOD_COUNT; m++) {
		if (!is_used(call, m))
			continue;
		buf_str(out, before);
		put_left(call, m, out);
		before = ", ";
	}
	buf_str(out, before[0] == ',' ? "\n" : "");
	if (is_limited(call))
		buf_str(out, "limited: Slack lets this app read messages once a"
		    " minute here, 15 at a time\n");
}

void
status_budget_json(const struct call *call, struct jsonw *w)
{
	jsonw_key(w, "budget");
	jsonw_open(w, '[');
	for (enum slack_method m = 0; m < METHOD_COUNT; m++)
		if (is_used(call, m))
			json_left(call, m, w);
	jsonw_close(w);
	jsonw_put_bool(w, "limited", is_limited(call));
}
