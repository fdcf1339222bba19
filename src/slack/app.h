/* SPDX-License-Identifier: ISC */
#ifndef SLACK_APP_H
#define SLACK_APP_H

#include "base/buf.h"
#include "slack/wire.h"

/* What the app asks Slack for itself, with its client id and secret by HTTP Basic
 * (SLACK.md 5.1).  When Slack does not take the secret and SLACK_CLIENT_SECRET_OLD is
 * set, that one is tried: such an answer spends nothing.  form is taken over and
 * wiped.  Cannot be cancelled: what is asked here must not be lost. */
void app_post(struct slack *s, const char *method, const char *team,
    struct buf *form, int64_t timeout_ms, slack_fn *done, void *arg);

#endif
