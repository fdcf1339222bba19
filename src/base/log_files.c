/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/log_files.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const packed[] = { ".gz", ".bz2", ".xz", ".zst", ".lz4" };

static bool
is_packed(const char *name)
{
	size_t len = strlen(name), end;

	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		end = strlen(packed[i]);
		if (len > end && strcmp(name + len - end, packed[i]) == 0)
			return true;
	}
	return false;
}

static const char *
open_one(int dir, const char *name, int *fd)
{
	struct stat st;

	*fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW |
	    O_NONBLOCK);
	if (*fd == -1)
		return errno == ENOENT ? NULL : strerror(errno);
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
		return NULL;
	close(*fd);
	*fd = -1;
	return "no plain file with one name";
}

static void
add(struct log_files *l, int dir, const char *folder, const char *name)
{
	struct log_file f = { .fd = -1, .packed = is_packed(name) };

	if (l->n == LOG_FILES_MAX) {
		l->of[l->n - 1].why = LOG_FILES_NONE;
		return;
	}
	f.why = f.packed ? "compressed, until it is rotated away" :
			   open_one(dir, name, &f.fd);
	if (f.why == NULL && f.fd == -1)	/* gone meanwhile */
		return;
	f.path = mem_fmt("%s/%s", folder, name);
	l->of[l->n++] = f;
}

static void
look_through(struct log_files *l, DIR *d, const char *folder, const char *base)
{
	size_t len = strlen(base);
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, base, len) == 0 &&
		    (e->d_name[len] == '\0' || e->d_name[len] == '.' ||
			e->d_name[len] == '-'))
			add(l, dirfd(d), folder, e->d_name);
}

void
log_files_open(struct log_files *out, const char *target)
{
	const char *base = strrchr(target, '/');
	char *folder;
	DIR *d;

	*out = (struct log_files){ .n = 0 };
	if (base == NULL)
		return;
	folder = mem_strn(target, base > target ? (size_t)(base - target) : 1);
	if ((d = opendir(folder)) != NULL) {
		look_through(out, d, folder, base + 1);
		closedir(d);
	} else {
		out->of[out->n++] = (struct log_file){ .path = mem_str(target),
			.fd = -1, .why = strerror(errno) };
	}
	free(folder);
}

void
log_files_close(struct log_files *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->of[i].fd != -1)
			close(l->of[i].fd);
		free(l->of[i].path);
	}
	l->n = 0;
}
