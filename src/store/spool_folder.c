/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/spool_folder.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_SIZE_MAX	65536

int
spool_open(const char *state_dir, struct err *err)
{
	char path[PATH_MAX];
	int dir;

	snprintf(path, sizeof(path), "%s/spool", state_dir);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir == -1)
		return err_set(err,
		    errno == ENOENT ? ERR_NOT_FOUND : ERR_UPSTREAM, "%s: %s",
		    path, strerror(errno));
	return dir;
}

static int
is_spooled(const struct dirent *e)
{
	return spool_kind_of(e->d_name) != -1;
}

/* Their names are their times. */
static int
by_time(const struct dirent **a, const struct dirent **b)
{
	return strcmp(strchr((*a)->d_name, '-'), strchr((*b)->d_name, '-'));
}

int
spool_each(int dir, spool_fn *fn, void *arg)
{
	struct dirent **names;
	int n = scandirat(dir, ".", &names, is_spooled, by_time);
	bool more = true;

	if (n == -1)
		return -1;
	for (int i = 0; i < n; i++) {
		more = more && fn(arg, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return 0;
}

bool
spool_is_held(int dir, const char *name)
{
	int fd = openat(dir, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool held = fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1 &&
	    errno == EWOULDBLOCK;

	if (fd != -1)
		close(fd);
	return held;
}

int
spool_read(int dir, const char *name, struct buf *text)
{
	int fd = openat(dir, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n;
	char *at;

	if (fd == -1)
		return -1;
	at = buf_room(text, FILE_SIZE_MAX);
	while ((n = read(fd, at + text->len, FILE_SIZE_MAX - text->len)) > 0)
		text->len += (size_t)n;
	close(fd);
	at[text->len] = '\0';
	return n == -1 || text->len == FILE_SIZE_MAX ? -1 : 0;
}

struct spooled *
spool_load(int dir, const char *name)
{
	struct spooled *s = mem_new(sizeof(*s));
	struct buf text = { 0 };

	snprintf(s->name, sizeof(s->name), "%s", name);
	if (spool_read(dir, name, &text) == -1 || spool_parse(s,
	    (enum spool_kind)spool_kind_of(name), text.p) == -1) {
		spooled_free(s);
		s = NULL;
	}
	buf_wipe(&text);
	return s;
}

struct search {
	const unsigned char *spent;
	struct spooled *found;
};

static bool
on_file(void *arg, int dir, const char *name)
{
	struct search *search = arg;
	struct spooled *s = spool_kind_of(name) == SPOOL_PAIR ?
	    spool_load(dir, name) : NULL;

	if (s != NULL && s->row.pair.spent_len == CHAIN_HASH &&
	    memcmp(s->row.pair.spent, search->spent, CHAIN_HASH) == 0)
		search->found = s;
	else
		spooled_free(s);
	return search->found == NULL;
}

struct spooled *
spool_find_pair(const char *state_dir, const unsigned char spent[CHAIN_HASH])
{
	struct search search = { .spent = spent };
	struct err err;
	int dir = spool_open(state_dir, &err);

	if (dir == -1)
		return NULL;
	spool_each(dir, on_file, &search);
	close(dir);
	return search.found;
}
