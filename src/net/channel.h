/* SPDX-License-Identifier: ISC */
#ifndef NET_CHANNEL_H
#define NET_CHANNEL_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

/* Master and worker (or job) talk by packets on a SEQPACKET pair.  Channels never
 * block: a full one drops and counts, and nothing depends on delivery. */
enum message_type {
#define MESSAGE(sym, who, help) MSG_##sym,
#include "net/messages.def"
#undef MESSAGE
	MSG_COUNT
};
const char *message_name(enum message_type type);

#define CHANNEL_PACKET	(32 * 1024)	/* of data */
/* What may wait for a full socket: a command's answer is longer than the kernel
 * takes at once. */
#define CHANNEL_BACKLOG	(8 * 1024 * 1024)

struct message {
	enum message_type type;
	unsigned id;			/* ties REPLY to COMMAND */
	bool last;			/* no more packets of this id */
	bool error;			/* a REPLY that tells a failure */
	const char *data;		/* NUL-terminated; gone after the callback */
	size_t len;
	int fd;				/* that came along, the receiver's; -1 */
};

struct channel;
typedef void channel_fn(struct channel *ch, const struct message *m, void *arg);
typedef void channel_gone_fn(struct channel *ch, void *arg);	/* EOF; free it there or later */

int channel_pair(int fds[2]);		/* non-blocking, close-on-exec; -1 */
struct channel *channel_new(struct event_base *base, int fd,
    channel_fn *on_message, channel_gone_fn *on_gone, void *arg);
void channel_free(struct channel *ch);	/* closes; NULL is fine */
int channel_fd(const struct channel *ch);
/* Hands over one packet that has come already, now; false: there was none, or EOF
 * (on_gone was called). */
bool channel_read(struct channel *ch);

/* false: dropped.  data longer than a packet goes as several, the last one
 * marked; fd -1 for none. */
bool channel_send(struct channel *ch, enum message_type type, unsigned id,
    const void *data, size_t len, int fd);
size_t channel_queued(const struct channel *ch);	/* bytes that wait */
bool channel_reply(struct channel *ch, unsigned id, bool error,
    const void *data, size_t len);

#endif
