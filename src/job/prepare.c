/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/task.h"

#include "admin/jobs.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/keys.h"
#include "store/spool_replay.h"
#include "store/wait.h"
#include "tools/principals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define KEY_IDS_SHOWN	160

/* ---- the keys that seal tokens ---- */

struct key_id {
	bool found;
	char id[64];
};

static void
take_key_id(void *arg, const struct answer *a)
{
	struct key_id *k = arg;

	k->found = a->rows > 0;
	if (k->found)
		snprintf(k->id, sizeof(k->id), "%s", answer_at(a, 0, 0)->text);
}

/* k->id becomes the next id that the store uses; found is false after the last. */
static int
next_key_id(struct task *t, struct key_id *k, struct err *err)
{
	return task_ask(t, UNIT(DO(INSTALLS_KEYS, TEXT(k->id))), take_key_id, k,
	    err);
}

static int
write_new(const char *path, const char *text, struct err *err)
{
	int fd = open(path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t len = strlen(text);
	bool bad;

	if (fd == -1)
		return err_set(err, ERR_INPUT, "cannot make %s: %s", path,
		    strerror(errno));
	bad = write(fd, text, len) != (ssize_t)len || write(fd, "\n", 1) != 1 ||
	    fsync(fd) == -1;
	if (bad) {
		err_set(err, ERR_INPUT, "cannot write %s: %s", path,
		    strerror(errno));
		unlink(path);
	}
	close(fd);
	return bad ? -1 : 0;
}

static int
sync_folder(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd == -1 || fsync(fd) == -1)
		rc = err_set(err, ERR_INPUT, "%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return rc;
}

/* The master made a key in memory because it found none: right only while nothing
 * is sealed with a lost one. */
static int
store_new_keys(struct task *t)
{
	const struct conf *c = t->h->conf;
	struct key_id k = { 0 };
	char path[TASK_PATH];
	struct err err;

	task_path(t, "token.keys", path);
	if (next_key_id(t, &k, &err) == -1)
		return task_failed(t, &err);
	if (k.found)
		return task_refuse(t,
		    "the store holds tokens sealed with key \"%s\", but "
		    "neither "
		    "TOKEN_KEYS nor %s is there: put the file back from a "
		    "backup, or set "
		    "TOKEN_KEYS",
		    k.id, path);
	if (write_new(path, secret_expose(&c->token_keys), &err) == -1 ||
	    sync_folder(c->state_dir, &err) == -1)
		return task_failed(t, &err);
	log_info("job",
	    "made a key that seals tokens: keep a copy of it path=%s", path);
	return JOB_OK;
}

static int
check_key_ids(struct task *t)
{
	char missing[KEY_IDS_SHOWN] = "";
	struct key_id k = { 0 };
	struct err err;

	do {
		if (next_key_id(t, &k, &err) == -1)
			return task_failed(t, &err);
		if (k.found && !keyring_has(t->h->keys, k.id)) {
			size_t n = strlen(missing);

			snprintf(missing + n, sizeof(missing) - n, "%s%s",
			    n > 0 ? ", " : "", k.id);
		}
	} while (k.found);
	if (missing[0] == '\0')
		return JOB_OK;
	return task_refuse(t,
	    "the store holds tokens sealed with keys that are not there: %s. "
	    "Add them to TOKEN_KEYS or to token.keys in STATE_DIR (a backup "
	    "has them)",
	    missing);
}

/* What seals in a store of several daemons is made by none of them. */
static int
refuse_new_keys(struct task *t)
{
	return task_refuse(t,
	    "TOKEN_KEYS is not set and %s/token.keys is not there, and all "
	    "daemons that use this store need the same: make one with echo "
	    "\"k1:$(openssl rand "
	    "-base64 32)\", and set TOKEN_KEYS to it for each of them",
	    t->h->conf->state_dir);
}

/* ---- the keys of agents ---- */

static int
note_seed(struct task *t)
{
	const struct secret *key = &t->h->conf->api_key;
	unsigned char hash[32];
	struct err err;
	struct waiting w = { .err = &err };

	principals_hash(secret_expose(key), key->len, hash);
	key_seen(t->st, hash, clock_wall_ms(), wait_over, &w);
	return wait_end(&w, t->base) == 0 ? JOB_OK : task_failed(t, &err);
}

static void
take_rows(void *arg, const struct answer *a)
{
	*(bool *)arg = a->rows > 0;
}

static int
check_live_key(struct task *t)
{
	struct err err;
	bool usable;

	if (task_ask(t, UNIT(DO(KEY_USABLE, INT(clock_wall_ms()))), take_rows,
		&usable, &err) == -1)
		return task_failed(t, &err);
	if (usable)
		return JOB_OK;
	return task_refuse(t,
	    "there is no key, so nobody could come in: set "
	    "AFFINITYBOTS_MCP_API_KEY (openssl rand -hex 32 makes one), or "
	    "store a key with "
	    "slackmcpd --add-key NAME --workspaces '*' --role write");
}

/* ---- the rest ---- */

static void
take_count(void *arg, const struct answer *a)
{
	*(int64_t *)arg = a->rows > 0 ? answer_at(a, 0, 0)->n : 0;
}

static int
tell_waiting(struct task *t)
{
	int64_t n;
	struct err err;

	if (task_ask(t, UNIT(DO(INSTALLS_WAITING)), take_count, &n, &err) == -1)
		return task_failed(t, &err);
	if (n > 0)
		log_warn("job",
		    "installs wait for approval: slackmcpctl show installs, "
		    "then "
		    "install approve TEAM count=%lld",
		    (long long)n);
	return JOB_OK;
}

/* What is left stays for the next try.  The mark goes before it is looked whether
 * something is: a worker that writes a file now sets it afterwards. */
int
task_spool(struct task *t)
{
	const char *dir = t->h->conf->state_dir;
	struct err err;
	int rc = spool_replay(dir, t->st, t->base, &err);

	region_set_spooled(t->h->region, false);
	if (rc == -1 || spool_waits(dir))
		region_set_spooled(t->h->region, true);
	return rc == -1 ? task_failed(t, &err) : JOB_OK;
}

int
task_prepare(struct task *t)
{
	bool seed = t->h->conf->api_key.len > 0;
	int status;

	if (t->h->keys_are_new && t->conf.shared)
		return refuse_new_keys(t);
	status = task_bring_up(t, false);

	if (status == JOB_OK && t->h->keys_are_new)
		status = store_new_keys(t);
	if (status == JOB_OK)
		status = check_key_ids(t);
	if (status == JOB_OK)
		status = seed ? note_seed(t) : check_live_key(t);
	if (status == JOB_OK)
		status = tell_waiting(t);
	if (status == JOB_OK && task_spool(t) != JOB_OK)
		buf_reset(&t->out);	/* keeps nobody from starting */
	return status;
}
