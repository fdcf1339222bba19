/* SPDX-License-Identifier: ISC */
#ifndef TOOLS_POLICY_H
#define TOOLS_POLICY_H

#include "base/conf.h"
#include "shm/session.h"
#include "store/keys.h"

#define ROLES(X) X(READ, "read") X(WRITE, "write") X(ADMIN, "admin")
enum role {
#define X(sym, word) ROLE_##sym,
	ROLES(X)
#undef X
};
const char *role_word(enum role r);

#define TOOLSETS_DEFAULT	"core"	/* of a key */

/* Who asks, and what that may reach (DESIGN 6).  Hangs on every request; counted,
 * so that it outlives a change of the keys for as long as a request holds it.
 * policy.c answers in one place; no other code decides. */
struct policy {
	unsigned refs;
	char principal[PRINCIPAL_SIZE];
	char name[65];			/* of the key, for the log */
	char *workspaces;		/* list, "*", or "" (none) */
	enum role role;
	char *toolsets;			/* list */
	char *channels_read;		/* list; "": all */
	char *channels_write;		/* likewise; says nothing unless the role writes */
	char slack_user[32];		/* or "" */
	struct rate rate;		/* per_minute 0: RATE_KEY's */
	int64_t expires;		/* wall ms; 0: never */
	bool seed;			/* the environment's key */
	int64_t body_bytes;		/* of requests that this process has; web/ counts */
};

struct policy *policy_hold(struct policy *p);
void policy_drop(struct policy *p);
struct policy *policy_from_row(const struct key_row *row);	/* NULL: unknown role */
struct policy *policy_seed(void);	/* admin, all workspaces; principal "env" */

/* May it reach this workspace (of this organisation, or ""), this channel there?
 * A key that names T… reaches that workspace, one that names E… all workspaces of the
 * organisation that are connected here.  What it may not reach does not
 * exist for it: the caller says the same words as for a thing that is not there. */
bool policy_team(const struct policy *p, const char *enterprise_id,
    const char *team_id);
bool policy_channel(const struct policy *p, const char *enterprise_id,
    const char *team_id, const char *channel_id, bool write);
/* Is there a tool of these toolsets for it?  One of them has to be offered at all
 * (TOOLSETS), and one has to be the key's. */
bool policy_offers(const struct policy *p, const struct conf *conf,
    const char *toolsets);
/* And may it use that, for which a role is needed? */
bool policy_tool(const struct policy *p, const struct conf *conf,
    enum role role, const char *toolsets);

/* The bucket that its requests are charged to, and how fast that fills. */
#define POLICY_BUCKET_SIZE	(PRINCIPAL_SIZE + 8)
struct rate policy_rate(const struct policy *p, const struct conf *conf,
    char bucket[POLICY_BUCKET_SIZE]);

/* `key add NAME [--workspaces T1,T2|*] [--role …] …`: argv[0] is the name.  Fills a
 * row whose strings point into argv (lists are tidied there) or are constants; id
 * and hash are the caller's (principals_new_key).  Without options a key reads
 * (role read), in no workspace, for ever.  warning gets lines that the operator
 * should read ("reaches no workspace yet"). */
int policy_parse(int argc, char **argv, struct key_row *row,
    struct buf *warning, struct err *err);
/* One more line of warning, when TOOLSETS leaves such a key next to nothing. */
void policy_warn_offer(const struct key_row *row, const struct conf *conf,
    struct buf *warning);
#define POLICY_USAGE \
	"[--workspaces T1,T2|*] [--role read|write|admin] [--toolsets a,b] " \
	"[--read C1,C2] [--write C1,C2] [--rate N/B] [--expires 7d]"

#endif
