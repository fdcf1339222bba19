/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/directory.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "store/op.h"

#include <stdio.h>
#include <stdlib.h>

#define HANDLE_MAX	250
#define ABOUT_MAX	1000
#define WORDS_MAX	2000

struct rows_op {
	struct op op;
	directory_rows_fn *done;
	void *arg;
};

struct done_op {
	struct op op;
	directory_done_fn *done;
	void *arg;
};

struct fill_op {
	struct op op;
	fill_fn *done;
	directory_done_fn *set;
	void *arg;
	struct step add;	/* FILL_ADD, if it comes to that */
	bool added;
};

static void
cut(char *out, size_t size, const char *text)
{
	size_t n = utf8_cut(text, strlen(text), size - 1);

	memcpy(out, text, n);
	out[n] = '\0';
}

/* Here, not in SQL: the back ends differ in it. */
static void
lower(char *out, size_t size, const char *text)
{
	cut(out, size, text);
	utf8_lower(out);
}

static void
on_rows(void *arg, const struct answer *a, const struct err *err)
{
	struct rows_op *op = arg;
	struct directory_row *rows;

	if (err != NULL || a->rows == 0) {
		op->done(op->arg, NULL, 0, err);
		return;
	}
	rows = mem_array(NULL, a->rows, sizeof(*rows));
	for (size_t i = 0; i < a->rows; i++) {
		const struct value *v = answer_at(a, i, 0);

		rows[i] = (struct directory_row){ .id = v[0].text,
			.handle = v[1].text, .label = v[2].text,
			.about = v[3].text, .flags = v[4].n, .members = v[5].n };
	}
	op->done(op->arg, rows, a->rows, NULL);
	free(rows);
}

static struct unit *
read_rows(struct store *st, const struct step *steps, int deadline_ms,
    directory_rows_fn *done, void *arg)
{
	struct rows_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, steps, deadline_ms, on_rows, &op->op);
}

struct unit *
directory_rows_get(struct store *st, const char *team, const char *kind,
    const char *const *ids, size_t n, int deadline_ms, directory_rows_fn *done,
    void *arg)
{
	struct step get = DO(DIRECTORY_GET, TEXT(team), TEXT(kind));

	for (size_t i = 0; i < DIRECTORY_GET_MAX; i++)
		get.params[2 + i] = (struct value)TEXT(ids[i < n ? i : n - 1]);
	return read_rows(st, UNIT(get), deadline_ms, done, arg);
}

struct unit *
directory_rows_find(struct store *st, const char *team, const char *kind,
    const char *name, int deadline_ms, directory_rows_fn *done, void *arg)
{
	char key[HANDLE_MAX + 1];

	lower(key, sizeof(key), name);
	return read_rows(st, UNIT(DO(DIRECTORY_FIND, TEXT(team), TEXT(kind),
	    TEXT(key), TEXT(team), TEXT(kind), TEXT(key), TEXT(key))),
	    deadline_ms, done, arg);
}

#define PATTERN_SIZE	(2 * HANDLE_MAX + 3)

/* LIKE's own signs find any character: a word with one of them finds a little more.
 * So does &, as Slack's names have it: &amp;. */
static void
pattern_of(const char *words, char out[PATTERN_SIZE])
{
	char text[HANDLE_MAX + 1];
	size_t n = 0;

	lower(text, sizeof(text), words);
	out[n++] = '%';
	for (const char *p = text; *p != '\0'; p++) {
		out[n++] = (char)(*p == '%' || *p == '\\' ? '_' : *p);
		if (*p == '&')
			out[n++] = '%';
	}
	if (n > 1)
		out[n++] = '%';
	out[n] = '\0';
}

struct unit *
directory_rows_search(struct store *st, const char *team, const char *kind,
    const char *words, const char *handle, const char *id, size_t max,
    int deadline_ms, directory_rows_fn *done, void *arg)
{
	char pattern[PATTERN_SIZE];

	pattern_of(words, pattern);
	return read_rows(st, UNIT(DO(DIRECTORY_SEARCH, TEXT(team), TEXT(kind),
	    TEXT(handle), TEXT(handle), TEXT(id), TEXT(pattern),
	    INT((int64_t)max))), deadline_ms, done, arg);
}

/* ---- writing ---- */

static const struct err ended = { ERR_NOT_FOUND,
	"the workspace is not connected any more" };

static void
on_put(void *arg, const struct answer *a, const struct err *err)
{
	struct done_op *op = arg;

	if (op->done != NULL)
		op->done(op->arg, err == NULL && a->touched == 0 ? &ended :
		    err);
}

static struct unit *
write_rows(struct store *st, const struct step *steps, store_done_fn *on_end,
    directory_done_fn *done, void *arg)
{
	struct done_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, steps, store_timeout(st), on_end, &op->op);
}

/* A row's texts, cut and in lower case; must live until store_run has copied them. */
struct texts {
	char handle[HANDLE_MAX + 1], label[HANDLE_MAX + 1];
	char label_key[HANDLE_MAX + 1], about[ABOUT_MAX + 1];
	char words[WORDS_MAX + 1];
};

static void
take_texts(struct texts *t, const struct directory_row *row)
{
	struct buf all = { 0 };

	lower(t->handle, sizeof(t->handle), row->handle);
	cut(t->label, sizeof(t->label), row->label);
	lower(t->label_key, sizeof(t->label_key), row->label);
	cut(t->about, sizeof(t->about), row->about);
	buf_fmt(&all, "%s %s %s", t->handle, t->label, t->about);
	lower(t->words, sizeof(t->words), all.p);
	buf_wipe(&all);
}

struct unit *
directory_rows_put(struct store *st, const struct directory_of *of,
    const struct directory_row *rows, size_t n, int64_t fill, int64_t now,
    directory_done_fn *done, void *arg)
{
	struct step steps[2 * DIRECTORY_PUT_MAX + 1] = { { .id = ST_END } };
	struct texts t[DIRECTORY_PUT_MAX];
	size_t k = 0;

	for (size_t i = 0; i < n && i < DIRECTORY_PUT_MAX; i++) {
		take_texts(&t[i], &rows[i]);
		steps[k++] = (struct step)DO(DIRECTORY_DROP, TEXT(of->team),
		    TEXT(of->kind), TEXT(rows[i].id));
		steps[k++] = (struct step)DO(DIRECTORY_ADD, TEXT(of->team),
		    TEXT(of->kind), TEXT(rows[i].id), TEXT(t[i].handle),
		    TEXT(t[i].label), TEXT(t[i].label_key), TEXT(t[i].about),
		    TEXT(t[i].words), INT(rows[i].flags),
		    INT(rows[i].members), INT(fill), INT(now),
		    TEXT(of->enterprise_id), TEXT(of->team_id));
	}
	steps[k].id = ST_END;
	return write_rows(st, steps, on_put, done, arg);
}

/* ---- fills ---- */

static void
on_fill(void *arg, const struct answer *a, const struct err *err)
{
	struct fill_op *op = arg;
	struct fill_row row = { .state = "", .page = "", .problem = "" };
	const struct value *v;

	if (err == NULL && a->rows > 0) {
		v = a->cells;
		row = (struct fill_row){ .fill = v[0].n, .state = v[1].text,
			.entries = v[2].n, .began = v[3].n, .ended = v[4].n,
			.page = v[5].text, .problem = v[6].text };
	}
	op->done(op->arg, err == NULL ? &row : NULL, err);
}

struct unit *
fill_see(struct store *st, const char *team, const char *kind, fill_fn *done,
    void *arg)
{
	struct fill_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, UNIT(DO(FILL_SEE, TEXT(team), TEXT(kind))),
	    store_timeout(st), on_fill, &op->op);
}

static const struct err another = { ERR_NOT_FOUND,
	"another run has begun, or is to begin" };

static void
on_end(void *arg, const struct answer *a, const struct err *err)
{
	struct done_op *op = arg;

	if (op->done != NULL)
		op->done(op->arg, err == NULL && a->touched == 0 ? &another :
		    err);
}

/* There was no row: with one the same is done again. */
static void
on_set(void *arg, const struct answer *a, const struct err *err)
{
	struct fill_op *op = arg;

	if (err != NULL || a->touched > 0 || op->added) {
		if (op->set != NULL)
			op->set(op->arg, err == NULL && a->touched == 0 ?
			    &ended : err);
		return;
	}
	op->added = true;
	op_next(&op->op, UNIT(op->add, *op_step(&op->op, 0)), on_set);
}

static void
wipe_fill(struct op *o)
{
	step_drop(&((struct fill_op *)o)->add);
}

#define SET(row, of) \
	DO(FILL_SET, INT((row)->fill), TEXT((row)->state), INT((row)->entries), \
	    INT((row)->began), INT((row)->ended), TEXT((row)->page), \
	    TEXT((row)->problem), TEXT((of)->team), TEXT((of)->kind), \
	    INT((row)->fill))
#define NEWS(org)	DO(CHANGES_BUMP), DO(INSTALL_NEWS, TEXT(org), TEXT(""))

struct unit *
fill_set(struct store *st, const struct directory_of *of,
    const struct fill_row *row, directory_done_fn *done, void *arg)
{
	struct fill_op *op;

	if (row->news)
		return write_rows(st, UNIT(NEWS(of->team), SET(row, of)),
		    on_end, done, arg);
	op = mem_new(sizeof(*op));
	op->op.wipe = wipe_fill;
	op->set = done;
	op->arg = arg;
	step_keep(&op->add, UNIT(DO(FILL_ADD, TEXT(of->team), TEXT(of->kind),
	    TEXT(of->enterprise_id), TEXT(of->team_id))));
	return op_start(st, UNIT(SET(row, of)), store_timeout(st), on_set,
	    &op->op);
}

struct unit *
fill_end(struct store *st, const struct directory_of *of,
    const struct fill_row *row, directory_done_fn *done, void *arg)
{
	struct step sweep = DO(DIRECTORY_SWEEP, TEXT(of->team), TEXT(of->kind),
	    INT(row->fill), INT(FILL_STRANGER), INT(row->stale));

	if (row->news)
		return write_rows(st, UNIT(NEWS(of->team), sweep, SET(row,
		    of)), on_end, done, arg);
	return write_rows(st, UNIT(sweep, SET(row, of)), on_end, done, arg);
}

void
fill_due(struct store *st, const char *org)
{
	write_rows(st, UNIT(NEWS(org), DO(FILL_DUE, TEXT(org),
	    TEXT(DIRECTORY_TEAMS_WORD))), on_put, NULL, NULL);
}
