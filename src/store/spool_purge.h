/* SPDX-License-Identifier: ISC */
#ifndef STORE_SPOOL_PURGE_H
#define STORE_SPOOL_PURGE_H

#include "base/err.h"

/* Every file of the spool that tells of a workspace (install_key), or if user is not
 * NULL of that person, whole or not, goes: how many. */
int spool_purge(const char *state_dir, const char *team, const char *user,
    struct err *err);

#endif
