/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "fuzz.h"

#include "base/mem.h"
#include "shm/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The list of sessions that a stop leaves, and ids as clients send them: the first
 * line is an id, the rest that list.
 * covers: shm/session_file.c */

#define SESSIONS	64
#define FIRST_LINE	"slackmcpd sessions 2\n"	/* and one more behind it */

struct seen {
	struct region *r;
	size_t n;
	struct session all[SESSIONS * 8];
};

static void
on_session(void *arg, const struct session *s)
{
	struct seen *seen = arg;

	MUST(memchr(s->id, '\0', sizeof(s->id)) != NULL && s->id[0] != '\0');
	MUST(memchr(s->principal, '\0', sizeof(s->principal)) != NULL);
	MUST(s->made <= s->used);
	MUST(seen->n < sizeof(seen->all) / sizeof(seen->all[0]));
	seen->all[seen->n++] = *s;
}

static struct region *
region(void)
{
	static const struct region_conf conf = { .node = "n1",
		.max_sessions = SESSIONS, .max_sessions_per_key = SESSIONS,
		.session_ttl_ms = INT64_C(1) << 50, .session_max_ms = INT64_C(1) << 50,
		.rows = 1 };

	return region_private(&conf);
}

static int
load(struct region *r, const char *p, size_t len)
{
	int fd = memfd_create("sessions", MFD_CLOEXEC), n;
	char path[64];
	struct err err;

	MUST(fd != -1 && write(fd, p, len) == (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = session_load(r, path, &err);
	MUST((n >= 0) == (len > strlen(FIRST_LINE) &&
	    memcmp(p, FIRST_LINE, strlen(FIRST_LINE)) == 0));
	MUST(n >= 0 || (err.kind == ERR_INPUT && err.text[0] != '\0'));
	close(fd);
	return n;
}

/* What was read is what the next stop leaves. */
static void
again(struct region *from, struct region *to, size_t n)
{
	char path[64], late[80];
	struct err err;

	snprintf(path, sizeof(path), "/tmp/fuzz-session.%d", (int)getpid());
	MUST(session_save(from, path, &err) == (int)n);
	MUST(session_load(to, path, &err) == (int)n);
	MUST(session_count(to) == n);
	unlink(path);
	snprintf(late, sizeof(late), "%s/none", path);
	MUST(session_load(to, late, &err) == 0);
	MUST(session_save(to, late, &err) == -1 && err.kind == ERR_UPSTREAM);
}

static void
drop_all(struct region *r, const struct seen *seen)
{
	struct session s;
	struct err err;

	for (size_t i = 0; i < seen->n; i++) {
		const char *id = seen->all[i].id, *who = seen->all[i].principal;

		MUST(session_get(r, id, "?", &s, &err) == -1);
		MUST(session_get(r, id, who, &s, &err) == 0);
		MUST(strcmp(s.id, id) == 0 && s.version == seen->all[i].version);
		MUST(session_end(r, id, who, &err) == 0);
		MUST(session_get(r, id, who, &s, &err) == -1);
	}
	MUST(session_count(r) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct region *a, *b;
	struct seen *seen = mem_new(sizeof(*seen));
	const char *p = (const char *)bytes, *end = len > 0 ? memchr(p, '\n', len) : NULL;
	size_t id_len = end != NULL ? (size_t)(end - p) : len;
	char *id = mem_strn(p, id_len);
	struct session s;
	struct err err;

	if (a == NULL) {
		a = region();
		b = region();
	}
	load(a, end != NULL ? end + 1 : p, end != NULL ? len - id_len - 1 : 0);
	session_each(a, on_session, seen);
	MUST(session_count(a) == seen->n);
	if (session_get(a, id, "k_one", &s, &err) == 0)
		MUST(strcmp(s.id, id) == 0 && strcmp(s.principal, "k_one") == 0);
	else
		MUST(err.kind == ERR_NOT_FOUND);
	again(a, b, seen->n);
	drop_all(a, seen);
	drop_all(b, seen);
	free(id);
	free(seen);
	return 0;
}
