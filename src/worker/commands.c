/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "shm/heritage.h"
#include "slack/installs.h"
#include "store/keys.h"
#include "tools/principals.h"
#include "worker/work.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
work_end(struct work *k, const struct err *err)
{
	struct channel *ch = k->w->channel;
	struct err lost;

	if (err == NULL &&
	    !channel_reply(ch, k->id, false, k->out.p != NULL ? k->out.p : "",
		k->out.len)) {
		err_set(&lost, ERR_LIMIT, "an answer of %zu bytes is too long",
		    k->out.len);
		err = &lost;
	}
	if (err != NULL)
		channel_reply(ch, k->id, true, err->text, strlen(err->text));
	buf_wipe(&k->out);		/* may hold a new key */
	table_free(k->table);
	free(k->line);
	free(k->subject);
	install_drop(k->in);
	free(k);
}

void
work_fail(struct work *k, enum err_kind kind, const char *fmt, ...)
{
	char text[512];
	struct err err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(&err, kind, "%s", text);
	work_end(k, &err);
}

void
work_say(struct work *k, const char *name, const char *value)
{
	struct jsonw w = { .out = &k->out };

	if (!k->req.json) {
		buf_fmt(&k->out, "%s: %s\n", name, value);
		return;
	}
	jsonw_open(&w, '{');
	jsonw_put_text(&w, name, value);
	jsonw_close(&w);
	buf_char(&k->out, '\n');
}

/* A change was written, or not. */
void
work_changed(void *arg, const struct err *err)
{
	struct work *k = arg;

	if (err == NULL) {
		log_info("admin", "%s done subject=%s",
		    commands[k->req.id].words, k->subject);
		changes_wrote(k->w->changes);
	}
	work_end(k, err);
}

static void
key_add_run(struct work *k)
{
	char text[KEY_TEXT_SIZE], id[PRINCIPAL_SIZE];
	struct key_row row = { 0 };
	struct jsonw w = { .out = &k->out };
	struct buf warning = { 0 };
	struct err err;

	if (policy_parse(k->req.argc, k->req.argv, &row, &warning, &err) ==
	    -1) {
		work_end(k, &err);
		return;
	}
	policy_warn_offer(&row, k->w->h->conf, &warning);
	principals_new_key(text, &row, id);
	row.made = clock_wall_ms();
	k->subject = mem_str(row.name);
	if (k->req.json) {
		jsonw_open(&w, '{');
		jsonw_put_text(&w, "id", id);
		jsonw_put_text(&w, "name", row.name);
		jsonw_put_text(&w, "key", text);
		jsonw_put_text(&w, "warning", warning.len > 0 ? warning.p : "");
		jsonw_close(&w);
		buf_char(&k->out, '\n');
	} else {
		buf_fmt(&k->out, "%s\nKeep it now: it is shown this once.\n%s",
		    text, warning.len > 0 ? warning.p : "");
	}
	explicit_bzero(text, sizeof(text));
	buf_wipe(&warning);
	key_add(k->w->store, &row, work_changed, k);
}

static void
key_revoke_run(struct work *k)
{
	k->subject = mem_str(k->req.argv[0]);
	work_say(k, "revoked", k->subject);
	key_revoke(k->w->store, k->subject, work_changed, k);
}

static void
put_time(struct table *t, int64_t ms)
{
	char text[CLOCK_ISO_SIZE] = "never";

	if (ms != 0)
		clock_iso(text, ms);
	table_text(t, text);
}

static void
put_key(struct table *t, const struct key_row *row)
{
	table_text(t, row->id);
	table_text(t, row->name);
	table_text(t, row->state);
	table_text(t, row->role);
	table_text(t, row->workspaces[0] != '\0' ? row->workspaces : "(none)");
	table_text(t, row->toolsets);
	table_text(t, row->channels_read[0] != '\0' ? row->channels_read : "*");
	table_text(t,
	    row->channels_write[0] != '\0' ? row->channels_write : "*");
	table_text(t, row->rate);
	put_time(t, row->expires);
	put_time(t, row->made);
}

static void
on_keys(void *arg, const struct key_row *rows, size_t n, const struct err *err)
{
	struct work *k = arg;

	if (err != NULL) {
		work_end(k, err);
		return;
	}
	for (size_t i = 0; i < n; i++)
		put_key(k->table, &rows[i]);
	if (n > 0) {
		keys_listed(k->w->store, &rows[n - 1], on_keys, k);
		return;
	}
	table_rows(k->table, &k->out, k->req.json);
	work_end(k, NULL);
}

static void
key_list_run(struct work *k)
{
	k->table = table_new("id name state role workspaces toolsets read "
	                     "write rate expires made");
	keys_listed(k->w->store, NULL, on_keys, k);
}

struct count {
	const char *org;
	int64_t n;
};

static bool
count_one(void *arg, struct install *in)
{
	struct count *c = arg;

	if (in->org != NULL && strcmp(in->enterprise_id, c->org) == 0)
		c->n++;
	return true;
}

/* How many an org-wide install serves: as this worker knows them. */
static void
put_workspaces(struct work *k, const struct install_row *row)
{
	struct count c = { row->enterprise_id, 0 };

	if (row->team_id[0] != '\0')
		c.n = 1;
	else
		installs_each(k->w->slack.installs, count_one, &c);
	table_int(k->table, c.n);
}

static void
put_install(struct work *k, const struct install_row *row)
{
	struct table *t = k->table;
	bool known = row->bot_token_len == 0 ||
	    keyring_has(k->w->h->keys, row->key_id);
	char dead[96];

	snprintf(dead, sizeof(dead), "dead: connect again (%.60s)", row->dead);
	table_text(t,
	    row->team_id[0] != '\0' ? row->team_id : row->enterprise_id);
	table_text(t, row->team_name);
	table_text(t, install_state_word(row->state));
	table_text(t, row->team_url);
	table_text(t, row->enterprise_id);
	table_text(t, row->scopes);
	table_text(t,
	    row->bot_token_len == 0        ? "none" :
		!known                     ? "its key is missing" :
		row->dead[0] != '\0' ? dead :
		row->lost ? "lost: connect again" :
		row->refresh_token_len > 0 ? "rotates" :
					     "ok");
	put_time(t, row->expires);
	put_time(t, row->updated);
	put_workspaces(k, row);
}

/* The store's rows, not this worker's copy, which may be a second old. */
static void
on_installs(void *arg, const struct install_row *rows, size_t n,
    const struct err *err)
{
	struct work *k = arg;

	if (err != NULL) {
		work_end(k, err);
		return;
	}
	for (size_t i = 0; i < n; i++)
		put_install(k, &rows[i]);
	if (n > 0) {
		installs_listed(k->w->store, &rows[n - 1], on_installs, k);
		return;
	}
	table_rows(k->table, &k->out, k->req.json);
	work_end(k, NULL);
}

static void
installs_run(struct work *k)
{
	k->table = table_new(
	    "team name state url enterprise scopes token expires updated"
	    " workspaces#");
	installs_listed(k->w->store, NULL, on_installs, k);
}

/* What each of these commands makes of which state; -1: of any. */
static const struct {
	enum command_id id;
	int from;
	enum install_state to;
} moves[] = {
	{ CMD_INSTALL_APPROVE, INSTALL_PENDING, INSTALL_LIVE },
	{ CMD_INSTALL_DISABLE, INSTALL_LIVE, INSTALL_DISABLED },
	{ CMD_INSTALL_ENABLE, INSTALL_DISABLED, INSTALL_LIVE },
	{ CMD_INSTALL_REVOKE, -1, INSTALL_REVOKED },
};

static void
move(struct work *k, const struct install_row *row)
{
	enum install_state to = INSTALL_REVOKED;
	int from = -1;

	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		if (moves[i].id == k->req.id) {
			from = moves[i].from;
			to = moves[i].to;
		}
	if (from != -1 && from != (int)row->state) {
		work_fail(k, ERR_INPUT, "%.40s is %s, not %s", k->req.argv[0],
		    install_state_word(row->state),
		    install_state_word((enum install_state)from));
		return;
	}
	k->subject = mem_str(k->req.argv[0]);
	work_say(k, install_state_word(to), k->subject);
	install_set_state(k->w->store, row->enterprise_id, row->team_id,
	    row->state, to, work_changed, k);
}

static void
on_candidates(void *arg, const struct install_row *rows, size_t n,
    const struct err *err)
{
	struct work *k = arg;
	const char *team = k->req.argv[0];
	const struct install *in;

	if (err != NULL) {
		work_end(k, err);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].team_id, team) == 0 ||
		    (rows[i].team_id[0] == '\0' &&
			strcmp(rows[i].enterprise_id, team) == 0)) {
			k->found(k, &rows[i]);
			return;
		}
	if (n > 0) {
		installs_listed(k->w->store, &rows[n - 1], on_candidates, k);
		return;
	}
	in = installs_find(k->w->slack.installs, team);
	if (in != NULL && in->org != NULL)
		work_fail(k, ERR_NOT_FOUND,
		    "%.40s belongs to the install of the organisation %.40s:"
		    " its admins take workspaces from it, here the whole"
		    " install can be changed, or a key's --workspaces", team,
		    in->enterprise_id);
	else
		work_fail(k, ERR_NOT_FOUND,
		    "there is no workspace %.40s; see show installs", team);
}

void
work_install(struct work *k, work_install_fn *found)
{
	k->found = found;
	installs_listed(k->w->store, NULL, on_candidates, k);
}

static void
install_move_run(struct work *k)
{
	work_install(k, move);
}

static void (*const handlers[CMD_COUNT])(struct work *k) = {
	[CMD_INSTALL_APPROVE] = install_move_run,
	[CMD_INSTALL_DISABLE] = install_move_run,
	[CMD_INSTALL_ENABLE] = install_move_run,
	[CMD_INSTALL_RETRY] = work_retry,
	[CMD_INSTALL_REVOKE] = install_move_run,
	[CMD_INSTALL_ROTATE] = work_rotate,
	[CMD_KEY_ADD] = key_add_run,
	[CMD_KEY_LIST] = key_list_run,
	[CMD_KEY_REVOKE] = key_revoke_run,
	[CMD_SHOW_INSTALLS] = installs_run,
	[CMD_SHOW_KEYS] = key_list_run,
};

void
worker_command(struct worker *w, const struct message *m)
{
	struct work *k = mem_new(sizeof(*k));
	struct err err;

	k->w = w;
	k->id = m->id;
	k->line = mem_strn(m->data, m->len);
	/* The master has checked the level: its column is the same table's. */
	if (command_parse(k->line, LEVEL_ADMIN, &k->req, &err) == -1) {
		work_end(k, &err);
		return;
	}
	if (handlers[k->req.id] == NULL) {
		err_set(&err, ERR_INTERNAL, "%s: has no handler in a worker",
		    commands[k->req.id].words);
		work_end(k, &err);
		return;
	}
	handlers[k->req.id](k);
}
