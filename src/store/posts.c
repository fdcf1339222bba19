/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/posts.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/op.h"

#include <stdio.h>
#include <stdlib.h>

#define REPEATS_MS	600000	/* an equal call after that is a new one */
#define KEY_MAX		256	/* longer ones stand as their hash */

#define PRINCIPAL(p)	(p)->insert.params[0]	/* of POST_BEGIN */
#define KEY(p)		(p)->insert.params[1]
#define DIGEST(p)	(p)->insert.params[2]
#define OWNER(p)	(p)->insert.params[3]
#define MADE(p)		(p)->insert.params[7].n
#define UNSENT_MS	15000
#define TRIES_MAX	5	/* then no row can be made */
#define ASIDE		9	/* random bytes of the key of a row that was put aside */

struct post {
	struct op op;
	struct store *st;
	struct step insert;	/* POST_BEGIN or _IN, also for the next try */
	int tries;
	post_fn *done;
	void *arg;
};

static const char *const states[] = {
#define X(sym, word) [POST_IS_##sym] = word,
	POST_STATES(X)
#undef X
};

static const struct post_was nothing = { .text = "", .owner = "" };

static const struct {
	const char *text, *way;
} words[] = {
#define X(w, text, way) [w] = { text, way },
	POST_WORDS(X)
#undef X
};

const char *
post_text(enum post_word word)
{
	return words[word].text;
}

const char *
post_way(enum post_word word)
{
	return words[word].way;
}

static void
stored_key(char *out, const char *key)
{
	unsigned char hash[SHA256_SIZE];

	if (strlen(key) <= KEY_MAX) {
		memcpy(out, key, strlen(key) + 1);
		return;
	}
	crypto_sha256(key, strlen(key), hash);
	memcpy(out, "sha256:", 7);
	crypto_hex(out + 7, hash, sizeof(hash));
}

static void on_begun(void *arg, const struct answer *a, const struct err *err);

static void
wipe(struct op *op)
{
	struct post *p = (struct post *)op;

	step_drop(&p->insert);
}

/* The old row stays, as proof of ownership, under a key that nobody asks for. */
static void
retire(struct post *p, int64_t made)
{
	char old[KEY_MAX + 32], word[B64URL_SIZE(ASIDE)];

	crypto_token(word, ASIDE);
	snprintf(old, sizeof(old), "%s@%s", KEY(p).text, word);
	op_next(&p->op,
	    UNIT(DO(POST_RETIRE, TEXT(old), PRINCIPAL(p), KEY(p), INT(made)),
		p->insert),
	    on_begun);
}

static void
again(struct post *p)
{
	op_next(&p->op, UNIT(p->insert), on_begun);
}

static bool
is(const struct value *state, enum post_state which)
{
	return strcmp(state->text, states[which]) == 0;
}

/* What the row of an equal key has to say; POST_GO: nothing any more. */
static enum post_word
word_of(const struct post *p, const struct value *row)
{
	if (MADE(p) - row[3].n > REPEATS_MS)
		return POST_GO;
	if (row[0].len != DIGEST(p).len ||
	    memcmp(row[0].text, DIGEST(p).text, row[0].len) != 0)
		return POST_OTHER;
	if (is(&row[1], POST_IS_UNSENT))
		return POST_GO;
	if (is(&row[1], POST_IS_POSTED))
		return POST_POSTED;
	return is(&row[1], POST_IS_REFUSED) ? POST_REFUSED : POST_OPEN;
}

/* The key was taken: by whom? */
static void
on_seen(void *arg, const struct answer *a, const struct err *err)
{
	struct post *p = arg;
	const struct value *row;
	enum post_word word;
	struct err ended;

	if (err != NULL) {
		p->done(p->arg, POST_OPEN, &nothing, err);
		return;
	}
	if (++p->tries > TRIES_MAX) {
		err_set(&ended, ERR_NOT_FOUND,
		    "the workspace is not connected any more");
		p->done(p->arg, POST_OPEN, &nothing, &ended);
		return;
	}
	row = a->cells;
	if (a->rows == 0) {		/* retired or pruned in between */
		again(p);
		return;
	}
	word = word_of(p, row);
	if (word == POST_GO)
		retire(p, row[3].n);
	else
		p->done(p->arg, word, &(struct post_was){ .text = row[2].text,
		    .owner = row[4].text, .made = row[3].n,
		    .sending = is(&row[1], POST_IS_SENDING) }, NULL);
}

/* The row may be there all the same, or come yet, when a server that stood still goes
 * on: an equal call is not to be told that it may have been posted. */
static void
withdraw(const struct post *p)
{
	store_run(p->st, UNIT(DO(POST_END, TEXT(states[POST_IS_UNSENT]),
	    p->insert.params[6], TEXT(""), PRINCIPAL(p), KEY(p), OWNER(p),
	    INT(MADE(p)))), UNSENT_MS, NULL, NULL);
}

static void
on_begun(void *arg, const struct answer *a, const struct err *err)
{
	struct post *p = arg;

	if (err != NULL && err->kind == ERR_TIMEOUT)
		withdraw(p);
	if (err != NULL || a->touched > 0)
		p->done(p->arg, POST_GO, &nothing, err);
	else
		op_next(&p->op, UNIT(DO(POST_SEE, PRINCIPAL(p), KEY(p))),
		    on_seen);
}

struct post *
post_begin(struct store *st, const struct post_id *id, int deadline_ms,
    post_fn *done, void *arg)
{
	struct post *p = mem_new(sizeof(*p));
	const char *tool = id->tool != NULL ? id->tool : "";
	char key[KEY_MAX + 1];
	struct step insert;

	stored_key(key, id->key);
	p->st = st;
	p->done = done;
	p->arg = arg;
	p->op.wipe = wipe;
	insert = (struct step)DO(POST_BEGIN_IN, TEXT(id->principal), TEXT(key),
	    BYTES(id->digest, sizeof(id->digest)), TEXT(id->owner), TEXT(tool),
	    TEXT(id->team), TEXT(id->channel), INT(id->made));
	if (id->team_id == NULL) {
		insert.id = ST_POST_BEGIN;
	} else {
		insert.params[8] = (struct value)TEXT(id->enterprise_id);
		insert.params[9] = (struct value)TEXT(id->team_id);
	}
	step_keep(&p->insert, &insert);
	op_start(st, UNIT(p->insert), deadline_ms, on_begun, &p->op);
	return p;
}

void
post_cancel(struct post *p)
{
	store_cancel(p->op.unit);
}

/* The row goes on saying "sending": equal calls are told to look. */
static void
on_ended(void *arg, const struct answer *a, const struct err *err)
{
	(void)arg;
	if (err != NULL)
		log_error("posts", "an outcome could not be stored: %s",
		    err->text);
	else if (a->touched == 0)
		log_warn("posts", "an outcome found no row that waits for it");
}

void
post_end(struct store *st, const struct post_id *id, enum post_state state,
    const char *channel, const char *text, int deadline_ms)
{
	char key[KEY_MAX + 1];

	stored_key(key, id->key);
	store_run(st, UNIT(DO(POST_END, TEXT(states[state]), TEXT(channel), TEXT(text),
	    TEXT(id->principal), TEXT(key), TEXT(id->owner),
	    INT(id->made))), deadline_ms, on_ended, NULL);
}

void
post_found(struct store *st, const struct post_id *id, const char *ts,
    int deadline_ms)
{
	char key[KEY_MAX + 1];

	stored_key(key, id->key);
	store_run(st, UNIT(DO(POST_FOUND, TEXT(ts), TEXT(id->principal),
	    TEXT(key), INT(id->made))), deadline_ms, on_ended, NULL);
}

struct unit *
posts_beside(struct store *st, const struct post_id *id, int64_t since,
    int deadline_ms, store_done_fn *done, void *arg)
{
	char key[KEY_MAX + 1];

	stored_key(key, id->key);
	return store_run(st, UNIT(DO(POSTS_BESIDE, INT(since), TEXT(id->team),
	    TEXT(id->channel), TEXT(id->principal), TEXT(key))), deadline_ms,
	    done, arg);
}

bool
posts_own(const struct answer *beside, const char *ts)
{
	for (size_t i = 0; i < beside->rows; i++)
		if (is(answer_at(beside, i, 0), POST_IS_POSTED) &&
		    strcmp(answer_at(beside, i, 1)->text, ts) == 0)
			return true;
	return false;
}

size_t
posts_twins(const struct answer *beside, const struct post_id *id,
    int64_t since)
{
	size_t n = 0;

	for (size_t i = 0; i < beside->rows; i++) {
		const struct value *state = answer_at(beside, i, 0),
		    *digest = answer_at(beside, i, 2);

		n += answer_at(beside, i, 3)->n >= since &&
		    (is(state, POST_IS_SENDING) ||
		    is(state, POST_IS_UNKNOWN)) &&
		    digest->len == sizeof(id->digest) &&
		    memcmp(digest->text, id->digest, digest->len) == 0;
	}
	return n;
}
