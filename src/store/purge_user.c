/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/purge.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/word.h"
#include "store/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX	10240	/* of one person's keys; there are not so many keys at all */

/* ---- keys ---- */

struct own_keys {
	const struct purge *p;
	char **id;
	bool *live;
	size_t n;
	struct purge_at at;
};

static void
take_keys(void *arg, const struct answer *a)
{
	struct own_keys *k = arg;

	k->at.more = a->rows > 0;
	for (size_t i = 0; i < a->rows; i++) {
		const struct value *v = answer_at(a, i, 0);

		purge_read_to(&k->at, v[13].n, v[0].text, "");
		if (strcmp(v[9].text, k->p->user) != 0 || k->n == IDS_MAX)
			continue;
		k->id = mem_array(k->id, k->n + 1, sizeof(*k->id));
		k->live = mem_array(k->live, k->n + 1, sizeof(*k->live));
		k->id[k->n] = mem_str(v[0].text);
		k->live[k->n++] = strcmp(v[12].text, "live") == 0;
	}
}

static void
keys_free(struct own_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->id[i]);
	free(k->id);
	free(k->live);
}

static int
find_keys(struct purge *p, struct own_keys *k, struct err *err)
{
	*k = (struct own_keys){ .p = p, .at.more = true };
	while (k->at.more)
		if (purge_ask(p, UNIT(KEYS_BEHIND(k->at.changed, k->at.id)),
			take_keys, k, err) == -1) {
			keys_free(k);
			return -1;
		}
	return 0;
}

/* What a unit of each key does. */
static int
each_key(struct purge *p, int64_t *count,
    int (*fn)(struct purge *p, const char *id, bool live, int64_t *count,
	struct err *err), struct err *err)
{
	struct own_keys k;
	int rc = 0;

	if (find_keys(p, &k, err) == -1)
		return -1;
	for (size_t i = 0; rc == 0 && i < k.n; i++)
		rc = fn(p, k.id[i], k.live[i], count, err);
	keys_free(&k);
	return rc;
}

static int
revoke_key(struct purge *p, const char *id, bool live, int64_t *count,
    struct err *err)
{
	int64_t now = clock_wall_ms();
	char no_name[80];

	if (!live)
		return 0;
	p->revoked = now;
	snprintf(no_name, sizeof(no_name), "!%s", id);	/* as key_revoke */
	return purge_do(p, UNIT(DO(CHANGES_BUMP), DO(KEY_REVOKE, TEXT(no_name),
	    INT(now), TEXT(id))), count, err);
}

static int
disown_key(struct purge *p, const char *id, bool live, int64_t *count,
    struct err *err)
{
	(void)live;
	/* once the key tells no more whose it was, its posts are not found */
	for (size_t i = 0; i < p->places.n; i++)
		if (purge_do(p, UNIT(DO(POSTS_OF, TEXT(id),
			TEXT(p->places.of[i]))), &p->own_posts, err) == -1)
			return -1;
	return purge_do(p, UNIT(DO(CHANGES_BUMP), DO(KEY_DISOWN,
	    TEXT(PURGE_BLOT), TEXT(id), TEXT(p->user))), count, err);
}

int
purge_end_user(struct purge *p, struct err *err)
{
	int64_t count = 0;

	return each_key(p, &count, revoke_key, err);
}

int
purge_user_keys(struct purge *p, int64_t *count, struct err *err)
{
	return each_key(p, count, disown_key, err);
}

int
purge_user_posts(struct purge *p, int64_t *count, struct err *err)
{
	*count += p->own_posts;
	p->own_posts = 0;
	for (size_t i = 0; i < p->places.n; i++)
		if (purge_do(p, UNIT(DO(POSTS_NAMING, TEXT(p->places.of[i]),
			TEXT(p->user), TEXT(p->user), TEXT(p->user))), count,
			err) == -1)
			return -1;
	return 0;
}

/* ---- the directory ---- */

enum { KIND, ID, HANDLE, LABEL, LABEL_KEY, ABOUT, WORDS, NTEXTS };
#define SOME	100

struct naming {
	const struct purge *p;
	const char *place;
	char small[65];			/* the id as WORDS has it */
	char *text[SOME][NTEXTS];
	size_t n, rows;
	char kind[65], id[65];		/* of the last row that was read */
};

static bool
blot(const struct naming *n, char **text)
{
	size_t count = 0;

	for (int i = HANDLE; i < NTEXTS; i++) {
		count += word_blot(text[i], strlen(text[i]), n->p->user);
		count += word_blot(text[i], strlen(text[i]), n->small);
	}
	return count > 0;
}

static void
drop_texts(char **text)
{
	for (int i = 0; i < NTEXTS; i++)
		free(text[i]);
}

static void
take_naming(void *arg, const struct answer *a)
{
	struct naming *n = arg;

	n->rows = a->rows;
	n->n = 0;
	for (size_t i = 0; i < a->rows && i < SOME; i++) {
		const struct value *v = answer_at(a, i, 0);
		char **text = n->text[n->n];

		for (int k = 0; k < NTEXTS; k++)
			text[k] = mem_str(v[k].text);
		snprintf(n->kind, sizeof(n->kind), "%s", v[KIND].text);
		snprintf(n->id, sizeof(n->id), "%s", v[ID].text);
		if (blot(n, text))
			n->n++;
		else
			drop_texts(text);
	}
}

static int
store_blotted(struct naming *n, struct purge *p, int64_t *count,
    struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < n->n; i++) {
		char **t = n->text[i];

		if (rc == 0)
			rc = purge_do(p, UNIT(DO(DIRECTORY_BLOT,
			    TEXT(t[HANDLE]), TEXT(t[LABEL]), TEXT(t[LABEL_KEY]),
			    TEXT(t[ABOUT]), TEXT(t[WORDS]), TEXT(n->place),
			    TEXT(t[KIND]), TEXT(t[ID]))), count, err);
		drop_texts(t);
	}
	return rc;
}

static int
clean_place(struct purge *p, const char *place, int64_t *count,
    struct err *err)
{
	struct naming n = { .p = p, .place = place };

	for (size_t i = 0; i < sizeof(n.small) - 1 && p->user[i] != '\0'; i++)
		n.small[i] = (char)tolower((unsigned char)p->user[i]);
	if (purge_do(p, UNIT(DO(DIRECTORY_PERSON, TEXT(place),
		TEXT(p->user))), count, err) == -1)
		return -1;
	do {
		if (purge_ask(p, UNIT(DO(DIRECTORY_NAMING, TEXT(place),
			TEXT(n.kind), TEXT(n.kind), TEXT(n.id), TEXT(n.small))),
			take_naming, &n, err) == -1 ||
		    store_blotted(&n, p, count, err) == -1)
			return -1;
	} while (n.rows > 0);
	return 0;
}

int
purge_user_directory(struct purge *p, int64_t *count, struct err *err)
{
	for (size_t i = 0; i < p->places.n; i++)
		if (clean_place(p, p->places.of[i], count, err) == -1)
			return -1;
	return 0;
}

/* A cursor of Slack may tell where in the list of people it stands. */
int
purge_user_fills(struct purge *p, int64_t *count, struct err *err)
{
	for (size_t i = 0; i < p->places.n; i++)
		if (purge_do(p, UNIT(DO(FILLS_TURN, TEXT(p->places.of[i]))),
			count, err) == -1)
			return -1;
	return 0;
}

/* ---- the rest ---- */

int
purge_user_chains(struct purge *p, int64_t *count, struct err *err)
{
	return purge_do(p, UNIT(DO(CHAINS_HELD, TEXT(p->team), TEXT(p->team),
	    TEXT(p->user))), count, err);
}

int
purge_user_installs(struct purge *p, int64_t *count, struct err *err)
{
	for (size_t i = 0; i < p->ninstalls; i++)
		if (purge_do(p, UNIT(DO(CHANGES_BUMP), DO(INSTALL_DISOWN,
			TEXT(PURGE_BLOT), TEXT(p->install[i].enterprise_id),
			TEXT(p->install[i].team_id), TEXT(p->user))), count,
			err) == -1)
			return -1;
	return 0;
}
