/* SPDX-License-Identifier: ISC */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include "web/visit.h"

/* In this order, before the body is read. */
#define GUARD_ORIGIN	0x01	/* the allow-list, CORS */
#define GUARD_KEY	0x02	/* a good key, or 401 */
#define GUARD_RATE	0x04	/* the key's rate; without GUARD_KEY the address's */
#define GUARD_JSON	0x08	/* Content-Type and Accept of MCP */
#define ROUTE_PAGE	0x10	/* browsers get their errors as a page */
#define ROUTE_QUIET	0x20	/* asked so often that the log has it as debug */

/* Rows of one path stand together and have the same guards, but for GUARD_JSON. */
struct route {
	const char *method, *path;
	unsigned guards;
	void (*run)(struct visit *v);
};

/* The first row of that path (base_path stripped if it is there), or NULL. */
const struct route *route_find(const struct conf *conf, const char *path);
/* The row of that path for the method, HEAD as GET; NULL: 405. */
const struct route *route_method(const struct route *first, const char *method);
/* "GET, HEAD, OPTIONS"; first NULL: of everything (OPTIONS *). */
void route_allow(const struct route *first, struct buf *out);

#endif
