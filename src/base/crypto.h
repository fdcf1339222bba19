/* SPDX-License-Identifier: ISC */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>

#define SHA256_SIZE	32
#define B64URL_SIZE(n)	(((n) * 4 + 2) / 3 + 1)	/* without padding, with NUL */

/* Before anything else of this process: at exit nothing is taken apart, because a
 * thread that is just connecting may still use it. */
void crypto_start(void);
void crypto_random(void *out, size_t len);	/* fatal when the kernel has none */
void crypto_sha256(const void *p, size_t len, unsigned char out[SHA256_SIZE]);
void crypto_hmac(const void *key, size_t key_len, const void *p, size_t len,
    unsigned char out[SHA256_SIZE]);		/* HMAC-SHA256 */
bool crypto_equal(const void *a, const void *b, size_t len);	/* constant time */
void crypto_hex(char *out, const void *p, size_t len);		/* 2 * len + 1 */

/* base64url without padding; out has B64URL_SIZE(len). */
void crypto_b64url(char *out, const void *p, size_t len);
/* Strict: the alphabet only, no padding, no stray bits.  Adds to out; -1 else. */
int crypto_unb64url(struct buf *out, const char *text, size_t len);
/* Strict RFC 4648 base64 with padding. */
int crypto_unb64(struct buf *out, const char *text, size_t len);
void crypto_b64(struct buf *out, const void *p, size_t len);

/* A random text of len bytes in base64url, for ids and keys. */
void crypto_token(char *out, size_t bytes);	/* B64URL_SIZE(bytes) */

/* TOKEN_KEYS: "id:base64,…", each 32 bytes; the first one seals, all open.
 * Ids are [A-Za-z0-9_-]{1,16}. */
#define KEY_ID_SIZE	17
#define KEYRING_MAX	8

struct keyring;
struct keyring *keyring_parse(const char *text, struct err *err);
struct keyring *keyring_load(const struct secret *text, struct err *err);
void keyring_free(struct keyring *k);		/* zeroes; NULL is fine */
const char *keyring_first(const struct keyring *k);	/* id of the sealing key */
bool keyring_has(const struct keyring *k, const char *id);
/* The first id of was whose key k does not have under that id; NULL: none. */
const char *keyring_lacks(const struct keyring *k, const struct keyring *was);

/* AES-256-GCM with a random nonce.  out gets nonce, text and tag; aad is the
 * row's identity, so that a sealed value cannot be moved to another row. */
void keyring_seal(const struct keyring *k, const char *aad,
    const void *plain, size_t len, struct buf *out);
/* Opens with the key of that id.  Adds to out; -1 when the key is unknown, the
 * identity another or a byte changed. */
int keyring_open(const struct keyring *k, const char *id, const char *aad,
    const void *sealed, size_t len, struct buf *out, struct err *err);

/* A cookie, a cursor, a state: sealed with the first key, opened by any, as one
 * base64url text that carries the key's id. */
void keyring_wrap(const struct keyring *k, const char *aad,
    const void *plain, size_t len, struct buf *out);
int keyring_unwrap(const struct keyring *k, const char *aad,
    const char *text, size_t len, struct buf *out);

#endif
