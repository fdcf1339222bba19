/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/web.h"

#include "base/jsonw.h"
#include "base/list.h"
#include "tools/tool.h"
#include "web/handlers.h"
#include "web/redirect.h"

#include <stdlib.h>

static void
begin(struct jsonw *w, const char *key, char bracket)
{
	jsonw_key(w, key);
	jsonw_open(w, bracket);
}

static void
add_scopes(struct jsonw *w, const struct conf *conf)
{
	char *scopes = tools_scopes(conf);
	const char *at = scopes, *s;
	size_t n;

	begin(w, "bot", '[');
	while ((s = list_next(&at, &n)) != NULL)
		jsonw_textn(w, s, n);
	jsonw_close(w);
	free(scopes);
}

static void
add_oauth(struct jsonw *w, const struct conf *conf)
{
	begin(w, "oauth_config", '{');
	begin(w, "redirect_urls", '[');
	jsonw_text(w, conf->slack_redirect_uri);
	jsonw_close(w);
	begin(w, "scopes", '{');
	add_scopes(w, conf);
	jsonw_close(w);
	jsonw_close(w);
}

/* What tells of an install's end, and of what an org-wide one reaches.  Slack delivers over https only. */
static void
add_events(struct jsonw *w, const struct conf *conf)
{
	struct buf url = { 0 };

	if (!conf->base_https || conf->base_loopback)
		return;
	buf_fmt(&url, "%s" EVENTS_PATH, conf->public_base_url);
	begin(w, "event_subscriptions", '{');
	jsonw_put_text(w, "request_url", url.p);
	begin(w, "bot_events", '[');
	jsonw_text(w, "app_uninstalled");
	jsonw_text(w, "team_access_granted");
	jsonw_text(w, "team_access_revoked");
	jsonw_text(w, "tokens_revoked");
	jsonw_close(w);
	jsonw_close(w);
	buf_wipe(&url);
}

void
web_manifest(const struct conf *conf, struct buf *out)
{
	struct jsonw w = { .out = out };

	jsonw_open(&w, '{');
	begin(&w, "display_information", '{');
	jsonw_put_text(&w, "name", PACKAGE_NAME);
	jsonw_put_text(&w, "description",
	    "Lets AI agents work in this workspace over MCP");
	jsonw_close(&w);
	begin(&w, "features", '{');
	begin(&w, "bot_user", '{');
	jsonw_put_text(&w, "display_name", PACKAGE_NAME);
	jsonw_put_bool(&w, "always_online", false);
	jsonw_close(&w);
	jsonw_close(&w);
	add_oauth(&w, conf);
	begin(&w, "settings", '{');
	add_events(&w, conf);
	jsonw_put_bool(&w, "org_deploy_enabled", true);
	jsonw_put_bool(&w, "socket_mode_enabled", false);
	jsonw_put_bool(&w, "token_rotation_enabled", true);
	jsonw_close(&w);
	jsonw_close(&w);
	buf_char(out, '\n');
}
