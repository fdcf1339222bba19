/* SPDX-License-Identifier: ISC */
#ifndef SLACK_APP_H
#define SLACK_APP_H

#include "base/buf.h"
#include "slack/installs.h"
#include "slack/wire.h"

/* What the app asks Slack for itself (SLACK.md 5.1), with its client id and secret: by
 * HTTP Basic, or in the form where the method wants them there.  When Slack does not
 * take the secret and SLACK_CLIENT_SECRET_OLD is set, that one is tried: such an answer
 * spends nothing.  Cannot be cancelled: what is asked here must not be lost. */
struct app_ask {
	const char *method;		/* a constant */
	const char *team;		/* for the log, or "" */
	struct buf *form;		/* taken over and wiped */
	bool in_form;			/* id and secret */
	const struct install *in;	/* in_form: whose token goes with it; NULL: none */
	int64_t timeout_ms;
};
void app_post(struct slack *s, const struct app_ask *ask, slack_fn *done,
    void *arg);
/* It is the app's own id or secret that Slack does not take: nothing was spent. */
bool app_is_refused(const struct slack_answer *a);
/* How long a 429, whichever worker it was said to, still binds all; 0: it does not. */
int64_t app_wait_ms(const struct slack *s, const char *method);

#endif
