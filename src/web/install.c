/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/oauth.h"

#include "web/handlers.h"
#include "web/page.h"
#include "web/redirect.h"

#include <string.h>

#define MARKER	"moved"

/* A hint for Slack's page: an id, or it is left out. */
static void
team_hint(const struct visit *v, struct buf *team)
{
	if (http_query(v->req, "team", team) == -1 || team->len == 0 ||
	    team->len > 32 || (team->p[0] != 'T' && team->p[0] != 'E') ||
	    strspn(team->p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") !=
		team->len)
		buf_reset(team);
}

static void
go(struct visit *v, const char *url)
{
	http_add(v->req, "Location", url);
	http_add(v->req, "Cache-Control", "no-store");
	http_reply(v->req, 302, NULL, NULL, 0);
}

/* The state's cookie is kept for the redirect URI's host: under another name of
 * this server it would be lost.  Once only: a proxy may hide the name. */
static bool
move(struct visit *v, const char *team)
{
	struct buf url = { 0 }, seen = { 0 };
	bool moves = http_query(v->req, MARKER, &seen) == -1 &&
	    redirect_elsewhere(v->web->conf, v->host, &url);

	if (moves) {
		buf_str(&url, "?" MARKER "=1");
		if (team[0] != '\0')
			buf_form(&url, "team", team, strlen(team));
		go(v, url.p);
	}
	buf_wipe(&url);
	buf_wipe(&seen);
	return moves;
}

void
install_run(struct visit *v)
{
	struct buf team = { 0 }, state = { 0 }, cookie = { 0 }, header = { 0 },
		   url = { 0 };
	const char *hint;

	team_hint(v, &team);
	hint = team.len > 0 ? team.p : "";
	if (!move(v, hint)) {
		oauth_begin(v->web->slack, &state, &cookie);
		redirect_cookie(v->web->conf, cookie.p, &header);
		http_add(v->req, "Set-Cookie", header.p);
		oauth_authorize_url(v->web->slack, state.p, hint, &url);
		go(v, url.p);
	}
	buf_wipe(&team);
	buf_wipe(&state);
	buf_wipe(&cookie);
	buf_wipe(&header);
	buf_wipe(&url);
}
