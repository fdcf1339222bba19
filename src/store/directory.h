/* SPDX-License-Identifier: ISC */
#ifndef STORE_DIRECTORY_H
#define STORE_DIRECTORY_H

#include "store/store.h"

/* Rows of the directory (slack/directory.h): channels and people of a workspace, and
 * how far each kind's last fill came.  kind is a word, team an install_place():
 *	T…	a workspace that has an install of its own
 *	E…/T…	a workspace that an org-wide install was granted
 *	E…	such an install; of the one kind DIRECTORY_TEAMS_WORD, its workspaces
 * so what there is of an organisation has team = 'E…' or team LIKE 'E…/%'. */
#define DIRECTORY_TEAMS_WORD	"teams"
struct directory_row {
	const char *id;
	const char *handle;		/* in lower case */
	const char *label, *about;
	int64_t flags, members;
};

/* 20 ids at most; rows in any order, those that are not there left out. */
#define DIRECTORY_GET_MAX	20
typedef void directory_rows_fn(void *arg, const struct directory_row *rows,
    size_t n, const struct err *err);
struct unit *directory_rows_get(struct store *st, const char *team,
    const char *kind, const char *const *ids, size_t n, int deadline_ms,
    directory_rows_fn *done, void *arg);
/* handle or label, in any case, is name: at most ten. */
struct unit *directory_rows_find(struct store *st, const char *team,
    const char *kind, const char *name, int deadline_ms,
    directory_rows_fn *done, void *arg);
/* Those that hold words, in any case ("" all), in order of handle and id, behind
 * (handle, id). */
struct unit *directory_rows_search(struct store *st, const char *team,
    const char *kind, const char *words, const char *handle, const char *id,
    size_t max, int deadline_ms, directory_rows_fn *done, void *arg);

/* Where it is written: team as above, and the row of the install whose token reads it.
 * When that has ended nothing is added, and the answer is ERR_NOT_FOUND: what was
 * forgotten stays so. */
struct directory_of {
	const char *team, *kind;
	const char *enterprise_id, *team_id;
};
typedef void directory_done_fn(void *arg, const struct err *err);
/* Two rows at most, put in place of those that were there, by the run fill; what no
 * run finds is put with FILL_STRANGER, and goes by its age. */
#define FILL_STRANGER	INT64_MAX
#define DIRECTORY_PUT_MAX	2
struct unit *directory_rows_put(struct store *st,
    const struct directory_of *of, const struct directory_row *rows, size_t n,
    int64_t fill, int64_t now, directory_done_fn *done, void *arg);

/* state: complete, partial, or "" before the first end of a fill. */
struct fill_row {
	int64_t fill;			/* the run that is under way, or was last */
	const char *state;
	int64_t entries;		/* that the last complete run found */
	int64_t began, ended;		/* wall ms */
	const char *page;		/* where the run under way is; "": none is */
	const char *problem;
	int64_t stale;			/* at a complete end: strangers from before this
					 * wall ms go, and are asked for again */
	bool news;			/* to be written: what the install of the org
					 * `team` reaches may have changed; its row is
					 * marked so, for all workers */
};
typedef void fill_fn(void *arg, const struct fill_row *row,
    const struct err *err);		/* no row yet: all 0 and "" */
struct unit *fill_see(struct store *st, const char *team, const char *kind,
    fill_fn *done, void *arg);
/* The row as told, made if it is not there.  An error, too, when somebody has begun
 * another run meanwhile, or has said that this one is out of date. */
struct unit *fill_set(struct store *st, const struct directory_of *of,
    const struct fill_row *row, directory_done_fn *done, void *arg);
/* Likewise, at a complete end: what this run did not find goes. */
struct unit *fill_end(struct store *st, const struct directory_of *of,
    const struct fill_row *row, directory_done_fn *done, void *arg);
/* Which workspaces the org-wide install reaches is to be read anew, by whoever is first:
 * its row is marked, so that all look. */
void fill_due(struct store *st, const char *org);

#endif
