/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/task.h"

#include "admin/jobs.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

#define HOUR_MS		3600000LL
#define DAY_MS		(24 * HOUR_MS)
#define SEEN_MS		5000	/* by then every worker has read what changed */
#define STALE_MAX	100	/* a round; the next one comes soon */

static const struct {
	const char *what;
	enum statement_id id;
	int64_t age_ms;
} rows[] = {
	{ "nonces", ST_NONCES_PRUNE, 0 },
	{ "posts", ST_POSTS_PRUNE, 30 * DAY_MS },
	{ "events", ST_EVENTS_PRUNE, DAY_MS },
	{ "revoked keys", ST_KEYS_PRUNE, 30 * DAY_MS },
	{ "revoked installs", ST_INSTALLS_PRUNE, 30 * DAY_MS },
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

/* ---- installs that nobody approved ---- */

struct stale {
	size_t n;
	struct {
		char *enterprise_id, *team_id;
		int64_t updated;
	} of[STALE_MAX];
};

static void
take_stale(void *arg, const struct answer *a)
{
	struct stale *s = arg;

	for (size_t i = 0; i < a->rows && s->n < STALE_MAX; i++, s->n++) {
		s->of[s->n].enterprise_id = mem_str(answer_at(a, i, 0)->text);
		s->of[s->n].team_id = mem_str(answer_at(a, i, 1)->text);
		s->of[s->n].updated = answer_at(a, i, 2)->n;
	}
}

static int
revoke(struct task *t, const struct stale *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (task_ask(t,
			UNIT(DO(CHANGES_BUMP),
			    DO(INSTALL_REVOKE, BYTES("", 0), BYTES("", 0),
				INT(clock_wall_ms()),
				TEXT(s->of[i].enterprise_id),
				TEXT(s->of[i].team_id), TEXT("pending"),
				INT(s->of[i].updated))),
			NULL, NULL, err) == -1)
			return -1;
	return 0;
}

static int
drop(struct task *t, const struct stale *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++)
		if (task_ask(t,
			UNIT(DO(INSTALL_DROP, TEXT(s->of[i].enterprise_id),
			    TEXT(s->of[i].team_id))),
			NULL, NULL, err) == -1)
			return -1;
	return 0;
}

/* First revoked, tokens wiped, so that every worker learns of it; a row that just
 * vanished would tell nobody.  If the job ends in between, the row goes with the
 * revoked ones. */
static int
prune_pending(struct task *t, struct err *err)
{
	struct timeval seen = clock_tv(SEEN_MS);
	struct stale s = { 0 };
	int rc;

	rc = task_ask(t,
	    UNIT(DO(INSTALLS_STALE, INT(clock_wall_ms() - DAY_MS))), take_stale,
	    &s, err);
	if (rc == 0 && s.n > 0) {
		rc = revoke(t, &s, err);
		event_base_loopexit(t->base, &seen);
		event_base_loop(t->base, EVLOOP_NO_EXIT_ON_EMPTY);
		if (rc == 0)
			rc = drop(t, &s, err);
		if (rc == 0)
			log_warn("prune",
			    "deleted installs that nobody approved in a day "
			    "count=%zu",
			    s.n);
	}
	for (size_t i = 0; i < s.n; i++) {
		free(s.of[i].enterprise_id);
		free(s.of[i].team_id);
	}
	return rc;
}

int
task_prune(struct task *t)
{
	struct err err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (prune_rows(t, i, &err) == -1)
			return task_failed(t, &err);
	if (prune_pending(t, &err) == -1)
		return task_failed(t, &err);
	if (migrate_checkpoint(&t->conf, &err) == -1)
		return task_failed(t, &err);
	return JOB_OK;
}
