/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

/* Debian, Fedora, Alpine and the BSDs, SUSE. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
	"/etc/ssl/ca-bundle.pem",
};

static const char *
find_bundle(void)
{
	const char *named = getenv(X509_get_default_cert_file_env());

	if (named != NULL && *named != '\0')
		return named;
	for (size_t i = 0; i < sizeof(bundles) / sizeof(*bundles); i++)
		if (access(bundles[i], R_OK) == 0)
			return bundles[i];
	return NULL;
}

void *
tls_ca_load(struct err *err)
{
	const char *path = find_bundle();
	X509_STORE *store;

	if (path == NULL) {
		err_set(err, ERR_INPUT,
		    "no CA bundle found: install the package "
		    "ca-certificates, or set %s",
		    X509_get_default_cert_file_env());
		return NULL;
	}
	if ((store = X509_STORE_new()) == NULL) {
		err_set(err, ERR_INTERNAL, "X509_STORE_new");
		return NULL;
	}
	if (X509_STORE_load_file(store, path) != 1) {
		err_set(err, ERR_INPUT,
		    "%s: no readable PEM certificates (%s); "
		    "repair it, or set %s",
		    path, ERR_reason_error_string(ERR_peek_last_error()),
		    X509_get_default_cert_file_env());
		ERR_clear_error();
		X509_STORE_free(store);
		return NULL;
	}
	return store;
}

void
tls_ca_free(void *ca)
{
	X509_STORE_free(ca);
}
