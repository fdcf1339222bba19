/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/libraries.h"

#include <sqlite3.h>

void
store_libraries(struct buf *out)
{
	buf_fmt(out, "SQLite %s (built with %s)\n", sqlite3_libversion(), SQLITE_VERSION);
}
