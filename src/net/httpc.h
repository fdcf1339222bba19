/* SPDX-License-Identifier: ISC */
#ifndef NET_HTTPC_H
#define NET_HTTPC_H

#include "base/err.h"
#include "base/secret.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

/* Outgoing HTTP/1.1 on libevent, by way of one curl multi handle (DESIGN 9).  The
 * process ignores SIGPIPE: curl without signals leaves that to it.
 *
 * The contract of every call with a callback in this program:
 *  - the callback runs exactly once, unless the job is cancelled first;
 *  - never before the function that started the job has returned;
 *  - never after the cancel.
 */
struct httpc;
struct httpc_job;

struct httpc_conf {
	long connect_ms;
	size_t max_reply;
	int pool;			/* connections a host, kept alive */
	void *ca;			/* X509_STORE of net/tls.h; NULL: curl's own */
	const char *user_agent;
};

struct httpc_ask {
	const char *url;
	const struct secret *authorization;	/* the header's whole value, or NULL */
	const char *form;		/* x-www-form-urlencoded body, copied; POST */
	size_t form_len;
	long timeout_ms;
};

struct httpc_reply {
	long status;
	const char *body;		/* NUL-terminated, gone after the callback */
	size_t len;
	long retry_after;		/* seconds; -1: none, or junk */
	char request_id[64];		/* X-Slack-Req-Id, or "" */
	char scopes[1024];		/* X-OAuth-Scopes, or "" */
};

/* err is NULL when a whole reply came, whatever its status; else reply is NULL and
 * ERR_UPSTREAM says that nothing was sent, ERR_TIMEOUT that it may have been,
 * ERR_LIMIT that it was, and that the reply is larger than max_reply. */
typedef void httpc_done_fn(void *arg, const struct httpc_reply *reply,
    const struct err *err);

struct httpc *httpc_new(struct event_base *base, const struct httpc_conf *conf,
    struct err *err);
void httpc_free(struct httpc *h);	/* cancels what is under way */

struct httpc_job *httpc_post(struct httpc *h, const struct httpc_ask *ask,
    httpc_done_fn *done, void *arg);
void httpc_cancel(struct httpc_job *job);
/* All connections are at work: another job would wait for one of them. */
bool httpc_full(const struct httpc *h);

/* Resolves the host of url so that the first call finds it cached; no callback. */
void httpc_warm(struct httpc *h, const char *url);

#endif
