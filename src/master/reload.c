/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/trouble.h"
#include "net/tls.h"

/* The region's room for sessions is made once. */
static bool
outgrows(const struct conf *was, const struct conf *now, struct buf *said)
{
	if (now->max_sessions <= was->max_sessions &&
	    now->max_sessions >= was->max_sessions / 2)
		return false;
	buf_str(said, "MAX_SESSIONS: cannot grow, or fall below the half, by a"
	    " reload: restart\n");
	return true;
}

static int
take_conf(struct master *m, struct buf *said)
{
	struct conf_report report = { 0 };
	struct conf *now = conf_load(m->start->input, &report), *was = m->conf;
	struct err err;
	void *tls;

	buf_add(said, report.errors.p, report.errors.len);
	buf_add(said, report.warnings.p, report.warnings.len);
	conf_report_wipe(&report);
	if (now == NULL || conf_needs_restart(was, now, said) ||
	    outgrows(was, now, said)) {
		conf_free(now);
		return -1;
	}
	m->conf = now;
	/* the preparing job, which is yet to succeed, stores this one */
	if (m->keys_are_new && now->token_keys.len == 0)
		secret_copy(&now->token_keys, &was->token_keys);
	if (certificate_read(now, &tls, &err) == -1 ||
	    setup_limits(m, &err) == -1 || setup_keys(m, &err) == -1) {
		tls_server_free(tls);
		buf_fmt(said, "%s\n", err.text);
		m->conf = was;
		conf_free(now);
		return -1;
	}
	certificate_use(m, tls);
	conf_free(was);
	return 0;
}

/* There is a socket for each that was there at the start. */
static void
take_workers(struct master *m, struct buf *said)
{
	struct conf *c = m->conf;

	if (c->workers > m->listen.slots) {
		buf_fmt(said, "WORKERS: %d needs a restart; %d are started\n",
		    c->workers, m->listen.slots);
		log_warn("reload", "WORKERS: %d needs a restart; %d are started",
		    c->workers, m->listen.slots);
		c->workers = m->listen.slots;
	}
	m->workers = c->workers;
}

static int
refused(struct master *m, const struct buf *said)
{
	counter_up(CNT_RELOADS_REFUSED);
	m->refused_reload = true;
	log_error("reload", "reload refused, the old configuration stays: %.*s",
	    (int)(said->len > 0 ? said->len - 1 : 0),
	    said->len > 0 ? said->p : "");
	master_stays(m);
	return -1;
}

static void
accepted(struct master *m, struct buf *said)
{
	counter_up(CNT_RELOADS);
	m->refused_reload = false;
	trouble_over(TROUBLE_RELOAD);
	setup_ca(m);
	setup_tune(m);
	log_level((enum log_level)m->conf->log_level);
	take_workers(m, said);
	supervise_start(m);
	/* what it checks may have changed: keys, live key, spool */
	m->prepare_job = clock_ms();
	buf_fmt(said,
	    "generation %u starts; the old one drains when it is ready\n",
	    m->generation);
	log_info("reload", "reload generation=%u workers=%d", m->generation,
	    m->workers);
}

/* Not now? */
static bool
waits(struct master *m, struct buf *said)
{
	m->reload_waits = true;
	if (!m->running) {
		buf_str(said,
		    "starting: the reload waits until the store is prepared\n");
		return true;
	}
	master_reloads(m);
	if (supervise_generations(m) >= GENERATIONS_MAX) {
		buf_fmt(said, "%d generations live: the reload waits until the"
		    " oldest has ended\n", GENERATIONS_MAX);
		log_warn("reload", "reload waits: %d generations live",
		    GENERATIONS_MAX);
		return true;
	}
	m->reload_waits = false;
	return false;
}

int
reload_run(struct master *m, struct buf *said)
{
	if (m->stopping) {
		buf_str(said, "stopping: no reload any more\n");
		return -1;
	}
	if (waits(m, said))
		return 0;
	if (take_conf(m, said) == -1)
		return refused(m, said);
	accepted(m, said);
	return 0;
}

void
reload_tick(struct master *m)
{
	struct buf said = { 0 };

	if (m->refused_reload)
		trouble_met(TROUBLE_RELOAD);
	if (m->reload_waits && supervise_generations(m) < GENERATIONS_MAX)
		reload_run(m, &said);
	buf_wipe(&said);
}
