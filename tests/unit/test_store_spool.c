/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store_fixture.h"

#include "base/crypto.h"
#include "store/spool.h"
#include "store/spool_replay.h"

#include <fcntl.h>

#define TOKEN	"xoxb-not-a-real-token-1234567890"

static struct keyring *keys;
static struct buf sealed;

static void
seal(const char *team)
{
	char identity[INSTALL_IDENTITY_SIZE];
	struct err err;

	keys = keyring_parse("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", &err);
	ck_assert_ptr_nonnull(keys);
	install_identity(identity, "", team);
	keyring_seal(keys, identity, TOKEN, strlen(TOKEN), &sealed);
}

static void
unseal(void)
{
	keyring_free(keys);
	buf_wipe(&sealed);
}

static struct install_row
row_of(const char *team, int64_t updated)
{
	return (struct install_row){ .enterprise_id = "", .team_id = team, .app_id = "A1",
		.team_name = "line\nbreak = \"caf\303\251\"", .team_url = "https://x.slack.com/",
		.key_id = "k1", .bot_token = sealed.p, .bot_token_len = sealed.len,
		.expires = 5, .scopes = "chat:write", .bot_user_id = "U1", .bot_id = "",
		.installer = "U2", .made = updated, .updated = updated, .state = INSTALL_LIVE };
}

static void
spool(const char *team, int64_t updated)
{
	struct install_row row = row_of(team, updated);
	struct spool_place place;
	struct err err;

	ck_assert_msg(spool_reserve(&place, folder, SPOOL_INSTALL, &err) == 0, "%s", err.text);
	ck_assert_msg(spool_write(&place, &row, &err) == 0, "%s", err.text);
	spool_release(&place);
	ck_assert_int_eq(place.fd, -1);
	ck_assert(spool_waits(folder));
}

static int
replay(void)
{
	struct err err;

	return spool_replay(folder, st, base, &err);
}

static void
write_file(const char *name, const char *text)
{
	char *path = mem_fmt("%s/spool/%s", folder, name);
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

/* Of the one file there is. */
static size_t
read_only_one(char *text, size_t size, char *name, size_t name_size)
{
	char path[300];
	struct dirent *e;
	size_t len = 0;
	struct stat s;
	DIR *d;
	FILE *f;

	snprintf(path, sizeof(path), "%s/spool", folder);
	ck_assert_int_eq(stat(path, &s), 0);
	ck_assert_int_eq((int)(s.st_mode & 0777), 0700);
	ck_assert_ptr_nonnull(d = opendir(path));
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			snprintf(name, name_size, "%s", e->d_name);
	closedir(d);
	snprintf(path, sizeof(path), "%s/spool/%.200s", folder, name);
	ck_assert_int_eq(stat(path, &s), 0);
	ck_assert_int_eq((int)(s.st_mode & 0777), 0600);
	ck_assert_ptr_nonnull(f = fopen(path, "r"));
	len = fread(text, 1, size - 1, f);
	fclose(f);
	text[len] = '\0';
	return len;
}

struct seen {
	int calls;
	size_t n;
	struct install_row row;
	char name[64], token[128], team[16];
};

static void
on_rows(void *arg, const struct install_row *rows, size_t n, const struct err *err)
{
	struct seen *s = arg;

	ck_assert_ptr_null(err);
	s->calls++;
	s->n = n;
	if (n == 0)
		return;
	s->row = rows[n - 1];
	snprintf(s->name, sizeof(s->name), "%s", s->row.team_name);
	snprintf(s->team, sizeof(s->team), "%s", s->row.team_id);
	ck_assert_uint_le(s->row.bot_token_len, sizeof(s->token));
	memcpy(s->token, s->row.bot_token, s->row.bot_token_len);
}

static struct seen
stored(void)
{
	struct seen s = { 0 };

	installs_since(st, 0, on_rows, &s);
	wait_for(&s.calls);
	return s;
}

/* What cannot be an install is put aside, reported once, and stops nobody. */
static const char *const bad[] = {
	"", "slackmcpd install 2\n", "slackmcpd install 1\nenterprise_id \nend\n",
	"slackmcpd install 1\n", "slackmcpd install 1", "garbage",
	"slackmcpd install 1\nteam_id VDE=\n",
};

START_TEST(bad_file_is_put_aside)
{
	ck_assert_int_eq(replay(), 0);		/* no folder: nothing to do */
	seal("T1");
	spool("T1", 100);
	for (int i = 0; i < N(bad); i++) {
		char name[64];

		snprintf(name, sizeof(name), "install-%d", i);
		write_file(name, bad[i]);
	}
	write_file("new-install-half", "half written by a crash");
	ck_assert_int_eq(replay(), 0);
	ck_assert_uint_eq(stored().n, 1);
	for (int i = 0; i < N(bad); i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/spool/bad-install-%d", folder, i);
		ck_assert_int_eq(access(path, F_OK), 0);
	}
	unseal();
}
END_TEST

/* A whole file, cut off at each byte or with one byte changed. */
START_TEST(damaged_file_is_put_aside)
{
	char text[8192], name[256];
	size_t len;
	int left = 0;

	seal("T1");
	spool("T1", 100);
	len = read_only_one(text, sizeof(text), name, sizeof(name));
	ck_assert_ptr_null(strstr(text, TOKEN));
	for (size_t cut = 0; cut < len; cut += 37) {
		char part[8192];

		memcpy(part, text, cut);
		part[cut] = '\0';
		write_file(name, part);
		left += replay();
		ck_assert_uint_eq(stored().n, 0);
	}
	ck_assert_int_eq(left, 0);
	text[strlen("slackmcpd install 1\n")] = 'E';
	write_file(name, text);
	ck_assert_int_eq(replay(), 0);
	ck_assert_uint_eq(stored().n, 0);
	unseal();
}
END_TEST

START_TEST(install_is_replayed)
{
	char identity[INSTALL_IDENTITY_SIZE];
	struct buf plain = { 0 };
	struct seen s;
	struct err err;

	seal("T1");
	spool("T1", 100);
	ck_assert_int_eq(replay(), 0);
	ck_assert_int_eq(replay(), 0);
	s = stored();
	ck_assert_uint_eq(s.n, 1);
	ck_assert_str_eq(s.name, "line\nbreak = \"caf\303\251\"");
	ck_assert_int_eq(s.row.state, INSTALL_LIVE);
	ck_assert_int_eq(s.row.updated, 100);
	ck_assert_uint_eq(s.row.refresh_token_len, 0);
	install_identity(identity, "", "T1");
	ck_assert_int_eq(keyring_open(keys, "k1", identity, s.token, s.row.bot_token_len, &plain,
	    &err), 0);
	ck_assert_str_eq(plain.p, TOKEN);
	buf_wipe(&plain);
	unseal();
}
END_TEST

/* The file lay there while the workspace was installed anew, or revoked. */
START_TEST(newer_row_is_kept)
{
	struct install_row row;
	struct told t = { 0 };

	seal("T1");
	spool("T1", 100);
	row = row_of("T1", 200);
	row.team_name = "newer";
	install_put(st, &row, 5000, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(replay(), 0);
	ck_assert_str_eq(stored().name, "newer");
	spool("T1", 200);		/* was stored before the file could be removed */
	ck_assert_int_eq(replay(), 0);
	ck_assert_str_eq(stored().name, "newer");
	spool("T1", 300);
	spool("T1", 250);
	ck_assert_int_eq(replay(), 0);
	ck_assert_str_eq(stored().name, "line\nbreak = \"caf\303\251\"");
	ck_assert_int_eq(stored().row.updated, 300);
	spool("T1", 400);		/* long ago, by the clock of the revocation */
	t.calls = 0;
	install_set_state(st, "", "T1", INSTALL_LIVE, INSTALL_REVOKED, on_told, &t);
	wait_for(&t.calls);
	ck_assert_int_eq(replay(), 0);
	ck_assert_int_eq(stored().row.state, INSTALL_REVOKED);
	ck_assert_uint_eq(stored().row.bot_token_len, 0);
	unseal();
}
END_TEST

START_TEST(stays_while_the_store_is_away)
{
	seal("T1");
	spool("T1", 100);
	spool("T2", 100);
	spool("T3", 100);
	if (conf.path != NULL) {
		close_store();
		unlink(conf.path);
		conf.create = false;
		open_store();
		ck_assert_int_eq(replay(), -1);
		ck_assert(spool_waits(folder));
	}
	unseal();
}
END_TEST

START_TEST(folder_that_cannot_be_made)
{
	struct spool_place place;
	struct err err;

	ck_assert_int_eq(spool_reserve(&place, "/nonexistent/folder", SPOOL_INSTALL, &err), -1);
	ck_assert_int_eq(err.kind, ERR_UPSTREAM);
	ck_assert_int_eq(place.fd, -1);
	spool_release(&place);
	ck_assert(!spool_waits("/nonexistent/folder"));
}
END_TEST

static int
files(void)
{
	char path[300];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/spool", folder);
	ck_assert_ptr_nonnull(d = opendir(path));
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* The room is taken before it is needed; nothing stays of what was not. */
START_TEST(place_is_reserved)
{
	struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct spool_place a, b, lost;
	struct install_row row;
	char path[300];
	struct stat s;
	struct err err;

	seal("T1");
	ck_assert_int_eq(spool_reserve(&a, folder, SPOOL_INSTALL, &err), 0);
	ck_assert_int_eq(fstat(a.fd, &s), 0);
	ck_assert_int_ge((int)s.st_blocks * 512, 16384);
	ck_assert_int_eq(spool_reserve(&b, folder, SPOOL_INSTALL, &err), 0);
	ck_assert_int_eq(spool_reserve(&lost, folder, SPOOL_INSTALL, &err), 0);
	ck_assert_int_eq(files(), 3);
	ck_assert(!spool_waits(folder));
	spool_release(&b);
	spool_release(&b);
	row = row_of("T1", 100);
	ck_assert_int_eq(spool_write(&a, &row, &err), 0);
	ck_assert_int_eq(files(), 2);
	ck_assert(!spool_waits(folder));	/* its writer is at it */
	ck_assert_int_eq(replay(), 0);
	ck_assert_uint_eq(stored().n, 0);
	spool_release(&a);
	ck_assert_int_eq(files(), 2);
	ck_assert(spool_waits(folder));
	ck_assert_int_eq(replay(), 0);
	ck_assert_uint_eq(stored().n, 1);
	ck_assert_int_eq(files(), 1);		/* young: somebody may be about to use it */
	snprintf(path, sizeof(path), "%s/spool/new-%s", folder, lost.name);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	ck_assert_int_eq(replay(), 0);
	ck_assert_int_eq(files(), 0);
	ck_assert_int_eq(spool_write(&lost, &row, &err), -1);
	ck_assert_int_eq(lost.fd, -1);
	unseal();
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("spool");

	tcase_add_test(tc, folder_that_cannot_be_made);
	tcase_add_test(tc, place_is_reserved);
	tcase_add_test(tc, bad_file_is_put_aside);
	tcase_add_test(tc, damaged_file_is_put_aside);
	tcase_add_test(tc, stays_while_the_store_is_away);
	tcase_add_test(tc, newer_row_is_kept);
	tcase_add_test(tc, install_is_replayed);
	return run_store("store spool", tc);
}
