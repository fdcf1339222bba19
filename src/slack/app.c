/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/app.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/trouble.h"
#include "slack/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct app_call {
	struct slack *s;
	const char *method;		/* a constant */
	char team[40];
	struct buf form;
	bool in_form;
	struct secret token;		/* an install's, or none */
	int64_t deadline;
	bool old;			/* the old secret's turn */
	slack_fn *done;
	void *arg;
};

/* "Basic …" of the percent-encoded id and secret, as RFC 6749 2.3.1 wants it. */
static void
basic(const char *id, const struct secret *secret, struct secret *out)
{
	struct buf pair = { 0 }, text = { 0 };

	buf_url(&pair, id, strlen(id));
	buf_char(&pair, ':');
	buf_url(&pair, secret_expose(secret), secret->len);
	buf_str(&text, "Basic ");
	crypto_b64(&text, pair.p, pair.len);
	secret_set(out, text.p);
	buf_wipe(&pair);
	buf_wipe(&text);
}

static void on_answer(void *arg, const struct slack_answer *a);

static void
post(struct app_call *c)
{
	const struct conf *conf = c->s->conf;
	const struct secret *secret = c->old ? &conf->slack_client_secret_old :
	    &conf->slack_client_secret;
	struct secret authorization = { 0 };
	struct buf form = { 0 };
	struct wire_ask ask = {
		.method = c->method, .team = c->team,
		.timeout_ms = c->deadline - clock_ms(),
	};

	buf_add(&form, c->form.p, c->form.len);
	if (c->in_form) {
		buf_form(&form, "client_id", conf->slack_client_id,
		    strlen(conf->slack_client_id));
		buf_form(&form, "client_secret", secret_expose(secret),
		    secret->len);
		ask.authorization = c->token.len > 0 ? &c->token : NULL;
	} else {
		basic(conf->slack_client_id, secret, &authorization);
		ask.authorization = &authorization;
	}
	ask.form = form.p;
	ask.len = form.len;
	wire_post(c->s, &ask, on_answer, c);
	secret_wipe(&authorization);
	buf_wipe(&form);
}

static bool
is_secret_refused(const struct slack_answer *a)
{
	return strcmp(a->code, "bad_client_secret") == 0 ||
	    strcmp(a->code, "invalid_client") == 0;
}

bool
app_is_refused(const struct slack_answer *a)
{
	return is_secret_refused(a) || strcmp(a->code, "invalid_client_id") == 0;
}

/* Slack counts these calls for the app as a whole; only a 429 binds here. */
static struct budget
budget_of_app(const struct slack *s, const char *method)
{
	struct budget b = { .rate = { 0, 0 } };

	snprintf(b.scope, sizeof(b.scope), "slack:%.60s:%s",
	    s->conf->slack_client_id, method);
	return b;
}

int64_t
app_wait_ms(const struct slack *s, const char *method)
{
	struct budget b = budget_of_app(s, method);
	int64_t until = budget_blocked(s->region, &b);

	return until != 0 ? until - clock_ms() : 0;
}

/* As long as it lasts no workspace is connected and no token renewed. */
static void
tell(const struct app_call *c, const struct slack_answer *a)
{
	if (a->class == SLACK_NONE && trouble_over(TROUBLE_APP))
		log_info("slack", "Slack takes the app's id and secret again");
	if (!app_is_refused(a))
		return;
	counter_up(CNT_APP_REFUSED);
	if (trouble_met(TROUBLE_APP))
		log_error("slack", "Slack does not take the app's id or secret:"
		    " see SLACK_CLIENT_ID and SLACK_CLIENT_SECRET"
		    " method=%s error=%s", c->method, a->code);
}

static void
on_answer(void *arg, const struct slack_answer *a)
{
	struct app_call *c = arg;

	if (!c->old && is_secret_refused(a) &&
	    c->s->conf->slack_client_secret_old.len > 0 &&
	    c->deadline > clock_ms()) {
		c->old = true;
		post(c);
		return;
	}
	if (a->class == SLACK_WAIT) {
		struct budget b = budget_of_app(c->s, c->method);

		budget_block(c->s->region, &b, a->wait_s);
	}
	tell(c, a);
	c->done(c->arg, a);
	buf_wipe(&c->form);
	secret_wipe(&c->token);
	free(c);
}

void
app_post(struct slack *s, const struct app_ask *ask, slack_fn *done, void *arg)
{
	struct app_call *c = mem_new(sizeof(*c));

	c->s = s;
	c->method = ask->method;
	snprintf(c->team, sizeof(c->team), "%s", ask->team);
	c->form = *ask->form;
	*ask->form = (struct buf){ 0 };
	c->in_form = ask->in_form;
	if (ask->in != NULL)
		secret_copy(&c->token, &ask->in->bot_token);
	c->deadline = clock_ms() + ask->timeout_ms;
	c->done = done;
	c->arg = arg;
	post(c);
}
