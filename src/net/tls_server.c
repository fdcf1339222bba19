/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Of TLS 1.2 only what keeps its secrets when the key is stolen later. */
#define CIPHERS_1_2	"ECDHE+AESGCM:ECDHE+CHACHA20"

#define SESSION_S	7200	/* life of a ticket */

static const char *
reason(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text != NULL ? text : "unknown error";
}

/* h2 is not spoken: who offers only that hears it now, not in the first answer. */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	static const char ours[] = "http/1.1";
	const size_t len = sizeof(ours) - 1;

	(void)ssl;
	(void)arg;
	for (unsigned i = 0; i < inlen; i += 1u + in[i])
		if (in[i] == len && inlen - i > len &&
		    memcmp(in + i + 1, ours, len) == 0) {
			*out = in + i + 1;
			*outlen = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* OpenSSL's own would ask on the terminal. */
static int
no_passphrase(char *out, int size, int writing, void *arg)
{
	bool *asked = arg;

	(void)writing;
	if (size > 0)
		*out = '\0';
	*asked = true;
	return -1;
}

static SSL_CTX *
new_context(void)
{
	static const unsigned char name[] = PACKAGE_NAME;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, name, sizeof(name) - 1) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* a cache of its own in each worker would help one time in N: tickets only */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, SESSION_S);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	return ctx;
}

static int
check_file(const char *option, const char *path, struct stat *st,
    struct err *err)
{
	if (stat(path, st) == -1 || access(path, R_OK) == -1)
		return err_set(err, ERR_INPUT, "%s %s: %s", option, path,
		    strerror(errno));
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_INPUT, "%s %s: is no file", option,
		    path);
	return 0;
}

static int
load_cert(SSL_CTX *ctx, const char *path, struct err *err)
{
	struct stat st;

	if (check_file("TLS_CERT", path, &st, err) == -1)
		return -1;
	if (SSL_CTX_use_certificate_chain_file(ctx, path) == 1)
		return 0;
	return err_set(err, ERR_INPUT,
	    "TLS_CERT %s: %s; it must hold the certificate and "
	    "those that vouch for it, in PEM",
	    path, reason());
}

static int
load_key(SSL_CTX *ctx, const char *path, const char *cert, struct err *err)
{
	bool asked = false;
	struct stat st;

	if (check_file("TLS_KEY", path, &st, err) == -1)
		return -1;
	if (st.st_mode & (S_IRWXO | S_IWGRP))
		return err_set(err, ERR_INPUT,
		    "TLS_KEY %s: others can read or change it "
		    "(mode %04o): chmod 0600 it, or 0640",
		    path, (unsigned)st.st_mode & 07777);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
	if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1)
		return 0;
	if (asked)
		return err_set(err, ERR_INPUT,
		    "TLS_KEY %s: is locked with a passphrase, "
		    "which nobody is there to type; write it without one: "
		    "openssl pkey "
		    "-in OLD -out NEW",
		    path);
	if (ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509)
		return err_set(err, ERR_INPUT,
		    "TLS_KEY %s: is not the key of TLS_CERT %s "
		    "(%s); name two files that belong together",
		    path, cert, reason());
	return err_set(err, ERR_INPUT,
	    "TLS_KEY %s: %s; it must hold the certificate's "
	    "private key, in PEM",
	    path, reason());
}

void *
tls_server_load(const char *cert, const char *key, struct err *err)
{
	SSL_CTX *ctx;

	ERR_clear_error();
	if ((ctx = new_context()) == NULL)
		err_set(err, ERR_INTERNAL, "TLS: %s", reason());
	else if (load_cert(ctx, cert, err) == -1 ||
	    load_key(ctx, key, cert, err) == -1) {
		SSL_CTX_free(ctx);
		ctx = NULL;
	} else
		SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	ERR_clear_error();
	return ctx;
}

void
tls_server_free(void *server)
{
	SSL_CTX_free(server);
}

static int64_t
seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ?
	    (int64_t)timegm(&tm) :
	    0;
}

void
tls_server_dates(const void *server, int64_t *begins, int64_t *ends)
{
	X509 *cert = SSL_CTX_get0_certificate(server);

	*begins = seconds(X509_get0_notBefore(cert));
	*ends = seconds(X509_get0_notAfter(cert));
}
