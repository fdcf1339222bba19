/* SPDX-License-Identifier: ISC */
#ifndef SHM_SESSION_H
#define SHM_SESSION_H

#include "shm/region.h"

/* Legacy MCP sessions (MCP.md T20 to T23, L5).  The table is the only truth of a
 * host: every worker serves every session.  An id is "<NODE_NAME>." and 32
 * random bytes in base64url; it opens nothing without the key of its principal,
 * and for anybody else it does not exist.  Everything is copied out. */
#define SESSION_ID_SIZE		64
#define PRINCIPAL_SIZE		40

struct session {
	char id[SESSION_ID_SIZE];
	char principal[PRINCIPAL_SIZE];
	int version;			/* enum mcp_version */
	int log_level;			/* of logging/setLevel */
	unsigned caps;			/* the client's, as mcp/ numbers them */
	int64_t made, used;		/* monotonic microseconds */
};

/* Makes an id, stores a copy of *s (version, log_level, caps, principal) and
 * fills the rest of it.  At MAX_SESSIONS_PER_KEY the principal's longest idle one
 * goes.  ERR_LIMIT: the table is full or its lock was not had in 50 ms. */
int session_new(struct region *r, struct session *s, struct err *err);
/* Copies it out and counts as use.  ERR_NOT_FOUND: never was, ended, past its
 * time (pruned or not), or another principal's.  ERR_LIMIT as above. */
int session_get(struct region *r, const char *id, const char *principal,
    struct session *out, struct err *err);
int session_log_level(struct region *r, const char *id, const char *principal,
    int level, struct err *err);
int session_end(struct region *r, const char *id, const char *principal,
    struct err *err);

/* The master's: drops what is past its time and counts the principals anew; a
 * stripe whose lock is taken is left for the next time.  Returns the dropped. */
size_t session_prune(struct region *r);
size_t session_count(const struct region *r);
size_t session_count_of(const struct region *r, const char *principal);
/* Copies of the live ones, stripe by stripe; never called under a lock. */
void session_each(struct region *r,
    void (*fn)(void *arg, const struct session *s), void *arg);

/* One read back: it keeps its id and times.  -1: past its time, or no room. */
int session_restore(struct region *r, const struct session *s, struct err *err);

/* The list that a stop leaves in STATE_DIR (versioned, with ages instead of
 * times) and that a fresh region reads once.  Returns how many, or -1. */
int session_save(struct region *r, const char *path, struct err *err);
int session_load(struct region *r, const char *path, struct err *err);

#endif
