/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/conf_row.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct conf_env {
	size_t n;
	struct pair {
		char *name, *value;
	} *pairs;
};

/* What the default folders hang on. */
static const char *const others[] = {
	"HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME",
};

/* Environment names are exact: PORT is an option, Port is somebody else's. */
static const struct conf_row *
row_of(const char *name, size_t len, bool *by_file)
{
	const struct conf_row *row = conf_row_find(name, len, by_file);
	size_t env_len;

	if (row == NULL)
		return NULL;
	env_len = strlen(row->env);
	if (memcmp(row->env, name, env_len) != 0 ||
	    (*by_file && memcmp(name + env_len, "_FILE", 5) != 0))
		return NULL;
	return row;
}

static bool
wanted(const char *name, size_t len)
{
	bool by_file;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i]) == len &&
		    memcmp(others[i], name, len) == 0)
			return true;
	return row_of(name, len, &by_file) != NULL;
}

struct conf_env *
conf_env_take(char **environ_block)
{
	struct conf_env *env = mem_new(sizeof(*env));
	const struct conf_row *row;
	bool by_file;

	for (char **at = environ_block; *at != NULL; at++) {
		char *equals = strchr(*at, '=');
		size_t len;

		if (equals == NULL)
			continue;
		len = (size_t)(equals - *at);
		if (!wanted(*at, len))
			continue;
		env->pairs = mem_array(env->pairs, env->n + 1,
		    sizeof(*env->pairs));
		env->pairs[env->n++] = (struct pair){ mem_strn(*at, len),
		    mem_str(equals + 1) };
		row = row_of(*at, len, &by_file);
		if (row != NULL && row->type == T_SECRET && !by_file)
			explicit_bzero(equals + 1, strlen(equals + 1));
	}
	return env;
}

void
conf_env_free(struct conf_env *env)
{
	if (env == NULL)
		return;
	for (size_t i = 0; i < env->n; i++) {
		explicit_bzero(env->pairs[i].value,
		    strlen(env->pairs[i].value));
		free(env->pairs[i].name);
		free(env->pairs[i].value);
	}
	free(env->pairs);
	free(env);
}

const char *
conf_env_get(const struct conf_env *env, const char *name)
{
	if (env == NULL)
		return NULL;
	for (size_t i = 0; i < env->n; i++)
		if (strcmp(env->pairs[i].name, name) == 0 &&
		    env->pairs[i].value[0] != '\0')
			return env->pairs[i].value;
	return NULL;
}

void
conf_env_lay(struct conf_loading *l)
{
	const struct conf_env *env = l->in->env;
	const struct conf_row *row;
	bool by_file;

	for (size_t i = 0; i < env->n; i++) {
		row = row_of(env->pairs[i].name, strlen(env->pairs[i].name),
		    &by_file);
		if (row != NULL)
			conf_lay(l, row, env->pairs[i].value, SOURCE_ENV,
			    by_file);
	}
}
