/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/task.h"

#include "admin/jobs.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "job/scrub.h"
#include "shm/board.h"
#include "slack/id.h"
#include "store/purge.h"
#include "store/spool_purge.h"
#include "store/spool_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN_MS		3500	/* by then every worker knows of the end */
#define RECENT_MS	60000	/* after an end somebody may still be at work */
#define LOOK_MS		100
#define MARGIN_MS	1000
#define BACKGROUND_MS	25000	/* no request of a fill or a refresh takes so long */
#define PASSES		5
#define SCRUB_MS	10000
#define TABLES_MAX	32
#define ID_MAX		60

struct purging {
	struct task *t;
	struct purge p;
	const char *id;			/* what must not be found any more */
	char mark[TASK_PATH];
	bool begun;			/* by one that did not come to its end … */
	int64_t begun_at;		/* … wall ms, then */
	int64_t count[TABLES_MAX];
	int spooled;
	int64_t logged;
	struct buf copies;		/* lines: what was removed */
	struct buf failed, left;	/* lines: what is not gone; what may hold it */
};

/* ---- the mark: a purge was begun.  Its name does not tell whose; it holds what the
 * next one would not find any more ---- */

static void
read_mark(struct purging *g)
{
	char line[ID_MAX + 2];
	FILE *f = fopen(g->mark, "re");
	struct stat st;

	g->begun = f != NULL;
	if (f != NULL && fstat(fileno(f), &st) == 0)
		g->begun_at = st.st_mtime * INT64_C(1000) + 999;
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (slack_is_id(line, strlen(line), "T"))
			purge_words_add(&g->p.also, line);
	}
	if (f != NULL)
		fclose(f);
}

static void
name_mark(struct purging *g)
{
	char text[160], name[160], hex[SHA256_SIZE * 2 + 1];
	unsigned char hash[SHA256_SIZE];

	snprintf(text, sizeof(text), "%s %s", g->p.team,
	    g->p.user != NULL ? g->p.user : "");
	crypto_sha256(text, strlen(text), hash);
	crypto_hex(hex, hash, sizeof(hash));
	snprintf(name, sizeof(name), "purge-%s", hex);
	task_path(g->t, name, g->mark);
	read_mark(g);
}

static int
set_mark(const struct purging *g, struct err *err)
{
	int fd = open(g->mark, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	bool good = fd != -1;

	for (size_t i = 0; good && i < g->p.also.n; i++)
		good = dprintf(fd, "%s\n", g->p.also.of[i]) > 0;
	good = good && fsync(fd) == 0;
	if (!good)
		err_set(err, ERR_UPSTREAM, "%s: %s", g->mark, strerror(errno));
	if (fd != -1)
		close(fd);
	return good ? 0 : -1;
}

/* ---- the steps ---- */

static int64_t
last_change(const struct purging *g)
{
	int64_t last = g->p.revoked > g->begun_at ? g->p.revoked :
						    g->begun_at;

	for (size_t i = 0; g->p.user == NULL && i < g->p.ninstalls; i++)
		if (g->p.install[i].changed > last)
			last = g->p.install[i].changed;
	return last;
}

static bool
is_busy(const struct region *r)
{
	static const enum board_gauge work[] = { GAUGE_CALLS, GAUGE_SLACK,
		GAUGE_WAITS, GAUGE_DETACHED };

	for (size_t i = 0; i < sizeof(work) / sizeof(work[0]); i++)
		if (board_gauge_sum(r, work[i]) > 0)
			return true;
	return false;
}

/* First until every worker knows that it is over, then until what was begun before
 * has ended: a call takes no longer than UPSTREAM_TIMEOUT, of other hosts nothing else
 * is known; a run over the directory or a refresh holds a lease. */
static int
wait_for_others(struct purging *g, struct err *err)
{
	int64_t age = clock_wall_ms() - last_change(g), calls, leases;
	const struct task *t = g->t;
	bool held = false;

	if (age > RECENT_MS)
		return 0;
	if (age < SEEN_MS)
		task_pause(g->t, age > 0 ? SEEN_MS - age : SEEN_MS);
	calls = clock_ms() + t->h->conf->upstream_timeout + MARGIN_MS;
	leases = clock_ms() + BACKGROUND_MS;
	do {
		if (g->p.user == NULL && purge_held(&g->p, &held, err) == -1)
			return -1;
		task_pause(g->t, LOOK_MS);
	} while ((held && clock_ms() < leases) ||
	    ((t->conf.shared || is_busy(t->h->region)) && clock_ms() < calls));
	return 0;
}

static int64_t
sum(const struct purging *g)
{
	int64_t n = 0;

	for (size_t i = 0; i < purge_ntables; i++)
		n += g->count[i];
	return n;
}

/* Again until nothing is found. */
static int
delete_rows(struct purging *g, struct err *err)
{
	int64_t before;

	for (int i = 0; i < PASSES; i++) {
		before = sum(g);
		if (purge_rows(&g->p, g->count, err) == -1)
			return -1;
		if (sum(g) == before)
			return 0;
	}
	buf_str(&g->failed, "rows come back while they are deleted\n");
	return 0;
}

/* What can still be stored is stored first, so that no install is lost with a
 * person. */
static int
empty_spool(struct purging *g, struct err *err)
{
	const char *dir = g->t->h->conf->state_dir;
	struct err none;

	if (g->p.user != NULL && spool_waits(dir))
		spool_replay(dir, g->t->st, g->t->base, &none);
	g->spooled = spool_purge(dir, g->p.team, g->p.user, err);
	return g->spooled;
}

static void
add_copy(void *arg, const char *path)
{
	buf_fmt(arg, "%s\n", path);
}

static void
scrub_store(struct purging *g)
{
	struct err err;

	if (migrate_drop_copies(&g->t->conf, add_copy, &g->copies, &err) == -1 ||
	    migrate_scrub(&g->t->conf, SCRUB_MS, &err) == -1)
		buf_fmt(&g->failed, "%s\n", err.text);
}

static void
scrub_log(struct purging *g)
{
	struct log_files *l = g->t->h->logs;

	g->logged = scrub_logs(l, g->id);
	for (size_t i = 0; g->p.user == NULL && i < g->p.also.n; i++)
		g->logged += scrub_logs(l, g->p.also.of[i]);
	for (size_t i = 0; l != NULL && i < l->n; i++)
		if (l->of[i].why != NULL)
			buf_fmt(l->of[i].packed ? &g->left : &g->failed,
			    "%s: %s\n", l->of[i].path, l->of[i].why);
}

/* ---- the answer ---- */

static void
tell_left(struct purging *g)
{
	const struct conf *c = g->t->h->conf;
	struct buf *b = &g->left;

	buf_str(b, "backups and dumps that were made of the store and of STATE_DIR:"
	    " slackmcpd makes none and knows none, delete them or let them age"
	    " out\n");
	if (g->t->conf.path == NULL)
		buf_str(b, "MariaDB's binary logs, until the server drops them"
		    " (binlog_expire_logs_seconds), and its freed pages, until"
		    " they are used again\n");
	if (g->t->conf.shared)
		buf_str(b, "logs and spools of other hosts with this store: run"
		    " the same command on each\n");
	if (c->log_target[0] != '/')
		buf_fmt(b, "the log: LOG_TARGET is %s, who reads it keeps what"
		    " it said\n", c->log_target);
	if (g->p.org[0] != '\0')
		buf_fmt(b, "what the org-wide install %s has of it: it goes on"
		    " serving the workspace until the organisation takes it"
		    " from the app\n", g->p.org);
	buf_str(b, g->p.user == NULL ?
	    "Slack: the token was deleted, not ended; if the app is still"
	    " installed there, remove it there\n" :
	    "Slack: as long as its list of people names the person, the next"
	    " run over the directory brings the row back; have the account"
	    " deactivated there, or set DIRECTORY=off, then run this again\n");
}

static void
lines_text(struct buf *out, const char *before, const struct buf *lines)
{
	const char *at = lines->len > 0 ? lines->p : "";

	for (size_t n; *at != '\0'; at += n + (at[n] == '\n')) {
		n = strcspn(at, "\n");
		buf_fmt(out, "%s%.*s\n", before, (int)n, at);
	}
}

static void
lines_json(struct jsonw *w, const char *key, const struct buf *lines)
{
	const char *at = lines->len > 0 ? lines->p : "";

	jsonw_key(w, key);
	jsonw_open(w, '[');
	for (size_t n; *at != '\0'; at += n + (at[n] == '\n')) {
		n = strcspn(at, "\n");
		jsonw_textn(w, at, n);
	}
	jsonw_close(w);
}

static const struct purge_way *
way_of(const struct purging *g, size_t i)
{
	return g->p.user != NULL ? &purge_tables[i].user :
				   &purge_tables[i].team;
}

static void
report_text(const struct purging *g, struct buf *out)
{
	for (size_t i = 0; i < purge_ntables; i++)
		if (way_of(g, i)->run != NULL)
			buf_fmt(out, "%s: %lld %s\n", purge_tables[i].table,
			    (long long)g->count[i], way_of(g, i)->done);
	buf_fmt(out, "spool: %d files deleted\nlog: %lld ids blotted\n",
	    g->spooled, (long long)g->logged);
	lines_text(out, "removed, a copy of the store from before a migration: ",
	    &g->copies);
	buf_str(out, "What may still hold the id:\n");
	lines_text(out, "- ", &g->left);
}

static void
report_json(const struct purging *g, struct buf *out)
{
	struct jsonw w = { .out = out };

	jsonw_open(&w, '{');
	jsonw_put_text(&w, "forgotten", g->id);
	jsonw_key(&w, "tables");
	jsonw_open(&w, '[');
	for (size_t i = 0; i < purge_ntables; i++) {
		if (way_of(g, i)->run == NULL)
			continue;
		jsonw_open(&w, '{');
		jsonw_put_text(&w, "table", purge_tables[i].table);
		jsonw_put_int(&w, "count", g->count[i]);
		jsonw_put_text(&w, "done", way_of(g, i)->done);
		jsonw_close(&w);
	}
	jsonw_close(&w);
	jsonw_put_int(&w, "spool_files_deleted", g->spooled);
	jsonw_put_int(&w, "ids_blotted_in_log", g->logged);
	lines_json(&w, "copies_removed", &g->copies);
	lines_json(&w, "may_still_hold", &g->left);
	jsonw_close(&w);
	buf_char(out, '\n');
}

static int
report(struct purging *g)
{
	struct buf *out = &g->t->out;

	tell_left(g);
	if (g->failed.len == 0 && g->t->json) {
		report_json(g, out);
		return JOB_OK;
	}
	if (g->failed.len == 0) {
		buf_fmt(out, "%s is forgotten.\n", g->id);
		report_text(g, out);
		return JOB_OK;
	}
	buf_fmt(out, "%s is not quite forgotten; mend this and run the same"
	    " again:\n", g->id);
	lines_text(out, "- ", &g->failed);
	report_text(g, out);
	return JOB_LATER;
}

/* ---- all of it ---- */

static int
unknown(struct purging *g)
{
	unlink(g->mark);
	if (g->p.user != NULL && g->p.ninstalls > 0)
		return task_refuse(g->t, "nothing is kept of %s in %s",
		    g->p.user, g->p.team);
	return task_refuse(g->t,
	    "there is no workspace %s, and nothing is kept of %s; see show"
	    " installs", g->p.team, g->id);
}

static int
is_bot(const struct purging *g)
{
	for (size_t i = 0; g->p.user != NULL && i < g->p.ninstalls; i++)
		if (strcmp(g->p.install[i].bot_user_id, g->p.user) == 0)
			return true;
	return false;
}

static int
purge_store(struct purging *g, struct err *err)
{
	if (set_mark(g, err) == -1 ||
	    purge_end(&g->p, err) == -1 || wait_for_others(g, err) == -1 ||
	    delete_rows(g, err) == -1 || empty_spool(g, err) == -1)
		return -1;
	return 0;
}

/* Into the log, which has been cleaned by now: it does not tell whose. */
static int
told(const struct purging *g, int status)
{
	const char *what = g->p.user != NULL ? "a person" : "a workspace";

	if (status == JOB_OK)
		log_info("purge", "%s is forgotten rows=%lld files=%d ids=%lld",
		    what, (long long)sum(g), g->spooled, (long long)g->logged);
	else
		log_warn("purge", "%s is not quite forgotten: give the command"
		    " again, it says why rows=%lld", what, (long long)sum(g));
	return status;
}

/* The log comes last: until then somebody may have written into it. */
static int
run(struct purging *g)
{
	bool found;
	struct err err;
	int status;

	name_mark(g);
	if (purge_find(&g->p, &err) == -1)
		return task_failed(g->t, &err);
	if (is_bot(g))
		return task_refuse(g->t, "%s is the app's own bot: team purge"
		    " forgets it with its workspace", g->p.user);
	if (g->p.org[0] != '\0' && g->p.ninstalls == 0 && !g->begun)
		return task_refuse(g->t, "%s has no install of its own, it is"
		    " one of the workspaces of the org-wide install %s: team"
		    " purge %s forgets all of them", g->p.team, g->p.org,
		    g->p.org);
	if (purge_store(g, &err) == -1)
		return told(g, task_failed(g->t, &err));
	found = sum(g) > 0 || g->spooled > 0 || g->begun;
	if (found)
		scrub_store(g);
	scrub_log(g);
	if (!found && g->logged == 0)
		return unknown(g);
	status = report(g);
	if (status == JOB_OK)
		unlink(g->mark);
	return told(g, status);
}

static int
purge(struct task *t, const char *team, const char *user)
{
	struct purging g = { .t = t, .id = user != NULL ? user : team,
		.p = { .st = t->st, .base = t->base, .region = t->h->region,
		    .team = team, .user = user } };
	int status;

	if (!slack_is_id(team, strlen(team), "TE") || strlen(team) > ID_MAX)
		return task_refuse(t, "\"%.60s\" is no id of a workspace (T…)"
		    " or organisation (E…)", team);
	if (user != NULL &&
	    (!slack_is_id(user, strlen(user), "UW") || strlen(user) > ID_MAX))
		return task_refuse(t, "\"%.60s\" is no id of a person (U… or"
		    " W…)", user);
	if (purge_ntables > TABLES_MAX)
		fatal("purge: too many tables");
	status = run(&g);
	buf_wipe(&g.copies);
	buf_wipe(&g.failed);
	buf_wipe(&g.left);
	purge_wipe(&g.p);
	return status;
}

int
task_team_purge(struct task *t)
{
	return purge(t, t->argv[0], NULL);
}

int
task_user_purge(struct task *t)
{
	return purge(t, t->argv[0], t->argv[1]);
}
