/* SPDX-License-Identifier: ISC */
#ifndef STORE_PURGE_H
#define STORE_PURGE_H

#include "shm/region.h"
#include "store/store.h"

/* For jobs only: these run the loop until they are done.  What is to be forgotten is a
 * workspace (its id, or that of an organisation: install_key), or a person of one.
 *
 *	purge_find -> purge_end -> (wait until nobody writes any more) -> purge_rows
 *
 * Each may be done again, also by another process after this one has died. */
#define PURGE_INSTALLS	8
struct purge_install {
	char enterprise_id[65], team_id[65], bot_user_id[65];
	bool ended;
	int64_t changed;	/* wall ms, when it began or ended */
};

struct purge {
	struct store *st;
	struct event_base *base;
	const struct region *region;
	const char *team;
	const char *user;	/* NULL: the whole workspace */
	/* A workspace that came into an organisation may have two. */
	struct purge_install install[PURGE_INSTALLS];
	size_t ninstalls;
	/* Under which its rows stand (store/directory.h): its own id, and what an
	 * org-wide install has of it, or all that such an install has. */
	struct purge_words {
		char **of;
		size_t n;
	} places,
	    /* Workspaces of an organisation that have no install of their own: forgotten
	     * with it.  Who begins again has them from the one before. */
	    also;
	char org[65];		/* an org-wide install that lives and lists it; or "" */
	bool keys_stay;		/* their lists go on naming it */
	int64_t own_posts;	/* deleted with the keys of a person, not told yet */
	int64_t revoked;	/* wall ms, when purge_end revoked a key; 0 */
};

/* What happens to each table of sql/.  NULL: it holds none. */
typedef int purge_fn(struct purge *p, int64_t *count, struct err *err);
struct purge_table {
	const char *table;
	struct purge_way {
		purge_fn *run;
		const char *done;	/* in words, for the answer */
	} team, user;
};
extern const struct purge_table purge_tables[];
extern const size_t purge_ntables;

/* The installs of p->team, ended or not, and its places. */
int purge_find(struct purge *p, struct err *err);
void purge_wipe(struct purge *p);
void purge_words_add(struct purge_words *w, const char *word);	/* once */
void purge_words_wipe(struct purge_words *w);
/* Those that have not ended do: tokens emptied, `changes` bumped.  Of a person: the
 * keys that are bound to them are revoked. */
int purge_end(struct purge *p, struct err *err);
/* Is somebody still at work for it (a lease, whose owner is not known to be dead)? */
int purge_held(struct purge *p, bool *held, struct err *err);
/* Once over all tables; count[i] grows by what was done to purge_tables[i]. */
int purge_rows(struct purge *p, int64_t *count, struct err *err);
#define PURGE_BLOT	"(forgotten)"	/* stands for an id where a row must stay */

/* ---- between its files: purge_find.c finds it, purge.c forgets a workspace,
 * purge_user.c a person ---- */

/* The last row that was read of keys or installs; more: there may be others. */
struct purge_at {
	int64_t changed;
	char id[65], team_id[65];	/* of a key; of an install, id is the enterprise's */
	bool more;
};

static inline bool
purge_is_org(const struct purge *p)
{
	return p->team[0] == 'E';
}

int purge_ask(struct purge *p, const struct step *steps,
    void (*fn)(void *arg, const struct answer *a), void *arg, struct err *err);
/* The rows that it touches are added to count. */
int purge_do(struct purge *p, const struct step *steps, int64_t *count,
    struct err *err);
void purge_read_to(struct purge_at *at, int64_t changed, const char *id,
    const char *team_id);
int purge_end_user(struct purge *p, struct err *err);
purge_fn purge_user_directory, purge_user_fills, purge_user_posts,
    purge_user_chains, purge_user_keys, purge_user_installs;

#endif
