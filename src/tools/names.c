/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/names.h"

#include "base/mem.h"
#include "slack/id.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX		31
#define SLOTS		1024		/* more than what comes in */
#define NAMES_MAX	(DIRECTORY_KINDS * DIRECTORY_IDS)
#define NAME_BYTES	80
#define MORE_BYTES	16		/* of a line: mark and signs */

struct name {
	enum directory_kind kind;
	char id[ID_MAX + 1];
	char *text;			/* NULL: not known */
	size_t bare;			/* bytes of it without the id behind it */
};

/* Bots go by several names under one id. */
struct one {
	const char *id, *name;
};

/* Most answers have some few names, so no more than that is touched: slots point into
 * list, one up (0: free), which does not move. */
struct names {
	size_t n[DIRECTORY_KINDS];
	uint16_t slots[SLOTS];
	struct name *list;
	size_t used;
	struct one *cast;
	size_t ncast, room, bytes;
};

static const char *const first[DIRECTORY_KINDS] = {
	[DIRECTORY_CHANNELS] = "CG", [DIRECTORY_USERS] = "UW",
};

struct names *
names_new(void)
{
	struct names *n = mem_new(sizeof(*n));

	n->list = mem_array(NULL, NAMES_MAX, sizeof(*n->list));
	return n;
}

void
names_free(struct names *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->used; i++)
		free(n->list[i].text);
	free(n->list);
	free(n->cast);
	free(n);
}

static struct name *
at(const struct names *n, uint16_t slot)
{
	return slot != 0 ? &n->list[slot - 1] : NULL;
}

/* Its slot, or the free one that it would have. */
static uint16_t *
slot_of(struct names *n, enum directory_kind kind, const char *id, size_t len)
{
	uint32_t h = 2166136261u ^ (uint32_t)kind;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)id[i]) * 16777619u;
	for (;; h++) {
		uint16_t *slot = &n->slots[h % SLOTS];
		const struct name *s = at(n, *slot);

		if (s == NULL || (s->kind == kind &&
		    strncmp(s->id, id, len) == 0 && s->id[len] == '\0'))
			return slot;
	}
}

static struct name *
add(struct names *n, uint16_t *slot, enum directory_kind kind, const char *id,
    size_t len)
{
	struct name *s = &n->list[n->used++];

	n->n[kind]++;
	*s = (struct name){ .kind = kind };
	memcpy(s->id, id, len);
	*slot = (uint16_t)n->used;
	return s;
}

static const struct name *
ask(struct names *n, enum directory_kind kind, const char *id, size_t len)
{
	static const struct name none;
	uint16_t *slot;

	if (n == NULL || len > ID_MAX || !slack_is_id(id, len, first[kind]))
		return &none;
	slot = slot_of(n, kind, id, len);
	if (*slot != 0)
		return at(n, *slot);
	return n->n[kind] < DIRECTORY_IDS ? add(n, slot, kind, id, len) : &none;
}

const char *
names_of(struct names *n, enum directory_kind kind, const char *id, size_t len)
{
	return ask(n, kind, id, len)->text;
}

const char *
names_mention(struct names *n, const char *id, size_t len)
{
	const struct name *s = ask(n, DIRECTORY_USERS, id, len);
	char mark[NAMES_MARK];

	if (s->text != NULL)
		names_mark(n, s->id, s->text, mark);
	return s->text;
}

size_t
names_wanted(const struct names *n, enum directory_kind kind,
    const char *ids[DIRECTORY_IDS])
{
	size_t found = 0;

	for (size_t i = 0; i < n->used; i++)
		if (n->list[i].kind == kind)
			ids[found++] = n->list[i].id;
	return found;
}

static bool
is_called(const struct name *s, const char *name)
{
	return s->text != NULL && s->bare == strlen(name) &&
	    memcmp(s->text, name, s->bare) == 0;
}

static void
call_it(struct name *s, const char *name, bool shared)
{
	struct buf b = { 0 };

	buf_str(&b, name);
	s->bare = b.len;
	if (shared)
		buf_fmt(&b, " (%s)", s->id);
	free(s->text);
	s->text = mem_str(b.p);
	buf_wipe(&b);
}

void
names_learn(struct names *n, enum directory_kind kind, const char *id,
    const char *name)
{
	struct name *s = at(n, *slot_of(n, kind, id, strlen(id)));
	bool shared = false;

	if (s == NULL || name[0] == '\0')
		return;
	for (struct name *o = n->list; o < n->list + n->used; o++)
		if (o != s && o->kind == kind && is_called(o, name)) {
			call_it(o, name, true);
			shared = true;
		}
	call_it(s, name, shared);
}

/* ---- the legend ---- */

static void
put_mark(size_t i, char out[NAMES_MARK])
{
	char digits[NAMES_MARK];
	size_t n = 0;

	for (i++; i > 0 && n + 1 < NAMES_MARK; i = (i - 1) / 26)
		digits[n++] = (char)('A' + (i - 1) % 26);
	for (size_t k = 0; k < n; k++)
		out[k] = digits[n - 1 - k];
	out[n] = '\0';
}

void
names_mark(struct names *n, const char *id, const char *name,
    char out[NAMES_MARK])
{
	size_t i = 0;

	while (i < n->ncast && (strcmp(n->cast[i].id, id) != 0 ||
	    strcmp(n->cast[i].name, name) != 0))
		i++;
	if (i == n->ncast) {
		if (n->ncast == n->room) {
			n->room = n->room * 2 + 16;
			n->cast = mem_array(n->cast, n->room, sizeof(*n->cast));
		}
		n->cast[n->ncast++] = (struct one){ .id = id, .name = name };
		n->bytes += strnlen(id, NAME_BYTES) +
		    strnlen(name, NAME_BYTES) + MORE_BYTES;
	}
	put_mark(i, out);
}

size_t
names_bytes(const struct names *n)
{
	return n->bytes;
}

void
names_legend(const struct names *n, const struct fence *f, struct buf *out)
{
	char mark[NAMES_MARK];

	for (size_t i = 0; i < n->ncast; i++) {
		const struct one *c = &n->cast[i];

		put_mark(i, mark);
		buf_fmt(out, "%s ", mark);
		fence_field(f, out, c->id[0] != '\0' ? c->id : "-", NAME_BYTES);
		if (c->name[0] != '\0') {
			buf_char(out, ' ');
			fence_field(f, out, c->name, NAME_BYTES);
		}
		buf_char(out, '\n');
	}
}

void
names_again(struct names *n)
{
	n->ncast = n->bytes = 0;
}
