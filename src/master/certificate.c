/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/trouble.h"
#include "net/tls.h"

#include <time.h>

#define DAY_S		86400
#define DAY_MS		(INT64_C(1000) * DAY_S)
#define WARN_DAYS	14

int64_t
certificate_days(const struct master *m)
{
	int64_t begins, ends, left;

	tls_server_dates(m->tls, &begins, &ends);
	left = ends - (int64_t)time(NULL);
	return left >= 0 ? left / DAY_S : -1 - (-1 - left) / DAY_S;
}

static bool
is_bad(const struct master *m)
{
	int64_t begins, ends, now = (int64_t)time(NULL);

	tls_server_dates(m->tls, &begins, &ends);
	return now < begins || now > ends;
}

static void
look_at_dates(struct master *m)
{
	int64_t begins, ends, days = certificate_days(m);

	m->tls_told = clock_ms();
	tls_server_dates(m->tls, &begins, &ends);
	m->tls_bad = is_bad(m);
	if (days < 0)
		log_warn("tls",
		    "TLS_CERT %s: expired %lld days ago: renew it, then reload",
		    m->conf->tls_cert, (long long)-days);
	else if (begins > (int64_t)time(NULL))
		log_warn("tls",
		    "TLS_CERT %s: is not good yet: look at its dates and at "
		    "this machine's clock",
		    m->conf->tls_cert);
	else if (days < WARN_DAYS)
		log_warn("tls",
		    "TLS_CERT %s: expires in %lld days: renew it, then reload",
		    m->conf->tls_cert, (long long)days);
}

int
certificate_read(const struct conf *conf, void **tls, struct err *err)
{
	*tls = NULL;
	if (conf->tls_port == 0)
		return 0;
	*tls = tls_server_load(conf->tls_cert, conf->tls_key, err);
	if (*tls == NULL)
		return -1;
	tls_server_tickets(*tls, conf->tls_ticket_turn);
	return 0;
}

void
certificate_use(struct master *m, void *tls)
{
	tls_server_free(m->tls);
	m->tls = tls;
	m->tls_bad = false;
	trouble_over(TROUBLE_CERTIFICATE);
	if (tls != NULL)
		look_at_dates(m);
}

int
certificate_open(struct master *m, struct err *err)
{
	const struct conf *c = m->conf;
	struct listen_set sockets;
	void *tls;

	if (certificate_read(c, &tls, err) == -1)
		return -1;
	certificate_use(m, tls);
	if (tls == NULL)
		return 0;
	if (listen_open(&sockets, c->host, c->tls_port, c->workers, "HOST",
		"TLS_PORT", err) == -1)
		return -1;
	listen_join(&m->listen, &sockets);
	return 0;
}

void
certificate_tick(struct master *m)
{
	if (m->tls == NULL)
		return;
	tls_server_turn(m->tls, clock_ms());
	if (clock_ms() - m->tls_told >= DAY_MS || is_bad(m) != m->tls_bad)
		look_at_dates(m);
	if (m->tls_bad)
		trouble_met(TROUBLE_CERTIFICATE);
	else
		trouble_over(TROUBLE_CERTIFICATE);
}
