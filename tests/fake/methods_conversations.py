# SPDX-License-Identifier: ISC
"""Conversations: conversations.*, users.conversations."""
from args import (KINDS, SlackError, kinds_of, limit_of, need, span, truth,
                  ts_key)


def channel_of(call, resolve=False):
    """The channel that is named; resolve: by name or person too, as in posts."""
    need(call.form, "channel")
    w, wanted = call.w, call.form["channel"]
    c = w.channels.get(wanted)
    if c is None and resolve:
        name = wanted.lstrip("#")
        c = next((x for x in w.channels.values() if x.name == name), None)
        if c is None and wanted in w.users:
            c = w.add("D" + wanted[1:], "", kind="im", user=wanted)
    if c is None or not c.visible():
        raise SlackError("channel_not_found")
    return c


def page_cap(call):
    return 15 if call.token.home.limited else call.w.page_cap


def conversations_list(call):
    w, form = call.w, call.form
    kinds = kinds_of(form)
    for k in kinds:
        call.scope(KINDS[k] + ":read")
    limit = limit_of(form, 100, 999)
    chans = [c for c in w.channels.values() if c.kind in kinds and c.visible()]
    at = 0
    if form.get("cursor"):
        first = call.world.uncursor("team", form["cursor"])
        at = next((i for i, c in enumerate(chans) if c.id == first), None)
        if at is None:
            raise SlackError("invalid_cursor")
    page, rest = chans[at:at + limit], chans[at + limit:]
    if truth(form, "exclude_archived"):     # after the page is cut
        page = [c for c in page if not c.archived]
    return {"channels": [c.shape() for c in page], "response_metadata": {
        "next_cursor": call.world.cursor("team", rest[0].id) if rest else ""}}


def conversations_info(call):
    c = channel_of(call)
    call.kind_scope(c, "read")
    return {"channel": c.shape()}


def conversations_history(call):
    form, world = call.form, call.world
    c = channel_of(call)
    call.kind_scope(c, "history")
    if not c.member:
        raise SlackError("not_in_channel")
    limit = limit_of(form, 100, page_cap(call) or 999)
    low, high, closed = span(form)
    if form.get("cursor"):
        high, closed = ts_key(world.uncursor("next_ts", form["cursor"])), False
    found = [m for m in reversed(c.messages)
             if m.get("thread_ts", m["ts"]) == m["ts"]
             and (low < ts_key(m["ts"]) < high
                  or closed and ts_key(m["ts"]) in (low, high))]
    page, more = found[:limit], len(found) > limit
    answer = {"messages": with_threads(c, page), "has_more": more,
              "pin_count": 0, "channel_actions_ts": None,
              "channel_actions_count": 0}
    if more:
        answer["response_metadata"] = {
            "next_cursor": world.cursor("next_ts", page[-1]["ts"])}
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
    "conversations.list": (conversations_list, 20, False),
    "conversations.info": (conversations_info, 50, False),
    "conversations.history": (conversations_history, 50, True),
}
