# SPDX-License-Identifier: ISC
"""Conversations: conversations.* but what stands in them (methods_history.py)."""
from args import KINDS, SlackError, kinds_of, need, truth, warned, words
from paging import page_of
from people import hash_of


def channel_of(call, resolve=False):
    """The channel that is named; resolve: by name or person too, as in posts."""
    need(call.form, "channel")
    w, wanted = call.w, call.form["channel"]
    c = w.channels.get(wanted)
    if c is None and resolve:
        name = wanted.lstrip("#")
        c = next((x for x in w.channels.values() if name and x.name == name), None)
        if c is None and wanted in w.users:
            c = direct(call, wanted)
    if c is None or not call.sees(c):
        raise SlackError("channel_not_found")
    return c


def direct(call, uid):
    """The app's direct conversation with a person, made when it is not there."""
    w = call.w
    for c in w.channels.values():
        if c.kind == "im" and c.user == uid and c.member:
            return c
    return w.add("D" + uid[1:], "", kind="im", user=uid)


def must_be_in(call, c):
    if c.archived:
        raise SlackError("is_archived")
    if not call.is_member(c):
        raise SlackError("not_in_channel")


def listed(call, kinds):
    """What a listing of these kinds goes through."""
    for k in kinds:
        call.scope(KINDS[k] + ":read")
    return [c for c in call.w.channels.values()
            if c.kind in kinds and call.sees(c)]


def conversations_list(call):
    page, more = page_of(
        call, "team", listed(call, kinds_of(call.form)), 100, 999,
        lambda c: not (c.archived and truth(call.form, "exclude_archived")))
    return {"channels": [c.shape(call.w.id) for c in page], **more}


def conversations_info(call):
    c = channel_of(call)
    call.kind_scope(c, "read")
    shape = c.shape(call.w.id)
    if not truth(call.form, "include_num_members"):
        shape.pop("num_members", None)
    if truth(call.form, "include_locale"):
        shape["locale"] = "en-US"
    if call.is_member(c):
        shape["last_read"] = c.messages[-1]["ts"] if c.messages else \
            "0000000000.000000"
    if c.kind == "im":
        shape.update(latest=c.messages[-1] if c.messages else None,
                     unread_count=0, unread_count_display=0, is_open=True)
    return {"channel": shape}


def conversations_members(call):
    c = channel_of(call)
    call.kind_scope(c, "read")
    page, more = page_of(call, "user", [Id(u) for u in call.w.members(c)],
                         100, 1000)
    return {"members": [u.id for u in page], **more}


class Id:
    def __init__(self, text):
        self.id = text


def conversations_join(call):
    c = channel_of(call)
    call.scope("channels:join" if call.user is None else "channels:write")
    if c.kind != "public_channel":
        raise SlackError("method_not_supported_for_channel_type")
    if c.archived:
        raise SlackError("is_archived")
    more = warned("already_in_channel") if call.is_member(c) else {}
    if call.user is None:
        c.member = True
    elif not call.is_member(c):
        c.people = [*call.w.members(c), call.user]
    return {"channel": c.shape(call.w.id), **more}


def conversations_open(call):
    """A direct conversation with up to eight, by people or by its id."""
    if call.form.get("channel"):
        c = channel_of(call)
        if c.kind not in ("im", "mpim"):
            raise SlackError("method_not_supported_for_channel_type")
        return opened(call, c, False)
    users = words(call.form, "users")
    if not users:
        raise SlackError("users_list_not_supplied")
    if len(users) > 8:
        raise SlackError("too_many_users")
    call.scope("im:write" if len(users) == 1 else "mpim:write")
    for u in users:
        check_person(call, u)
    ids = set(call.w.channels)
    c = direct(call, users[0]) if len(users) == 1 else group(call, sorted(users))
    return opened(call, c, c.id not in ids)


def check_person(call, uid):
    if uid in call.w.hidden:
        raise SlackError("user_not_visible")
    u = call.w.find_user(uid)
    if u is None:
        raise SlackError("user_not_found")
    if u.deleted:
        raise SlackError("user_disabled")


def group(call, users):
    w = call.w
    for c in w.channels.values():
        if c.kind == "mpim" and c.people == users:
            return c
    names = "--".join(w.find_user(u).name for u in users)
    return w.add(f"C0{hash_of('-'.join(users)):011X}", f"mpdm-{names}-1",
                 kind="mpim", people=users)


def opened(call, c, new):
    out = {} if new else {"no_op": True, "already_open": True}
    return {**out, "channel": c.shape(call.w.id)
            if truth(call.form, "return_im") else {"id": c.id}}


METHODS = {
    "conversations.list": (conversations_list, 20, False, True),
    "conversations.info": (conversations_info, 50, False),
    "conversations.members": (conversations_members, 100, False),
    "conversations.join": (conversations_join, 50, True),
    "conversations.open": (conversations_open, 50, True),
}
