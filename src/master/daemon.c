/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/daemon.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What comes through the pipe: the status in one byte, then the reason.  Nothing
 * at all: the daemon died. */
static _Noreturn void
wait_for(int fd)
{
	char text[4096];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 &&
	    ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0 ||
	    (n == -1 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	text[len] = '\0';
	if (len == 0) {
		fprintf(stderr,
		    "slackmcpd: the daemon died while it started; see its "
		    "log\n");
		_exit(1);
	}
	if (len > 1)
		fprintf(stderr, "slackmcpd: %s%s", text + 1,
		    text[len - 1] == '\n' ? "" : "\n");
	_exit((unsigned char)text[0]);
}

int
daemon_leave(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1) {
		fprintf(stderr, "slackmcpd: pipe: %s\n", strerror(errno));
		return -1;
	}
	fflush(NULL);
	pid = fork();
	if (pid == -1) {
		fprintf(stderr, "slackmcpd: fork: %s\n", strerror(errno));
		return -1;
	}
	if (pid > 0) {
		close(fds[1]);
		wait_for(fds[0]);
	}
	close(fds[0]);
	if (setsid() == -1 || chdir("/") == -1) {
		fprintf(stderr, "slackmcpd: %s\n", strerror(errno));
		_exit(1);
	}
	return fds[1];
}

void
daemon_let_go(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return;
	for (int i = 0; i < 3; i++)
		if (i == 0 || i != log_fd() || isatty(i))
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

void
daemon_tell(int *fd, int status, const char *why)
{
	char byte = (char)status;

	if (*fd == -1)
		return;
	if (write(*fd, &byte, 1) == 1 && write(*fd, why, strlen(why)) == -1)
		fprintf(stderr, "slackmcpd: %s\n", why);
	close(*fd);
	*fd = -1;
	if (status == 0)
		daemon_let_go();
}
