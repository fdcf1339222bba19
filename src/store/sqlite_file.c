/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/migrate.h"

#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What jobs do with SQLite's file as a whole.  They may wait for it. */
#define WAIT_MS	10000
#define CUT_MS	100
#define TURN_MS	1000	/* of migrate_scrub's own tries */
#define COPY	".before-"

static int
failed(sqlite3 *db, const char *what, const char *path, struct err *err)
{
	err_set(err, ERR_UPSTREAM, "%s %s: %s", what, path,
	    db != NULL ? sqlite3_errmsg(db) : "no memory");
	sqlite3_close(db);
	return -1;
}

static int
open_file(const char *path, int flags, sqlite3 **out, struct err *err)
{
	if (sqlite3_open_v2(path, out, flags | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return failed(*out, "cannot open", path, err);
	sqlite3_busy_timeout(*out, WAIT_MS);
	sqlite3_exec(*out, "PRAGMA secure_delete = ON", NULL, NULL, NULL);
	return 0;
}

static int
sync_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), bad;

	bad = fd == -1 || fsync(fd) == -1;
	if (bad)
		err_set(err, ERR_UPSTREAM, "%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return bad ? -1 : 0;
}

static int
back_up(sqlite3 *from, const char *to, struct err *err)
{
	sqlite3_backup *b;
	sqlite3 *db;
	int rc;

	if (open_file(to, SQLITE_OPEN_READWRITE, &db, err) == -1)
		return -1;
	if ((b = sqlite3_backup_init(db, "main", from, "main")) == NULL)
		return failed(db, "cannot copy to", to, err);
	do
		rc = sqlite3_backup_step(b, -1);
	while (rc == SQLITE_BUSY || rc == SQLITE_LOCKED);
	rc = sqlite3_backup_finish(b);
	if (rc != SQLITE_OK)
		return failed(db, "cannot copy to", to, err);
	sqlite3_close(db);
	return sync_file(to, err);
}

/* Made here, so that it is nobody else's from the beginning. */
static int
create_file(const char *path, struct err *err)
{
	int fd;

	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1)
		return err_set(err, ERR_UPSTREAM, "%s: %s", path,
		    strerror(errno));
	close(fd);
	return 0;
}

static int
copy_aside(const struct store_conf *conf, int version, struct err *err)
{
	char to[4096], tmp[4096];
	sqlite3 *db;
	int rc;

	if (snprintf(to, sizeof(to), "%s" COPY "%04d", conf->path, version) >=
	    (int)sizeof(to) - 8)
		return err_set(err, ERR_INPUT, "the path of STORE is too long");
	snprintf(tmp, sizeof(tmp), "%.*s.new", (int)sizeof(tmp) - 8, to);
	if (open_file(conf->path, SQLITE_OPEN_READWRITE, &db, err) == -1)
		return -1;
	rc = create_file(tmp, err);
	if (rc == 0 && (rc = back_up(db, tmp, err)) == 0 &&
	    rename(tmp, to) == -1)
		rc = err_set(err, ERR_UPSTREAM, "%s: %s", to, strerror(errno));
	if (rc == -1)
		unlink(tmp);
	sqlite3_close(db);
	return rc;
}

int
migrate_copy(const struct store_conf *conf, int version, struct err *err)
{
	if (conf->path == NULL)
		return 0;
	if (copy_aside(conf, version, err) == -1)
		return -1;
	log_info("store", "copied aside path=%s.before-%04d", conf->path,
	    version);
	return 0;
}

/* The folder must be there and ours: that does not pass by itself. */
static int
check_place(const char *path, struct err *err)
{
	int len = (int)(strrchr(path, '/') - path);
	char folder[4096];

	snprintf(folder, sizeof(folder), "%.*s", len > 0 ? len : 1, path);
	if (access(folder, W_OK | X_OK) == -1)
		return err_set(err, ERR_INPUT,
		    "STORE: the folder %s cannot be written (%s): "
		    "make it, and let it belong to user %u",
		    folder, strerror(errno), (unsigned)geteuid());
	if (access(path, R_OK | W_OK) == -1 && errno != ENOENT)
		return err_set(err, ERR_INPUT,
		    "STORE: the file %s cannot be written (%s): let "
		    "it belong to user %u",
		    path, strerror(errno), (unsigned)geteuid());
	return 0;
}

static int
first_word(void *arg, int n, char **values, char **names)
{
	(void)names;
	if (n > 0 && values[0] != NULL && *(char *)arg == '\0')
		snprintf(arg, 128, "%s", values[0]);
	return 0;
}

static int
check_file(const struct store_conf *conf, struct err *err)
{
	char word[128] = "";
	sqlite3 *db;
	int rc;

	if (open_file(conf->path, SQLITE_OPEN_READWRITE, &db, err) == -1)
		return -1;
	rc = sqlite3_exec(db, "PRAGMA quick_check(1)", first_word, word, NULL);
	if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
		snprintf(word, sizeof(word), "%s", sqlite3_errstr(rc));
	else if (rc != SQLITE_OK)
		return failed(db, "cannot read", conf->path, err);
	sqlite3_close(db);
	if (strcmp(word, "ok") == 0)
		return 0;
	return err_set(err, ERR_INPUT,
	    "the store %s is damaged (%s): play a backup back", conf->path,
	    word);
}

int
migrate_check(const struct store_conf *conf, struct err *err)
{
	struct stat s;

	if (conf->path == NULL)
		return 0;
	if (check_place(conf->path, err) == -1)
		return -1;
	if (stat(conf->path, &s) == -1 || s.st_size == 0)
		return 0;
	return check_file(conf, err);
}

int
migrate_checkpoint(const struct store_conf *conf, struct err *err)
{
	sqlite3 *db;
	int rc;

	if (conf->path == NULL)
		return 0;
	if (open_file(conf->path, SQLITE_OPEN_READWRITE, &db, err) == -1)
		return -1;
	/* The one that blocks nobody does the work; the log is cut only if that is
	 * possible at once, because writers wait for it. */
	rc = sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL);	/* else it knows of no log */
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(db, NULL,
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_busy_timeout(db, CUT_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_wal_checkpoint_v2(db, NULL,
		    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		rc = SQLITE_OK;
	if (rc != SQLITE_OK)
		return failed(db, "cannot checkpoint", conf->path, err);
	sqlite3_close(db);
	return 0;
}

/* Because a page may keep a copy of a row that went to another page and was deleted
 * there. */
static int
write_anew(sqlite3 *db)
{
	return sqlite3_exec(db, "VACUUM", NULL, NULL, NULL);
}

static int
cut_log(sqlite3 *db)
{
	return sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE,
	    NULL, NULL);
}

static int
until(int64_t end, int (*step)(sqlite3 *db), sqlite3 *db)
{
	int rc;

	do
		rc = step(db);
	while ((rc == SQLITE_BUSY || rc == SQLITE_LOCKED) && clock_ms() < end);
	return rc;
}

int
migrate_scrub(const struct store_conf *conf, int deadline_ms, struct err *err)
{
	int64_t end = clock_ms() + deadline_ms;
	sqlite3 *db;

	if (conf->path == NULL)
		return 0;
	if (open_file(conf->path, SQLITE_OPEN_READWRITE, &db, err) == -1)
		return -1;
	sqlite3_busy_timeout(db, TURN_MS);
	if (until(end, write_anew, db) != SQLITE_OK ||
	    until(end, cut_log, db) != SQLITE_OK)
		return failed(db, "cannot write anew", conf->path, err);
	sqlite3_close(db);
	return 0;
}

int
migrate_drop_copies(const struct store_conf *conf,
    void (*fn)(void *arg, const char *path), void *arg, struct err *err)
{
	char folder[4096], path[4096 + 256];
	const char *base;
	struct dirent *e;
	int n = 0;
	DIR *d;

	if (conf->path == NULL)
		return 0;
	base = strrchr(conf->path, '/') + 1;
	snprintf(folder, sizeof(folder), "%.*s", (int)(base - conf->path),
	    conf->path);
	if ((d = opendir(folder)) == NULL)
		return err_set(err, ERR_UPSTREAM, "%s: %s", folder,
		    strerror(errno));
	while (n >= 0 && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, base, strlen(base)) != 0 ||
		    strncmp(e->d_name + strlen(base), COPY, strlen(COPY)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s%s", folder, e->d_name);
		if (unlink(path) == -1 && errno != ENOENT) {
			n = err_set(err, ERR_UPSTREAM, "%s: %s", path,
			    strerror(errno));
		} else {
			fn(arg, path);
			n++;
		}
	}
	closedir(d);
	return n;
}
