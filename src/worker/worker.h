/* SPDX-License-Identifier: ISC */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "shm/heritage.h"

/* A worker's whole life: one libevent loop, HTTP in, Slack out, the store.
 * Returns the exit status. */
int worker_run(const struct heritage *h);

#endif
