/* SPDX-License-Identifier: ISC */
#ifndef TESTS_HTTP1_PEER_H
#define TESTS_HTTP1_PEER_H

#include "base/buf.h"
#include "net/http1.h"

#include <check.h>

/* Both ends of the HTTP server's tests: a handler that shows what it was given,
 * and a client at the other end of a socket pair. */
#define H "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST /p HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n"
#define HOLD "GET /hold HTTP/1.1\r\n" H "\r\n"

#define BIG	(8 * 1024 * 1024)	/* the answer of /big */

struct peer_test {
	struct event_base *base;
	struct http_server *s;
	struct http_req *held;		/* of /hold: answered by the test */
	int heads, requests, gone, done;
	struct event *later;
	struct http_req *late;		/* of /later: answered in the next turn */
	int last_status;
	char last_path[64], last_value[256], last_peer[ADDRESS_SIZE];
};
extern struct peer_test peer;
extern const struct http_handler handler;
extern const struct http_conf plain_conf;

void peer_setup(void);
void peer_teardown(void);
void peer_restart(const struct http_conf *conf);
int peer_main(const char *name, void (*add)(TCase *tc));

struct client {
	int fd;
	bool closed;			/* by the server */
	struct buf in;
};

void client_open(struct client *c);
void client_close(struct client *c);
void client_send(struct client *c, const char *p, size_t len);
void client_say(struct client *c, const char *s);
void client_read(struct client *c);

void turn(void);
/* The statuses of what came, "100 200", and the body of the last; the number of
 * answers. */
int answers(const struct client *c, bool head, char *out, size_t size,
    const char **body);
void wait_answers(struct client *c, int n);
bool wait_closed(struct client *c);
int count(const char *in, const char *what);	/* how often */

#endif
