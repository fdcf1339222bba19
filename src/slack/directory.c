/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/directory.h"

#include "base/clock.h"
#include "base/mem.h"
#include "slack/api.h"
#include "slack/fill.h"
#include "slack/id.h"
#include "store/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define STATE_MS	1000	/* how long a state is good for */
#define LOOK_MS		500	/* between two looks for fills that are due */
#define WANTED_MS	(24 * 60 * 60 * 1000LL)	/* since somebody asked */
#define STRANGERS_MAX	100	/* looked up at Slack, of one workspace, at once */
#define PLACES_MAX	1000
#define FIND_PAGES	3	/* asked of Slack when a name is not there yet */
#define MARGIN_MS	1000
#define BATCHES		(DIRECTORY_IDS / DIRECTORY_GET_MAX)

/* What this worker knows of one workspace's directory. */
struct place {
	LIST_ENTRY(place) next;
	struct directory *d;
	struct install *in;
	int64_t wanted;				/* monotonic ms */
	struct {
		struct directory_state state;
		int64_t read;			/* monotonic ms; 0: never */
		struct fill *fill;
		int64_t after;			/* the next run not before */
	} kinds[DIRECTORY_KINDS];
	char *strangers[STRANGERS_MAX];		/* to be looked up */
	size_t nstrangers;
	struct slack_call *asked;		/* about the first of them */
};

struct directory {
	struct slack *s;
	LIST_HEAD(, place) places;
	size_t n;
	int64_t look;
	LIST_HEAD(, directory_ask) asks;
};

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

/* ---- entries ---- */

static bool
read_channel(const struct js *o, struct directory_entry *e)
{
	const struct js *topic = js_get(o, "topic", JS_OBJECT);
	const struct js *purpose = js_get(o, "purpose", JS_OBJECT);
	static const struct {
		const char *key;
		unsigned flag;
	} flags[] = {
		{ "is_private", DIRECTORY_PRIVATE },
		{ "is_archived", DIRECTORY_ARCHIVED },
		{ "is_member", DIRECTORY_MEMBER },
		{ "is_im", DIRECTORY_IM },
		{ "is_mpim", DIRECTORY_MPIM },
		{ "is_ext_shared", DIRECTORY_SHARED },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (js_bool(o, flags[i].key))
			e->flags |= flags[i].flag;
	e->handle = e->label = e->flags & DIRECTORY_IM ? js_text(o, "user") :
	    js_text(o, "name");
	e->about = js_text(topic, "value");
	if (e->about[0] == '\0')
		e->about = js_text(purpose, "value");
	e->members = js_int(o, "num_members");
	return slack_is_id(e->id, strlen(e->id), "CGD");
}

static bool
read_person(const struct js *o, struct directory_entry *e)
{
	const struct js *profile = js_get(o, "profile", JS_OBJECT);
	const char *real = js_text(o, "real_name");

	if (js_bool(o, "is_bot"))
		e->flags |= DIRECTORY_BOT;
	if (js_bool(o, "deleted"))
		e->flags |= DIRECTORY_DELETED;
	if (js_bool(o, "is_stranger"))
		e->flags |= DIRECTORY_STRANGER;
	if (real[0] == '\0')
		real = js_text(profile, "real_name");
	e->handle = js_text(o, "name");
	e->label = js_text(profile, "display_name");
	if (e->label[0] == '\0')
		e->label = real[0] != '\0' ? real : e->handle;
	e->about = strcmp(real, e->label) != 0 ? real :
	    js_text(profile, "title");
	return slack_is_id(e->id, strlen(e->id), "UW");
}

bool
directory_read(enum directory_kind kind, const struct js *thing,
    struct directory_entry *out)
{
	*out = (struct directory_entry){ .id = js_text(thing, "id") };
	return kind == DIRECTORY_CHANNELS ? read_channel(thing, out) :
	    read_person(thing, out);
}

static void
count_text(size_t *n, const char *s)
{
	*n += strlen(s) + 1;
}

static const char *
keep_text(struct buf *own, const char *s)
{
	const char *at = own->p + own->len;

	buf_add(own, s, strlen(s) + 1);
	return at;
}

void
directory_keep(struct directory_entry *e, size_t n, struct buf *own)
{
	size_t need = 1;

	for (size_t i = 0; i < n; i++) {
		count_text(&need, e[i].id);
		count_text(&need, e[i].handle);
		count_text(&need, e[i].label);
		count_text(&need, e[i].about);
	}
	buf_room(own, need);		/* from here on it does not move */
	for (size_t i = 0; i < n; i++) {
		e[i].id = keep_text(own, e[i].id);
		e[i].handle = keep_text(own, e[i].handle);
		e[i].label = keep_text(own, e[i].label);
		e[i].about = keep_text(own, e[i].about);
	}
}

/* ---- places ---- */

static void
place_free(struct place *p)
{
	LIST_REMOVE(p, next);
	p->d->n--;
	for (int k = 0; k < DIRECTORY_KINDS; k++)
		if (p->kinds[k].fill != NULL)
			fill_cancel(p->kinds[k].fill);
	if (p->asked != NULL)
		slack_cancel(p->asked);
	for (size_t i = 0; i < p->nstrangers; i++)
		free(p->strangers[i]);
	install_drop(p->in);
	free(p);
}

/* The workspace's, made if need be; kept as long as somebody asks for it. */
static struct place *
place_of(struct directory *d, struct install *in)
{
	struct place *p;

	LIST_FOREACH(p, &d->places, next)
		if (strcmp(install_key(p->in), install_key(in)) == 0)
			break;
	if (p == NULL) {
		p = mem_new(sizeof(*p));
		p->d = d;
		p->in = install_hold(in);
		LIST_INSERT_HEAD(&d->places, p, next);
		d->n++;
	}
	p->wanted = clock_ms();
	return p;
}

void
directory_want(struct directory *d, struct install *in)
{
	if (!in->unreadable)
		place_of(d, in);
}

static void
put_entry(struct directory *d, const char *team, enum directory_kind kind,
    const struct directory_entry *e, int64_t fill)
{
	struct directory_row row = { .id = e->id, .handle = e->handle,
		.label = e->label, .about = e->about, .flags = e->flags,
		.members = e->members };

	directory_rows_put(d->s->store, team, directory_word(kind), &row, 1,
	    fill, clock_wall_ms(), NULL, NULL);
}

/* No run over the directory takes away what none of them finds. */
#define FILL_FOR_GOOD	INT64_MAX

/* ---- strangers: people whom no listing shows ---- */

static void ask_stranger(struct place *p);

static void
on_stranger(void *arg, const struct slack_answer *a)
{
	struct place *p = arg;
	char *id = p->strangers[0];
	struct directory_entry e = { .id = id, .handle = "", .label = "",
		.about = "", .flags = DIRECTORY_STRANGER };

	p->asked = NULL;
	if (a->class == SLACK_NONE)
		directory_read(DIRECTORY_USERS, js_get(a->json, "user",
		    JS_OBJECT), &e);
	/* That nobody knows this one is worth knowing, too. */
	if ((a->class == SLACK_NONE && strcmp(e.id, id) == 0) ||
	    a->class == SLACK_NOT_SEEN)
		put_entry(p->d, install_key(p->in), DIRECTORY_USERS, &e,
		    FILL_FOR_GOOD);
	p->nstrangers--;
	memmove(p->strangers, p->strangers + 1,
	    p->nstrangers * sizeof(p->strangers[0]));
	free(id);
	if (a->class == SLACK_NONE || a->class == SLACK_NOT_SEEN) {
		ask_stranger(p);
		return;
	}
	while (p->nstrangers > 0)	/* another time */
		free(p->strangers[--p->nstrangers]);
}

static void
ask_stranger(struct place *p)
{
	struct buf form = { 0 };

	if (p->asked != NULL || p->nstrangers == 0)
		return;
	buf_form(&form, "user", p->strangers[0], strlen(p->strangers[0]));
	p->asked = slack_ask(p->d->s, p->in, METHOD_USERS_INFO, form.p,
	    form.len, NULL, clock_ms() + p->d->s->conf->upstream_timeout,
	    on_stranger, p);
	buf_wipe(&form);
}

static void
want_stranger(struct place *p, const char *id)
{
	for (size_t i = 0; i < p->nstrangers; i++)
		if (strcmp(p->strangers[i], id) == 0)
			return;
	if (p->nstrangers < STRANGERS_MAX && slack_is_id(id, strlen(id), "UW"))
		p->strangers[p->nstrangers++] = mem_str(id);
	ask_stranger(p);
}

/* ---- questions ---- */

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
		e[i] = (struct directory_entry){ .id = rows[i].id,
			.handle = rows[i].handle, .label = rows[i].label,
			.about = rows[i].about, .flags = (unsigned)rows[i].flags,
			.members = rows[i].members };
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
			want_stranger(a->place, a->ids[i]);
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
	a->unit = directory_rows_get(a->d->s->store, install_key(a->in),
	    directory_word(a->kind), (const char *const *)a->ids + a->at, n,
	    budget_ms(a), on_get, a);
	a->at += n;
}

/* One that Slack named a moment ago. */
static bool
fits(const struct directory_ask *a, const struct directory_entry *e)
{
	return strcasecmp(e->handle, a->text) == 0 ||
	    strcasecmp(e->label, a->text) == 0;
}

static void
on_page(void *arg, const struct slack_answer *answer)
{
	struct directory_ask *a = arg;
	struct directory_entry e;
	const char *next = js_text(js_get(answer->json, "response_metadata",
	    JS_OBJECT), "next_cursor");

	a->asked = NULL;
	if (answer->class != SLACK_NONE) {
		finish(a, NULL);	/* it is not known, which is said */
		return;
	}
	for (const struct js *v = js_first(answer->json,
	    directory_member(a->kind)); v != NULL && a->n == 0; v = v->next)
		if (directory_read(a->kind, v, &e) && fits(a, &e)) {
			a->e = mem_array(a->e, 1, sizeof(e));
			a->e[0] = e;
			a->n = 1;
			put_entry(a->d, install_key(a->in), a->kind, &e, 0);
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

	buf_str(&form, a->kind == DIRECTORY_CHANNELS ?
	    "limit=999&exclude_archived=true"
	    "&types=public_channel,private_channel" : "limit=999");
	if (cursor[0] != '\0')
		buf_form(&form, "cursor", cursor, strlen(cursor));
	if (a->in->team_id[0] == '\0')
		buf_form(&form, "team_id", a->in->enterprise_id,
		    strlen(a->in->enterprise_id));
	a->pages++;
	a->asked = slack_ask(a->d->s, a->in, a->kind == DIRECTORY_CHANNELS ?
	    METHOD_CONVERSATIONS_LIST : METHOD_USERS_LIST, form.p, form.len,
	    NULL, a->deadline - MARGIN_MS, on_page, a);
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
	const char *team = install_key(a->in), *word = directory_word(a->kind);

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
	s->at = s->complete ? row->ended : 0;
	snprintf(s->problem, sizeof(s->problem), "%s", row->problem);
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
		a->unit = fill_see(a->d->s->store, install_key(a->in),
		    directory_word(a->kind), on_state, a);
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

/* ---- the worker's ---- */

static void
on_filled(struct place *p, enum directory_kind kind, int64_t wait_ms)
{
	p->kinds[kind].fill = NULL;
	p->kinds[kind].after = clock_ms() + wait_ms;
	p->kinds[kind].read = 0;
}

static void
on_channels(void *arg, int64_t wait_ms)
{
	on_filled(arg, DIRECTORY_CHANNELS, wait_ms);
}

static void
on_users(void *arg, int64_t wait_ms)
{
	on_filled(arg, DIRECTORY_USERS, wait_ms);
}

static void
tend(struct place *p)
{
	static fill_over_fn *const over[] = {
		[DIRECTORY_CHANNELS] = on_channels, [DIRECTORY_USERS] = on_users,
	};
	struct install *now = installs_find(p->d->s->installs,
	    install_key(p->in));

	if (now == NULL || now->state != INSTALL_LIVE)
		return;
	for (enum directory_kind k = 0; k < DIRECTORY_KINDS; k++)
		if (p->kinds[k].fill == NULL && clock_ms() >= p->kinds[k].after)
			p->kinds[k].fill = fill_begin(p->d->s, now, k, over[k],
			    p);
}

static bool
has_asks(const struct directory *d, const struct place *p)
{
	const struct directory_ask *a;

	LIST_FOREACH(a, &d->asks, next)
		if (a->place == p)
			return true;
	return false;
}

void
directory_tend(struct directory *d)
{
	int64_t now = clock_ms();
	struct place *p, *next;

	if (now < d->look)
		return;
	d->look = now + LOOK_MS;
	for (p = LIST_FIRST(&d->places); p != NULL; p = next) {
		next = LIST_NEXT(p, next);
		if ((now - p->wanted > WANTED_MS || d->n > PLACES_MAX) &&
		    !has_asks(d, p))
			place_free(p);
		else
			tend(p);
	}
}

struct directory *
directory_new(struct slack *s)
{
	struct directory *d = mem_new(sizeof(*d));

	d->s = s;
	LIST_INIT(&d->places);
	LIST_INIT(&d->asks);
	return d;
}

void
directory_free(struct directory *d)
{
	if (d == NULL)
		return;
	while (!LIST_EMPTY(&d->asks))
		ask_free(LIST_FIRST(&d->asks));
	while (!LIST_EMPTY(&d->places))
		place_free(LIST_FIRST(&d->places));
	free(d);
}
