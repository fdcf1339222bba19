/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/state.h"

#include "admin/health.h"
#include "net/peer.h"

#include <string.h>
#include <unistd.h>

/* HAProxy's agent-check: who connects gets one line and the end.  The line fits
 * the empty buffer of a fresh socket, so nothing is waited for. */
static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct master *m = arg;
	struct buf line = { 0 };
	int fd = peer_accept((int)listener);

	(void)what;
	if (fd == -1)
		return;
	agent_render(m->region, &line);
	(void)!write(fd, line.p, line.len);
	close(fd);
	buf_wipe(&line);
}

int
agent_open(struct master *m, struct err *err)
{
	const struct conf *c = m->conf;

	if (c->agent_port == 0)
		return 0;
	if (listen_open(&m->agent_listen, c->admin_host, c->agent_port, 1,
		"ADMIN_HOST", "AGENT_PORT", err) == -1)
		return -1;
	for (int i = 0; i < m->agent_listen.addresses; i++) {
		m->agent[i] = event_new(m->base, m->agent_listen.fds[i],
		    EV_READ | EV_PERSIST, on_accept, m);
		event_add(m->agent[i], NULL);
	}
	return 0;
}

void
agent_close(struct master *m)
{
	for (int i = 0; i < LISTEN_ADDRESSES; i++) {
		if (m->agent[i] != NULL)
			event_free(m->agent[i]);
		m->agent[i] = NULL;
	}
	listen_close(&m->agent_listen);
}
