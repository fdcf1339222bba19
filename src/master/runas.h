/* SPDX-License-Identifier: ISC */
#ifndef MASTER_RUNAS_H
#define MASTER_RUNAS_H

#include "base/conf.h"
#include "base/err.h"

#include <sys/types.h>

/* Who workers and jobs run as. */
struct runas {
	bool drop;			/* started as root: change to these */
	uid_t uid;
	gid_t gid;
	char name[64];
};

/* RUN_USER, default "slackmcpd" if that account exists, else "nobody" (warned).
 * Not root: ourselves, and RUN_USER must then be us or unset. */
int runas_find(struct runas *who, const struct conf *conf, struct err *err);
/* The child: becomes that user for good, without capabilities or new privileges,
 * core dumps or ptrace, and is told by SIGTERM when the master dies. */
int runas_become(const struct runas *who, pid_t master, struct err *err);
/* The master as root keeps only what DESIGN 2 lists. */
void runas_keep_few(void);
int runas_group(const char *name, gid_t *out, struct err *err);

#endif
