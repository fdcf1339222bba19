# SPDX-License-Identifier: ISC
"""Messages: chat.*"""
import re
import time

from args import TS, SlackError, need, said, truth, ts_key
from content import BEST_MAX, content_of, crowds, unfurled
from methods_conversations import channel_of, must_be_in
from people import MADE

LOOSE_TS = re.compile(r"^\d{9,12}\.\d{1,9}$")   # has been through a float


def post_message(call):
    call.scope("chat:write")
    w, form = call.w, call.form
    c = channel_of(call, resolve=True)
    if c.kind != "public_channel" or "chat:write.public" not in call.scopes:
        must_be_in(call, c)
    if c.archived:
        raise SlackError("is_archived")
    if c.restricted:
        raise SlackError(c.restricted)
    parts, more = content_of(call, w.text_limit)
    thread = thread_of(call, c)
    m = {"type": "message", **author(call), "ts": call.world.new_ts(),
         "team": w.id, **parts}
    if thread:
        m["thread_ts"] = thread
        if truth(form, "reply_broadcast"):
            m.update(subtype="thread_broadcast", root=c.find(thread))
    c.messages.append(m)
    called = crowds(form)
    if called:
        call.world.pings.append({"team": w.id, "channel": c.id, "ts": m["ts"],
                                 "crowds": called})
    answer = {"channel": c.id, "ts": m["ts"], "message": dict(m), **more}
    if "attachments" not in m:
        m.update(unfurled(call, m["text"]))
    return answer


def author(call):
    if call.user:
        return {"user": call.user}
    home, app = call.home, call.world.app_id
    return {"user": home.bot_user, "bot_id": home.bot_id, "app_id": app,
            "bot_profile": {"id": home.bot_id, "name": "slackmcpd",
                            "app_id": app, "deleted": False, "team_id": home.id,
                            "updated": MADE, "icons": {}}}


def thread_of(call, c):
    """The thread that is answered.  One that was a float on its way is taken, and
    the answer is lost to view; a reply's ts makes a thread of its own."""
    thread = call.form.get("thread_ts")
    if thread is None:
        return None
    if not LOOSE_TS.match(thread):
        raise SlackError("invalid_thread_ts", **said(
            f"[ERROR] {thread} is not a valid thread_ts"))
    if TS.match(thread) and c.find(thread) is None:
        raise SlackError("thread_not_found")
    return thread


def own(call, word):
    """A message of the caller's own."""
    call.scope("chat:write")
    need(call.form, "channel", "ts")
    c = channel_of(call)
    m = c.find(call.form["ts"])
    if m is None or m.get("subtype") == "tombstone":
        raise SlackError("message_not_found")
    if m.get("user") != call.me:
        raise SlackError(word)
    return c, m


def chat_update(call):
    c, m = own(call, "cant_update_message")
    window = call.w.edit_window
    if window is not None and time.time() - ts_key(m["ts"])[0] > window:
        raise SlackError("edit_window_closed")
    if c.archived:
        raise SlackError("is_inactive")
    parts, more = content_of(call, BEST_MAX)
    if "blocks" not in parts:
        m.pop("blocks", None)
    m.update(parts, edited={"user": call.me, "ts": call.world.new_ts()})
    return {"channel": c.id, "ts": m["ts"], "text": m["text"],
            "message": dict(m), **more}


def chat_delete(call):
    c, m = own(call, "cant_delete_message")
    if any(r.get("thread_ts") == m["ts"] and r is not m for r in c.messages):
        ts = m["ts"]        # a thread keeps its head
        m.clear()
        m.update(type="message", subtype="tombstone", ts=ts, hidden=True,
                 user="USLACKBOT", text="This message was deleted.",
                 thread_ts=ts)
    else:
        c.messages.remove(m)
    return {"channel": c.id, "ts": call.form["ts"]}


def get_permalink(call):
    need(call.form, "channel", "message_ts")
    c = channel_of(call)
    m = c.find(call.form["message_ts"])
    if m is None:
        raise SlackError("message_not_found")
    return {"channel": c.id, "permalink": call.w.permalink(c, m)}


METHODS = {
    "chat.postMessage": (post_message, 60, True),
    "chat.update": (chat_update, 50, True),
    "chat.delete": (chat_delete, 50, True),
    "chat.getPermalink": (get_permalink, 600, False),
}
