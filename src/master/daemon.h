/* SPDX-License-Identifier: ISC */
#ifndef MASTER_DAEMON_H
#define MASTER_DAEMON_H

/* The calling command forks the daemon and waits until it tells how it went: in
 * the parent this never returns (it exits with the status told), in the child it
 * returns the descriptor for daemon_tell, or -1. */
int daemon_leave(void);
/* Once; fd is closed and set to -1.  Also lets go of the terminal. */
/* The caller's standard descriptors, but for the one that is the log. */
void daemon_let_go(void);
void daemon_tell(int *fd, int status, const char *why);

#endif
