/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf.h"

#include "base/mem.h"
#include "run.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRONG	"0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
#define OTHER	"1f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"

/* The user's five. */
#define ID	"SLACK_CLIENT_ID=123.456"
#define SECRET	"SLACK_CLIENT_SECRET=abcdef0123456789"
#define REDIRECT	"SLACK_REDIRECT_URI=https://mcp.example.org/slack/oauth/callback"
#define LOCAL	"SLACK_REDIRECT_URI=http://localhost:8080/slack/oauth/callback"
#define SCOPES	"SLACK_SCOPES=chat:write,channels:history,channels:read"
#define KEY	"AFFINITYBOTS_MCP_API_KEY=0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
#define SAME	"SLACKMCP_API_KEY=0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"

static struct conf *c;
static struct conf_report report;
static char dir[64], file[96], secret[96];

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test_conf.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/conf", dir);
	snprintf(secret, sizeof(secret), "%s/secret", dir);
}

static void
drop(void)
{
	conf_free(c);
	c = NULL;
	conf_report_wipe(&report);
}

static void
teardown(void)
{
	drop();
	unlink(file);
	unlink(secret);
	rmdir(dir);
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

/* env and options end with NULL; the block is a copy, as a process has it. */
static void
load_with(const char *const *env, const char *const *options,
    struct conf_input in)
{
	char *block[32] = { NULL };
	struct conf_env *taken;
	size_t n;

	drop();
	for (n = 0; env != NULL && env[n] != NULL; n++)
		block[n] = mem_str(env[n]);
	taken = conf_env_take(block);
	in.env = taken;
	in.options = options;
	while (options != NULL && options[in.noptions] != NULL)
		in.noptions++;
	if (in.file == NULL)
		write_file(in.file = file, "", 0600);
	c = conf_load(&in, &report);
	conf_env_free(taken);
	while (n > 0)
		free(block[--n]);
}

static void
load(const char *const *env)
{
	load_with(env, NULL, (struct conf_input){ 0 });
}

static const char *
errors(void)
{
	return report.errors.p != NULL ? report.errors.p : "";
}

static const char *
warnings(void)
{
	return report.warnings.p != NULL ? report.warnings.p : "";
}

#define HAS(text, part) \
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in \"%s\"", part, text)

/* One more variable beside the five. */
static const struct {
	const char *more, *line;
} bad[] = {
	{ "PORT=0", "PORT: \"0\" is out of range" },
	{ "PORT=65536", "PORT: \"65536\" is out of range: write a number from 1 to 65535" },
	{ "PORT=80x", "PORT: " }, { "PORT=+80", "PORT: " }, { "PORT=8080 ", "PORT: " },
	{ "PORT=99999999999999999999", "PORT: " },
	{ "PORT=8\x1b[2J", "PORT: \"8\\u001b[2J\"" },
	{ "PORT=8081", "ADMIN_PORT: it is the same as PORT" },
	{ "WORKERS=0", "WORKERS: " }, { "WORKERS=65", "1 to 64" },
	{ "LOG_LEVEL=loud", "one of trace, debug, info, warn, error, fatal, silent" },
	{ "LOG_FORMAT=xml", "auto, json, logfmt, text" },
	{ "LOG_TARGET=log", "LOG_TARGET: \"log\" is no target" },
	{ "SESSION_TTL_MS=0", "SESSION_TTL_MS: \"0\" is no time" },
	{ "SESSION_TTL_MS=1.5", "SESSION_TTL_MS: " }, { "HEADER_TIMEOUT=10w", "ms, s, m, h or d" },
	{ "HEADER_TIMEOUT=-1", "HEADER_TIMEOUT: " }, { "HEADER_TIMEOUT=9999999999999999999d", "HEADER" },
	{ "MAX_BODY=4g", "MAX_BODY: \"4g\" is no size from 1k to 65536k" }, { "MAX_BODY=1", "MAX_BODY" },
	{ "RATE_KEY=10/0", "RATE_KEY" }, { "RATE_KEY=/5", "RATE_KEY" }, { "RATE_KEY=0/5", "120/60" },
	{ "BUDGET_SCALE=-1", "BUDGET_SCALE" }, { "BUDGET_SCALE=nan", "BUDGET_SCALE" },
	{ "BUDGET_SCALE=1e3", "BUDGET_SCALE" },
	{ "HOST=http://0.0.0.0", "HOST: \"http://0.0.0.0\" is no address" },
	{ "HOST=[::1]", "HOST: " },
	{ "NODE_NAME=Host_1", "NODE_NAME: " }, { "NODE_NAME=abcdefghijklmnopq", "NODE_NAME: " },
	{ "RUN_DIR=run", "RUN_DIR: \"run\" is relative" }, { "STATE_DIR=./x", "STATE_DIR: " },
	{ "CONTROL_SOCKET=/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "CONTROL_SOCKET: its path is longer" },
	{ "CONTROL_GROUP=no-such-group", "CONTROL_GROUP: there is no group \"no-such-group\"" },
	{ "RUN_USER=no-such-user", "RUN_USER: there is no user" },
	{ "STORE=mysql://u:hunter2@h/d", "STORE: it is no store" },
	{ "STORE=mariadb://u:hunter2@h/d", "STORE: there is a password in it" },
	{ "STORE=mariadb://h/d", "STORE: there is no user in it" },
	{ "TOOLSETS=corse", "TOOLSETS: \"corse\" has \"corse\" in it, which there is not, perhaps core" },
	{ "TOOLSETS=core,xyzzy", "which there is not: write some of core, channels, people, posting" },
	{ "TOOLSETS=,", "TOOLSETS: \",\" names nothing: write some of core, channels" },
	{ "TOOLSETS=*", "\"*\" in it, which there is not" }, { "TOOLSETS=CORE", "perhaps core" },
	{ "MIGRATE=yes", "one of manual, auto" },
	{ "STORE=sqlite:x.db", "STORE: the path behind sqlite: is relative" },
	{ "TLS_PORT=8443", "TLS_PORT: it needs TLS_CERT and TLS_KEY, and both are not set" },
	{ "TLS_PORT=8080", "TLS_PORT: it is the same as PORT" }, { "TLS_PORT=0", "TLS_PORT: " },
	{ "TLS_PORT=8081", "ADMIN_PORT: it is the same as TLS_PORT" }, { "TLS_CERT=c", "TLS_CERT: " },
	{ "PROXY_PROTOCOL=maybe", "on or off" },
	{ "TRUSTED_PROXIES=10.0.0.0/8,haproxy", "TRUSTED_PROXIES: \"haproxy\" is no address" },
	{ "TRUSTED_PROXIES=10.0.0.1/8", "has bits behind its prefix: write 10.0.0.0/8" },
	{ "TRUSTED_PROXIES=::1/129", "has no good prefix length: write 0 to 128" },
	{ "TOKEN_KEYS=a:AAAA", "TOKEN_KEYS: key \"a\" is not the base64 of 32 bytes" },
	{ "ALLOWED_ORIGINS=*", "ALLOWED_ORIGINS: \"*\" would let" },
	{ "ALLOWED_ORIGINS=https://a,https://b/c", "\"https://b/c\" is no origin" },
	{ "PUBLIC_BASE_URL=mcp.example.org", "PUBLIC_BASE_URL: \"mcp.example.org\" does not begin with" },
	{ "PUBLIC_BASE_URL=ftp://x", "is no web address" },
	{ "SLACK_API_URL=http://slack.com/api/", "SLACK_API_URL: \"http://slack.com/api/\" is plain http" },
	{ "SLACK_AUTHORIZE_URL=http://slack.com/x", "SLACK_AUTHORIZE_URL: " },
	{ "SLACK_API_URL=https://slack-gov.com/api/",
	  "SLACK_AUTHORIZE_URL: it is not GovSlack's, and SLACK_API_URL is: the two share no app" },
	{ "SLACK_AUTHORIZE_URL=https://Slack-Gov.com/oauth/v2/authorize",
	  "SLACK_API_URL: it is not GovSlack's, and SLACK_AUTHORIZE_URL is: " },
	{ "SLACK_API_URL=https://files.slack-gov.com/api/", "write https://slack-gov.com/oauth/v2/" },
	{ "INSTALL_ALLOW=T1,x", "INSTALL_ALLOW: \"x\" is no id" },
	{ "SLACKMCP_API_KEY=" OTHER, "SLACKMCP_API_KEY: it is another key than AFFINITYBOTS_MCP_API_KEY" },
	{ "SLACK_SIGNING_SECRET=your-signing-secret", "SLACK_SIGNING_SECRET: it is still the placeholder" },
};

START_TEST(bad_values)
{
	const char *env[] = { ID, SECRET, LOCAL, SCOPES, KEY, bad[_i].more, NULL };

	load(env);
	ck_assert_ptr_null(c);
	HAS(errors(), bad[_i].line);
	ck_assert_msg(report.nerrors >= 1 && report.nerrors <= 2, "%s", errors());
	ck_assert_ptr_null(strstr(errors(), "hunter2"));
	ck_assert_ptr_null(strstr(errors(), OTHER));
}
END_TEST

START_TEST(govslack)
{
	static const char api[] = "SLACK_API_URL=https://slack-gov.com/api";

	load((const char *const[]){ ID, SECRET, LOCAL, SCOPES, KEY, api,
	    "SLACK_AUTHORIZE_URL=https://slack-gov.com/oauth/v2/authorize", NULL });
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert(c->slack_gov);
	ck_assert_str_eq(c->slack_api_url, "https://slack-gov.com/api/");
	/* what is missing is to be had there */
	load((const char *const[]){ SECRET, LOCAL, SCOPES, KEY, api,
	    "SLACK_AUTHORIZE_URL=https://slack-gov.com/oauth/v2/authorize", NULL });
	ck_assert_ptr_null(c);
	HAS(errors(), "https://api.slack-gov.com/apps");
	/* only its end looks like it */
	load((const char *const[]){ ID, SECRET, LOCAL, SCOPES, KEY,
	    "SLACK_API_URL=https://notslack-gov.com/api/", NULL });
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert(!c->slack_gov);
}
END_TEST

static const char *const five[] = { ID, SECRET, REDIRECT, SCOPES, KEY };
static const char *const all_five[] = { ID, SECRET, REDIRECT, SCOPES, KEY, NULL };
static const char *const five_keys[] = { "SLACK_CLIENT_ID: it is not set: copy",
	"SLACK_CLIENT_SECRET: it is not set: copy",
	"SLACK_REDIRECT_URI: it is not set, and neither is PUBLIC_BASE_URL",
	NULL, NULL };	/* the scopes have a default, the store may hold a key */

START_TEST(one_missing)
{
	const char *env[6] = { NULL };

	for (int i = 0, n = 0; i < 5; i++)
		if (i != _i)
			env[n++] = five[i];
	load(env);
	if (five_keys[_i] == NULL) {
		ck_assert_msg(c != NULL, "%s", errors());
		return;
	}
	ck_assert_ptr_null(c);
	HAS(errors(), five_keys[_i]);
	ck_assert_uint_eq(report.nerrors, 1);
}
END_TEST

START_TEST(all_at_once)
{
	const char *env[] = { "PORT=x", "ALLOWED_ORIGINS=*", "WORKERS=", NULL };

	load(env);
	ck_assert_ptr_null(c);
	HAS(errors(), "SLACK_CLIENT_ID: ");
	HAS(errors(), "SLACK_CLIENT_SECRET: ");
	HAS(errors(), "SLACK_REDIRECT_URI: ");
	HAS(errors(), "PORT: ");
	HAS(errors(), "ALLOWED_ORIGINS: ");
	ck_assert_uint_eq(report.nerrors, 5);
	HAS(warnings(), "AFFINITYBOTS_MCP_API_KEY: ");		/* once */
	ck_assert_ptr_null(strstr(strstr(warnings(), "AFFINITYBOTS_MCP_API_KEY: ") + 1,
	    "AFFINITYBOTS_MCP_API_KEY: "));
}
END_TEST

/* The sample file itself, as somebody who only copied it would run it. */
START_TEST(placeholders)
{
	const char *srcdir = getenv("srcdir"), *at;
	char sample[512];
	int n = 0;

	snprintf(sample, sizeof(sample), "%s/etc/slackmcpd.env.example",
	    srcdir != NULL ? srcdir : ".");
	load_with(NULL, NULL, (struct conf_input){ .file = sample });
	ck_assert_ptr_null(c);
	for (at = errors(); (at = strstr(at, "placeholder")) != NULL; at++)
		n++;
	ck_assert_msg(n == 4 && report.nerrors == 4, "%s", errors());
	HAS(errors(), "openssl rand -hex 32");
}
END_TEST

static const struct {
	const char *env[8];
	bool starts;
	const char *line;
} keys[] = {
	{ { ID, SECRET, REDIRECT, SCOPES, "SLACKMCP_API_KEY=test-key-123" }, false,
	  "AFFINITYBOTS_MCP_API_KEY: it has less than 32 characters, and PUBLIC_BASE_URL is reached" },
	{ { ID, SECRET, LOCAL, SCOPES, "AFFINITYBOTS_MCP_API_KEY=test-key-123", "HOST=0.0.0.0" }, false,
	  "and HOST is reached from outside: make a key with \"openssl rand -hex 32\"" },
	{ { ID, SECRET, LOCAL, SCOPES, "AFFINITYBOTS_MCP_API_KEY=test-key-123", "PUBLIC_BASE_URL=https://x" },
	  false, "and PUBLIC_BASE_URL is reached" },
	{ { ID, SECRET, REDIRECT, SCOPES, "SLACKMCP_API_KEY=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	  false, "less than 8 different" },
	{ { ID, SECRET, REDIRECT, SCOPES, "SLACKMCP_API_KEY=my-very-own-password-for-slack-0123456789" },
	  false, "common word" },
	{ { ID, SECRET, LOCAL, SCOPES, "SLACKMCP_API_KEY=0123456789 0123456789 abcdefghijk" }, false, "blank" },
	{ { ID, SECRET, LOCAL, SCOPES, "AFFINITYBOTS_MCP_API_KEY=test-key-123" }, true,
	  "AFFINITYBOTS_MCP_API_KEY: it has less than 32 characters, which is good enough on loopback only" },
	{ { ID, SECRET, REDIRECT, SCOPES, KEY, SAME }, true, "" },
};

START_TEST(weak_keys)
{
	load(keys[_i].env);
	ck_assert_msg((c != NULL) == keys[_i].starts, "%s", errors());
	HAS(keys[_i].starts ? warnings() : errors(), keys[_i].line);
	ck_assert_ptr_null(strstr(errors(), "test-key"));
}
END_TEST

START_TEST(the_five)
{
	load((const char *const[]){ ID, SECRET, REDIRECT, SCOPES, KEY, NULL });
	ck_assert_msg(c != NULL && report.nwarnings == 0, "%s%s", errors(), warnings());
	ck_assert_str_eq(c->slack_client_id, "123.456");
	ck_assert_str_eq(secret_expose(&c->api_key), STRONG);
	ck_assert_str_eq(c->slack_scopes, "chat:write,channels:history,channels:read");
	ck_assert_str_eq(c->public_base_url, "https://mcp.example.org");
	ck_assert_str_eq(c->base_origin, "https://mcp.example.org");
	ck_assert_str_eq(c->base_path, "");
	ck_assert(c->base_https && !c->base_loopback && c->host_loopback);
	ck_assert_str_eq(c->host, "127.0.0.1");
	ck_assert_int_eq(c->port, 8080);
	ck_assert_int_eq(c->admin_port, 8081);
	ck_assert_str_eq(c->install_allow, "");
	ck_assert_str_eq(c->slack_api_url, "https://slack.com/api/");
	ck_assert_str_eq(c->slack_authorize_url, "https://slack.com/oauth/v2/authorize");
	ck_assert_int_ge(c->workers, 1);
	ck_assert_int_eq(c->session_ttl_ms, 86400000);
	ck_assert_int_eq(c->session_max_ms, 604800000);
	ck_assert_int_eq(c->header_timeout, 10000);
	ck_assert_int_eq(c->key_grace, 3600000);
	ck_assert_int_eq(c->max_header, 32768);
	ck_assert_int_eq(c->max_body, 4194304);
	ck_assert_int_eq(c->rate_address.per_minute, 120);
	ck_assert_int_eq(c->rate_address.burst, 60);
	ck_assert_int_eq(c->rate_key.per_minute, 0);
	ck_assert_int_eq(c->log_level, LOG_LEVEL_INFO);
	ck_assert_int_eq(c->log_format, LOG_FORMAT_AUTO);
	ck_assert_str_eq(c->node_name, "n1");
	ck_assert_int_eq(c->tls_port, 0);
}
END_TEST

/* name, text, and how it is shown when it is in force */
static const struct {
	const char *name, *text, *shown;
} good[] = {
	{ "log_level", "WARN", "warn" }, { "log_format", "LogFmt", "logfmt" },
	{ "header_timeout", "500ms", "500ms" }, { "header_timeout", "2", "2s" },
	{ "header_timeout", "5m", "5m" }, { "header_timeout", "90s", "90s" },
	{ "key_grace", "7d", "7d" }, { "key_grace", "0", "0ms" }, { "key_grace", "24h", "1d" },
	{ "session_ttl_ms", "900000", "15m" }, { "session_ttl_ms", "2h", "2h" },
	{ "max_body", "1048576", "1m" }, { "max_body", "1500", "1500" }, { "max_body", "64K", "64k" },
	{ "rate_key", "10/5", "10/5" }, { "rate_key", "0", "0" }, { "rate_key", "7", "7/7" },
	{ "admin_port", "off", "off" }, { "admin_port", "9000", "9000" },
	{ "budget_scale", "0.5", "0.5" }, { "budget_scale", "0", "0" },
	{ "proxy_protocol", "no", "off" }, { "proxy_protocol", "on", "on" },
	{ "trusted_proxies", "10.0.0.0/8, ::1", "10.0.0.0/8,::1" },
 { "host", "localhost", "localhost" },
	{ "host", "::", "::" }, { "host", "*", "*" }, { "host", "fe80::1%eth0", "fe80::1%eth0" },
	{ "allowed_origins", " https://A.example/ ,app://x,https://a.example:443, null",
	  "https://a.example,app://x,null" },
	{ "install_allow", "T1, E2", "T1,E2" }, { "install_allow", "*", "*" },
	{ "slack_api_url", "http://127.0.0.1:9/api", "http://127.0.0.1:9/api/" },
	{ "public_base_url", "https://mcp.example.org/", "https://mcp.example.org" },
	{ "node_name", "a-1", "a-1" }, { "log_target", "/var/log/x", "/var/log/x" },
};

struct look {
	const char *name;
	char value[256], source[32];
};

static void
look(void *arg, const char *name, const char *value, const char *source,
    const char *help)
{
	struct look *l = arg;

	ck_assert_uint_gt(strlen(help), 0);
	if (strcmp(l->name, name) != 0)
		return;
	snprintf(l->value, sizeof(l->value), "%s", value);
	snprintf(l->source, sizeof(l->source), "%s", source);
}

static struct look
shown(const char *name)
{
	struct look l = { .name = name };

	conf_each(c, look, &l);
	return l;
}

START_TEST(good_values)
{
	char option[256];
	const char *options[] = { option, NULL };

	snprintf(option, sizeof(option), "%s=%s", good[_i].name, good[_i].text);
	load_with((const char *const[]){ ID, SECRET, REDIRECT, SCOPES, KEY, NULL },
	    options, (struct conf_input){ 0 });
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_str_eq(shown(good[_i].name).value, good[_i].shown);
	ck_assert_str_eq(shown(good[_i].name).source, "command line");
}
END_TEST

START_TEST(precedence)
{
	const char *env[] = { ID, SECRET, REDIRECT, KEY, "PORT=2", "WORKERS=2",
		"LOG_LEVEL=", "Host=0.0.0.0", NULL };
	const char *options[] = { "PORT=3", "node_name=", NULL };

	write_file(file, "port = 1\nworkers = 1\nmax_calls = 1\nlog_level = error\n"
	    "node_name = x\nmax_body =\n", 0600);
	load_with(env, options, (struct conf_input){ .file = file });
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_int_eq(c->port, 3);
	ck_assert_str_eq(shown("port").source, "command line");
	ck_assert_int_eq(c->workers, 2);
	ck_assert_str_eq(shown("workers").source, "environment");
	ck_assert_int_eq(c->max_calls, 1);
	ck_assert_str_eq(shown("max_calls").source, "file");
	ck_assert_int_eq(c->max_connections, 4096);
	ck_assert_str_eq(shown("max_connections").source, "default");
	ck_assert_int_eq(c->log_level, LOG_LEVEL_ERROR);	/* empty is unset */
	ck_assert_str_eq(c->host, "127.0.0.1");	/* "Host" is another name */
	ck_assert_str_eq(c->node_name, "n1");
	ck_assert_str_eq(shown("slack_client_secret").value, "(set)");
	ck_assert_str_eq(shown("token_keys").value, "(unset)");
}
END_TEST

static const struct {
	const char *option, *line;
} options[] = {
	{ "port", "-o: there is no = in it" },
	{ "prot=1", "-o: there is no option \"prot\", perhaps PORT" },
	{ "slack_client_secret=x", "SLACK_CLIENT_SECRET: a secret on the command line" },
	{ "Store_Password=x", "STORE_PASSWORD_FILE" },
	{ "port_file=/x", "there is no option \"port_file\"" },
	{ "token_keys_file=/nowhere", "TOKEN_KEYS: cannot read /nowhere" },
};

START_TEST(bad_options)
{
	const char *list[] = { options[_i].option, NULL };

	load_with(all_five, list, (struct conf_input){ 0 });
	ck_assert_ptr_null(c);
	HAS(errors(), options[_i].line);
}
END_TEST

static const struct {
	const char *text;
	mode_t mode;
	const char *line;	/* NULL: good */
} secrets[] = {
	{ STRONG "\n", 0644, "every user of this host can read" },
	{ "", 0600, "holds no secret" },
	{ "\n", 0600, "holds no secret" },
	{ STRONG "\nsecond\n", 0600, "second line" },
	{ STRONG, 0600, NULL },
	{ STRONG "\n", 0640, NULL },
	{ STRONG "\r\n", 0400, NULL },
};

START_TEST(secret_files)
{
	char by_env[160];
	const char *env[] = { ID, SECRET, REDIRECT, by_env, NULL };

	snprintf(by_env, sizeof(by_env), "SLACKMCP_API_KEY_FILE=%s", secret);
	write_file(secret, secrets[_i].text, secrets[_i].mode);
	load(env);
	if (secrets[_i].line != NULL) {
		ck_assert_ptr_null(c);
		HAS(errors(), secrets[_i].line);
		ck_assert_ptr_null(strstr(errors(), STRONG));
		return;
	}
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_str_eq(secret_expose(&c->api_key), STRONG);
	ck_assert_str_eq(shown("slackmcp_api_key").source, "secret file");
}
END_TEST

START_TEST(no_secret_file)
{
	char by_env[160];
	const char *env[] = { ID, REDIRECT, by_env, NULL };

	snprintf(by_env, sizeof(by_env), "SLACK_CLIENT_SECRET_FILE=%s", dir);
	load(env);
	HAS(errors(), "is no regular file");
	ck_assert_uint_eq(report.nerrors, 1);	/* not "missing" as well */
	env[2] = "SLACK_CLIENT_SECRET_FILE=secret";
	load(env);
	HAS(errors(), "relative");
	write_file(file, "slack_client_secret = x\nslack_client_secret_file = /x\n", 0600);
	load_with((const char *const[]){ ID, REDIRECT, NULL }, NULL,
	    (struct conf_input){ .file = file });
	HAS(errors(), "SLACK_CLIENT_SECRET_FILE are both set");
}
END_TEST

static const struct {
	const char *line, *value;	/* of NODE_NAME; NULL: refused */
} lines[] = {
	{ "node_name", NULL }, { "= x", NULL }, { "node name = x", NULL },
	{ "node_name = 'x", NULL }, { "node_name = \"x\" y", NULL },
	{ "node_name=x", "x" }, { "NODE_NAME = x", "x" }, { "Node_Name\t=\tx\t", "x" },
	{ "  node_name = x # comment", "x" }, { "node_name = 'x' # c", "x" },
	{ "node_name = \"x\"# c", "x" }, { "node_name = `x`", "x" },
	{ "export NODE_NAME=x", "x" }, { "node_name = x\r", "x" },
	{ "node_name =", "n1" }, { "node_name = # nothing", "n1" },
	{ "#node_name = x", "n1" }, { "", "n1" }, { "\xef\xbb\xbfnode_name=x", "x" },
};

START_TEST(file_lines)
{
	write_file(file, lines[_i].line, 0600);
	load_with((const char *const[]){ ID, SECRET, REDIRECT, KEY, NULL }, NULL,
	    (struct conf_input){ .file = file });
	if (lines[_i].value == NULL) {
		ck_assert_ptr_null(c);
		HAS(errors(), "/conf:1: ");
		return;
	}
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_str_eq(c->node_name, lines[_i].value);
}
END_TEST

START_TEST(node_env_file)
{
	write_file(file, "# from the Node server\r\nNODE_ENV=production\r\n"
	    "SLACK_CLIENT_ID=123.456\r\nSLACK_CLIENT_SECRET='a#b c\"'\r\n"
	    "SLACK_REDIRECT_URI=\"https://mcp.example.org/slack/oauth/callback\"\r\n"
	    "SLACK_SCOPES=chat:write, channels:history ,channels:read # three\r\n"
	    "AFFINITYBOTS_MCP_API_KEY=" STRONG "\r\nHOTS=0.0.0.0\r\nZZZZZZZZZZZZ=1\r\n"
	    "PORT=1\r\nPORT=3000\r\n", 0644);
	load_with(NULL, NULL, (struct conf_input){ .file = file });
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_str_eq(secret_expose(&c->slack_client_secret), "a#b c\"");
	ck_assert_str_eq(c->slack_scopes, "chat:write,channels:history,channels:read");
	ck_assert_int_eq(c->port, 3000);
	HAS(warnings(), "line 8: there is no option \"HOTS\": perhaps HOST");
	HAS(warnings(), "line 9: there is no option \"ZZZZZZZZZZZZ\": it is not read");
	HAS(warnings(), "PORT: it is there twice, line 11 holds");
	HAS(warnings(), "that every user of this host can read");
	ck_assert_ptr_null(strstr(warnings(), "NODE_ENV"));
	ck_assert_uint_eq(report.nwarnings, 4);
}
END_TEST

START_TEST(no_file)
{
	load_with(all_five, NULL, (struct conf_input){ .file = "/nowhere/conf" });
	ck_assert_ptr_null(c);
	HAS(errors(), "-c: cannot read /nowhere/conf: No such file");
	load_with(all_five, NULL, (struct conf_input){ .file = dir });
	HAS(errors(), "no regular file");
}
END_TEST

START_TEST(environment_wiped)
{
	char key[] = KEY, client[] = SECRET, password[] = "STORE_PASSWORD=pw";
	char id[] = ID, by_file[] = "TOKEN_KEYS_FILE=/x", other[] = "OTHER=secret";
	char *block[] = { key, client, password, id, by_file, other, NULL };
	struct conf_env *env = conf_env_take(block);

	for (size_t i = sizeof("AFFINITYBOTS_MCP_API_KEY"); i < sizeof(key); i++)
		ck_assert_int_eq(key[i], '\0');
	for (size_t i = sizeof("SLACK_CLIENT_SECRET"); i < sizeof(client); i++)
		ck_assert_int_eq(client[i], '\0');
	ck_assert_str_eq(password, "STORE_PASSWORD=");
	ck_assert_str_eq(id, ID);
	ck_assert_str_eq(by_file, "TOKEN_KEYS_FILE=/x");
	ck_assert_str_eq(other, "OTHER=secret");
	conf_env_free(env);
	conf_env_free(NULL);
}
END_TEST

static const struct {
	const char *env[8];
	const char *trusted;		/* NULL: an error */
	unsigned warnings;
} proxies[] = {
	{ { ID, SECRET, REDIRECT, KEY, "HOST=0.0.0.0", "PROXY_PROTOCOL=on" }, NULL, 0 },
	{ { ID, SECRET, REDIRECT, KEY, "HOST=0.0.0.0" }, "", 0 },
	{ { ID, SECRET, REDIRECT, KEY }, "127.0.0.0/8,::1", 0 },
	{ { ID, SECRET, REDIRECT, KEY, "PROXY_PROTOCOL=on" }, "127.0.0.0/8,::1", 0 },
	{ { ID, SECRET, REDIRECT, KEY, "TRUSTED_PROXIES=192.0.2.1" }, "192.0.2.1", 0 },
	{ { ID, SECRET, REDIRECT, KEY, "TRUSTED_PROXIES=0.0.0.0/0" }, "0.0.0.0/0", 1 },
	{ { ID, SECRET, REDIRECT, KEY, "TRUSTED_PROXIES=::/0" }, "::/0", 1 },
};

START_TEST(trusted_proxies)
{
	load(proxies[_i].env);
	ck_assert_int_eq(c != NULL, proxies[_i].trusted != NULL);
	ck_assert_uint_eq(report.nwarnings, proxies[_i].warnings);
	if (c != NULL)
		ck_assert_str_eq(c->trusted_proxies, proxies[_i].trusted);
	else
		HAS(errors(), "PROXY_PROTOCOL: nobody may send it");
}
END_TEST

static const struct {
	const char *env[8];
	const char *base, *redirect, *origin, *path;
	bool https, loopback;
	const char *warning;
} urls[] = {
	{ { ID, SECRET, KEY, "PUBLIC_BASE_URL=http://localhost:9000" }, "http://localhost:9000",
	  "http://localhost:9000/slack/oauth/callback", "http://localhost:9000", "", false, true, NULL },
	{ { ID, SECRET, KEY, "PUBLIC_BASE_URL=https://A.example.org:443/mcp/" }, "https://A.example.org:443/mcp",
	  "https://A.example.org:443/mcp/slack/oauth/callback", "https://a.example.org", "/mcp", true, false, NULL },
	{ { ID, SECRET, KEY, REDIRECT, "PUBLIC_BASE_URL=https://b.example.org" }, "https://b.example.org",
	  "https://mcp.example.org/slack/oauth/callback", "https://b.example.org", "", true, false,
	  "PUBLIC_BASE_URL: its origin is https://b.example.org, that of SLACK_REDIRECT_URI" },
	{ { ID, SECRET, KEY, "SLACK_REDIRECT_URI=https://x/p/slack/oauth/callback" }, "https://x",
	  "https://x/p/slack/oauth/callback", "https://x", "", true, false, NULL },
	{ { ID, SECRET, KEY, "SLACK_REDIRECT_URI=https://x/callback" }, "https://x", "https://x/callback",
	  "https://x", "", true, false, "the daemon answers /slack/oauth/callback" },
};

START_TEST(base_url)
{
	load(urls[_i].env);
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_str_eq(c->public_base_url, urls[_i].base);
	ck_assert_str_eq(c->slack_redirect_uri, urls[_i].redirect);
	ck_assert_str_eq(c->base_origin, urls[_i].origin);
	ck_assert_str_eq(c->base_path, urls[_i].path);
	ck_assert(c->base_https == urls[_i].https);
	ck_assert(c->base_loopback == urls[_i].loopback);
	ck_assert_str_eq(c->install_allow, urls[_i].loopback ? "*" : "");
	if (urls[_i].warning != NULL)
		HAS(warnings(), urls[_i].warning);
	ck_assert_uint_eq(report.nwarnings, urls[_i].warning != NULL);
}
END_TEST

START_TEST(http_redirect)
{
	load((const char *const[]){ ID, SECRET, KEY,
	    "SLACK_REDIRECT_URI=http://mcp.example.org/slack/oauth/callback", NULL });
	ck_assert_ptr_null(c);
	HAS(errors(), "SLACK_REDIRECT_URI: \"http://mcp.example.org/slack/oauth/callback\" is plain http");
	load((const char *const[]){ ID, SECRET, KEY, "PUBLIC_BASE_URL=http://mcp.example.org", NULL });
	ck_assert_ptr_null(c);
	HAS(errors(), "PUBLIC_BASE_URL: ");
}
END_TEST

START_TEST(modes)
{
	struct conf_input manifest = { .manifest_only = true };
	struct conf_input store = { .store_only = true };

	load_with(NULL, NULL, manifest);
	ck_assert_ptr_null(c);
	HAS(errors(), "PUBLIC_BASE_URL: it is not set");
	load_with((const char *const[]){ "PUBLIC_BASE_URL=https://x", NULL }, NULL, manifest);
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_str_eq(c->slack_redirect_uri, "https://x/slack/oauth/callback");
	load_with(NULL, NULL, store);
	ck_assert_msg(c != NULL, "%s", errors());
	load_with((const char *const[]){ "STORE=x", NULL }, NULL, store);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(folders)
{
	load_with((const char *const[]){ ID, SECRET, REDIRECT, KEY, "RUN_DIR=/r", "STATE_DIR=/s", NULL },
	    NULL, (struct conf_input){ 0 });
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_str_eq(c->control_socket, "/r/control.sock");
	ck_assert_str_eq(c->store, "sqlite:/s/slackmcpd.db");
	load((const char *const[]){ ID, SECRET, REDIRECT, KEY, "XDG_STATE_HOME=/xs", "HOME=/h", NULL });
	ck_assert_int_eq(c->run_dir[0], '/');
	if (geteuid() == 0)
		ck_assert_str_eq(c->run_dir, "/run/slackmcpd");
	else
		ck_assert_str_eq(c->state_dir, "/xs/slackmcpd");
}
END_TEST

static const struct {
	const char *more, *said;
} reloads[] = {
	{ "LOG_LEVEL=debug", "" },
	{ "MAX_BODY=1m", "" },
	{ "STORE_PASSWORD=x", "" },
	{ "HOST=127.0.0.1", "" },		/* as it is without it */
	{ "ADMIN_PORT=off", "ADMIN_PORT: cannot change by a reload: restart\n" },
	{ "STATE_DIR=/other", "STATE_DIR: cannot change by a reload: restart\n"
	  "STORE: cannot change by a reload: restart\n" },
	{ "STORE=sqlite:/other", "STORE: cannot change by a reload: restart\n" },
};

START_TEST(needs_restart)
{
	struct conf *was;
	struct buf said = { 0 };

	load((const char *const[]){ ID, SECRET, REDIRECT, KEY, "STATE_DIR=/s", NULL });
	was = c;
	c = NULL;
	load((const char *const[]){ ID, SECRET, REDIRECT, KEY, "STATE_DIR=/s",
	    reloads[_i].more, NULL });
	ck_assert_msg(c != NULL, "%s", errors());
	ck_assert_int_eq(conf_needs_restart(was, c, &said), reloads[_i].said[0] != '\0');
	ck_assert_str_eq(said.len > 0 ? said.p : "", reloads[_i].said);
	buf_wipe(&said);
	conf_free(was);
}
END_TEST

#define N(table)	(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	TCase *tc = tcase_create("conf");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, bad_values, 0, N(bad));
	tcase_add_test(tc, govslack);
	tcase_add_loop_test(tc, one_missing, 0, 5);
	tcase_add_test(tc, all_at_once);
	tcase_add_test(tc, placeholders);
	tcase_add_loop_test(tc, weak_keys, 0, N(keys));
	tcase_add_loop_test(tc, bad_options, 0, N(options));
	tcase_add_loop_test(tc, secret_files, 0, N(secrets));
	tcase_add_test(tc, no_secret_file);
	tcase_add_test(tc, no_file);
	tcase_add_test(tc, http_redirect);
	tcase_add_test(tc, the_five);
	tcase_add_loop_test(tc, good_values, 0, N(good));
	tcase_add_test(tc, precedence);
	tcase_add_loop_test(tc, file_lines, 0, N(lines));
	tcase_add_test(tc, node_env_file);
	tcase_add_test(tc, environment_wiped);
	tcase_add_loop_test(tc, trusted_proxies, 0, N(proxies));
	tcase_add_loop_test(tc, base_url, 0, N(urls));
	tcase_add_test(tc, modes);
	tcase_add_test(tc, folders);
	tcase_add_loop_test(tc, needs_restart, 0, N(reloads));
	return run_case("conf", tc);
}
