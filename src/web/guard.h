/* SPDX-License-Identifier: ISC */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include "web/visit.h"

/* Each false when the visit was answered. */
bool guard_origin(struct visit *v);
bool guard_key_rate(struct visit *v);
bool guard_address_rate(struct visit *v);
bool guard_json(struct visit *v);
/* May the body come?  429 beyond MAX_BODY_PER_KEY, of which each worker has its
 * share.  Until it is here the longest that it can be is counted. */
bool guard_body(struct visit *v);
void guard_body_is(struct visit *v, size_t bytes);	/* 0: it is no more */

/* GOOD: v->policy is held.  WAIT: v->wait will call back, then ask again with last;
 * it never says WAIT then. */
enum guard_key { KEY_GOOD, KEY_REFUSED, KEY_WAIT };
enum guard_key guard_key(struct visit *v, principals_fn *again, bool last);

/* May this Origin header's value call us?  normal gets its normal form, or "". */
bool origin_allowed(const struct conf *conf, const char *value,
    char normal[URL_ORIGIN_SIZE]);

/* OPTIONS of a path with CORS. */
void guard_preflight(struct visit *v);

#endif
