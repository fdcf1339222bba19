/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX	4096
#define TOKEN_KEY_SIZE	32
#define FDS_SPARE	256		/* beside connections: store, Slack, log, … */
#define STRAYS_MS	12000		/* a drain, before they are killed */

/* Makes the folder and those above it; the last one belongs to uid. */
static int
make_folder(const char *path, mode_t mode, const struct runas *owner,
    struct err *err)
{
	char part[4096];

	snprintf(part, sizeof(part), "%s", path);
	for (char *at = part + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		if (mkdir(part, 0755) == -1 && errno != EEXIST)
			return err_set(err, ERR_INPUT, "%s: %s", part,
			    strerror(errno));
		*at = '/';
	}
	if (mkdir(part, mode) == -1)
		return errno == EEXIST ? 0 :
		    err_set(err, ERR_INPUT, "%s: %s", part, strerror(errno));
	if (owner != NULL && owner->drop &&
	    lchown(part, owner->uid, owner->gid) == -1)
		return err_set(err, ERR_INPUT, "%s: chown: %s", part,
		    strerror(errno));
	return 0;
}

static int
check_folder(const char *option, const char *path, uid_t uid, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return err_set(err, ERR_INPUT, "%s %s: %s", option, path,
		    strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INPUT, "%s %s: is no folder", option,
		    path);
	if (st.st_uid != uid)
		return err_set(err, ERR_INPUT,
		    "%s %s: belongs to user %u, must belong to %u; "
		    "chown it or name another folder",
		    option, path, st.st_uid, uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_INPUT,
		    "%s %s: others may write there; chmod go-w it", option,
		    path);
	return 0;
}

int
setup_folders(struct master *m, struct err *err)
{
	const struct conf *c = m->conf;

	if (make_folder(c->run_dir, m->runas.drop ? 0755 : 0700, NULL, err) ==
		-1 ||
	    check_folder("RUN_DIR", c->run_dir, geteuid(), err) == -1)
		return -1;
	if (make_folder(c->state_dir, 0700, &m->runas, err) == -1 ||
	    check_folder("STATE_DIR", c->state_dir, m->runas.uid, err) == -1)
		return -1;
	return 0;
}

int
setup_pid_file(struct master *m, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/slackmcpd.pid", m->conf->run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
	    0644);
	if (fd == -1)
		return err_set(err, ERR_INPUT, "%s: %s", path, strerror(errno));
	if (fcntl(fd, F_SETLK, &lock) == -1) {
		close(fd);
		return err_set(err, ERR_LIMIT,
		    "%s: another slackmcpd runs with this RUN_DIR; "
		    "stop it (slackmcpctl stop) or use another RUN_DIR",
		    path);
	}
	m->pid_fd = fd;		/* only now: setup_wipe removes what is ours */
	if (ftruncate(m->pid_fd, 0) == -1 ||
	    dprintf(m->pid_fd, "%d\n", (int)getpid()) < 0)
		return err_set(err, ERR_INPUT, "%s: %s", path, strerror(errno));
	return 0;
}

int
setup_limits(struct master *m, struct err *err)
{
	rlim_t want = (rlim_t)m->conf->max_connections + FDS_SPARE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return err_set(err, ERR_INTERNAL, "getrlimit: %s",
		    strerror(errno));
	if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < want) {
		limit.rlim_cur = want;
		if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < want)
			limit.rlim_max = want;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			return err_set(err, ERR_INPUT,
			    "MAX_CONNECTIONS: %d needs %llu "
			    "descriptors, which are not allowed; raise "
			    "LimitNOFILE or "
			    "ulimit -n, or lower MAX_CONNECTIONS",
			    m->conf->max_connections, (unsigned long long)want);
	}
	return 0;
}

static void
region_conf(const struct master *m, struct region_conf *rc, char *path,
    size_t len)
{
	const struct conf *c = m->conf;

	snprintf(path, len, "%s/region", c->run_dir);
	*rc = (struct region_conf){ .path = path, .node = c->node_name,
		.max_sessions = c->max_sessions,
		.max_sessions_per_key = c->max_sessions_per_key,
		.session_ttl_ms = c->session_ttl_ms, .session_max_ms = c->session_max_ms,
		/* fixed: a restart with other WORKERS keeps the sessions */
		.rows = SLOTS_MAX * GENERATIONS_MAX + 8 };
}

int
setup_region(struct master *m, struct err *err)
{
	struct region_conf rc;
	char path[4096];

	region_conf(m, &rc, path, sizeof(path));
	m->region = region_open(&rc, STRAYS_MS, &m->region_fresh, err);
	return m->region != NULL ? 0 : -1;
}

void
setup_tune(struct master *m)
{
	struct region_conf rc;
	char path[4096];

	region_conf(m, &rc, path, sizeof(path));
	region_tune(m->region, &rc);
}

/* token.keys is opened without following links, and must be nobody else's. */
static int
read_key_file(struct master *m, const char *path, char *text, struct err *err)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		return err_set(err, ERR_INPUT, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    (st.st_uid != m->runas.uid && st.st_uid != geteuid()) ||
	    st.st_mode & 077) {
		close(fd);
		return err_set(err, ERR_INPUT,
		    "%s: must be a file of user %s with mode 0600; "
		    "chown and chmod it",
		    path, m->runas.name);
	}
	n = read(fd, text, KEY_FILE_MAX - 1);
	close(fd);
	if (n <= 0)
		return err_set(err, ERR_INPUT, "%s: is empty or cannot be read",
		    path);
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	return 1;
}

static void
make_key(struct secret *out)
{
	unsigned char key[TOKEN_KEY_SIZE];
	struct buf text = { 0 };

	crypto_random(key, sizeof(key));
	buf_str(&text, "k1:");
	crypto_b64(&text, key, sizeof(key));
	secret_set(out, text.p);
	buf_wipe(&text);
	explicit_bzero(key, sizeof(key));
}

/* TOKEN_KEYS, else STATE_DIR/token.keys, else one made here that the preparing job
 * stores there (the master never writes in STATE_DIR). */
int
setup_keys(struct master *m, struct err *err)
{
	struct secret *keys = &m->conf->token_keys;
	char path[4096], text[KEY_FILE_MAX];
	struct keyring *ring;
	const char *lost;
	int got;

	if (keys->len == 0) {
		snprintf(path, sizeof(path), "%s/token.keys",
		    m->conf->state_dir);
		if ((got = read_key_file(m, path, text, err)) == -1)
			return -1;
		if (got == 0 && m->keys != NULL)
			return err_set(err, ERR_INPUT,
			    "%s: is gone; put it back from a "
			    "backup, or set TOKEN_KEYS",
			    path);
		if (got == 1)
			secret_set(keys, text);
		else
			make_key(keys);
		explicit_bzero(text, sizeof(text));
		m->keys_are_new = got == 0;
	}
	if ((ring = keyring_load(keys, err)) == NULL)
		return -1;
	if (m->keys != NULL && (lost = keyring_lacks(ring, m->keys)) != NULL) {
		keyring_free(ring);
		return err_set(err, ERR_INPUT,
		    "TOKEN_KEYS: key \"%s\" is gone or is another "
		    "one, and tokens may be sealed with it: put it back behind "
		    "the first, or "
		    "restart, which asks the store",
		    lost);
	}
	keyring_free(m->keys);
	m->keys = ring;
	return 0;
}

/* Parsed once for all workers of a generation. */
void
setup_ca(struct master *m)
{
	struct err err;
	void *ca = tls_ca_load(&err);

	if (ca == NULL) {
		log_warn("master", "no CA bundle%s: %s",
		    m->ca == NULL ? ", https calls will fail" :
				    " any more, the old one stays",
		    err.text);
		return;
	}
	tls_ca_free(m->ca);
	m->ca = ca;
}

void
setup_wipe(struct master *m)
{
	char path[4096];

	if (m->pid_fd != -1) {
		snprintf(path, sizeof(path), "%s/slackmcpd.pid",
		    m->conf->run_dir);
		unlink(path);
		close(m->pid_fd);
	}
	listen_close(&m->listen);
	listen_close(&m->admin_listen);
	region_close(m->region);
	keyring_free(m->keys);
	tls_ca_free(m->ca);
	tls_server_free(m->tls);
	conf_free(m->conf);
}
