/* SPDX-License-Identifier: ISC */
#ifndef WEB_REDIRECT_H
#define WEB_REDIRECT_H

#include "base/url.h"
#include "web/visit.h"

/* Set-Cookie of the state, seen by the folder of the redirect URI alone.  It is left
 * to run out: a page loaded again is then known as one that was answered, and a
 * stranger's link to the callback cannot end an install that is under way. */
#define STATE_COOKIE	"slackmcp_state"
void redirect_cookie(const struct conf *conf, const char *value,
    struct buf *out);
/* Was the request made under another host than the redirect URI's?  Then the URL of
 * the install page there is added to out. */
bool redirect_elsewhere(const struct conf *conf, const char *host,
    struct buf *out);

#endif
