/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/oauth_state.h"

#include <stdio.h>
#include <string.h>

#define NONCE_BYTES	16
#define STATE_MAX	512
#define COOKIE_MAX	256

struct plain {
	unsigned char nonce[NONCE_BYTES];
	unsigned char until[8];		/* big endian */
};

static void
aad_of(const char *cookie, char out[SHA256_SIZE * 2 + 16])
{
	unsigned char hash[SHA256_SIZE];
	char hex[SHA256_SIZE * 2 + 1];

	crypto_sha256(cookie, strlen(cookie), hash);
	crypto_hex(hex, hash, sizeof(hash));
	snprintf(out, SHA256_SIZE * 2 + 16, "oauth:%s", hex);
}

void
oauth_state_seal(const struct keyring *keys, const char *cookie, int64_t until,
    struct buf *state)
{
	char aad[SHA256_SIZE * 2 + 16];
	struct plain plain;

	aad_of(cookie, aad);
	crypto_random(plain.nonce, sizeof(plain.nonce));
	for (int i = 0; i < 8; i++)
		plain.until[i] = (unsigned char)((uint64_t)until >>
		    (56 - 8 * i));
	keyring_wrap(keys, aad, &plain, sizeof(plain), state);
}

int
oauth_state_open(const struct keyring *keys, const char *cookie,
    const char *state, int64_t now, char nonce[OAUTH_NONCE_SIZE],
    int64_t *until)
{
	char aad[SHA256_SIZE * 2 + 16];
	struct buf text = { 0 };
	struct plain plain;
	uint64_t end = 0;
	size_t len = strlen(state);
	int rc = -1;

	if (len == 0 || len > STATE_MAX || cookie[0] == '\0' ||
	    strlen(cookie) > COOKIE_MAX)
		return -1;
	aad_of(cookie, aad);
	if (keyring_unwrap(keys, aad, state, len, &text) == 0 &&
	    text.len == sizeof(plain)) {
		memcpy(&plain, text.p, sizeof(plain));
		for (int i = 0; i < 8; i++)
			end = end << 8 | plain.until[i];
		*until = (int64_t)end;
		crypto_hex(nonce, plain.nonce, sizeof(plain.nonce));
		rc = *until > now ? 0 : -1;
	}
	buf_wipe(&text);
	return rc;
}
