/* SPDX-License-Identifier: ISC */
#ifndef SHM_HERITAGE_H
#define SHM_HERITAGE_H

#include "base/conf.h"
#include "base/crypto.h"
#include "base/log_files.h"
#include "shm/region.h"

/* All that a worker or job inherits from the master.  Everything else that was
 * open is closed before run_worker or run_job is called. */
struct heritage {
	const struct conf *conf;
	struct region *region;
	struct keyring *keys;		/* TOKEN_KEYS, or what STATE_DIR holds */
	bool keys_are_new;		/* made in memory: the preparing job stores them */
	void *ca;			/* X509_STORE of net/tls.h */
	const int *listeners;		/* one per slot and address: slot * addresses + a */
	int nlisteners, addresses;
	int plain;			/* of a slot's addresses; the others speak TLS */
	void *tls;			/* tls_server_load()'s; NULL: no TLS */
	int slot;			/* -1: a job */
	int row;			/* of the board */
	unsigned generation;
	int channel;			/* descriptor of our end */
	bool region_fresh;		/* read the sessions back */
	int argc;			/* a job's arguments */
	char **argv;
	struct log_files *logs;		/* a job's that opens them; NULL */
};

typedef int run_worker_fn(const struct heritage *h);	/* returns the exit status */
typedef int run_job_fn(const struct heritage *h, int job);	/* enum job_id */

#endif
