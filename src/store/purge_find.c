/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/purge.h"

#include "base/mem.h"
#include "store/directory.h"
#include "store/installs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What there is of it: installs, and the places of its rows. */

#define LIST_ROWS	500	/* of an org's workspaces at once */

void
purge_words_add(struct purge_words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->of[i], word) == 0)
			return;
	w->of = mem_array(w->of, w->n + 1, sizeof(*w->of));
	w->of[w->n++] = mem_str(word);
}

void
purge_words_wipe(struct purge_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->of[i]);
	free(w->of);
	*w = (struct purge_words){ .n = 0 };
}

static void
words_take(struct purge_words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->of[i], word) != 0)
			continue;
		free(w->of[i]);
		w->of[i] = w->of[--w->n];
		return;
	}
}

void
purge_wipe(struct purge *p)
{
	purge_words_wipe(&p->places);
	purge_words_wipe(&p->also);
}

struct finding {
	struct purge *p;
	struct purge_at at;
	struct purge_words orgs;	/* that live */
	char word[129];		/* the last one that was read; "": no more */
	char handle[256];	/* its, of the directory */
};

static void
take_install(struct purge *p, const struct value *v)
{
	struct purge_install *in = &p->install[p->ninstalls++];

	snprintf(in->enterprise_id, sizeof(in->enterprise_id), "%s", v[0].text);
	snprintf(in->team_id, sizeof(in->team_id), "%s", v[1].text);
	snprintf(in->bot_user_id, sizeof(in->bot_user_id), "%s", v[10].text);
	in->ended = install_state_of(v[15].text) == INSTALL_REVOKED;
}

/* One that may have something of the workspace. */
static void
take_org(struct finding *f, const struct value *v)
{
	char place[160];

	if (install_state_of(v[15].text) != INSTALL_REVOKED) {
		purge_words_add(&f->orgs, v[0].text);
		return;
	}
	snprintf(place, sizeof(place), "%.64s/%s", v[0].text, f->p->team);
	purge_words_add(&f->p->places, place);
}

static void
take_installs(void *arg, const struct answer *a)
{
	struct finding *f = arg;
	struct purge *p = f->p;

	f->at.more = a->rows > 0;
	for (size_t i = 0; i < a->rows; i++) {
		const struct value *v = answer_at(a, i, 0);
		bool org = v[1].len == 0;

		purge_read_to(&f->at, v[16].n, v[0].text, v[1].text);
		words_take(&p->also, v[1].text);
		if (strcmp(org ? v[0].text : v[1].text, p->team) == 0 &&
		    p->ninstalls < PURGE_INSTALLS)
			take_install(p, v);
		else if (org && !purge_is_org(p))
			take_org(f, v);
	}
}

static void
take_times(void *arg, const struct answer *a)
{
	struct purge_install *in = arg;

	if (a->rows > 0)
		in->changed = answer_at(a, 0, in->ended ? 1 : 0)->n;
}

static void
take_place(void *arg, const struct answer *a)
{
	struct finding *f = arg;
	const char *team;

	f->word[0] = '\0';
	if (a->rows == 0)
		return;
	snprintf(f->word, sizeof(f->word), "%s", answer_at(a, 0, 0)->text);
	purge_words_add(&f->p->places, f->word);
	if ((team = strchr(f->word, '/')) != NULL)
		purge_words_add(&f->p->also, team + 1);
}

static void
take_granted(void *arg, const struct answer *a)
{
	struct finding *f = arg;

	f->word[0] = '\0';
	for (size_t i = 0; i < a->rows; i++) {
		const struct value *v = answer_at(a, i, 0);

		snprintf(f->word, sizeof(f->word), "%s", v[0].text);
		snprintf(f->handle, sizeof(f->handle), "%s", v[1].text);
		purge_words_add(&f->p->also, f->word);
	}
}

/* All that an org-wide install has: E…, E…/T… (what comes behind '/' is '0'). */
static int
find_org(struct finding *f, struct err *err)
{
	static const enum statement_id tables[] = { ST_DIRECTORY_PLACE,
		ST_FILLS_PLACE, ST_POSTS_PLACE };
	struct purge *p = f->p;
	char end[80];

	snprintf(end, sizeof(end), "%.70s0", p->team);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		snprintf(f->word, sizeof(f->word), "%s/", p->team);
		while (f->word[0] != '\0') {
			struct step next = { .id = tables[i],
				.params = { TEXT(f->word), TEXT(end) } };

			if (purge_ask(p, UNIT(next), take_place, f, err) == -1)
				return -1;
		}
	}
	f->word[0] = '\0';
	do {
		if (purge_ask(p, UNIT(DO(DIRECTORY_SEARCH, TEXT(p->team),
			TEXT(DIRECTORY_TEAMS_WORD), TEXT(f->handle),
			TEXT(f->handle), TEXT(f->word), TEXT("%"),
			INT(LIST_ROWS))), take_granted, f, err) == -1)
			return -1;
	} while (f->word[0] != '\0');
	return 0;
}

static void
note_listed(void *arg, const struct answer *a)
{
	*(bool *)arg = a->rows > 0;
}

/* What org-wide installs have of a workspace; one that lists it still goes on. */
static int
find_in_orgs(struct finding *f, struct err *err)
{
	struct purge *p = f->p;
	char place[160];
	bool listed;

	for (size_t i = 0; i < f->orgs.n; i++) {
		struct step get = DO(DIRECTORY_GET, TEXT(f->orgs.of[i]),
		    TEXT(DIRECTORY_TEAMS_WORD));

		for (size_t k = 0; k < DIRECTORY_GET_MAX; k++)
			get.params[2 + k] = (struct value)TEXT(p->team);
		listed = false;
		if (p->user == NULL && purge_ask(p, UNIT(get), note_listed,
			&listed, err) == -1)
			return -1;
		snprintf(place, sizeof(place), "%s/%s", f->orgs.of[i], p->team);
		if (listed)
			snprintf(p->org, sizeof(p->org), "%s", f->orgs.of[i]);
		else
			purge_words_add(&p->places, place);
	}
	return 0;
}

static int
find_times(struct purge *p, struct err *err)
{
	for (size_t i = 0; i < p->ninstalls; i++)
		if (purge_ask(p, UNIT(DO(INSTALL_TIMES,
			TEXT(p->install[i].enterprise_id),
			TEXT(p->install[i].team_id))), take_times,
			&p->install[i], err) == -1)
			return -1;
	return 0;
}

int
purge_find(struct purge *p, struct err *err)
{
	struct finding f = { .p = p, .at.more = true };
	int rc;

	p->ninstalls = 0;
	purge_words_add(&p->places, p->team);
	rc = purge_is_org(p) ? find_org(&f, err) : 0;
	while (rc == 0 && f.at.more)
		rc = purge_ask(p, UNIT(INSTALLS_BEHIND(f.at.changed, f.at.id,
		    f.at.team_id)), take_installs, &f, err);
	if (rc == 0 && !purge_is_org(p))
		rc = find_in_orgs(&f, err);
	purge_words_wipe(&f.orgs);
	return rc == 0 ? find_times(p, err) : -1;
}
