/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "master/runas.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEFAULT_USER	"slackmcpd"

int
runas_group(const char *name, gid_t *out, struct err *err)
{
	struct group *gr = getgrnam(name);

	if (gr == NULL)
		return err_set(err, ERR_INPUT, "there is no group \"%s\"",
		    name);
	*out = gr->gr_gid;
	return 0;
}

static int
take_group(struct runas *who, const struct conf *conf, struct err *err)
{
	if (conf->run_group[0] == '\0')
		return 0;
	return runas_group(conf->run_group, &who->gid, err);
}

static int
as_ourselves(struct runas *who, const struct conf *conf, struct err *err)
{
	struct passwd *pw = getpwuid(who->uid);

	snprintf(who->name, sizeof(who->name), "%s",
	    pw != NULL ? pw->pw_name : "?");
	if (conf->run_user[0] != '\0' && strcmp(conf->run_user, who->name) != 0)
		return err_set(err, ERR_INPUT,
		    "RUN_USER: only root can change to \"%s\"; "
		    "start as root or unset it",
		    conf->run_user);
	return take_group(who, conf, err);
}

int
runas_find(struct runas *who, const struct conf *conf, struct err *err)
{
	const char *name = conf->run_user;
	struct passwd *pw;

	memset(who, 0, sizeof(*who));
	who->uid = geteuid();
	who->gid = getegid();
	if (who->uid != 0)
		return as_ourselves(who, conf, err);
	who->drop = true;
	if (name[0] == '\0')
		name = getpwnam(DEFAULT_USER) != NULL ? DEFAULT_USER : "nobody";
	if ((pw = getpwnam(name)) == NULL)
		return err_set(err, ERR_INPUT,
		    "RUN_USER: there is no user \"%s\"", name);
	if (pw->pw_uid == 0)
		return err_set(err, ERR_INPUT,
		    "RUN_USER: workers never run as root; name "
		    "another user");
	if (conf->run_user[0] == '\0' && strcmp(name, DEFAULT_USER) != 0)
		log_warn("master",
		    "there is no user \"%s\": workers run as \"%s\"; make one "
		    "(useradd --system %s) or set RUN_USER",
		    DEFAULT_USER, name, DEFAULT_USER);
	snprintf(who->name, sizeof(who->name), "%s", name);
	who->uid = pw->pw_uid;
	who->gid = pw->pw_gid;
	return take_group(who, conf, err);
}

static void
bound(uint64_t keep)
{
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(keep >> cap & 1))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int
runas_become(const struct runas *who, pid_t master, struct err *err)
{
	if (who->drop)
		bound(0);
	if (who->drop && (setgroups(1, &who->gid) == -1 ||
	    setresgid(who->gid, who->gid, who->gid) == -1 ||
	    setresuid(who->uid, who->uid, who->uid) == -1))
		return err_set(err, ERR_INTERNAL, "becoming %s: %s", who->name,
		    strerror(errno));
	if (who->drop && setuid(0) != -1)
		return err_set(err, ERR_INTERNAL, "root could be had back");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);	/* the change of user cleared it */
	if (getppid() != master)
		return err_set(err, ERR_INTERNAL, "the master is gone");
	return 0;
}

static void
have_only(uint64_t keep)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) == -1)
		return;
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));

		data[i].effective &= mask;
		data[i].permitted &= mask;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data) == -1)
		log_warn("master", "capabilities were not given up error=%s",
		    strerror(errno));
}

void
runas_keep_few(void)
{
	static const int few[] = { CAP_SETUID, CAP_SETGID, CAP_KILL, CAP_CHOWN,
		CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE };
	uint64_t keep = 0;

	if (geteuid() != 0)
		return;
	for (size_t i = 0; i < sizeof(few) / sizeof(few[0]); i++)
		keep |= (uint64_t)1 << few[i];
	bound(keep);
	/* with this one a child takes all from its own bounding set */
	have_only(keep | (uint64_t)1 << CAP_SETPCAP);
}
