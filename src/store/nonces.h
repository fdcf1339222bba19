/* SPDX-License-Identifier: ISC */
#ifndef STORE_NONCES_H
#define STORE_NONCES_H

#include "store/store.h"

/* What may be used once on all hosts: the nonce of an OAuth state.  Using it up is
 * the INSERT of its row, which also proves that the store takes writes now. */
typedef void nonce_fn(void *arg, bool first, const struct err *err);
struct unit *nonce_use(struct store *st, const char *nonce, int64_t expires,
    nonce_fn *done, void *arg);

#endif
