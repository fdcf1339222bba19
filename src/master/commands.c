/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "admin/command.h"
#include "admin/table.h"
#include "base/clock.h"
#include "shm/board.h"
#include "shm/session.h"

#include <unistd.h>

static int
run_help(struct master *m, const struct request *req, struct buf *out)
{
	(void)m;
	command_help(out, req->json);
	return 0;
}

static int
run_reload(struct master *m, const struct request *req, struct buf *out)
{
	(void)req;
	return reload_run(m, out);
}

static int
run_stop(struct master *m, const struct request *req, struct buf *out)
{
	(void)req;
	buf_fmt(out, "stopping; workers drain for at most %lld s\n",
	    (long long)(m->conf->drain_timeout + 999) / 1000);
	master_stop(m);
	return 0;
}

static void
add_option(void *arg, const char *name, const char *value, const char *source,
    const char *help)
{
	struct table *t = arg;

	(void)help;
	table_text(t, name);
	table_text(t, value);
	table_text(t, source);
}

static int
show_config(struct master *m, const struct request *req, struct buf *out)
{
	struct table *t = table_new("option value source");

	conf_each(m->conf, add_option, t);
	table_rows(t, out, req->json);
	table_free(t);
	return 0;
}

static void
put_number(struct table *t, const char *name, int64_t n)
{
	table_text(t, name);
	table_int(t, n);
}

static int64_t
loop_late_max(const struct region *r)
{
	struct board_row row;
	int64_t most = 0;

	for (int i = 0; i < board_rows(r); i++)
		if (board_get(r, i, &row) && row.late_max > most)
			most = row.late_max;
	return most;
}

static int
show_info(struct master *m, const struct request *req, struct buf *out)
{
	static const char *const gauges[] = {
#define X(sym, words) words,
		BOARD_GAUGES(X)
#undef X
	};
	struct table *t = table_new("name value");

	table_text(t, "version");
	table_text(t, PACKAGE_VERSION);
	table_text(t, "node");
	table_text(t, m->conf->node_name);
	table_text(t, "store");
	table_text(t, m->conf->store);
	put_number(t, "pid", getpid());
	put_number(t, "uptime_s", (clock_ms() - m->started) / 1000);
	put_number(t, "generation", m->generation);
	put_number(t, "workers configured", m->workers);
	put_number(t, "workers ready", board_ready(m->region));
	put_number(t, "sessions", (int64_t)session_count(m->region));
	put_number(t, "loop late at most ms", loop_late_max(m->region));
	if (m->tls != NULL)
		put_number(t, "certificate days left", certificate_days(m));
	for (int i = 0; i < GAUGE_COUNT; i++)
		put_number(t, gauges[i],
		    board_gauge_sum(m->region, (enum board_gauge)i));
	for (int i = 0; i < CNT_COUNT; i++)
		put_number(t, counter_name((enum counter_id)i),
		    (int64_t)board_counter_sum(m->region, (enum counter_id)i));
	table_rows(t, out, req->json);
	table_free(t);
	return 0;
}

static int
show_workers(struct master *m, const struct request *req, struct buf *out)
{
	struct table *t = table_new(
	    "pid# what generation# state age_s# stamp_ms# late_max_ms# "
	    "connections# calls# store");
	struct board_row row;
	int64_t now = clock_ms();

	for (int i = 0; i < board_rows(m->region); i++) {
		if (!board_get(m->region, i, &row))
			continue;
		table_int(t, row.pid);
		if (row.slot >= 0)
			table_fmt(t, "worker %d", row.slot + 1);
		else
			table_text(t, row.slot == BOARD_JOB ? "job" : "master");
		table_int(t, row.generation);
		table_text(t, board_state_name((enum board_state)row.state));
		table_int(t, (now - row.started) / 1000);
		table_int(t, now - row.stamp);
		table_int(t, row.late_max);
		table_int(t, row.gauges[GAUGE_CONNECTIONS]);
		table_int(t, row.gauges[GAUGE_CALLS]);
		table_text(t, row.store_away ? "away" : "ok");
	}
	table_rows(t, out, req->json);
	table_free(t);
	return 0;
}

struct listing {
	struct table *table;
	int64_t now;
	int left;
};

/* Only the first characters: an id is not for copying. */
static void
add_session(void *arg, const struct session *s)
{
	struct listing *l = arg;

	if (l->left-- <= 0)
		return;
	table_fmt(l->table, "%.*s…", 12, s->id);
	table_text(l->table, s->principal);
	table_int(l->table, (l->now - s->made) / 1000000);
	table_int(l->table, (l->now - s->used) / 1000000);
}

static int
show_sessions(struct master *m, const struct request *req, struct buf *out)
{
	struct listing l = { table_new("session principal age_s# idle_s#"),
		clock_us(), 1000 };

	session_each(m->region, add_session, &l);
	table_rows(l.table, out, req->json);
	if (l.left < 0 && !req->json)
		buf_fmt(out, "… and %d more\n", -l.left);
	table_free(l.table);
	return 0;
}

static int (*const handlers[CMD_COUNT])(struct master *m,
    const struct request *req, struct buf *out) = {
	[CMD_HELP] = run_help,
	[CMD_RELOAD] = run_reload,
	[CMD_SHOW_CONFIG] = show_config,
	[CMD_SHOW_INFO] = show_info,
	[CMD_SHOW_SESSIONS] = show_sessions,
	[CMD_SHOW_WORKERS] = show_workers,
	[CMD_STOP] = run_stop,
};

int
command_run(struct master *m, const struct request *req, struct buf *out)
{
	if (handlers[req->id] == NULL) {
		buf_fmt(out, "%s: has no handler", commands[req->id].words);
		return -1;
	}
	return handlers[req->id](m, req, out);
}
