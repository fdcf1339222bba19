/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "slack/strangers.h"

#include "base/clock.h"
#include "base/mem.h"
#include "slack/id.h"
#include "slack/kind.h"

#include <stdlib.h>
#include <string.h>

#define IDS_MAX		100	/* looked up at Slack, of one workspace, at once */

struct strangers {
	struct slack *s;
	struct install *in;
	char *ids[IDS_MAX];		/* to be looked up */
	size_t n;
	struct slack_call *asked;	/* about the first of them */
};

static void ask_next(struct strangers *t);

static void
on_stranger(void *arg, const struct slack_answer *a)
{
	struct strangers *t = arg;
	char *id = t->ids[0];
	struct directory_entry e = { .id = id, .handle = "", .label = "",
		.about = "", .flags = DIRECTORY_STRANGER };

	t->asked = NULL;
	if (a->class == SLACK_NONE)
		directory_read(DIRECTORY_USERS, js_get(a->json, "user",
		    JS_OBJECT), &e);
	/* That nobody knows this one is worth knowing, too. */
	if ((a->class == SLACK_NONE && strcmp(e.id, id) == 0) ||
	    a->class == SLACK_NOT_SEEN)
		kind_put(t->s, t->in, DIRECTORY_USERS, &e, FILL_STRANGER);
	t->n--;
	memmove(t->ids, t->ids + 1, t->n * sizeof(t->ids[0]));
	free(id);
	if (a->class == SLACK_NONE || a->class == SLACK_NOT_SEEN) {
		ask_next(t);
		return;
	}
	while (t->n > 0)	/* another time */
		free(t->ids[--t->n]);
}

static void
ask_next(struct strangers *t)
{
	struct buf form = { 0 };

	if (t->asked != NULL || t->n == 0)
		return;
	buf_form(&form, "user", t->ids[0], strlen(t->ids[0]));
	t->asked = slack_ask(t->s, t->in, METHOD_USERS_INFO, form.p, form.len,
	    NULL, clock_ms() + t->s->conf->upstream_timeout, on_stranger, t);
	buf_wipe(&form);
}

void
strangers_want(struct strangers *t, const char *id)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->ids[i], id) == 0)
			return;
	if (t->n < IDS_MAX && slack_is_id(id, strlen(id), "UW"))
		t->ids[t->n++] = mem_str(id);
	ask_next(t);
}

struct strangers *
strangers_new(struct slack *s, struct install *in)
{
	struct strangers *t = mem_new(sizeof(*t));

	t->s = s;
	t->in = install_hold(in);
	return t;
}

void
strangers_free(struct strangers *t)
{
	if (t->asked != NULL)
		slack_cancel(t->asked);
	for (size_t i = 0; i < t->n; i++)
		free(t->ids[i]);
	install_drop(t->in);
	free(t);
}
