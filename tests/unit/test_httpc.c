/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/httpc.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/http1.h"
#include "net/listen.h"
#include "net/tls.h"
#include "run.h"

#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_REPLY	50000

static struct {
	struct event_base *base;
	struct listen_set l;
	struct http_server *s;		/* the other side, on http1 */
	struct event *accepting;	/* or a raw one */
	const char *const *script;	/* its answers, one a request; "": hangs up */
	int requests;
	struct httpc *h;
	char url[128];
	struct buf seen;		/* of the last request: what it was */
	int gone;
	struct http_req *held;
} t;

struct result {
	int n;				/* callbacks */
	long status, retry_after;
	char body[256], request_id[64], scopes[1024];
	size_t len;
	struct err err;
	struct httpc_job *job;
};

static const unsigned char bomb[] = {
	31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 237, 193, 49, 1, 0, 0, 0, 194, 160, 74,
	235, 159, 206, 26, 30, 64, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 175, 6, 133, 194, 77, 197, 160, 134, 1, 0,
};

static void
on_request(struct http_req *req, void *arg)
{
	char *big;

	(void)arg;
	t.requests++;
	buf_reset(&t.seen);
	buf_fmt(&t.seen, "%s %s|", req->method, req->path);
	for (size_t i = 0; i < req->nfields; i++)
		buf_fmt(&t.seen, "%s: %s|", req->fields[i].name, req->fields[i].value);
	buf_str(&t.seen, req->body);
	if (strcmp(req->path, "/slow") == 0) {
		t.held = req;
	} else if (strcmp(req->path, "/big") == 0) {
		big = mem_new(MAX_REPLY + 1);
		http_reply(req, 200, "text/plain", big, strcmp(req->query, "one") == 0 ?
		    MAX_REPLY + 1 : MAX_REPLY);
		free(big);
	} else if (strcmp(req->path, "/limited") == 0) {
		http_add(req, "Retry-After", req->query);
		http_add(req, "X-Slack-Req-Id", "abc123");
		http_add(req, "X-OAuth-Scopes", "chat:write,channels:read");
		http_reply(req, 429, NULL, NULL, 0);
	} else if (strcmp(req->path, "/bomb") == 0) {
		http_add(req, "Content-Encoding", "gzip");
		http_reply(req, 200, "text/plain", bomb, sizeof(bomb));
	} else if (strcmp(req->path, "/moved") == 0) {
		http_add(req, "Location", "/ok");
		http_reply(req, 302, NULL, NULL, 0);
	} else {
		http_reply(req, 200, "text/plain", "fine", 4);
	}
}

static void
on_gone(struct http_req *req, void *arg)
{
	(void)req;
	(void)arg;
	t.gone++;
	t.held = NULL;
}

static int
port_of(const struct listen_set *l)
{
	return (int)strtol(strrchr(l->shown[0], ':') + 1, NULL, 10);
}

static struct httpc_conf
usual(void)
{
	return (struct httpc_conf){ .connect_ms = 2000, .max_reply = MAX_REPLY,
		.pool = 2, .user_agent = "test/1" };
}

static void
setup(void)
{
	static const struct http_handler handler = { .on_request = on_request,
		.on_gone = on_gone };
	const struct http_conf conf = { .header_ms = 5000, .body_ms = 5000,
		.request_ms = 5000, .idle_ms = 5000, .max_header = 8192,
		.max_body = 100000 };
	struct httpc_conf own = usual();
	struct err err;

	log_quiet();
	memset(&t, 0, sizeof(t));
	/* a proxy of the environment is not asked */
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	t.base = event_base_new();
	ck_assert_int_eq(listen_open(&t.l, "127.0.0.1", 0, 1, "", "", &err), 0);
	snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%d", port_of(&t.l));
	t.s = http_server_new(t.base, &conf, &handler, NULL);
	http_server_listen(t.s, t.l.fds[0], true);
	t.h = httpc_new(t.base, &own, &err);
	ck_assert_ptr_nonnull(t.h);
}

static void
teardown(void)
{
	httpc_free(t.h);
	http_server_free(t.s);
	if (t.accepting != NULL)
		event_free(t.accepting);
	listen_close(&t.l);
	/* raw connections end by themselves now */
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	event_base_free(t.base);
	buf_wipe(&t.seen);
}

static void
with_conf(const struct httpc_conf *conf)
{
	struct err err;

	httpc_free(t.h);
	ck_assert_ptr_nonnull(t.h = httpc_new(t.base, conf, &err));
}

static void
on_done(void *arg, const struct httpc_reply *reply, const struct err *err)
{
	struct result *r = arg;

	r->n++;
	r->job = NULL;
	ck_assert((reply == NULL) == (err != NULL));
	if (err != NULL) {
		r->err = *err;
		return;
	}
	r->status = reply->status;
	r->retry_after = reply->retry_after;
	r->len = reply->len;
	ck_assert_int_eq(reply->body[reply->len], '\0');
	snprintf(r->body, sizeof(r->body), "%s", reply->body);
	snprintf(r->request_id, sizeof(r->request_id), "%s", reply->request_id);
	snprintf(r->scopes, sizeof(r->scopes), "%s", reply->scopes);
}

static void
ask(struct result *r, const char *path, const char *form, long ms)
{
	struct secret key = { 0 };
	char url[256];
	struct httpc_ask a = { .url = url, .authorization = &key, .form = form,
		.form_len = strlen(form), .timeout_ms = ms };

	if (strstr(path, "://") != NULL)
		snprintf(url, sizeof(url), "%s", path);
	else
		snprintf(url, sizeof(url), "%s%s", t.url, path);
	secret_set(&key, "Bearer xoxb-test");
	*r = (struct result){ 0 };
	r->job = httpc_post(t.h, &a, on_done, r);
	ck_assert_int_eq(r->n, 0);
	secret_wipe(&key);
	memset(url, 'x', sizeof(url));
}

static void
finish(struct result *r)
{
	int64_t end = clock_ms() + 10000;

	while (r->n == 0 && clock_ms() < end)
		event_base_loop(t.base, EVLOOP_ONCE);
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(r->n, 1);
}

/* ---- a raw server: says what its script says, one piece a request ---- */

static void
raw_readable(evutil_socket_t fd, short what, void *arg)
{
	struct event *self = *(struct event **)arg;
	char in[4096];
	ssize_t n = recv(fd, in, sizeof(in), 0);
	const char *say = "";

	(void)what;
	if (n > 0 && t.script != NULL && t.script[t.requests] != NULL)
		say = t.script[t.requests++];
	if (n > 0 && *say != '\0' && send(fd, say, strlen(say), MSG_NOSIGNAL) > 0 &&
	    say[strlen(say) - 1] != '$')
		return;
	event_free(self);
	free(arg);
	close(fd);
}

static void
raw_accept(evutil_socket_t fd, short what, void *arg)
{
	struct event **self = mem_new(sizeof(*self));
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	(void)arg;
	ck_assert_int_ne(client, -1);
	*self = event_new(t.base, client, EV_READ | EV_PERSIST, raw_readable, self);
	event_add(*self, NULL);
}

static void
raw(const char *const *script)
{
	http_server_listen(t.s, t.l.fds[0], false);
	t.accepting = event_new(t.base, t.l.fds[0], EV_READ | EV_PERSIST, raw_accept, NULL);
	event_add(t.accepting, NULL);
	t.script = script;
}

/* ---- failures ---- */

START_TEST(nothing_sent)
{
	static const char *const urls[] = {
		"http://127.0.0.1:1/", "https://127.0.0.1:1/", "ftp://127.0.0.1/",
		"http://no.such.host.invalid/", "file:///etc/passwd", "nonsense://", "",
		"http://[::1/",
	};
	struct result r;

	ask(&r, urls[_i][0] != '\0' ? urls[_i] : "://", "a=b", 5000);
	finish(&r);
	ck_assert_msg(r.err.kind == ERR_UPSTREAM, "%s", r.err.text);
	ck_assert_msg(strstr(r.err.text, "nothing was sent") != NULL, "%s", r.err.text);
	ck_assert_ptr_null(strstr(r.err.text, "xoxb"));
}
END_TEST

START_TEST(too_slow)
{
	struct result r;
	int64_t before = clock_ms();

	ask(&r, "/slow", "a=b", 150);
	finish(&r);
	ck_assert_int_eq(r.err.kind, ERR_TIMEOUT);
	ck_assert_int_ge(clock_ms() - before, 140);
	ck_assert_int_lt(clock_ms() - before, 2000);
	for (int i = 0; i < 100 && t.gone == 0; i++)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_int_eq(t.gone, 1);
}
END_TEST

START_TEST(bad_replies)
{
	static const struct {
		const char *script[3];
		const char *says;
	} rows[] = {
		{ { "garbage\r\n\r\n$", NULL }, "" },
		{ { "", NULL }, "" },
		{ { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc$", NULL }, "" },
		{ { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab$", NULL }, "" },
		{ { "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", NULL }, "" },
	};
	struct result r;

	raw(rows[_i].script);
	ask(&r, "/", "a=b", 3000);
	finish(&r);
	ck_assert_msg(r.err.kind == ERR_TIMEOUT, "%s", r.err.text);
	ck_assert_int_eq(t.requests, 1);
}
END_TEST

START_TEST(too_large)
{
	struct result r;

	ask(&r, "/big?one", "", 3000);
	finish(&r);
	ck_assert_int_eq(r.err.kind, ERR_LIMIT);
	ck_assert_ptr_nonnull(strstr(r.err.text, "larger than 50000 bytes"));
	ask(&r, "/big", "", 3000);
	finish(&r);
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(r.len, MAX_REPLY);
}
END_TEST

/* A kept connection that dies under a request: not sent once more, since nobody
 * knows whether the first one was carried out. */
START_TEST(never_sent_twice)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	static const char *const script[] = { ok, "", ok, ok, NULL };
	struct result r;

	raw(script);
	ask(&r, "/", "first", 3000);
	finish(&r);
	ck_assert_str_eq(r.body, "ok");
	ask(&r, "/", "second", 3000);
	finish(&r);
	ck_assert_msg(r.err.kind == ERR_TIMEOUT, "%s", r.err.text);
	for (int i = 0; i < 5; i++)
		event_base_loop(t.base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(t.requests, 2);
	ask(&r, "/", "third", 3000);
	finish(&r);
	ck_assert_str_eq(r.body, "ok");
}
END_TEST

START_TEST(cancel)
{
	struct result r[3];

	ask(&r[0], "/slow", "", 3000);
	httpc_cancel(r[0].job);			/* before it began */
	ask(&r[1], "/slow", "", 3000);
	for (int i = 0; i < 100 && t.requests == 0; i++)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_int_eq(t.requests, 1);
	httpc_cancel(r[1].job);			/* under way */
	for (int i = 0; i < 100 && t.gone == 0; i++)
		event_base_loop(t.base, EVLOOP_ONCE);
	ck_assert_int_eq(t.gone, 1);
	ask(&r[2], "/slow", "", 3000);		/* left to httpc_free */
	ck_assert_int_eq(r[0].n + r[1].n + r[2].n, 0);
}
END_TEST

/* The third of two connections waits, and has its deadline there too. */
START_TEST(pool_is_a_limit)
{
	struct result r[3];

	for (int i = 0; i < 2; i++)
		ask(&r[i], "/slow", "", 1500);
	ask(&r[2], "/slow", "", 150);
	finish(&r[2]);
	ck_assert_msg(r[2].err.kind == ERR_UPSTREAM, "%s", r[2].err.text);
	ck_assert_int_eq(t.requests, 2);
	ck_assert_uint_eq(http_server_connections(t.s), 2);
	ask(&r[2], "/ok", "", 3000);
	http_reply(t.held, 200, NULL, "x", 1);
	finish(&r[2]);
	ck_assert_str_eq(r[2].body, "fine");
	finish(&r[0]);
	finish(&r[1]);
}
END_TEST

/* ---- what goes out and comes in ---- */

START_TEST(request_as_asked)
{
	struct result r;

	ask(&r, "/api/chat.postMessage", "text=%C3%BC&channel=C1", 3000);
	finish(&r);
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(r.body, "fine");
	ck_assert_int_eq(r.retry_after, -1);
	ck_assert_msg(strncmp(t.seen.p, "POST /api/chat.postMessage|", 27) == 0, "%s", t.seen.p);
	ck_assert_ptr_nonnull(strstr(t.seen.p, "|authorization: Bearer xoxb-test|"));
	ck_assert_ptr_nonnull(strstr(t.seen.p, "|content-type: application/x-www-form-urlencoded|"));
	ck_assert_ptr_nonnull(strstr(t.seen.p, "|user-agent: test/1|"));
	ck_assert_ptr_nonnull(strstr(t.seen.p, "|accept-encoding: "));
	ck_assert_ptr_null(strstr(t.seen.p, "|expect: "));
	ck_assert_ptr_nonnull(strstr(t.seen.p, "|text=%C3%BC&channel=C1"));
}
END_TEST

START_TEST(no_key_no_form)
{
	struct httpc_ask a = { .timeout_ms = 3000 };
	struct result r = { 0 };
	char url[200];

	ask(&r, "/first", "left=over", 3000);	/* on the same handle */
	finish(&r);
	snprintf(url, sizeof(url), "%s/x", t.url);
	a.url = url;
	r = (struct result){ 0 };
	httpc_post(t.h, &a, on_done, &r);
	finish(&r);
	ck_assert_str_eq(r.body, "fine");
	ck_assert_ptr_null(strstr(t.seen.p, "authorization"));
	ck_assert_ptr_null(strstr(t.seen.p, "left"));
	ck_assert_ptr_nonnull(strstr(t.seen.p, "|content-length: 0|"));
}
END_TEST

START_TEST(big_form)
{
	char *form = mem_new(90001);
	struct result r;

	memset(form, 'f', 90000);
	ask(&r, "/ok", form, 3000);
	free(form);
	finish(&r);
	ck_assert_str_eq(r.body, "fine");
	ck_assert_uint_gt(t.seen.len, 90000);
	ck_assert_ptr_null(strstr(t.seen.p, "expect"));
}
END_TEST

START_TEST(limits_of_slack)
{
	static const struct {
		const char *value;
		long seconds;
	} rows[] = {
		{ "30", 30 }, { "0", 0 }, { "junk", -1 }, { "-3", -1 }, { "", -1 },
		{ "1.5", -1 }, { "99999999999999999999", -1 },
	};
	struct result r;
	char path[64];

	snprintf(path, sizeof(path), "/limited?%s", rows[_i].value);
	ask(&r, path, "", 3000);
	finish(&r);
	ck_assert_int_eq(r.status, 429);
	ck_assert_int_eq(r.retry_after, rows[_i].seconds);
	ck_assert_str_eq(r.request_id, "abc123");
	ck_assert_str_eq(r.scopes, "chat:write,channels:read");
}
END_TEST

START_TEST(redirects_are_not_followed)
{
	struct result r;

	ask(&r, "/moved", "", 3000);
	finish(&r);
	ck_assert_int_eq(r.status, 302);
	ck_assert_int_eq(t.requests, 1);
}
END_TEST

/* The limit is on what comes out. */
START_TEST(small_bomb)
{
	struct result r;

	ask(&r, "/bomb", "", 3000);
	finish(&r);
	ck_assert_int_eq(r.err.kind, ERR_LIMIT);
	ck_assert_ptr_nonnull(strstr(r.err.text, "larger"));
}
END_TEST

START_TEST(connections_are_kept)
{
	uint64_t before = counter_get(CNT_CONNECTIONS);
	struct result r;

	for (int i = 0; i < 20; i++) {
		ask(&r, i % 2 == 0 ? "/ok" : "/limited?1", "a=b", 3000);
		finish(&r);
	}
	ck_assert_uint_eq(counter_get(CNT_CONNECTIONS), before + 1);
}
END_TEST

START_TEST(warm)
{
	uint64_t before = counter_get(CNT_CONNECTIONS);
	char url[200];
	struct result r;

	snprintf(url, sizeof(url), "http://localhost:%d/", port_of(&t.l));
	httpc_warm(t.h, url);
	httpc_warm(t.h, "http://no.such.host.invalid/");
	for (int64_t end = clock_ms() + 200; clock_ms() < end; )
		event_base_loop(t.base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(counter_get(CNT_CONNECTIONS), before);
	ask(&r, url, "", 3000);
	finish(&r);
	ck_assert_str_eq(r.body, "fine");
}
END_TEST

/* ---- TLS ---- */

struct tls_server {
	int fd;
	SSL_CTX *ctx;
	pthread_t thread;
	char cert[64];
};

static void *
tls_serve(void *arg)
{
	static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
	    "Connection: close\r\n\r\nsecure";
	struct tls_server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	SSL *ssl = SSL_new(s->ctx);
	char in[4096];

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, in, sizeof(in)) > 0) {
		SSL_write(ssl, reply, sizeof(reply) - 1);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	close(fd);
	return NULL;
}

/* A certificate of our own for 127.0.0.1, also written to a file. */
static void
tls_start(struct tls_server *s)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    "IP:127.0.0.1");
	FILE *f;
	int fd;

	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	ck_assert_int_ne(X509_sign(cert, key, EVP_sha256()), 0);
	s->ctx = SSL_CTX_new(TLS_server_method());
	ck_assert_int_eq(SSL_CTX_use_certificate(s->ctx, cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(s->ctx, key), 1);
	snprintf(s->cert, sizeof(s->cert), "/tmp/test_httpc.XXXXXX");
	ck_assert_int_ne(fd = mkstemp(s->cert), -1);
	ck_assert_ptr_nonnull(f = fdopen(fd, "w"));
	PEM_write_X509(f, cert);
	fclose(f);
	X509_free(cert);
	EVP_PKEY_free(key);
	http_server_listen(t.s, t.l.fds[0], false);
	/* a blocking one for the thread */
	s->fd = dup(t.l.fds[0]);
	fcntl(s->fd, F_SETFL, 0);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, tls_serve, s), 0);
}

static void
tls_stop(struct tls_server *s)
{
	pthread_join(s->thread, NULL);
	SSL_CTX_free(s->ctx);
	close(s->fd);
	unlink(s->cert);
}

/* The store of net/tls.h is what decides: it may know our certificate or not, and
 * another name is refused all the same. */
START_TEST(certificates)
{
	static const struct {
		bool known;
		const char *host;
		enum err_kind kind;
	} rows[] = {
		{ false, "127.0.0.1", ERR_UPSTREAM },
		{ true, "localhost", ERR_UPSTREAM },
		{ true, "127.0.0.1", ERR_NONE },
	};
	struct httpc_conf conf = usual();
	struct tls_server server = { 0 };
	struct result r;
	struct err err;
	char url[128];

	tls_start(&server);
	if (rows[_i].known)
		setenv("SSL_CERT_FILE", server.cert, 1);
	conf.ca = tls_ca_load(&err);
	unsetenv("SSL_CERT_FILE");
	if (conf.ca == NULL) {		/* a machine without ca-certificates */
		ck_assert(!rows[_i].known);
		conf.ca = X509_STORE_new();
	}
	with_conf(&conf);
	snprintf(url, sizeof(url), "https://%s:%d/", rows[_i].host, port_of(&t.l));
	ask(&r, url, "a=b", 5000);
	finish(&r);
	ck_assert_msg(r.err.kind == rows[_i].kind, "%s", r.err.text);
	if (rows[_i].kind == ERR_NONE)
		ck_assert_str_eq(r.body, "secure");
	tls_stop(&server);
	httpc_free(t.h);
	t.h = NULL;
	tls_ca_free(conf.ca);
}
END_TEST

START_TEST(no_bundle)
{
	struct err err;

	setenv("SSL_CERT_FILE", _i == 0 ? "/nonexistent" : "/dev/null", 1);
	ck_assert_ptr_null(tls_ca_load(&err));
	ck_assert_int_eq(err.kind, ERR_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "SSL_CERT_FILE"));
	unsetenv("SSL_CERT_FILE");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("httpc");
	TCase *tc = tcase_create("httpc");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, nothing_sent, 0, 8);
	tcase_add_test(tc, too_slow);
	tcase_add_loop_test(tc, bad_replies, 0, 5);
	tcase_add_test(tc, too_large);
	tcase_add_test(tc, small_bomb);
	tcase_add_test(tc, never_sent_twice);
	tcase_add_test(tc, cancel);
	tcase_add_test(tc, pool_is_a_limit);
	tcase_add_test(tc, request_as_asked);
	tcase_add_test(tc, no_key_no_form);
	tcase_add_test(tc, big_form);
	tcase_add_loop_test(tc, limits_of_slack, 0, 7);
	tcase_add_test(tc, redirects_are_not_followed);
	tcase_add_test(tc, connections_are_kept);
	tcase_add_test(tc, warm);
	tcase_add_loop_test(tc, certificates, 0, 3);
	tcase_add_loop_test(tc, no_bundle, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);	/* as every process that uses net/httpc */
	return run_suite(suite());
}
