/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log_line.h"
#include "base/trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#define LINE_BOUND	8192
#define HEAD_ROOM	1024	/* of a line, for all but its message */
#define KEPT_SIZE	16384
#define DEV_LOG		"/dev/log"

enum sink { SINK_FILE, SINK_PIPE, SINK_SOCKET, SINK_SYSLOG };

static struct {
	int fd;
	enum sink sink;
	bool quiet;
	bool torn;		/* the last line went out in part */
	char target[PATH_MAX];
	enum log_format format;
	enum log_level level;
	char process[32];
	int pid;
	char hostname[HOST_NAME_MAX + 1];
	const char *request;
	unsigned long long dropped;
	void (*later)(void *arg);	/* NULL: every line goes out at once */
	void *later_arg;
	char kept[KEPT_SIZE];	/* lines of requests that have ended */
	size_t nkept, kept_lines;
} now = {
	.fd = STDERR_FILENO, .target = "stderr", .format = LOG_FORMAT_TEXT,
	.level = LOG_LEVEL_INFO, .process = PACKAGE_NAME,
};

static void
copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static int
dev_log_connect(int fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = DEV_LOG };

	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static int
open_syslog(const char *target, struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)target;
	if (fd == -1)
		return err_set(err, ERR_INTERNAL, "socket: %s",
		    strerror(errno));
	if (dev_log_connect(fd) == 0)
		return fd;
	err_set(err, ERR_INPUT, "%s: %s; start syslogd or choose another "
	    "LOG_TARGET", DEV_LOG, strerror(errno));
	close(fd);
	return -1;
}

/* A pipe is opened once more, so that it does not block for us and goes on
 * blocking for those who share it. */
static int
open_standard(int fd)
{
	struct stat st;
	char path[32];
	int own;

	if (fstat(fd, &st) == -1 || !S_ISFIFO(st.st_mode))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return own != -1 ? own : fd;
}

static int
open_stderr(const char *target, struct err *err)
{
	(void)target;
	(void)err;
	return open_standard(STDERR_FILENO);
}

static int
open_stdout(const char *target, struct err *err)
{
	(void)target;
	(void)err;
	return open_standard(STDOUT_FILENO);
}

static int
open_file(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0640);

	if (fd == -1)
		return err_set(err, ERR_INPUT, "LOG_TARGET %s: %s", path,
		    errno == ELOOP ? "a symbolic link; name the file itself" :
		    strerror(errno));
	return fd;
}

static int
open_target(const char *target, struct err *err)
{
	static const struct {
		const char *word;
		int (*open)(const char *target, struct err *err);
	} targets[] = {
		{ "stderr", open_stderr },
		{ "stdout", open_stdout },
		{ "syslog", open_syslog },
	};

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (strcmp(target, targets[i].word) == 0)
			return targets[i].open(target, err);
	return open_file(target, err);
}

static enum sink
sink_of(int fd)
{
	struct stat st;

	if (strcmp(now.target, "syslog") == 0)
		return SINK_SYSLOG;
	if (fstat(fd, &st) == -1)
		return SINK_FILE;
	if (S_ISSOCK(st.st_mode))
		return SINK_SOCKET;
	/* A terminal too may have been stopped. */
	return S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) ? SINK_PIPE :
							     SINK_FILE;
}

void
log_take_fd(int fd)
{
	log_flush();
	if (now.fd > STDERR_FILENO && now.fd != fd)
		close(now.fd);
	if (fd > STDERR_FILENO)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	now.fd = fd;
	now.sink = sink_of(fd);
	now.torn = false;
}

int
log_open(const char *target, enum log_format format, struct err *err)
{
	int fd;

	if (strlen(target) >= sizeof(now.target))
		return err_set(err, ERR_INPUT,
		    "LOG_TARGET: the name is too long");
	if ((fd = open_target(target, err)) == -1)
		return -1;
	copy(now.target, sizeof(now.target), target);
	log_take_fd(fd);
	if (format == LOG_FORMAT_AUTO)
		format = isatty(fd) ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON;
	now.format = format;
	now.quiet = false;
	return 0;
}

int
log_reopen(struct err *err)
{
	int fd = open_target(now.target, err);

	if (fd == -1)
		return -1;
	log_take_fd(fd);
	return 0;
}

int
log_fd(void)
{
	return now.fd;
}

void
log_level(enum log_level level)
{
	now.level = level;
}

enum log_level
log_level_now(void)
{
	return now.level;
}

void
log_process(const char *name)
{
	copy(now.process, sizeof(now.process), name);
	now.pid = (int)getpid();
}

void
log_quiet(void)
{
	now.quiet = true;
}

const char *
log_request(const char *id)
{
	const char *before = now.request;

	now.request = id;
	return before;
}

/* The local form of RFC 3164: priority, time, tag; no host. */
static void
syslog_head(struct buf *out, enum log_level level)
{
	static const int severity[LOG_LEVEL_COUNT] = {
		[LOG_LEVEL_TRACE] = LOG_DEBUG, [LOG_LEVEL_DEBUG] = LOG_DEBUG,
		[LOG_LEVEL_INFO] = LOG_INFO, [LOG_LEVEL_WARN] = LOG_WARNING,
		[LOG_LEVEL_ERROR] = LOG_ERR, [LOG_LEVEL_FATAL] = LOG_CRIT,
		[LOG_LEVEL_SILENT] = LOG_CRIT,
	};
	char head[64], when[32];
	time_t t = time(NULL);
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
	snprintf(head, sizeof(head), "<%d>%s %s[%d]: ",
	    LOG_DAEMON | severity[level], when, PACKAGE_NAME, (int)getpid());
	buf_str(out, head);
}

/* 0, or -1 when the line did not go out whole.  Never waits. */
static int
send_line(const char *p, size_t len)
{
	struct pollfd ready = { .fd = now.fd, .events = POLLOUT };
	ssize_t n;

	switch (now.sink) {
	case SINK_SYSLOG:
		n = send(now.fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		/* syslogd was started anew: its socket is another one. */
		if (n == -1 && (errno == ECONNREFUSED || errno == ENOTCONN) &&
		    dev_log_connect(now.fd) == 0)
			n = send(now.fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		return n == (ssize_t)len ? 0 : -1;
	case SINK_SOCKET:
		n = send(now.fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case SINK_PIPE:
		if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0)
			return -1;
		n = write(now.fd, p, len);
		break;
	default:
		n = write(now.fd, p, len);
		break;
	}
	if (n > 0)
		now.torn = n < (ssize_t)len;
	return n == (ssize_t)len ? 0 : -1;
}

static void
lost(size_t lines)
{
	now.dropped += lines;
	counter_add(CNT_LOG_DROPPED, lines);
	trouble_met(TROUBLE_LOG);
}

void
log_flush(void)
{
	size_t len = now.nkept, lines = now.kept_lines;

	if (len == 0)
		return;
	now.nkept = now.kept_lines = 0;
	if (send_line(now.kept, len) == -1)
		lost(lines);
}

void
log_gather(void (*later)(void *arg), void *arg)
{
	log_flush();
	now.later = later;
	now.later_arg = arg;
}

static void
keep_line(const struct buf *line)
{
	if (line->len > sizeof(now.kept) - now.nkept)
		log_flush();
	if (now.nkept == 0)
		now.later(now.later_arg);
	memcpy(now.kept + now.nkept, line->p, line->len);
	now.nkept += line->len;
	now.kept_lines++;
}

/* Sheds the message's end until the line fits; a pipe takes PIPE_BUF bytes
 * whole or not at all, also with several processes writing into it. */
static int
emit(enum log_level level, const char *token, const char *msg, size_t len,
    bool may_wait)
{
	char space[LINE_BOUND];
	size_t bound = now.sink == SINK_PIPE ? PIPE_BUF : sizeof(space) - 1;
	struct buf out = { .p = space, .room = sizeof(space), .max = bound };
	struct log_line line = {
		.level = level, .wall_ms = clock_wall_ms(),
		.pid = now.pid != 0 ? now.pid : (int)getpid(),
		.hostname = now.hostname, .process = now.process, .token = token,
		.request = now.request, .msg = msg, .len = len,
	};

	if (now.hostname[0] == '\0' &&
	    gethostname(now.hostname, sizeof(now.hostname) - 1) == -1)
		copy(now.hostname, sizeof(now.hostname), "localhost");
	if (line.len > bound - HEAD_ROOM) {
		line.len = bound - HEAD_ROOM;
		line.cut = true;
	}
	for (;;) {
		if (now.torn && now.nkept == 0)
			buf_char(&out, '\n');
		if (now.sink == SINK_SYSLOG)
			syslog_head(&out, level);
		log_line_format(&out, now.format, &line);
		if (!out.over)
			break;
		if (line.len == 0)
			return -1;
		line.len /= 2;
		line.cut = true;
		buf_reset(&out);
	}
	if (now.sink == SINK_SYSLOG)
		out.len--;		/* its datagrams end without \n */
	if (may_wait && now.later != NULL && now.sink == SINK_FILE) {
		keep_line(&out);
		return 0;
	}
	log_flush();
	return send_line(out.p, out.len);
}

static void
report_dropped(void)
{
	char msg[96];
	int n;

	n = snprintf(msg, sizeof(msg), "lines were dropped because the log's "
	    "reader is slow count=%llu", now.dropped);
	if (emit(LOG_LEVEL_WARN, "log", msg, (size_t)n, false) == -1)
		return;
	now.dropped = 0;
	trouble_over(TROUBLE_LOG);
}

static bool
is_shown(enum log_level level)
{
	return !now.quiet && level >= now.level && level < LOG_LEVEL_SILENT;
}

static void
put_text(enum log_level level, const char *token, const char *msg, size_t len,
    bool may_wait)
{
	int before = errno;

	if (now.dropped != 0)
		report_dropped();
	if (emit(level, token, msg, len, may_wait) == -1)
		lost(1);
	errno = before;
}

static void __attribute__((format(printf, 3, 0)))
put(enum log_level level, const char *token, const char *fmt, va_list ap)
{
	char msg[LINE_BOUND];
	int n;

	if (!is_shown(level))
		return;
	n = vsnprintf(msg, sizeof(msg), fmt, ap);
	if (n < 0)
		n = 0;
	if (n >= (int)sizeof(msg))
		n = (int)sizeof(msg) - 1;
	put_text(level, token, msg, (size_t)n, false);
}

void
log_at(enum log_level level, const char *token, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(level, token, fmt, ap);
	va_end(ap);
}

void
log_end(enum log_level level, const char *token, const char *text)
{
	if (is_shown(level))
		put_text(level, token, text, strlen(text), true);
}

void
fatal(const char *fmt, ...)
{
	static bool dying;
	char msg[512];
	va_list ap;

	/* What is said last must be seen, log or not. */
	if (!dying) {
		dying = true;
		va_start(ap, fmt);
		vsnprintf(msg, sizeof(msg), fmt, ap);
		va_end(ap);
		log_at(LOG_LEVEL_FATAL, "fatal", "%s", msg);
		if (now.quiet || strcmp(now.target, "stderr") != 0)
			dprintf(STDERR_FILENO, "%s: %s\n", PACKAGE_NAME, msg);
	}
	abort();
}
