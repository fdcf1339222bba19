/* SPDX-License-Identifier: ISC */
#ifndef BASE_CONF_ROW_H
#define BASE_CONF_ROW_H

#include "base/conf.h"

/* What the files of the configuration have in common; nobody else includes
 * this. */

enum conf_source_kind {
	SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENV, SOURCE_SECRET_FILE,
	SOURCE_OPTION
};

enum conf_type {
	T_BOOL, T_INT, T_DOUBLE, T_TIME, T_SIZE, T_RATE, T_WORD, T_TEXT, T_LIST,
	T_SECRET, T_COUNT
};

#define F_OFF		0x1	/* "off" is 0 */
#define F_PATH		0x2	/* absolute, since the daemon works in / */
#define F_RESTART	0x4	/* it belongs to the region, sockets or files that the
				 * master holds: no reload changes it */

struct conf_row {
	const char *env;	/* its name; in the file the same in lower case */
	enum conf_type type;
	size_t at;		/* in struct conf */
	const char *dflt;	/* NULL: none, or conf_derive.c makes it */
	int64_t min, max;
	int64_t unit_ms;	/* of a bare number of T_TIME */
	const char *const *words;	/* of T_WORD and some T_LIST, ended by NULL */
	unsigned flags;
	const char *help;	/* one line; slackmcpd.conf(5) tells more */
};

#define CONF_NAME_SIZE	40	/* the longest name, _FILE and NUL */
#define CONF_SECRET_MAX	65536

/* NULL behind the last one. */
const struct conf_row *conf_row(size_t i);
/* In any case of letters.  NULL: no such option.  by_file: it was NAME_FILE. */
const struct conf_row *conf_row_find(const char *name, size_t len,
    bool *by_file);
size_t conf_row_index(const struct conf_row *row);
void conf_row_name(const struct conf_row *row, char out[CONF_NAME_SIZE]);

/* The text that is in force for a row, before it is a value. */
struct conf_slot {
	char *text;		/* NULL: the default */
	enum conf_source_kind source;
	bool by_file;		/* text is the path of a file that has it */
};

struct conf_loading {
	struct conf *c;
	const struct conf_input *in;
	struct conf_report *report;
	struct conf_slot slots[sizeof(((struct conf *)0)->source)];
};

/* A line of the report.  The text is all but the key. */
void conf_error(struct conf_report *r, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void conf_warn(struct conf_report *r, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The value quoted and cut for such a line, of a secret its length only. */
#define CONF_QUOTED_SIZE	160
void conf_quote(char out[CONF_QUOTED_SIZE], const struct conf_row *row,
    const char *text);

/* One of Slack's, which is a secret in the wrong line too. */
bool conf_is_token(const char *text);

/* Was this option given by anyone? */
bool conf_given(const struct conf_loading *l, const char *env);
void conf_set_text(char **field, const char *text);
/* Lays one text over what the slot has, "" takes it away again. */
void conf_lay(struct conf_loading *l, const struct conf_row *row,
    const char *text, enum conf_source_kind source, bool by_file);

/* conf_value.c: text to value and back.  err says what and how to do better. */
int conf_parse(const struct conf_row *row, const char *text, struct conf *c,
    struct err *err);
void conf_show(const struct conf_row *row, const struct conf *c,
    struct buf *out);
void conf_wipe(const struct conf_row *row, struct conf *c);

/* conf_file.c */
typedef void conf_line_fn(void *arg, const char *name, size_t name_len,
    const char *value, unsigned line);
/* Calls fn for each "name = value"; what is none goes into the report. */
void conf_file_parse(const char *text, size_t len, const char *file,
    conf_line_fn *fn, void *arg, struct conf_report *report);
void conf_file_load(struct conf_loading *l);
/* The secret that a NAME_FILE names; NULL and err else. */
char *conf_secret_read(const char *path, struct err *err);

/* conf_env.c */
void conf_env_lay(struct conf_loading *l);
/* XDG_RUNTIME_DIR and the like; NULL: unset or empty. */
const char *conf_env_get(const struct conf_env *env, const char *name);

/* conf_derive.c: what follows from other options and the host. */
void conf_derive(struct conf_loading *l);
/* conf_urls.c: the URLs, origins and addresses, checked and in normal form. */
void conf_urls(struct conf_loading *l);
/* conf_store.c: the options of the store, likewise. */
void conf_store(struct conf_loading *l);
/* conf_check.c: what one value alone cannot tell. */
void conf_check(struct conf_loading *l);

#endif
