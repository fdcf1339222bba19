/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/tls.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

/* A period's key is made of a seed, and so is the next seed: whoever was forked with
 * it has the same keys at the same time without a word from the others, and no way
 * leads from a seed back to the keys before it. */

#define NAME_SIZE	16	/* of OpenSSL's tickets, as the IV's */

struct ticket_key {
	unsigned char name[SHA256_SIZE], cipher[SHA256_SIZE], mac[SHA256_SIZE];
};

struct tickets {
	int64_t began, turn_ms;	/* monotonic ms, which all processes of a host share */
	int64_t turns;
	unsigned char seed[SHA256_SIZE];	/* of the next key */
	struct ticket_key now, before;
};

static void
make(unsigned char *out, const unsigned char *seed, const char *what)
{
	crypto_hmac(seed, SHA256_SIZE, what, strlen(what), out);
}

static void
next_key(struct tickets *t)
{
	unsigned char seed[SHA256_SIZE];

	memcpy(seed, t->seed, sizeof(seed));
	t->before = t->now;
	make(t->now.name, seed, "name");
	make(t->now.cipher, seed, "cipher");
	make(t->now.mac, seed, "mac");
	make(t->seed, seed, "seed");
	explicit_bzero(seed, sizeof(seed));
}

static void
turn(struct tickets *t, int64_t now)
{
	for (; t->turns < (now - t->began) / t->turn_ms; t->turns++)
		next_key(t);
}

static void
wipe(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
    void *argp)
{
	(void)parent, (void)data, (void)index, (void)argl, (void)argp;
	if (ptr != NULL)
		explicit_bzero(ptr, sizeof(struct tickets));
	free(ptr);
}

/* Where an SSL_CTX keeps them. */
static int
place(void)
{
	static int index = -1;

	if (index == -1)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, wipe);
	return index;
}

static int
use_key(const struct ticket_key *key, EVP_MAC_CTX *mac)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
		    (void *)key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
		    (char *)"SHA256", 0),
		OSSL_PARAM_construct_end()
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) wants it. */
enum { FAILED = -1, UNKNOWN = 0, GOOD = 1, RENEW = 2 };

static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
	struct tickets *t = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), place());
	const struct ticket_key *key = &t->now;

	turn(t, clock_ms());
	if (sealing) {
		memcpy(name, key->name, NAME_SIZE);
		crypto_random(iv, NAME_SIZE);
	} else if (memcmp(name, t->now.name, NAME_SIZE) != 0) {
		key = &t->before;
		if (memcmp(name, key->name, NAME_SIZE) != 0)
			return UNKNOWN;
	}
	if (use_key(key, mac) != 1 ||
	    EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv,
		sealing) != 1)
		return FAILED;
	return key == &t->now ? GOOD : RENEW;
}

void
tls_server_tickets(void *server, int64_t turn_ms)
{
	struct tickets *t = mem_new(sizeof(*t));

	t->began = clock_ms();
	t->turn_ms = turn_ms;
	crypto_random(t->seed, sizeof(t->seed));
	next_key(t);
	next_key(t);		/* the one before is nobody's, but no key of zeroes */
	if (SSL_CTX_set_ex_data(server, place(), t) != 1 ||
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(server, on_ticket) != 1)
		fatal("tls: no keys for tickets");
}

void
tls_server_turn(void *server, int64_t now)
{
	turn(SSL_CTX_get_ex_data(server, place()), now);
}
