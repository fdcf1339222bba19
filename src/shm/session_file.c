/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "shm/session.h"

#include "base/clock.h"
#include "shm/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The list that a stop leaves: a line a session, with ages in place of times (the
 * monotonic clock starts anew with the machine).  A version in the first line. */
#define FIRST_LINE	"slackmcpd sessions 2"
#define AGE_MAX		(INT64_C(1) << 60)	/* us: nobody adds up to an overflow */
#define FIELDS		"%63s %39s %d %d %x %" SCNd64 " %" SCNd64

struct saving {
	FILE *f;
	int64_t now;
	int64_t wall;
	int n;
};

static void
save_one(void *arg, const struct session *s)
{
	struct saving *to = arg;

	fprintf(to->f, "%s %s %d %d %x %" PRId64 " %" PRId64 "\n", s->id,
	    s->principal, s->version, s->log_level, s->caps, to->now - s->made,
	    to->now - s->used);
	to->n++;
}

static FILE *
open_new(const char *path, char *tmp, size_t len, struct err *err)
{
	mode_t mask = umask(077);
	FILE *f;

	snprintf(tmp, len, "%s.new", path);
	unlink(tmp);
	f = fopen(tmp, "wxe");
	umask(mask);
	if (f == NULL)
		err_set(err, ERR_UPSTREAM, "%s: %s", tmp, strerror(errno));
	return f;
}

int
session_save(struct region *r, const char *path, struct err *err)
{
	struct saving to = { .now = clock_us(), .wall = clock_wall_ms() };
	char tmp[4096];
	int bad;

	if ((to.f = open_new(path, tmp, sizeof(tmp), err)) == NULL)
		return -1;
	fprintf(to.f, FIRST_LINE "\n%" PRId64 "\n", to.wall);
	session_each(r, save_one, &to);
	bad = fflush(to.f) != 0 || ferror(to.f) || fsync(fileno(to.f)) != 0;
	if (fclose(to.f) != 0 || bad || rename(tmp, path) == -1) {
		err_set(err, ERR_UPSTREAM, "%s: %s", path, strerror(errno));
		unlink(tmp);
		return -1;
	}
	return to.n;
}

/* The wall clock tells how long the daemon was down; one that went backwards
 * adds nothing. */
static int
read_lines(struct region *r, FILE *f, int64_t down)
{
	int64_t now = clock_us(), made, used;
	struct session s;
	struct err err;
	char line[256];
	int n = 0;

	while (fgets(line, sizeof(line), f) != NULL) {
		memset(&s, 0, sizeof(s));
		/* NOLINTNEXTLINE(cert-err34-c): the ranges are checked just below */
		if (sscanf(line, FIELDS, s.id, s.principal, &s.version,
			&s.log_level, &s.caps, &made, &used) != 7 ||
		    used < 0 || used > made || made > AGE_MAX)
			continue;
		s.made = now - made - down;
		s.used = now - used - down;
		n += session_restore(r, &s, &err) == 0;
	}
	return n;
}

int
session_load(struct region *r, const char *path, struct err *err)
{
	FILE *f = fopen(path, "re");
	char line[64];
	int64_t down, now = clock_wall_ms();
	int n = -1;

	if (f == NULL && errno == ENOENT)
		return 0;
	if (f == NULL)
		return err_set(err, ERR_UPSTREAM, "%s: %s", path,
		    strerror(errno));
	if (fgets(line, sizeof(line), f) == NULL ||
	    strcmp(line, FIRST_LINE "\n") != 0 ||
	    fgets(line, sizeof(line), f) == NULL) {
		err_set(err, ERR_INPUT,
		    "%s: not a list of sessions of this version", path);
	} else {
		down = strtoll(line, NULL, 10);
		down = down >= 0 && down < now ? (now - down) * 1000 : 0;
		n = read_lines(r, f, down);
	}
	fclose(f);
	return n;
}
