# SPDX-License-Identifier: ISC
"""The fake Slack itself: tokens, limits, faults and events are as the real one's
are known to be."""
import threading
import unittest

from fakecase import ACME, BETA, FakeCase
from lib import default_world, wait_until


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


if __name__ == "__main__":
    unittest.main()
