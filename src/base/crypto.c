/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/crypto.h"

#include "base/log.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

void
crypto_start(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}

void
crypto_random(void *out, size_t len)
{
	unsigned char *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			fatal("getrandom: %s", strerror(errno));
		p += n;
		len -= (size_t)n;
	}
}

/* Every request with a key asks for one: what OpenSSL looks up and makes for a
 * digest is kept. */
void
crypto_sha256(const void *p, size_t len, unsigned char out[SHA256_SIZE])
{
	static EVP_MD_CTX *ctx;
	static EVP_MD *sha256;

	if (sha256 == NULL)
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (ctx == NULL)
		ctx = EVP_MD_CTX_new();
	if (sha256 == NULL || ctx == NULL ||
	    EVP_DigestInit_ex(ctx, sha256, NULL) != 1 ||
	    EVP_DigestUpdate(ctx, p, len) != 1 ||
	    EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		fatal("SHA-256 failed in OpenSSL");
}

void
crypto_hmac(const void *key, size_t key_len, const void *p, size_t len,
    unsigned char out[SHA256_SIZE])
{
	unsigned n = SHA256_SIZE;

	if (HMAC(EVP_sha256(), key, (int)key_len, p, len, out, &n) == NULL)
		fatal("crypto: HMAC");
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
crypto_hex(char *out, const void *p, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *s = p;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[s[i] >> 4];
		*out++ = digits[s[i] & 15];
	}
	*out = '\0';
}

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Without padding; returns the end. */
static char *
encode(char *out, const unsigned char *p, size_t len, const char *letters)
{
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | p[i];
		for (have += 8; have >= 6; have -= 6)
			*out++ = letters[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*out++ = letters[bits << (6 - have) & 63];
	return out;
}

static int
decode(struct buf *out, const char *text, size_t len, const char *letters)
{
	size_t before = out->len;
	uint32_t bits = 0;
	unsigned have = 0;

	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		const char *at = text[i] != '\0' ? strchr(letters, text[i]) :
						   NULL;

		if (at == NULL)
			goto fail;
		bits = bits << 6 | (uint32_t)(at - letters);
		if ((have += 6) >= 8) {
			have -= 8;
			buf_char(out, (char)(bits >> have & 255));
		}
	}
	if ((bits & ((1u << have) - 1)) == 0 && !out->over)
		return 0;
fail:
	if (out->len > before) {
		explicit_bzero(out->p + before, out->len - before);
		out->len = before;
	}
	return -1;
}

void
crypto_b64url(char *out, const void *p, size_t len)
{
	*encode(out, p, len, alphabet_url) = '\0';
}

int
crypto_unb64url(struct buf *out, const char *text, size_t len)
{
	return decode(out, text, len, alphabet_url);
}

int
crypto_unb64(struct buf *out, const char *text, size_t len)
{
	if (len % 4 != 0)
		return -1;
	for (int pad = 0; pad < 2 && len > 0 && text[len - 1] == '='; pad++)
		len--;
	return decode(out, text, len, alphabet);
}

void
crypto_b64(struct buf *out, const void *p, size_t len)
{
	size_t size = (len + 2) / 3 * 4;
	char *room = buf_room(out, size), *end;

	if (room == NULL)
		return;
	end = encode(room, p, len, alphabet);
	while (end < room + size)
		*end++ = '=';
	*end = '\0';
	out->len += size;
}

void
crypto_token(char *out, size_t bytes)
{
	unsigned char random[64];

	if (bytes > sizeof(random))
		fatal("a token of %zu bytes", bytes);
	crypto_random(random, bytes);
	crypto_b64url(out, random, bytes);
	explicit_bzero(random, sizeof(random));
}
