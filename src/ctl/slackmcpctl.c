/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/buf.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_S		330	/* the daemon has shorter deadlines of its own */
#define ANSWER_MAX	(16 * 1024 * 1024)

static int
usage(FILE *to, int status)
{
	fprintf(to, "usage: slackmcpctl [-s SOCKET] [--json] COMMAND …\n"
	    "       slackmcpctl help lists the commands\n");
	return status;
}

/* CONTROL_SOCKET, else where the daemon of root or of this user would have it. */
static void
default_socket(char *out, size_t len)
{
	const char *path = getenv("CONTROL_SOCKET"), *run = getenv("RUN_DIR");
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (path != NULL && path[0] != '\0')
		snprintf(out, len, "%s", path);
	else if (run != NULL && run[0] != '\0')
		snprintf(out, len, "%s/control.sock", run);
	else if (geteuid() == 0)
		snprintf(out, len, "/run/slackmcpd/control.sock");
	else if (xdg != NULL && xdg[0] != '\0')
		snprintf(out, len, "%s/slackmcpd/control.sock", xdg);
	else
		snprintf(out, len, "/tmp/slackmcpd-%u/control.sock",
		    (unsigned)geteuid());
}

static int
dial(const char *path)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(to.sun_path)) {
		fprintf(stderr, "slackmcpctl: %s: the path is too long\n",
		    path);
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (fd != -1) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	}
	if (fd != -1 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	fprintf(stderr, "slackmcpctl: %s: %s%s\n", path, strerror(errno),
	    errno == EACCES ?
		" (root, the daemon's user or CONTROL_GROUP may)" :
		"; is slackmcpd running? -s SOCKET names its control socket");
	if (fd != -1)
		close(fd);
	return -1;
}

/* Words are quoted, so that blanks in them stay. */
static int
put_line(struct buf *line, int json, int argc, char **argv)
{
	if (json)
		buf_str(line, "--json ");
	for (int i = 0; i < argc; i++) {
		char quote = strchr(argv[i], '\'') != NULL ? '"' : '\'';

		if (strpbrk(argv[i], "\r\n") != NULL ||
		    strchr(argv[i], quote) != NULL) {
			fprintf(stderr,
			    "slackmcpctl: \"%s\": line breaks and both kinds "
			    "of "
			    "quotes cannot be sent\n",
			    argv[i]);
			return -1;
		}
		buf_fmt(line, "%c%s%c ", quote, argv[i], quote);
	}
	buf_char(line, '\n');
	return 0;
}

static int
ask(int fd, const struct buf *line, struct buf *answer)
{
	size_t sent = 0;
	ssize_t n = 0;

	while (sent < line->len &&
	    (n = write(fd, line->p + sent, line->len - sent)) > 0)
		sent += (size_t)n;
	for (;;) {
		char *room = buf_room(answer, 16384);

		if (room == NULL || (n = read(fd, room, 16384)) <= 0)
			break;
		answer->len += (size_t)n;
	}
	/* Who is refused is answered before the line was read. */
	return answer->len > 0 && (n == 0 || errno == ECONNRESET) ? 0 : -1;
}

static void
complain(const char *path, int e, const struct buf *answer)
{
	if (e == EAGAIN)
		fprintf(stderr,
		    "slackmcpctl: %s: no answer in %d s; see the log\n", path,
		    WAIT_S);
	else if (answer->len > 0)
		fprintf(stderr, "slackmcpctl: %s: the answer is cut off\n",
		    path);
	else
		fprintf(stderr,
		    "slackmcpctl: %s: closed without an answer; see the "
		    "log\n",
		    path);
}

static int
show(struct buf *answer)
{
	static const char *const bad[] = { "error: ", "{\"error\":" };

	buf_char(answer, '\0');
	for (size_t i = 0; i < 2; i++)
		if (strncmp(answer->p, bad[i], strlen(bad[i])) == 0) {
			fputs(answer->p, i == 0 ? stderr : stdout);
			return 1;
		}
	fputs(answer->p, stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 }
	};
	struct buf line = { .max = 4096 }, answer = { .max = ANSWER_MAX };
	char path[512];
	int c, fd, json = 0, status = 1;

	signal(SIGPIPE, SIG_IGN);
	default_socket(path, sizeof(path));
	while ((c = getopt_long(argc, argv, "+s:jhV", options, NULL)) != -1) {
		if (c == 's')
			snprintf(path, sizeof(path), "%s", optarg);
		else if (c == 'j')
			json = 1;
		else if (c == 'V')
			return printf("slackmcpctl %s\n", PACKAGE_VERSION) < 0;
		else
			return usage(c == 'h' ? stdout : stderr,
			    c == 'h' ? 0 : 64);
	}
	if (optind == argc)
		return usage(stderr, 64);
	if (put_line(&line, json, argc - optind, argv + optind) == -1)
		return 64;
	if (line.over)
		fprintf(stderr,
		    "slackmcpctl: the command is longer than 4096 bytes\n");
	else if ((fd = dial(path)) != -1) {
		errno = 0;
		if (ask(fd, &line, &answer) == -1)
			complain(path, errno, &answer);
		else
			status = show(&answer);
		close(fd);
	}
	buf_wipe(&line);
	buf_wipe(&answer);
	return status;
}
