/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/conn.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/trouble.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#define HANDSHAKE	0x16	/* what a TLS client sends first */

/* SSL_is_init_finished() forgets it when the connection breaks. */
static bool
handshake_done(const SSL *ssl)
{
	char none;

	return SSL_get_peer_finished(ssl, &none, 0) > 0;
}

/* Turns what OpenSSL says into what read(2) and write(2) would. */
static ssize_t
outcome(struct conn *c, int rc)
{
	int what = SSL_get_error(c->tls, rc);

	switch (what) {
	case SSL_ERROR_WANT_WRITE:
		c->wants_write = true;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_READ:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		break;
	}
	if (!handshake_done(c->tls)) {
		const char *text = ERR_reason_error_string(ERR_peek_error());

		counter_up(CNT_TLS_FAILED);
		if (text != NULL && trouble_met(TROUBLE_TLS))
			log_warn("tls", "TLS handshakes fail: %s", text);
		log_debug("tls", "handshake failed: %s",
		    text != NULL ? text : "the client left");
	}
	ERR_clear_error();
	c->broken = true;
	errno = ECONNRESET;
	return -1;
}

/* What is no TLS is for the owner to answer, in the clear. */
static ssize_t
fall_back(struct conn *c, void *p, size_t len)
{
	SSL_free(c->tls);
	c->tls = NULL;
	c->transport = &conn_plain;
	c->mistaken = true;
	return c->transport->read(c, p, len);
}

static ssize_t
tls_read(struct conn *c, void *p, size_t len)
{
	unsigned char first;
	ssize_t n;
	int rc;

	if (SSL_in_before(c->tls)) {
		n = recv(c->fd, &first, 1, MSG_PEEK);
		if (n <= 0)
			return n;
		if (first != HANDSHAKE)
			return fall_back(c, p, len);
	}
	ERR_clear_error();
	c->wants_write = false;
	rc = SSL_read(c->tls, p, (int)len);
	return rc > 0 ? rc : outcome(c, rc);
}

/* Copies what comes next, as much as a record holds: a head and its body are
 * one then, and one system call. */
static size_t
gather(const struct iovec *parts, int n, size_t skip, char *out)
{
	size_t len = 0;

	for (int i = 0; i < n && len < CONN_READ_MIN; i++) {
		size_t have = parts[i].iov_len;

		if (skip >= have) {
			skip -= have;
			continue;
		}
		have -= skip;
		if (have > CONN_READ_MIN - len)
			have = CONN_READ_MIN - len;
		memcpy(out + len, (char *)parts[i].iov_base + skip, have);
		len += have;
		skip = 0;
	}
	return len;
}

/* What is not taken must be given again, from its first byte on and not less of
 * it (SSL_write(3)): conn_flush() does. */
static ssize_t
tls_write(struct conn *c, const struct iovec *parts, int n)
{
	static char record[CONN_READ_MIN];
	size_t done = 0, len;
	int rc;

	/* what is said before the handshake, nobody could read */
	if (SSL_in_before(c->tls)) {
		errno = ECONNRESET;
		return -1;
	}
	while ((len = gather(parts, n, done, record)) > 0) {
		ERR_clear_error();
		rc = SSL_write(c->tls, record, (int)len);
		if (rc <= 0) {
			ssize_t no = outcome(c, rc);

			/* only a renegotiation reads while it writes */
			c->broken |= !c->wants_write;
			c->wants_write = false;
			return done > 0 ? (ssize_t)done : no == 0 ? -1 : no;
		}
		done += (size_t)rc;
	}
	return (ssize_t)done;
}

static void
say_goodbye(struct conn *c)
{
	if (c->broken || !SSL_is_init_finished(c->tls))
		return;
	ERR_clear_error();
	SSL_shutdown(c->tls);
	ERR_clear_error();
}

static void
tls_shutdown(struct conn *c)
{
	say_goodbye(c);
	shutdown(c->fd, SHUT_WR);
}

static void
tls_close(struct conn *c)
{
	/* else it has been counted, or nobody ever began */
	if (!c->broken && !SSL_in_before(c->tls) && !handshake_done(c->tls))
		counter_up(CNT_TLS_FAILED);
	say_goodbye(c);
	SSL_free(c->tls);
	c->tls = NULL;
}

static const struct conn_transport conn_tls = {
	.read = tls_read, .write = tls_write, .shutdown = tls_shutdown, .close = tls_close,
};

void
conn_accept_tls(struct conn *c, void *server)
{
	SSL *ssl = SSL_new(server);

	_Static_assert(CONN_READ_MIN >= SSL3_RT_MAX_PLAIN_LENGTH,
	    "a record fits");
	if (ssl == NULL || SSL_set_fd(ssl, c->fd) != 1)
		fatal("conn: no TLS for descriptor %d", c->fd);
	SSL_set_accept_state(ssl);
	c->tls = ssl;
	c->transport = &conn_tls;
}
