/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/scrub.h"

#include "base/mem.h"
#include "base/word.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW	65536

struct window {
	char bytes[WINDOW];
	size_t len;
	off_t at;		/* of the file */
	bool last;
};

static int
fill(int fd, struct window *w)
{
	ssize_t n;

	w->len = 0;
	while (w->len < WINDOW) {
		n = pread(fd, w->bytes + w->len, WINDOW - w->len,
		    w->at + (off_t)w->len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		w->len += (size_t)n;
	}
	w->last = w->len < WINDOW;
	return 0;
}

/* At an edge it cannot be seen whether the id goes on: the neighbour window, which
 * has a few bytes in common with this, sees it. */
static bool
is_at_edge(const struct window *w, const char *found, size_t n)
{
	return (found == w->bytes && w->at > 0) ||
	    (found + n == w->bytes + w->len && !w->last);
}

static int64_t
blot_window(int fd, struct window *w, const char *id)
{
	const char *end = w->bytes + w->len, *found = w->bytes;
	size_t n = strlen(id);
	int64_t count = 0;
	char blot[256];

	memset(blot, WORD_BLOT, sizeof(blot));
	while ((found = word_find(found, (size_t)(end - found), id)) != NULL) {
		if (!is_at_edge(w, found, n)) {
			if (pwrite(fd, blot, n,
				w->at + (off_t)(found - w->bytes)) != (ssize_t)n)
				return -1;
			count++;
		}
		found += n;
	}
	return count;
}

static int64_t
scrub_file(int fd, const char *id)
{
	struct window *w = mem_new(sizeof(*w));
	int64_t count = 0, n;

	for (;;) {
		n = fill(fd, w) == -1 ? -1 : blot_window(fd, w, id);
		if (n == -1) {
			count = -1;
			break;
		}
		count += n;
		if (w->last)
			break;
		w->at += (off_t)(WINDOW - strlen(id) - 2);
	}
	free(w);
	return count > 0 && fdatasync(fd) == -1 ? -1 : count;
}

int64_t
scrub_logs(struct log_files *l, const char *id)
{
	int64_t count = 0, n;

	if (l == NULL || strlen(id) > 255)
		return 0;
	for (size_t i = 0; i < l->n; i++) {
		if (l->of[i].fd == -1)
			continue;
		n = scrub_file(l->of[i].fd, id);
		if (n == -1) {
			l->of[i].why = strerror(errno);
			close(l->of[i].fd);
			l->of[i].fd = -1;
		} else {
			count += n;
		}
	}
	return count;
}
