/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "web/redirect.h"

#include "web/handlers.h"

#include <stdio.h>
#include <string.h>

static int
parse(const struct conf *conf, struct url *u)
{
	struct err err;

	return url_parse(u, conf->slack_redirect_uri, &err);
}

void
redirect_cookie(const struct conf *conf, const char *value, struct buf *out)
{
	struct url u;
	const char *end = NULL;
	int folder;

	if (parse(conf, &u) == 0)
		end = strrchr(u.path, '/');
	folder = end != NULL && end > u.path ? (int)(end - u.path) : 0;
	buf_fmt(out,
	    STATE_COOKIE "=%s; Path=%.*s; Max-Age=%d; HttpOnly; SameSite=Lax",
	    value, folder > 0 ? folder : 1, folder > 0 ? u.path : "/",
	    OAUTH_STATE_S);
	if (end != NULL && strcmp(u.scheme, "https") == 0)
		buf_str(out, "; Secure");
}

/* The prefix under which all our paths lie there. */
static size_t
prefix(const struct conf *conf, const struct url *u)
{
	size_t len = strlen(u->path), tail = strlen(CALLBACK_PATH);

	if (len >= tail && strcmp(u->path + len - tail, CALLBACK_PATH) == 0)
		return len - tail;
	len = strlen(conf->base_path);
	return strncmp(u->path, conf->base_path, len) == 0 ? len : 0;
}

bool
redirect_elsewhere(const struct conf *conf, const char *host, struct buf *out)
{
	char text[sizeof(((struct url *)0)->host) + 64],
	    origin[URL_ORIGIN_SIZE];
	struct url there, here;
	struct err err;

	if (host == NULL || parse(conf, &there) == -1 ||
	    snprintf(text, sizeof(text), "%s://%s", there.scheme, host) >=
	    (int)sizeof(text) || url_parse(&here, text, &err) == -1)
		return false;
	if (strcmp(here.host, there.host) == 0 && here.port == there.port)
		return false;
	url_origin(&there, origin);
	buf_str(out, origin);
	buf_add(out, there.path, prefix(conf, &there));
	buf_str(out, INSTALL_PATH);
	return true;
}
