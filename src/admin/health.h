/* SPDX-License-Identifier: ISC */
#ifndef ADMIN_HEALTH_H
#define ADMIN_HEALTH_H

#include "base/buf.h"
#include "shm/region.h"

#include <stdbool.h>

/* /health and /ready as every worker and the master's listener answer them
 * (DETAILS 2): the body goes to out, the HTTP status is returned.  /health is 503
 * only when no worker serves or the daemon is stopping; /ready also while the
 * store is away or this worker drains. */
int health_render(const struct region *r, struct buf *out);
int ready_render(const struct region *r, bool draining, struct buf *out);

/* The line of HAProxy's agent-check (its "agent-port"): ready with the share of
 * workers that serve as its weight, down, or drain while the daemon stops. */
void agent_render(const struct region *r, struct buf *out);

#endif
