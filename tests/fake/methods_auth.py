# SPDX-License-Identifier: ISC
"""Tokens and installs: auth.*, apps.uninstall."""
import time

from args import SlackError, need, truth


def auth_test(call):
    w = call.w
    user = call.token.chain.user
    answer = {"url": f"https://{w.domain}.slack.com/", "team": w.name,
              "user": user or "slackmcpd", "team_id": w.id,
              "user_id": user or w.bot_user, "is_enterprise_install": False}
    if user is None:
        answer["bot_id"] = w.bot_id
    if call.token.until is not None:
        answer["expires_in"] = int(call.token.until - time.time())
    return answer


def auth_revoke(call):
    if truth(call.form, "test"):
        return {"revoked": False}
    call.world.book.revoke(call.token)
    return {"revoked": True}


def apps_uninstall(call):
    need(call.form, "client_id", "client_secret")
    if call.form["client_id"] != call.world.client_id:
        raise SlackError("client_id_token_mismatch")
    call.world.book.client(call.form, None)
    call.token.home.uninstall()
    return {}


METHODS = {
    "auth.test": (auth_test, 600, True),
    "auth.revoke": (auth_revoke, 50, False),
    "apps.uninstall": (apps_uninstall, 1, False),
}
