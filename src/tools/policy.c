/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/policy.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "slack/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN	64
#define LIST_MAX_LEN	4000		/* the store's columns hold 4096 */
#define EXPIRES_MAX	(3650LL * 86400 * 1000)

static const char *const roles[] = {
#define X(sym, word) [ROLE_##sym] = word,
	ROLES(X)
#undef X
};

#define ROLE_COUNT	(sizeof(roles) / sizeof(roles[0]))

const char *
role_word(enum role r)
{
	return roles[r];
}

static int
role_find(const char *word)
{
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (strcmp(roles[i], word) == 0)
			return (int)i;
	return -1;
}

struct policy *
policy_hold(struct policy *p)
{
	p->refs++;
	return p;
}

void
policy_drop(struct policy *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	free(p->workspaces);
	free(p->toolsets);
	free(p->channels_read);
	free(p->channels_write);
	free(p);
}

struct policy *
policy_from_row(const struct key_row *row)
{
	struct policy *p;
	int role = role_find(row->role);

	if (role == -1)
		return NULL;
	p = mem_new(sizeof(*p));
	p->refs = 1;
	snprintf(p->principal, sizeof(p->principal), "%s", row->id);
	snprintf(p->name, sizeof(p->name), "%s", row->name);
	snprintf(p->slack_user, sizeof(p->slack_user), "%s", row->slack_user);
	p->workspaces = mem_str(row->workspaces);
	p->role = (enum role)role;
	p->toolsets = mem_str(row->toolsets);
	p->channels_read = mem_str(row->channels_read);
	p->channels_write = mem_str(row->channels_write);
	if (row->rate[0] != '\0' && conf_rate(row->rate, &p->rate) == -1)
		p->rate = (struct rate){ 0, 0 };
	p->expires = row->expires;
	return p;
}

struct policy *
policy_seed(void)
{
	static const struct key_row row = {
		.id = "env", .name = "env", .workspaces = "*", .role = "admin",
		.toolsets = "*", .channels_read = "", .channels_write = "",
		.rate = "", .slack_user = "",
	};
	struct policy *p = policy_from_row(&row);

	p->seed = true;
	return p;
}

bool
policy_team(const struct policy *p, const char *enterprise_id,
    const char *team_id)
{
	return p != NULL && team_id != NULL && team_id[0] != '\0' &&
	    (list_allows(p->workspaces, team_id) ||
		(enterprise_id[0] != '\0' &&
		    list_has(p->workspaces, enterprise_id)));
}

bool
policy_channel(const struct policy *p, const char *enterprise_id,
    const char *team_id, const char *channel_id, bool write)
{
	const char *list;

	if (!policy_team(p, enterprise_id, team_id) || channel_id == NULL ||
	    channel_id[0] == '\0')
		return false;
	if (write && p->role < ROLE_WRITE)
		return false;
	list = write ? p->channels_write : p->channels_read;
	return list[0] == '\0' || list_has(list, channel_id);
}

bool
policy_offers(const struct policy *p, const struct conf *conf,
    const char *toolsets)
{
	return p != NULL && list_meets(toolsets, conf->toolsets) &&
	    list_meets(toolsets, p->toolsets);
}

bool
policy_tool(const struct policy *p, const struct conf *conf, enum role role,
    const char *toolsets)
{
	return policy_offers(p, conf, toolsets) && p->role >= role;
}

struct rate
policy_rate(const struct policy *p, const struct conf *conf,
    char bucket[POLICY_BUCKET_SIZE])
{
	snprintf(bucket, POLICY_BUCKET_SIZE, "key:%s", p->principal);
	return p->rate.per_minute > 0 ? p->rate : conf->rate_key;
}

/* The options of `key add`, one row each. */

/* Every word of the list an id that begins with one of the letters. */
static int
take_ids(const char *option, const char *list, const char *first,
    const char *what, struct err *err)
{
	const char *at = list, *w;
	size_t n;

	while ((w = list_next(&at, &n)) != NULL)
		if (!slack_is_id(w, n, first))
			return err_set(err, ERR_INPUT, "%s: \"%.*s\" is no %s",
			    option, (int)(n > 40 ? 40 : n), w, what);
	return 0;
}

static int
take_workspaces(const char *option, char *value, struct key_row *row,
    struct err *err)
{
	row->workspaces = value;
	if (strcmp(value, "*") == 0)
		return 0;
	return take_ids(option, value, "TE",
	    "workspace id (T… or E…, or * for all)", err);
}

static int
take_role(const char *option, char *value, struct key_row *row, struct err *err)
{
	row->role = value;
	if (role_find(value) != -1)
		return 0;
	return err_set(err, ERR_INPUT,
	    "%s: \"%.40s\" is none of read, write, admin", option, value);
}

static int
take_toolsets(const char *option, char *value, struct key_row *row,
    struct err *err)
{
	struct err why;

	row->toolsets = value;
	if (strcmp(value, "*") == 0 ||
	    conf_words(value, conf_toolsets, &why) == 0)
		return 0;
	return err_set(err, ERR_INPUT, "%s %s", option, why.text);
}

static int
take_channels(const char *option, char *value, const char **into,
    struct err *err)
{
	*into = value;
	if (value[0] == '\0')
		return err_set(err, ERR_INPUT,
		    "%s: name at least one channel id, or leave"
		    " the option out for all",
		    option);
	return take_ids(option, value, "CGD", "channel id (C…, G… or D…)", err);
}

static int
take_read(const char *option, char *value, struct key_row *row, struct err *err)
{
	return take_channels(option, value, &row->channels_read, err);
}

static int
take_write(const char *option, char *value, struct key_row *row,
    struct err *err)
{
	return take_channels(option, value, &row->channels_write, err);
}

static int
take_rate(const char *option, char *value, struct key_row *row, struct err *err)
{
	struct rate rate;

	row->rate = value;
	if (strlen(value) < 32 && conf_rate(value, &rate) == 0)
		return 0;
	return err_set(err, ERR_INPUT,
	    "%s: \"%.40s\" is no rate; write calls a minute and"
	    " burst, such as 120/60",
	    option, value);
}

static int
take_expires(const char *option, char *value, struct key_row *row,
    struct err *err)
{
	int64_t ms = conf_time(value, 1000);

	if (ms <= 0 || ms > EXPIRES_MAX)
		return err_set(err, ERR_INPUT,
		    "%s: \"%.40s\" is no time from now; write"
		    " such as 7d, 12h or 90m",
		    option, value);
	row->expires = row->made + ms;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(const char *option, char *value, struct key_row *row,
	    struct err *err);
} options[] = {
	{ "--workspaces", take_workspaces },
	{ "--role", take_role },
	{ "--toolsets", take_toolsets },
	{ "--read", take_read },
	{ "--write", take_write },
	{ "--rate", take_rate },
	{ "--expires", take_expires },
};

#define OPTION_COUNT	(sizeof(options) / sizeof(options[0]))

/* In place: a tidy list is never longer than what it was made from. */
static void
tidy(char *value)
{
	char *t = list_tidy(value);

	memcpy(value, t, strlen(t) + 1);
	free(t);
}

static int
find_option(const char *text, size_t len, struct err *err)
{
	char word[40];
	struct nearest near = { .wrong = word };

	snprintf(word, sizeof(word), "%.*s", (int)(len < 39 ? len : 39), text);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (strcmp(options[i].name, word) == 0)
			return (int)i;
		nearest_offer(&near, options[i].name);
	}
	return err_set(err, ERR_INPUT, "\"%s\" is no option of key add%s%s%s",
	    word, near.word != NULL ? "; is it " : "",
	    near.word != NULL ? near.word : "", near.word != NULL ? "?" : "");
}

static int
take_options(int argc, char **argv, struct key_row *row, struct err *err)
{
	bool seen[OPTION_COUNT] = { false };

	for (int i = 1; i < argc; i++) {
		size_t len = strcspn(argv[i], "=");
		int o = find_option(argv[i], len, err);
		char *value;

		if (o == -1)
			return -1;
		if (argv[i][len] == '=')
			value = argv[i] + len + 1;
		else if (i + 1 < argc)
			value = argv[++i];
		else
			return err_set(err, ERR_INPUT, "%s needs a value",
			    options[o].name);
		if (seen[o])
			return err_set(err, ERR_INPUT, "%s is given twice",
			    options[o].name);
		seen[o] = true;
		if (strlen(value) > LIST_MAX_LEN)
			return err_set(err, ERR_INPUT, "%s: more than %d bytes",
			    options[o].name, LIST_MAX_LEN);
		tidy(value);
		if (options[o].take(options[o].name, value, row, err) == -1)
			return -1;
	}
	return 0;
}

static int
check_name(const char *name, struct err *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(name);

	if (n == 0 || n > NAME_MAX_LEN || strspn(name, letters) != n ||
	    name[0] == '-')
		return err_set(err, ERR_INPUT,
		    "\"%.64s\" is no name for a key: 1 to %d of"
		    " A-Z a-z 0-9 . _ -, no - first",
		    name, NAME_MAX_LEN);
	if (strcmp(name, "env") == 0)
		return err_set(err, ERR_INPUT,
		    "the name env belongs to the key of the"
		    " environment; take another");
	return 0;
}

static void
warn(const struct key_row *row, struct buf *warning)
{
	bool writes = strcmp(row->role, "read") != 0;

	if (row->workspaces[0] == '\0')
		buf_str(warning,
		    "The key reaches no workspace yet: make it again with"
		    " --workspaces T1,T2 or --workspaces '*'.\n");
	if (!writes && row->channels_write[0] != '\0')
		buf_str(warning, "--write has no effect with --role read.\n");
	if (writes && row->channels_read[0] != '\0' &&
	    row->channels_write[0] == '\0')
		buf_str(warning,
		    "The key may write to every channel: --read limits"
		    " reading only, --write limits writing.\n");
}

int
policy_parse(int argc, char **argv, struct key_row *row, struct buf *warning,
    struct err *err)
{
	*row = (struct key_row){
		.id = "", .name = argc > 0 ? argv[0] : "", .workspaces = "",
		.role = roles[ROLE_READ], .toolsets = TOOLSETS_DEFAULT,
		.channels_read = "", .channels_write = "", .rate = "",
		.slack_user = "", .made = clock_wall_ms(), .state = "live",
	};
	if (check_name(row->name, err) == -1 ||
	    take_options(argc, argv, row, err) == -1)
		return -1;
	warn(row, warning);
	return 0;
}

/* Of core both others have their part. */
void
policy_warn_offer(const struct key_row *row, const struct conf *conf,
    struct buf *warning)
{
	if (!list_meets(conf->toolsets, row->toolsets) &&
	    !list_has(row->toolsets, TOOLSETS_DEFAULT) &&
	    !list_has(conf->toolsets, TOOLSETS_DEFAULT))
		buf_fmt(warning, "This daemon offers none of its toolsets:"
		    " TOOLSETS is %s.\n", conf->toolsets);
}
