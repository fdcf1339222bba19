/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/names.h"

#include "base/mem.h"
#include "slack/id.h"

#include <stdlib.h>
#include <string.h>

#define ID_MAX		31
#define SLOTS		1024		/* more than twice what comes in */
#define NAME_BYTES	80
#define MORE_BYTES	16		/* of a line: mark and signs */

struct name {
	enum directory_kind kind;
	char id[ID_MAX + 1];		/* "": a free slot */
	char *text;			/* NULL: not known */
	size_t bare;			/* bytes of it without the id behind it */
};

/* Bots go by several names under one id. */
struct one {
	const char *id, *name;
};

struct names {
	size_t n[DIRECTORY_KINDS];
	struct name slots[SLOTS];
	struct one *cast;
	size_t ncast, room, bytes;
};

static const char *const first[DIRECTORY_KINDS] = {
	[DIRECTORY_CHANNELS] = "CG", [DIRECTORY_USERS] = "UW",
};

struct names *
names_new(void)
{
	return mem_new(sizeof(struct names));
}

void
names_free(struct names *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(n->slots[i].text);
	free(n->cast);
	free(n);
}

/* Its slot, or the free one that it would have. */
static struct name *
slot_of(struct names *n, enum directory_kind kind, const char *id, size_t len)
{
	uint32_t h = 2166136261u ^ (uint32_t)kind;
	struct name *s;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)id[i]) * 16777619u;
	for (;; h++) {
		s = &n->slots[h % SLOTS];
		if (s->id[0] == '\0' || (s->kind == kind &&
		    strncmp(s->id, id, len) == 0 && s->id[len] == '\0'))
			return s;
	}
}

static const struct name *
ask(struct names *n, enum directory_kind kind, const char *id, size_t len)
{
	static const struct name none;
	struct name *s;

	if (n == NULL || len > ID_MAX || !slack_is_id(id, len, first[kind]))
		return &none;
	s = slot_of(n, kind, id, len);
	if (s->id[0] == '\0' && n->n[kind] < DIRECTORY_IDS) {
		n->n[kind]++;
		s->kind = kind;
		memcpy(s->id, id, len);
		s->id[len] = '\0';
	}
	return s;
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

	for (size_t i = 0; i < SLOTS && found < n->n[kind]; i++)
		if (n->slots[i].id[0] != '\0' && n->slots[i].kind == kind)
			ids[found++] = n->slots[i].id;
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
	struct name *s = slot_of(n, kind, id, strlen(id));
	bool shared = false;

	if (s->id[0] == '\0' || name[0] == '\0')
		return;
	for (struct name *o = n->slots; o < n->slots + SLOTS; o++)
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
