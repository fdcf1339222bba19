/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/word.h"
#include "job/scrub.h"

#include "base/log.h"
#include "base/mem.h"
#include "run.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Ids in texts and in the log's files, whole and nothing else. */

#define N(a)	((int)(sizeof(a) / sizeof((a)[0])))

static const struct {
	const char *text, *word, *left;
} words[] = {
	{ "", "U12", "" },
	{ "U12", "U12", "***" },
	{ "U12 U123 XU12 9U12", "U12", "*** U123 XU12 9U12" },
	{ "team=T1\\nT1,T1-T1", "T1", "team=**\\n**,**-**" },
	{ "u12 u123 U12", "u12", "*** u123 U12" },
	{ "U1U1", "U1", "U1U1" },
	{ "aU12z", "U12", "a***z" },
	{ "no", "", "no" },
};

START_TEST(whole_ones)
{
	char text[64];

	snprintf(text, sizeof(text), "%s", words[_i].text);
	word_blot(text, strlen(text), words[_i].word);
	ck_assert_str_eq(text, words[_i].left);
}
END_TEST

static char folder[64], path[96];

static void
begin(void)
{
	log_quiet();
	snprintf(folder, sizeof(folder), "/tmp/slackmcp-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/d.log", folder);
}

static void
end(void)
{
	static const char *const names[] = { "d.log", "d.log.1", "d.log-2026", "d.log.2.gz",
		"d.log.3", "d.logs", "other" };
	char name[128];

	for (int i = 0; i < N(names); i++) {
		snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
		unlink(name);
	}
	rmdir(folder);
}

static void
write_file(const char *name, const char *text, size_t len)
{
	char full[128];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", folder, name);
	f = fopen(full, "w");
	ck_assert_uint_eq(fwrite(text, 1, len, f), len);
	fclose(f);
}

static char *
read_all(const char *name, size_t *len)
{
	char full[128], *text = mem_new(1 << 20);
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", folder, name);
	f = fopen(full, "r");
	*len = fread(text, 1, 1 << 20, f);
	fclose(f);
	return text;
}

/* Every place around the edge of two windows. */
START_TEST(at_the_edges)
{
	enum { SIZE = 3 * 65536 };
	char *text = mem_new(SIZE), *after;
	struct log_files l;
	size_t len;

	for (int at = 65536 - 24; at < 65536 + 8; at++) {
		memset(text, '.', SIZE);
		memcpy(text + at, "T0ACME0001", 10);
		memcpy(text + 2 * 65536 - 30 + at % 32, "T0ACME00012", 11);
		write_file("d.log", text, SIZE);
		log_files_open(&l, path);
		ck_assert_int_eq((int)scrub_logs(&l, "T0ACME0001"), 1);
		ck_assert_int_eq((int)scrub_logs(&l, "T0ACME0001"), 0);
		log_files_close(&l);
		after = read_all("d.log", &len);
		ck_assert_uint_eq(len, SIZE);
		memset(text + at, '*', 10);
		ck_assert_int_eq(memcmp(text, after, SIZE), 0);
		free(after);
	}
	free(text);
}
END_TEST

START_TEST(rotations)
{
	static const char *const bad[] = { "d.log.2.gz", "d.log.3" };
	char target[128], name[128];
	struct log_files l;
	size_t good = 0, packed = 0;

	write_file("d.log", "T1", 2);
	write_file("d.log.1", "T1 T1", 5);
	write_file("d.log-2026", "T1", 2);
	write_file("d.log.2.gz", "T1", 2);
	write_file("d.logs", "T1", 2);
	write_file("other", "T1", 2);
	snprintf(target, sizeof(target), "%s/other", folder);
	snprintf(name, sizeof(name), "%s/d.log.3", folder);
	ck_assert_int_eq(symlink(target, name), 0);
	log_files_open(&l, path);
	ck_assert_uint_eq(l.n, 5);
	ck_assert_int_eq((int)scrub_logs(&l, "T1"), 4);
	for (size_t i = 0; i < l.n; i++) {
		good += l.of[i].fd != -1;
		packed += l.of[i].packed;
		for (int k = 0; k < N(bad); k++)
			if (strstr(l.of[i].path, bad[k]) != NULL)
				ck_assert_ptr_nonnull(l.of[i].why);
	}
	ck_assert_uint_eq(good, 3);
	ck_assert_uint_eq(packed, 1);
	log_files_close(&l);
	unlink(name);
	ck_assert_int_eq(link(target, name), 0);	/* a second name */
	log_files_open(&l, path);
	ck_assert_int_eq((int)scrub_logs(&l, "T1"), 0);
	log_files_close(&l);
	log_files_open(&l, "stderr");
	ck_assert_uint_eq(l.n, 0);
	ck_assert_int_eq((int)scrub_logs(&l, "T1"), 0);
	ck_assert_int_eq((int)scrub_logs(NULL, "T1"), 0);
}
END_TEST

/* The last one stands for all that were not opened, and says so. */
START_TEST(more_than_are_opened)
{
	struct log_files l;
	char name[32], full[128];

	for (int i = 0; i < LOG_FILES_MAX + 3; i++) {
		snprintf(name, sizeof(name), "d.log.m%d", i);
		write_file(name, "T1", 2);
	}
	log_files_open(&l, path);
	ck_assert_uint_eq(l.n, LOG_FILES_MAX);
	ck_assert_str_eq(l.of[l.n - 1].why, LOG_FILES_NONE);
	ck_assert_ptr_null(l.of[0].why);
	log_files_close(&l);
	for (int i = 0; i < LOG_FILES_MAX + 3; i++) {
		snprintf(full, sizeof(full), "%s/d.log.m%d", folder, i);
		ck_assert_int_eq(unlink(full), 0);
	}
}
END_TEST

/* Who appends meanwhile loses nothing. */
START_TEST(beside_a_writer)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	struct log_files l;
	size_t len;
	char *text;

	ck_assert_int_eq((int)write(fd, "team=T1\n", 8), 8);
	log_files_open(&l, path);
	ck_assert_int_eq((int)write(fd, "team=T2\n", 8), 8);
	ck_assert_int_eq((int)scrub_logs(&l, "T1"), 1);
	ck_assert_int_eq((int)write(fd, "team=T3\n", 8), 8);
	log_files_close(&l);
	text = read_all("d.log", &len);
	ck_assert_str_eq(text, "team=**\nteam=T2\nteam=T3\n");
	free(text);
	close(fd);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("scrub");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_loop_test(tc, whole_ones, 0, N(words));
	tcase_add_test(tc, at_the_edges);
	tcase_add_test(tc, rotations);
	tcase_add_test(tc, more_than_are_opened);
	tcase_add_test(tc, beside_a_writer);
	return run_case("scrub", tc);
}
