/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf.h"

#include "base/conf_row.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND	INT64_C(1000)
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)
#define KIB	INT64_C(1024)
#define MIB	(1024 * KIB)

static const char *const level_words[] = {
#define X(name, word) [LOG_LEVEL_##name] = word,
	LOG_LEVELS(X)
#undef X
	NULL
};

static const char *const format_words[] = {
#define X(name, word) [LOG_FORMAT_##name] = word,
	LOG_FORMATS(X)
#undef X
	NULL
};

static const char *const migrate_words[] = {
	[MIGRATE_BY_HAND] = "manual", [MIGRATE_AUTO] = "auto", NULL
};

static const char *const tool_format_words[] = {
	[TOOL_COMPACT] = "compact", [TOOL_JSON] = "json", NULL
};

const char *const conf_toolsets[] = {
	"core", "channels", "people", "posting", NULL
};

/* The type column and the struct's field must agree, or this won't compile. */
#define AT(ctype, field) \
	(offsetof(struct conf, field) + \
	 0 * sizeof(char[_Generic(((struct conf *)0)->field, ctype: 1)]))
#define BOOL(f)		.type = T_BOOL, .at = AT(bool, f)
#define INT(f)		.type = T_INT, .at = AT(int, f)
#define DOUBLE(f)	.type = T_DOUBLE, .at = AT(double, f)
#define TIME(f)		.type = T_TIME, .unit_ms = SECOND, .at = AT(int64_t, f)
#define TIME_MS(f)	.type = T_TIME, .unit_ms = 1, .at = AT(int64_t, f)
#define SIZE(f)		.type = T_SIZE, .at = AT(int64_t, f)
#define RATE(f)		.type = T_RATE, .at = AT(struct rate, f)
#define WORD(f, w)	.type = T_WORD, .words = (w), .at = AT(int, f)
#define TEXT(f)		.type = T_TEXT, .at = AT(char *, f)
#define PATH(f)		.type = T_TEXT, .flags = F_PATH, .at = AT(char *, f)
#define PLACE(f)	.type = T_TEXT, .flags = F_PATH | F_RESTART, .at = AT(char *, f)
#define LIST(f)		.type = T_LIST, .at = AT(char *, f)
#define SECRET(f)	.type = T_SECRET, .at = AT(struct secret, f)

/* Alphabetical.  A new option is one row here and one field in struct conf;
 * contrib/check-tables then asks for its paragraph in slackmcpd.conf(5) and its
 * line in etc/slackmcpd.conf. */
static const struct conf_row rows[] = {
	{ "ADMIN_HOST", TEXT(admin_host), .dflt = "127.0.0.1", .flags = F_RESTART,
	  .help = "address of the master's own health listener" },
	{ "ADMIN_PORT", INT(admin_port), .dflt = "8081", .min = 1, .max = 65535, .flags = F_OFF | F_RESTART,
	  .help = "its port, or off" },
	{ "AFFINITYBOTS_MCP_API_KEY", SECRET(api_key),
	  .help = "the key that MCP clients send as Bearer; key add makes more of them" },
	{ "AGENT_PORT", INT(agent_port), .dflt = "off", .min = 1, .max = 65535, .flags = F_OFF | F_RESTART,
	  .help = "port of HAProxy's agent-check on ADMIN_HOST: ready, down or drain; or off" },
	{ "ALLOWED_ORIGINS", LIST(allowed_origins),
	  .help = "web origins that may call /mcp from a browser; unset: only PUBLIC_BASE_URL's" },
	{ "BODY_TIMEOUT", TIME(body_timeout), .dflt = "15", .min = 100, .max = HOUR,
	  .help = "time for a request's body to arrive" },
	{ "BUDGET_SCALE", DOUBLE(budget_scale), .dflt = "1", .min = 0, .max = 1000,
	  .help = "multiplies the planned rates of Slack's tiers; 0: only a 429 binds" },
	{ "BUDGET_SHARE", INT(budget_share), .dflt = "1", .min = 1, .max = 64,
	  .help = "number of hosts that share Slack's rates" },
	{ "CONNECT_TIMEOUT", TIME(connect_timeout), .dflt = "5", .min = 100, .max = HOUR,
	  .help = "time for a connection to Slack" },
	{ "CONTROL_GROUP", TEXT(control_group), .flags = F_RESTART,
	  .help = "group whose members may use what only shows on the control socket" },
	{ "CONTROL_SOCKET", PLACE(control_socket),
	  .help = "the control socket; unset: control.sock in RUN_DIR" },
	{ "DIRECTORY", BOOL(directory), .dflt = "on",
	  .help = "keep a directory of each workspace's channels and people" },
	{ "DIRECTORY_MAX", INT(directory_max), .dflt = "100000", .min = 100, .max = 1000000,
	  .help = "channels, and people, of one workspace that are kept" },
	{ "DIRECTORY_PAUSE", TIME(directory_pause), .dflt = "3", .min = 10, .max = HOUR,
	  .help = "between two pages when a workspace's directory is read" },
	{ "DIRECTORY_TTL", TIME(directory_ttl), .dflt = "6h", .min = SECOND, .max = 7 * DAY,
	  .help = "age at which a workspace's directory is read again" },
	{ "DRAIN_TIMEOUT", TIME(drain_timeout), .dflt = "8", .min = 100, .max = HOUR,
	  .help = "time for running requests when the daemon stops" },
	{ "HEADER_TIMEOUT", TIME(header_timeout), .dflt = "10", .min = 100, .max = HOUR,
	  .help = "time for a request's header to arrive" },
	{ "HOST", TEXT(host), .dflt = "127.0.0.1", .flags = F_RESTART,
	  .help = "address to serve on: an address, a name, localhost, * or ::" },
	{ "IDLE_TIMEOUT", TIME(idle_timeout), .dflt = "75", .min = 100, .max = DAY,
	  .help = "time that a connection may wait for its next request" },
	{ "INSTALL_ALLOW", LIST(install_allow),
	  .help = "team and org ids whose installs are live at once, or *; unset: * on loopback, else none" },
	{ "INSTALL_PENDING_TTL", TIME(install_pending_ttl), .dflt = "24h", .min = SECOND, .max = 30 * DAY,
	  .help = "time that an install may wait for approval before it is removed, from Slack too" },
	{ "KEY_GRACE", TIME(key_grace), .dflt = "1h", .min = 0, .max = 30 * DAY,
	  .help = "time that known keys serve on while the store is away" },
	{ "LOG_FORMAT", WORD(log_format, format_words), .dflt = "auto", .flags = F_RESTART,
	  .help = "json, logfmt or text; auto: text on a terminal, else json" },
	{ "LOG_LEVEL", WORD(log_level, level_words), .dflt = "info",
	  .help = "trace, debug, info, warn, error, fatal or silent" },
	{ "LOG_TARGET", TEXT(log_target), .dflt = "stderr", .flags = F_RESTART,
	  .help = "stderr, stdout, syslog or a file's path" },
	{ "MAX_BODY", SIZE(max_body), .dflt = "4m", .min = KIB, .max = 64 * MIB,
	  .help = "largest body of a request" },
	{ "MAX_BODY_PER_KEY", SIZE(max_body_per_key), .dflt = "64m", .min = KIB, .max = 65536 * MIB,
	  .help = "bytes of bodies of one key that are here at the same time" },
	{ "MAX_CALLS", INT(max_calls), .dflt = "1024", .min = 1, .max = 1000000,
	  .help = "tool calls that run at the same time" },
	{ "MAX_CALLS_PER_KEY", INT(max_calls_per_key), .dflt = "128", .min = 1, .max = 1000000,
	  .help = "of them of one key" },
	{ "MAX_CONNECTIONS", INT(max_connections), .dflt = "4096", .min = 1, .max = 1000000,
	  .help = "connections that are open at the same time" },
	{ "MAX_HEADER", SIZE(max_header), .dflt = "32k", .min = KIB, .max = MIB,
	  .help = "largest header of a request" },
	{ "MAX_SESSIONS", INT(max_sessions), .dflt = "65536", .min = 64, .max = 4194304,
	  .help = "MCP sessions that are open at the same time" },
	{ "MAX_SESSIONS_PER_KEY", INT(max_sessions_per_key), .dflt = "10000", .min = 1, .max = 4194304,
	  .help = "of them of one key; beyond it loses its own longest idle one" },
	{ "MIGRATE", WORD(migrate, migrate_words), .dflt = "manual",
	  .help = "auto: a start brings MariaDB's tables up to date; manual: slackmcpd --migrate does" },
	{ "NODE_NAME", TEXT(node_name), .dflt = "n1", .flags = F_RESTART,
	  .help = "tells several hosts apart; begins each session id" },
	{ "PORT", INT(port), .dflt = "8080", .min = 1, .max = 65535, .flags = F_RESTART,
	  .help = "port to serve on" },
	{ "PROXY_PROTOCOL", BOOL(proxy_protocol), .dflt = "off",
	  .help = "each connection begins with a trusted proxy's PROXY protocol header" },
	{ "PUBLIC_BASE_URL", TEXT(public_base_url),
	  .help = "the URL people and Slack see; unset: the origin of SLACK_REDIRECT_URI" },
	{ "RATE_ADDRESS", RATE(rate_address), .dflt = "120/60",
	  .help = "requests without a good key per minute/at once of one address; 0: any" },
	{ "RATE_KEY", RATE(rate_key), .dflt = "0",
	  .help = "requests per minute/at once of one key; 0: any" },
	{ "RATE_TEAM", RATE(rate_team), .dflt = "0",
	  .help = "tool calls per minute/at once into one workspace; 0: any" },
	{ "READY_TIMEOUT", TIME(ready_timeout), .dflt = "30", .min = SECOND, .max = HOUR,
	  .help = "time for a worker to become ready" },
	{ "REQUEST_TIMEOUT", TIME(request_timeout), .dflt = "30", .min = 100, .max = HOUR,
	  .help = "time for a whole request" },
	{ "RESTART_BACKOFF", TIME(restart_backoff), .dflt = "10", .min = 100, .max = HOUR,
	  .help = "longest wait before a worker that keeps dying is started again" },
	{ "RUN_DIR", PLACE(run_dir),
	  .help = "folder of the sockets, the PID file and the shared memory" },
	{ "RUN_GROUP", TEXT(run_group), .flags = F_RESTART,
	  .help = "group of the workers; unset: that of RUN_USER" },
	{ "RUN_USER", TEXT(run_user), .flags = F_RESTART,
	  .help = "user of the workers when started as root; unset: slackmcpd, else nobody" },
	{ "SESSION_MAX_MS", TIME_MS(session_max_ms), .dflt = "604800000", .min = 100, .max = 3650 * DAY,
	  .help = "longest life of a session" },
	{ "SESSION_TTL_MS", TIME_MS(session_ttl_ms), .dflt = "86400000", .min = 100, .max = 3650 * DAY,
	  .help = "life of a session since its last use" },
	{ "SLACKMCP_API_KEY", SECRET(slackmcp_api_key),
	  .help = "another name of AFFINITYBOTS_MCP_API_KEY" },
	{ "SLACK_API_URL", TEXT(slack_api_url), .dflt = "https://slack.com/api/",
	  .help = "where Slack's API is" },
	{ "SLACK_AUTHORIZE_URL", TEXT(slack_authorize_url), .dflt = "https://slack.com/oauth/v2/authorize",
	  .help = "where an install begins" },
	{ "SLACK_CLIENT_ID", TEXT(slack_client_id),
	  .help = "client id of the Slack app" },
	{ "SLACK_CLIENT_SECRET", SECRET(slack_client_secret),
	  .help = "client secret of the Slack app" },
	{ "SLACK_CLIENT_SECRET_OLD", SECRET(slack_client_secret_old),
	  .help = "the one before, accepted by Slack for a day after a change" },
	{ "SLACK_REDIRECT_URI", TEXT(slack_redirect_uri),
	  .help = "redirect URL of the Slack app; unset: PUBLIC_BASE_URL and /slack/oauth/callback" },
	{ "SLACK_SCOPES", LIST(slack_scopes),
	  .help = "bot scopes that an install asks for; unset: what the tools need" },
	{ "SLACK_SIGNING_SECRET", SECRET(slack_signing_secret),
	  .help = "signing secret of the Slack app, for its events" },
	{ "STALE_TIMEOUT", TIME(stale_timeout), .dflt = "10", .min = SECOND, .max = HOUR,
	  .help = "silence after which a worker is killed and replaced" },
	{ "STATE_DIR", PLACE(state_dir),
	  .help = "folder of what must last: store, keys, spool" },
	{ "STORE", TEXT(store), .flags = F_RESTART,
	  .help = "sqlite:PATH, mariadb://user@host:port/database or mariadb://user@/database?socket=PATH; unset: slackmcpd.db in STATE_DIR" },
	{ "STORE_CA", PATH(store_ca),
	  .help = "CA certificates, PEM, that MariaDB's must be signed by; unset: no TLS to it" },
	{ "STORE_PASSWORD", SECRET(store_password),
	  .help = "password of the store's user" },
	{ "STORE_TIMEOUT", TIME(store_timeout), .dflt = "5", .min = 100, .max = HOUR,
	  .help = "time for what is asked of the store" },
	{ "TLS_CERT", PATH(tls_cert),
	  .help = "certificate chain for TLS_PORT, PEM; read again at each reload" },
	{ "TLS_KEY", PATH(tls_key),
	  .help = "its private key, PEM" },
	{ "TLS_PORT", INT(tls_port), .dflt = "off", .min = 1, .max = 65535, .flags = F_OFF | F_RESTART,
	  .help = "port for https beside PORT, or off" },
	{ "TLS_TICKET_TURN", TIME(tls_ticket_turn), .dflt = "24h", .min = SECOND, .max = 7 * DAY,
	  .help = "how long TLS session tickets are sealed with the same key" },
	{ "TOKEN_KEYS", SECRET(token_keys),
	  .help = "id:base64 keys that seal Slack's tokens, the first one seals; unset: token.keys in STATE_DIR" },
	{ "TOKEN_REFRESH_BEFORE", TIME(token_refresh_before), .dflt = "2h", .min = SECOND, .max = 11 * HOUR,
	  .help = "how long before its end a rotating token is renewed" },
	{ "TOOLSETS", LIST(toolsets), .dflt = "core", .words = conf_toolsets,
	  .help = "toolsets that are offered at all: core (all tools), or of it channels, people, posting" },
	{ "TOOL_FORMAT", WORD(tool_format, tool_format_words), .dflt = "compact",
	  .help = "of what tools answer: compact, or json with Slack's own keys" },
	{ "TRUSTED_PROXIES", LIST(trusted_proxies),
	  .help = "addresses and networks of proxies; unset: loopback while HOST is, else none" },
	{ "UPSTREAM_TIMEOUT", TIME(upstream_timeout), .dflt = "25", .min = 100, .max = HOUR,
	  .help = "time for an answer of Slack" },
	{ "WORKERS", INT(workers), .min = 1, .max = 64,
	  .help = "worker processes; unset: one for each core" },
};

#define NROWS (sizeof(rows) / sizeof(rows[0]))
_Static_assert(NROWS <= sizeof(((struct conf *)0)->source),
    "conf.source is too small");

static const char file_suffix[] = "_file";

const struct conf_row *
conf_row(size_t i)
{
	return i < NROWS ? &rows[i] : NULL;
}

size_t
conf_row_index(const struct conf_row *row)
{
	return (size_t)(row - rows);
}

void
conf_row_name(const struct conf_row *row, char out[CONF_NAME_SIZE])
{
	size_t i;

	for (i = 0; i < CONF_NAME_SIZE - 1 && row->env[i] != '\0'; i++)
		out[i] = (char)tolower((unsigned char)row->env[i]);
	out[i] = '\0';
}

static const struct conf_row *
find(const char *name, size_t len)
{
	for (size_t i = 0; i < NROWS; i++)
		if (strlen(rows[i].env) == len &&
		    strncasecmp(rows[i].env, name, len) == 0)
			return &rows[i];
	return NULL;
}

const struct conf_row *
conf_row_find(const char *name, size_t len, bool *by_file)
{
	const struct conf_row *row = find(name, len);
	size_t suffix = sizeof(file_suffix) - 1;

	*by_file = false;
	if (row != NULL || len <= suffix ||
	    strncasecmp(name + len - suffix, file_suffix, suffix) != 0)
		return row;
	row = find(name, len - suffix);
	*by_file = true;
	return row != NULL && row->type == T_SECRET ? row : NULL;
}

static void __attribute__((format(printf, 3, 0)))
line(struct buf *out, const char *key, const char *fmt, va_list ap)
{
	char text[768];

	vsnprintf(text, sizeof(text), fmt, ap);
	buf_str(out, key);
	buf_str(out, ": ");
	buf_str(out, text);
	buf_char(out, '\n');
}

void
conf_error(struct conf_report *r, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(&r->errors, key, fmt, ap);
	va_end(ap);
	r->nerrors++;
}

void
conf_warn(struct conf_report *r, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(&r->warnings, key, fmt, ap);
	va_end(ap);
	r->nwarnings++;
}

void
conf_report_wipe(struct conf_report *r)
{
	buf_wipe(&r->errors);
	buf_wipe(&r->warnings);
	r->nerrors = r->nwarnings = 0;
}

bool
conf_is_token(const char *text)
{
	return strncmp(text, "xox", 3) == 0 || strncmp(text, "xapp-", 5) == 0;
}

void
conf_quote(char out[CONF_QUOTED_SIZE], const struct conf_row *row,
    const char *text)
{
	struct buf b = { 0 };
	size_t len = strlen(text), shown = 60;

	if ((row != NULL && row->type == T_SECRET) || conf_is_token(text)) {
		snprintf(out, CONF_QUOTED_SIZE, "the value of %zu characters",
		    len);
		return;
	}
	do {
		buf_reset(&b);
		jsonw_quote(&b, text, len < shown ? len : shown);
		shown /= 2;
	} while (b.len > CONF_QUOTED_SIZE - 4);
	snprintf(out, CONF_QUOTED_SIZE, "%s%s", b.p,
	    len > shown * 2 ? "..." : "");
	buf_wipe(&b);
}

bool
conf_given(const struct conf_loading *l, const char *env)
{
	return l->slots[conf_row_index(find(env, strlen(env)))].text != NULL;
}

void
conf_set_text(char **field, const char *text)
{
	char *new = mem_str(text);	/* text may be the field itself */

	free(*field);
	*field = new;
}

static void
drop(struct conf_slot *slot)
{
	if (slot->text != NULL) {
		explicit_bzero(slot->text, strlen(slot->text));
		free(slot->text);
	}
	*slot = (struct conf_slot){ 0 };
}

void
conf_lay(struct conf_loading *l, const struct conf_row *row,
    const char *text, enum conf_source_kind source, bool by_file)
{
	struct conf_slot *slot = &l->slots[conf_row_index(row)];

	if (*text == '\0' && source != SOURCE_OPTION)
		return;
	if (slot->text != NULL && slot->source == source &&
	    slot->by_file != by_file)
		conf_error(l->report, row->env, "it and %s_FILE are both set: "
		    "remove one of them", row->env);
	drop(slot);
	if (*text == '\0')
		return;
	*slot = (struct conf_slot){ mem_str(text), source, by_file };
}

static void
lay_option(struct conf_loading *l, const char *option)
{
	const char *equals = strchr(option, '=');
	const struct conf_row *row;
	struct nearest near = { 0 };
	char name[CONF_NAME_SIZE];
	bool by_file;

	if (equals == NULL) {
		conf_error(l->report, "-o", "there is no = in it: write -o "
		    "key=value");
		return;
	}
	row = conf_row_find(option, (size_t)(equals - option), &by_file);
	if (row == NULL) {
		snprintf(name, sizeof(name), "%.*s", (int)(equals - option),
		    option);
		near.wrong = name;
		for (size_t i = 0; i < NROWS; i++)
			nearest_offer(&near, rows[i].env);
		conf_error(l->report, "-o", "there is no option \"%s\"%s%s: "
		    "slackmcpd.conf(5) lists them", name,
		    near.word != NULL ? ", perhaps " : "",
		    near.word != NULL ? near.word : "");
	} else if (row->type == T_SECRET && !by_file)
		conf_error(l->report, row->env, "a secret on the command line "
		    "is seen by every user of this host: put it into the file, "
		    "the environment or a file named by %s_FILE", row->env);
	else
		conf_lay(l, row, equals + 1, SOURCE_OPTION, by_file);
}

/* One value: its default first, so that a bad text leaves a good value. */
static void
assign(struct conf_loading *l, const struct conf_row *row)
{
	struct conf_slot *slot = &l->slots[conf_row_index(row)];
	char quoted[CONF_QUOTED_SIZE], *text = NULL;
	struct err err;

	if (conf_parse(row, row->dflt != NULL ? row->dflt : "", l->c, &err) ==
	    -1)
		fatal("the default of %s is wrong: %s", row->env, err.text);
	if (slot->text == NULL)
		return;
	if (slot->by_file) {
		text = conf_secret_read(slot->text, &err);
		if (text == NULL) {
			conf_error(l->report, row->env, "%s", err.text);
			return;
		}
	}
	l->c->source[conf_row_index(row)] = (unsigned char)(slot->by_file ?
	    SOURCE_SECRET_FILE : slot->source);
	if (conf_parse(row, text != NULL ? text : slot->text, l->c, &err) ==
	    -1) {
		conf_quote(quoted, row, slot->text);
		conf_error(l->report, row->env, "%s %s", quoted, err.text);
	}
	if (text != NULL) {
		explicit_bzero(text, strlen(text));
		free(text);
	}
}

struct conf *
conf_load(const struct conf_input *in, struct conf_report *report)
{
	struct conf_loading l = {
		.c = mem_new(sizeof(struct conf)), .in = in, .report = report,
	};

	conf_file_load(&l);
	if (in->env != NULL)
		conf_env_lay(&l);
	for (size_t i = 0; i < in->noptions; i++)
		lay_option(&l, in->options[i]);
	for (size_t i = 0; i < NROWS; i++)
		assign(&l, &rows[i]);
	conf_derive(&l);
	conf_urls(&l);
	conf_check(&l);
	for (size_t i = 0; i < NROWS; i++)
		drop(&l.slots[i]);
	if (report->nerrors == 0)
		return l.c;
	conf_free(l.c);
	return NULL;
}

void
conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < NROWS; i++)
		conf_wipe(&rows[i], c);
	free(c->base_origin);
	free(c->base_path);
	free(c->proxies.list);
	free(c);
}

void
conf_each(const struct conf *c, conf_each_fn *fn, void *arg)
{
	static const char *const sources[] = {
		[SOURCE_DEFAULT] = "default", [SOURCE_FILE] = "file",
		[SOURCE_ENV] = "environment",
		[SOURCE_SECRET_FILE] = "secret file",
		[SOURCE_OPTION] = "command line",
	};
	char name[CONF_NAME_SIZE];
	struct buf value = { 0 };

	for (size_t i = 0; i < NROWS; i++) {
		buf_reset(&value);
		buf_str(&value, "");
		conf_show(&rows[i], c, &value);
		conf_row_name(&rows[i], name);
		fn(arg, name, value.p, sources[c->source[i]], rows[i].help);
	}
	buf_wipe(&value);
}

bool
conf_needs_restart(const struct conf *was, const struct conf *now,
    struct buf *said)
{
	struct buf a = { 0 }, b = { 0 };
	bool any = false;

	for (size_t i = 0; i < NROWS; i++) {
		if ((rows[i].flags & F_RESTART) == 0)
			continue;
		buf_reset(&a);
		buf_reset(&b);
		conf_show(&rows[i], was, &a);
		conf_show(&rows[i], now, &b);
		if (a.len == b.len &&
		    (a.len == 0 || memcmp(a.p, b.p, a.len) == 0))
			continue;
		buf_fmt(said, "%s: cannot change by a reload: restart\n",
		    rows[i].env);
		any = true;
	}
	buf_wipe(&a);
	buf_wipe(&b);
	return any;
}
