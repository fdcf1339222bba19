/* SPDX-License-Identifier: ISC */
/* Runs one fuzz target over its corpus without a fuzzer: replay_NAME takes
 * $srcdir/tests/fuzz/corpus/NAME.  Inputs that somebody named are also cut at every
 * byte; those that a fuzzer found and merged bear their hash as name. */
#include "config.h"
#include "fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LONGEST	(1024 * 1024)
#define CUT_LONGEST	4096
#define HASH_LEN	40

static int
give(const unsigned char *p, size_t len)
{
	/* Of exactly that size, so that a sanitizer sees a read behind it. */
	unsigned char *copy = malloc(len != 0 ? len : 1);

	if (copy == NULL)
		return 1;
	if (len != 0)
		memcpy(copy, p, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	return 0;
}

static int
replay(const char *path, bool whole)
{
	static unsigned char bytes[FILE_LONGEST];
	FILE *f = fopen(path, "rb");
	size_t len;

	if (f == NULL) {
		perror(path);
		return 1;
	}
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	for (size_t cut = 0; !whole && cut < len && cut < CUT_LONGEST; cut++)
		if (give(bytes, cut) != 0)
			return 1;
	return give(bytes, len);
}

int
main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *name = strrchr(argv[0], '_');
	char folder[1024], path[2048];
	struct dirent *entry;
	int files = 0;
	DIR *dir;

	if (argc > 1)
		return replay(argv[1], false);
	if (name == NULL)
		return 2;
	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s",
	    srcdir != NULL ? srcdir : ".", name + 1);
	if ((dir = opendir(folder)) == NULL) {
		perror(folder);
		return 1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (replay(path, strlen(entry->d_name) == HASH_LEN) != 0)
			return 1;
		files++;
	}
	closedir(dir);
	printf("%s: %d files\n", folder, files);
	return files == 0;
}
