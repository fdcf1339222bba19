# SPDX-License-Identifier: ISC
"""The fake Slack itself: tokens, limits, faults and events are as the real one's
are known to be."""
import hmac
import http.client
import http.server
import json
import os
import threading
import time
import unittest

from fakecase import ACME, BETA, FakeCase
from lib import default_world, wait_until
import bigworld
import talk
from events import sign


class Tokens(FakeCase):
    def make_world(self):
        world = default_world()
        world.teams[ACME].rotates = True
        return world

    def refresh(self, token, **more):
        return self.app("oauth.v2.access", grant_type="refresh_token",
                        refresh_token=token, **more)

    def test_pair_of_an_install(self):
        a = self.good(self.install())
        self.assertTrue(a["access_token"].startswith("xoxe.xoxb-1-"))
        self.assertTrue(a["refresh_token"].startswith("xoxe-1-"))
        self.assertEqual((a["expires_in"], a["token_type"]), (43200, "bot"))
        t = self.good(self.ask("auth.test", a["access_token"]))
        self.assertGreater(t["expires_in"], 43100)
        long = self.good(self.install(BETA))
        self.assertTrue(long["access_token"].startswith("xoxb-"))
        self.assertNotIn("refresh_token", long)

    def test_refresh_is_flat_and_for_one_use(self):
        a = self.good(self.install())
        b = self.good(self.refresh(a["refresh_token"]))
        self.assertEqual(b["token_type"], "bot")
        self.assertEqual(b["team"]["id"], ACME)
        self.assertNotIn("authed_user", b)
        self.assertNotEqual(a["access_token"], b["access_token"])
        for x in (a, b):        # the running token goes on
            self.good(self.ask("auth.test", x["access_token"]))
        self.bad("invalid_refresh_token", self.refresh(a["refresh_token"]))
        self.bad("invalid_refresh_token", self.refresh("xoxe-1-nobody"))
        chain = self.world.chain(ACME)
        self.assertEqual(chain.refreshes, 1)
        self.assertEqual(chain.usable(), [b["refresh_token"]])
        rows = self.fake.refreshes(ACME)
        self.assertEqual([r["answer"] for r in rows], ["ok", "invalid_refresh_token"])
        self.assertEqual({r["chain"] for r in rows}, {ACME + "/bot"})

    def test_two_tokens_live(self):
        a = self.good(self.install())
        b = self.good(self.refresh(a["refresh_token"]))
        c = self.good(self.refresh(b["refresh_token"]))
        self.bad("token_revoked", self.ask("auth.test", a["access_token"]))
        self.assertEqual(self.world.chain(ACME).alive(),
                         [b["access_token"], c["access_token"]])

    def test_grace(self):
        """Both get a pair; of the two refresh tokens one is dead."""
        for survivor in ("last", "first"):
            self.world.rotation.grace, self.world.rotation.survivor = 60, survivor
            a = self.good(self.install())
            b, c = (self.good(self.refresh(a["refresh_token"])) for _ in range(2))
            self.assertNotEqual(b["refresh_token"], c["refresh_token"])
            good, dead = (c, b) if survivor == "last" else (b, c)
            self.bad("invalid_refresh_token", self.refresh(dead["refresh_token"]))
            self.good(self.refresh(good["refresh_token"]))
        self.world.rotation.grace = 0
        self.bad("invalid_refresh_token", self.refresh(a["refresh_token"]))

    def test_expiry(self):
        self.world.rotation.expires_in = 0.3
        a = self.good(self.install())
        wait_until("it runs out", lambda: self.ask(
            "auth.test", a["access_token"])["ok"] is False)
        self.bad("token_expired", self.ask("auth.test", a["access_token"]))
        self.world.rotation.expires_in = 600
        b = self.good(self.refresh(a["refresh_token"]))
        self.good(self.ask("auth.test", b["access_token"]))
        self.world.chain(ACME).expire()
        self.bad("token_expired", self.ask("auth.test", b["access_token"]))

    def test_client(self):
        """Two secrets for a time, by Basic or as arguments."""
        a = self.good(self.install())["refresh_token"]
        old = self.world.client_secret
        new = self.world.change_secret(keep=600)
        b = self.good(self.refresh(a, secret=old))["refresh_token"]
        c = self.good(self.ask(
            "oauth.v2.access", grant_type="refresh_token", refresh_token=b,
            client_id=self.world.client_id, client_secret=new))["refresh_token"]
        self.bad("bad_client_secret", self.refresh(c, secret="x" * 32))
        self.world.old_secrets[old] = 0
        self.bad("bad_client_secret", self.refresh(c, secret=old))
        self.bad("invalid_grant_type", self.app("oauth.v2.access", grant_type="x"))
        self.good(self.refresh(c))
        self.assertLessEqual({old, new}, set(self.world.secrets()))

    def test_user_chain(self):
        a = self.good(self.install(user_scope="search:read"))
        user = a["authed_user"]
        self.assertTrue(user["access_token"].startswith("xoxe.xoxp-1-"))
        b = self.good(self.refresh(user["refresh_token"]))
        self.assertEqual((b["token_type"], b["scope"]), ("user", "search:read"))
        self.assertEqual(self.world.chain(ACME).refreshes, 0)
        self.assertEqual(self.world.chain(ACME, "U0ALICE").refreshes, 1)
        t = self.good(self.ask("auth.test", b["access_token"]))
        self.assertEqual(t["user_id"], "U0ALICE")
        only = self.good(self.install(scope="", user_scope="search:read"))
        self.assertNotIn("access_token", only)

    def test_exchange(self):
        self.world.teams[ACME].rotates = False
        long = self.good(self.install())["access_token"]
        self.bad("token_rotation_not_enabled",
                 self.app("oauth.v2.exchange", token=long))
        self.world.teams[ACME].rotates = True
        a = self.good(self.app("oauth.v2.exchange", token=long))
        self.good(self.ask("auth.test", long))
        self.bad("token_already_exchanged",
                 self.app("oauth.v2.exchange", token=long))
        self.good(self.refresh(a["refresh_token"]))
        self.bad("token_revoked", self.ask("auth.test", long))
        self.bad("invalid_token", self.app("oauth.v2.exchange", token="xoxb-no"))

    def test_installed_again(self):
        a = self.good(self.install())
        b = self.good(self.install())
        self.bad("invalid_refresh_token", self.refresh(a["refresh_token"]))
        self.good(self.ask("auth.test", a["access_token"]))
        self.good(self.refresh(b["refresh_token"]))

    def test_the_end(self):
        """auth.revoke ends one rotating token, or an authorization; an uninstall
        all of them."""
        a = self.good(self.install(user_scope="search:read"))
        b = self.good(self.refresh(a["refresh_token"]))
        self.assertFalse(self.good(self.ask(
            "auth.revoke", a["access_token"], test="true"))["revoked"])
        self.good(self.ask("auth.revoke", a["access_token"]))
        self.bad("token_revoked", self.ask("auth.test", a["access_token"]))
        self.good(self.ask("auth.test", b["access_token"]))
        args = {"client_id": self.world.client_id,
                "client_secret": self.world.client_secret}
        self.bad("client_id_token_mismatch", self.ask(
            "apps.uninstall", b["access_token"], **{**args, "client_id": "9.9"}))
        self.good(self.ask("apps.uninstall", b["access_token"], **args))
        self.bad("account_inactive", self.ask("auth.test", b["access_token"]))
        self.bad("token_revoked", self.ask(
            "auth.test", a["authed_user"]["access_token"]))
        self.bad("invalid_refresh_token", self.refresh(b["refresh_token"]))
        self.bad("invalid_auth", self.ask("auth.test", "xoxb-nobody"))
        self.bad("not_authed", self.ask("auth.test"))
        self.good(self.ask("auth.test", self.good(self.install())["access_token"]))
        long = self.good(self.install(BETA))["access_token"]
        self.good(self.ask("auth.revoke", long))
        self.bad("account_inactive", self.ask("auth.test", long))
        self.assertNotEqual(self.good(self.install(BETA))["access_token"], long)

    def test_held_in_the_middle(self):
        """A refresh that is stopped before, and after, its effect."""
        token = self.good(self.install())["refresh_token"]
        chain = self.world.chain(ACME)
        for effect in (False, True):
            self.fake.fault("oauth.v2.access", "hold", effect=effect)
            got, since = [], self.fake.mark()
            t = threading.Thread(target=lambda: got.append(self.refresh(token)))
            t.start()
            self.assertEqual(len(self.fake.wait_held("oauth.v2.access",
                                                     since=since)), 1)
            self.assertEqual((chain.refreshes, got), (1 if effect else 0, []))
            self.fake.release()
            t.join(20)
            token = self.good(got[0])["refresh_token"]
            chain.refreshes = 0


class Rates(FakeCase):
    def setUp(self):
        super().setUp()
        self.limits, self.now = self.fake.limits, 1000.0
        self.limits.on, self.limits.clock = True, lambda: self.now
        self.token = self.good(self.install())["access_token"]

    def many(self, n, method="conversations.list", **form):
        """Status codes of n calls."""
        return [self.ask(method, self.token, **form).status for _ in range(n)]

    def test_tiers(self):
        """A minute's worth at once, then a 429 with its seconds, for this method
        and this workspace alone."""
        self.assertEqual(self.many(21), [200] * 20 + [429])
        self.now += 0.5
        a = self.ask("conversations.list", self.token)
        self.assertEqual(a.body, {"ok": False, "error": "ratelimited"})
        self.assertEqual((a.status, a.headers["Retry-After"]), (429, "3"))
        self.good(self.ask("conversations.info", self.token, channel="CAGENERAL1"))
        other = self.good(self.install(BETA))["access_token"]
        self.good(self.ask("conversations.list", other))
        rows = self.fake.calls("conversations.list")
        self.assertEqual([r["limited"] for r in rows],
                         [False] * 20 + [True] * 2 + [False])
        self.assertEqual([r["answer"] for r in rows[19:22]], ["ok", None, None])
        self.now += 2.5
        self.assertEqual(self.many(2), [200, 429])
        self.now += 60
        self.assertEqual(self.many(21), [200] * 20 + [429])

    def test_early_and_in_time(self):
        self.limits.rates["conversations.list"] = 20
        self.limits.depths["conversations.list"] = 1
        self.assertEqual(self.many(2), [200, 429])
        self.now += 2.9
        self.assertEqual(self.many(1), [429])
        early, = self.limits.early(grace=2)
        self.assertAlmostEqual(early["early"], 0.1)
        self.assertEqual(self.limits.early(grace=3), [])
        self.now += 0.1
        self.assertEqual(self.many(1), [200])
        self.assertEqual(len(self.limits.early(grace=0)), 1)

    def test_scale_and_share(self):
        self.limits.scale = 30      # 10 a second
        self.limits.depths["conversations.list"] = 1
        got = []
        for _ in range(20):
            self.now += 0.0501
            self.limits.blocks.clear()      # its whole seconds
            got += self.many(1)
        self.assertEqual(got, [200, 429] * 10)
        rows = self.fake.calls("conversations.list")
        for r, at in zip(rows, range(20)):
            r["at"] = at * 0.05
        self.assertAlmostEqual(self.limits.share(rows), 1.0)
        self.assertAlmostEqual(self.limits.share(rows[:1] + rows[18:]), 1 / 9)

    def test_minute(self):
        self.limits.mode, self.limits.scale = "minute", 30     # 2 s
        self.assertEqual(self.many(1), [200])
        self.now += 0.5
        self.assertEqual(self.many(20), [200] * 19 + [429])
        self.assertEqual(self.fake.calls("conversations.list")[-1]["retry_after"],
                         "2")
        self.now += 2
        self.assertEqual(self.many(21), [200] * 20 + [429])

    def test_posts_per_channel(self):
        def post(channel):
            return self.ask("chat.postMessage", self.token, text="x",
                            channel=channel).status
        self.assertEqual([post("CARANDOM01") for _ in range(6)], [200] * 5 + [429])
        self.assertEqual(post("CAGENERAL1"), 200)
        self.now += 1
        self.assertEqual(post("CARANDOM01"), 200)
        self.limits.depths["chat.postMessage"] = 1000
        got = [post("CAGENERAL1") for _ in range(300)]
        self.assertIn(200, got)
        self.assertIn(429, got)         # the workspace's ceiling

    def test_header(self):
        self.many(20)
        for header in (None, "soon", "1.5", ""):
            self.limits.header = header
            a = self.ask("conversations.list", self.token)
            self.assertEqual((a.status, a.headers["Retry-After"]), (429, header))

    def test_cohort(self):
        """Fifteen messages, once a minute; also where no other limit is on."""
        self.limits.on = False
        self.world.teams[ACME].limited = True
        a = self.good(self.ask("conversations.history", self.token, limit=100,
                               channel="CAGENERAL1"))
        self.assertEqual((len(a["messages"]), a["has_more"]), (15, True))
        b = self.ask("conversations.history", self.token, channel="CARANDOM01")
        self.assertEqual((b.status, b.headers["Retry-After"]), (429, "60"))
        self.assertEqual(self.many(30), [200] * 30)
        self.now += 60
        self.good(self.ask("conversations.history", self.token,
                           channel="CARANDOM01"))

    def test_scripted(self):
        """A 429 of a fault binds too: who comes early is written down."""
        self.limits.on = False
        self.fake.fault("conversations.list", "ratelimited", retry_after=30)
        self.assertEqual(self.many(2), [429, 200])
        self.assertEqual(len(self.limits.early(grace=-1)), 1)
        self.fake.fault("auth.test", "ratelimited", retry_after=None)
        self.assertEqual(self.many(2, "auth.test"), [429, 200])
        self.assertEqual(len(self.limits.early(grace=-1)), 1)

    def test_app_wide(self):
        self.limits.rates["oauth.v2.access"] = 1
        self.now += 60
        got = [self.app("oauth.v2.access", code="x").status for _ in range(3)]
        self.assertEqual(got, [200, 429, 429])


class Faults(FakeCase):
    CHANNEL = "CARANDOM01"

    def setUp(self):
        super().setUp()
        self.token = self.good(self.install())["access_token"]

    def post(self, text):
        """How it ended, in a word."""
        try:
            a = self.ask("chat.postMessage", self.token, text=text,
                         channel=self.CHANNEL)
        except ConnectionResetError:
            return "reset"
        except http.client.IncompleteRead:
            return "cut"
        if a.status != 200:
            return a.status
        try:
            return a.body.get("error", "ok")
        except (ValueError, AttributeError):
            return "no answer"

    def stored(self, text):
        c = self.world.teams[ACME].channels[self.CHANNEL]
        return sum(m["text"] == text for m in c.messages)

    def test_kinds(self):
        """Each with its effect and without."""
        for kind, want, more in (
                ("reset", "reset", {}), ("hang", "reset", {"seconds": 0.05}),
                ("cut", "cut", {}), ("stall", "cut", {"seconds": 0.05}),
                ("status", 500, {}), ("status", 503, {"status": 503}),
                ("empty", "no answer", {}), ("html", "no answer", {}),
                ("garbage", "no answer", {}), ("array", "no answer", {}),
                ("body", "no answer", {"body": "{"}), ("redirect", 302, {}),
                ("error", "internal_error", {"error": "internal_error"}),
                ("ratelimited", 429, {})):
            for effect in (False, True):
                with self.subTest(kind, effect=effect):
                    text = f"{kind} {want} {effect}"
                    self.fake.fault("chat.postMessage", kind, effect=effect, **more)
                    self.assertEqual(self.post(text), want)
                    self.assertEqual(self.stored(text), int(effect))
                    self.assertEqual(self.post(text + "!"), "ok")
        for kind in ("slow", "repeat_cursor"):
            self.fake.fault("*", kind, seconds=0.05)
            self.assertEqual(self.post(kind), "ok")

    def test_late_effect(self):
        """Slack may still do it when everybody has given up."""
        self.fake.fault("chat.postMessage", "reset", effect="late", late=0.2)
        self.assertEqual(self.post("late"), "reset")
        wait_until("it is posted", lambda: self.stored("late") == 1)
        row, = self.fake.calls("chat.postMessage")
        self.assertEqual((row["fault"], row["answer"]), ("reset", "ok"))

    def test_aim(self):
        fault, m = self.fake.fault, "chat.postMessage"
        fault(m, "error", error="e1", skip=1, times=2)
        self.assertEqual([self.post("x") for _ in range(4)],
                         ["ok", "e1", "e1", "ok"])
        fault(m, "error", error="e2", where={"text": "hit"})
        self.assertEqual([self.post(t) for t in ("miss", "hit", "hit")],
                         ["ok", "e2", "ok"])
        fault("*", "error", error="e3", team=BETA)
        self.assertEqual(self.post("x"), "ok")
        other = self.good(self.install(BETA))["access_token"]
        self.bad("e3", self.ask("auth.test", other))
        fault(m, "error", error="e4", times=-1)
        self.assertEqual({self.post("x") for _ in range(3)}, {"e4"})
        self.fake.reset()
        self.assertEqual(self.post("x"), "ok")
        self.assertRaises(ValueError, fault, m, "no such kind")

    def list(self, cursor=""):
        a = self.ask("conversations.list", self.token, limit=10, cursor=cursor)
        if a.status != 200:
            return a.status, None
        return len(a["channels"]), a["response_metadata"]["next_cursor"]

    def test_pages(self):
        """Page 3 fails, meets a 429, gives its own cursor again."""
        def page(n):
            cursor = ""
            for _ in range(n - 1):
                _, cursor = self.list(cursor)
            return cursor
        for kind, status in (("status", 500), ("ratelimited", 429)):
            self.fake.fault("conversations.list", kind, page=3)
            third = page(3)
            self.assertEqual(self.list(third)[0], status)
            self.assertEqual(self.list(third)[0], 10)
        self.fake.fault("conversations.list", "repeat_cursor", page=3)
        third = page(3)
        self.assertEqual(self.list(third), (10, third))
        size, after = self.list(third)
        self.assertNotEqual(after, third)
        self.assertEqual([c["page"] for c in self.fake.calls(
            "conversations.list")][-4:], [1, 2, 3, 3])


class EventBodies(FakeCase):
    """What a daemon gets; here a listener of the test's."""

    def setUp(self):
        super().setUp()
        case, self.got, self.answers = self, [], []

        class Listener(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                case.got.append((self.headers, body))
                status, *more = case.answers.pop(0) if case.answers else (200,)
                self.send_response(status)
                for name in more:
                    self.send_header(name, "1")
                self.end_headers()

            def log_message(self, *_):
                pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
        threading.Thread(target=server.serve_forever,
                         kwargs={"poll_interval": 0.02}).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.events = self.fake.events
        self.events.url = f"http://127.0.0.1:{server.server_port}/slack/events"

    def check(self, head, body, secret=None):
        stamp = head["X-Slack-Request-Timestamp"]
        base = f"v0:{stamp}:{body.decode()}".encode()
        want = hmac.digest((secret or self.world.signing_secret).encode(), base,
                           "sha256").hex()
        self.assertEqual(head["X-Slack-Signature"], "v0=" + want)
        return json.loads(body)

    def test_signed(self):
        self.events.send(self.events.verification())
        body = self.check(*self.got[0])
        self.assertEqual(body["type"], "url_verification")
        self.assertGreater(len(body["challenge"]), 20)
        self.assertLess(abs(int(self.got[0][0]["X-Slack-Request-Timestamp"])
                            - time.time()), 60)
        self.events.send(b"\xc3\xa4 raw", age=400, secret="other",
                         headers={"Content-Type": None, "X-More": "1"})
        head, raw = self.got[1]
        self.assertEqual((raw, head["Content-Type"], head["X-More"]),
                         (b"\xc3\xa4 raw", None, "1"))
        self.assertGreater(time.time() - int(head["X-Slack-Request-Timestamp"]), 300)
        self.events.send({}, headers={"X-Slack-Signature": None})
        self.assertIsNone(self.got[2][0]["X-Slack-Signature"])

    @unittest.skipUnless(os.environ.get("SLACK_SAMPLES"), "SLACK_SAMPLES is not set")
    def test_known_signature(self):
        with open(os.path.join(os.environ["SLACK_SAMPLES"], "events.json"),
                  encoding="utf-8") as f:
            v = json.load(f)["signature_vector"]
        self.assertEqual(sign(v["signing_secret"], v["timestamp"],
                              v["body"].encode()), v["signature"])

    def test_retries(self):
        self.answers = [(500,), (503,)]
        body = self.events.app_uninstalled(ACME)
        self.assertEqual(self.events.deliver(body, waits=(0, 0, 0)).status, 200)
        heads = [h for h, _ in self.got]
        self.assertEqual([h["X-Slack-Retry-Num"] for h in heads], [None, "1", "2"])
        self.assertEqual(heads[1]["X-Slack-Retry-Reason"], "http_error")
        self.assertEqual(len({b for _, b in self.got}), 1)      # the same event
        self.answers = [(500, "X-Slack-No-Retry")]
        self.assertEqual(self.events.deliver(body, waits=(0, 0)).status, 500)
        self.assertEqual(len(self.got), 4)
        self.events.url = "http://127.0.0.1:1/"
        self.assertIsInstance(self.events.deliver(body, waits=(0,)), OSError)

    def test_end_of_an_install(self):
        a = self.good(self.install(user_scope="search:read"))
        gone, tokens = self.events.uninstall(ACME)
        self.bad("account_inactive", self.ask("auth.test", a["access_token"]))
        self.assertEqual((gone["event"]["type"], gone["team_id"]),
                         ("app_uninstalled", ACME))
        self.assertEqual(tokens["event"]["tokens"], {
            "oauth": ["U0ALICE"], "bot": [self.world.teams[ACME].bot_user]})
        self.assertNotEqual(gone["event_id"], tokens["event_id"])
        self.world.add_org("E0ORG00001", "Org", ACME)
        late = self.events.tokens_revoked("E0ORG00001", ["U0BOB"], event_time=5)
        self.assertEqual((late["team_id"], late["enterprise_id"],
                          late["event_time"]), (None, "E0ORG00001", 5))
        self.assertTrue(late["authorizations"][0]["is_enterprise_install"])


class Big(FakeCase):
    def make_world(self):
        return bigworld.big_world(users=2500, channels=600)

    def test_pages(self):
        t = self.good(self.install(bigworld.TEAM, "users:read,channels:read,"
                                   "groups:read,channels:history"))["access_token"]

        def all_of(method, what, limit, **form):
            seen, cursor = [], None
            while cursor != "":
                a = self.good(self.ask(method, t, limit=limit, **form,
                                       **({"cursor": cursor} if cursor else {})))
                seen += a[what]
                cursor = a["response_metadata"]["next_cursor"]
            return {x["id"]: x for x in seen}, len(seen)
        people, n = all_of("users.list", "members", 1000)
        self.assertEqual((len(people), n), (2502, 2502))
        self.bad("limit_required", self.ask("users.list", t))
        chans, n = all_of("conversations.list", "channels", 200,
                          types="public_channel,private_channel")
        self.assertEqual((len(chans), n), (600, 600))
        self.assertEqual({c["name"] for c in chans.values()} >= {"general"}, True)
        page = [self.good(self.ask("conversations.history", t, limit=50,
                                   channel="C0BIG000005")) for _ in range(2)]
        self.assertEqual(page[0], page[1])
        self.assertEqual(len(page[0]["messages"]), 50)
        self.assertLessEqual({m["user"] for m in page[0]["messages"]}, set(people))


class Talk(FakeCase):
    def test_every_kind(self):
        """They come back over JSON as they are."""
        t = self.good(self.install())["access_token"]
        ts = talk.say_all(self.world, ACME, "CAUMLAUT01")
        a = self.good(self.ask("conversations.history", t, limit=999,
                               channel="CAUMLAUT01"))["messages"]
        by = {m["ts"]: m for m in a}
        for name, (words, more) in talk.KINDS.items():
            if name.startswith("re ") and name != "re loud":
                self.assertNotIn(ts[name], by)
                continue
            self.assertEqual(by[ts[name]]["text"], words, name)
            if more.get("user", "") is None:
                self.assertNotIn("user", by[ts[name]])
        self.assertEqual(by[ts["thread"]]["reply_count"], 3)
        kinds = {b["type"] for m in a for b in m.get("blocks", ())}
        self.assertGreater(len(kinds), 12)


if __name__ == "__main__":
    unittest.main()
