/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf_row.h"

#include "base/mem.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKERS_MAX	64

/* XDG_RUNTIME_DIR may be that of the user one was before su. */
static bool
is_ours(const char *path)
{
	struct stat st;

	return path != NULL && *path == '/' && stat(path, &st) == 0 &&
	    S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static char *
default_run_dir(const struct conf_env *env)
{
	const char *xdg = conf_env_get(env, "XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		return mem_str("/run/" PACKAGE_NAME);
	if (is_ours(xdg))
		return mem_fmt("%s/" PACKAGE_NAME, xdg);
	return mem_fmt("/tmp/" PACKAGE_NAME "-%u", (unsigned)geteuid());
}

static char *
default_state_dir(const struct conf_env *env)
{
	const char *xdg = conf_env_get(env, "XDG_STATE_HOME");
	const char *home = conf_env_get(env, "HOME");
	const struct passwd *pw;

	if (geteuid() == 0)
		return mem_str(LOCALSTATEDIR "/lib/" PACKAGE_NAME);
	if (xdg != NULL && *xdg == '/')
		return mem_fmt("%s/" PACKAGE_NAME, xdg);
	if ((home == NULL || *home != '/') &&
	    (pw = getpwuid(geteuid())) != NULL)
		home = pw->pw_dir;
	return mem_fmt("%s/.local/state/" PACKAGE_NAME,
	    home != NULL && *home == '/' ? home : "/tmp");
}

/* Takes made over when nobody said otherwise. */
static void
unless_set(char **field, char *made)
{
	if (**field == '\0')
		conf_set_text(field, made);
	free(made);
}

static void
workers(struct conf *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (c->workers != 0)
		return;
	c->workers = cores < 1  ? 1 :
	    cores > WORKERS_MAX ? WORKERS_MAX :
				  (int)cores;
}

/* One key with two names: the seed's users have either. */
static void
api_key(struct conf_loading *l)
{
	struct conf *c = l->c;
	struct secret *a = &c->api_key, *b = &c->slackmcp_api_key;
	bool by_file;
	size_t to, from;

	if (b->len == 0)
		return;
	if (a->len == 0) {
		to = conf_row_index(
		    conf_row_find("AFFINITYBOTS_MCP_API_KEY", 24, &by_file));
		from = conf_row_index(conf_row_find("SLACKMCP_API_KEY", 16,
		    &by_file));
		secret_set(a, secret_expose(b));
		c->source[to] = c->source[from];
	} else if (strcmp(secret_expose(a), secret_expose(b)) != 0)
		conf_error(l->report, "SLACKMCP_API_KEY",
		    "it is another key than "
		    "AFFINITYBOTS_MCP_API_KEY, and both mean the same: remove "
		    "one "
		    "(further keys are made with slackmcpctl key add)");
}

void
conf_derive(struct conf_loading *l)
{
	struct conf *c = l->c;

	workers(c);
	unless_set(&c->run_dir, default_run_dir(l->in->env));
	unless_set(&c->state_dir, default_state_dir(l->in->env));
	unless_set(&c->control_socket, mem_fmt("%s/control.sock", c->run_dir));
	unless_set(&c->store, mem_fmt("sqlite:%s/" PACKAGE_NAME ".db",
	    c->state_dir));
	api_key(l);
}
