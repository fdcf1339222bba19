/* SPDX-License-Identifier: ISC */
#ifndef SLACK_FILL_H
#define SLACK_FILL_H

#include "slack/directory.h"

/* One run over a workspace's channels or people, page by page, by lease; private to
 * the directory's files.  A run that failed goes on at its page when the next one begins.
 *
 * done: the run is over, or somebody else's, or not due; look again in wait_ms. */
typedef void fill_over_fn(void *arg, int64_t wait_ms);
struct fill;
struct fill *fill_begin(struct slack *s, struct install *in,
    enum directory_kind kind, fill_over_fn *done, void *arg);
void fill_cancel(struct fill *f);

#endif
