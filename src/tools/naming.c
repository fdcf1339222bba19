/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/log.h"
#include "slack/directory.h"
#include "tools/names.h"

#define NAMING_MS	300	/* nobody waits longer for names */

/* Names are a courtesy: whatever keeps them away, the answer shows ids. */

static void
drop_timer(struct call *call)
{
	if (call->timer != NULL)
		event_free(call->timer);
	call->timer = NULL;
}

/* What the key may not reach is not there (DESIGN 6). */
static bool
may_show(const struct call *call, enum directory_kind kind, const char *id)
{
	return kind != DIRECTORY_CHANNELS || policy_channel(call->policy,
	    call->install->enterprise_id, call->install->team_id, id, false);
}

static bool look(struct call *call, enum directory_kind kind);

static void
on_names(void *arg, const struct directory_entry *e, size_t n,
    const struct directory_state *state, const struct err *err)
{
	struct call *call = arg;
	enum directory_kind kind = (enum directory_kind)call->named_kind;

	(void)state;
	call->looking = NULL;
	for (size_t i = 0; i < n && err == NULL; i++)
		if (e[i].id != NULL && may_show(call, kind, e[i].id))
			names_learn(call->names, kind, e[i].id, e[i].label);
	if (err == NULL && kind + 1 < DIRECTORY_KINDS && look(call, kind + 1))
		return;
	drop_timer(call);
	call_run(call);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;

	(void)fd, (void)what;
	directory_cancel(call->looking);
	call->looking = NULL;
	drop_timer(call);
	call_run(call);
}

/* False: there is nothing to ask of this kind nor of those behind it. */
static bool
look(struct call *call, enum directory_kind kind)
{
	const char *ids[DIRECTORY_IDS];
	size_t n = 0;

	for (; kind < DIRECTORY_KINDS; kind++)
		if (directory_may_ask(call->install, kind) &&
		    (n = names_wanted(call->names, kind, ids)) > 0)
			break;
	if (n == 0)
		return false;
	call->named_kind = kind;
	call->looking = directory_get(call->box->slack->directory,
	    call->install, kind, ids, n, clock_ms() + NAMING_MS, on_names,
	    call);
	return true;
}

static void
wait_no_longer(struct call *call)
{
	struct timeval most = { 0, NAMING_MS * 1000 };

	drop_timer(call);
	call->timer = evtimer_new(call->box->slack->base, on_late, call);
	if (call->timer == NULL)
		fatal("no timer for names");
	evtimer_add(call->timer, &most);
}

bool
naming_begin(struct call *call)
{
	struct buf thrown = { 0 };
	bool waits;

	if (!call->tool->names || call->answer == NULL)
		return false;
	call->names = names_new();
	if (call->box->slack->directory == NULL)
		return false;
	if (call->tool->list != NULL)
		page_look(call, call->answer);
	else
		call->tool->shape(call, call->answer, &thrown);
	buf_wipe(&thrown);
	waits = clock_ms() + NAMING_MS < call->deadline &&
	    look(call, DIRECTORY_CHANNELS);
	if (waits)
		wait_no_longer(call);
	return waits;
}
