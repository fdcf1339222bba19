/* SPDX-License-Identifier: ISC */
#ifndef TESTS_WEB_HARNESS_H
#define TESTS_WEB_HARNESS_H

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "slack/oauth.h"
#include "tools/tool.h"
#include "web/web.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* A real HTTP server with our handler on one end of a socket pair.  The layers below
 * that would need a store or Slack are played by this file. */
#define KEY		"sk_good"
#define SLOW_KEY	"sk_slow"	/* known only after the keys were read anew */
#define LOST_KEY	"sk_lost"	/* never known, but the store might */

static struct harness {
	struct event_base *base;
	struct region *region;
	struct conf conf;
	struct slack slack;
	struct web web;
	struct http_server *server;
	struct policy *policy;
	struct buf got;			/* the whole answer */

	principals_fn *again;
	void *again_arg;
	bool loaded, reread, crowded;
	int waits_cancelled;

	oauth_fn *done;
	void *done_arg;
	int begun, finished, forgotten;
	char state[128], cookie[128], code[128], team[64];
} h;

/* ---- below ---- */

struct policy *
principals_find(struct principals *p, const char *key, size_t len, bool *maybe)
{
	(void)p;
	*maybe = (len == 7 && memcmp(key, SLOW_KEY, 7) == 0) ||
	    (len == 7 && memcmp(key, LOST_KEY, 7) == 0);
	if (len == 7 && (memcmp(key, KEY, 7) == 0 ||
	    (h.reread && memcmp(key, SLOW_KEY, 7) == 0)))
		return h.policy;
	return NULL;
}

struct principals_wait *
principals_ask(struct principals *p, principals_fn *done, void *arg)
{
	(void)p;
	if (h.crowded)
		return NULL;
	h.again = done;
	h.again_arg = arg;
	return (struct principals_wait *)&h.again;
}

void
principals_cancel(struct principals_wait *w)
{
	ck_assert_ptr_eq(w, &h.again);
	h.waits_cancelled++;
	h.again = NULL;
}

bool
principals_current(const struct principals *p)
{
	(void)p;
	return h.loaded;
}

void
oauth_begin(struct slack *s, struct buf *state, struct buf *cookie)
{
	ck_assert_ptr_eq(s, &h.slack);
	h.begun++;
	buf_str(state, "STATE");
	buf_str(cookie, "COOKIE");
}

void
oauth_authorize_url(const struct slack *s, const char *state, const char *team,
    struct buf *out)
{
	(void)s;
	buf_fmt(out, "https://slack.test/authorize?state=%s&team=%s", state, team);
}

struct oauth *
oauth_finish(struct slack *s, const char *state, const char *cookie, const char *code,
    oauth_fn *done, void *arg)
{
	ck_assert_ptr_eq(s, &h.slack);
	h.finished++;
	snprintf(h.state, sizeof(h.state), "%s", state);
	snprintf(h.cookie, sizeof(h.cookie), "%s", cookie);
	snprintf(h.code, sizeof(h.code), "%s", code);
	h.done = done;
	h.done_arg = arg;
	return (struct oauth *)&h.done;
}

void
oauth_forget(struct oauth *o)
{
	ck_assert_ptr_eq(o, &h.done);
	h.forgotten++;
	h.done = NULL;
}

static const struct tool_arg tool_args[] = {
	{ .name = "team_id", .type = ARG_TEAM, .header = "Slack-Team", .help = "a workspace" },
	{ .name = NULL },
};
static const struct tool look_tool = { .name = "look", .toolsets = "core",
	.role = ROLE_READ, .args = tool_args, .method = METHOD_NONE };
const struct tool *const tools[] = { &look_tool, NULL };

const struct tool *
tool_find(const char *name, size_t len)
{
	(void)name, (void)len;
	return NULL;
}

void
tool_describe(const struct tool *t, bool headers, struct buf *out)
{
	(void)headers;
	buf_fmt(out, "{\"name\":\"%s\"}", t->name);
}

char *
tools_scopes(const struct conf *conf)
{
	(void)conf;
	return mem_str("chat:write,channels:read");
}

struct call *
call_start(struct toolbox *box, const struct call_ask *ask, call_fn *done, void *arg,
    struct buf *refused)
{
	(void)box, (void)ask, (void)done, (void)arg, (void)refused;
	return NULL;
}

void
call_cancel(struct call *call)
{
	(void)call;
}

/* ---- set up ---- */

static struct policy *
new_policy(void)
{
	struct policy *p = mem_new(sizeof(*p));

	p->refs = 1;
	snprintf(p->principal, sizeof(p->principal), "k_one");
	snprintf(p->name, sizeof(p->name), "one");
	p->workspaces = mem_str("*");
	p->toolsets = mem_str("core");
	p->channels_read = mem_str("");
	p->channels_write = mem_str("");
	return p;
}

static struct conf
new_conf(void)
{
	static char empty[] = "", core[] = "core", base[] = "http://127.0.0.1:8080",
	    redirect[] = "http://127.0.0.1:8080/slack/oauth/callback";

	return (struct conf){
		.slack_scopes = empty, .toolsets = core, .slack_redirect_uri = redirect,
		.allowed_origins = empty, .public_base_url = base,
		.base_origin = base, .base_path = empty, .base_loopback = true,
		.request_timeout = 30000,
		.workers = 1, .max_body = 65536, .max_body_per_key = 100000,
	};
}

static void
harness_setup(void)
{
	struct region_conf rc = {
		.node = "n1", .max_sessions = 64, .max_sessions_per_key = 32,
		.session_ttl_ms = 60000, .session_max_ms = 600000, .rows = 4,
	};
	struct http_conf hc = {
		.header_ms = 2000, .body_ms = 2000, .request_ms = 5000, .idle_ms = 2000,
		.max_header = 32768, .max_body = 65536, .max_connections = 16,
	};

	log_quiet();
	memset(&h, 0, sizeof(h));
	h.base = event_base_new();
	h.region = region_private(&rc);
	h.conf = new_conf();
	h.policy = new_policy();
	h.loaded = true;
	h.web = (struct web){
		.conf = &h.conf, .region = h.region, .slack = &h.slack,
		.mcp = mcp_new(&h.conf, h.region, NULL),
	};
	h.server = http_server_new(h.base, &hc, &web_handler, &h.web);
}

static void
harness_teardown(void)
{
	http_server_free(h.server);
	mcp_free(h.web.mcp);
	ck_assert_int_eq(h.policy->refs, 1);
	ck_assert_int_eq(h.policy->body_bytes, 0);
	policy_drop(h.policy);
	region_close(h.region);
	event_base_free(h.base);
	buf_wipe(&h.got);
}

/* ---- one request ---- */

static int
send_request(const char *text)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    pair), 0);
	http_server_adopt(h.server, pair[0], "192.0.2.1");
	ck_assert_int_eq(write(pair[1], text, strlen(text)), (ssize_t)strlen(text));
	return pair[1];
}

/* Until the server closes: every request says so. */
static const char *
read_answer(int fd)
{
	int64_t end = clock_ms() + 5000;
	ssize_t n = -1;

	buf_reset(&h.got);
	buf_add(&h.got, "", 0);
	while (n != 0) {
		char *p = buf_room(&h.got, 4096);

		ck_assert_msg(clock_ms() < end, "no answer: %s", h.got.p);
		event_base_loop(h.base, EVLOOP_NONBLOCK);
		n = read(fd, p, 4095);
		if (n > 0)
			h.got.len += (size_t)n;
		h.got.p[h.got.len] = '\0';
	}
	close(fd);
	return h.got.p;
}

static void
run_loop(void)
{
	for (int i = 0; i < 10; i++)
		event_base_loop(h.base, EVLOOP_NONBLOCK);
}

/* more: header lines with their CRLF. */
static const char *
ask(const char *method, const char *target, const char *more, const char *body)
{
	struct buf text = { 0 };
	int fd;

	buf_fmt(&text, "%s %s HTTP/1.1\r\n%sConnection: close\r\n%s", method, target,
	    strncmp(more, "Host:", 5) != 0 ? "Host: 127.0.0.1:8080\r\n" : "", more);
	if (body != NULL)
		buf_fmt(&text, "Content-Length: %zu\r\n", strlen(body));
	buf_fmt(&text, "\r\n%s", body != NULL ? body : "");
	fd = send_request(text.p);
	buf_wipe(&text);
	return read_answer(fd);
}

static int
status(void)
{
	return h.got.len > 12 ? atoi(h.got.p + 9) : 0;
}

static bool
has(const char *text)
{
	return strstr(h.got.p, text) != NULL;
}

/* The value of a header of the answer, "" without it. */
static const char *
answer_field(const char *name)
{
	static char value[1024];
	const char *end = strstr(h.got.p, "\r\n\r\n"), *p = h.got.p;
	size_t n = strlen(name);

	value[0] = '\0';
	while ((p = strstr(p, "\r\n")) != NULL && p < end) {
		p += 2;
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(p + n + 2, "\r"),
			    p + n + 2);
	}
	return value;
}

#endif
