/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "http1_peer.h"

#include "base/clock.h"
#include "base/counter.h"
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- files ---- */

static char dir[64];
static void *server;			/* of good.pem and good.key */

static const char *
path(const char *name)
{
	static char out[4][128];
	static int i;

	i = (i + 1) % 4;
	snprintf(out[i], sizeof(out[i]), "%s/%s", dir, name);
	return out[i];
}

/* Outside of a test check can say nothing. */
static void
must(bool good)
{
	if (!good) {
		perror("test_tls");
		abort();
	}
}

static void
write_pair(const char *cert_name, const char *key_name, bool locked)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	FILE *f;

	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	must(X509_sign(cert, key, EVP_sha256()) != 0);
	must((f = fopen(path(cert_name), "w")) != NULL);
	PEM_write_X509(f, cert);
	fclose(f);
	must((f = fopen(path(key_name), "w")) != NULL);
	PEM_write_PrivateKey(f, key, locked ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
	    locked ? (void *)"secret" : NULL);
	fclose(f);
	chmod(path(key_name), 0600);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* A chain that is longer than what a small socket takes at once. */
static void
write_long(const char *name)
{
	FILE *from, *to = fopen(path(name), "w");
	X509 *cert;

	must((from = fopen(path("good.pem"), "r")) != NULL && to != NULL);
	must((cert = PEM_read_X509(from, NULL, NULL, NULL)) != NULL);
	for (int i = 0; i < 60; i++)
		PEM_write_X509(to, cert);
	X509_free(cert);
	fclose(from);
	fclose(to);
}

static void
write_text(const char *name, const char *text)
{
	FILE *f = fopen(path(name), "w");

	must(f != NULL);
	fputs(text, f);
	fclose(f);
	chmod(path(name), 0600);
}

static void
make_files(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_tls.XXXXXX");
	must(mkdtemp(dir) != NULL);
	write_pair("good.pem", "good.key", false);
	write_long("long.pem");
	write_pair("other.pem", "other.key", false);
	write_pair("locked.pem", "locked.key", true);
	write_text("text", "no PEM\n");
	write_pair("open.pem", "open.key", false);
	chmod(path("open.key"), 0644);
	write_pair("group.pem", "group.key", false);
	chmod(path("group.key"), 0660);
}

static void
remove_files(void)
{
	static const char *const names[] = { "good.pem", "good.key", "long.pem", "other.pem",
		"other.key", "locked.pem", "locked.key", "text", "open.pem", "open.key", "group.pem",
		"group.key" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path(names[i]));
	rmdir(dir);
}

static const struct {
	const char *cert, *key, *says;
} bad_files[] = {
	{ "none.pem", "good.key", "none.pem: No such file" },
	{ "good.pem", "none.key", "none.key: No such file" },
	{ "text", "good.key", "in PEM" },
	{ "good.pem", "text", "in PEM" },
	{ "", "good.key", "is no file" },
	{ "good.pem", "", "is no file" },
	{ "good.pem", "good.pem", "mode 0644" },
	{ "open.pem", "open.key", "mode 0644): chmod 0600" },
	{ "group.pem", "group.key", "mode 0660" },
	{ "good.pem", "other.key", "is not the key of TLS_CERT" },
	{ "locked.pem", "locked.key", "passphrase" },
	{ "good.key", "good.key", "in PEM" },
};

START_TEST(files_refused)
{
	struct err err = { 0 };

	chmod(path("good.pem"), 0644);
	ck_assert_ptr_null(tls_server_load(path(bad_files[_i].cert),
	    path(bad_files[_i].key), &err));
	ck_assert_int_eq(err.kind, ERR_INPUT);
	ck_assert_msg(strstr(err.text, bad_files[_i].says) != NULL, "%s", err.text);
	ck_assert_ptr_nonnull(strstr(err.text, "TLS_"));
}
END_TEST

START_TEST(files_good)
{
	int64_t begins, ends, now = time(NULL);
	struct err err;
	void *s;

	chmod(path("group.key"), 0640);
	s = tls_server_load(path("group.pem"), path("group.key"), &err);
	ck_assert_msg(s != NULL, "%s", err.text);
	tls_server_dates(s, &begins, &ends);
	ck_assert(begins <= now - 3600 + 60 && begins >= now - 3600 - 60);
	ck_assert(ends <= now + 86400 + 60 && ends >= now + 86400 - 60);
	tls_server_free(s);
	tls_server_free(NULL);
	chmod(path("group.key"), 0660);
}
END_TEST

/* ---- a client: what it sends goes through the test's hands ---- */

struct secure {
	struct client wire;
	SSL_CTX *ctx;
	SSL *ssl;
	struct buf in;			/* deciphered */
	bool ended;			/* by close_notify */
	size_t step;			/* bytes sent at a time; 0: all */
};

static SSL_SESSION *ticket;

static int
keep_ticket(SSL *ssl, SSL_SESSION *s)
{
	(void)ssl;
	SSL_SESSION_free(ticket);
	ticket = s;
	return 1;
}

static int room;			/* of the server's socket; 0: the usual */

static void
secure_open(struct secure *c, int version)
{
	int fds[2];

	*c = (struct secure){ 0 };
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	if (room != 0)
		setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	evutil_make_socket_nonblocking(fds[0]);
	c->wire.fd = fds[0];
	http_server_adopt_tls(peer.s, fds[1], "192.0.2.7");
	c->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(c->ctx, 0);
	SSL_CTX_set_min_proto_version(c->ctx, version);
	SSL_CTX_set_max_proto_version(c->ctx, version);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ctx, keep_ticket);
	c->ssl = SSL_new(c->ctx);
	SSL_set_bio(c->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(c->ssl);
}

static void
secure_close(struct secure *c)
{
	/* else OpenSSL takes its session for spoilt */
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	buf_wipe(&c->in);
	client_close(&c->wire);
}

/* What the client has to send; at most max bytes. */
static void
push(struct secure *c, size_t max)
{
	char chunk[16384];
	size_t step = c->step != 0 ? c->step : sizeof(chunk);
	int n;

	if (step > max)
		step = max;
	while (max > 0 && (n = BIO_read(SSL_get_wbio(c->ssl), chunk, (int)step)) > 0) {
		for (ssize_t done = 0; done < n;) {
			ssize_t sent = send(c->wire.fd, chunk + done, (size_t)(n - done),
			    MSG_NOSIGNAL);

			if (sent == -1 && errno != EAGAIN)
				return;
			if (sent > 0)
				done += sent;
			turn();
		}
		max -= (size_t)n;
	}
}

static void
pull(struct secure *c)
{
	char chunk[16384];
	int n;

	turn();
	client_read(&c->wire);
	if (c->wire.in.len > 0)
		BIO_write(SSL_get_rbio(c->ssl), c->wire.in.p, (int)c->wire.in.len);
	buf_reset(&c->wire.in);
	while ((n = SSL_read(c->ssl, chunk, sizeof(chunk))) > 0)
		buf_add(&c->in, chunk, (size_t)n);
	c->ended = SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN;
	ERR_clear_error();
}

static bool
shake(struct secure *c)
{
	int64_t end = clock_ms() + 5000;

	while (!SSL_is_init_finished(c->ssl) && !c->wire.closed && clock_ms() < end) {
		SSL_do_handshake(c->ssl);
		push(c, SIZE_MAX);
		pull(c);
	}
	push(c, SIZE_MAX);
	pull(c);
	return SSL_is_init_finished(c->ssl);
}

static void
say(struct secure *c, const char *text)
{
	ck_assert_int_eq(SSL_write(c->ssl, text, (int)strlen(text)), (int)strlen(text));
	push(c, SIZE_MAX);
}

/* Until the answer's body has that many bytes. */
static void
hear(struct secure *c, size_t body)
{
	int64_t end = clock_ms() + 50000;

	for (;;) {
		const char *at = c->in.p == NULL ? NULL : strstr(c->in.p, "\r\n\r\n");

		if (at != NULL && c->in.len >= (size_t)(at + 4 - c->in.p) + body)
			return;
		ck_assert_msg(clock_ms() < end && !c->wire.closed, "%zu bytes came", c->in.len);
		pull(c);
	}
}

static void
secure_start(const struct http_conf *like)
{
	struct http_conf conf = *like;

	conf.tls = server;
	peer_restart(&conf);
}

#define BOTH	_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION

/* ---- failures ---- */

START_TEST(too_old)
{
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, TLS1_1_VERSION);
	ck_assert(!shake(&c));
	ck_assert(wait_closed(&c.wire));
	secure_close(&c);
	ck_assert_int_eq(peer.heads, 0);
}
END_TEST

START_TEST(another_protocol)
{
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, BOTH);
	SSL_set_alpn_protos(c.ssl, (const unsigned char *)"\2h2", 3);
	ck_assert(!shake(&c));
	ck_assert(wait_closed(&c.wire));
	secure_close(&c);
}
END_TEST

START_TEST(handshake_cut)
{
	struct http_conf conf = plain_conf;
	struct secure c;
	int64_t began = clock_ms();
	uint64_t before = counter_get(CNT_TLS_FAILED);

	conf.header_ms = 80;
	secure_start(&conf);
	secure_open(&c, BOTH);
	SSL_do_handshake(c.ssl);
	while (!c.wire.closed && clock_ms() - began < 5000) {
		if (clock_ms() - began < 1000)
			push(&c, 1);
		event_base_loop(peer.base, EVLOOP_ONCE);
		client_read(&c.wire);
	}
	ck_assert(c.wire.closed);
	ck_assert_int_ge(clock_ms() - began, 80);
	ck_assert_int_le(clock_ms() - began, 1500);
	ck_assert_uint_eq(c.wire.in.len, 0);
	ck_assert_uint_eq(counter_get(CNT_TLS_FAILED), before + 1);
	secure_close(&c);
}
END_TEST

START_TEST(handshake_garbage)
{
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, BOTH);
	SSL_do_handshake(c.ssl);
	push(&c, 60);
	client_send(&c.wire, "garbage that is longer than what was left of it........"
	    "..........................................................................."
	    "..........................................................................."
	    "...........................................................................",
	    280);
	ck_assert(wait_closed(&c.wire));
	secure_close(&c);
	ck_assert_int_eq(peer.heads, 0);
	ck_assert(http_server_idle(peer.s));
}
END_TEST

START_TEST(client_leaves_early)
{
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, BOTH);
	SSL_do_handshake(c.ssl);
	push(&c, (size_t)_i * 40);
	client_close(&c.wire);
	for (int i = 0; i < 100 && !http_server_idle(peer.s); i++)
		turn();
	ck_assert(http_server_idle(peer.s));
	secure_close(&c);
}
END_TEST

START_TEST(renegotiation_refused)
{
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, TLS1_2_VERSION);
	ck_assert(shake(&c));
	say(&c, GET "\r\n");
	hear(&c, 1);
	ck_assert_int_eq(SSL_renegotiate(c.ssl), 1);
	SSL_do_handshake(c.ssl);
	push(&c, SIZE_MAX);
	for (int i = 0; i < 20; i++)
		pull(&c);
	/* the client asked, and no handshake followed */
	ck_assert(!SSL_is_init_finished(c.ssl) || SSL_num_renegotiations(c.ssl) == 0 ||
	    c.wire.closed);
	ck_assert_int_eq(peer.heads, 1);
	secure_close(&c);
}
END_TEST

static const char *const not_tls[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "G", "POST /mcp HTTP/1.1\r\n", "\r\n", "SSH-2.0-x\r\n",
	"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "\x80\x2e\x01",
};

START_TEST(plain_http)
{
	char got[64];
	const char *body;
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, TLS1_3_VERSION);
	client_say(&c.wire, not_tls[_i]);
	wait_answers(&c.wire, 1);
	ck_assert_int_eq(answers(&c.wire, false, got, sizeof(got), &body), 1);
	ck_assert_str_eq(got, "400");
	ck_assert_ptr_nonnull(strstr(body, "\"https_required\""));
	ck_assert_ptr_nonnull(strstr(body, "https://"));
	ck_assert_ptr_nonnull(strstr(c.wire.in.p, "\r\nConnection: close\r\n"));
	ck_assert_int_eq(peer.heads, 0);
	ck_assert_int_eq(peer.done, 1);
	/* our side is shut: nobody waits for more */
	for (int i = 0; i < 100 && !c.wire.closed; i++) {
		turn();
		client_read(&c.wire);
	}
	ck_assert(c.wire.closed);
	secure_close(&c);
}
END_TEST

START_TEST(tls_on_plain)
{
	char got[64];
	const char *body;
	struct client c;
	struct secure s;

	secure_start(&plain_conf);
	secure_open(&s, TLS1_3_VERSION);
	SSL_do_handshake(s.ssl);
	client_close(&s.wire);
	client_open(&c);
	s.wire.fd = c.fd;
	push(&s, SIZE_MAX);
	wait_answers(&c, 1);
	ck_assert_int_eq(answers(&c, false, got, sizeof(got), &body), 1);
	ck_assert_str_eq(got, "400");
	ck_assert_ptr_nonnull(strstr(body, "\"tls_not_spoken\""));
	s.wire.fd = -1;
	secure_close(&s);
	client_close(&c);
}
END_TEST

/* To leave without a goodbye is bad manners, but no handshake has failed. */
START_TEST(client_leaves_in_work)
{
	struct secure c;
	uint64_t before = counter_get(CNT_TLS_FAILED);

	secure_start(&plain_conf);
	secure_open(&c, _i < 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
	ck_assert(shake(&c));
	say(&c, HOLD);
	ck_assert_int_eq(peer.requests, 1);
	/* with a word, and without */
	if (_i % 2 == 0) {
		SSL_shutdown(c.ssl);
		push(&c, SIZE_MAX);
	} else {
		client_close(&c.wire);
	}
	for (int i = 0; i < 100 && peer.gone == 0; i++)
		turn();
	ck_assert_int_eq(peer.gone, 1);
	ck_assert(http_server_idle(peer.s));
	ck_assert_uint_eq(counter_get(CNT_TLS_FAILED), before);
	secure_close(&c);
}
END_TEST

/* ---- what works ---- */

START_TEST(serves)
{
	static const size_t steps[] = { 0, 1, 7, 1000 };
	const unsigned char *alpn;
	unsigned len;
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, _i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	c.step = steps[_i / 2];
	SSL_set_alpn_protos(c.ssl, (const unsigned char *)"\2h2\10http/1.1", 12);
	ck_assert(shake(&c));
	SSL_get0_alpn_selected(c.ssl, &alpn, &len);
	ck_assert(len == 8 && memcmp(alpn, "http/1.1", 8) == 0);
	say(&c, POST "Content-Length: 5\r\n\r\nhello");
	hear(&c, 16);
	ck_assert_ptr_nonnull(strstr(c.in.p, "<POST|/p||1|hello>"));
	/* and again on the same connection, two at once */
	buf_reset(&c.in);
	say(&c, GET "\r\n" GET "Connection: close\r\n\r\n");
	hear(&c, 1);
	for (int i = 0; i < 100 && !c.wire.closed; i++)
		pull(&c);
	ck_assert_int_eq(count(c.in.p, "HTTP/1.1 200 OK"), 2);
	ck_assert(c.wire.closed);
	ck_assert(c.ended);		/* by a close_notify, not by a cut */
	ck_assert_int_eq(peer.done, 3);
	secure_close(&c);
}
END_TEST

START_TEST(big_answer)
{
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, BOTH);
	ck_assert(shake(&c));
	say(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
	hear(&c, BIG);
	ck_assert_uint_eq(strspn(strstr(c.in.p, "\r\n\r\n") + 4, "b"), BIG);
	say(&c, GET "\r\n");		/* it goes on */
	for (int i = 0; i < 100 && peer.done < 2; i++)
		pull(&c);
	ck_assert_int_eq(peer.done, 2);
	secure_close(&c);
}
END_TEST

START_TEST(big_body)
{
	struct http_conf conf = plain_conf;
	struct buf text = { 0 };
	struct secure c;

	conf.max_body = BIG;
	secure_start(&conf);
	secure_open(&c, BOTH);
	ck_assert(shake(&c));
	buf_fmt(&text, POST "Content-Length: %d\r\n\r\n", 1 << 20);
	for (int i = 0; i < 1 << 20; i++)
		buf_char(&text, (char)('a' + i % 26));
	say(&c, text.p);
	hear(&c, 1 << 20);
	ck_assert_ptr_nonnull(strstr(c.in.p, strstr(text.p, "\r\n\r\n") + 4));
	buf_wipe(&text);
	secure_close(&c);
}
END_TEST

START_TEST(resumed)
{
	struct secure c;

	SSL_SESSION_free(ticket);
	ticket = NULL;
	for (int round = 0; round < 3; round++) {
		secure_start(&plain_conf);	/* another server, as another worker is */
		secure_open(&c, BOTH);
		if (ticket != NULL)
			SSL_set_session(c.ssl, ticket);
		ck_assert(shake(&c));
		ck_assert_int_eq(SSL_session_reused(c.ssl), round > 0);
		say(&c, GET "\r\n");
		hear(&c, 1);
		ck_assert_ptr_nonnull(ticket);
		secure_close(&c);
	}
	SSL_SESSION_free(ticket);
	ticket = NULL;
}
END_TEST

/* Is it taken up?  fresh: what the next one may be resumed with. */
static bool
is_resumed(SSL_SESSION *session, int version, SSL_SESSION **fresh)
{
	SSL_SESSION *copy = session != NULL ? SSL_SESSION_dup(session) : NULL;
	struct secure c;
	bool reused;

	secure_open(&c, version);
	if (copy != NULL)
		SSL_set_session(c.ssl, copy);	/* OpenSSL spoils it when another comes */
	SSL_SESSION_free(copy);
	ck_assert(shake(&c));
	reused = SSL_session_reused(c.ssl);
	say(&c, GET "\r\n");
	hear(&c, 1);
	SSL_SESSION_free(*fresh);
	*fresh = SSL_get1_session(c.ssl);
	secure_close(&c);
	return reused;
}

#define TURN_MS	INT64_C(3600000)

static struct http_conf
turning(void)
{
	struct http_conf conf = plain_conf;
	struct err err;

	conf.tls = tls_server_load(path("good.pem"), path("good.key"), &err);
	ck_assert_msg(conf.tls != NULL, "%s", err.text);
	tls_server_tickets(conf.tls, TURN_MS);
	return conf;
}

/* The key of a ticket is good for its period and the next one. */
START_TEST(tickets_turn)
{
	struct http_conf conf = turning();
	SSL_SESSION *first = NULL, *second = NULL, *other = NULL;
	int64_t now = clock_ms();

	peer_restart(&conf);
	ck_assert(!is_resumed(NULL, BOTH, &first));
	ck_assert_uint_eq(SSL_SESSION_get_ticket_lifetime_hint(first), 7200);
	tls_server_turn(conf.tls, now + TURN_MS / 2);
	ck_assert(is_resumed(first, BOTH, &other));
	tls_server_turn(conf.tls, now + TURN_MS * 3 / 2);
	ck_assert(is_resumed(first, BOTH, &second));	/* which has the new key */
	tls_server_turn(conf.tls, now);			/* no way back */
	ck_assert(is_resumed(first, BOTH, &other));
	tls_server_turn(conf.tls, now + TURN_MS * 5 / 2);
	ck_assert(!is_resumed(first, BOTH, &other));
	ck_assert(is_resumed(second, BOTH, &other));
	tls_server_turn(conf.tls, now + TURN_MS * 9 / 2);
	ck_assert(!is_resumed(second, BOTH, &other));
	SSL_SESSION_free(first);
	SSL_SESSION_free(second);
	SSL_SESSION_free(other);
	peer_restart(&plain_conf);
	tls_server_free(conf.tls);
}
END_TEST

/* Nobody can guess what opens a ticket before anything has turned. */
START_TEST(tickets_of_zeroes)
{
	struct http_conf forger = turning(), conf = turning();
	unsigned char zeroes[80] = { 0 };	/* name and both keys, as OpenSSL has them */
	SSL_SESSION *forged = NULL, *other = NULL;

	SSL_CTX_set_tlsext_ticket_key_evp_cb(forger.tls, NULL);
	ck_assert_int_eq(SSL_CTX_set_tlsext_ticket_keys(forger.tls, zeroes, sizeof(zeroes)), 1);
	peer_restart(&forger);
	ck_assert(!is_resumed(NULL, BOTH, &forged));
	ck_assert(is_resumed(forged, BOTH, &other));
	peer_restart(&conf);
	ck_assert(!is_resumed(forged, BOTH, &other));
	SSL_SESSION_free(forged);
	SSL_SESSION_free(other);
	peer_restart(&plain_conf);
	tls_server_free(forger.tls);
	tls_server_free(conf.tls);
}
END_TEST

/* The server's part of the handshake has to wait for room, too. */
START_TEST(handshake_without_room)
{
	struct http_conf conf = plain_conf;
	struct secure c;
	struct err err;

	conf.tls = tls_server_load(path("long.pem"), path("good.key"), &err);
	ck_assert_msg(conf.tls != NULL, "%s", err.text);
	peer_restart(&conf);
	room = 4096;
	secure_open(&c, BOTH);
	room = 0;
	SSL_do_handshake(c.ssl);
	push(&c, SIZE_MAX);
	for (int i = 0; i < 50; i++)
		turn();
	ck_assert(shake(&c));
	say(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
	hear(&c, BIG);
	secure_close(&c);
	peer_restart(&plain_conf);
	tls_server_free(conf.tls);
}
END_TEST

/* Its header comes in front of all else. */
START_TEST(behind_the_proxy_protocol)
{
	static const char line[] = "PROXY TCP4 198.51.100.9 192.0.2.1 1 2\r\n";
	struct http_conf conf = plain_conf;
	struct network net;
	struct networks nets = { &net, 1 };
	struct secure c;
	struct err err;

	ck_assert_int_eq(network_parse(&net, "192.0.2.7", 9, &err), 0);
	conf.proxies = &nets;
	secure_start(&conf);
	secure_open(&c, BOTH);
	for (size_t i = 0; i < sizeof(line) - 1; i++)
		client_send(&c.wire, line + i, 1);
	ck_assert(shake(&c));
	say(&c, GET "\r\n");
	hear(&c, 1);
	ck_assert_str_eq(peer.last_peer, "198.51.100.9");
	secure_close(&c);
	/* and without it nothing is said */
	secure_open(&c, BOTH);
	ck_assert(!shake(&c));
	ck_assert(wait_closed(&c.wire));
	ck_assert_int_eq(peer.heads, 1);
	secure_close(&c);
	peer_restart(&plain_conf);
}
END_TEST

START_TEST(key_update)
{
	struct secure c;

	secure_start(&plain_conf);
	secure_open(&c, TLS1_3_VERSION);
	ck_assert(shake(&c));
	ck_assert_int_eq(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	say(&c, GET "\r\n");
	hear(&c, 1);
	ck_assert_int_eq(count(c.in.p, "HTTP/1.1 200 OK"), 1);
	secure_close(&c);
}
END_TEST

static void
add(TCase *tc)
{
	tcase_add_loop_test(tc, files_refused, 0, sizeof(bad_files) / sizeof(bad_files[0]));
	tcase_add_test(tc, too_old);
	tcase_add_loop_test(tc, another_protocol, 0, 2);
	tcase_add_loop_test(tc, handshake_cut, 0, 2);
	tcase_add_loop_test(tc, handshake_garbage, 0, 2);
	tcase_add_loop_test(tc, client_leaves_early, 0, 3);
	tcase_add_test(tc, renegotiation_refused);
	tcase_add_loop_test(tc, plain_http, 0, sizeof(not_tls) / sizeof(not_tls[0]));
	tcase_add_test(tc, tls_on_plain);
	tcase_add_loop_test(tc, client_leaves_in_work, 0, 4);
	tcase_add_test(tc, files_good);
	tcase_add_loop_test(tc, serves, 0, 8);
	tcase_add_loop_test(tc, big_answer, 0, 2);
	tcase_add_loop_test(tc, big_body, 0, 2);
	tcase_add_loop_test(tc, resumed, 0, 2);
	tcase_add_loop_test(tc, tickets_turn, 0, 2);
	tcase_add_loop_test(tc, tickets_of_zeroes, 0, 2);
	tcase_add_loop_test(tc, handshake_without_room, 0, 2);
	tcase_add_loop_test(tc, behind_the_proxy_protocol, 0, 2);
	tcase_add_test(tc, key_update);
}

int
main(void)
{
	struct err err;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	make_files();
	server = tls_server_load(path("good.pem"), path("good.key"), &err);
	must(server != NULL);
	rc = peer_main("tls", add);
	tls_server_free(server);
	remove_files();
	return rc;
}
