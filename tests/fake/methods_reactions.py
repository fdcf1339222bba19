# SPDX-License-Identifier: ISC
"""Reactions: reactions.add, remove, get."""
import re

from args import TS, SlackError
from methods_conversations import channel_of, must_be_in

NAME = re.compile(r"^[a-z0-9_+'.-]+(::skin-tone-[2-6])?$")
MOST_KINDS = 50         # of emoji on one message
MOST_MINE = 23          # of them by one person


def message_of(call):
    if not call.form.get("channel") or not call.form.get("timestamp"):
        raise SlackError("no_item_specified")
    if not TS.match(call.form["timestamp"]):
        raise SlackError("bad_timestamp")
    c = channel_of(call)
    m = c.find(call.form["timestamp"])
    if m is None:
        raise SlackError("message_not_found")
    return c, m


def to_change(call):
    """A message, and the name that the call says: a known one."""
    call.scope("reactions:write")
    name = call.form.get("name", "")
    if not NAME.match(name) or name.startswith("no_such"):
        raise SlackError("invalid_name")
    c, m = message_of(call)
    must_be_in(call, c)
    if m.get("subtype") == "tombstone":
        raise SlackError("not_reactable")
    return m, name


def reactions_add(call):
    m, name = to_change(call)
    there = m.setdefault("reactions", [])
    row = next((r for r in there if r["name"] == name), None)
    if row is not None and call.me in row["users"]:
        raise SlackError("already_reacted")
    if sum(call.me in r["users"] for r in there) >= MOST_MINE:
        raise SlackError("too_many_reactions")
    if row is None:
        if len(there) >= MOST_KINDS:
            raise SlackError("too_many_emoji")
        row = {"name": name, "users": [], "count": 0}
        there.append(row)
    row["users"].append(call.me)
    row["count"] += 1
    return {}


def reactions_remove(call):
    m, name = to_change(call)
    there = m.get("reactions", [])
    row = next((r for r in there if r["name"] == name
                and call.me in r["users"]), None)
    if row is None:
        raise SlackError("no_reaction")
    row["users"].remove(call.me)
    row["count"] -= 1
    if not row["count"]:
        there.remove(row)
    if not there:
        del m["reactions"]
    return {}


def reactions_get(call):
    call.scope("reactions:read")
    c, m = message_of(call)
    return {"type": "message", "channel": c.id, "message": {
        **m, "permalink": call.w.permalink(c, m)}}


METHODS = {
    "reactions.add": (reactions_add, 50, True),
    "reactions.remove": (reactions_remove, 20, True),
    "reactions.get": (reactions_get, 50, False),
}
