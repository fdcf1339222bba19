/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_FILES_H
#define BASE_LOG_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* The file that LOG_TARGET names and its rotations (FILE.1, FILE-20260131, …), open
 * for reading and for writing within them: for who has to blot something out.  Those
 * who write into them append, so no byte moves. */
#define LOG_FILES_MAX	64
#define LOG_FILES_NONE	"too many of them"

struct log_file {
	char *path;
	int fd;			/* -1 */
	bool packed;		/* compressed: nothing can be blotted in it */
	const char *why;	/* it is not open; else NULL */
};

struct log_files {
	struct log_file of[LOG_FILES_MAX];
	size_t n;
};

/* By whoever may write them.  Nothing when target is no file.  Only plain files with
 * one name: a link could lead anywhere. */
void log_files_open(struct log_files *out, const char *target);
void log_files_close(struct log_files *l);

#endif
