/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/crypto.h"
#include "base/js.h"
#include "base/jsonw.h"
#include "shm/board.h"
#include "slack/error.h"
#include "slack/id.h"

#include <stdio.h>
#include <string.h>

#define END_MS		15000

static void on_begun(void *arg, enum post_word word, const char *text,
    const struct err *err);

/* Equal are: the same idempotency key; in a legacy session the same request id with
 * the same tool and arguments.  A modern request without a key equals nothing. */
static void
make_key(struct call *call, const struct call_ask *ask)
{
	const char *given = call_of(call, ARG_KEY);
	unsigned char hash[SHA256_SIZE];
	char hex[SHA256_SIZE * 2 + 1];
	struct buf b = { 0 };

	if (given[0] != '\0') {
		snprintf(call->key, sizeof(call->key), "k:%.100s", given);
		return;
	}
	if (ask->session == NULL || ask->session[0] == '\0' ||
	    ask->rpc_id_len == 0) {
		memcpy(call->key, "r:", 2);
		crypto_token(call->key + 2, 18);
		return;
	}
	buf_add(&b, ask->session, strlen(ask->session) + 1);
	buf_add(&b, ask->rpc_id, ask->rpc_id_len);
	buf_char(&b, '\0');
	buf_add(&b, call->id.digest, sizeof(call->id.digest));
	crypto_sha256(b.p, b.len, hash);
	crypto_hex(hex, hash, sizeof(hash));
	snprintf(call->key, sizeof(call->key), "s:%s", hex);
	buf_wipe(&b);
}

void
ledger_name(struct call *call, const struct call_ask *ask)
{
	call_digest(call, call->id.digest);
	make_key(call, ask);
	call->id.principal = call->policy->principal;
	call->id.key = call->key;
	call->id.owner = board_owner();
	call->id.tool = call->tool->name;
	call->id.team = install_key(call->install);
	call->id.channel = call_of(call, ARG_CHANNEL);
}

void
ledger_begin(struct call *call)
{
	int64_t left = call->deadline - clock_ms();
	int most = store_timeout(call->box->slack->store);

	call->id.made = clock_wall_ms();
	if (left > most)
		left = most;
	call->post = post_begin(call->box->slack->store, &call->id,
	    left > 1 ? (int)left : 1, on_begun, call);
}

static void
tell(struct call *call, enum post_state state, const char *channel,
    const char *text)
{
	post_end(call->box->slack->store, &call->id, state, channel, text,
	    END_MS);
}

/* As Slack answered then. */
static void
answer_repeat(struct call *call, const char *ts)
{
	struct buf text = { 0 };
	struct jsonw w = { .out = &text };
	struct js *then;

	counter_up(CNT_POSTS_REPEATED);
	call->repeat = true;
	jsonw_open(&w, '{');
	jsonw_put_text(&w, "channel", call->id.channel);
	jsonw_put_text(&w, "ts", ts);
	jsonw_close(&w);
	then = js_parse(text.p, text.len);
	call->tool->shape(call, then, &call->out);
	js_free(then);
	buf_wipe(&text);
	call_end(call, false);
}

static void
refuse(struct call *call, enum post_word word, const char *text)
{
	buf_fmt(&call->out, "Nothing was posted now. This %s", post_text(word));
	if (word == POST_REFUSED)
		buf_fmt(&call->out,
		    " (%s): %s To try again, use a new idempotency_key", text,
		    slack_error_text(text));
	buf_str(&call->out, ".");
	call_end(call, true);
}

static void
on_begun(void *arg, enum post_word word, const char *text,
    const struct err *err)
{
	struct call *call = arg;

	call->post = NULL;
	if (call->done == NULL) {
		if (err == NULL && word == POST_GO)
			tell(call, POST_IS_UNSENT, call->id.channel, "");
		call_free(call);
	} else if (err != NULL) {
		log_debug("tools", "the ledger of posts is out of reach: %s",
		    err->text);
		buf_str(&call->out,
		    "Nothing was posted: this server's store does not take"
		    " it, and without it a post could happen twice. Reading"
		    " goes on; try to post again in a minute.");
		call_end(call, true);
	} else if (word == POST_GO) {
		call_run(call);
	} else if (word == POST_POSTED) {
		answer_repeat(call, text);
	} else {
		refuse(call, word, text);
	}
}

/* What became of it; called also when nobody listens any more. */
void
ledger_end(struct call *call, const struct slack_answer *a)
{
	const char *channel = call->id.channel, *said;

	if (a->unknown) {
		counter_up(CNT_POSTS_UNKNOWN);
		tell(call, POST_IS_UNKNOWN, channel, a->code);
	} else if (a->class == SLACK_NONE) {
		said = js_text(a->json, "channel");
		if (slack_is_id(said, strlen(said), NULL))
			channel = said;
		said = js_text(a->json, "ts");
		tell(call, POST_IS_POSTED, channel,
		    slack_is_ts(said) ? said : "");
	} else if (!a->sent || a->class == SLACK_WAIT) {
		tell(call, POST_IS_UNSENT, channel, "");
	} else {
		tell(call, POST_IS_REFUSED, channel, a->code);
	}
}
