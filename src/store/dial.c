/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/dial.h"

#include "base/log.h"
#include "base/mem.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAIT_S	5		/* for each step of a connection's making */

/* What is locked is not waited for: the unit comes back, as on SQLite, until its own
 * deadline, and the connection serves others meanwhile.  A job waits a little, so that
 * a migration finds its gap.  A connection that is idle is not to be closed just when
 * it is wanted.  What the server's configuration says of these is nobody's. */
#define SESSION	"SET autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', " \
	"wait_timeout = 28800, innodb_lock_wait_timeout = 0, " \
	"lock_wait_timeout = "

struct dial {
	atomic_int holders;
	int done;		/* an eventfd */
	struct store_conf conf;
	struct secret password;
	MYSQL *my;
	struct err err;
};

static void
set_options(MYSQL *my, const struct store_conf *conf)
{
	static const unsigned seconds = WAIT_S, tcp = MYSQL_PROTOCOL_TCP,
			      off = 0;
	my_bool yes = 1, no = 0;

	mysql_options(my, MYSQL_OPT_NONBLOCK, 0);
	if (conf->socket == NULL)	/* "localhost" too */
		mysql_options(my, MYSQL_OPT_PROTOCOL, &tcp);
	mysql_options(my, MYSQL_OPT_RECONNECT, &no);
	mysql_options(my, MYSQL_OPT_LOCAL_INFILE, &off);	/* no server reads our files */
	mysql_options(my, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
	mysql_options(my, MYSQL_OPT_READ_TIMEOUT, &seconds);
	mysql_options(my, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
	mysql_options(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	mysql_options(my, MYSQL_INIT_COMMAND,
	    conf->job ? SESSION "1" : SESSION "0");
	if (conf->ca != NULL && conf->socket == NULL) {
		mysql_options(my, MYSQL_OPT_SSL_CA, conf->ca);
		mysql_options(my, MYSQL_OPT_SSL_ENFORCE, &yes);
		mysql_options(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
	}
}

static void *
dial_thread(void *arg)
{
	struct dial *d = arg;
	const struct store_conf *c = &d->conf;

	mysql_thread_init();
	if ((d->my = mysql_init(NULL)) == NULL)
		fatal("store: no memory for a connection");
	set_options(d->my, c);
	if (mysql_real_connect(d->my, c->host, c->user,
		secret_expose(&d->password), c->database, c->port, c->socket,
		CLIENT_FOUND_ROWS) == NULL) {
		err_set(&d->err, ERR_UPSTREAM, "MariaDB: %s",
		    mysql_error(d->my));
		mysql_close(d->my);
		d->my = NULL;
	} else { /* left blocking, and over TLS the driver would wait in read() */
		fcntl(mysql_get_socket(d->my), F_SETFL, O_NONBLOCK);
	}
	eventfd_write(d->done, 1);
	mysql_thread_end();
	dial_drop(d);
	return NULL;
}

static void
copy_conf(struct dial *d, const struct store_conf *conf)
{
	d->conf = (struct store_conf){ .port = conf->port,
		.job = conf->job,
		.host = mem_str(conf->host),
		.socket = mem_str(conf->socket),
		.user = mem_str(conf->user),
		.database = mem_str(conf->database),
		.ca = mem_str(conf->ca) };
	secret_set(&d->password,
	    conf->password != NULL ? secret_expose(conf->password) : "");
}

struct dial *
dial_start(const struct store_conf *conf)
{
	struct dial *d = mem_new(sizeof(*d));
	sigset_t all, before;
	pthread_t thread;
	int rc;

	if ((d->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1)
		fatal("store: no eventfd");
	copy_conf(d, conf);
	d->holders = 2;
	sigfillset(&all);		/* they are the loop's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, dial_thread, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		fatal("store: no thread to connect");
	pthread_detach(thread);
	return d;
}

int
dial_fd(const struct dial *d)
{
	return d->done;
}

MYSQL *
dial_take(struct dial *d, struct err *err)
{
	MYSQL *my = d->my;

	*err = d->err;
	d->my = NULL;
	dial_drop(d);
	return my;
}

void
dial_drop(struct dial *d)
{
	if (atomic_fetch_sub(&d->holders, 1) > 1)
		return;
	if (d->my != NULL)
		mysql_close(d->my);
	close(d->done);
	store_conf_wipe(&d->conf);
	secret_wipe(&d->password);
	free(d);
}
