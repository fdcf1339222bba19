# SPDX-License-Identifier: ISC
"""Events that Slack sends: signed bodies, and their delivery with its retries."""
import hashlib
import hmac
import http.client
import json
import secrets
import time
import urllib.parse

PATIENCE = 3            # seconds that Slack waits for an answer
RETRIES = (0, 60, 300)  # seconds before each


def sign(secret, stamp, body):
    """The signature of a body as it is sent."""
    base = b"v0:" + str(stamp).encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def event_id():
    return "Ev0" + secrets.token_hex(5).upper()


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __str__(self):
        return f"{self.status} {self.body[:300]!r}"


class Events:
    """world.signing_secret signs; url is where a daemon listens."""

    def __init__(self, world, url=None):
        self.world, self.url = world, url

    # -- bodies -----------------------------------------------------------------

    def verification(self):
        return {"token": "-", "type": "url_verification",
                "challenge": secrets.token_urlsafe(40)}

    def callback(self, home_id, event, **more):
        """An event of a workspace, or of an organisation."""
        home = self.world.home(home_id)
        org = home_id in self.world.orgs
        enterprise = home.identity()["enterprise"]
        where = {"team_id": None if org else home_id,
                 "enterprise_id": enterprise and enterprise["id"]}
        return {"token": "-", **where, "api_app_id": self.world.app_id,
                "event": event, "type": "event_callback",
                "event_id": event_id(), "event_time": int(time.time()),
                "is_ext_shared_channel": False, "authorizations": [
                    {**where, "user_id": home.bot_user, "is_bot": True,
                     "is_enterprise_install": org}], **more}

    def app_uninstalled(self, home_id, **more):
        return self.callback(home_id, {"type": "app_uninstalled"}, **more)

    def tokens_revoked(self, home_id, users=(), bots=(), **more):
        return self.callback(home_id, {"type": "tokens_revoked", "tokens": {
            "oauth": list(users), "bot": list(bots)}}, **more)

    def team_access(self, org_id, granted, *team_ids, **more):
        """An organisation gives the app workspaces, or takes them from it."""
        word = "granted" if granted else "revoked"
        for t in team_ids:
            self.world.teams[t].granted = granted
        return self.callback(org_id, {"type": f"team_access_{word}",
                                      "team_ids": list(team_ids)}, **more)

    def rate_limited(self, home_id):
        return {"token": "-", "type": "app_rate_limited", "team_id": home_id,
                "minute_rate_limited": int(time.time()) // 60 * 60,
                "api_app_id": self.world.app_id}

    def uninstall(self, home_id):
        """An admin removes the app: its tokens end.  The bodies to deliver, which
        may come in any order, and twice."""
        home = self.world.home(home_id)
        users = list(home.users_chains)
        home.uninstall()
        return [self.app_uninstalled(home_id),
                self.tokens_revoked(home_id, users, [home.bot_user])]

    # -- delivery ---------------------------------------------------------------

    def send(self, body, retry=None, age=0, secret=None, headers=(), url=None):
        """One POST; retry: (number, reason).  age: seconds since it was signed.
        body: what becomes JSON, or bytes.  headers: others, None: left out."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        stamp = int(time.time() - age)
        fields = {"Content-Type": "application/json", "User-Agent": "Fakebot 1.0",
                  "X-Slack-Request-Timestamp": str(stamp), "X-Slack-Signature":
                  sign(secret or self.world.signing_secret, stamp, body)}
        if retry:
            fields["X-Slack-Retry-Num"] = str(retry[0])
            fields["X-Slack-Retry-Reason"] = retry[1]
        fields.update(dict(headers))
        return self.post(url or self.url, body, {
            k: v for k, v in fields.items() if v is not None})

    @staticmethod
    def post(url, body, headers, seconds=PATIENCE):
        u = urllib.parse.urlsplit(url)
        c = http.client.HTTPConnection(u.hostname, u.port, timeout=seconds)
        try:
            c.request("POST", u.path or "/", body, headers)
            r = c.getresponse()
            return Reply(r.status, r.headers, r.read())
        finally:
            c.close()

    def deliver(self, body, waits=RETRIES, **more):
        """As Slack does it: again until it is taken; waits: seconds before each
        retry.  The last Reply, or the OSError."""
        said = self.attempt(body, **more)
        for n, seconds in enumerate(waits, 1):
            taken = isinstance(said, Reply) and 200 <= said.status < 300
            if taken or isinstance(said, Reply) and \
                    said.headers.get("X-Slack-No-Retry") == "1":
                break
            time.sleep(seconds)
            reason = "http_error" if isinstance(said, Reply) else \
                "http_timeout" if isinstance(said, TimeoutError) else \
                "connection_failed"
            said = self.attempt(body, retry=(n, reason), **more)
        return said

    def attempt(self, body, **more):
        try:
            return self.send(body, **more)
        except OSError as e:
            return e
        except http.client.HTTPException as e:
            return ConnectionError(str(e))
