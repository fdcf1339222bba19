# SPDX-License-Identifier: ISC
"""People and bots: users.*, bots.info."""
from args import SlackError, kinds_of, need, number, truth
from methods_conversations import listed
from paging import page_of
from people import MADE


def users_list(call):
    call.scope("users:read")
    w, form = call.w, call.form
    people = w.everyone()
    most = 1000
    if number(form, "limit", 0) <= 0 and not form.get("cursor"):
        if len(people) > w.limit_required:
            raise SlackError("limit_required")
        most = len(people)
    page, more = page_of(call, "user", people, most, most)
    email = "users:read.email" in call.scopes
    return {"members": [u.shape(w.id, email) for u in page], "cache_ts": MADE,
            **more}


def person(call, uid):
    """One who can be seen: also strangers of a shared channel."""
    if uid in call.w.hidden:
        raise SlackError("user_not_visible")
    u = call.w.find_user(uid)
    if u is None:
        raise SlackError("user_not_found")
    return u


def users_info(call):
    need(call.form, "user")
    call.scope("users:read")
    u = person(call, call.form["user"])
    out = u.shape(call.w.id, "users:read.email" in call.scopes)
    if truth(call.form, "include_locale"):
        out["locale"] = "en-US"
    org = call.home if call.home.id in call.world.orgs else None
    if org is not None:     # one person, in several of its workspaces
        out["enterprise_user"] = {
            "id": u.id, "enterprise_id": org.id, "enterprise_name": org.name,
            "is_admin": False, "is_owner": False, "teams": [
                w.id for w in org.granted() if u.id in w.users]}
    return {"user": out}


def users_profile_get(call):
    call.scope("users.profile:read")
    u = person(call, call.form.get("user") or call.me)
    return {"profile": u.profile(call.w.id, "users:read.email" in call.scopes)}


def users_lookup(call):
    need(call.form, "email")
    call.scope("users:read.email")
    name, _, domain = call.form["email"].partition("@")
    u = next((u for u in call.w.users.values() if u.name == name
              and domain == "example.com" and not u.is_bot), None)
    if u is None:
        raise SlackError("users_not_found")
    return {"user": u.shape(call.w.id, True)}


def users_conversations(call):
    """The channels of the caller, or those of somebody that it sees too."""
    w, form = call.w, call.form
    who = form.get("user") and person(call, form["user"]).id
    mine = [c for c in listed(call, kinds_of(form))
            if (who in w.members(c) if who else call.is_member(c))]
    page, more = page_of(
        call, "team", mine, 100, 999,
        lambda c: not (c.archived and truth(form, "exclude_archived")))
    shapes = [c.shape(w.id) for c in page]
    for s in shapes:
        s.pop("num_members", None), s.pop("is_member", None)
    return {"channels": shapes, **more}


def bots_info(call):
    call.scope("users:read")
    w, bot = call.w, call.form.get("bot")
    if not bot:
        raise SlackError("bot_not_found")
    if bot == call.home.bot_id:
        known = {"name": "slackmcpd", "app_id": call.world.app_id,
                 "user_id": call.home.bot_user}
    elif bot in w.bots:
        known = w.bots[bot]
    else:
        raise SlackError("bot_not_found")
    return {"bot": {"id": bot, "deleted": False, "updated": MADE, **known,
                    "icons": {"image_36": "https://avatars.example.com/b36.png"}}}


METHODS = {
    "users.list": (users_list, 20, False, True),
    "users.info": (users_info, 100, False),
    "users.profile.get": (users_profile_get, 100, False),
    "users.lookupByEmail": (users_lookup, 50, False),
    "users.conversations": (users_conversations, 50, False, True),
    "bots.info": (bots_info, 50, False, True),
}
