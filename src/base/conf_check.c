/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf_row.h"

#include "base/crypto.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/url.h"

#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define KEY_SHORTEST	32
#define KEY_DISTINCT	8
#define NODE_NAME_MAX	16

/* Where the Slack app's values are. */
static const char *
basic_information(const struct conf *c)
{
	return c->slack_gov ? "copy it from https://api.slack-gov.com/apps,"
	    " your app, Basic Information" :
	    "copy it from https://api.slack.com/apps, your app, Basic"
	    " Information";
}

static bool
has_word(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasestr(text, *words) != NULL)
			return true;
	return false;
}

static bool
is_word(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

/* What sample files have in place of a value. */
static bool
is_placeholder(const char *text)
{
	static const char *const begins[] = {
		"your-", "your_", "your ", "changeme", "change-me", "change_me",
		"replace-", "replace_", "<", "xoxb-your", "...",
	};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncasecmp(text, begins[i], strlen(begins[i])) == 0)
			return true;
	return strcasecmp(text, "placeholder") == 0 ||
	    strcasecmp(text, "xxx") == 0;
}

static void
placeholder(struct conf_loading *l, const char *key, const char *text,
    const char *cure)
{
	struct url u;
	struct err err;

	if (strstr(text, "://") != NULL && url_parse(&u, text, &err) == 0)
		text = u.host;
	if (is_placeholder(text))
		conf_error(l->report, key, "it is still the placeholder of the "
		    "sample file: %s", cure);
}

static void
app(struct conf_loading *l)
{
	const struct conf *c = l->c;
	const char *basic = basic_information(c);
	const struct {
		const char *key, *text, *cure;
		bool required;
	} options[] = {
		{ "SLACK_CLIENT_ID", c->slack_client_id, basic, true },
		{ "SLACK_CLIENT_SECRET", secret_expose(&c->slack_client_secret),
		  basic, true },
		{ "SLACK_SIGNING_SECRET", secret_expose(&c->slack_signing_secret),
		  basic, false },
		{ "SLACK_REDIRECT_URI", c->slack_redirect_uri, "write this "
		  "daemon's public address and /slack/oauth/callback", false },
		{ "AFFINITYBOTS_MCP_API_KEY", secret_expose(&c->api_key),
		  "make a key with \"openssl rand -hex 32\"", false },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		placeholder(l, options[i].key, options[i].text,
		    options[i].cure);
		if (options[i].required && !conf_given(l, options[i].key))
			conf_error(l->report, options[i].key,
			    "it is not set: %s", options[i].cure);
	}
	if (!conf_given(l, "SLACK_REDIRECT_URI") &&
	    !conf_given(l, "PUBLIC_BASE_URL"))
		conf_error(l->report, "SLACK_REDIRECT_URI",
		    "it is not set, and "
		    "neither is PUBLIC_BASE_URL, from which it could be made: "
		    "write the redirect URL of the Slack app, as "
		    "https://mcp.example.com/slack/oauth/callback");
}

static void
client_id(struct conf_loading *l)
{
	const char *id = l->c->slack_client_id;
	char quoted[CONF_QUOTED_SIZE];

	if (*id == '\0' || is_placeholder(id))
		return;
	conf_quote(quoted, NULL, id);
	if (strpbrk(id, " \t") != NULL)
		conf_error(l->report, "SLACK_CLIENT_ID",
		    "%s has a blank in it: %s", quoted,
		    basic_information(l->c));
	else if (id[strspn(id, "0123456789.")] != '\0')
		conf_warn(l->report, "SLACK_CLIENT_ID",
		    "%s does not look like one "
		    "of Slack's, which are two numbers with a point between",
		    quoted);
}

static void
scopes(struct conf_loading *l)
{
	const char *at = l->c->slack_scopes, *w;
	char quoted[CONF_QUOTED_SIZE], *word;
	size_t len;

	while ((w = list_next(&at, &len)) != NULL) {
		word = mem_strn(w, len);
		if (word[strspn(word,
			"abcdefghijklmnopqrstuvwxyz0123456789:._-")] != '\0') {
			conf_quote(quoted, NULL, word);
			conf_error(l->report, "SLACK_SCOPES",
			    "%s is no scope: write "
			    "them with commas between, as "
			    "chat:write,channels:history,channels:read",
			    quoted);
		}
		free(word);
	}
}

/* What makes a key easy to guess; NULL: nothing seen. */
static const char *
weakness(const char *key)
{
	static const char *const words[] = { "changeme", "change-me",
		"change_me", "your-", "your_", "example", "password",
		"placeholder", "replace", "secret", "test-key", NULL };
	bool seen[256] = { false };
	int distinct = 0;

	if (strlen(key) < KEY_SHORTEST)
		return "has less than 32 characters";
	for (const char *p = key; *p != '\0'; p++) {
		distinct += !seen[(unsigned char)*p];
		seen[(unsigned char)*p] = true;
	}
	if (distinct < KEY_DISTINCT)
		return "has less than 8 different characters";
	return has_word(key, words) ? "has a common word in it" : NULL;
}

static void
api_key(struct conf_loading *l)
{
	const struct conf *c = l->c;
	const char *key = secret_expose(&c->api_key), *weak;

	if (*key == '\0' || is_placeholder(key))
		return;
	for (const char *p = key; *p != '\0'; p++)
		if (*p <= ' ' || *p > 0x7e) {
			conf_error(l->report, "AFFINITYBOTS_MCP_API_KEY",
			    "it has a "
			    "blank or a letter beyond ASCII in it, which no "
			    "Bearer "
			    "header carries: make one with \"openssl rand -hex "
			    "32\"");
			return;
		}
	weak = weakness(key);
	if (weak == NULL)
		return;
	if (c->host_loopback && c->base_loopback)
		conf_warn(l->report, "AFFINITYBOTS_MCP_API_KEY",
		    "it %s, which is "
		    "good enough on loopback only: make a key with \"openssl "
		    "rand "
		    "-hex 32\"",
		    weak);
	else
		conf_error(l->report, "AFFINITYBOTS_MCP_API_KEY",
		    "it %s, and %s is "
		    "reached from outside: make a key with \"openssl rand -hex "
		    "32\"",
		    weak, c->host_loopback ? "PUBLIC_BASE_URL" : "HOST");
}

static void
manifest(struct conf_loading *l)
{
	if (!conf_given(l, "PUBLIC_BASE_URL") &&
	    !conf_given(l, "SLACK_REDIRECT_URI"))
		conf_error(l->report, "PUBLIC_BASE_URL",
		    "it is not set: write the "
		    "address at which Slack's users will see this daemon, as "
		    "https://mcp.example.com");
}

static void
install_allow(struct conf_loading *l)
{
	const char *at = l->c->install_allow, *w;
	char quoted[CONF_QUOTED_SIZE], *word;
	size_t len;
	bool any = strcmp(at, "*") == 0;

	while (!any && (w = list_next(&at, &len)) != NULL) {
		word = mem_strn(w, len);
		if ((*word != 'T' && *word != 'E') || len < 2 ||
		    strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") !=
			len) {
			conf_quote(quoted, NULL, word);
			conf_error(l->report, "INSTALL_ALLOW",
			    "%s is no id of a "
			    "workspace or organisation: write ids that begin "
			    "with T "
			    "or E with commas between, or * alone",
			    quoted);
		}
		free(word);
	}
}

static void
token_keys(struct conf_loading *l)
{
	struct keyring *k;
	struct err err;

	if (l->c->token_keys.len == 0)
		return;
	k = keyring_parse(secret_expose(&l->c->token_keys), &err);
	if (k == NULL)
		conf_error(l->report, "TOKEN_KEYS",
		    "%s: write id:base64 with commas "
		    "between, the first one seals",
		    err.text);
	keyring_free(k);
}

static void
accounts(struct conf_loading *l)
{
	const struct conf *c = l->c;
	char quoted[CONF_QUOTED_SIZE];

	if (*c->run_user != '\0' && getpwnam(c->run_user) == NULL) {
		conf_quote(quoted, NULL, c->run_user);
		conf_error(l->report, "RUN_USER",
		    "there is no user %s: make it with "
		    "adduser --system, or name another",
		    quoted);
	}
	const struct {
		const char *key, *name;
	} groups[] = {
		{ "RUN_GROUP", c->run_group }, { "CONTROL_GROUP", c->control_group },
	};
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (*groups[i].name != '\0' &&
		    getgrnam(groups[i].name) == NULL) {
			conf_quote(quoted, NULL, groups[i].name);
			conf_error(l->report, groups[i].key,
			    "there is no group %s: "
			    "make it with addgroup --system, or name another",
			    quoted);
		}
}

static void
names(struct conf_loading *l)
{
	static const char *const words[] = { "stderr", "stdout", "syslog",
		NULL };
	const struct conf *c = l->c;
	char quoted[CONF_QUOTED_SIZE];
	size_t len = strlen(c->node_name);

	if (len == 0 || len > NODE_NAME_MAX ||
	    strspn(c->node_name, "abcdefghijklmnopqrstuvwxyz0123456789-") !=
		len) {
		conf_quote(quoted, NULL, c->node_name);
		conf_error(l->report, "NODE_NAME",
		    "%s is no name: write 1 to 16 of "
		    "a-z, 0-9 and -",
		    quoted);
	}
	if (strlen(c->control_socket) >=
	    sizeof(((struct sockaddr_un *)0)->sun_path))
		conf_error(l->report, "CONTROL_SOCKET",
		    "its path is longer than a "
		    "socket's may be: choose a shorter CONTROL_SOCKET or "
		    "RUN_DIR");
	if (*c->log_target != '/' && !is_word(c->log_target, words)) {
		conf_quote(quoted, NULL, c->log_target);
		conf_error(l->report, "LOG_TARGET",
		    "%s is no target: write stderr, "
		    "stdout, syslog or the whole path of a file",
		    quoted);
	}
}

static bool
is_any(const char *host)
{
	static const char *const words[] = { "*", "::", "0.0.0.0", NULL };

	return is_word(host, words);
}

static void
tls(struct conf_loading *l)
{
	const struct conf *c = l->c;
	const bool cert = *c->tls_cert != '\0', key = *c->tls_key != '\0';

	if (c->tls_port == 0 && (cert || key))
		conf_warn(l->report, cert ? "TLS_CERT" : "TLS_KEY",
		    "it is not used: "
		    "TLS_PORT is off");
	if (c->tls_port == 0)
		return;
	if (!cert || !key)
		conf_error(l->report, "TLS_PORT",
		    "it needs TLS_CERT and TLS_KEY, and %s "
		    "not set: name the PEM files of the certificate chain and "
		    "of its "
		    "key",
		    cert    ? "TLS_KEY is" :
			key ? "TLS_CERT is" :
			      "both are");
	if (c->tls_port == c->port)
		conf_error(l->report, "TLS_PORT",
		    "it is the same as PORT: choose another");
}

static void
relations(struct conf_loading *l)
{
	const struct conf *c = l->c;

	if (c->session_ttl_ms > c->session_max_ms)
		conf_warn(l->report, "SESSION_TTL_MS", "it is longer than "
		    "SESSION_MAX_MS, which binds");
	if (c->upstream_timeout >= c->request_timeout)
		conf_warn(l->report, "UPSTREAM_TIMEOUT",
		    "it is not shorter than "
		    "REQUEST_TIMEOUT: a slow Slack then ends the request "
		    "without "
		    "its reason");
	if (c->admin_port != 0 &&
	    (c->admin_port == c->port || c->admin_port == c->tls_port) &&
	    (strcmp(c->admin_host, c->host) == 0 || is_any(c->admin_host) ||
		is_any(c->host)))
		conf_error(l->report, "ADMIN_PORT",
		    "it is the same as %s: choose "
		    "another, or off",
		    c->admin_port == c->port ? "PORT" : "TLS_PORT");
	if (c->proxy_protocol && c->proxies.count == 0)
		conf_error(l->report, "PROXY_PROTOCOL",
		    "nobody may send it: name the "
		    "proxies in TRUSTED_PROXIES");
}

/* Its lack is for the store to judge, which may hold a key.  Who has more to mend
 * is told of it all the same. */
static void
no_api_key(struct conf_loading *l)
{
	if (l->report->nerrors > 0 && l->c->api_key.len == 0)
		conf_warn(l->report, "AFFINITYBOTS_MCP_API_KEY",
		    "it is not set: set it "
		    "(openssl rand -hex 32), unless the store holds a key "
		    "(slackmcpd "
		    "--add-key NAME makes one)");
}

#define DAEMON		0x1
#define MANIFEST	0x2
#define STORE_JOB	0x4

/* Each says all it has to say, so that one run shows every problem. */
static const struct {
	void (*run)(struct conf_loading *l);
	unsigned modes;
} checks[] = {
	{ app, DAEMON },
	{ client_id, DAEMON },
	{ scopes, DAEMON | MANIFEST },
	{ api_key, DAEMON },
	{ manifest, MANIFEST },
	{ install_allow, DAEMON },
	{ token_keys, DAEMON | STORE_JOB },
	{ conf_store, DAEMON | STORE_JOB },
	{ accounts, DAEMON | STORE_JOB },
	{ names, DAEMON | STORE_JOB },
	{ tls, DAEMON },
	{ relations, DAEMON },
	{ no_api_key, DAEMON },		/* the last: it looks at what was found */
};

void
conf_check(struct conf_loading *l)
{
	unsigned mode = l->in->manifest_only ? MANIFEST :
	    l->in->store_only ? STORE_JOB : DAEMON;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i].modes & mode)
			checks[i].run(l);
}
