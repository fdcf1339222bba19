/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/listen.h"
#include "net/tls.h"
#include "shm/board.h"
#include "slack/directory.h"
#include "slack/orgs.h"
#include "slack/installs.h"
#include "slack/stale.h"
#include "slack/token.h"
#include "slack/upkeep.h"
#include "slack/verdict.h"
#include "store/lease.h"
#include "tools/tool.h"
#include "worker/state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS		100
#define START_MS	5		/* between looks whether it is ready */
#define LATE_MS		20		/* a callback that holds the loop longer is told */
#define READY_MS	2000		/* for the first reading of the store, then without it */
#define HANDSHAKE_MS	200	/* for those who were shaking hands at the end */
#define REPLY_MAX	(4 * 1024 * 1024)	/* of Slack: a thousand long messages */
#define TAKEOVER_MS	1000		/* a slot with an older stamp is served by others */

static void
accept_on(struct worker *w, int slot, bool on)
{
	for (int a = 0; a < w->h->addresses; a++) {
		int i = slot * w->h->addresses + a;

		if (w->accepting[i] == on)
			continue;
		w->accepting[i] = on;
		if (on && a >= w->h->plain)
			http_server_listen_tls(w->http, w->h->listeners[i]);
		else
			http_server_listen(w->http, w->h->listeners[i], on);
	}
}

/* Nobody accepts behind us: everybody that has got in line is taken. */
static void
sweep_listeners(struct worker *w)
{
	for (int slot = 0; slot < w->h->nlisteners / w->h->addresses; slot++)
		accept_on(w, slot, true);
	for (int i = 0; i < w->h->nlisteners; i++)
		http_server_sweep(w->http, w->h->listeners[i]);
}

static void
close_listeners(struct worker *w)
{
	for (int i = 0; i < w->h->nlisteners; i++) {
		http_server_listen(w->http, w->h->listeners[i], false);
		w->accepting[i] = false;
		close(w->h->listeners[i]);
	}
	w->close_at = 0;
}

static void
drain(struct worker *w, int64_t ms, int64_t idle_ms)
{
	int64_t until = clock_ms() + ms;

	if (idle_ms == 0)	/* not of a generation that is only replaced: */
		token_drain(w->slack.tokens);	/* its calls may need a token */
	if (w->drain_until != 0) {
		if (until < w->drain_until) {
			w->drain_until = until;
			if (w->http != NULL)
				http_server_drain(w->http, idle_ms);
		}
		return;
	}
	w->drain_until = until;
	w->web.draining = true;
	board_state(BOARD_DRAINING);
	if (idle_ms == 0) {
		listen_shut(w->h->listeners, w->h->nlisteners);
		sweep_listeners(w);
		w->close_at = clock_ms() + HANDSHAKE_MS;
	} else {
		close_listeners(w);
	}
	http_server_drain(w->http, idle_ms);
	log_debug("worker", "drains ms=%lld", (long long)ms);
}

/* What finishes without a listener (DESIGN 5) is waited for beyond the deadline:
 * each has its own.  So has what it leaves to the store. */
static bool
has_ended(struct worker *w)
{
	struct board_row row;
	int64_t now = clock_ms();

	if (w->drain_until == 0 || w->close_at != 0)
		return false;
	if (w->http != NULL && !http_server_idle(w->http)) {
		if (now < w->drain_until)
			return false;
		http_server_free(w->http);	/* nobody listens from here on */
		w->http = NULL;
	}
	if (!board_get(w->h->region, w->h->row, &row) ||
	    row.gauges[GAUGE_DETACHED] > 0)
		return false;
	if (w->settled == 0)
		w->settled = now;
	return row.gauges[GAUGE_STORE] == 0 ||
	    now - w->settled >= w->h->conf->store_timeout;
}

/* Its own socket, and those of slots that nobody serves just now. */
static void
choose_sockets(struct worker *w)
{
	int slots = w->h->nlisteners / w->h->addresses;

	for (int slot = 0; slot < slots; slot++)
		accept_on(w, slot, slot == w->h->slot ||
		    !board_slot_serves(w->h->region, slot, TAKEOVER_MS));
}

static void
tick_every(struct worker *w, int64_t ms)
{
	struct timeval tv = clock_tv(ms);

	w->every = ms;
	event_add(w->tick, &tv);
}

static void
tell_ready(struct worker *w)
{
	bool read = principals_loaded(w->principals) &&
	    installs_loaded(w->slack.installs);

	if (!read && clock_ms() - w->started < READY_MS)
		return;
	w->ready = true;
	tick_every(w, TICK_MS);
	accept_on(w, w->h->slot, true);
	board_state(BOARD_READY);
	channel_send(w->channel, MSG_READY, 0, "", 0, -1);
}

static void
tell_gauges(struct worker *w)
{
	size_t connections = w->http != NULL ?
	    http_server_connections(w->http) :
	    0;
	size_t requests = w->http != NULL ? http_server_requests(w->http) : 0;

	board_gauge(GAUGE_CONNECTIONS,
	    (int64_t)connections - (int64_t)w->connections);
	board_gauge(GAUGE_REQUESTS, (int64_t)requests - (int64_t)w->requests);
	w->connections = connections;
	w->requests = requests;
}

static void
watch_loop(struct worker *w)
{
	int64_t now = clock_ms(), late = now - w->ticked - w->every;

	if (w->ticked != 0 && late > LATE_MS) {
		board_late(late);
		counter_up(CNT_LOOP_LATE);
		log_debug("worker", "the loop was late ms=%lld",
		    (long long)late);
	}
	w->ticked = now;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	board_stamp();
	watch_loop(w);
	tell_gauges(w);
	if (w->h->tls != NULL)
		tls_server_turn(w->h->tls, clock_ms());
	principals_store_read_at(w->principals, changes_read_at(w->changes));
	if (w->close_at != 0 && clock_ms() >= w->close_at) {
		sweep_listeners(w);
		close_listeners(w);
	}
	if (w->drain_until != 0) {
		if (has_ended(w))
			event_base_loopbreak(w->base);
		return;
	}
	lease_tidy(clock_ms());
	token_tend(w->slack.tokens);
	upkeep_tend(w->upkeep);
	stale_tend(w->stale);
	orgs_tend(w->slack.orgs);
	if (w->slack.directory != NULL)
		directory_tend(w->slack.directory);
	if (!w->ready)
		tell_ready(w);
	else
		choose_sockets(w);
}

/* A move of our own making is told to the others: they need not wait for their own
 * look.  Only a hint, nothing depends on its coming. */
static void
on_moved(void *arg, bool all)
{
	struct worker *w = arg;

	if (changes_own(w->changes))
		channel_send(w->channel, MSG_CHANGED, 0, "", 0, -1);
	principals_refresh(w->principals, all);
	installs_refresh(w->slack.installs, all);
}

static void
on_news(void *arg)
{
	struct worker *w = arg;

	token_moved(w->slack.tokens);
	verdict_moved(w->slack.verdicts);
}

static void
on_hint(struct worker *w, const struct message *m)
{
	(void)m;
	changes_kick(w->changes);
}

static void
on_drain(struct worker *w, const struct message *m)
{
	char *end;
	int64_t ms = strtoll(m->data, &end, 10);

	drain(w, ms, strtoll(end, NULL, 10));
}

static void
on_reopen(struct worker *w, const struct message *m)
{
	(void)w;
	if (m->fd != -1)
		log_take_fd(m->fd);
}

/* What this process does with each message; the others are not for it. */
static void (*const handlers[MSG_COUNT])(struct worker *w,
    const struct message *m) = {
	[MSG_CHANGED] = on_hint,
	[MSG_DRAIN] = on_drain,
	[MSG_REOPEN] = on_reopen,
	[MSG_COMMAND] = worker_command,
};

static void
on_message(struct channel *ch, const struct message *m, void *arg)
{
	(void)ch;
	if (handlers[m->type] != NULL)
		handlers[m->type](arg, m);
}

static void
on_master_gone(struct channel *ch, void *arg)
{
	struct worker *w = arg;

	(void)ch;
	if (w->drain_until == 0)
		log_error("worker", "the master is gone: draining");
	drain(w, w->h->conf->drain_timeout, 0);
}

static void
on_term(evutil_socket_t sig, short what, void *arg)
{
	struct worker *w = arg;

	(void)sig;
	(void)what;
	drain(w, w->h->conf->drain_timeout, 0);
}

/* Behind what this round of the loop has still to do. */
static void
flush_soon(void *arg)
{
	struct worker *w = arg;

	event_active(w->flush, EV_TIMEOUT, 0);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	log_flush();
}

/* A terminal's ^C and a HUP to the group are the master's business. */
static void
set_signals(struct worker *w)
{
	static const int not_ours[] = { SIGHUP, SIGINT, SIGUSR1, SIGUSR2 };

	for (size_t i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++)
		signal(not_ours[i], SIG_IGN);
	w->term = evsignal_new(w->base, SIGTERM, on_term, w);
	event_add(w->term, NULL);
}

static int
open_store(struct worker *w, struct err *err)
{
	const struct conf *c = w->h->conf;
	struct store_conf sc;

	if (store_conf_load(&sc, c, err) == -1)
		return -1;
	w->store = store_new(w->base, &sc);
	store_set_timeout(w->store, (int)c->store_timeout);
	store_conf_wipe(&sc);
	return 0;
}

static int
open_slack(struct worker *w, struct err *err)
{
	const struct conf *c = w->h->conf;
	struct httpc_conf hc = { .connect_ms = (long)c->connect_timeout,
		.max_reply = REPLY_MAX, .pool = 16, .ca = w->h->ca,
		.user_agent = "slackmcpd/" PACKAGE_VERSION };

	if ((w->httpc = httpc_new(w->base, &hc, err)) == NULL)
		return -1;
	w->slack = (struct slack){ .base = w->base,
		.conf = c,
		.region = w->h->region,
		.store = w->store,
		.httpc = w->httpc,
		.keys = w->h->keys,
		.scopes = w->scopes = tools_scopes(c) };
	w->slack.installs = installs_new(&w->slack);
	w->slack.tokens = tokens_new(&w->slack);
	w->slack.verdicts = verdicts_new(&w->slack);
	w->upkeep = upkeep_new(&w->slack);
	w->stale = stale_new(&w->slack);
	w->slack.orgs = orgs_new(&w->slack);
	if (c->directory)
		w->slack.directory = directory_new(&w->slack);
	installs_on_news(w->slack.installs, on_news, w);
	httpc_warm(w->httpc, c->slack_api_url);
	return 0;
}

static void
open_http(struct worker *w)
{
	const struct conf *c = w->h->conf;
	struct http_conf hc = { .header_ms = c->header_timeout,
		.body_ms = c->body_timeout,
		.request_ms = c->request_timeout,
		.idle_ms = c->idle_timeout,
		.max_header = (size_t)c->max_header,
		.max_body = (size_t)c->max_body,
		.max_connections = (c->max_connections + c->workers - 1) /
		    c->workers,
		.max_option = "MAX_CONNECTIONS",
		.proxies = c->proxy_protocol ? &c->proxies : NULL,
		.hsts = c->base_https && !c->base_loopback,
		.tls = w->h->tls };

	w->box = (struct toolbox){ .slack = &w->slack };
	w->mcp = mcp_new(c, w->h->region, &w->box);
	w->web = (struct web){ .conf = c,
		.region = w->h->region,
		.slack = &w->slack,
		.principals = w->principals,
		.mcp = w->mcp };
	w->http = http_server_new(w->base, &hc, &web_handler, &w->web);
	w->accepting = mem_array(NULL, (size_t)w->h->nlisteners,
	    sizeof(*w->accepting));
	memset(w->accepting, 0,
	    (size_t)w->h->nlisteners * sizeof(*w->accepting));
}

static int
begin(struct worker *w, struct err *err)
{
	if ((w->base = event_base_new()) == NULL)
		fatal("event_base_new");
	set_signals(w);
	w->flush = event_new(w->base, -1, 0, on_flush, w);
	if (w->flush == NULL)
		fatal("no event for the log");
	log_gather(flush_soon, w);
	w->channel = channel_new(w->base, w->h->channel, on_message,
	    on_master_gone, w);
	if (open_store(w, err) == -1 || open_slack(w, err) == -1)
		return -1;
	w->principals = principals_new(w->store, w->base, w->h->conf);
	w->changes = changes_new(w->store, w->base, on_moved, w);
	w->slack.changes = w->changes;
	open_http(w);
	w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
	tick_every(w, START_MS);
	return 0;
}

/* From the top down: what is above lets go of what is below. */
static void
end(struct worker *w)
{
	if (w->http != NULL)
		http_server_free(w->http);
	mcp_free(w->mcp);
	changes_free(w->changes);
	principals_free(w->principals);
	directory_free(w->slack.directory);
	upkeep_free(w->upkeep);
	stale_free(w->stale);
	orgs_free(w->slack.orgs);
	verdicts_free(w->slack.verdicts);
	tokens_free(w->slack.tokens);
	installs_free(w->slack.installs);
	if (w->httpc != NULL)
		httpc_free(w->httpc);
	if (w->store != NULL)
		store_free(w->store);
	channel_free(w->channel);
	if (w->tick != NULL)
		event_free(w->tick);
	if (w->term != NULL)
		event_free(w->term);
	log_gather(NULL, NULL);
	event_free(w->flush);
	free(w->accepting);
	free(w->scopes);
	event_base_free(w->base);
}

int
worker_run(const struct heritage *h)
{
	struct worker w = { .h = h, .started = clock_ms() };
	struct err err;
	int status = 0;

	if (begin(&w, &err) == -1) {
		log_error("worker", "cannot start: %s", err.text);
		status = 1;
	} else {
		event_base_dispatch(w.base);
	}
	end(&w);
	return status;
}
