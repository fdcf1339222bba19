/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "job/task.h"

#include "admin/jobs.h"
#include "base/log.h"
#include "store/keys.h"
#include "store/wait.h"
#include "tools/principals.h"

static int
add(struct task *t, const struct key_row *row)
{
	struct err err;
	struct waiting w = { .err = &err };

	key_add(t->st, row, wait_over, &w);
	return wait_end(&w, t->base) == 0 ? JOB_OK : task_failed(t, &err);
}

int
task_add_key(struct task *t)
{
	char text[KEY_TEXT_SIZE], id[PRINCIPAL_SIZE];
	struct buf warning = { 0 };
	struct key_row row;
	struct err err;
	int status;

	if (policy_parse(t->argc, t->argv, &row, &warning, &err) == -1) {
		buf_wipe(&warning);
		return task_refuse(t,
		    "%s. Usage: slackmcpd --add-key NAME " POLICY_USAGE,
		    err.text);
	}
	principals_new_key(text, &row, id);
	status = task_bring_up(t, false);
	if (status == JOB_OK)
		status = add(t, &row);
	if (status == JOB_OK) {
		buf_fmt(&t->out, "%s\nKeep it now: it is shown this once.\n%s",
		    text, warning.len > 0 ? warning.p : "");
		log_info("job", "a key was made name=%s id=%s", row.name, id);
	}
	explicit_bzero(text, sizeof(text));
	buf_wipe(&warning);
	return status;
}
