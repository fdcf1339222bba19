/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf_row.h"

#include <string.h>

#define SQLITE		"sqlite:"
#define MARIADB		"mariadb://"

static void
check_sqlite(struct conf_loading *l, const char *path)
{
	if (*path != '/')
		conf_error(l->report, "STORE",
		    "the path behind sqlite: is relative: "
		    "write the whole path, since the daemon works in /");
	if (*l->c->store_ca != '\0')
		conf_warn(l->report, "STORE_CA",
		    "SQLite has no use for it: remove it");
}

/* What leaves this host. */
static bool
is_remote(const char *host)
{
	static const char *const near[] = { "/", "localhost:", "localhost/",
		"127.", "[::1]" };

	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++)
		if (strncmp(host, near[i], strlen(near[i])) == 0)
			return false;
	return true;
}

/* Its text is not quoted: people put passwords into such addresses.  store/ takes it
 * apart; here is what it could not say as well. */
static void
check_mariadb(struct conf_loading *l, const char *text)
{
	const char *at = strchr(text, '@');

#ifndef HAVE_MARIADB
	conf_error(l->report, "STORE",
	    "this slackmcpd was built without MariaDB: build it "
	    "with MariaDB Connector/C (Debian: libmariadb-dev), or write "
	    "sqlite:/a/path");
#endif
	if (at == NULL || at == text) {
		conf_error(l->report, "STORE", "there is no user in it: write "
		    "mariadb://user@host:port/database");
		return;
	}
	if (memchr(text, ':', (size_t)(at - text)) != NULL)
		conf_error(l->report, "STORE",
		    "there is a password in it: write "
		    "mariadb://user@host:port/database, and the password into "
		    "STORE_PASSWORD or a file named by STORE_PASSWORD_FILE");
	else if (*l->c->store_ca == '\0' && is_remote(at + 1))
		conf_warn(l->report, "STORE_CA",
		    "it is not set: everything between here "
		    "and the MariaDB of another host is sent in the clear");
	else if (*l->c->store_ca != '\0' && at[1] == '/')
		conf_warn(l->report, "STORE_CA",
		    "a socket has no use for it: remove it");
}

void
conf_store(struct conf_loading *l)
{
	const char *text = l->c->store;

	if (strncmp(text, MARIADB, strlen(MARIADB)) == 0)
		check_mariadb(l, text + strlen(MARIADB));
	else if (strncmp(text, SQLITE, strlen(SQLITE)) == 0)
		check_sqlite(l, text + strlen(SQLITE));
	else
		conf_error(l->report, "STORE",
		    "it is no store: write sqlite:/a/path or "
		    "mariadb://user@host:port/database");
}
