/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "tools/work.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/trouble.h"
#include "shm/board.h"
#include "shm/bucket.h"

#include <stdio.h>

static int
check_tool(struct call *call, const struct call_ask *ask, struct buf *refused)
{
	(void)ask;
	if (policy_tool(call->policy, call->box->slack->conf,
	    call->tool->role, call->tool->toolsets))
		return 0;
	counter_up(CNT_POLICY_REFUSED);
	buf_fmt(refused,
	    "This key may not use %s: that needs the role %s. The operator can"
	    " make a key that has it.",
	    call->tool->name, role_word(call->tool->role));
	return -1;
}

static int
check_args(struct call *call, const struct call_ask *ask, struct buf *refused)
{
	struct err err;

	call->args = tool_take(call->tool, ask->args, &call->note, &err);
	if (call->args != NULL)
		return 0;
	buf_str(refused, err.text);
	return -1;
}

static int
check_team(struct call *call, const struct call_ask *ask, struct buf *refused)
{
	(void)ask;
	return target_find(call, refused);
}

static int
check_channels(struct call *call, const struct call_ask *ask,
    struct buf *refused)
{
	(void)ask;
	return target_channels(call, refused);
}

static int
check_scopes(struct call *call, const struct call_ask *ask, struct buf *refused)
{
	(void)ask;
	return target_scopes(call, refused);
}

static void
tell_limit(enum trouble_id trouble, const char *option, const struct call *call)
{
	counter_up(CNT_CALLS_LIMIT);
	if (trouble_met(trouble))
		log_warn("tools", "calls are refused: there are as many as %s"
		    " allows key=%s", option, call->policy->name);
}

static int
check_caps(struct call *call, const struct call_ask *ask, struct buf *refused)
{
	const struct slack *s = call->box->slack;

	(void)ask;
	if (board_gauge_sum(s->region, GAUGE_CALLS) >= s->conf->max_calls) {
		tell_limit(TROUBLE_CALLS, "MAX_CALLS", call);
		buf_str(refused,
		    "This server works on as many calls as it can at the "
		    "moment."
		    " Try again in a few seconds.");
		return -1;
	}
	if (board_key_up(s->region, call->policy->principal,
	    s->conf->max_calls_per_key) == -1) {
		tell_limit(TROUBLE_KEY_LIMITS, "MAX_CALLS_PER_KEY", call);
		buf_fmt(refused,
		    "This key has %d calls under way, which is all it may. Wait"
		    " for some of them to end.",
		    s->conf->max_calls_per_key);
		return -1;
	}
	board_gauge(GAUGE_CALLS, 1);
	call->counted = true;
	return 0;
}

static int
check_rate(struct call *call, const struct call_ask *ask, struct buf *refused)
{
	const struct slack *s = call->box->slack;
	char name[64];
	int64_t at, now = clock_ms();

	(void)ask;
	if (call->install == NULL || s->conf->rate_team.per_minute == 0)
		return 0;
	snprintf(name, sizeof(name), "team:%s", install_key(call->install));
	if (bucket_take(s->region, name, s->conf->rate_team, 0, &at))
		return 0;
	counter_up(CNT_RATE_REFUSED);
	if (trouble_met(TROUBLE_RATES))
		log_warn("tools", "RATE_TEAM is reached, tool calls are refused"
		    " team=%s key=%s", install_key(call->install),
		    call->policy->name);
	buf_fmt(refused,
	    "Too many calls for this workspace at the moment. Try again in"
	    " %d s.",
	    (int)((at - now + 999) / 1000));
	return -1;
}

static int (*const checks[])(struct call *call, const struct call_ask *ask,
    struct buf *refused) = {
	check_tool,
	check_args,
	check_team,
	check_channels,
	check_scopes,
	check_caps,
	check_rate,
};

int
admit_call(struct call *call, const struct call_ask *ask, struct buf *refused)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (checks[i](call, ask, refused) == -1)
			return -1;
	return 0;
}
