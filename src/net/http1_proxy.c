/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/http1_server.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/trouble.h"
#include "net/proxy.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void
refuse(struct http_conn *c, const char *why)
{
	counter_up(CNT_PROXY_REFUSED);
	if (trouble_met(TROUBLE_PROXY))
		log_warn("http", "a connection was refused, because with"
		    " PROXY_PROTOCOL %s peer=%s", why, c->peer);
	http1_refuse(c, HTTP_ERROR_PROXY);
}

/* Before the first byte of HTTP, and of TLS. */
void
http1_proxy_begin(struct http_conn *c)
{
	const struct networks *from = c->s->conf.proxies;
	struct address peer;

	if (from == NULL) {
		http1_enter(c, PHASE_IDLE);
		return;
	}
	http1_enter(c, PHASE_PROXY);
	if (address_parse(&peer, c->peer, strlen(c->peer)) == -1 ||
	    !networks_have(from, &peer))
		refuse(c, "only TRUSTED_PROXIES may connect");
}

/* Looked at first and taken then: what is behind the header is for TLS or HTTP to
 * read. */
bool
http1_proxy_read(struct http_conn *c)
{
	struct buf *in = &c->conn.in;
	char *chunk = c->s->chunk;
	size_t had = in->len;
	struct proxy proxy;
	ssize_t n, len;

	n = recv(c->conn.fd, chunk, PROXY_LONGEST - had, MSG_PEEK);
	if (n <= 0) {
		c->dead = n == 0 || (errno != EAGAIN && errno != EINTR);
		return false;
	}
	buf_add(in, chunk, (size_t)n);
	len = proxy_parse(&proxy, in->p, in->len);
	if (len == -1) {
		buf_wipe(in);
		refuse(c, "each connection must begin with its header");
		return false;
	}
	if (len > 0)
		n = len - (ssize_t)had;
	if (recv(c->conn.fd, chunk, (size_t)n, 0) != n)
		c->dead = true;
	if (len == 0 || c->dead)
		return false;
	buf_wipe(in);
	if (proxy.told)
		address_text(&proxy.client, c->peer);
	http1_enter(c, PHASE_IDLE);
	return true;
}
