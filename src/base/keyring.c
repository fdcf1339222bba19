/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/crypto.h"

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define KEY_SIZE	32
#define NONCE_SIZE	12
#define TAG_SIZE	16

struct keyring {
	size_t n;
	struct {
		char id[KEY_ID_SIZE];
		unsigned char key[KEY_SIZE];
	} keys[KEYRING_MAX];
};

static int
find(const struct keyring *k, const char *id, size_t len)
{
	for (size_t i = 0; i < k->n; i++)
		if (strlen(k->keys[i].id) == len &&
		    memcmp(k->keys[i].id, id, len) == 0)
			return (int)i;
	return -1;
}

static bool
good_id(const char *id, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789_-";

	if (len == 0 || len >= KEY_ID_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
		if (id[i] == '\0' || strchr(letters, id[i]) == NULL)
			return false;
	return true;
}

/* One "id:base64".  Says which by its place: the text may be a secret that
 * landed in the wrong field. */
static int
parse_key(struct keyring *k, const char *w, size_t len, struct err *err)
{
	const char *colon = memchr(w, ':', len);
	struct buf bytes = { 0 };
	size_t id_len, nth = k->n + 1;
	int rc = -1;

	if (colon == NULL || !good_id(w, (size_t)(colon - w)))
		return err_set(err, ERR_INPUT,
		    "key %zu does not begin with an id "
		    "of 1 to 16 letters, digits, _ or - and a colon",
		    nth);
	id_len = (size_t)(colon - w);
	if (find(k, w, id_len) != -1)
		return err_set(err, ERR_INPUT, "key id \"%.*s\" is there twice",
		    (int)id_len, w);
	if (k->n == KEYRING_MAX)
		return err_set(err, ERR_INPUT, "more than %d keys",
		    KEYRING_MAX);
	if (crypto_unb64(&bytes, colon + 1, len - id_len - 1) == -1 ||
	    bytes.len != KEY_SIZE) {
		err_set(err, ERR_INPUT, "key \"%.*s\" is not the base64 of %d "
		    "bytes; make one with \"openssl rand -base64 %d\"",
		    (int)id_len, w, KEY_SIZE, KEY_SIZE);
	} else {
		memcpy(k->keys[k->n].id, w, id_len);
		memcpy(k->keys[k->n].key, bytes.p, KEY_SIZE);
		k->n++;
		rc = 0;
	}
	buf_wipe(&bytes);
	return rc;
}

struct keyring *
keyring_parse(const char *text, struct err *err)
{
	struct keyring *k = mem_new(sizeof(*k));
	char *tidy = list_tidy(text);
	const char *at = tidy, *w;
	size_t len;
	int rc = 0;

	while (rc == 0 && (w = list_next(&at, &len)) != NULL)
		rc = parse_key(k, w, len, err);
	explicit_bzero(tidy, strlen(tidy));
	free(tidy);
	if (rc == 0 && k->n == 0)
		rc = err_set(err, ERR_INPUT, "there is no key in it");
	if (rc == 0)
		return k;
	keyring_free(k);
	return NULL;
}

struct keyring *
keyring_load(const struct secret *text, struct err *err)
{
	return keyring_parse(secret_expose(text), err);
}

void
keyring_free(struct keyring *k)
{
	if (k == NULL)
		return;
	explicit_bzero(k, sizeof(*k));
	free(k);
}

const char *
keyring_first(const struct keyring *k)
{
	return k->keys[0].id;
}

bool
keyring_has(const struct keyring *k, const char *id)
{
	return find(k, id, strlen(id)) != -1;
}

const char *
keyring_lacks(const struct keyring *k, const struct keyring *was)
{
	for (size_t i = 0; i < was->n; i++) {
		int at = find(k, was->keys[i].id, strlen(was->keys[i].id));

		if (at == -1 ||
		    !crypto_equal(k->keys[at].key, was->keys[i].key, KEY_SIZE))
			return was->keys[i].id;
	}
	return NULL;
}

/* Both ways of AES-256-GCM: out takes len bytes, tag is made or compared. */
static int
gcm(bool seal, const unsigned char *key, const unsigned char *nonce,
    const char *aad, const void *in, int len, unsigned char *out,
    unsigned char *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t aad_len = strlen(aad);
	int n, rc = -1;

	if (ctx == NULL || aad_len > INT_MAX)
		fatal("AES-256-GCM cannot begin in OpenSSL");
	if (EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal) ==
		1 &&
	    EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)aad,
		(int)aad_len) == 1 &&
	    EVP_CipherUpdate(ctx, out, &n, in, len) == 1 &&
	    (seal ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE,
		    tag) == 1) &&
	    EVP_CipherFinal_ex(ctx, out + n, &n) == 1 &&
	    (!seal ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE,
		    tag) == 1))
		rc = 0;
	EVP_CIPHER_CTX_free(ctx);
	return rc;
}

void
keyring_seal(const struct keyring *k, const char *aad,
    const void *plain, size_t len, struct buf *out)
{
	unsigned char *p;

	if (len > INT_MAX - NONCE_SIZE - TAG_SIZE)
		fatal("%zu bytes are too many to seal", len);
	p = (unsigned char *)buf_room(out, NONCE_SIZE + len + TAG_SIZE);
	if (p == NULL)
		return;
	crypto_random(p, NONCE_SIZE);
	if (gcm(true, k->keys[0].key, p, aad, plain, (int)len, p + NONCE_SIZE,
	    p + NONCE_SIZE + len) == -1)
		fatal("AES-256-GCM failed in OpenSSL");
	out->len += NONCE_SIZE + len + TAG_SIZE;
	out->p[out->len] = '\0';
}

int
keyring_open(const struct keyring *k, const char *id, const char *aad,
    const void *sealed, size_t len, struct buf *out, struct err *err)
{
	unsigned char nonce[NONCE_SIZE], tag[TAG_SIZE];
	const unsigned char *s = sealed;
	unsigned char *p;
	int at = find(k, id, strlen(id));

	if (at == -1)
		return err_set(err, ERR_INTERNAL,
		    "no key \"%s\" in TOKEN_KEYS; "
		    "put it back behind the first one",
		    id);
	if (len < NONCE_SIZE + TAG_SIZE || len > INT_MAX)
		return err_set(err, ERR_INTERNAL, "a sealed value of %zu bytes "
		    "is none", len);
	len -= NONCE_SIZE + TAG_SIZE;
	if ((p = (unsigned char *)buf_room(out, len)) == NULL)
		return err_set(err, ERR_INTERNAL, "a sealed value of %zu bytes "
		    "is too long here", len);
	memcpy(nonce, s, NONCE_SIZE);
	memcpy(tag, s + NONCE_SIZE + len, TAG_SIZE);
	if (gcm(false, k->keys[at].key, nonce, aad, s + NONCE_SIZE, (int)len, p,
	    tag) == -1) {
		explicit_bzero(p, len);
		return err_set(err, ERR_INTERNAL,
		    "a sealed value does not open "
		    "with key \"%s\": changed, moved or sealed by another key "
		    "of that name",
		    id);
	}
	out->len += len;
	out->p[out->len] = '\0';
	return 0;
}

/* Within base64url: length of the key's id, the id, what keyring_seal made. */
void
keyring_wrap(const struct keyring *k, const char *aad,
    const void *plain, size_t len, struct buf *out)
{
	size_t id_len = strlen(k->keys[0].id);
	struct buf raw = { 0 };
	char *p;

	buf_char(&raw, (char)id_len);
	buf_add(&raw, k->keys[0].id, id_len);
	keyring_seal(k, aad, plain, len, &raw);
	p = buf_room(out, B64URL_SIZE(raw.len) - 1);
	if (p != NULL) {
		crypto_b64url(p, raw.p, raw.len);
		out->len += strlen(p);
	}
	buf_wipe(&raw);
}

int
keyring_unwrap(const struct keyring *k, const char *aad,
    const char *text, size_t len, struct buf *out)
{
	char id[KEY_ID_SIZE];
	struct buf raw = { 0 };
	struct err err;
	size_t id_len;
	int rc = -1;

	if (crypto_unb64url(&raw, text, len) == 0 && raw.len > 0) {
		id_len = (unsigned char)raw.p[0];
		if (raw.len > id_len && good_id(raw.p + 1, id_len)) {
			memcpy(id, raw.p + 1, id_len);
			id[id_len] = '\0';
			rc = keyring_open(k, id, aad, raw.p + 1 + id_len,
			    raw.len - 1 - id_len, out, &err);
		}
	}
	buf_wipe(&raw);
	return rc;
}
