/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_CHANNELS_H
#define TOOLS_CHANNELS_H

#include "tools/call.h"

/* A channel of Slack's as one line of foreign text. */
void channels_put(const struct call *call, const struct js *channel,
    struct buf *out);
#define CHANNELS_LEGEND	"id | name | members | flags | topic | purpose"

#endif
