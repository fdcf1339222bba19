/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "mcp/batch.h"

#include "base/clock.h"
#include "base/counter.h"
#include "mcp/legacy.h"
#include "mcp/modern.h"
#include "mcp/reply.h"
#include "shm/bucket.h"

/* Refused as a whole: why, or NULL. */
static const char *
look(const struct rpc *r, struct span array, size_t *n)
{
	const char *at = NULL;
	struct span v;

	if (modern_header(r))
		return "this revision has no batches: one message a POST";
	for (*n = 0; (v = scan_next(array, &at)).kind != SCAN_NONE; (*n)++) {
		if (modern_claims(scan_member(v, "params")))
			return "this revision has no batches: one message a "
			       "POST";
		if (scan_is(scan_member(v, "method"), "initialize"))
			return "initialize has to be sent alone";
	}
	if (*n == 0)
		return "the array is empty";
	return *n > BATCH_MAX ? "too many messages in one batch" : NULL;
}

/* The door has charged one request; each message more costs as much. */
static bool
charge(struct rpc *r, struct item *whole, size_t n)
{
	char bucket[POLICY_BUCKET_SIZE];
	struct rate rate = policy_rate(r->policy, r->mcp->conf, bucket);
	int64_t at;

	if (rate.per_minute == 0)
		return true;
	for (size_t i = 1; i < n; i++)
		if (!bucket_take(r->mcp->region, bucket, rate, 0, &at)) {
			counter_up(CNT_RATE_REFUSED);
			at -= clock_ms();
			r->retry_after = at > 1000 ? (int)((at + 999) / 1000) :
						     1;
			reply_fault(whole, FAULT_RATE,
			    "Too many messages for this key's "
			    "rate: nothing of the batch was done; wait, or "
			    "send a smaller "
			    "one");
			return false;
		}
	return true;
}

static void
element(struct rpc *r, struct item *it, struct span v)
{
	struct jsonrpc m;
	struct err err;

	if (jsonrpc_read(v, &m, &err) == -1) {
		item_id(it, m.id);
		reply_fault(it, FAULT_INVALID, "No JSON-RPC message: %s",
		    err.text);
		return;
	}
	if (m.kind != MESSAGE_REQUEST) {
		reply_accepted(it);
		return;
	}
	item_id(it, m.id);
	legacy_run(r, it, &m);
}

void
batch_run(struct rpc *r, struct span array)
{
	const char *at = NULL, *why;
	struct item whole = { .rpc = r };
	size_t n;

	r->method = "batch";
	why = look(r, array, &n);
	if (why == NULL && legacy_enter(r, &whole)) {
		if (r->version == V2025_03_26 && charge(r, &whole, n)) {
			r->batch = true;
			rpc_items(r, n);
			for (size_t i = 0; i < n; i++)
				element(r, &r->items[i], scan_next(array, &at));
			return;
		}
		if (r->version != V2025_03_26)
			why =
			    "only sessions of revision 2025-03-26 have batches";
	}
	if (why != NULL)
		reply_fault(&whole, FAULT_INVALID, "No batch is taken here: %s",
		    why);
	rpc_items(r, 1);
	r->items[0] = whole;
}
