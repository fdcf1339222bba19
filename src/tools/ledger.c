/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/crypto.h"
#include "base/js.h"
#include "shm/board.h"
#include "slack/id.h"

#include <stdio.h>
#include <string.h>

#define END_MS		15000

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
	call->id.team = install_place(call->install);
	call->id.enterprise_id = install_row_of(call->install)->enterprise_id;
	call->id.team_id = install_row_of(call->install)->team_id;
	call->id.channel = call_of(call, ARG_CHANNEL);
}

/* The other parts of a call have names of their own: no given key holds a blank.
 * They belong to the first one's row: when that is too old to count, so are they. */
static void
name_part(struct call *call, size_t part)
{
	unsigned char digest[SHA256_SIZE];
	struct buf b = { 0 };

	if (part == 0)
		return;
	snprintf(call->part_key, sizeof(call->part_key), "%s %lld %zu",
	    call->key, (long long)call->head, part);
	call->id.key = call->part_key;
	call_digest(call, digest);
	buf_add(&b, digest, sizeof(digest));
	buf_fmt(&b, " %zu", part);
	crypto_sha256(b.p, b.len, call->id.digest);
	buf_wipe(&b);
}

struct post *
ledger_begin(struct call *call, size_t part, post_fn *done)
{
	int64_t left = call->deadline - clock_ms();
	int most = store_timeout(call->box->slack->store);

	call->id.channel = call_of(call, ARG_CHANNEL);	/* no name any more */
	name_part(call, part);
	call->id.made = clock_wall_ms();
	if (left > most)
		left = most;
	return post_begin(call->box->slack->store, &call->id,
	    left > 1 ? (int)left : 1, done, call);
}

static void
tell(struct call *call, enum post_state state, const char *channel,
    const char *text)
{
	post_end(call->box->slack->store, &call->id, state, channel, text,
	    END_MS);
}

void
ledger_unsent(struct call *call)
{
	tell(call, POST_IS_UNSENT, call->id.channel, "");
}

void
ledger_found(struct call *call, const char *ts, bool own)
{
	if (own)
		tell(call, POST_IS_POSTED, call->id.channel, ts);
	else
		post_found(call->box->slack->store, &call->id, ts, END_MS);
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
		ledger_unsent(call);
	} else {
		tell(call, POST_IS_REFUSED, channel, a->code);
	}
}
