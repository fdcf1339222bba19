/* SPDX-License-Identifier: ISC */
#ifndef NET_LIBRARIES_H
#define NET_LIBRARIES_H

#include "base/buf.h"

/* A line for each library this folder is built on, as it is loaded now. */
void net_libraries(struct buf *out);

#endif
