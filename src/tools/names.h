/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_NAMES_H
#define TOOLS_NAMES_H

#include "slack/directory.h"
#include "tools/fence.h"

/* How an answer shows the people and channels that it has only ids of.  It is made
 * twice: the first time what it asks for is noted, the second time it is known, as
 * far as the directory knew it in between (naming.c). */
struct names;
struct names *names_new(void);
void names_free(struct names *n);

/* The name, or NULL: none is known, and the first DIRECTORY_IDS of a kind are noted.
 * n may be NULL. */
const char *names_of(struct names *n, enum directory_kind kind, const char *id,
    size_t len);
/* Likewise of a person, who is then in the legend. */
const char *names_mention(struct names *n, const char *id, size_t len);
/* The ids that were noted, borrowed; how many. */
size_t names_wanted(const struct names *n, enum directory_kind kind,
    const char *ids[DIRECTORY_IDS]);
/* Who shares it with another is told apart: "Ann (U1)", "Ann (U2)". */
void names_learn(struct names *n, enum directory_kind kind, const char *id,
    const char *name);

/* The legend: who is in the answer, told once.  Rows have marks, A to Z and then AA.
 *
 *	A U0123 Ann Bo
 *	B B0123 deploy */
#define NAMES_MARK	8
void names_mark(struct names *n, const char *id, const char *name,
    char out[NAMES_MARK]);		/* id and name borrowed; "" for none */
size_t names_bytes(const struct names *n);	/* of the legend, roughly */
void names_legend(const struct names *n, const struct fence *f,
    struct buf *out);
void names_again(struct names *n);	/* an empty legend; names are kept */

#endif
