/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/notify.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEXT_MAX	1024

static void
take_address(struct notify *n, const char *path)
{
	size_t len = strlen(path);

	if (len < 2 || (*path != '/' && *path != '@') ||
	    len >= sizeof(n->to.sun_path)) {
		log_warn("notify", "NOTIFY_SOCKET is neither a path nor @name");
		return;
	}
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, path, len);
	n->len = (unsigned)(offsetof(struct sockaddr_un, sun_path) + len);
	if (*path == '@')
		n->to.sun_path[0] = '\0';	/* the abstract name space: no end */
	else
		n->len++;
}

static int64_t
number(const char *text)
{
	char *end;
	long long value;

	if (text == NULL || *text == '\0')
		return -1;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno != 0 || *end != '\0' || value < 0 ? -1 : value;
}

static void
forget(const char *name)
{
	char *value = getenv(name);

	if (value == NULL)
		return;
	explicit_bzero(value, strlen(value));	/* /proc/PID/environ shows the place */
	unsetenv(name);
}

void
notify_take(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");
	int64_t usec = number(getenv("WATCHDOG_USEC"));
	int64_t pid = number(getenv("WATCHDOG_PID"));

	*n = (struct notify){ 0 };
	if (path != NULL)
		take_address(n, path);
	if (usec > 0 && (pid == -1 || pid == getpid()))
		n->watchdog_ms = usec / 2000 > 0 ? usec / 2000 : 1;
	forget("NOTIFY_SOCKET");
	forget("WATCHDOG_USEC");
	forget("WATCHDOG_PID");
}

static int
send_text(const struct notify *n, const char *text)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ssize_t sent;
	int why;

	if (fd == -1)
		return errno;
	sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (const struct sockaddr *)&n->to, n->len);
	why = sent == -1 ? errno : 0;
	close(fd);
	return why;
}

void
notify_tell(struct notify *n, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	int why;

	if (n->len == 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	why = send_text(n, text);
	if (why != 0 && n->lost++ == 0)
		log_warn("notify", "the service manager was not told: %s",
		    strerror(why));
	else if (why == 0)
		n->lost = 0;
}

void
notify_watchdog(struct notify *n, int64_t now)
{
	if (n->watchdog_ms == 0 || now - n->told < n->watchdog_ms)
		return;
	n->told = now;
	notify_tell(n, "WATCHDOG=1");
}
