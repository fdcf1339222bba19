/* SPDX-License-Identifier: ISC */
#ifndef STORE_LIBRARIES_H
#define STORE_LIBRARIES_H

#include "base/buf.h"

/* A line for each library this folder is built on, as it is loaded now. */
void store_libraries(struct buf *out);

#endif
