/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/oauth.h"

#include "base/log.h"
#include "web/handlers.h"
#include "web/page.h"
#include "web/redirect.h"
#include "web/settings.h"

#include <string.h>

/* How an install that was not stored ends. */
static const struct {
	int status;
	const char *word, *text;
	bool again;
} ends[] = {
	[OAUTH_BAD_STATE] = { 400, "bad_state",
	    "This page belongs to an install that was "
	    "not begun in this browser, or began more than ten minutes ago. "
	    "Nothing was "
	    "changed. Begin again, and allow cookies of this server.",
	    true },
	[OAUTH_USED] = { 409, "already_used",
	    "This install was answered before: the page "
	    "was loaded a second time. If it did not succeed then, begin "
	    "again.",
	    true },
	[OAUTH_STORE_AWAY] = { 503, "store_away",
	    "This server cannot store an install at "
	    "the moment. Reload this page in a minute.",
	    false },
	[OAUTH_SLACK_REFUSED] = { 400, "slack_refused",
	    "Slack did not accept the install.", true },
	[OAUTH_SLACK_AWAY] = { 502, "slack_away",
	    "Slack did not answer, so the app may or "
	    "may not have been added. Begin again in a minute.",
	    true },
};

static void
tell_state(struct page *p, const struct oauth_result *r)
{
	if (r->end == OAUTH_SPOOLED) {
		page_text(p,
		    "Slack has added the app. The store of this server is "
		    "away, so the "
		    "install was put aside, sealed; it is taken up by itself "
		    "when the store "
		    "is back. Until then no agent reaches this workspace.");
		return;
	}
	switch (r->state) {
	case INSTALL_PENDING:
		page_text(p,
		    "The app was added, but no agent reaches this workspace "
		    "yet: the "
		    "operator of this server has to let it in, within 24 "
		    "hours, with:");
		break;
	case INSTALL_LIVE:
		page_text(p,
		    "The app was added. Agents whose key names this workspace "
		    "reach it "
		    "now.");
		return;
	default:
		page_text(p,
		    "The app was added again, but the operator of this server "
		    "has "
		    "disabled this workspace; to let it in:");
		break;
	}
}

/* To be copied. */
static void
tell_command(struct page *p, const char *command, const char *team)
{
	struct buf line = { 0 };

	buf_fmt(&line, "slackmcpctl %s %s", command, team);
	page_code(p, line.p);
	buf_wipe(&line);
}

static void
tell_agents(const struct conf *conf, struct page *p, const char *team)
{
	page_head(p, "Connect an agent");
	page_text(p, "The operator of this server makes a key for it:");
	tell_command(p, "key add NAME --workspaces", team);
	page_text(p, "It stands in the place of KEY in the agent's settings:");
	settings_add(conf, p);
}

static void
done_page(struct visit *v, const struct oauth_result *r)
{
	bool spooled = r->end == OAUTH_SPOOLED,
	     live = !spooled && r->state == INSTALL_LIVE,
	     org = r->team_id[0] == 'E';
	struct page p;

	page_begin(&p, live ? PAGE_GOOD : PAGE_WAIT,
	    spooled  ? "Almost connected" :
		live ? "Slack is connected" :
		       "Waiting for the operator");
	tell_state(&p, r);
	if (!spooled && !live)
		tell_command(&p,
		    r->state == INSTALL_PENDING ? "install approve" :
						  "install enable",
		    r->team_id);
	page_fact(&p, org ? "Organisation" : "Workspace", r->team_name);
	page_fact(&p, org ? "Its id" : "Team id", r->team_id);
	page_fact(&p, "State",
	    spooled ? "spooled" : install_state_word(r->state));
	tell_agents(v->web->conf, &p, r->team_id);
	page_send(&p, v, spooled ? 202 : 200);
}

static void
failed_page(struct visit *v, const struct oauth_result *r)
{
	struct buf text = { 0 };

	if (r->end == OAUTH_STORE_AWAY && r->code[0] != '\0') {
		page_again(v, 500, "not_stored",
		    "Slack has added the app, but this server could "
		    "not keep the install. Tell its operator, and add the app "
		    "again.");
		return;
	}
	if (r->end == OAUTH_STORE_AWAY)
		http_add(v->req, "Retry-After", "10");
	buf_str(&text, ends[r->end].text);
	if (r->code[0] != '\0')
		buf_fmt(&text, " It said: %s.", r->code);
	if (ends[r->end].again)
		page_again(v, ends[r->end].status, ends[r->end].word, text.p);
	else
		page_error(v, ends[r->end].status, ends[r->end].word, text.p);
	buf_wipe(&text);
}

static void
on_end(void *arg, const struct oauth_result *r)
{
	struct visit *v = arg;
	const char *before = log_request(v->req->id);

	v->oauth = NULL;
	if (r->end == OAUTH_DONE || r->end == OAUTH_SPOOLED)
		done_page(v, r);
	else
		failed_page(v, r);
	log_request(before);
}

/* How often the query has that parameter. */
static unsigned
count(const char *query, const char *name)
{
	size_t len = strlen(name);
	unsigned n = 0;

	while (*query != '\0') {
		if (strncmp(query, name, len) == 0 &&
		    strchr("=&", query[len]) != NULL)
			n++;
		query += strcspn(query, "&");
		query += *query == '&';
	}
	return n;
}

static bool
repeated(const char *query)
{
	static const char *const names[] = { "state", "code", "error" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (count(query, names[i]) > 1)
			return true;
	return false;
}

static bool
is_word(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");

	return n > 0 && n <= 64 && s[n] == '\0';
}

static void
denied(struct visit *v, const char *error)
{
	struct buf text = { 0 };

	if (strcmp(error, "access_denied") == 0)
		buf_str(&text,
		    "The app was not added: somebody said no on Slack's page. "
		    "Nothing "
		    "was changed.");
	else
		buf_fmt(&text, "The app was not added. Slack said: %s.",
		    is_word(error) ? error : "something else");
	page_again(v, 403, "access_denied", text.p);
	buf_wipe(&text);
}

/* The answer of Slack's page is here once, whole, and at a time when it can be used;
 * else the visit is answered. */
static bool
fit(struct visit *v, struct buf *state, struct buf *code)
{
	struct buf error = { 0 };
	bool fits = false;

	if (repeated(v->req->query))
		page_again(v, 400, "bad_request",
		    "A parameter is there more than once. Nothing "
		    "was changed; begin again.");
	else if (http_query(v->req, "error", &error) == 0)
		denied(v, error.len > 0 ? error.p : "");
	else if (http_query(v->req, "state", state) == -1 || state->len == 0)
		page_again(v, 400, "no_state",
		    "This install was not begun here, so its answer "
		    "was not used. Begin with this link.");
	else if (http_query(v->req, "code", code) == -1 || code->len == 0)
		page_again(v, 400, "no_code",
		    "Slack sent no code. Begin again.");
	else if (v->web->draining)
		page_error(v, 503, "unavailable",
		    "This server is just being restarted. Reload "
		    "this page in a moment.");
	else
		fits = true;
	buf_wipe(&error);
	return fits;
}

void
callback_run(struct visit *v)
{
	struct buf state = { 0 }, code = { 0 }, cookie = { 0 };

	/* HEAD asks for nothing that may change something. */
	if (strcmp(v->req->method, "HEAD") == 0)
		http_reply(v->req, 200, "text/html; charset=utf-8", NULL, 0);
	else if (fit(v, &state, &code)) {
		if (http_cookie(v->req, STATE_COOKIE, &cookie) == -1)
			buf_reset(&cookie);
		v->oauth = oauth_finish(v->web->slack, state.p,
		    cookie.len > 0 ? cookie.p : "", code.p, on_end, v);
	}
	buf_wipe(&state);
	buf_wipe(&code);
	buf_wipe(&cookie);
}
