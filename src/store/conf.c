/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/store.h"

#include "base/conf.h"
#include "base/mem.h"

#include <stdlib.h>

#define SQLITE		"sqlite:"
#define MARIADB		"mariadb://"
#define MARIADB_PORT	3306

#define FORMS	"write sqlite:/absolute/path, mariadb://user@host:port/database or " \
	"mariadb://user@/database?socket=/path"

static int
parse_port(const char *text, size_t len, unsigned *out)
{
	unsigned port = 0;

	if (len == 0 || len > 5)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	*out = port;
	return port >= 1 && port <= 65535 ? 0 : -1;
}

/* "host", "host:port", "[address]:port". */
static int
parse_host(struct store_conf *c, const char *text, size_t len)
{
	const char *end = text + len, *rest = text;

	if (text[0] == '[') {
		text++;
		rest = memchr(text, ']', (size_t)(end - text));
	} else {
		rest = memchr(text, ':', len);
		rest = rest != NULL ? rest : end;
	}
	if (rest == NULL || rest == text)
		return -1;
	c->host = mem_strn(text, (size_t)(rest - text));
	rest += *rest == ']';
	if (rest == end)
		return 0;
	return *rest == ':' ?
	    parse_port(rest + 1, (size_t)(end - rest) - 1, &c->port) :
	    -1;
}

static int
parse_mariadb(struct store_conf *c, const char *text)
{
	size_t user = strcspn(text, "@:/?"), where, database;
	const char *rest;

	if (user == 0 || text[user] != '@')
		return -1;
	c->user = mem_strn(text, user);
	text += user + 1;
	where = strcspn(text, "/?");
	if (text[where] != '/')
		return -1;
	database = strcspn(text + where + 1, "?/");
	rest = text + where + 1 + database;
	if (database == 0 || rest[0] == '/')
		return -1;
	c->database = mem_strn(text + where + 1, database);
	if (where > 0)
		return rest[0] == '\0' ? parse_host(c, text, where) : -1;
	if (strncmp(rest, "?socket=/", 9) != 0 ||
	    strpbrk(rest + 1, "?&") != NULL)
		return -1;
	c->socket = mem_str(rest + 8);
	return 0;
}

int
store_conf_parse(struct store_conf *out, const char *text, struct err *err)
{
	int rc = -1;

	*out = (struct store_conf){ .port = MARIADB_PORT };
	if (strncmp(text, SQLITE, strlen(SQLITE)) == 0) {
		out->path = mem_str(text + strlen(SQLITE));
		rc = out->path[0] == '/' && out->path[1] != '\0' ? 0 : -1;
	} else if (strncmp(text, MARIADB, strlen(MARIADB)) == 0) {
		rc = parse_mariadb(out, text + strlen(MARIADB));
		out->shared = true;
	}
	if (rc == 0)
		return 0;
	store_conf_wipe(out);
	/* it is not quoted: people put passwords into such addresses */
	return err_set(err, ERR_INPUT, "it names no store: " FORMS);
}

int
store_conf_load(struct store_conf *out, const struct conf *from,
    struct err *err)
{
	if (store_conf_parse(out, from->store, err) == -1)
		return -1;
	out->password = &from->store_password;
	out->ca = *from->store_ca != '\0' ? mem_str(from->store_ca) : NULL;
	return 0;
}

void
store_conf_wipe(struct store_conf *conf)
{
	free(conf->path);
	free(conf->host);
	free(conf->socket);
	free(conf->user);
	free(conf->database);
	free(conf->ca);
	*conf = (struct store_conf){ 0 };
}
