/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/installs.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/chains.h"
#include "store/directory.h"
#include "store/op.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct rows_op {
	struct op op;
	installs_fn *done;
	void *arg;
};

struct install_op {
	struct op op;
	install_done_fn *done;
	void *arg;
	int64_t made;
	bool retried;
	char team[96];		/* for messages */
};

static const char *const words[] = {
#define X(sym, word) [INSTALL_##sym] = word,
	INSTALL_STATES(X)
#undef X
};

const char *
install_state_word(enum install_state s)
{
	return words[s];
}

int
install_state_of(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

void
install_identity(char *out, const char *enterprise_id, const char *team_id)
{
	snprintf(out, INSTALL_IDENTITY_SIZE, "install:%s:%s", enterprise_id,
	    team_id);
}

/* ---- reading ---- */

/* A state that a newer program wrote is as good as disabled. */
static void
take_install(struct install_row *row, const struct value *v)
{
	int state = install_state_of(v[15].text);

	*row = (struct install_row){ .enterprise_id = v[0].text, .team_id = v[1].text,
		.app_id = v[2].text, .team_name = v[3].text, .team_url = v[4].text,
		.key_id = v[5].text, .bot_token = v[6].text, .bot_token_len = v[6].len,
		.refresh_token = v[7].text, .refresh_token_len = v[7].len,
		.expires = v[8].n, .scopes = v[9].text, .bot_user_id = v[10].text,
		.bot_id = v[11].text, .installer = v[12].text, .made = v[13].n,
		.updated = v[14].n, .changed = v[16].n,
		.lost = strcmp(v[17].text, CHAIN_LOST) == 0,
		.dead = "", .dead_since = v[19].n,
		.state = state == -1 ? INSTALL_DISABLED : (enum install_state)state };
	if (strcmp(v[17].text, CHAIN_DEAD) == 0)
		row->dead = v[18].len > 0 ? v[18].text : CHAIN_DEAD;
}

static void
on_rows(void *arg, const struct answer *a, const struct err *err)
{
	struct rows_op *op = arg;
	struct install_row *rows;

	if (err != NULL || a->rows == 0) {
		op->done(op->arg, NULL, 0, err);
		return;
	}
	rows = mem_array(NULL, a->rows, sizeof(*rows));
	for (size_t i = 0; i < a->rows; i++)
		take_install(&rows[i], answer_at(a, i, 0));
	op->done(op->arg, rows, a->rows, NULL);
	free(rows);
}

static struct unit *
read_installs(struct store *st, const struct step *step, installs_fn *done,
    void *arg)
{
	struct rows_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, step, store_timeout(st), on_rows, &op->op);
}

struct unit *
installs_since(struct store *st, int64_t since, installs_fn *done, void *arg)
{
	/* no row has both ids empty */
	return read_installs(st, UNIT(INSTALLS_BEHIND(since + 1, "", "")), done,
	    arg);
}

struct unit *
installs_next(struct store *st, const struct install_row *last,
    installs_fn *done, void *arg)
{
	return read_installs(st, UNIT(INSTALLS_BEHIND(last->changed,
	    last->enterprise_id, last->team_id)), done, arg);
}

struct unit *
installs_listed(struct store *st, const struct install_row *last,
    installs_fn *done, void *arg)
{
	const char *enterprise_id = last != NULL ? last->enterprise_id : "";
	const char *team_id = last != NULL ? last->team_id : "";

	return read_installs(st, UNIT(DO(INSTALLS_LISTED, TEXT(enterprise_id),
	    TEXT(enterprise_id), TEXT(enterprise_id), TEXT(team_id))), done,
	    arg);
}

/* ---- writing ---- */

/* A new install's refresh tokens are another chain. */
#define DROP_CHAIN(enterprise_id, team_id) \
	DO(CHAIN_DROP, TEXT(enterprise_id), TEXT(team_id), TEXT(CHAIN_BOT))

static struct install_op *
install_op(const char *enterprise_id, const char *team_id,
    install_done_fn *done, void *arg)
{
	struct install_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	snprintf(op->team, sizeof(op->team), "%s",
	    team_id[0] != '\0' ? team_id : enterprise_id);
	return op;
}

static void
finish(struct install_op *op, const struct err *err)
{
	if (op->done != NULL)
		op->done(op->arg, err);
}

static void on_put(void *arg, const struct answer *a, const struct err *err);

/* The key was taken in the meantime: then the row is there to be updated. */
static void
on_added(void *arg, const struct answer *a, const struct err *err)
{
	struct install_op *op = arg;
	struct step put;

	if (err != NULL || a->touched > 0) {
		finish(op, err);
		return;
	}
	put = *op_step(&op->op, 2);
	put.id = ST_INSTALL_PUT;
	op->retried = true;
	op_next(&op->op, UNIT(DO(CHANGES_BUMP), *op_step(&op->op, 1), put),
	    on_put);
}

static void
on_put(void *arg, const struct answer *a, const struct err *err)
{
	struct install_op *op = arg;
	struct step add;
	struct err gone;

	if (err != NULL || a->touched > 0) {
		finish(op, err);
		return;
	}
	if (op->retried) {
		err_set(&gone, ERR_UPSTREAM, "the row of %s comes and goes",
		    op->team);
		finish(op, &gone);
		return;
	}
	add = *op_step(&op->op, 2);
	add.id = ST_INSTALL_ADD;
	add.params[strlen("ssssbbissssisss")] = (struct value)INT(op->made);
	op_next(&op->op, UNIT(DO(CHANGES_BUMP), *op_step(&op->op, 1), add),
	    on_added);
}

void
install_put(struct store *st, const struct install_row *row, int deadline_ms,
    install_done_fn *done, void *arg)
{
	struct install_op *op = install_op(row->enterprise_id, row->team_id,
	    done, arg);

	op->made = row->made;
	op_start(st, UNIT(DO(CHANGES_BUMP), DROP_CHAIN(row->enterprise_id,
	    row->team_id), DO(INSTALL_PUT, TEXT(row->app_id),
	    TEXT(row->team_name), TEXT(row->team_url), TEXT(row->key_id),
	    BYTES(row->bot_token, row->bot_token_len),
	    BYTES(row->refresh_token, row->refresh_token_len), INT(row->expires),
	    TEXT(row->scopes), TEXT(row->bot_user_id), TEXT(row->bot_id),
	    TEXT(row->installer), INT(row->updated), TEXT(words[row->state]),
	    TEXT(row->enterprise_id), TEXT(row->team_id))), deadline_ms, on_put,
	    &op->op);
}

static void
on_state(void *arg, const struct answer *a, const struct err *err)
{
	struct install_op *op = arg;
	struct err none;

	if (err == NULL && a->touched == 0) {
		err_set(&none, ERR_NOT_FOUND,
		    "%s is not installed, or in another state: "
		    "see show installs",
		    op->team);
		err = &none;
	}
	finish(op, err);
}

void
install_set_state(struct store *st, const char *enterprise_id,
    const char *team_id, enum install_state from, enum install_state to,
    install_done_fn *done, void *arg)
{
	struct install_op *op = install_op(enterprise_id, team_id, done, arg);

	if (to == INSTALL_REVOKED)
		op_start(st,
		    UNIT(DO(CHANGES_BUMP), DROP_CHAIN(enterprise_id, team_id),
			DO(INSTALL_REVOKE, BYTES("", 0), BYTES("", 0),
			    INT(clock_wall_ms()), TEXT(enterprise_id),
			    TEXT(team_id), TEXT(words[from]), INT(INT64_MAX))),
		    store_timeout(st), on_state, &op->op);
	else
		op_start(st,
		    UNIT(DO(CHANGES_BUMP),
			DO(INSTALL_STATE, TEXT(words[to]), TEXT(enterprise_id),
			    TEXT(team_id), TEXT(words[from]))),
		    store_timeout(st), on_state, &op->op);
}

static void
on_facts(void *arg, const struct answer *a, const struct err *err)
{
	(void)a;
	finish(arg, err);
}

struct unit *
install_facts(struct store *st, const struct install_row *row,
    install_done_fn *done, void *arg)
{
	struct install_op *op = install_op(row->enterprise_id, row->team_id,
	    done, arg);

	return op_start(st, UNIT(DO(CHANGES_BUMP), DO(INSTALL_FACTS,
	    TEXT(row->team_url), TEXT(row->bot_id), TEXT(row->enterprise_id),
	    TEXT(row->team_id), INT(row->updated))), store_timeout(st),
	    on_facts, &op->op);
}

/* ---- those that nobody approved ---- */

struct stale_op {
	struct op op;
	install_stale_fn *done;
	void *arg;
};

static void
on_stale(void *arg, const struct answer *a, const struct err *err)
{
	struct stale_op *op = arg;
	const struct value *v = err == NULL ? a->cells : NULL;
	struct install_row row;

	if (err != NULL || a->rows == 0) {
		op->done(op->arg, NULL, false, err);
		return;
	}
	row = (struct install_row){ .enterprise_id = v[0].text,
		.team_id = v[1].text, .app_id = v[2].text, .team_name = "",
		.team_url = "", .key_id = v[3].text, .bot_token = v[4].text,
		.bot_token_len = v[4].len, .refresh_token = v[5].text,
		.refresh_token_len = v[5].len, .expires = v[6].n,
		.scopes = "", .bot_user_id = "", .bot_id = "",
		.installer = "", .updated = v[7].n, .dead = "",
		.state = INSTALL_PENDING };
	op->done(op->arg, &row, v[8].n > 0, NULL);
}

struct unit *
install_stale(struct store *st, const struct install_row *last, int64_t before,
    install_stale_fn *done, void *arg)
{
	struct stale_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, UNIT(DO(INSTALL_STALE, INT(last->updated),
	    INT(last->updated), TEXT(last->enterprise_id), TEXT(last->team_id),
	    INT(before))), store_timeout(st), on_stale, &op->op);
}

struct unit *
install_expire(struct store *st, const struct install_row *row,
    install_done_fn *done, void *arg)
{
	struct install_op *op = install_op(row->enterprise_id, row->team_id,
	    done, arg);

	return op_start(st, UNIT(DO(CHANGES_BUMP),
	    DROP_CHAIN(row->enterprise_id, row->team_id), DO(INSTALL_REVOKE,
	    BYTES("", 0), BYTES("", 0), INT(clock_wall_ms()),
	    TEXT(row->enterprise_id), TEXT(row->team_id),
	    TEXT(words[INSTALL_PENDING]), INT(row->updated))),
	    store_timeout(st), on_state, &op->op);
}

struct unit *
install_drop_row(struct store *st, const struct install_row *row,
    install_done_fn *done, void *arg)
{
	struct install_op *op = install_op(row->enterprise_id, row->team_id,
	    done, arg);

	return op_start(st, UNIT(DO(INSTALL_DROP, TEXT(row->enterprise_id),
	    TEXT(row->team_id))), store_timeout(st), on_facts, &op->op);
}

/* ---- events ---- */

struct event_op {
	struct op op;
	install_event_fn *done;
	void *arg;
	bool moves;	/* its last statement may touch no row all the same */
};

static void
on_event(void *arg, const struct answer *a, const struct err *err)
{
	struct event_op *op = arg;

	op->done(op->arg, err == NULL && !op->moves && a->touched == 0, err);
}

void
install_event(struct store *st, const char *event_id, bool ends,
    const char *enterprise_id, const char *team_id, int64_t happened,
    install_event_fn *done, void *arg)
{
	struct event_op *op = mem_new(sizeof(*op));
	int64_t now = clock_wall_ms();
	struct step add = DO(EVENT_ADD, TEXT(event_id), INT(now));

	op->done = done;
	op->arg = arg;
	if (ends)
		op_start(st, UNIT(add, DO(CHANGES_BUMP), DO(INSTALL_END,
		    BYTES("", 0), BYTES("", 0), INT(now), TEXT(team_id),
		    TEXT(enterprise_id), INT(happened))), store_timeout(st), on_event,
		    &op->op);
	else
		op_start(st, UNIT(add), store_timeout(st), on_event, &op->op);
}

void
install_event_teams(struct store *st, const char *event_id,
    const char *enterprise_id, const char *const *lost, size_t n,
    install_event_fn *done, void *arg)
{
	struct event_op *op = mem_new(sizeof(*op));
	struct step lose = DO(DIRECTORY_LOSE, TEXT(enterprise_id),
	    TEXT(DIRECTORY_TEAMS_WORD));

	for (size_t i = 0; i < DIRECTORY_GET_MAX; i++)
		lose.params[2 + i] = (struct value)TEXT(n == 0 ? "" :
		    lost[i < n ? i : n - 1]);
	op->done = done;
	op->arg = arg;
	op->moves = true;
	op_start(st, UNIT(DO(EVENT_ADD, TEXT(event_id), INT(clock_wall_ms())),
	    DO(CHANGES_BUMP), DO(INSTALL_NEWS, TEXT(enterprise_id), TEXT("")),
	    DO(FILL_DUE, TEXT(enterprise_id), TEXT(DIRECTORY_TEAMS_WORD)), lose),
	    store_timeout(st), on_event, &op->op);
}
