/* SPDX-License-Identifier: ISC */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/err.h"

#include <stdbool.h>

/* What the configuration and the OAuth pages need to know of a URL.  scheme
 * and host lower-cased; port 0 when the scheme's own; path "" or "/…" without
 * query and fragment (which make it invalid here).  No user:password. */
struct url {
	char scheme[32];
	char host[256];		/* IPv6 without brackets */
	unsigned port;
	char path[512];
};

int url_parse(struct url *u, const char *text, struct err *err);
/* "scheme://host[:port]" in its normal form (RFC 6454), the default port left
 * out.  out has URL_ORIGIN_SIZE bytes. */
#define URL_ORIGIN_SIZE	320
void url_origin(const struct url *u, char *out);
bool url_is_loopback(const struct url *u);	/* localhost, *.localhost, 127/8, ::1 */

/* An Origin header or an entry of ALLOWED_ORIGINS in normal form: any scheme
 * (app://x, vscode-webview://y), one trailing slash dropped, scheme and host in
 * lower case, default port dropped, "null" as it is.  -1: not an origin. */
int url_normal_origin(const char *text, char *out);

#endif
