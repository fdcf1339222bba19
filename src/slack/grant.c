/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/grant.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "slack/id.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX		32
#define NAME_MAX_LEN	200
#define URL_MAX_LEN	200
#define SCOPES_MAX	2000
#define TOKEN_MAX	2048
#define EXPIRES_MAX	(400LL * 86400)

/* A string member: "" when it is absent, null, of another type or too long. */
static char *
text_of(const struct js *o, const char *key, size_t max)
{
	const struct js *v = js_get(o, key, JS_STRING);

	return v != NULL && v->len <= max ? mem_strn(v->text, v->len) :
	    mem_str("");
}

static char *
id_of(const struct js *o, const char *key)
{
	char *s = text_of(o, key, ID_MAX);

	if (slack_is_id(s, strlen(s), NULL))
		return s;
	free(s);
	return mem_str("");
}

/* What steers a terminal, ends a line, or turns what stands behind it around:
 * C0, C1, U+2028 to 202E, U+2066 to 2069. */
static bool
steers(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	if (n == 1)
		return *p < ' ' || *p == 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	return n == 3 && p[0] == 0xe2 &&
	    ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
		(p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9));
}

/* A name may be long: it is cut, at a character's border. */
static char *
name_of(const struct js *o)
{
	char *s = text_of(o, "name", 4096);
	size_t at = 0, to = 0, n;

	while (s[at] != '\0' && (n = utf8_length(s + at, strlen(s + at))) > 0 &&
	    to + n <= NAME_MAX_LEN) {
		if (!steers(s + at, n)) {
			memmove(s + to, s + at, n);
			to += n;
		}
		at += n;
	}
	s[to] = '\0';
	return s;
}

/* A token is printable ASCII: it will stand in a header. */
void
grant_token(const struct js *o, const char *key, struct secret *out)
{
	char *s = text_of(o, key, TOKEN_MAX);
	size_t n = 0;

	while (s[n] > ' ' && s[n] <= '~')
		n++;
	if (n > 0 && s[n] == '\0')
		secret_set(out, s);
	explicit_bzero(s, strlen(s));
	free(s);
}

int64_t
grant_expires_in(const struct js *answer)
{
	int64_t n = js_int(answer, "expires_in");

	return n < 0 || n > EXPIRES_MAX ? 0 : n;
}

char *
grant_scopes(const struct js *answer)
{
	char *text = text_of(answer, "scope", SCOPES_MAX);
	char *list = list_tidy(text);

	free(text);
	return list;
}

static bool
is_bot(const struct js *answer)
{
	char *type = text_of(answer, "token_type", 16);
	bool bot = type[0] == '\0' || strcmp(type, "bot") == 0;

	free(type);
	return bot;
}

bool
grant_is_of(const struct js *answer, const char *enterprise_id,
    const char *team_id)
{
	bool org = team_id[0] == '\0';
	const char *of = js_text(js_get(answer, org ? "enterprise" : "team",
	    JS_OBJECT), "id");

	return is_bot(answer) && (org || !js_bool(answer, "is_enterprise_install")) &&
	    (of[0] == '\0' || strcmp(of, org ? enterprise_id : team_id) == 0);
}

int
grant_read(struct grant *g, const struct js *answer, char *code, size_t size)
{
	const struct js *team = js_get(answer, "team", JS_OBJECT);
	const struct js *org = js_get(answer, "enterprise", JS_OBJECT);

	*g = (struct grant){ 0 };
	g->team_id = id_of(team, "id");
	g->enterprise_id = id_of(org, "id");
	g->team_name = name_of(team != NULL ? team : org);
	g->app_id = id_of(answer, "app_id");
	g->bot_user_id = id_of(answer, "bot_user_id");
	g->installer = id_of(js_get(answer, "authed_user",
	    JS_OBJECT), "id");
	g->bot_id = mem_str("");
	g->url = mem_str("");
	g->scopes = grant_scopes(answer);
	if (is_bot(answer))
		grant_token(answer, "access_token", &g->bot_token);
	grant_token(answer, "refresh_token", &g->refresh_token);
	g->expires_in = grant_expires_in(answer);
	if (g->bot_token.len == 0)
		snprintf(code, size, "no_bot_token");
	else if (g->team_id[0] == '\0' && g->enterprise_id[0] == '\0')
		snprintf(code, size, "bad_answer");
	else
		return 0;
	return -1;
}

static bool
is_url(const char *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:/";

	return (strncmp(s, "https://", 8) == 0 ||
		   strncmp(s, "http://", 7) == 0) &&
	    strspn(s, letters) == strlen(s);
}

char *
grant_bot_id(const struct js *auth_test)
{
	return id_of(auth_test, "bot_id");
}

char *
grant_url(const struct js *auth_test)
{
	char *url = text_of(auth_test, "url", URL_MAX_LEN);

	if (!is_url(url))
		url[0] = '\0';
	return url;
}

void
grant_identify(struct grant *g, const struct js *auth_test)
{
	free(g->bot_id);
	free(g->url);
	g->bot_id = grant_bot_id(auth_test);
	g->url = grant_url(auth_test);
}

void
grant_wipe(struct grant *g)
{
	free(g->enterprise_id);
	free(g->team_id);
	free(g->app_id);
	free(g->team_name);
	free(g->scopes);
	free(g->bot_user_id);
	free(g->installer);
	free(g->bot_id);
	free(g->url);
	secret_wipe(&g->bot_token);
	secret_wipe(&g->refresh_token);
	*g = (struct grant){ 0 };
}

void
grant_row(const struct grant *g, const struct keyring *keys, int64_t asked,
    struct buf *bot, struct buf *refresh, struct install_row *row)
{
	char identity[INSTALL_IDENTITY_SIZE];
	int64_t now = clock_wall_ms();

	install_identity(identity, g->enterprise_id, g->team_id);
	buf_reset(bot);
	buf_reset(refresh);
	keyring_seal(keys, identity, secret_expose(&g->bot_token),
	    g->bot_token.len, bot);
	if (g->refresh_token.len > 0)
		keyring_seal(keys, identity, secret_expose(&g->refresh_token),
		    g->refresh_token.len, refresh);
	*row = (struct install_row){
		.enterprise_id = g->enterprise_id, .team_id = g->team_id,
		.app_id = g->app_id, .team_name = g->team_name, .team_url = g->url,
		.key_id = keyring_first(keys),
		.bot_token = bot->p, .bot_token_len = bot->len,
		.refresh_token = refresh->len > 0 ? refresh->p : "",
		.refresh_token_len = refresh->len,
		.expires = g->expires_in > 0 ? asked + g->expires_in * 1000 : 0,
		.scopes = g->scopes, .bot_user_id = g->bot_user_id, .bot_id = g->bot_id,
		.installer = g->installer, .made = now, .updated = now,
		.state = INSTALL_PENDING,
	};
}
