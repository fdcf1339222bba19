/* SPDX-License-Identifier: ISC */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <stdbool.h>
#include <sys/types.h>

/* For sockets of the file system (the control socket). */
int peer_accept(int listener);		/* non-blocking, close-on-exec; -1 */
/* Is its process a member of that group, as the kernel knows it? */
bool peer_in_group(int fd, gid_t group);
int peer_credentials(int fd, uid_t *uid, gid_t *gid);	/* SO_PEERCRED; -1 */

#endif
