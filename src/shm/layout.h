/* SPDX-License-Identifier: ISC */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

/* What the bytes of the region mean.  For the files of shm/ only. */

#include "base/counter.h"
#include "shm/board.h"
#include "shm/session.h"

#include <pthread.h>
#include <stdatomic.h>

#define REGION_MAGIC	"slackmcp"
#define REGION_LAYOUT	3u
#define STRIPES		256u
#define OWNERS		16384u		/* principals with sessions; keys are capped below */
#define BUCKETS		32768u
#define ROW_KEYS	1024u		/* keys with calls under way in one process */

/* A process's row.  Only its own process writes it, but for claim and release. */
struct row_key {
	_Atomic uint64_t hash;
	_Atomic int32_t calls;
};

struct row {
	_Atomic int pid;
	_Atomic int slot;
	_Atomic unsigned generation;
	_Atomic int state;
	_Atomic int64_t started, stamp, late_max;
	_Atomic int store_away;
	char owner[48];
	_Atomic int64_t gauges[GAUGE_COUNT];
	_Atomic int64_t troubles[TROUBLE_COUNT];
	uint64_t counters[CNT_COUNT];
	struct row_key keys[ROW_KEYS];
};

struct head {
	char magic[8];
	uint32_t layout;
	uint32_t sizes;			/* a digest of the structs' sizes */
	uint64_t size;			/* of the file */
	char boot_id[40];
	char node[20];
	uint32_t slots;			/* of a stripe */
	uint32_t rows;
	uint64_t at_stripes, at_tags, at_slots, at_owners, at_buckets, at_rows;

	/* So far what a file must have in common with ours. */
	_Atomic int64_t ttl_ms, max_ms;	/* from here on it may change */
	uint32_t mark;			/* tells regions apart, of this boot and others */
	_Atomic int32_t max_sessions, max_per_key;
	_Atomic uint32_t live[STRIPES];	/* sessions of each; under its lock */
	_Atomic int spooled;

	_Atomic int64_t started;
	_Atomic int workers, stopping, crash_loop, prepared;
	uint64_t totals[CNT_COUNT];	/* of processes that are gone */
};

struct slot {
	_Atomic int state;		/* SLOT_FREE, SLOT_WRITING, SLOT_LIVE */
	struct session s;
};
enum { SLOT_FREE, SLOT_WRITING, SLOT_LIVE };

/* Its sessions may lie in all stripes, so no lock covers it: a process that dies
 * leaves the count too high by one, which the pruner puts right. */
struct owner {
	_Atomic uint64_t hash;
	_Atomic int32_t sessions;
	_Atomic int32_t drift;		/* that the last pass saw */
};

struct bucket {
	_Atomic uint64_t hash;
	_Atomic int64_t next_us;	/* GCRA's theoretical arrival time */
	_Atomic int64_t blocked_ms;
};

struct region {
	struct head *head;
	pthread_mutex_t *stripes;
	_Atomic uint32_t *tags;		/* a hash of the id for each slot, 0: free */
	struct slot *slot_at;
	struct owner *owners;
	struct bucket *buckets;
	struct row *rows;
	int fd;				/* -1: private */
};

/* Never 0. */
static inline uint64_t
layout_hash(const char *s)
{
	uint64_t h = 14695981039346656037u;	/* FNV-1a, then mixed */

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	h ^= h >> 32;
	h *= 0x9E3779B97F4A7C15u;
	h ^= h >> 29;
	return h != 0 ? h : 1;
}

/* Puts a stripe right whose owner died in the middle (session.c). */
void session_repair(struct region *r, unsigned stripe);

#endif
