/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include "base/buf.h"
#include "base/log.h"

#include <stdint.h>

/* A line before it has a form; log.c alone fills it. */
struct log_line {
	enum log_level level;
	int64_t wall_ms;
	int pid;
	const char *hostname;
	const char *process;
	const char *token;
	const char *request;	/* NULL: none */
	const char *msg;
	size_t len;
	bool cut;		/* msg is only a beginning */
};

/* Adds the line and its \n.  Control characters and bytes that are not UTF-8
 * never come through as they are.  Allocates nothing as long as out has room. */
void log_line_format(struct buf *out, enum log_format format,
    const struct log_line *line);

#endif
