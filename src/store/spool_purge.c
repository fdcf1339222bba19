/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "store/spool_purge.h"

#include "store/spool_folder.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* By its lines: also of one that is no whole answer. */
static bool
tells_of(const char *text, const char *team, const char *user)
{
	if (user != NULL)
		return spool_tells(text, "installer", user) ||
		    spool_tells(text, "holder", user);
	return spool_tells(text, "team_id", team) ||
	    (spool_tells(text, "enterprise_id", team) &&
		spool_tells(text, "team_id", ""));
}

static int
purge_file(int dir, const char *name, const char *team, const char *user,
    struct err *err)
{
	struct buf text = { 0 };
	int rc = 0;

	if (spool_read(dir, name, &text) == 0 && tells_of(text.p, team, user))
		rc = unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 1 :
		    err_set(err, ERR_UPSTREAM, "STATE_DIR/spool/%s: %s", name,
			strerror(errno));
	buf_wipe(&text);
	return rc;
}

int
spool_purge(const char *state_dir, const char *team, const char *user,
    struct err *err)
{
	int dir = spool_open(state_dir, err), n = 0, rc = 0;
	struct dirent *e;
	DIR *d;

	if (dir == -1)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	if ((d = fdopendir(dir)) == NULL) {
		close(dir);
		return err_set(err, ERR_UPSTREAM, "%s/spool: %s", state_dir,
		    strerror(errno));
	}
	while (rc >= 0 && (e = readdir(d)) != NULL) {
		rc = purge_file(dir, e->d_name, team, user, err);
		n += rc > 0;
	}
	closedir(d);
	return rc < 0 ? -1 : n;
}
