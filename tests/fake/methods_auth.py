# SPDX-License-Identifier: ISC
"""Tokens, installs and what they are for: auth.*, apps.uninstall, team.info."""
import time

from args import SlackError, need, number, truth
from paging import page_of


def auth_test(call):
    home = call.home
    answer = {"url": f"https://{home.domain}.slack.com/", "team": home.name,
              "user": call.user or "slackmcpd", "team_id": home.id,
              "user_id": call.me,
              "is_enterprise_install": home.id in call.world.orgs}
    if call.user is None:
        answer["bot_id"] = home.bot_id
    enterprise = home.identity()["enterprise"]
    if enterprise:
        answer["enterprise_id"] = enterprise["id"]
    if call.token.until is not None:
        answer["expires_in"] = int(call.token.until - time.time())
    return answer


def auth_revoke(call):
    if truth(call.form, "test"):
        return {"revoked": False}
    call.world.book.revoke(call.token)
    return {"revoked": True}


def auth_teams_list(call):
    """The workspaces that the token is good for."""
    if "limit" in call.form and not 1 <= number(call.form, "limit", 0) <= 1000:
        raise SlackError("invalid_limit")
    teams = call.home.granted() if call.home.id in call.world.orgs else [call.w]
    page, more = page_of(call, "team", teams, 100, 1000)
    icon = {"icon": {"image_default": True}} \
        if truth(call.form, "include_icon") else {}
    return {"teams": [{"id": w.id, "name": w.name, **icon} for w in page], **more}


def apps_uninstall(call):
    need(call.form, "client_id", "client_secret")
    if call.form["client_id"] != call.world.client_id:
        raise SlackError("client_id_token_mismatch")
    call.world.book.client(call.form, None)
    call.home.uninstall()
    return {}


def team_info(call):
    call.scope("team:read")
    w = call.w
    if call.form.get("team", w.id) != w.id:
        raise SlackError("team_not_found")
    team = {"id": w.id, "name": w.name, "domain": w.domain, "email_domain": "",
            "url": f"https://{w.domain}.slack.com/", "is_verified": False,
            "icon": {"image_default": True,
                     "image_34": "https://avatars.example.com/t34.png"}}
    if w.enterprise:
        team.update(enterprise_id=w.enterprise["id"],
                    enterprise_name=w.enterprise["name"])
    return {"team": team}


METHODS = {
    "auth.test": (auth_test, 600, True),
    "auth.revoke": (auth_revoke, 50, False),
    "auth.teams.list": (auth_teams_list, 20, False),
    "apps.uninstall": (apps_uninstall, 1, False),
    "team.info": (team_info, 50, True),
}
