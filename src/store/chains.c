/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/chains.h"

#include "base/mem.h"
#include "store/op.h"

#define ADD(id, hash) \
	DO(CHAIN_ADD, TEXT((id)->holder), BYTES(hash, CHAIN_HASH), \
	    TEXT((id)->enterprise_id), TEXT((id)->team_id))
#define ID(id)	TEXT((id)->enterprise_id), TEXT((id)->team_id), TEXT((id)->holder)

struct see_op {
	struct op op;
	chain_see_fn *done;
	void *arg;
};

struct chain_op {
	struct op op;
	chain_fn *done;
	void *arg;
};

static void
on_seen(void *arg, const struct answer *a, const struct err *err)
{
	struct see_op *op = arg;
	const struct value *v = err == NULL ? a->cells : NULL;
	struct chain_row row;
	int state;

	if (err != NULL || a->rows == 0) {
		op->done(op->arg, NULL, err);
		return;
	}
	state = install_state_of(v[4].text);
	row = (struct chain_row){ .key_id = v[0].text, .token = v[1].text,
		.token_len = v[1].len, .refresh = v[2].text,
		.refresh_len = v[2].len, .expires = v[3].n,
		.install = state == -1 ? INSTALL_DISABLED :
		    (enum install_state)state,
		.there = v[5].len == CHAIN_HASH, .state = v[6].text,
		.owner = v[7].text, .since = v[8].n, .tries = v[9].n };
	if (row.there)
		memcpy(row.hash, v[5].text, CHAIN_HASH);
	op->done(op->arg, &row, NULL);
}

struct unit *
chain_see(struct store *st, const struct chain_id *id, chain_see_fn *done,
    void *arg)
{
	struct see_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, UNIT(DO(CHAIN_SEE, TEXT(id->holder),
	    TEXT(id->enterprise_id), TEXT(id->team_id))), store_timeout(st),
	    on_seen, &op->op);
}

static void
on_written(void *arg, const struct answer *a, const struct err *err)
{
	struct chain_op *op = arg;

	if (op->done != NULL)
		op->done(op->arg, err == NULL && a->touched > 0, err);
}

static struct unit *
write_unit(struct store *st, const struct step *steps, chain_fn *done, void *arg)
{
	struct chain_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, steps, store_timeout(st), on_written, &op->op);
}

struct unit *
chain_ask(struct store *st, const struct chain_id *id,
    const unsigned char hash[CHAIN_HASH], bool fresh, const char *owner,
    int64_t now, chain_fn *done, void *arg)
{
	struct step ask = DO(CHAIN_ASK, TEXT(owner), INT(now), ID(id),
	    BYTES(hash, CHAIN_HASH));

	if (!fresh)
		return write_unit(st, UNIT(ask), done, arg);
	return write_unit(st,
	    UNIT(DO(CHAIN_DROP, ID(id)),
		ADD(id, hash), ask),
	    done, arg);
}

struct unit *
chain_rest(struct store *st, const struct chain_id *id,
    const unsigned char hash[CHAIN_HASH], const char *owner, chain_fn *done,
    void *arg)
{
	return write_unit(st, UNIT(DO(CHAIN_REST, ID(id),
	    BYTES(hash, CHAIN_HASH), TEXT(owner))), done, arg);
}

struct unit *
chain_lose(struct store *st, const struct chain_id *id,
    const unsigned char hash[CHAIN_HASH], int64_t now, chain_fn *done, void *arg)
{
	return write_unit(st, UNIT(DO(CHANGES_BUMP), DO(INSTALL_TOUCH,
	    TEXT(id->enterprise_id), TEXT(id->team_id)), DO(CHAIN_LOSE,
	    INT(now), ID(id), BYTES(hash, CHAIN_HASH))), done, arg);
}

struct unit *
chain_kill(struct store *st, const struct chain_id *id,
    const struct chain_death *d, chain_fn *done, void *arg)
{
	struct step touch = DO(INSTALL_TOUCH_AS, TEXT(id->enterprise_id),
	    TEXT(id->team_id), INT(d->updated));
	struct step kill = DO(CHAIN_KILL, TEXT(d->code), INT(d->now), ID(id),
	    BYTES(d->hash, CHAIN_HASH));

	if (!d->fresh)
		return write_unit(st, UNIT(DO(CHANGES_BUMP), touch, kill),
		    done, arg);
	return write_unit(st,
	    UNIT(DO(CHANGES_BUMP), touch,
		ADD(id, d->hash), kill),
	    done, arg);
}

struct unit *
chain_heal(struct store *st, const struct chain_id *id, chain_fn *done,
    void *arg)
{
	return write_unit(st, UNIT(DO(CHANGES_BUMP), DO(CHAIN_HEAL, ID(id)),
	    DO(INSTALL_TOUCH, TEXT(id->enterprise_id), TEXT(id->team_id))),
	    done, arg);
}

struct unit *
chain_spend(struct store *st, const struct chain_pair *p, chain_fn *done,
    void *arg)
{
	return write_unit(st, UNIT(DO(CHANGES_BUMP),
	    DO(CHAIN_SPEND, BYTES(p->next, p->next_len), INT(p->made), ID(p),
		BYTES(p->spent, p->spent_len)),
	    DO(INSTALL_RENEW, TEXT(p->key_id), BYTES(p->token, p->token_len),
		BYTES(p->refresh, p->refresh_len), INT(p->expires),
		TEXT(p->scopes), TEXT(p->enterprise_id), TEXT(p->team_id))),
	    done, arg);
}
