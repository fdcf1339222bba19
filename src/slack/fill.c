/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/fill.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/mem.h"
#include "slack/error.h"
#include "slack/kind.h"
#include "store/changes.h"
#include "store/directory.h"
#include "store/lease.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS		20000
#define BUSY_MS		10000		/* somebody else is at it */
#define FAILED_PAUSES	20		/* of DIRECTORY_PAUSE, before the next run */
#define LIMIT		200		/* things of a page: nobody waits */
#define PAGE_MAX	1000		/* bytes of a cursor that are kept */

struct fill {
	struct slack *s;
	struct install *in;
	enum directory_kind kind;
	struct directory_of of;
	fill_over_fn *done;
	void *arg;

	char name[64];
	struct lease lease;
	struct event *timer;
	struct unit *unit;
	struct slack_call *asked;

	struct fill_row row;		/* its texts are the three below */
	char state[16], problem[64], place[PAGE_MAX + 24];
	char page[PAGE_MAX + 1];	/* cursor of the page that is next */
	int64_t entries;		/* of this run so far */
	bool fresh;			/* the cursor is this run's own */
	int64_t wait_ms;		/* when the run is over */

	struct directory_entry *entry;	/* of a page: n, of which put are stored */
	size_t n, put;
	struct buf own;			/* what they point into, in one piece */
	char next[PAGE_MAX + 1];
};

void
fill_cancel(struct fill *f)
{
	if (f->asked != NULL)
		slack_cancel(f->asked);
	if (f->unit != NULL)
		store_cancel(f->unit);
	lease_drop(&f->lease);
	lease_wipe(&f->lease);
	event_free(f->timer);
	buf_wipe(&f->own);
	free(f->entry);
	install_drop(f->in);
	free(f);
}

/* Where the run is: how many it has found, and the cursor, which has no blank. */
static void
put_place(struct fill *f)
{
	f->place[0] = '\0';
	if (f->page[0] != '\0')
		snprintf(f->place, sizeof(f->place), "%lld %s",
		    (long long)f->entries, f->page);
}

static void
take_place(struct fill *f, const char *place)
{
	const char *blank = strchr(place, ' ');

	f->entries = blank != NULL ? strtoll(place, NULL, 10) : 0;
	snprintf(f->page, sizeof(f->page), "%s",
	    blank != NULL ? blank + 1 : place);
	snprintf(f->place, sizeof(f->place), "%s", place);
}

static void
over(struct fill *f, int64_t wait_ms)
{
	fill_over_fn *done = f->done;
	void *arg = f->arg;

	fill_cancel(f);
	done(arg, wait_ms);
}

/* The store took it no more.  If that is so because the workspace has been forgotten,
 * the lease, which this run may have made, is not to tell of it either. */
static void
refused(struct fill *f, const struct err *err, int64_t wait_ms)
{
	log_debug("directory", "a run is given up: %s", err->text);
	f->lease.forget = err->kind == ERR_NOT_FOUND;
	over(f, wait_ms);
}

static void
on_over(void *arg, const struct err *err)
{
	struct fill *f = arg;

	f->unit = NULL;
	if (err != NULL)
		log_debug("directory", "a run's end could not be stored: %s",
		    err->text);
	else if (f->row.news)
		changes_wrote(f->s->changes);
	over(f, f->wait_ms);
}

/* What is there stays, and the next run goes on at this page. */
static void
fail(struct fill *f, const char *problem)
{
	counter_up(CNT_DIRECTORY_FAILED);
	log_info("directory", "a run ended early team=%s kind=%s problem=%s"
	    " entries=%lld", install_place(f->in), kinds[f->kind].word, problem,
	    (long long)f->entries);
	snprintf(f->problem, sizeof(f->problem), "%s", problem);
	if (f->state[0] == '\0')
		snprintf(f->state, sizeof(f->state), "partial");
	f->row.news = f->kind == DIRECTORY_TEAMS && f->page[0] != '\0';
	f->row.ended = clock_wall_ms();
	f->wait_ms = f->s->conf->directory_pause * FAILED_PAUSES;
	f->unit = fill_set(f->s->store, &f->of, &f->row, on_over, f);
}

/* The last page is stored, or as many as are kept: then there are more. */
static void
finish(struct fill *f)
{
	const char *state = f->page[0] == '\0' ? "complete" : "partial";

	snprintf(f->state, sizeof(f->state), "%s", state);
	snprintf(f->problem, sizeof(f->problem), "%s",
	    f->page[0] == '\0' ? "" : DIRECTORY_FULL);
	f->page[0] = f->place[0] = '\0';
	f->row.entries = f->entries;
	f->row.ended = clock_wall_ms();
	f->row.stale = f->row.ended - f->s->conf->directory_ttl;
	f->row.news = f->kind == DIRECTORY_TEAMS;
	f->wait_ms = f->s->conf->directory_ttl;
	log_info("directory", "%s team=%s kind=%s entries=%lld", state,
	    install_place(f->in), kinds[f->kind].word, (long long)f->entries);
	f->unit = fill_end(f->s->store, &f->of, &f->row, on_over, f);
}

static void ask(struct fill *f);

static void
on_beat(void *arg, int left_ms)
{
	struct fill *f = arg;
	struct timeval tv = clock_tv(f->s->conf->directory_pause);

	if (left_ms == 0)
		over(f, BUSY_MS);
	else
		evtimer_add(f->timer, &tv);
}

static void
on_page_stored(void *arg, const struct err *err)
{
	struct fill *f = arg;

	f->unit = NULL;
	if (err != NULL)
		refused(f, err, f->s->conf->directory_pause * FAILED_PAUSES);
	else
		lease_tend(&f->lease, on_beat, f);
}

static void put_rows(struct fill *f);

static void
on_rows(void *arg, const struct err *err)
{
	struct fill *f = arg;

	f->unit = NULL;
	if (err != NULL)
		refused(f, err, f->s->conf->directory_pause * FAILED_PAUSES);
	else
		put_rows(f);
}

/* A few at a time, so that others get at the store in between. */
static void
put_rows(struct fill *f)
{
	struct directory_row rows[DIRECTORY_PUT_MAX];
	size_t n = 0;

	while (n < DIRECTORY_PUT_MAX && f->put < f->n)
		rows[n++] = entry_row(&f->entry[f->put++]);
	if (n > 0) {
		f->unit = directory_rows_put(f->s->store, &f->of, rows, n,
		    f->row.fill, clock_wall_ms(), on_rows, f);
		return;
	}
	f->entries += (int64_t)f->n;
	if (strcmp(f->state, "complete") != 0)
		f->row.entries = f->entries;
	memcpy(f->page, f->next, sizeof(f->page));
	put_place(f);
	if (f->page[0] == '\0' || f->entries >= f->s->conf->directory_max)
		finish(f);
	else
		f->unit = fill_set(f->s->store, &f->of, &f->row, on_page_stored, f);
}

/* Slack's answer goes when this returns: the entries keep texts of their own. */
static void
take_page(struct fill *f, const struct slack_answer *a)
{
	const char *array = kinds[f->kind].array;
	const char *next = kind_next(a);
	size_t room = js_count(a->json, array);

	snprintf(f->next, sizeof(f->next), "%s", next);
	f->entry = mem_array(f->entry, room + 1, sizeof(*f->entry));
	buf_reset(&f->own);
	f->n = f->put = 0;
	for (const struct js *v = js_first(a->json, array); v != NULL;
	    v = v->next)
		if (directory_read(f->kind, v, &f->entry[f->n]))
			f->n++;
	directory_keep(f->entry, f->n, &f->own);
}

static void
on_answer(void *arg, const struct slack_answer *a)
{
	struct fill *f = arg;

	f->asked = NULL;
	if (a->class == SLACK_NONE) {
		counter_up(CNT_DIRECTORY_PAGES);
		take_page(f, a);
		if (js_get(a->json, kinds[f->kind].array, JS_ARRAY) == NULL)
			fail(f, "no_list");		/* nor is it an empty one */
		else if (strlen(kind_next(a)) > PAGE_MAX)
			fail(f, "long_cursor");		/* not the last page */
		else if (f->next[0] != '\0' && strcmp(f->next, f->page) == 0)
			fail(f, "repeated_cursor");
		else
			put_rows(f);
		return;
	}
	if (strcmp(a->code, "invalid_cursor") == 0 && !f->fresh) {
		f->page[0] = f->place[0] = '\0';	/* the last run's is too old */
		f->entries = 0;
		f->row.fill++;
		ask(f);
		return;
	}
	fail(f, a->code[0] != '\0' ? a->code :
	    a->class == SLACK_TRANSPORT ? "no_answer" : "slack_fault");
}

static void
ask(struct fill *f)
{
	struct buf form = { 0 };

	f->fresh |= f->page[0] == '\0';
	kind_form(&form, f->in, f->kind, LIMIT, f->page);
	f->asked = slack_ask(f->s, f->in, kinds[f->kind].method, form.p,
	    form.len, NULL, clock_ms() + ASK_MS, on_answer, f);
	buf_wipe(&form);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fill *f = arg;

	(void)fd, (void)what;
	f->fresh = true;
	ask(f);
}

/* A run that ended early is not to be made again before long, unless it would come
 * to the same end. */
static bool
may_go_on(const struct fill *f)
{
	return f->problem[0] != '\0' && strcmp(f->problem, DIRECTORY_FULL) != 0 &&
	    slack_class_of(f->problem) != SLACK_SCOPE;
}

/* Until then it is what could be had.  A workspace that was connected again may give
 * more. */
static bool
is_fresh_enough(const struct fill *f)
{
	int64_t age = clock_wall_ms() - f->row.ended;

	if (may_go_on(f))
		return age < f->s->conf->directory_pause * FAILED_PAUSES;
	return (f->page[0] == '\0' || f->problem[0] != '\0') &&
	    f->state[0] != '\0' && f->row.ended >= f->in->updated &&
	    age < f->s->conf->directory_ttl;
}

static void
on_begun(void *arg, const struct err *err)
{
	struct fill *f = arg;

	f->unit = NULL;
	if (err != NULL)
		refused(f, err, BUSY_MS);
	else if (!directory_may_ask(f->in, f->kind))
		fail(f, "missing_scope");	/* as Slack would say */
	else
		ask(f);
}

static void
on_state(void *arg, const struct fill_row *row, const struct err *err)
{
	struct fill *f = arg;

	f->unit = NULL;
	if (err != NULL) {
		over(f, BUSY_MS);
		return;
	}
	snprintf(f->state, sizeof(f->state), "%s", row->state);
	snprintf(f->problem, sizeof(f->problem), "%s", row->problem);
	take_place(f, row->page);
	f->row = *row;
	f->row.state = f->state;
	f->row.problem = f->problem;
	f->row.page = f->place;
	if (is_fresh_enough(f)) {
		over(f, f->s->conf->directory_pause * FAILED_PAUSES);
		return;
	}
	if (f->page[0] == '\0') {
		f->row.fill++;
		f->row.began = clock_wall_ms();
	}
	f->unit = fill_set(f->s->store, &f->of, &f->row, on_begun, f);
}

static void
on_lease(void *arg, int left_ms)
{
	struct fill *f = arg;

	if (left_ms == 0)
		over(f, BUSY_MS);
	else
		f->unit = fill_see(f->s->store, install_place(f->in),
		    kinds[f->kind].word, on_state, f);
}

struct fill *
fill_begin(struct slack *s, struct install *in, enum directory_kind kind,
    fill_over_fn *done, void *arg)
{
	struct fill *f = mem_new(sizeof(*f));

	f->s = s;
	f->in = install_hold(in);
	f->kind = kind;
	f->of = kind_of(in, kind);
	f->done = done;
	f->arg = arg;
	snprintf(f->name, sizeof(f->name), "%s:%.52s", kinds[kind].word,
	    install_place(in));
	lease_init(&f->lease, s->store, s->region, f->name);
	f->timer = evtimer_new(s->base, on_timer, f);
	if (f->timer == NULL)
		fatal("no timer for a directory");
	lease_tend(&f->lease, on_lease, f);
	return f;
}
