/* SPDX-License-Identifier: ISC */
#ifndef SLACK_OAUTH_STATE_H
#define SLACK_OAUTH_STATE_H

#include "base/buf.h"
#include "base/crypto.h"

#include <stdint.h>

/* The state of an install: sealed, so nobody else can make one; it holds a nonce
 * and an end, and opens only together with the cookie that was given to the same
 * browser (its hash is part of the associated data). */
#define OAUTH_NONCE_SIZE	33	/* hex */
#define OAUTH_COOKIE_BYTES	32

/* until: wall ms.  Adds the state; the cookie is any text of the caller's. */
void oauth_state_seal(const struct keyring *keys, const char *cookie,
    int64_t until, struct buf *state);
/* 0 and the nonce (and its end), or -1: forged, of another browser, past its end. */
int oauth_state_open(const struct keyring *keys, const char *cookie,
    const char *state, int64_t now, char nonce[OAUTH_NONCE_SIZE],
    int64_t *until);

#endif
