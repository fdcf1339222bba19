/* SPDX-License-Identifier: ISC */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/address.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate {
	int per_minute;		/* 0: no limit */
	int burst;
};

/* When the tables of a store that daemons share are brought up to date. */
enum migrate_when { MIGRATE_BY_HAND, MIGRATE_AUTO };
enum tool_format { TOOL_COMPACT, TOOL_JSON };
/* What tools belong to; "core" has all that are offered by default, the others are
 * parts of it.  Ended by NULL. */
extern const char *const conf_toolsets[];

/* The configuration in force.  Immutable once loaded; a reload makes a new one.
 * Strings are never NULL ("" when unset); lists are tidy (base/list.h); times
 * are milliseconds, sizes bytes. */
struct conf {
	/* the Slack app */
	char *slack_client_id;
	struct secret slack_client_secret, slack_client_secret_old;
	char *slack_redirect_uri;
	char *slack_scopes;		/* "": what the enabled tools need */
	struct secret slack_signing_secret;
	char *slack_api_url;		/* ends with / */
	bool slack_gov;			/* both are GovSlack's; derived */
	char *slack_authorize_url;
	char *install_allow;		/* list of T… and E… ids, or "*" */
	int64_t install_pending_ttl;	/* ms */

	/* who may come in */
	struct secret api_key;		/* of the environment; may be unset */
	struct secret slackmcp_api_key;	/* the same by its other name; merged */
	char *allowed_origins;		/* list, normal form */
	struct rate rate_key, rate_team, rate_address;

	/* where it serves */
	char *public_base_url;		/* no trailing slash */
	char *host;
	int port;
	int tls_port;			/* 0: off */
	char *tls_cert, *tls_key;
	int64_t tls_ticket_turn;
	char *trusted_proxies;
	bool proxy_protocol;
	char *admin_host;
	int admin_port;			/* 0: off */
	int agent_port;			/* 0: off */
	char *node_name;

	/* processes and files */
	int workers;
	char *run_dir, *state_dir;
	char *control_socket, *control_group;
	char *run_user, *run_group;
	char *store;			/* sqlite:PATH or mariadb://… */
	char *store_ca;
	int migrate;			/* enum migrate_when */
	int tool_format;		/* enum tool_format */
	char *toolsets;			/* list, of conf_toolsets */
	struct secret store_password;
	struct secret token_keys;	/* "id:base64,…" */

	/* limits */
	int64_t max_header, max_body, max_body_per_key;
	int max_sessions, max_sessions_per_key;
	int max_connections;
	int max_calls, max_calls_per_key;

	/* times */
	int64_t session_ttl_ms, session_max_ms;
	int64_t header_timeout, body_timeout, request_timeout, idle_timeout;
	int64_t token_refresh_before;
	int64_t directory_ttl, directory_pause;
	int directory_max;
	bool directory;
	int64_t upstream_timeout, connect_timeout, store_timeout;
	int64_t ready_timeout, stale_timeout, drain_timeout, restart_backoff;
	int64_t key_grace;

	/* Slack's budgets */
	int budget_share;
	double budget_scale;

	/* log */
	int log_level;			/* enum log_level */
	int log_format;			/* enum log_format */
	char *log_target;

	/* derived, not options */
	char *base_origin;		/* of public_base_url, normal form */
	char *base_path;		/* "" or "/prefix" */
	bool base_https, base_loopback;
	bool host_loopback;
	struct networks proxies;	/* of trusted_proxies */

	unsigned char source[128];	/* of each row: enum conf_source_kind */
};

/* The environment at start.  Taken once by the master: every reload lays the
 * same copy over the file.  Values of secrets are zeroed in the process's own
 * environment block (/proc/PID/environ shows none). */
struct conf_env;
struct conf_env *conf_env_take(char **environ_block);
void conf_env_free(struct conf_env *env);

struct conf_input {
	const char *file;		/* NULL: the default one, if it is there */
	const struct conf_env *env;	/* NULL: none */
	const char *const *options;	/* "key=value" of -o, noptions of them */
	size_t noptions;
	bool manifest_only;		/* nothing is required but PUBLIC_BASE_URL */
	bool store_only;		/* --migrate, --rollback, --add-key: no app */
};

/* Every problem, a line each: "KEY: what is wrong with "value" (masked): cure". */
struct conf_report {
	struct buf errors, warnings;	/* lines ending in \n */
	unsigned nerrors, nwarnings;
};
void conf_report_wipe(struct conf_report *r);

/* NULL when the report has an error: the exit status is 78 (EX_CONFIG) then. */
struct conf *conf_load(const struct conf_input *in, struct conf_report *report);
void conf_free(struct conf *c);		/* wipes the secrets; NULL is fine */

/* Every option in the table's order.  value is printable, secrets "(set)" or
 * "(unset)"; source is default, file, environment, secret file or command line. */
typedef void conf_each_fn(void *arg, const char *name, const char *value,
    const char *source, const char *help);
void conf_each(const struct conf *c, conf_each_fn *fn, void *arg);

/* Does an option differ that no reload can change?  A line for each to said. */
bool conf_needs_restart(const struct conf *was, const struct conf *now,
    struct buf *said);

/* "10", "500ms", "2s", "5m", "1h", "7d" to milliseconds; a bare number counts
 * unit_ms each.  -1 when it is none. */
int64_t conf_time(const char *text, int64_t unit_ms);
/* Is the list one of these words?  -1 and err: of which it has one that is none of
 * them, or nothing at all. */
int conf_words(const char *list, const char *const *words, struct err *err);
int conf_rate(const char *text, struct rate *out);	/* "120/60"; "0" is off */

#endif
