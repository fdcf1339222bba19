/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/web.h"

#include "base/jsonw.h"
#include "base/list.h"
#include "tools/tool.h"
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
	jsonw_put_bool(&w, "org_deploy_enabled", false);
	jsonw_put_bool(&w, "socket_mode_enabled", false);
	jsonw_put_bool(&w, "token_rotation_enabled", true);
	jsonw_close(&w);
	jsonw_close(&w);
	buf_char(out, '\n');
}
