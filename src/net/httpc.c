/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/httpc.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define DNS_CACHE_S	600

/* A handle of curl is costly to make and goes from job to job. */
struct easy {
	SLIST_ENTRY(easy) next;
	CURL *curl;
};

struct httpc_job {
	LIST_ENTRY(httpc_job) next;
	struct httpc *h;
	struct easy *easy;
	struct event *deadline;
	struct curl_slist *headers;
	struct buf form, reply;
	char error[CURL_ERROR_SIZE];
	bool sent;			/* was given to a connection */
	bool too_large;
	httpc_done_fn *done;		/* NULL: only resolves a name */
	void *arg;
};

struct httpc {
	struct event_base *base;
	struct event *timer;
	CURLM *multi;
	struct httpc_conf conf;
	char *user_agent;
	LIST_HEAD(httpc_jobs, httpc_job) jobs;
	SLIST_HEAD(easies, easy) idle;
	int nidle, njobs;
};

/* ---- jobs ---- */

/* The key must not stay in memory that is free. */
static void
headers_free(struct curl_slist *list)
{
	for (struct curl_slist *i = list; i != NULL; i = i->next)
		explicit_bzero(i->data, strlen(i->data));
	curl_slist_free_all(list);
}

static void
easy_give_back(struct httpc *h, struct easy *e)
{
	curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(e->curl, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(e->curl, CURLOPT_PRIVATE, NULL);
	if (h->nidle >= 2 * h->conf.pool) {
		curl_easy_cleanup(e->curl);
		free(e);
		return;
	}
	h->nidle++;
	SLIST_INSERT_HEAD(&h->idle, e, next);
}

static void
job_free(struct httpc_job *job)
{
	LIST_REMOVE(job, next);
	job->h->njobs--;
	curl_multi_remove_handle(job->h->multi, job->easy->curl);
	easy_give_back(job->h, job->easy);
	event_free(job->deadline);
	headers_free(job->headers);
	buf_wipe(&job->form);
	buf_wipe(&job->reply);
	free(job);
}

static void
job_fail(struct httpc_job *job, CURLcode code)
{
	httpc_done_fn *done = job->done;
	void *arg = job->arg;
	struct err err;
	bool sent = job->sent;

	if (job->too_large || code == CURLE_FILESIZE_EXCEEDED)
		err_set(&err, ERR_LIMIT, "the reply is larger than %zu bytes",
		    job->h->conf.max_reply);
	else
		err_set(&err, sent ? ERR_TIMEOUT : ERR_UPSTREAM, "%s%s",
		    job->error[0] != '\0' ? job->error :
					    curl_easy_strerror(code),
		    sent ? "" : " (nothing was sent)");
	job_free(job);
	if (done != NULL)
		done(arg, NULL, &err);
}

static const char *
header(const struct httpc_job *job, const char *name)
{
	struct curl_header *found;

	if (curl_easy_header(job->easy->curl, name, 0, CURLH_HEADER, -1,
		&found) != CURLHE_OK)
		return NULL;
	return found->value;
}

static void
copy_header(const struct httpc_job *job, const char *name, char *out,
    size_t size)
{
	const char *value = header(job, name);
	size_t len = value != NULL ? strlen(value) : 0;

	if (len >= size)
		len = size - 1;
	if (len > 0)
		memcpy(out, value, len);
	out[len] = '\0';
}

static long
retry_after(const struct httpc_job *job)
{
	const char *p = header(job, "Retry-After");

	if (p == NULL || *p == '\0' || strlen(p) > 9 ||
	    strspn(p, "0123456789") != strlen(p))
		return -1;
	return strtol(p, NULL, 10);
}

static void
job_finish(struct httpc_job *job, CURLcode code)
{
	struct httpc_reply reply;
	struct buf body;
	httpc_done_fn *done = job->done;
	void *arg = job->arg;

	if (code != CURLE_OK) {
		job_fail(job, code);
		return;
	}
	curl_easy_getinfo(job->easy->curl, CURLINFO_RESPONSE_CODE,
	    &reply.status);
	reply.retry_after = retry_after(job);
	copy_header(job, "X-Slack-Req-Id", reply.request_id,
	    sizeof(reply.request_id));
	copy_header(job, "X-OAuth-Scopes", reply.scopes, sizeof(reply.scopes));
	body = job->reply;
	job->reply = (struct buf){ 0 };
	reply.body = body.p != NULL ? body.p : "";
	reply.len = body.len;
	job_free(job);
	if (done != NULL)
		done(arg, &reply, NULL);
	buf_wipe(&body);
}

static void
collect(struct httpc *h)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left)) != NULL) {
		struct httpc_job *job;
		CURLcode code = msg->data.result;

		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
		    (char **)&job);
		job_finish(job, code);
	}
}

/* ---- curl's wishes; none of these may enter curl again ---- */

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct httpc *h = arg;
	int running;
	int bits = (what & EV_READ ? CURL_CSELECT_IN : 0) |
	    (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	curl_multi_socket_action(h->multi, fd, bits, &running);
	collect(h);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct httpc *h = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(h);
}

static int
want_timer(CURLM *multi, long ms, void *arg)
{
	struct httpc *h = arg;
	struct timeval tv = clock_tv(ms);

	(void)multi;
	if (ms < 0)
		event_del(h->timer);
	else
		event_add(h->timer, &tv);	/* also for 0: not from within curl */
	return 0;
}

static int
want_socket(CURL *curl, curl_socket_t fd, int what, void *arg, void *sockarg)
{
	struct httpc *h = arg;
	struct event *ev = sockarg;
	short bits = EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
	    (what & CURL_POLL_OUT ? EV_WRITE : 0);

	(void)curl;
	if (ev != NULL && what != CURL_POLL_REMOVE &&
	    event_get_events(ev) == bits)
		return 0;
	if (ev != NULL)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		ev = event_new(h->base, fd, bits, on_socket, h);
		if (ev == NULL || event_add(ev, NULL) == -1)
			fatal("httpc: cannot watch descriptor %d", (int)fd);
	}
	curl_multi_assign(h->multi, fd, ev);
	return 0;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct httpc_job *job = arg;

	buf_add(&job->reply, p, size * n);
	job->too_large = job->reply.over;
	return job->too_large ? 0 : size * n;
}

/* Comes when a connection is there and the request goes out.  A second time means
 * that a kept connection died under it: curl would send it once more, but
 * whether the first one was carried out nobody knows. */
static int
on_sending(void *arg, char *remote, char *local, int remote_port,
    int local_port)
{
	struct httpc_job *job = arg;

	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	if (job->sent)
		return CURL_PREREQFUNC_ABORT;
	job->sent = true;
	return CURL_PREREQFUNC_OK;
}

/* For httpc_warm(): the name is known by now, and no connection is wanted. */
static curl_socket_t
no_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *sa)
{
	(void)arg;
	(void)purpose;
	(void)sa;
	return CURL_SOCKET_BAD;
}

static CURLcode
on_ssl_ctx(CURL *curl, void *ctx, void *arg)
{
	(void)curl;
	SSL_CTX_set1_cert_store(ctx, arg);
	return CURLE_OK;
}

/* curl leaves a transfer that waits for a connection without a deadline. */
static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	job_fail(arg, CURLE_OPERATION_TIMEDOUT);
}

/* ---- the handles ---- */

static struct easy *
easy_new(struct httpc *h)
{
	struct easy *e = mem_new(sizeof(*e));
	CURL *c = e->curl = curl_easy_init();

	if (c == NULL)
		fatal("httpc: curl_easy_init");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, h->conf.connect_ms);
	curl_easy_setopt(c, CURLOPT_DNS_CACHE_TIMEOUT, (long)DNS_CACHE_S);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, h->user_agent);
	/* A CAPATH switches curl's own cache off: it would parse all certificates
	 * anew for each connection, on the loop. */
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	if (h->conf.ca != NULL) {
		curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
		curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, h->conf.ca);
	}
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_sending);
	return e;
}

static struct easy *
easy_take(struct httpc *h)
{
	struct easy *e = SLIST_FIRST(&h->idle);

	if (e == NULL)
		return easy_new(h);
	SLIST_REMOVE_HEAD(&h->idle, next);
	h->nidle--;
	return e;
}

static struct httpc_job *
job_new(struct httpc *h, const char *url, long timeout_ms)
{
	struct httpc_job *job = mem_new(sizeof(*job));
	struct timeval tv = clock_tv(timeout_ms);
	CURL *c;

	job->h = h;
	job->reply.max = h->conf.max_reply;
	job->easy = easy_take(h);
	job->deadline = event_new(h->base, -1, 0, on_deadline, job);
	if (job->deadline == NULL || event_add(job->deadline, &tv) == -1)
		fatal("httpc: no timer");
	c = job->easy->curl;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE,
	    (curl_off_t)h->conf.max_reply);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, job->error);
	curl_easy_setopt(c, CURLOPT_PRIVATE, job);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, job);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, job);
	LIST_INSERT_HEAD(&h->jobs, job, next);
	h->njobs++;
	return job;
}

static void
job_start(struct httpc_job *job)
{
	CURLMcode code = curl_multi_add_handle(job->h->multi, job->easy->curl);

	if (code != CURLM_OK)
		fatal("httpc: %s", curl_multi_strerror(code));
}

static void
add_header(struct httpc_job *job, const char *line)
{
	struct curl_slist *list = curl_slist_append(job->headers, line);

	if (list == NULL)
		fatal("httpc: out of memory for a header");
	job->headers = list;
}

static void
add_authorization(struct httpc_job *job, const struct secret *value)
{
	struct buf line = { 0 };

	buf_str(&line, "Authorization: ");
	buf_str(&line, secret_expose(value));
	add_header(job, line.p);
	buf_wipe(&line);
}

struct httpc_job *
httpc_post(struct httpc *h, const struct httpc_ask *ask, httpc_done_fn *done,
    void *arg)
{
	struct httpc_job *job = job_new(h, ask->url, ask->timeout_ms);
	CURL *c = job->easy->curl;

	job->done = done;
	job->arg = arg;
	add_header(job, "Expect:");
	if (ask->authorization != NULL)
		add_authorization(job, ask->authorization);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, job->headers);
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	buf_add(&job->form, ask->form, ask->form_len);
	/* without any, curl would ask for them */
	curl_easy_setopt(c, CURLOPT_POSTFIELDS,
	    job->form.len > 0 ? job->form.p : "");
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
	    (curl_off_t)job->form.len);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, NULL);
	job_start(job);
	return job;
}

void
httpc_cancel(struct httpc_job *job)
{
	job_free(job);
}

void
httpc_warm(struct httpc *h, const char *url)
{
	struct httpc_job *job = job_new(h, url, h->conf.connect_ms);

	curl_easy_setopt(job->easy->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(job->easy->curl, CURLOPT_OPENSOCKETFUNCTION,
	    no_socket);
	job_start(job);
}

struct httpc *
httpc_new(struct event_base *base, const struct httpc_conf *conf,
    struct err *err)
{
	struct httpc *h = mem_new(sizeof(*h));

	h->base = base;
	h->conf = *conf;
	h->user_agent = mem_str(conf->user_agent);
	LIST_INIT(&h->jobs);
	SLIST_INIT(&h->idle);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	h->multi = curl_multi_init();
	h->timer = event_new(base, -1, 0, on_timer, h);
	if (h->multi == NULL || h->timer == NULL) {
		err_set(err, ERR_INTERNAL, "curl does not start");
		httpc_free(h);
		return NULL;
	}
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
	    (long)conf->pool);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 2L * conf->pool);
	return h;
}

bool
httpc_full(const struct httpc *h)
{
	return h->njobs >= h->conf.pool;
}

void
httpc_free(struct httpc *h)
{
	struct easy *e;

	if (h == NULL)
		return;
	while (!LIST_EMPTY(&h->jobs))
		job_free(LIST_FIRST(&h->jobs));
	while ((e = SLIST_FIRST(&h->idle)) != NULL) {
		SLIST_REMOVE_HEAD(&h->idle, next);
		curl_easy_cleanup(e->curl);
		free(e);
	}
	/* takes its sockets' events with it, by want_socket */
	if (h->multi != NULL)
		curl_multi_cleanup(h->multi);
	if (h->timer != NULL)
		event_free(h->timer);
	free(h->user_agent);
	free(h);
	curl_global_cleanup();
}
