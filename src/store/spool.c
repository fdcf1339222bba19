/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/spool.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file: the line below, then a line "name value" for each field in the table's
 * order (texts and bytes as base64), then "end". */
#define LAST_LINE	"end\n"
#define RESERVED	"new-"
#define RESERVED_S	3600	/* none is needed so long */
#define ROOM		16384	/* what a file is made of has its own limits */
#define FILE_SIZE_MAX	65536

enum field_kind { END_FIELD, TEXT_FIELD, BYTES_FIELD, INT_FIELD, STATE_FIELD };

#define FIELD(kind, name)	{ kind, #name, offsetof(ROW, name), 0 }
#define BYTES_OF(name)		{ BYTES_FIELD, #name, offsetof(ROW, name), \
	offsetof(ROW, name##_len) }

struct field {
	enum field_kind kind;
	const char *name;
	size_t at, len_at;
};

#define ROW	struct install_row
static const struct field install_fields[] = {
	FIELD(TEXT_FIELD, enterprise_id), FIELD(TEXT_FIELD, team_id),
	FIELD(TEXT_FIELD, app_id), FIELD(TEXT_FIELD, team_name),
	FIELD(TEXT_FIELD, team_url), FIELD(TEXT_FIELD, key_id),
	BYTES_OF(bot_token), BYTES_OF(refresh_token),
	FIELD(INT_FIELD, expires), FIELD(TEXT_FIELD, scopes),
	FIELD(TEXT_FIELD, bot_user_id), FIELD(TEXT_FIELD, bot_id),
	FIELD(TEXT_FIELD, installer), FIELD(INT_FIELD, made),
	FIELD(INT_FIELD, updated), FIELD(STATE_FIELD, state),
	{ .kind = END_FIELD },
};
#undef ROW

#define ROW	struct chain_pair
static const struct field pair_fields[] = {
	FIELD(TEXT_FIELD, enterprise_id), FIELD(TEXT_FIELD, team_id),
	FIELD(TEXT_FIELD, holder), BYTES_OF(spent), BYTES_OF(next),
	FIELD(TEXT_FIELD, key_id), BYTES_OF(token), BYTES_OF(refresh),
	FIELD(INT_FIELD, expires), FIELD(TEXT_FIELD, scopes),
	FIELD(INT_FIELD, made), { .kind = END_FIELD },
};
#undef ROW

#define FIELDS_MAX	20

union row {
	struct install_row install;
	struct chain_pair pair;
};

static int store_install(struct store *st, struct event_base *base,
    const union row *row, struct err *err);
static int store_pair(struct store *st, struct event_base *base,
    const union row *row, struct err *err);

/* What is spooled; of a file's name the first word. */
static const struct kind {
	const char *prefix, *first_line;
	const struct field *fields;
	int (*store)(struct store *st, struct event_base *base,
	    const union row *row, struct err *err);
} kinds[] = {
	[SPOOL_INSTALL] = { "install-", "slackmcpd install 1\n", install_fields, store_install },
	[SPOOL_PAIR] = { "pair-", "slackmcpd pair 1\n", pair_fields, store_pair },
};
struct spooled {
	union row row;
	struct buf values[FIELDS_MAX];	/* what the row's pointers point to */
	char name[SPOOL_NAME];
};

/* ---- writing ---- */

static void
put_field(struct buf *out, const struct field *f, const void *row)
{
	const char *at = (const char *)row + f->at;
	const char *text;

	buf_fmt(out, "%s ", f->name);
	switch (f->kind) {
	case INT_FIELD:
		buf_fmt(out, "%" PRId64, *(const int64_t *)at);
		break;
	case STATE_FIELD:
		buf_str(out,
		    install_state_word(*(const enum install_state *)at));
		break;
	case TEXT_FIELD:
	case BYTES_FIELD:
	case END_FIELD:
		text = *(const char *const *)at;
		crypto_b64(out, text, f->kind == TEXT_FIELD ? strlen(text) :
		    *(const size_t *)((const char *)row + f->len_at));
	}
	buf_char(out, '\n');
}

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
	    kinds[kind].prefix, clock_wall_ms(), word);
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
	const struct kind *kind = &kinds[p->kind];
	char from[PATH_MAX], to[PATH_MAX];
	struct buf text = { 0 };
	int rc = 0;

	buf_str(&text, kind->first_line);
	for (const struct field *f = kind->fields; f->kind != END_FIELD; f++)
		put_field(&text, f, row);
	buf_str(&text, LAST_LINE);
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

/* ---- reading ---- */

static int
take_int(const char *value, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(value, &end, 10);
	return errno == 0 && end != value && *end == '\0' ? 0 : -1;
}

static int
take_field(struct spooled *s, const struct field *f, struct buf *b,
    const char *value)
{
	char *at = (char *)&s->row + f->at;
	int state;

	switch (f->kind) {
	case INT_FIELD:
		return take_int(value, (int64_t *)at);
	case STATE_FIELD:
		if ((state = install_state_of(value)) == -1)
			return -1;
		*(enum install_state *)at = (enum install_state)state;
		return 0;
	case TEXT_FIELD:
	case BYTES_FIELD:
	case END_FIELD:
		if (crypto_unb64(b, value, strlen(value)) == -1)
			return -1;
		*(const char **)at = b->len > 0 ? b->p : "";
		if (f->kind == BYTES_FIELD)
			*(size_t *)((char *)&s->row + f->len_at) = b->len;
		else if (b->len > 0 && strlen(b->p) != b->len)
			return -1;
	}
	return 0;
}

/* text is cut up in place. */
static int
parse(struct spooled *s, const struct kind *kind, char *text)
{
	char *at = text, *line;
	struct buf *value = s->values;

	if (strncmp(at, kind->first_line, strlen(kind->first_line)) != 0)
		return -1;
	at += strlen(kind->first_line);
	for (const struct field *f = kind->fields; f->kind != END_FIELD; f++) {
		size_t n = strlen(f->name);

		if ((line = strsep(&at, "\n")) == NULL || at == NULL ||
		    strncmp(line, f->name, n) != 0 || line[n] != ' ' ||
		    take_field(s, f, value++, line + n + 1) == -1)
			return -1;
	}
	return strcmp(at, LAST_LINE) == 0 ? 0 : -1;
}

/* Its writer lives, and is not through with it. */
static bool
is_held(int dir, const char *name)
{
	int fd = openat(dir, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool held = fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1 &&
	    errno == EWOULDBLOCK;

	if (fd != -1)
		close(fd);
	return held;
}

static int
read_file(int dir, const char *name, char *text)
{
	int fd = openat(dir, name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n, len = 0;

	if (fd == -1)
		return -1;
	while ((n = read(fd, text + len, (size_t)(FILE_SIZE_MAX - len))) > 0)
		len += n;
	close(fd);
	if (n == -1 || len == FILE_SIZE_MAX)
		return -1;
	text[len] = '\0';
	return 0;
}

/* ---- storing ---- */

struct put {
	bool over, newer;
	int rc;
	struct err *err;
	int64_t updated;
};

static void
on_times(void *arg, const struct answer *a)
{
	struct put *p = arg;

	p->newer = a->rows > 0 && (answer_at(a, 0, 0)->n >= p->updated ||
	    answer_at(a, 0, 1)->n > p->updated);
}

static void
on_put(void *arg, const struct err *err)
{
	struct put *p = arg;

	p->over = true;
	if (err != NULL) {
		*p->err = *err;
		p->rc = -1;
	}
}

/* What was installed again or revoked since is not undone; nor what is there by now,
 * since its tokens may have been renewed. */
static int
store_install(struct store *st, struct event_base *base,
    const union row *any, struct err *err)
{
	const struct install_row *row = &any->install;
	struct put p = { .err = err, .updated = row->updated };

	if (store_wait(st, base,
		UNIT(DO(INSTALL_TIMES, TEXT(row->enterprise_id),
		    TEXT(row->team_id))),
		store_timeout(st), on_times, &p, err) == -1)
		return -1;
	if (p.newer) {
		log_info("spool",
		    "an install is in the store, or a newer one team=%s",
		    row->team_id);
		return 0;
	}
	install_put(st, row, store_timeout(st), on_put, &p);
	while (!p.over)
		event_base_loop(base, EVLOOP_ONCE);
	if (p.rc == 0)
		log_info("spool", "an install was stored team=%s",
		    row->team_id);
	return p.rc;
}

static void
on_spent(void *arg, bool hit, const struct err *err)
{
	struct put *p = arg;

	p->newer = !hit;
	on_put(p, err);
}

static int
store_pair(struct store *st, struct event_base *base, const union row *any,
    struct err *err)
{
	const struct chain_pair *pair = &any->pair;
	const char *team = pair->team_id[0] != '\0' ? pair->team_id :
	    pair->enterprise_id;
	struct put p = { .err = err };

	chain_spend(st, pair, on_spent, &p);
	while (!p.over)
		event_base_loop(base, EVLOOP_ONCE);
	if (p.rc == 0)
		log_info("spool", p.newer ?
		    "a token pair was overtaken by a newer one team=%s" :
		    "a token pair was stored team=%s", team);
	return p.rc;
}

/* What cannot be read now cannot be read in two seconds either: it is told once,
 * and kept for whoever can mend it. */
static int
put_aside(int dir, const char *name, struct err *err)
{
	char aside[300];

	snprintf(aside, sizeof(aside), "bad-%s", name);
	if (renameat(dir, name, dir, aside) == -1)
		return errno == ENOENT ? 0 : err_set(err, ERR_INPUT,
		    "STATE_DIR/spool/%s is no whole answer of "
		    "this version: look at it and remove it",
		    name);
	counter_up(CNT_SPOOL_ASIDE);
	log_error("spool",
	    "STATE_DIR/spool/%s is no whole answer of this version: look at "
	    "it, and remove it, or mend it and take away the bad-",
	    aside);
	return 0;
}

static const struct kind *
kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return &kinds[i];
	return NULL;
}

/* NULL: it is not there any more, or no whole one. */
static struct spooled *
load(int dir, const char *name)
{
	struct spooled *s = mem_new(sizeof(*s));
	char *text = mem_new(FILE_SIZE_MAX + 1);

	snprintf(s->name, sizeof(s->name), "%s", name);
	if (read_file(dir, name, text) == -1 ||
	    parse(s, kind_of(name), text) == -1) {
		spooled_free(s);
		s = NULL;
	}
	explicit_bzero(text, FILE_SIZE_MAX + 1);
	free(text);
	return s;
}

void
spooled_free(struct spooled *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < FIELDS_MAX; i++)
		buf_wipe(&s->values[i]);
	free(s);
}

const struct chain_pair *
spooled_pair(const struct spooled *s)
{
	return &s->row.pair;
}

const char *
spooled_name(const struct spooled *s)
{
	return s->name;
}

static int
replay_file(int dir, const char *name, struct store *st,
    struct event_base *base, struct err *err)
{
	struct spooled *s;
	int rc;

	if (is_held(dir, name))
		return 0;
	if ((s = load(dir, name)) == NULL)
		return put_aside(dir, name, err);
	rc = kind_of(name)->store(st, base, &s->row, err);
	if (rc == 0 && unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		rc = err_set(err, ERR_UPSTREAM, "STATE_DIR/spool/%s: %s", name,
		    strerror(errno));
	spooled_free(s);
	return rc;
}

static int
open_spool(const char *state_dir, struct err *err)
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
	return kind_of(e->d_name) != NULL;
}

static int
by_time(const struct dirent **a, const struct dirent **b)
{
	return strcmp(strchr((*a)->d_name, '-'), strchr((*b)->d_name, '-'));
}

static int
is_reserved(const struct dirent *e)
{
	return strncmp(e->d_name, RESERVED, strlen(RESERVED)) == 0;
}

/* Places that were neither used nor given back: their process died. */
static void
sweep(int dir)
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

/* One file's failure is its own, the store's is everybody's. */
static int
replay_all(int dir, struct dirent **names, int n, struct store *st,
    struct event_base *base, struct err *err)
{
	int rc = 0;

	for (int i = 0; i < n; i++)
		if (replay_file(dir, names[i]->d_name, st, base, err) == -1) {
			rc = -1;
			if (err->kind == ERR_UPSTREAM ||
			    err->kind == ERR_TIMEOUT)
				break;
		}
	return rc;
}

/* Their names are their times: oldest first. */
int
spool_replay(const char *state_dir, struct store *st, struct event_base *base,
    struct err *err)
{
	int dir = open_spool(state_dir, err), n, rc;
	struct dirent **names;

	if (dir == -1)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	sweep(dir);
	n = scandirat(dir, ".", &names, is_spooled, by_time);
	if (n == -1) {
		rc = err_set(err, ERR_UPSTREAM, "%s/spool: %s", state_dir,
		    strerror(errno));
	} else {
		rc = replay_all(dir, names, n, st, base, err);
		for (int i = 0; i < n; i++)
			free(names[i]);
		free(names);
	}
	close(dir);
	return rc;
}

bool
spool_waits(const char *state_dir)
{
	struct err err;
	int dir = open_spool(state_dir, &err);
	struct dirent *e;
	bool found = false;
	DIR *d;

	if (dir == -1)
		return false;
	if ((d = fdopendir(dir)) == NULL) {
		close(dir);
		return true;		/* it will be told why */
	}
	while (!found && (e = readdir(d)) != NULL)
		found = is_spooled(e) != 0 && !is_held(dirfd(d), e->d_name);
	closedir(d);
	return found;
}

struct spooled *
spool_find_pair(const char *state_dir, const unsigned char spent[CHAIN_HASH])
{
	struct err err;
	struct dirent **names;
	struct spooled *found = NULL, *s;
	int dir = open_spool(state_dir, &err), n;

	if (dir == -1)
		return NULL;
	n = scandirat(dir, ".", &names, is_spooled, by_time);
	for (int i = 0; i < n; i++) {
		if (found == NULL &&
		    kind_of(names[i]->d_name) == &kinds[SPOOL_PAIR] &&
		    (s = load(dir, names[i]->d_name)) != NULL) {
			if (s->row.pair.spent_len == CHAIN_HASH &&
			    memcmp(s->row.pair.spent, spent, CHAIN_HASH) == 0)
				found = s;
			else
				spooled_free(s);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	close(dir);
	return found;
}

void
spool_forget(const char *state_dir, const char *name)
{
	struct err err;
	int dir = open_spool(state_dir, &err);

	if (dir == -1)
		return;
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		log_warn("spool", "%s/spool/%s: %s", state_dir, name,
		    strerror(errno));
	close(dir);
}

/* ---- forgetting ---- */

/* By its lines: also of one that is no whole answer. */
static bool
has_line(const char *text, const char *name, const char *value)
{
	struct buf line = { 0 };
	bool has;

	buf_fmt(&line, "\n%s ", name);
	crypto_b64(&line, value, strlen(value));
	buf_char(&line, '\n');
	has = strstr(text, line.p) != NULL;
	buf_wipe(&line);
	return has;
}

static bool
tells_of(const char *text, const char *team, const char *user)
{
	if (user != NULL)
		return has_line(text, "installer", user) ||
		    has_line(text, "holder", user);
	return has_line(text, "team_id", team) ||
	    (has_line(text, "enterprise_id", team) &&
		has_line(text, "team_id", ""));
}

static int
purge_file(int dir, const char *name, const char *team, const char *user,
    struct err *err)
{
	char *text = mem_new(FILE_SIZE_MAX + 1);
	int rc = 0;

	if (read_file(dir, name, text) == 0 && tells_of(text, team, user))
		rc = unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 1 :
		    err_set(err, ERR_UPSTREAM, "STATE_DIR/spool/%s: %s", name,
			strerror(errno));
	explicit_bzero(text, FILE_SIZE_MAX + 1);
	free(text);
	return rc;
}

int
spool_purge(const char *state_dir, const char *team, const char *user,
    struct err *err)
{
	int dir = open_spool(state_dir, err), n = 0, rc = 0;
	struct dirent *e;
	DIR *d;

	if (dir == -1)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	if ((d = fdopendir(dir)) == NULL) {
		close(dir);
		return err_set(err, ERR_UPSTREAM, "%s/spool: %s", state_dir,
		    strerror(errno));
	}
	while (rc >= 0 && (e = readdir(d)) != NULL) {
		rc = purge_file(dir, e->d_name, team, user, err);
		n += rc > 0;
	}
	closedir(d);
	return rc < 0 ? -1 : n;
}
