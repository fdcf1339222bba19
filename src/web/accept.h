/* SPDX-License-Identifier: ISC */
#ifndef WEB_ACCEPT_H
#define WEB_ACCEPT_H

#include "net/http1.h"

/* How much the client wants this type (RFC 9110 12.5.1): 0 not at all to 1000; the
 * most specific range of all Accept headers counts; none of them: 1000. */
int accept_weight(const struct http_req *req, const char *type,
    const char *subtype);
/* Does it name text/html itself?  Then it is a browser, for our purposes. */
bool accept_html(const struct http_req *req);
/* Is this media type, parameters aside, type/subtype? */
bool accept_is(const char *media, const char *type, const char *subtype);

#endif
