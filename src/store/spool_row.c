/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/spool_row.h"

#include "base/crypto.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define LAST_LINE	"end\n"

enum field_kind { END_FIELD, TEXT_FIELD, BYTES_FIELD, INT_FIELD, STATE_FIELD };

#define FIELD(kind, name)	{ kind, #name, offsetof(ROW, name), 0 }
#define BYTES_OF(name)		{ BYTES_FIELD, #name, offsetof(ROW, name), \
	offsetof(ROW, name##_len) }

struct field {
	enum field_kind kind;
	const char *name;
	size_t at, len_at;
};

#define ROW	struct install_row
static const struct field install_fields[] = {
	FIELD(TEXT_FIELD, enterprise_id), FIELD(TEXT_FIELD, team_id),
	FIELD(TEXT_FIELD, app_id), FIELD(TEXT_FIELD, team_name),
	FIELD(TEXT_FIELD, team_url), FIELD(TEXT_FIELD, key_id),
	BYTES_OF(bot_token), BYTES_OF(refresh_token),
	FIELD(INT_FIELD, expires), FIELD(TEXT_FIELD, scopes),
	FIELD(TEXT_FIELD, bot_user_id), FIELD(TEXT_FIELD, bot_id),
	FIELD(TEXT_FIELD, installer), FIELD(INT_FIELD, made),
	FIELD(INT_FIELD, updated), FIELD(STATE_FIELD, state),
	{ .kind = END_FIELD },
};
#undef ROW

#define ROW	struct chain_pair
static const struct field pair_fields[] = {
	FIELD(TEXT_FIELD, enterprise_id), FIELD(TEXT_FIELD, team_id),
	FIELD(TEXT_FIELD, holder), BYTES_OF(spent), BYTES_OF(next),
	FIELD(TEXT_FIELD, key_id), BYTES_OF(token), BYTES_OF(refresh),
	FIELD(INT_FIELD, expires), FIELD(TEXT_FIELD, scopes),
	FIELD(INT_FIELD, made), { .kind = END_FIELD },
};
#undef ROW

static const struct {
	const char *prefix, *first_line;
	const struct field *fields;
} kinds[] = {
	[SPOOL_INSTALL] = { "install-", "slackmcpd install 1\n", install_fields },
	[SPOOL_PAIR] = { "pair-", "slackmcpd pair 1\n", pair_fields },
};

const char *
spool_prefix(enum spool_kind kind)
{
	return kinds[kind].prefix;
}

int
spool_kind_of(const char *name)
{
	for (int k = 0; k < (int)(sizeof(kinds) / sizeof(kinds[0])); k++)
		if (strncmp(name, kinds[k].prefix, strlen(kinds[k].prefix)) == 0)
			return k;
	return -1;
}

/* ---- a row as text ---- */

static void
put_field(struct buf *out, const struct field *f, const void *row)
{
	const char *at = (const char *)row + f->at;
	const char *text;

	buf_fmt(out, "%s ", f->name);
	switch (f->kind) {
	case INT_FIELD:
		buf_int(out, *(const int64_t *)at);
		break;
	case STATE_FIELD:
		buf_str(out,
		    install_state_word(*(const enum install_state *)at));
		break;
	case TEXT_FIELD:
	case BYTES_FIELD:
	case END_FIELD:
		text = *(const char *const *)at;
		crypto_b64(out, text, f->kind == TEXT_FIELD ? strlen(text) :
		    *(const size_t *)((const char *)row + f->len_at));
	}
	buf_char(out, '\n');
}

void
spool_render(enum spool_kind kind, const void *row, struct buf *out)
{
	buf_str(out, kinds[kind].first_line);
	for (const struct field *f = kinds[kind].fields; f->kind != END_FIELD;
	    f++)
		put_field(out, f, row);
	buf_str(out, LAST_LINE);
}

/* ---- and back ---- */

static int
take_int(const char *value, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(value, &end, 10);
	return errno == 0 && end != value && *end == '\0' ? 0 : -1;
}

static int
take_field(struct spooled *s, const struct field *f, struct buf *b,
    const char *value)
{
	char *at = (char *)&s->row + f->at;
	int state;

	switch (f->kind) {
	case INT_FIELD:
		return take_int(value, (int64_t *)at);
	case STATE_FIELD:
		if ((state = install_state_of(value)) == -1)
			return -1;
		*(enum install_state *)at = (enum install_state)state;
		return 0;
	case TEXT_FIELD:
	case BYTES_FIELD:
	case END_FIELD:
		if (crypto_unb64(b, value, strlen(value)) == -1)
			return -1;
		*(const char **)at = b->len > 0 ? b->p : "";
		if (f->kind == BYTES_FIELD)
			*(size_t *)((char *)&s->row + f->len_at) = b->len;
		else if (b->len > 0 && strlen(b->p) != b->len)
			return -1;
	}
	return 0;
}

int
spool_parse(struct spooled *s, enum spool_kind kind, char *text)
{
	const char *first = kinds[kind].first_line;
	struct buf *value = s->values;
	char *at = text, *line;

	s->kind = kind;
	if (strncmp(at, first, strlen(first)) != 0)
		return -1;
	at += strlen(first);
	for (const struct field *f = kinds[kind].fields; f->kind != END_FIELD;
	    f++) {
		size_t n = strlen(f->name);

		if ((line = strsep(&at, "\n")) == NULL || at == NULL ||
		    strncmp(line, f->name, n) != 0 || line[n] != ' ' ||
		    take_field(s, f, value++, line + n + 1) == -1)
			return -1;
	}
	return strcmp(at, LAST_LINE) == 0 ? 0 : -1;
}

void
spooled_free(struct spooled *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < SPOOL_FIELDS; i++)
		buf_wipe(&s->values[i]);
	free(s);
}

bool
spool_tells(const char *text, const char *field, const char *value)
{
	struct buf line = { 0 };
	bool has;

	buf_fmt(&line, "\n%s ", field);
	crypto_b64(&line, value, strlen(value));
	buf_char(&line, '\n');
	has = strstr(text, line.p) != NULL;
	buf_wipe(&line);
	return has;
}
