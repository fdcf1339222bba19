/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/directory.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "slack/kind.h"
#include "slack/place.h"
#include "store/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The questions of directory.h: from the store, and of Slack a page or two. */

#define STATE_MS	1000	/* how long a state is good for */
#define FIND_PAGES	3	/* asked of Slack when a name is not there yet, */
#define FIND_LIMIT	999	/* as large as they come: somebody waits */
#define FIND_MAX	10	/* all that fit are told, so that no other is meant */
#define MARGIN_MS	1000
#define BATCHES		(DIRECTORY_IDS / DIRECTORY_GET_MAX)

enum question { QUESTION_GET, QUESTION_FIND, QUESTION_SEARCH };

struct directory_ask {
	LIST_ENTRY(directory_ask) next;
	struct directory *d;
	struct place *place;
	struct install *in;
	enum directory_kind kind;
	enum question question;
	int64_t deadline;
	directory_fn *done;
	void *arg;

	struct unit *unit;
	struct slack_call *asked;
	size_t pages;				/* asked of Slack so far */
	char *text;				/* name or words */
	char *after_handle, *after_id;
	size_t max;
	char **ids;
	size_t nids, at;			/* read so far */

	struct directory_entry *e;		/* the answer, n of room */
	size_t n, room;
	struct buf own[BATCHES];		/* its texts, one of each reading */
	size_t readings;
};

static void
ask_free(struct directory_ask *a)
{
	LIST_REMOVE(a, next);
	if (a->unit != NULL)
		store_cancel(a->unit);
	if (a->asked != NULL)
		slack_cancel(a->asked);
	for (size_t i = 0; i < a->nids; i++)
		free(a->ids[i]);
	free(a->ids);
	free(a->text);
	free(a->after_handle);
	free(a->after_id);
	free(a->e);
	for (size_t i = 0; i < BATCHES; i++)
		buf_wipe(&a->own[i]);
	install_drop(a->in);
	free(a);
}

static void
finish(struct directory_ask *a, const struct err *err)
{
	a->done(a->arg, err == NULL ? a->e : NULL, err == NULL ? a->n : 0,
	    &a->place->kinds[a->kind].state, err);
	ask_free(a);
}

static void
take_rows(struct directory_ask *a, const struct directory_row *rows, size_t n)
{
	struct directory_entry *e;

	if (a->n + n > a->room) {
		a->room = a->n + n;
		a->e = mem_array(a->e, a->room, sizeof(*a->e));
	}
	e = a->e + a->n;
	for (size_t i = 0; i < n; i++)
		e[i] = entry_of_row(&rows[i]);
	a->n += n;
}

static int
budget_ms(const struct directory_ask *a)
{
	int64_t left = a->deadline - clock_ms(), most = a->d->s->conf->store_timeout;

	if (left > most)
		left = most;
	return left > 1 ? (int)left : 1;
}

/* The ids asked for, in their order. */
static void
put_in_order(struct directory_ask *a)
{
	struct directory_entry *in_order = mem_array(NULL, a->nids + 1,
	    sizeof(*in_order));

	for (size_t i = 0; i < a->nids; i++) {
		in_order[i] = (struct directory_entry){ .id = NULL };
		for (size_t k = 0; k < a->n; k++)
			if (strcmp(a->e[k].id, a->ids[i]) == 0)
				in_order[i] = a->e[k];
		if (in_order[i].id == NULL && a->kind == DIRECTORY_USERS)
			strangers_want(a->place->strangers, a->ids[i]);
		else if (in_order[i].id != NULL &&
		    in_order[i].label[0] == '\0')
			in_order[i].id = NULL;	/* nobody knows it */
	}
	free(a->e);
	a->e = in_order;
	a->n = a->nids;
}

static void read_more(struct directory_ask *a);
static void ask_slack(struct directory_ask *a, const char *cursor);

static void
on_get(void *arg, const struct directory_row *rows, size_t n,
    const struct err *err)
{
	struct directory_ask *a = arg;
	size_t before = a->n;

	a->unit = NULL;
	if (err != NULL) {
		finish(a, err);
		return;
	}
	take_rows(a, rows, n);
	/* The rows go when this returns. */
	directory_keep(a->e + before, n, &a->own[a->readings++]);
	read_more(a);
}

static void
read_more(struct directory_ask *a)
{
	size_t n = a->nids - a->at;

	if (n == 0) {
		put_in_order(a);
		finish(a, NULL);
		return;
	}
	if (n > DIRECTORY_GET_MAX)
		n = DIRECTORY_GET_MAX;
	a->unit = directory_rows_get(a->d->s->store, install_place(a->in),
	    kinds[a->kind].word, (const char *const *)a->ids + a->at, n,
	    budget_ms(a), on_get, a);
	a->at += n;
}

/* One that Slack named a moment ago, compared as the store does. */
static bool
fits(const struct directory_ask *a, const struct directory_entry *e)
{
	return utf8_alike(e->handle, a->text) || utf8_alike(e->label, a->text);
}

static void
on_page(void *arg, const struct slack_answer *answer)
{
	struct directory_ask *a = arg;
	struct directory_entry e;
	const char *next = kind_next(answer);

	a->asked = NULL;
	if (answer->class != SLACK_NONE) {
		finish(a, NULL);	/* it is not known, which is said */
		return;
	}
	for (const struct js *v = js_first(answer->json,
	    kinds[a->kind].array); v != NULL && a->n < FIND_MAX; v = v->next)
		if (directory_read(a->kind, v, &e) && fits(a, &e)) {
			a->e = mem_array(a->e, a->n + 1, sizeof(e));
			a->e[a->n++] = e;
			kind_put(a->d->s, a->in, a->kind, &e, 0);
		}
	if (a->n > 0 || next[0] == '\0' || a->pages >= FIND_PAGES)
		finish(a, NULL);
	else
		ask_slack(a, next);
}

static void
ask_slack(struct directory_ask *a, const char *cursor)
{
	struct buf form = { 0 };

	kind_form(&form, a->in, a->kind, FIND_LIMIT, cursor);
	a->pages++;
	a->asked = slack_ask(a->d->s, a->in, kinds[a->kind].method, form.p,
	    form.len, NULL, a->deadline - MARGIN_MS, on_page, a);
	buf_wipe(&form);
}

static void
on_found(void *arg, const struct directory_row *rows, size_t n,
    const struct err *err)
{
	struct directory_ask *a = arg;

	a->unit = NULL;
	if (err != NULL) {
		finish(a, err);
		return;
	}
	take_rows(a, rows, n);
	if (n == 0 && a->question == QUESTION_FIND &&
	    !a->place->kinds[a->kind].state.complete)
		ask_slack(a, "");
	else
		finish(a, NULL);
}

static void
run(struct directory_ask *a)
{
	struct store *st = a->d->s->store;
	const char *team = install_place(a->in), *word = kinds[a->kind].word;

	switch (a->question) {
	case QUESTION_GET:
		read_more(a);
		return;
	case QUESTION_FIND:
		a->unit = directory_rows_find(st, team, word, a->text,
		    budget_ms(a), on_found, a);
		return;
	case QUESTION_SEARCH:
		a->unit = directory_rows_search(st, team, word, a->text,
		    a->after_handle, a->after_id, a->max, budget_ms(a),
		    on_found, a);
	}
}

static void
on_state(void *arg, const struct fill_row *row, const struct err *err)
{
	struct directory_ask *a = arg;
	struct directory_state *s = &a->place->kinds[a->kind].state;

	a->unit = NULL;
	if (err != NULL) {
		finish(a, err);
		return;
	}
	s->known = true;
	s->complete = strcmp(row->state, "complete") == 0;
	s->filling = row->page[0] != '\0' && row->problem[0] == '\0';
	s->entries = row->entries;
	s->at = s->complete && row->problem[0] == '\0' ? row->ended : 0;
	snprintf(s->problem, sizeof(s->problem), "%s", row->problem);
	s->full = strcmp(s->problem, DIRECTORY_FULL) == 0;
	a->place->kinds[a->kind].read = clock_ms();
	run(a);
}

static struct directory_ask *
ask_new(struct directory *d, struct install *in, enum directory_kind kind,
    enum question question, int64_t deadline_ms, directory_fn *done, void *arg)
{
	struct directory_ask *a = mem_new(sizeof(*a));

	a->d = d;
	a->place = place_of(d, in);
	a->in = install_hold(in);
	a->kind = kind;
	a->question = question;
	a->deadline = deadline_ms;
	a->done = done;
	a->arg = arg;
	LIST_INSERT_HEAD(&d->asks, a, next);
	return a;
}

static struct directory_ask *
begin(struct directory_ask *a)
{
	int64_t read = a->place->kinds[a->kind].read;
	bool asks_state = a->question == QUESTION_GET && a->nids == 0;

	if (read != 0 && clock_ms() - read < STATE_MS && !asks_state)
		run(a);
	else
		a->unit = fill_see(a->d->s->store, install_place(a->in),
		    kinds[a->kind].word, on_state, a);
	return a;
}

struct directory_ask *
directory_get(struct directory *d, struct install *in,
    enum directory_kind kind, const char *const *ids, size_t n,
    int64_t deadline_ms, directory_fn *done, void *arg)
{
	struct directory_ask *a = ask_new(d, in, kind, QUESTION_GET,
	    deadline_ms, done, arg);

	a->nids = n > DIRECTORY_IDS ? DIRECTORY_IDS : n;
	a->ids = mem_array(NULL, a->nids + 1, sizeof(*a->ids));
	for (size_t i = 0; i < a->nids; i++)
		a->ids[i] = mem_str(ids[i]);
	return begin(a);
}

struct directory_ask *
directory_find(struct directory *d, struct install *in,
    enum directory_kind kind, const char *name, int64_t deadline_ms,
    directory_fn *done, void *arg)
{
	struct directory_ask *a = ask_new(d, in, kind, QUESTION_FIND,
	    deadline_ms, done, arg);

	a->text = mem_str(name[0] == '#' || name[0] == '@' ? name + 1 : name);
	return begin(a);
}

struct directory_ask *
directory_search(struct directory *d, struct install *in,
    enum directory_kind kind, const char *words, const char *after_handle,
    const char *after_id, size_t max, int64_t deadline_ms, directory_fn *done,
    void *arg)
{
	struct directory_ask *a = ask_new(d, in, kind, QUESTION_SEARCH,
	    deadline_ms, done, arg);

	a->text = mem_str(words);
	a->after_handle = mem_str(after_handle);
	a->after_id = mem_str(after_id);
	a->max = max;
	return begin(a);
}

void
directory_cancel(struct directory_ask *a)
{
	ask_free(a);
}

bool
place_is_asked(const struct place *p)
{
	const struct directory_ask *a;

	LIST_FOREACH(a, &p->d->asks, next)
		if (a->place == p)
			return true;
	return false;
}
