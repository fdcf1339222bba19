/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_BLOCKS_H
#define TOOLS_BLOCKS_H

#include "base/buf.h"
#include "base/js.h"
#include "tools/names.h"

/* The readable text of blocks (a JSON array): what a reader would see, in its order,
 * each block and each part of a list on a line of its own. */
void blocks_read(struct names *names, const struct js *blocks, struct buf *out);

#endif
