/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "shm/region.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/trouble.h"
#include "shm/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIGN(n)	(((n) + 63) & ~(uint64_t)63)

static void
boot_id(char *out, size_t len)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	out[0] = '\0';
	if (f == NULL)
		return;
	if (fgets(out, (int)len, f) != NULL)
		out[strcspn(out, "\n")] = '\0';
	fclose(f);
}

/* A file that is held is its inode; a private region, its process. */
static uint32_t
mark_of(const struct region *r)
{
	char text[128];
	struct stat st = { .st_ino = (ino_t)getpid() };

	if (r->fd != -1)
		fstat(r->fd, &st);
	snprintf(text, sizeof(text), "%s %llu %llu", r->head->boot_id,
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return (uint32_t)layout_hash(text);
}

/* The head that this configuration asks for. */
static void
plan(struct head *h, const struct region_conf *conf)
{
	uint64_t at = ALIGN(sizeof(*h));
	uint64_t per = ((uint64_t)conf->max_sessions + STRIPES - 1) / STRIPES;

	memset(h, 0, sizeof(*h));
	memcpy(h->magic, REGION_MAGIC, sizeof(h->magic));
	h->layout = REGION_LAYOUT;
	h->sizes = (uint32_t)(sizeof(*h) * 31 + sizeof(struct slot) * 37 +
	    sizeof(struct row) * 41 + sizeof(pthread_mutex_t) * 43 + CNT_COUNT);
	boot_id(h->boot_id, sizeof(h->boot_id));
	snprintf(h->node, sizeof(h->node), "%s", conf->node);
	h->slots = (uint32_t)(per + per / 4 + 8);	/* ids fall unevenly */
	h->rows = (uint32_t)conf->rows;
	h->at_stripes = at;
	at = ALIGN(at + STRIPES * sizeof(pthread_mutex_t));
	h->at_tags = at;
	at = ALIGN(at + (uint64_t)STRIPES * h->slots * sizeof(uint32_t));
	h->at_slots = at;
	at = ALIGN(at + (uint64_t)STRIPES * h->slots * sizeof(struct slot));
	h->at_owners = at;
	at = ALIGN(at + OWNERS * sizeof(struct owner));
	h->at_buckets = at;
	at = ALIGN(at + BUCKETS * sizeof(struct bucket));
	h->at_rows = at;
	at = ALIGN(at + h->rows * sizeof(struct row));
	h->size = at;
}

/* Of this program and boot: what its board says can be read. */
static bool
same_daemon(const struct head *a, const struct head *b)
{
	return memcmp(a->magic, b->magic, sizeof(a->magic)) == 0 &&
	    a->layout == b->layout && a->sizes == b->sizes &&
	    strncmp(a->boot_id, b->boot_id, sizeof(a->boot_id)) == 0;
}

static void
point(struct region *r, void *map)
{
	char *p = map;

	r->head = map;
	r->stripes = (void *)(p + r->head->at_stripes);
	r->tags = (void *)(p + r->head->at_tags);
	r->slot_at = (void *)(p + r->head->at_slots);
	r->owners = (void *)(p + r->head->at_owners);
	r->buckets = (void *)(p + r->head->at_buckets);
	r->rows = (void *)(p + r->head->at_rows);
}

static void
make_locks(struct region *r)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (unsigned i = 0; i < STRIPES; i++)
		pthread_mutex_init(&r->stripes[i], &attr);
	pthread_mutexattr_destroy(&attr);
}

void
region_tune(struct region *r, const struct region_conf *conf)
{
	atomic_store(&r->head->ttl_ms, conf->session_ttl_ms);
	atomic_store(&r->head->max_ms, conf->session_max_ms);
	atomic_store(&r->head->max_sessions, conf->max_sessions);
	atomic_store(&r->head->max_per_key, conf->max_sessions_per_key);
}

/* After a start: nobody else is there, so locks and rows are made anew and every
 * slot is looked at. */
static void
begin(struct region *r, const struct region_conf *conf)
{
	make_locks(r);
	r->head->mark = mark_of(r);
	region_tune(r, conf);
	for (unsigned i = 0; i < r->head->rows; i++) {
		memset(&r->rows[i], 0, sizeof(r->rows[i]));
		atomic_store(&r->rows[i].state, BOARD_FREE);
	}
	memset(r->head->totals, 0, sizeof(r->head->totals));
	for (unsigned i = 0; i < STRIPES; i++)
		session_repair(r, i);
	session_prune(r);
	session_prune(r);	/* twice: the counts of a dead daemon are not believed */
}

/* A number alone may be somebody else's by now. */
static bool
is_ours(int pid)
{
	char path[64], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (pid <= 1 || pid == getpid() || (f = fopen(path, "re")) == NULL)
		return false;
	if (fgets(name, sizeof(name), f) == NULL)
		name[0] = '\0';
	fclose(f);
	return strncmp(name, PACKAGE_NAME, strlen(PACKAGE_NAME)) == 0;
}

/* The pid of a process of ours that row i of an old board names, and its slot;
 * 0: none, -1: there is no such row. */
static int
stray(int fd, const struct head *old, unsigned i, int *slot)
{
	off_t at = (off_t)(old->at_rows + i * sizeof(struct row));
	struct row row;
	int pid;

	if (i >= old->rows ||
	    pread(fd, &row, sizeof(row), at) != (ssize_t)sizeof(row))
		return -1;
	if (atomic_load(&row.state) == BOARD_FREE)
		return 0;
	pid = atomic_load(&row.pid);
	*slot = atomic_load(&row.slot);
	return is_ours(pid) ? pid : 0;
}

/* The processes that an old board names still hold the file: they are strays of
 * a master that died, and of the same daemon (the file says so).  Its sizes may
 * be other ones than ours. */
static void
kill_strays(int fd, const struct head *want)
{
	struct head old;
	int pid, slot;

	if (pread(fd, &old, sizeof(old), 0) != (ssize_t)sizeof(old) ||
	    !same_daemon(&old, want))
		return;
	for (unsigned i = 0; (pid = stray(fd, &old, i, &slot)) != -1; i++)
		if (pid != 0 && slot == BOARD_MASTER)
			return;		/* it lives: they are no strays */
	for (unsigned i = 0; (pid = stray(fd, &old, i, &slot)) != -1; i++) {
		if (pid == 0)
			continue;
		log_warn("region",
		    "killing a process that outlived its master pid=%d", pid);
		kill(pid, SIGKILL);
	}
}

static bool
lock_within(int fd, int wait_ms)
{
	int64_t until = clock_ms() + wait_ms;

	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (clock_ms() >= until)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	return true;
}

static int
open_locked(const struct region_conf *conf, const struct head *want,
    int wait_ms, struct err *err)
{
	int fd = open(conf->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0600);

	if (fd == -1) {
		err_set(err, ERR_UPSTREAM, "region %s: %s", conf->path,
		    strerror(errno));
		return -1;
	}
	if (lock_within(fd, wait_ms))
		return fd;
	kill_strays(fd, want);
	if (lock_within(fd, wait_ms))
		return fd;
	err_set(err, ERR_LIMIT,
	    "region %s: held by another daemon; each daemon needs "
	    "a RUN_DIR of its own",
	    conf->path);
	close(fd);
	return -1;
}

/* Why what lies there is of no use; "": there is nothing, NULL: it is good. */
static const char *
what_is_wrong(int fd, const struct head *want)
{
	struct head old;
	struct stat st;

	if (fstat(fd, &st) == -1 || st.st_size == 0)
		return "";
	if (pread(fd, &old, sizeof(old), 0) != (ssize_t)sizeof(old))
		return "is cut short";
	if (memcmp(old.magic, want->magic, sizeof(old.magic)) != 0 ||
	    old.layout != want->layout || old.sizes != want->sizes)
		return "is of another version";
	if (!same_daemon(&old, want))
		return "is from before the machine was started";
	if ((uint64_t)st.st_size < old.size)
		return "is cut short";
	if ((uint64_t)st.st_size != want->size ||
	    memcmp(&old, want, offsetof(struct head, ttl_ms)) != 0)
		return "is not what NODE_NAME and MAX_SESSIONS ask for";
	return NULL;
}

/* All of its pages are there afterwards: on a full file system the first touch of
 * one would be the end of whoever touches it. */
static int
make_room(int fd, const struct head *want, bool anew, const char *path,
    struct err *err)
{
	int rc;

	if (anew && ftruncate(fd, 0) == -1)
		return err_set(err, ERR_UPSTREAM, "region %s: %s", path,
		    strerror(errno));
	rc = posix_fallocate(fd, 0, (off_t)want->size);
	if (rc != 0)
		return err_set(err, ERR_UPSTREAM,
		    "region %s: no room for %llu KiB: %s", path,
		    (unsigned long long)(want->size / 1024), strerror(rc));
	return 0;
}

static char *guarded;		/* the file's path */

/* A page of the file has gone: there is nothing to go on with.  A fault comes where
 * memory is used, so that all of libc may be called; counters are in there. */
static void
on_fault(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	signal(sig, SIG_DFL);
	counter_attach(NULL);
	trouble_attach(NULL);
	log_error("region",
	    "%s was cut short while it was in use, ending: only a start makes a "
	    "new one", guarded);
	_exit(1);
}

static void
guard(const char *path)
{
	struct sigaction sa = { .sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO };

	free(guarded);
	guarded = mem_str(path);
	sigaction(SIGBUS, &sa, NULL);
}

struct region *
region_open(const struct region_conf *conf, int wait_ms, bool *fresh,
    struct err *err)
{
	struct region *r = mem_new(sizeof(*r));
	const char *wrong;
	struct head want;
	void *map;

	plan(&want, conf);
	r->fd = open_locked(conf, &want, wait_ms, err);
	if (r->fd == -1)
		goto fail;
	wrong = what_is_wrong(r->fd, &want);
	*fresh = wrong != NULL;
	if (*fresh && wrong[0] != '\0')
		log_warn("region",
		    "%s %s: a new one is made, with the sessions that a stop "
		    "has saved", conf->path, wrong);
	if (make_room(r->fd, &want, *fresh, conf->path, err) == -1)
		goto fail;
	map = mmap(NULL, want.size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
	    0);
	if (map == MAP_FAILED) {
		err_set(err, ERR_UPSTREAM, "region %s: mmap: %s", conf->path,
		    strerror(errno));
		goto fail;
	}
	guard(conf->path);
	if (*fresh)
		memcpy(map, &want, sizeof(want));
	point(r, map);
	begin(r, conf);
	flock(r->fd, LOCK_SH);
	return r;
fail:
	region_close(r);
	return NULL;
}

struct region *
region_private(const struct region_conf *conf)
{
	struct region *r = mem_new(sizeof(*r));
	struct head want;
	void *map;

	plan(&want, conf);
	map = mmap(NULL, want.size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		fatal("mmap of %llu bytes: %s", (unsigned long long)want.size,
		    strerror(errno));
	memcpy(map, &want, sizeof(want));
	r->fd = -1;
	point(r, map);
	begin(r, conf);
	return r;
}

int
region_fd(const struct region *r)
{
	return r->fd;
}

void
region_close(struct region *r)
{
	if (r == NULL)
		return;
	if (r->head != NULL)
		munmap(r->head, r->head->size);
	if (r->fd != -1)
		close(r->fd);
	free(r);
}

bool
region_spooled(const struct region *r)
{
	return atomic_load(&r->head->spooled) != 0;
}

void
region_set_spooled(struct region *r, bool spooled)
{
	atomic_store(&r->head->spooled, spooled);
}
