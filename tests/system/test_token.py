# SPDX-License-Identifier: ISC
"""The life of rotating tokens (issue: never a lost token): who refreshes, how
often, and what is left when that process dies at each step."""
import contextlib
import glob
import os
import signal
import threading
import time
import unittest

import lib
import mcpclient
from mcpclient import Modern, get, install
import test_mariadb

TEAM = "T0ACME0001"
GENERAL = "CAGENERAL1"
ACCESS = "oauth.v2.access"


class Rotating(lib.Apart):
    """A workspace whose app rotates its tokens."""
    WORKERS = 2
    LIVES = 43200

    def setUp(self):
        super().setUp()
        self.slack.world.teams[TEAM].rotates = True
        self.slack.world.rotation.expires_in = self.LIVES
        self.chain = self.slack.world.chain

    def installed(self, workers=None, **env):
        d = self.daemon(self.slack, workers=workers or self.WORKERS, env=env)
        d.start()
        self.connect(d)
        return d

    def connect(self, d):
        install(d)
        mcpclient.known(d, TEAM)
        for text in self.chain(TEAM).alive() + self.chain(TEAM).usable():
            self.secret("token", text)

    def read(self, d, timeout=30):
        with Modern(d) as c:
            return c.tool("slack_get_channel_history", channel_id=GENERAL, limit=1)

    def many(self, daemons, n):
        """n calls at once; what went wrong."""
        wrong, go = [], threading.Barrier(n)

        def one(d):
            go.wait(60)
            t = self.read(d)
            if not t.ok:
                wrong.append(str(t))
        threads = [threading.Thread(target=one, args=(daemons[i % len(daemons)],))
                   for i in range(n)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(90)
        return wrong

    def all_say_so(self, d):
        """Each worker's calls go on, and say where to connect again.  The mark is
        in the store before all of them have seen it."""
        lib.wait_until("each worker says so", lambda: all(
            t.ok and "/slack/install" in t.text
            for t in (self.read(d) for _ in range(4 * self.WORKERS))))

    def refreshes(self):
        """Those that gave a pair."""
        return self.chain(TEAM).refreshes

    def check(self, d, n):
        """n refreshes in all, the last pair is the store's: it serves, and it can
        be refreshed."""
        self.assertEqual(self.refreshes(), n)
        lib.wait_until("each worker uses the new one", lambda: all(
            self.read(d).ok and self.slack.calls("conversations.history")[-1]["token"]
            == self.chain(TEAM).current for _ in range(4 * self.WORKERS)))
        lib.wait_until("nothing stays in the spool", lambda: not glob.glob(
            d.state_dir + "/spool/pair-*"))
        before = self.refreshes()
        self.chain(TEAM).expire()
        t = self.read(d)
        self.assertTrue(t.ok, t)
        self.assertEqual(self.refreshes(), before + 1)

    def never_two_at_once(self):
        rows = sorted(self.slack.refreshes(), key=lambda c: c["at"])
        for a, b in zip(rows, rows[1:]):
            self.assertLessEqual(a["done"], b["at"])

    def hold(self, effect):
        """The next refresh, not an install's exchange."""
        self.slack.fault(ACCESS, "hold", effect=effect,
                         where={"grant_type": "refresh_token"})


class Life(Rotating):
    WORKERS = 4

    def tearDown(self):
        self.never_two_at_once()
        super().tearDown()

    def test_at_the_moment_of_expiry(self):
        d = self.installed(MAX_CALLS_PER_KEY="256")
        self.chain(TEAM).expire()
        self.assertEqual(self.many([d], 200), [])
        self.check(d, 1)

    def test_due(self):
        """Renewed in the background, before anybody needs it, by one worker."""
        self.slack.world.rotation.expires_in = 3600
        d = self.installed()
        lib.wait_until("it is renewed", lambda: self.refreshes() == 1)
        self.slack.world.rotation.expires_in = self.LIVES
        lib.wait_until("the new one is used", lambda: self.read(d).ok and
                       self.slack.calls()[-1]["token"] == self.chain(TEAM).current)
        self.assertEqual(self.refreshes(), 1)

    def test_spent_soon_after_it_was_renewed(self):
        """What is only due rests a while; who needs it does not wait for that."""
        self.slack.world.rotation.expires_in = 3600
        d = self.installed(workers=2, LOG_LEVEL="debug")
        lib.wait_until("it is renewed", lambda: self.refreshes() == 1)
        lib.wait_until("both let it rest", lambda: len({
            row["pid"] for row in d.log_rows()
            if "renewed a moment ago" in row["msg"]}) == 2)
        self.chain(TEAM).expire()
        self.assertEqual(self.many([d], 20), [])
        self.assertEqual(self.refreshes(), 2)

    def test_down_for_days(self):
        d = self.installed()
        d.stop()
        self.chain(TEAM).expire()
        d.sql("UPDATE installs SET expires = 1000")
        d.start()
        lib.wait_until("it is renewed", lambda: self.refreshes() == 1)
        lib.wait_until("it serves", lambda: self.read(d).ok)
        self.check(d, 1)

    def test_connected_again_meanwhile(self):
        """The pair of a refresh that a new install overtook is nobody's."""
        d = self.installed()
        self.hold(True)
        self.chain(TEAM).expire()
        asked = threading.Thread(target=self.read, args=(d,))
        asked.start()
        self.slack.wait_held(ACCESS)
        self.connect(d)
        self.slack.release()
        asked.join(60)
        lib.wait_until("it serves", lambda: self.read(d).ok)
        lib.wait_until("nothing waits", lambda: not glob.glob(
            d.state_dir + "/spool/pair-*"))

    def test_installed_twice(self):
        """Two installs of the same workspace, one after the other: the chain is
        the newer one's."""
        d = self.installed()
        first = self.chain(TEAM).current
        self.connect(d)
        self.assertNotEqual(self.chain(TEAM).current, first)
        self.chain(TEAM).expire()
        self.assertTrue(self.read(d).ok)
        self.check(d, 1)
        self.connect(d)             # and again, after refreshes
        self.check(d, 2)
        self.assertEqual(len(d.ctl_json("show", "installs")), 1)

    def test_the_client_hangs_up(self):
        """While Slack has not read it, while it was done, while it is stored."""
        for step in ("sent", "done", "stored"):
            with self.subTest(step):
                d = self.installed()
                before = self.refreshes()
                self.hold(step != "sent")
                self.chain(TEAM).expire()
                c = mcpclient.connection(d)
                m = Modern(d)
                m.conn = c
                threading.Thread(target=lambda m=m: self.quietly(m),
                                 daemon=True).start()
                self.slack.wait_held(ACCESS)
                with d.locked() if step == "stored" else contextlib.nullcontext():
                    if step == "stored":
                        self.slack.release()
                        lib.wait_until("it is spooled", lambda: glob.glob(
                            d.state_dir + "/spool/pair-*"))
                    c.sock.shutdown(2)
                self.slack.release()
                lib.wait_until("the pair is there", lambda: self.read(d).ok)
                self.check(d, before + 1)
                d.stop()
                self.slack.reset()

    def test_the_store_is_down(self):
        """Then nobody asks Slack: the token serves to its end, and who needs a
        newer one is told to wait."""
        d = self.installed(STORE_TIMEOUT="1", REQUEST_TIMEOUT="5")
        with d.locked():
            since = self.slack.mark()
            t = self.read(d)
            self.assertTrue(t.ok, t)
            self.chain(TEAM).expire()
            t = self.read(d)
            self.assertFalse(t.ok, t)
            self.assertIn("is being renewed", t.text)
            self.assertEqual(self.slack.calls(ACCESS, since), [])
        lib.wait_until("it is renewed", lambda: self.read(d).ok)
        self.check(d, 1)

    def test_unclear_without_grace(self):
        """Slack did it, the answer is lost, and the refresh token with it: asked
        once more, then the old one serves to its end."""
        d = self.daemon(self.slack, workers=self.WORKERS)
        d.start()
        self.slack.world.rotation.expires_in = 3600
        self.slack.fault(ACCESS, "reset", effect=True,
                         where={"grant_type": "refresh_token"})
        self.connect(d)
        lib.wait_until("it is marked", lambda: "lost" in
                       d.ctl("show", "installs").stdout, 40)
        self.assertEqual([c["answer"] for c in self.slack.refreshes()],
                         ["ok", "invalid_refresh_token"])
        self.all_say_so(d)
        self.assertEqual(d.counter("tokens_lost"), 1)

    @staticmethod
    def quietly(m):
        try:
            m.tool("slack_get_channel_history", channel_id=GENERAL, limit=1)
        except Exception:   # noqa: BLE001  it is the one that hangs up
            pass

    def test_stop_in_the_middle(self):
        d = self.installed()
        self.hold(True)
        self.chain(TEAM).expire()
        threading.Thread(target=lambda: self.quietly(Modern(d)), daemon=True).start()
        self.slack.wait_held(ACCESS)
        d.kill(sig=signal.SIGTERM)
        lib.wait_until("it stops", lambda: get(d, "/ready", fail=False).status != 200)
        self.slack.release()
        self.assertEqual(d.wait(), 0)
        d.start()
        lib.wait_until("it serves", lambda: self.read(d).ok)
        self.check(d, 1)

    def test_reload_in_the_middle(self):
        d = self.installed()
        self.hold(True)
        self.chain(TEAM).expire()
        threading.Thread(target=lambda: self.quietly(Modern(d)), daemon=True).start()
        self.slack.wait_held(ACCESS)
        d.ctl("reload")
        self.slack.release()
        lib.wait_until("it serves", lambda: self.read(d).ok)
        self.check(d, 1)

    def test_spent_under_a_reload(self):
        """A call of the old generation finds its token spent: it is served."""
        d = self.installed()
        history = "conversations.history"
        self.slack.fault(history, "hold")
        found = []
        asked = threading.Thread(target=lambda: found.append(self.read(d)))
        asked.start()
        self.assertTrue(self.slack.wait_held(history))
        d.ctl("reload")
        lib.wait_until("its worker drains", lambda: any(
            w["state"] == "DRAINING" for w in d.ctl_json("show", "workers")))
        self.chain(TEAM).expire()
        self.slack.release()
        asked.join(60)
        self.assertTrue(found[0].ok, found)
        self.check(d, 1)

    def test_slack_says_wait(self):
        """What was not spent may be asked again, as often as it takes: as soon as Slack
        lets, and by no worker before."""
        d = self.installed()
        self.slack.fault(ACCESS, "ratelimited", retry_after=2, times=3)
        self.chain(TEAM).expire()
        lib.wait_until("it serves", lambda: self.read(d).ok, 40)
        at = [c["at"] for c in self.slack.refreshes()]
        self.assertEqual(len(at), 4)
        for a, b in zip(at, at[1:]):
            self.assertLess(b - a, 6 * lib.SLOW)
        self.assertEqual(self.slack.limits.early(0), [])
        self.check(d, 1)

    def test_slack_says_wait_for_long(self):
        """Whoever cannot wait so long hears it at once, from each worker."""
        d = self.installed()
        self.slack.fault(ACCESS, "ratelimited", retry_after=60, times=-1)
        self.chain(TEAM).expire()
        began = time.monotonic()
        for _ in range(8):
            t = self.read(d)
            self.assertTrue(t.error, t)
            self.assertIn("Try again in a minute", t.text)
        self.assertLess(time.monotonic() - began, 10 * lib.SLOW)
        self.assertEqual(len(self.slack.refreshes()), 1)

    def test_wrong_secret(self):
        """Slack does not take the app's secret: that is the operator's to mend, and no
        workspace is lost by it."""
        for word in ("bad_client_secret", "invalid_client_id"):
            with self.subTest(word):
                d = self.installed(workers=1)
                before = self.refreshes()
                self.slack.fault(ACCESS, "error", error=word, times=-1)
                self.chain(TEAM).expire()
                threading.Thread(target=lambda d=d: Life.quietly(Modern(d)),
                                 daemon=True).start()
                lib.wait_until("it is met", lambda d=d: d.counter("app_refused"))
                self.assertNotEqual(install(d).status, 200)     # meets it, too
                self.assertEqual(d.counter("app_refused"), 2)
                told, = [r["msg"] for r in d.log_rows() if r.get("level") == "error"]
                self.assertIn("app's id or secret", told)
                self.assertIn(word, told)
                self.assertIn("Slack does not take the app's id or secret",
                              get(d, "/health").json["reasons"])
                self.assertNotIn("connect again", d.ctl("show", "installs").stdout)
                self.slack.faults.clear()
                d.ctl("reload")         # new workers try anew
                lib.wait_until("it serves", lambda d=d: self.read(d).ok, 40)
                self.assertEqual(d.counter("tokens_lost"), 0)
                self.check(d, before + 1)
                d.stop()

    def test_of_somebody_else(self):
        """An answer that names another workspace, or a person's token, is not ours to
        use, however it came here."""
        for more in ({"team": {"id": "T0BETA0001"}}, {"token_type": "user"}):
            with self.subTest(str(more)):
                d = self.installed()
                before = self.refreshes()
                self.slack.fault(ACCESS, "body", where={"grant_type": "refresh_token"}, body={
                    "ok": True, "access_token": "xoxe.xoxb-1-alien",
                    "refresh_token": "xoxe-1-alien", "expires_in": 43200,
                    "token_type": "bot", "team": {"id": TEAM}, **more})
                self.chain(TEAM).expire()
                self.assertTrue(self.read(d).ok)
                self.check(d, before + 1)
                self.assertNotIn("xoxe.xoxb-1-alien", [c["token"] for c in self.slack.calls()])
                d.stop()

    def test_unclear_once(self):
        """One retry, and within the grace it gives a pair."""
        for kind in ("reset", "cut", "empty", "html", "status"):
            with self.subTest(kind):
                d = self.installed()
                self.slack.world.rotation.grace = 30
                self.slack.fault(ACCESS, kind, effect=True)
                before = self.refreshes()
                self.chain(TEAM).expire()
                self.assertTrue(self.read(d).ok)
                self.assertEqual(self.refreshes(), before + 2)
                d.stop()
                self.slack.reset()

    def test_two_secrets(self):
        d = self.installed()
        d.stop()
        old = d.env["SLACK_CLIENT_SECRET"]
        new = self.secret("new client secret", self.slack.world.change_secret(keep=0))
        d.env.update(SLACK_CLIENT_SECRET=old, SLACK_CLIENT_SECRET_OLD=new)
        d.start()
        self.chain(TEAM).expire()
        self.assertTrue(self.read(d).ok)
        self.check(d, 1)
        self.connect(d)


class Killed(Rotating):
    """kill -9 of whoever refreshes, at each step."""

    def refresher(self, d):
        """The worker that holds the lease."""
        (owner,), = d.sql("SELECT owner FROM leases WHERE name LIKE 'token:%'"
                          " AND owner <> ''")
        slot = int(owner.split(":")[1])
        return next(w["pid"] for w in d.ctl_json("show", "workers")
                    if w["what"] == f"worker {slot + 1}")

    def killed(self, d, effect, grace):
        self.slack.world.rotation.grace = grace
        self.hold(effect)
        self.chain(TEAM).expire()
        threading.Thread(target=lambda: Life.quietly(Modern(d)), daemon=True).start()
        self.slack.wait_held(ACCESS)
        d.kill(self.refresher(d))
        if effect:
            self.slack.release()

    def test_before_sending(self):
        """The intent stands; what it meant to ask never came to be carried out."""
        d = self.installed()
        self.killed(d, False, 0)
        lib.wait_until("another one refreshes", lambda: self.read(d).ok, 40)
        self.check(d, 1)

    def test_after_the_spool(self):
        """The store is locked so long: replayed, one in all."""
        d = self.installed(STORE_TIMEOUT="10")
        self.hold(True)
        self.chain(TEAM).expire()
        threading.Thread(target=lambda: Life.quietly(Modern(d)), daemon=True).start()
        self.slack.wait_held(ACCESS)
        pid = self.refresher(d)
        with d.locked():
            self.slack.release()
            lib.wait_until("it is spooled", lambda: glob.glob(
                d.state_dir + "/spool/pair-*"))
            d.kill(pid)
        lib.wait_until("it is replayed", lambda: self.read(d).ok, 40)
        self.check(d, 1)

    def test_between_sending_and_spool_with_grace(self):
        d = self.installed()
        self.killed(d, True, 30)
        lib.wait_until("another one refreshes", lambda: self.read(d).ok, 40)
        self.check(d, 2)

    def test_between_sending_and_spool_without_grace(self):
        """The old token serves to its end, and everybody is told."""
        d = self.installed()
        self.slack.world.rotation.grace = 0
        self.slack.world.rotation.expires_in = 3600
        self.hold(True)
        self.connect(d)             # due at once, but not spent
        self.slack.wait_held(ACCESS)
        d.kill(self.refresher(d))
        self.slack.release()
        lib.wait_until("it is marked", lambda: "connect" in
                       d.ctl("show", "installs").stdout, 40)
        self.all_say_so(d)
        self.chain(TEAM).expire()
        t = self.read(d)
        self.assertFalse(t.ok, t)
        self.assertIn("/slack/install", t.text)
        lost = [r for r in d.log_rows() if r.get("level") == "error"
                and "nobody can renew" in r.get("msg", "")]
        self.assertEqual(len(lost), 1)
        self.assertIn("/slack/install", lost[0]["msg"])
        self.assertEqual(d.counter("tokens_lost"), 1)
        self.assertLessEqual(self.refreshes(), 2)
        self.connect(d)
        lib.wait_until("it serves again", lambda: self.read(d).ok)


class Install(Rotating):
    """kill -9 between the answer to the code and the store: Slack gave the tokens,
    and auth.test is not answered yet."""

    def spooled(self, d):
        return glob.glob(d.state_dir + "/spool/install-*")

    def killed(self, rotates):
        self.slack.world.teams[TEAM].rotates = rotates
        d = self.daemon(self.slack, workers=1)
        d.start()
        self.slack.fault("auth.test", "hold")
        threading.Thread(target=self.quietly, args=(d,), daemon=True).start()
        self.assertTrue(self.slack.wait_held("auth.test"))
        self.assertEqual(len(self.spooled(d)), 1)
        d.kill(d.workers()[0])
        self.slack.release()
        mcpclient.known(d, TEAM)
        return d

    @staticmethod
    def quietly(d):
        try:
            install(d)
        except Exception:   # noqa: BLE001  its worker is killed
            pass

    def test_killed(self):
        for rotates in (False, True):
            with self.subTest(rotates=rotates):
                d = self.killed(rotates)
                self.assertTrue(self.read(d).ok)
                lib.wait_until("it leaves the spool", lambda d=d: not self.spooled(d))
                row, = d.ctl_json("show", "installs")
                self.assertEqual((row["team"], row["state"]), (TEAM, "live"))
                self.assertEqual(len(self.slack.calls(ACCESS)), 1)
                if rotates:
                    self.check(d, 1 if self.slack.world.chain(TEAM).refreshes else 0)
                d.stop()
                self.slack.reset()

    def test_what_auth_test_says_comes_later(self):
        """The permalink needs the workspace's address, the search for a post of
        unclear outcome the bot's id."""
        d = self.killed(False)
        lib.wait_until("its address is known", lambda:
                       d.ctl_json("show", "installs")[0]["url"])
        with Modern(d) as c:
            t = c.tool("slack_post_message", channel_id=GENERAL, text="hello")
            self.assertIn("permalink: http", t.text)
        self.assertEqual(self.bot_ids(d), [self.slack.world.teams[TEAM].bot_id])
        since = self.slack.mark()
        lib.wait_until("nobody asks again", lambda: self.read(d).ok)
        self.assertEqual(self.slack.calls("auth.test", since), [])

    @staticmethod
    def bot_ids(d):
        return [r[0] for r in d.sql("SELECT bot_id FROM installs")]

    def test_auth_test_fails(self):
        """The install is there at once, the rest when Slack answers."""
        d = self.daemon(self.slack, workers=2)
        d.start()
        self.slack.fault("auth.test", "error", error="fatal_error", times=3)
        install(d)
        mcpclient.known(d, TEAM)
        self.assertTrue(self.read(d).ok)
        lib.wait_until("the bot's id is known", lambda: self.bot_ids(d) ==
                       [self.slack.world.teams[TEAM].bot_id], 30)

    def test_nothing_stays(self):
        d = self.installed()
        self.connect(d)             # the same workspace once more
        self.assertEqual(os.listdir(d.state_dir + "/spool"), [])
        self.assertEqual(len(d.ctl_json("show", "installs")), 1)
        self.assertTrue(self.read(d).ok)

    def test_all_killed(self):
        """The machine goes: the next start has it."""
        d = self.daemon(self.slack, workers=2)
        d.start()
        self.slack.fault("auth.test", "hold")
        threading.Thread(target=self.quietly, args=(d,), daemon=True).start()
        self.assertTrue(self.slack.wait_held("auth.test"))
        workers = d.workers()
        d.kill()
        for pid in workers:
            d.kill(pid)
        d.wait()
        self.slack.release()
        d.start()
        mcpclient.known(d, TEAM)
        self.assertTrue(self.read(d).ok)
        self.assertEqual(os.listdir(d.state_dir + "/spool"), [])


class OnTwoHosts(test_mariadb.Shared, Rotating):
    setUp_db = test_mariadb.Shared.setUp

    def setUp(self):
        self.setUp_db()
        Rotating.setUp(self)

    def tearDown(self):
        self.db.signal(signal.SIGCONT)
        self.never_two_at_once()
        Rotating.tearDown(self)

    def test_at_the_moment_of_expiry(self):
        a, b = self.pair(self.slack)
        self.connect(a)
        mcpclient.known(b, TEAM)
        self.chain(TEAM).expire()
        self.assertEqual(self.many([a, b], 200), [])
        self.check(a, 1)
        self.assertTrue(self.read(b).ok)

    def test_a_host_dies(self):
        """With the lease in its hands: the other one has it when it has stood still
        for 30 s, however many attempts look at it."""
        a, b = self.pair(self.slack)
        self.slack.fault(ACCESS, "hang", seconds=3,
                         where={"grant_type": "refresh_token"})
        self.slack.world.rotation.expires_in = 3600         # due at once
        install(a)
        lib.wait_until("one asks", self.slack.refreshes)
        self.slack.world.rotation.expires_in = self.LIVES
        dead, lives = (a, b) if self.lease().startswith("n1.") else (b, a)
        dead.give_up()
        lib.wait_until("the other one does", self.refreshes, 45)
        self.check(lives, 1)

    def lease(self):
        return self.db.sql("SELECT owner FROM leases WHERE name LIKE 'token:%'")[0][0]

    def test_dead_for_all(self):
        """The mark of one host holds on the other."""
        self.slack.world.teams[TEAM].rotates = False
        a, b = self.pair(self.slack)
        self.connect(a)
        mcpclient.known(b, TEAM)
        self.slack.world.teams[TEAM].revoked = "account_inactive"
        self.assertFalse(self.read(a).ok)

        def quiet():
            since = self.slack.mark()
            t = self.read(b)
            return "must be connected again" in t.text and \
                not self.slack.calls(since=since)
        lib.wait_until("the other one does not ask any more", quiet, 5)
        said = [r for d in (a, b) for r in d.log_rows()
                if "does not take the token" in r.get("msg", "")]
        self.assertEqual(len(said), 1)

    def test_newer_token_of_another_host(self):
        """The store is looked at before a token is called dead."""
        self.slack.world.teams[TEAM].rotates = False
        a, b = self.pair(self.slack)
        self.connect(a)
        mcpclient.known(b, TEAM)
        history = "conversations.history"
        self.slack.fault(history, "hold", effect=False)
        found = []
        asked = threading.Thread(target=lambda: found.append(self.read(b)))
        asked.start()
        self.assertTrue(self.slack.wait_held(history))
        self.slack.world.teams[TEAM].uninstall()
        install(a)
        self.slack.release()
        asked.join(60)
        self.assertTrue(found[0].ok, found)
        self.assertEqual([c["answer"] for c in self.slack.calls(history)],
                         ["account_inactive", "ok"])

    def test_the_store_is_lost(self):
        """After the spool: nobody uses the pair before it is in the store."""
        a, _ = self.pair(self.slack)
        self.slack.world.rotation.expires_in = 3600
        self.hold(True)
        self.connect(a)
        self.slack.wait_held(ACCESS)
        old = self.chain(TEAM).tokens[-2].text      # Slack has made another
        self.db.signal(signal.SIGSTOP)
        self.slack.release()
        lib.wait_until("it is spooled", lambda: any(
            glob.glob(d.state_dir + "/spool/pair-*") for d in self.daemons), 30)
        self.assertTrue(self.read(a).ok)
        self.assertEqual(self.slack.calls("conversations.history")[-1]["token"], old)
        self.db.signal(signal.SIGCONT)
        lib.wait_until("it is stored", lambda: not any(
            glob.glob(d.state_dir + "/spool/pair-*") for d in self.daemons), 40)
        self.assertEqual(self.refreshes(), 1)


if __name__ == "__main__":
    unittest.main()
