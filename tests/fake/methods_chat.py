# SPDX-License-Identifier: ISC
"""Messages: chat.*"""
from args import TS, SlackError, said, warned
from methods_conversations import channel_of


def post_message(call):
    call.scope("chat:write")
    form, w = call.form, call.w
    c = channel_of(call, resolve=True)
    if c.archived:
        raise SlackError("is_archived")
    if not c.member and "chat:write.public" not in call.scopes:
        raise SlackError("not_in_channel")
    text, more = form.get("text", ""), {}
    if not text.strip() and not form.get("blocks"):
        raise SlackError("no_text")
    if len(text) > 40000:
        text, more = text[:40000], warned("message_truncated")
    thread = form.get("thread_ts")
    if thread is not None:
        if not TS.match(thread):
            raise SlackError("invalid_thread_ts", **said(
                f"[ERROR] {thread} is not a valid thread_ts"))
        if c.find(thread) is None:
            raise SlackError("thread_not_found")
    app = call.world.app_id
    m = {"type": "message", "user": w.bot_user, "bot_id": w.bot_id,
         "app_id": app, "text": text, "ts": call.world.new_ts(),
         "team": w.team_id, "bot_profile": {
             "id": w.bot_id, "name": "slackmcpd", "app_id": app,
             "deleted": False, "team_id": w.team_id, "updated": 1700000000,
             "icons": {}}}
    if thread:
        m["thread_ts"] = thread
    c.messages.append(m)
    return {"channel": c.id, "ts": m["ts"], "message": m, **more}


METHODS = {
    "chat.postMessage": (post_message, 60, True),
}
