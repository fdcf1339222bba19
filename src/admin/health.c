/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "admin/health.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "shm/board.h"

enum weight { NOTE, WORSE, DOWN };

struct reason {
	enum weight weight;
	const char *text;
};

#define REASONS	(8 + TROUBLE_COUNT)
struct state {
	struct board_facts facts;
	int ready;
	bool store_away;
	bool lasts[TROUBLE_COUNT];
	struct reason reasons[REASONS];
	size_t nreasons;
	enum weight worst;
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
		for (int t = 0; t < TROUBLE_COUNT; t++)
			s->lasts[t] |= trouble_lasts(row.troubles[t], now);
	}
}

static void
add(struct state *s, bool holds, enum weight weight, const char *text)
{
	if (!holds || text == NULL)
		return;
	s->reasons[s->nreasons++] = (struct reason){ weight, text };
	if (weight > s->worst)
		s->worst = weight;
}

/* The one list of what /health can say, but for base/troubles.def. */
static void
judge(const struct region *r, bool draining, struct state *s)
{
	look(r, s);
	add(s, s->facts.stopping, DOWN, "stopping");
	add(s, s->ready == 0, DOWN, "no worker answers");
	add(s, s->ready > 0 && s->ready < s->facts.workers, WORSE,
	    "some workers do not answer");
	add(s, s->facts.crash_loop, WORSE,
	    "crash loop: workers end soon after their start");
	add(s, s->store_away, WORSE, "the store is away");
	add(s, !s->facts.prepared && s->ready > 0, WORSE,
	    "the store is not prepared yet");
	add(s, region_spooled(r), WORSE,
	    "installs wait in the spool for the store");
	for (int t = 0; t < TROUBLE_COUNT; t++)
		add(s, s->lasts[t], WORSE, trouble_text((enum trouble_id)t));
	add(s, draining && !s->facts.stopping, NOTE, "draining");
}

static void
render(const struct state *s, const char *status, struct buf *out)
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
	jsonw_key(&w, "reasons");
	jsonw_open(&w, '[');
	for (size_t i = 0; i < s->nreasons; i++)
		jsonw_text(&w, s->reasons[i].text);
	jsonw_close(&w);
	jsonw_close(&w);
	buf_char(out, '\n');
}

int
health_render(const struct region *r, struct buf *out)
{
	static const char *const words[] = { [NOTE] = "ok",
		[WORSE] = "degraded", [DOWN] = "down" };
	struct state s;

	judge(r, false, &s);
	render(&s, words[s.worst], out);
	return s.worst == DOWN ? 503 : 200;
}

static bool
is_ready(const struct state *s)
{
	return !s->facts.stopping && s->ready > 0 && s->facts.prepared &&
	    !s->store_away;
}

void
agent_render(const struct region *r, struct buf *out)
{
	struct state s;

	judge(r, false, &s);
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

	judge(r, draining, &s);
	ready = is_ready(&s) && !draining;
	render(&s, ready ? "ready" : "not ready", out);
	return ready ? 200 : 503;
}
