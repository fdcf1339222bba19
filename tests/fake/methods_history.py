# SPDX-License-Identifier: ISC
"""What stands in a channel: conversations.history, conversations.replies."""
from args import TIME, SlackError, limit_of, need, span, ts_key
from methods_conversations import channel_of


def readable(call):
    """The channel, if the caller may read it: a bot must be a member, a person
    may read all that is public."""
    c = channel_of(call)
    call.kind_scope(c, "history")
    if call.user is None and not c.member:
        raise SlackError("not_in_channel")
    return c


def page_limit(call, default, most):
    cap = 15 if call.home.limited else call.w.page_cap
    return limit_of(call.form, default, cap or most)


def within(form, messages):
    low, high, closed = span(form)
    return [m for m in messages if low < ts_key(m["ts"]) < high
            or closed and ts_key(m["ts"]) in (low, high)]


def conversations_history(call):
    """Newest first, without replies but broadcast ones."""
    c, form = readable(call), call.form
    limit = page_limit(call, 100, 999)
    found = within(form, reversed(c.messages))
    if form.get("cursor"):
        end = ts_key(call.uncursor("next_ts"))
        found = [m for m in found if ts_key(m["ts"]) < end]
    found = [m for m in found if m.get("thread_ts", m["ts"]) == m["ts"]
             or m.get("subtype") == "thread_broadcast"]
    wall, answer = call.w.free_since, {}
    if wall is not None:
        free = [m for m in found if ts_key(m["ts"]) >= ts_key(wall)]
        if len(free) < len(found):
            answer["is_limited"] = True
        found = free
    page, more = found[:limit], len(found) > limit
    answer.update(messages=with_threads(c, page), has_more=more, pin_count=0,
                  channel_actions_ts=None, channel_actions_count=0)
    if more:
        answer["response_metadata"] = {
            "next_cursor": call.cursor("next_ts", page[-1]["ts"])}
    return answer


def conversations_replies(call):
    """Oldest first; the parent leads the first page and no other."""
    c, form = readable(call), call.form
    need(form, "ts")
    if not TIME.match(form["ts"]):
        raise SlackError("thread_not_found")
    m = c.find(form["ts"])
    parent = m and c.find(m.get("thread_ts", m["ts"]))
    if parent is None:
        raise SlackError("thread_not_found")
    thread = within(form, [r for r in c.messages if r is not parent
                           and r.get("thread_ts") == parent["ts"]])
    if form.get("cursor"):
        begin = ts_key(call.uncursor("next_ts"))
        thread = [r for r in thread if ts_key(r["ts"]) >= begin]
    else:
        thread = with_threads(c, [parent]) + thread
    limit = page_limit(call, 1000, 1000)
    page, rest = thread[:limit], thread[limit:]
    answer = {"messages": [r if r["ts"] == parent["ts"] else {
        **r, "parent_user_id": parent.get("user") or ""} for r in page],
        "has_more": bool(rest)}
    if rest:
        answer["response_metadata"] = {
            "next_cursor": call.cursor("next_ts", rest[0]["ts"])}
    return answer


def with_threads(c, page):
    """The messages, and at a parent what Slack says of its thread."""
    wanted = {m["ts"] for m in page}
    replies = {}
    for r in c.messages:
        parent = r.get("thread_ts")
        if parent in wanted and parent != r["ts"]:
            replies.setdefault(parent, []).append(r)
    return [{**m, **thread_facts(m, replies[m["ts"]])} if m["ts"] in replies
            else m for m in page]


def thread_facts(parent, replies):
    users = {r.get("user") or r.get("bot_id") or "" for r in replies}
    return {"thread_ts": parent["ts"], "reply_count": len(replies),
            "reply_users": sorted(users), "reply_users_count": len(users),
            "latest_reply": replies[-1]["ts"], "is_locked": False,
            "subscribed": False}


METHODS = {
    "conversations.history": (conversations_history, 50, True),
    "conversations.replies": (conversations_replies, 50, False),
}
