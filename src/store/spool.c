/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/spool.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "store/spool_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESERVED	"new-"
#define RESERVED_S	3600	/* none is needed so long */
#define ROOM		16384	/* what a file is made of has its own limits */

static void
place_path(const struct spool_place *p, const char *before, char *out)
{
	snprintf(out, PATH_MAX, "%s/spool/%s%s", p->state_dir, before, p->name);
}

static int
failed(const char *path, int e, struct err *err)
{
	return err_set(err, ERR_UPSTREAM, "%s: %s", path, strerror(e));
}

int
spool_reserve(struct spool_place *p, const char *state_dir,
    enum spool_kind kind, struct err *err)
{
	char path[PATH_MAX], word[B64URL_SIZE(9)];
	int rc;

	*p = (struct spool_place){ .state_dir = state_dir, .kind = kind,
		.fd = -1 };
	snprintf(path, sizeof(path), "%s/spool", state_dir);
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return failed(path, errno, err);
	crypto_token(word, 9);
	snprintf(p->name, sizeof(p->name), "%s%014" PRId64 "-%s",
	    spool_prefix(kind), clock_wall_ms(), word);
	place_path(p, RESERVED, path);
	p->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (p->fd == -1)
		return failed(path, errno, err);
	rc = flock(p->fd, LOCK_EX | LOCK_NB) == -1 ? errno :
	    posix_fallocate(p->fd, 0, ROOM);
	if (rc == 0)
		return 0;
	spool_release(p);
	return failed(path, rc, err);
}

void
spool_release(struct spool_place *p)
{
	char path[PATH_MAX];

	if (p->fd == -1)
		return;
	place_path(p, RESERVED, path);
	if (!p->written)
		unlink(path);
	close(p->fd);
	p->fd = -1;
}

static int
write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The file's name, too, is to be there after a power cut. */
static void
sync_folder(const struct spool_place *p)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/spool", p->state_dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) == -1)
		log_warn("spool", "%s may not outlive a power cut: %s", p->name,
		    strerror(errno));
	if (fd != -1)
		close(fd);
}

int
spool_write(struct spool_place *p, const void *row, struct err *err)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct buf text = { 0 };
	int rc = 0;

	spool_render(p->kind, row, &text);
	place_path(p, RESERVED, from);
	place_path(p, "", to);
	if (write_all(p->fd, text.p, text.len) == -1 ||
	    ftruncate(p->fd, (off_t)text.len) == -1 || fsync(p->fd) == -1 ||
	    rename(from, to) == -1) {
		rc = failed(to, errno, err);
		spool_release(p);
	} else {
		p->written = true;
		sync_folder(p);
	}
	buf_wipe(&text);
	return rc;
}

void
spool_forget(const char *state_dir, const char *name)
{
	struct err err;
	int dir = spool_open(state_dir, &err);

	if (dir == -1)
		return;
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		log_warn("spool", "%s/spool/%s: %s", state_dir, name,
		    strerror(errno));
	close(dir);
}

static int
is_reserved(const struct dirent *e)
{
	return strncmp(e->d_name, RESERVED, strlen(RESERVED)) == 0;
}

void
spool_sweep(int dir)
{
	time_t old = (time_t)(clock_wall_ms() / 1000) - RESERVED_S;
	struct dirent **names;
	struct stat st;
	int n = scandirat(dir, ".", &names, is_reserved, NULL);

	for (int i = 0; i < n; i++) {
		if (fstatat(dir, names[i]->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
			0 && st.st_mtime < old)
			unlinkat(dir, names[i]->d_name, 0);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}
