/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "admin/health.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "shm/board.h"

#define SLACK_FRESH_MS	60000	/* a failure counts that long, unless a call works */

struct state {
	struct board_facts facts;
	int ready;
	bool store_away, slack_away;
};

static void
look(const struct region *r, struct state *s)
{
	struct board_row row;
	int64_t now = clock_ms();

	*s = (struct state){ .ready = board_ready(r) };
	board_facts(r, &s->facts);
	for (int i = 0; i < board_rows(r); i++) {
		if (!board_get(r, i, &row) || row.state == BOARD_STARTING)
			continue;
		s->store_away |= row.store_away;
		s->slack_away |= row.slack_failed != 0 &&
		    now - row.slack_failed < SLACK_FRESH_MS;
	}
}

static void
reasons(const struct state *s, bool draining, struct jsonw *w)
{
	const struct { bool holds; const char *text; } rows[] = {
		{ s->facts.stopping, "stopping" },
		{ s->ready == 0, "no worker answers" },
		{ s->ready > 0 && s->ready < s->facts.workers, "some workers do not answer" },
		{ s->facts.crash_loop, "crash loop: workers end soon after their start" },
		{ s->store_away, "the store is away" },
		{ s->slack_away, "Slack cannot be reached" },
		{ draining && !s->facts.stopping, "draining" },
	};

	jsonw_key(w, "reasons");
	jsonw_open(w, '[');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].holds)
			jsonw_text(w, rows[i].text);
	jsonw_close(w);
}

static void
render(const struct state *s, const char *status, bool draining,
    struct buf *out)
{
	struct jsonw w = { .out = out };

	jsonw_open(&w, '{');
	jsonw_put_text(&w, "status", status);
	jsonw_put_text(&w, "version", PACKAGE_VERSION);
	jsonw_put_int(&w, "uptime_s", (clock_ms() - s->facts.started) / 1000);
	jsonw_key(&w, "workers");
	jsonw_open(&w, '{');
	jsonw_put_int(&w, "ready", s->ready);
	jsonw_put_int(&w, "configured", s->facts.workers);
	jsonw_close(&w);
	reasons(s, draining, &w);
	jsonw_close(&w);
	buf_char(out, '\n');
}

int
health_render(const struct region *r, struct buf *out)
{
	struct state s;
	bool down, worse;

	look(r, &s);
	down = s.facts.stopping || s.ready == 0;
	worse = s.ready < s.facts.workers || s.facts.crash_loop ||
	    s.store_away || s.slack_away;
	render(&s, down ? "down" : worse ? "degraded" : "ok", false, out);
	return down ? 503 : 200;
}

static bool
is_ready(const struct state *s)
{
	return !s->facts.stopping && s->ready > 0 && !s->store_away;
}

void
agent_render(const struct region *r, struct buf *out)
{
	struct state s;

	look(r, &s);
	if (s.facts.stopping)
		buf_str(out, "drain\n");
	else if (!is_ready(&s))
		buf_str(out, "down\n");	/* HAProxy 2.6 takes no reason of several words */
	else
		buf_fmt(out, "ready up %d%%\n", s.ready >= s.facts.workers ?
		    100 : s.ready * 100 / s.facts.workers);
}

int
ready_render(const struct region *r, bool draining, struct buf *out)
{
	struct state s;
	bool ready;

	look(r, &s);
	ready = is_ready(&s) && !draining;
	render(&s, ready ? "ready" : "not ready", draining, out);
	return ready ? 200 : 503;
}
