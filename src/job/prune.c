/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/task.h"

#include "admin/jobs.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/purge.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_MS		3600000LL
#define DAY_MS		(24 * HOUR_MS)
#define ENDED_MAX	100	/* a round; the next one comes soon */
#define ENDED_MS	(10 * DAY_MS)	/* Slack wants it within 14 days */

static const struct {
	const char *what;
	enum statement_id id;
	int64_t age_ms;
} rows[] = {
	{ "nonces", ST_NONCES_PRUNE, 0 },
	{ "posts", ST_POSTS_PRUNE, 30 * DAY_MS },
	{ "events", ST_EVENTS_PRUNE, DAY_MS },
	{ "revoked keys", ST_KEYS_PRUNE, 30 * DAY_MS },
};

static void
take_touched(void *arg, const struct answer *a)
{
	*(int64_t *)arg = a->touched;
}

static int
prune_rows(struct task *t, size_t i, struct err *err)
{
	struct step step = { .id = rows[i].id };
	int64_t n;

	step.params[0] = (struct value)INT(clock_wall_ms() - rows[i].age_ms);
	if (task_ask(t, UNIT(step), take_touched, &n, err) == -1)
		return -1;
	if (n > 0)
		log_info("prune", "deleted what=\"%s\" count=%lld",
		    rows[i].what, (long long)n);
	return 0;
}

/* ---- installs that have ended, and all that is kept of their workspaces ---- */

struct ended {
	size_t n;
	struct {
		char *enterprise_id, *team_id;
	} of[ENDED_MAX];
};

/* Of another install of the same workspace that lives, or ended later, all stays. */
static bool
is_last(const struct purge *p)
{
	for (size_t i = 0; i < p->ninstalls; i++)
		if (!p->install[i].ended ||
		    p->install[i].changed >= clock_wall_ms() - ENDED_MS)
			return false;
	return true;
}

static int
forget_ended(struct task *t, const char *enterprise_id, const char *team_id,
    struct err *err)
{
	struct purge p = { .st = t->st, .base = t->base,
		.region = t->h->region, .keys_stay = true,
		.team = team_id[0] != '\0' ? team_id : enterprise_id };
	int64_t *count = mem_array(NULL, purge_ntables, sizeof(*count));
	int rc = purge_find(&p, err);

	memset(count, 0, purge_ntables * sizeof(*count));
	if (rc == 0 && is_last(&p))
		rc = purge_rows(&p, count, err);
	else if (rc == 0)
		rc = task_ask(t, UNIT(DO(CHAIN_DROP, TEXT(enterprise_id),
		    TEXT(team_id), TEXT("")), DO(INSTALL_DROP,
		    TEXT(enterprise_id), TEXT(team_id))), NULL, NULL, err);
	free(count);
	purge_wipe(&p);
	return rc;
}

static void
take_ended(void *arg, const struct answer *a)
{
	struct ended *s = arg;

	for (size_t i = 0; i < a->rows && s->n < ENDED_MAX; i++, s->n++) {
		s->of[s->n].enterprise_id = mem_str(answer_at(a, i, 0)->text);
		s->of[s->n].team_id = mem_str(answer_at(a, i, 1)->text);
	}
}

static void
ended_free(struct ended *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->of[i].enterprise_id);
		free(s->of[i].team_id);
	}
}

static int
prune_ended(struct task *t, struct err *err)
{
	struct ended s = { 0 };
	int rc;

	rc = task_ask(t,
	    UNIT(DO(INSTALLS_ENDED, INT(clock_wall_ms() - ENDED_MS))),
	    take_ended, &s, err);
	for (size_t i = 0; rc == 0 && i < s.n; i++)
		rc = forget_ended(t, s.of[i].enterprise_id, s.of[i].team_id,
		    err);
	if (rc == 0 && s.n > 0)
		log_info("prune", "deleted what=\"workspaces whose install has"
		    " ended\" count=%zu", s.n);
	ended_free(&s);
	return rc;
}

int
task_prune(struct task *t)
{
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (prune_rows(t, i, &err) == -1)
			return task_failed(t, &err);
	if (prune_ended(t, &err) == -1)
		return task_failed(t, &err);
	if (migrate_checkpoint(&t->conf, &err) == -1)
		return task_failed(t, &err);
	return JOB_OK;
}
