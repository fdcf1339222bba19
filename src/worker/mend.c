/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "worker/work.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "shm/heritage.h"
#include "slack/api.h"
#include "slack/error.h"
#include "slack/installs.h"
#include "store/chains.h"

/* Commands that ask Slack about an install. */

#define RETRY_MS	4000	/* for auth.test */

/* ---- install retry ---- */

static void
on_healed(void *arg, bool hit, const struct err *err)
{
	struct work *k = arg;

	(void)hit;
	if (err == NULL) {
		log_info("admin", "%s done subject=%s",
		    commands[k->req.id].words, k->subject);
		changes_wrote(k->w->changes);
	}
	work_end(k, err);
}

/* The mark goes, unless Slack says the same again. */
static void
on_tested(void *arg, const struct slack_answer *a)
{
	struct work *k = arg;
	struct chain_id id = { k->in->enterprise_id, k->in->team_id, CHAIN_BOT };

	if (a->class == SLACK_REVOKED) {
		work_fail(k, ERR_UPSTREAM, "Slack does not take the token of"
		    " %.40s (%s): connect it again at %s/slack/install",
		    k->subject, a->code[0] != '\0' ? a->code : "there is none",
		    k->w->h->conf->public_base_url);
		return;
	}
	if (a->class == SLACK_NONE)
		work_say(k, "accepted", k->subject);
	else if (a->class == SLACK_EXPIRED)
		work_say(k, "run out, so it is renewed if that is possible",
		    k->subject);
	else
		work_say(k, "taken up again, but Slack could not be asked",
		    k->subject);
	chain_heal(k->w->store, &id, on_healed, k);
}

static void
retry(struct work *k, const struct install_row *row)
{
	k->subject = mem_str(k->req.argv[0]);
	k->in = install_from_row(k->w->h->keys, row);
	k->in->probe = true;
	slack_ask(&k->w->slack, k->in, METHOD_AUTH_TEST, "", 0, NULL,
	    clock_ms() + RETRY_MS, on_tested, k);
}

void
work_retry(struct work *k)
{
	work_install(k, retry);
}
