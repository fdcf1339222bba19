/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/purge.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "shm/board.h"
#include "store/keys.h"
#include "store/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX	100000	/* of one table; each makes it smaller */

int
purge_ask(struct purge *p, const struct step *steps,
    void (*fn)(void *arg, const struct answer *a), void *arg, struct err *err)
{
	return store_wait(p->st, p->base, steps, store_timeout(p->st), fn, arg,
	    err);
}

static void
add_touched(void *arg, const struct answer *a)
{
	*(int64_t *)arg += a->touched;
}

int
purge_do(struct purge *p, const struct step *steps, int64_t *count,
    struct err *err)
{
	return purge_ask(p, steps, add_touched, count, err);
}

void
purge_read_to(struct purge_at *at, int64_t changed, const char *id,
    const char *team_id)
{
	at->changed = changed;
	snprintf(at->id, sizeof(at->id), "%s", id);
	snprintf(at->team_id, sizeof(at->team_id), "%s", team_id);
}

/* ---- installs ---- */

int
purge_end(struct purge *p, struct err *err)
{
	int64_t now = clock_wall_ms();

	if (p->user != NULL)
		return purge_end_user(p, err);
	for (size_t i = 0; i < p->ninstalls; i++) {
		struct purge_install *in = &p->install[i];

		if (in->ended)
			continue;
		if (purge_ask(p, UNIT(DO(CHANGES_BUMP), DO(INSTALL_END, BYTES("", 0),
			BYTES("", 0), INT(now), TEXT(in->team_id),
			TEXT(in->enterprise_id), INT(INT64_MAX))), NULL, NULL,
			err) == -1)
			return -1;
		in->ended = true;
		in->changed = now;
	}
	return 0;
}

static int
drop_installs(struct purge *p, int64_t *count, struct err *err)
{
	for (size_t i = 0; i < p->ninstalls; i++)
		if (p->install[i].ended &&
		    purge_do(p, UNIT(DO(INSTALL_DROP,
			TEXT(p->install[i].enterprise_id),
			TEXT(p->install[i].team_id))), count, err) == -1)
			return -1;
	return 0;
}

/* ---- some hundred rows at a time ---- */

/* Where the next piece ends: its rows have the same first column. */
struct piece {
	size_t rows;
	char first[257], last[257];	/* last: a text, or n */
	int64_t n;
};

static void
take_piece(void *arg, const struct answer *a)
{
	struct piece *piece = arg;
	const struct value *v;

	piece->rows = a->rows;
	for (size_t i = 0; i < a->rows; i++) {
		v = answer_at(a, i, 0);
		if (i == 0)
			snprintf(piece->first, sizeof(piece->first), "%s",
			    v[0].text);
		else if (strcmp(piece->first, v[0].text) != 0)
			return;
		if (v[1].letter == 'i')
			piece->n = v[1].n;
		else
			snprintf(piece->last, sizeof(piece->last), "%s",
			    v[1].text);
	}
}

static int
in_pieces(struct purge *p, const char *place, enum statement_id pick,
    enum statement_id cut, int64_t *count, struct err *err)
{
	struct step first = { .id = pick, .params = { TEXT(place) } };
	struct piece piece;

	for (int i = 0; i < ROUNDS_MAX; i++) {
		struct step next = { .id = cut, .params = { TEXT(place) } };

		if (purge_ask(p, UNIT(first), take_piece, &piece, err) == -1)
			return -1;
		if (piece.rows == 0)
			return 0;
		next.params[1] = (struct value)TEXT(piece.first);
		if (cut == ST_POSTS_CUT)
			next.params[2] = (struct value)INT(piece.n);
		else
			next.params[2] = (struct value)TEXT(piece.last);
		if (purge_do(p, UNIT(next), count, err) == -1)
			return -1;
	}
	return err_set(err, ERR_UPSTREAM, "rows come as fast as they go");
}

static int
drop_directory(struct purge *p, int64_t *count, struct err *err)
{
	for (size_t i = 0; i < p->places.n; i++)
		if (in_pieces(p, p->places.of[i], ST_DIRECTORY_PICK,
			ST_DIRECTORY_CUT, count, err) == -1)
			return -1;
	return 0;
}

static int
drop_posts(struct purge *p, int64_t *count, struct err *err)
{
	for (size_t i = 0; i < p->places.n; i++)
		if (in_pieces(p, p->places.of[i], ST_POSTS_PICK, ST_POSTS_CUT,
			count, err) == -1)
			return -1;
	return 0;
}

static int
drop_fills(struct purge *p, int64_t *count, struct err *err)
{
	for (size_t i = 0; i < p->places.n; i++)
		if (purge_do(p, UNIT(DO(FILLS_DROP, TEXT(p->places.of[i]))),
			count, err) == -1)
			return -1;
	return 0;
}

static int
drop_chains(struct purge *p, int64_t *count, struct err *err)
{
	return purge_do(p, UNIT(DO(CHAINS_DROP, TEXT(p->team), TEXT(p->team))),
	    count, err);
}

/* ---- leases ---- */

struct names {
	const struct purge *p;
	struct purge_words of;
	char last[129];
	size_t rows;
	bool held;
};

/* "users:PLACE" (slack/fill.c), "token:E…:T…" (slack/refresh.c); cut, if they are
 * long. */
static bool
is_named(const struct purge *p, const char *name)
{
	const char *rest = strchr(name, ':'), *team;

	if (rest == NULL)
		return false;
	rest++;
	for (size_t i = 0; i < p->places.n; i++)
		if (strcmp(rest, p->places.of[i]) == 0 ||
		    (strlen(rest) == 40 &&
			strncmp(rest, p->places.of[i], 40) == 0))
			return true;
	if ((team = strrchr(rest, ':')) == NULL)
		return false;
	if (purge_is_org(p))
		return team[1] == '\0' && strlen(p->team) ==
		    (size_t)(team - rest) &&
		    strncmp(rest, p->team, (size_t)(team - rest)) == 0;
	return strcmp(team + 1, p->team) == 0;
}

static void
take_leases(void *arg, const struct answer *a)
{
	struct names *n = arg;

	n->rows = a->rows;
	for (size_t i = 0; i < a->rows; i++) {
		const struct value *v = answer_at(a, i, 0);

		snprintf(n->last, sizeof(n->last), "%s", v[0].text);
		if (!is_named(n->p, v[0].text))
			continue;
		purge_words_add(&n->of, v[0].text);
		n->held |= v[1].len > 0 && (n->p->region == NULL ||
		    !board_owner_gone(n->p->region, v[1].text));
	}
}

static int
find_leases(struct purge *p, struct names *n, struct err *err)
{
	*n = (struct names){ .p = p };
	do {
		if (purge_ask(p, UNIT(DO(LEASES_AFTER, TEXT(n->last))), take_leases,
			n, err) == -1) {
			purge_words_wipe(&n->of);
			return -1;
		}
	} while (n->rows > 0);
	return 0;
}

int
purge_held(struct purge *p, bool *held, struct err *err)
{
	struct names n;

	if (find_leases(p, &n, err) == -1)
		return -1;
	*held = n.held;
	purge_words_wipe(&n.of);
	return 0;
}

static int
drop_leases(struct purge *p, int64_t *count, struct err *err)
{
	struct names n;
	int rc = 0;

	if (find_leases(p, &n, err) == -1)
		return -1;
	for (size_t i = 0; rc == 0 && i < n.of.n; i++)
		rc = purge_do(p, UNIT(DO(LEASE_FORGET, TEXT(n.of.of[i]))),
		    count, err);
	purge_words_wipe(&n.of);
	return rc;
}

/* ---- keys ---- */

struct key_lists {
	const struct purge *p;
	struct key_list {
		char *id, *before, *after;
	} *of;
	size_t n;
	struct purge_at at;
};

static bool
is_forgotten(const struct purge *p, const char *word, size_t len)
{
	if (len == strlen(p->team) && memcmp(word, p->team, len) == 0)
		return true;
	for (size_t i = 0; i < p->also.n; i++)
		if (len == strlen(p->also.of[i]) &&
		    memcmp(word, p->also.of[i], len) == 0)
			return true;
	return false;
}

/* The list without what is forgotten. */
static char *
list_without(const struct purge *p, const char *list)
{
	struct buf out = { 0 };
	const char *w;
	char *text;
	size_t n;

	while ((w = list_next(&list, &n)) != NULL) {
		if (is_forgotten(p, w, n))
			continue;
		if (out.len > 0)
			buf_char(&out, ',');
		buf_add(&out, w, n);
	}
	text = mem_strn(out.len > 0 ? out.p : "", out.len);
	buf_wipe(&out);
	return text;
}

static void
take_lists(void *arg, const struct answer *a)
{
	struct key_lists *l = arg;
	char *after;

	l->at.more = a->rows > 0;
	for (size_t i = 0; i < a->rows; i++) {
		const struct value *v = answer_at(a, i, 0);

		purge_read_to(&l->at, v[13].n, v[0].text, "");
		after = list_without(l->p, v[3].text);
		if (strcmp(after, v[3].text) == 0) {
			free(after);
			continue;
		}
		l->of = mem_array(l->of, l->n + 1, sizeof(*l->of));
		l->of[l->n++] = (struct key_list){ mem_str(v[0].text),
			mem_str(v[3].text), after };
	}
}

static int
leave_lists(struct purge *p, int64_t *count, struct err *err)
{
	struct key_lists l = { .p = p, .at.more = true };
	int rc = 0;

	if (p->keys_stay)
		return 0;
	while (rc == 0 && l.at.more)
		rc = purge_ask(p, UNIT(KEYS_BEHIND(l.at.changed, l.at.id)),
		    take_lists, &l, err);
	for (size_t i = 0; i < l.n; i++) {
		if (rc == 0)
			rc = purge_do(p, UNIT(DO(CHANGES_BUMP), DO(KEY_LEAVE,
			    TEXT(l.of[i].after), TEXT(l.of[i].id),
			    TEXT(l.of[i].before))), count, err);
		free(l.of[i].id);
		free(l.of[i].before);
		free(l.of[i].after);
	}
	free(l.of);
	return rc;
}

/* ---- all of it ---- */

#define DELETED	"rows deleted"

/* In this order: what tells of the others last, so that one who begins again finds
 * it. */
const struct purge_table purge_tables[] = {
	{ "api_keys", { leave_lists, "lists of workspaces shortened" }, { purge_user_keys, "keys revoked, ids blotted" } },
	{ "directory", { drop_directory, DELETED }, { purge_user_directory, "rows deleted or blotted" } },
	{ "directory_fills", { drop_fills, DELETED }, { purge_user_fills, "cursors deleted" } },
	{ "posts", { drop_posts, DELETED }, { purge_user_posts, DELETED } },
	{ "chains", { drop_chains, DELETED }, { purge_user_chains, DELETED } },
	{ "leases", { drop_leases, DELETED }, { NULL, NULL } },
	{ "installs", { drop_installs, DELETED }, { purge_user_installs, "ids blotted" } },
	{ "changes", { NULL, NULL }, { NULL, NULL } },
	{ "events", { NULL, NULL }, { NULL, NULL } },	/* ids of events alone */
	{ "nonces", { NULL, NULL }, { NULL, NULL } },
};
const size_t purge_ntables = sizeof(purge_tables) / sizeof(purge_tables[0]);

int
purge_rows(struct purge *p, int64_t *count, struct err *err)
{
	for (size_t i = 0; i < purge_ntables; i++) {
		const struct purge_table *t = &purge_tables[i];
		purge_fn *run = p->user != NULL ? t->user.run : t->team.run;

		if (run != NULL && run(p, &count[i], err) == -1)
			return -1;
	}
	return 0;
}
