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
#include "slack/token.h"
#include "store/chains.h"

#include <string.h>

/* Commands that ask Slack about an install. */

#define RETRY_MS	4000	/* for auth.test */

/* ---- install retry ---- */

static void
on_healed(void *arg, bool hit, const struct err *err)
{
	(void)hit;
	work_changed(arg, err);
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

/* ---- install rotate ---- */

/* What Slack refuses an exchange with, and what to do. */
static const struct {
	const char *code, *text;
} refusals[] = {
	{ "token_rotation_not_enabled", "token rotation is not turned on for the app:"
	  " turn it on in the app's settings (it cannot be turned off again)" },
	{ "token_already_exchanged", "it gave a pair for this token before, and that"
	  " answer is lost: the token goes on working; for one that is renewed have the"
	  " workspace connected again" },
	{ "invalid_token", "it does not know this token: see install retry" },
	{ "authorization_not_found", "the app is not installed there any more: have the"
	  " workspace connected again" },
	{ "bad_client_secret", "SLACK_CLIENT_SECRET is not the app's" },
	{ "invalid_client_id", "SLACK_CLIENT_ID is not the app's" },
	{ "", "its answer did not come whole, twice: the token goes on working; try again,"
	  " and if Slack then says token_already_exchanged have the workspace connected"
	  " again" },
};

static const char *
refusal(const char *code)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (strcmp(refusals[i].code, code) == 0)
			return refusals[i].text;
	return "the token goes on working";
}

static void
on_exchanged(void *arg, const struct refresh_result *r)
{
	struct work *k = arg;

	switch (r->end) {
	case REFRESH_DONE:
		work_say(k, "rotates", k->subject);
		log_info("admin", "%s done subject=%s",
		    commands[k->req.id].words, k->subject);
		work_end(k, NULL);
		return;
	case REFRESH_BUSY:
		work_fail(k, ERR_UPSTREAM, "the store is away, or somebody else"
		    " is at the token of %.40s: see show installs and the log,"
		    " and try again", k->subject);
		return;
	case REFRESH_LATER:
	case REFRESH_EARLY:
		work_fail(k, ERR_UPSTREAM, "Slack could not be asked, and %.40s"
		    " is as before: see the log, and try again in %d s",
		    k->subject, (int)(r->wait_ms / 1000) + 1);
		return;
	case REFRESH_LOST:
		work_fail(k, ERR_INPUT, "Slack does not take the token of %.40s:"
		    " see install retry", k->subject);
		return;
	case REFRESH_GONE:
		work_fail(k, ERR_INPUT, "the token of %.40s rotates already, or"
		    " there is none: see show installs", k->subject);
		return;
	case REFRESH_REFUSED:
		work_fail(k, ERR_UPSTREAM, "Slack does not exchange the token of"
		    " %.40s%s%s: %s", k->subject, r->code[0] != '\0' ? ", " :
		    "", r->code, refusal(r->code));
	}
}

static void
rotate(struct work *k, const struct install_row *row)
{
	k->subject = mem_str(k->req.argv[0]);
	if (row->refresh_token_len > 0 || row->bot_token_len == 0 ||
	    row->state == INSTALL_REVOKED) {
		work_fail(k, ERR_INPUT, "the token of %.40s rotates already, or"
		    " there is none: see show installs", k->subject);
		return;
	}
	k->in = install_from_row(k->w->h->keys, row);
	if (!token_exchange(k->w->slack.tokens, k->in, on_exchanged, k))
		work_fail(k, ERR_UPSTREAM, "somebody else is at the token of"
		    " %.40s, or this worker ends: try again", k->subject);
}

void
work_rotate(struct work *k)
{
	work_install(k, rotate);
}
