/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/libraries.h"

#include <sqlite3.h>
#ifdef HAVE_MARIADB
#include <mysql.h>
#endif

void
store_libraries(struct buf *out)
{
	buf_fmt(out, "SQLite %s (built with %s)\n", sqlite3_libversion(),
	    SQLITE_VERSION);
#ifdef HAVE_MARIADB
	buf_fmt(out, "MariaDB Connector/C %s (built with %s)\n",
	    mysql_get_client_info(), MARIADB_PACKAGE_VERSION);
#endif
}
