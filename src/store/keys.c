/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/keys.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/op.h"

#include <stdio.h>
#include <stdlib.h>

#define HASH_SIZE	32
#define SEED_ID		"env"
#define SEED_STATE	"seed"

struct keys_op {
	struct op op;
	keys_fn *done;
	void *arg;
};

struct key_op {
	struct op op;
	key_done_fn *done;
	void *arg;
	char *name;
	struct step add;	/* KEY_ADD, to be run when there is room */
	unsigned char hash[HASH_SIZE];
	int64_t now;
};

/* ---- reading ---- */

static void
take_key(struct key_row *row, const struct value *v)
{
	*row = (struct key_row){ .id = v[0].text, .name = v[1].text,
		.workspaces = v[3].text, .role = v[4].text, .toolsets = v[5].text,
		.channels_read = v[6].text, .channels_write = v[7].text,
		.rate = v[8].text, .slack_user = v[9].text, .made = v[10].n,
		.expires = v[11].n, .state = v[12].text, .changed = v[13].n };
	if (v[2].len == HASH_SIZE)
		memcpy(row->hash, v[2].text, HASH_SIZE);
}

static void
on_rows(void *arg, const struct answer *a, const struct err *err)
{
	struct keys_op *op = arg;
	struct key_row *rows;

	if (err != NULL || a->rows == 0) {
		op->done(op->arg, NULL, 0, err);
		return;
	}
	rows = mem_array(NULL, a->rows, sizeof(*rows));
	for (size_t i = 0; i < a->rows; i++)
		take_key(&rows[i], answer_at(a, i, 0));
	op->done(op->arg, rows, a->rows, NULL);
	free(rows);
}

static struct unit *
read_keys(struct store *st, const struct step *step, keys_fn *done, void *arg)
{
	struct keys_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, step, store_timeout(st), on_rows, &op->op);
}

struct unit *
keys_since(struct store *st, int64_t since, keys_fn *done, void *arg)
{
	/* no id is empty */
	return read_keys(st, UNIT(KEYS_BEHIND(since + 1, "")), done, arg);
}

struct unit *
keys_next(struct store *st, const struct key_row *last, keys_fn *done,
    void *arg)
{
	return read_keys(st, UNIT(KEYS_BEHIND(last->changed, last->id)), done,
	    arg);
}

struct unit *
keys_listed(struct store *st, const struct key_row *last, keys_fn *done,
    void *arg)
{
	const char *live_name = last == NULL ? "" :
	    strcmp(last->state, SEED_STATE) == 0 ? "!" SEED_ID : last->name;

	return read_keys(st, UNIT(DO(KEYS_LISTED, TEXT(live_name))), done, arg);
}

/* ---- one key ---- */

static void
finish(struct key_op *op, const struct err *err)
{
	if (op->done != NULL)
		op->done(op->arg, err);
}

static void
wipe(struct op *o)
{
	struct key_op *op = (struct key_op *)o;

	step_drop(&op->add);
	free(op->name);
}

static struct key_op *
key_op(const char *name, key_done_fn *done, void *arg)
{
	struct key_op *op = mem_new(sizeof(*op));

	op->op.wipe = wipe;
	op->done = done;
	op->arg = arg;
	op->name = mem_str(name);
	return op;
}

static void
on_added(void *arg, const struct answer *a, const struct err *err)
{
	struct key_op *op = arg;
	struct err taken;

	if (err == NULL && a->touched == 0) {
		err_set(&taken, ERR_INPUT,
		    "a live key has the name \"%s\": revoke it "
		    "first, or take another name",
		    op->name);
		err = &taken;
	}
	finish(op, err);
}

static void
on_counted(void *arg, const struct answer *a, const struct err *err)
{
	struct key_op *op = arg;
	struct err full;

	if (err == NULL && answer_at(a, 0, 0)->n >= KEYS_MAX) {
		err_set(&full, ERR_LIMIT,
		    "%d keys are live, and that is the most; revoke "
		    "some",
		    KEYS_MAX);
		err = &full;
	}
	if (err != NULL)
		finish(op, err);
	else
		op_next(&op->op, UNIT(DO(CHANGES_BUMP), op->add), on_added);
}

void
key_add(struct store *st, const struct key_row *row, key_done_fn *done,
    void *arg)
{
	struct key_op *op = key_op(row->name, done, arg);

	step_keep(&op->add, UNIT(DO(KEY_ADD, TEXT(row->id), TEXT(row->name),
	    TEXT(row->name), BYTES(row->hash, HASH_SIZE), TEXT(row->workspaces),
	    TEXT(row->role), TEXT(row->toolsets), TEXT(row->channels_read),
	    TEXT(row->channels_write), TEXT(row->rate), TEXT(row->slack_user),
	    INT(row->made), INT(row->expires), TEXT(row->state))));
	op_start(st, UNIT(DO(KEY_COUNT, TEXT("live"))), store_timeout(st),
	    on_counted, &op->op);
}

static void
on_revoked(void *arg, const struct answer *a, const struct err *err)
{
	struct key_op *op = arg;
	struct err none;

	if (err == NULL && a->touched == 0) {
		err_set(&none, ERR_NOT_FOUND,
		    "no live key has the name or id \"%s\"", op->name);
		err = &none;
	}
	finish(op, err);
}

/* A name may look like another key's id: the name counts first. */
static void
on_found(void *arg, const struct answer *a, const struct err *err)
{
	struct key_op *op = arg;
	const char *id;
	char no_name[80];

	if (err != NULL || a->rows == 0) {
		on_revoked(op, a, err);
		return;
	}
	id = answer_at(a, 0, 0)->text;
	for (size_t i = 0; i < a->rows; i++)
		if (strcmp(answer_at(a, i, 1)->text, op->name) == 0)
			id = answer_at(a, i, 0)->text;
	snprintf(no_name, sizeof(no_name), "!%s", id);	/* no name begins with it */
	op_next(&op->op, UNIT(DO(CHANGES_BUMP), DO(KEY_REVOKE, TEXT(no_name),
	    INT(clock_wall_ms()), TEXT(id))), on_revoked);
}

void
key_revoke(struct store *st, const char *name, key_done_fn *done, void *arg)
{
	struct key_op *op = key_op(name, done, arg);

	op_start(st, UNIT(DO(KEY_FIND, TEXT(name), TEXT(name))),
	    store_timeout(st), on_found, &op->op);
}

/* ---- the environment's ---- */

static void
on_seeded(void *arg, const struct answer *a, const struct err *err)
{
	(void)a;		/* 0: another process was faster */
	finish(arg, err);
}

static void
on_seed(void *arg, const struct answer *a, const struct err *err)
{
	struct key_op *op = arg;
	const struct value *old = err == NULL && a->rows > 0 ?
	    answer_at(a, 0, 0) :
	    NULL;

	if (err != NULL) {
		finish(op, err);
	} else if (old == NULL) {
		op_next(&op->op,
		    UNIT(DO(CHANGES_BUMP),
			DO(KEY_ADD, TEXT(SEED_ID), TEXT(SEED_ID),
			    TEXT("!" SEED_ID), BYTES(op->hash, HASH_SIZE),
			    TEXT("*"), TEXT("admin"), TEXT("*"), TEXT(""),
			    TEXT(""), TEXT(""), TEXT(""), INT(op->now), INT(0),
			    TEXT(SEED_STATE))),
		    on_seeded);
	} else if (old->len != HASH_SIZE ||
	    memcmp(old->text, op->hash, HASH_SIZE) != 0) {
		op_next(&op->op, UNIT(DO(CHANGES_BUMP), DO(KEY_RESEED,
		    BYTES(op->hash, HASH_SIZE), INT(op->now), TEXT(SEED_ID))), on_seeded);
	} else {
		finish(op, NULL);
	}
}

void
key_seen(struct store *st, const unsigned char hash[32], int64_t now,
    key_done_fn *done, void *arg)
{
	struct key_op *op = key_op(SEED_ID, done, arg);

	memcpy(op->hash, hash, HASH_SIZE);
	op->now = now;
	op_start(st, UNIT(DO(KEY_HASH, TEXT(SEED_ID))), store_timeout(st),
	    on_seed, &op->op);
}
