/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

/* One line a call, one write a line (but for log_end), never blocking: what a slow
 * reader does not take is dropped, counted (CNT_LOG_DROPPED) and reported by a
 * later line.
 *
 *	log_info("slack", "conversations.list failed team=%s error=%s", team, e);
 *
 * token, plain clause, then key=value.  Time, level, process name, pid and the
 * request's id are put in front by the log itself.  No secret ever: a struct
 * secret does not fit %s. */
#define LOG_LEVELS(X) \
	X(TRACE, "trace") X(DEBUG, "debug") X(INFO, "info") X(WARN, "warn") \
	X(ERROR, "error") X(FATAL, "fatal") X(SILENT, "silent")
enum log_level {
#define X(name, word) LOG_LEVEL_##name,
	LOG_LEVELS(X)
#undef X
	LOG_LEVEL_COUNT
};

#define LOG_FORMATS(X) X(AUTO, "auto") X(JSON, "json") X(LOGFMT, "logfmt") X(TEXT, "text")
enum log_format {
#define X(name, word) LOG_FORMAT_##name,
	LOG_FORMATS(X)
#undef X
};

/* target: stderr, stdout, syslog, or a file's path.  The file is opened here,
 * so as whoever calls; AUTO is text on a terminal, else json. */
int log_open(const char *target, enum log_format format, struct err *err);
/* The same target anew (USR1); on failure the old one stays. */
int log_reopen(struct err *err);
int log_fd(void);			/* what a child inherits */
void log_take_fd(int fd);		/* a worker's: use this from now on */
void log_level(enum log_level level);
enum log_level log_level_now(void);
void log_process(const char *name);	/* "master", "worker 1", "job prepare" */
/* Drops every line (the unit tests). */
void log_quiet(void);

/* The request whose work goes on now; NULL: none.  Returns the one before,
 * which the caller puts back. */
const char *log_request(const char *id);

void log_at(enum log_level level, const char *token, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define log_trace(...)	log_at(LOG_LEVEL_TRACE, __VA_ARGS__)
#define log_debug(...)	log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)	log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)	log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...)	log_at(LOG_LEVEL_ERROR, __VA_ARGS__)

/* For what many requests may cause see base/trouble.h. */

/* The line of a request that has ended.  In a file these may go out together: once
 * log_gather() was called they are kept until log_flush() or any other line, and
 * later is called for the first of them, to see to a flush in this round of the
 * loop.  later NULL: they are kept no more. */
void log_end(enum log_level level, const char *token, const char *text);
void log_gather(void (*later)(void *arg), void *arg);
void log_flush(void);

/* A bug or no memory: logs and aborts.  The master starts a new worker. */
_Noreturn void fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
