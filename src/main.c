/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "admin/jobs.h"
#include "base/conf.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "job/job.h"
#include "master/master.h"
#include "net/libraries.h"
#include "net/tls.h"
#include "store/libraries.h"
#include "web/web.h"
#include "worker/worker.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EX_USAGE	64
#define EX_CONFIG	78
#define OPTIONS_MAX	64

extern char **environ;

enum mode { RUN, CHECK, SHOW, MANIFEST, JOB };

struct command_line {
	enum mode mode;
	int job;			/* enum job_id */
	char **job_argv;
	bool foreground;
	char *file;
	const char *options[OPTIONS_MAX];
	size_t noptions;
};

static const struct option long_options[] = {
	{ "add-key", required_argument, NULL, 'A' },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "manifest", no_argument, NULL, 'M' },
	{ "migrate", no_argument, NULL, 'U' },
	{ "rollback", no_argument, NULL, 'D' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 }
};

static int
usage(FILE *to, int status)
{
	fprintf(to,
	    "usage: slackmcpd [-f] [-c FILE] [-o KEY=VALUE] …    run (-f: in "
	    "the foreground)\n"
	    "       slackmcpd -t | -T                            check, or "
	    "print, the configuration\n"
	    "       slackmcpd --manifest                         print the "
	    "Slack app's manifest\n"
	    "       slackmcpd --migrate | --rollback             bring the "
	    "store up, or one step back\n"
	    "       slackmcpd --add-key NAME [options of key add]\n"
	    "       slackmcpd -V                                 versions\n"
	    "See slackmcpd(8) and slackmcpd.conf(5).\n");
	return status;
}

static int
show_versions(void)
{
	struct buf out = { 0 };

	buf_fmt(&out, "slackmcpd %s\n", PACKAGE_VERSION);
	net_libraries(&out);
	store_libraries(&out);
	web_libraries(&out);
	fputs(out.p, stdout);
	buf_wipe(&out);
	return 0;
}

/* -1: go on; else the exit status. */
static int
take_option(struct command_line *cl, int c, char **rest)
{
	switch (c) {
	case 'c':
		free(cl->file);
		cl->file = realpath(optarg, NULL);	/* the daemon leaves this folder */
		if (cl->file == NULL)
			cl->file = mem_str(optarg);
		return -1;
	case 'f':
		cl->foreground = true;
		return -1;
	case 'o':
		if (cl->noptions == OPTIONS_MAX) {
			fprintf(stderr, PACKAGE_NAME ": more than %d times -o\n",
			    OPTIONS_MAX);
			return EX_USAGE;
		}
		cl->options[cl->noptions++] = optarg;
		return -1;
	case 't':
		cl->mode = CHECK;
		return -1;
	case 'T':
		cl->mode = SHOW;
		return -1;
	case 'M':
		cl->mode = MANIFEST;
		return -1;
	case 'A':
	case 'U':
	case 'D':
		cl->mode = JOB;
		cl->job = c == 'A' ? JOB_ADD_KEY :
		    c == 'U'       ? JOB_MIGRATE :
				     JOB_ROLLBACK;
		cl->job_argv = c == 'A' ? rest : NULL;
		return -1;
	case 'V':
		return show_versions();
	case 'h':
		return usage(stdout, 0);
	default:
		return usage(stderr, EX_USAGE);
	}
}

static int
parse(struct command_line *cl, int argc, char **argv)
{
	int c, status;

	while ((c = getopt_long(argc, argv, "+c:fho:tTV", long_options,
		    NULL)) != -1) {
		/* what follows --add-key NAME is the key's business */
		status = take_option(cl, c, argv + optind - 1);
		if (status != -1)
			return status;
		if (c == 'A')
			return -1;
	}
	if (optind < argc)
		return usage(stderr, EX_USAGE);
	return -1;
}

static void
show_option(void *arg, const char *name, const char *value, const char *source,
    const char *help)
{
	(void)arg;
	(void)help;
	printf("%s = %s  # %s\n", name, value, source);
}

static void
show_lines(const char *what, const struct buf *lines)
{
	const char *at = lines->p;

	while (at != NULL && *at != '\0') {
		int len = (int)strcspn(at, "\n");

		fprintf(stderr, "slackmcpd: %s%.*s\n", what, len, at);
		at += len + (at[len] == '\n');
	}
}

static struct conf *
load(const struct conf_input *in)
{
	struct conf_report report = { 0 };
	struct conf *conf = conf_load(in, &report);

	show_lines("warning: ", &report.warnings);
	show_lines("", &report.errors);
	if (conf == NULL)
		fprintf(stderr,
		    "slackmcpd: %u problem%s in the configuration\n",
		    report.nerrors, report.nerrors == 1 ? "" : "s");
	conf_report_wipe(&report);
	return conf;
}

static int
print_manifest(struct conf *conf)
{
	struct buf out = { 0 };

	web_manifest(conf, &out);
	printf("%s\n", out.p);
	buf_wipe(&out);
	conf_free(conf);
	return 0;
}

/* A daemon that leaves a terminal would lose what it says there: then syslog. */
static int
open_log(const struct command_line *cl, const struct conf *conf,
    struct err *err)
{
	enum log_format format = (enum log_format)conf->log_format;
	struct err none;

	log_level((enum log_level)conf->log_level);
	if (cl->mode == RUN && !cl->foreground && isatty(STDERR_FILENO) &&
	    strcmp(conf->log_target, "stderr") == 0 &&
	    log_open("syslog", format, &none) == 0)
		return 0;
	return log_open(conf->log_target, format, err);
}

static int
run(const struct command_line *cl, const struct conf_input *in,
    struct conf *conf)
{
	struct master_start start = { .input = in, .conf = conf,
		.foreground = cl->foreground, .run_worker = worker_run, .run_job = job_run };
	struct err err;

	if (open_log(cl, conf, &err) == -1) {
		fprintf(stderr, "slackmcpd: LOG_TARGET: %s\n", err.text);
		conf_free(conf);
		return EX_CONFIG;
	}
	return cl->mode == JOB ? master_job(&start, cl->job, cl->job_argv) :
	    master_run(&start);
}

/* -t: what the files hold that a start would read. */
static int
check_files(const struct conf *conf)
{
	struct err err;
	void *tls;

	if (conf->tls_port == 0)
		return 0;
	if ((tls = tls_server_load(conf->tls_cert, conf->tls_key, &err)) ==
	    NULL) {
		fprintf(stderr, "slackmcpd: %s\n", err.text);
		return EX_CONFIG;
	}
	tls_server_free(tls);
	return 0;
}

static int
act(const struct command_line *cl, struct conf_env *env)
{
	struct conf_input in = { .file = cl->file,
		.env = env,
		.options = cl->options,
		.noptions = cl->noptions,
		.manifest_only = cl->mode == MANIFEST,
		.store_only = cl->mode == JOB };
	struct conf *conf = load(&in);
	int status = 0;

	if (conf == NULL)
		return EX_CONFIG;
	if (cl->mode == MANIFEST)
		return print_manifest(conf);
	if (cl->mode == RUN || cl->mode == JOB)
		return run(cl, &in, conf);
	if (cl->mode == SHOW)
		conf_each(conf, show_option, NULL);
	else if ((status = check_files(conf)) == 0)
		printf("slackmcpd: the configuration is good\n");
	conf_free(conf);
	return status;
}

int
main(int argc, char **argv)
{
	struct command_line cl = { .mode = RUN };
	struct conf_env *env;
	int status;

	/* Before there is a secret in memory, and for all processes to come. */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	crypto_start();
	status = parse(&cl, argc, argv);

	if (status == -1) {
		env = conf_env_take(environ);
		status = act(&cl, env);
		conf_env_free(env);
	}
	free(cl.file);
	return status;
}
