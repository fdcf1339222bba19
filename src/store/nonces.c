/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/nonces.h"

#include "base/mem.h"
#include "store/op.h"

struct nonce_op {
	struct op op;
	nonce_fn *done;
	void *arg;
};

static void
on_used(void *arg, const struct answer *a, const struct err *err)
{
	struct nonce_op *op = arg;

	op->done(op->arg, err == NULL && a->touched > 0, err);
}

struct unit *
nonce_use(struct store *st, const char *nonce, int64_t expires, nonce_fn *done,
    void *arg)
{
	struct nonce_op *op = mem_new(sizeof(*op));

	op->done = done;
	op->arg = arg;
	return op_start(st, UNIT(DO(NONCE_USE, TEXT(nonce), INT(expires))),
	    store_timeout(st), on_used, &op->op);
}
