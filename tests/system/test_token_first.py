# SPDX-License-Identifier: ISC
"""install rotate: the first pair of a token that lived long."""
import glob
import signal
import threading
import unittest

import lib
from mcpclient import get
from test_token import TEAM, Rotating


class First(Rotating):
    """install rotate: a long-lived token becomes a pair (oauth.v2.exchange)."""
    EXCHANGE = "oauth.v2.exchange"

    def setUp(self):
        super().setUp()
        self.team = self.slack.world.teams[TEAM]
        self.team.rotates = False

    def old(self, workers=2, **env):
        """An install from before rotation was turned on."""
        d = self.installed(workers, **env)
        self.long = self.chain(TEAM).current
        self.team.rotates = True
        return d

    def rotate(self, d, check=True):
        out = d.ctl("install", "rotate", TEAM, check=check, seconds=60)
        for text in self.chain(TEAM).alive() + self.chain(TEAM).usable():
            self.secret("token", text)
        return out

    def held(self, d, effect=True):
        """It is asked for, and Slack is at it until it is released."""
        self.slack.fault(self.EXCHANGE, "hold", effect=effect)
        asked = threading.Thread(target=lambda: self.rotate(d, False), daemon=True)
        asked.start()
        self.slack.wait_held(self.EXCHANGE)
        return asked

    def kind(self, d):
        return d.ctl_json("show", "installs")[0]["token"]

    def exchanges(self):
        return [c["answer"] for c in self.slack.calls(self.EXCHANGE)]

    def test_rotates(self):
        d = self.old()
        self.assertEqual(self.kind(d), "ok")
        self.assertIn(TEAM, self.rotate(d).stdout)
        self.assertEqual(self.kind(d), "rotates")
        call, = self.slack.calls(self.EXCHANGE)
        self.assertEqual(set(call["form"]), {"client_id", "client_secret", "token"})
        self.assertEqual(call["type"], "application/x-www-form-urlencoded")
        self.check(d, 0)
        self.assertNotIn(self.long, self.chain(TEAM).alive())   # since the refresh
        said = self.rotate(d, False)
        self.assertEqual(said.returncode, 1)
        self.assertIn("rotates already", said.stderr)
        self.assertEqual(len(self.slack.calls(self.EXCHANGE)), 1)

    def test_never_unasked(self):
        d = self.old()
        self.assertTrue(self.read(d).ok)
        d.stop()
        d.start()
        self.assertTrue(self.read(d).ok)
        self.assertEqual(self.exchanges(), [])

    def test_refused(self):
        d = self.old()
        for code, word in (("token_rotation_not_enabled", "settings"),
                           ("token_already_exchanged", "connected"),
                           ("authorization_not_found", "connected"),
                           ("something_new", "something_new")):
            with self.subTest(code):
                self.slack.fault(self.EXCHANGE, "error", error=code)
                said = self.rotate(d, False)
                self.assertEqual(said.returncode, 1)
                self.assertIn(code, said.stderr)
                self.assertIn(word, said.stderr)
                self.assertEqual(self.kind(d), "ok")
                self.assertTrue(self.read(d).ok)
        self.rotate(d)
        self.check(d, 0)

    def test_slack_says_wait(self):
        d = self.old()
        self.slack.fault(self.EXCHANGE, "ratelimited", retry_after=1)
        said = self.rotate(d, False)
        self.assertEqual(said.returncode, 1)
        self.assertIn("try again", said.stderr)
        lib.wait_until("its time has come", lambda: self.rotate(d, False).returncode == 0)
        self.assertEqual(self.slack.limits.early(0), [])
        self.check(d, 0)

    def test_unclear_before(self):
        """It did not come to be: once more, and it is there."""
        d = self.old()
        self.slack.fault(self.EXCHANGE, "reset")
        self.rotate(d)
        self.assertEqual(len(self.exchanges()), 2)
        self.check(d, 0)

    def test_unclear_after(self):
        """Slack did it and nobody has the pair: the old token goes on working."""
        for kind in ("reset", "cut", "html", "status"):
            with self.subTest(kind):
                d = self.old()
                self.slack.fault(self.EXCHANGE, kind, effect=True)
                said = self.rotate(d, False)
                self.assertEqual(said.returncode, 1)
                self.assertIn("token_already_exchanged", said.stderr)
                self.assertEqual(len(self.exchanges()), 2)
                self.assertEqual(self.kind(d), "ok")
                self.assertTrue(self.read(d).ok)
                self.connect(d)             # the way out
                lib.wait_until("it rotates", lambda: self.kind(d) == "rotates")
                self.check(d, self.refreshes())
                d.stop()
                self.slack.reset()
                self.slack.world.teams[TEAM].rotates = False
                self.slack.world.teams[TEAM].uninstall()

    def test_unclear_twice(self):
        d = self.old()
        self.slack.fault(self.EXCHANGE, "reset", times=2)
        said = self.rotate(d, False)
        self.assertEqual(said.returncode, 1)
        self.assertIn("goes on working", said.stderr)
        self.assertEqual(len(self.exchanges()), 2)
        self.assertTrue(self.read(d).ok)
        self.rotate(d)
        self.check(d, 0)

    def test_two_at_once(self):
        d = self.old()
        first = self.held(d)
        for _ in range(4):      # whichever worker is asked
            said = self.rotate(d, False)
            self.assertEqual(said.returncode, 1)
            self.assertIn("somebody else", said.stderr)
        self.slack.release()
        first.join(60)
        self.assertEqual(len(self.exchanges()), 1)
        self.check(d, 0)

    def test_the_store_is_away(self):
        """Then Slack is not asked."""
        d = self.old(STORE_TIMEOUT="1")
        with d.locked():
            self.assertEqual(self.rotate(d, False).returncode, 1)
        self.assertEqual(self.exchanges(), [])
        self.rotate(d)
        self.check(d, 0)

    def test_connected_again_meanwhile(self):
        d = self.old()
        asked = self.held(d)
        self.connect(d)
        now = self.chain(TEAM).current
        self.slack.release()
        asked.join(60)
        lib.wait_until("it serves", lambda: self.read(d).ok)
        self.assertEqual(self.slack.calls("conversations.history")[-1]["token"], now)
        self.assertEqual(glob.glob(d.state_dir + "/spool/*"), [])

    def killed(self, effect):
        d = self.old(workers=1)
        asked = self.held(d, effect=effect)
        d.kill(d.workers()[0])
        self.slack.release()
        asked.join(60)
        lib.wait_until("another worker serves", lambda: self.read(d).ok)
        self.assertEqual(self.kind(d), "ok")
        return d

    def test_killed_before_sending(self):
        """What the dead one meant to ask never came to be carried out; the intent
        that it left stops nobody."""
        d = self.killed(False)
        self.chain_is_as_before()
        self.rotate(d)
        self.check(d, 0)

    def chain_is_as_before(self):
        """The fake carries out what it has read: undone here, as if it had not."""
        for t in self.chain(TEAM).tokens:
            t.exchanged = False

    def test_killed_between_sending_and_spool(self):
        d = self.killed(True)
        said = self.rotate(d, False)
        self.assertIn("token_already_exchanged", said.stderr)
        self.assertTrue(self.read(d).ok)
        self.connect(d)
        lib.wait_until("it rotates", lambda: self.kind(d) == "rotates")
        self.check(d, 0)

    def test_killed_after_the_spool(self):
        """The store is locked so long: replayed, one exchange in all."""
        d = self.old(workers=1, STORE_TIMEOUT="10")
        asked = self.held(d)
        with d.locked():
            self.slack.release()
            lib.wait_until("it is spooled", lambda: glob.glob(
                d.state_dir + "/spool/pair-*"))
            d.kill(d.workers()[0])
        asked.join(60)
        d.wait_all_workers()
        lib.wait_until("it is stored", lambda: self.kind(d) == "rotates")
        self.assertEqual(len(self.exchanges()), 1)
        self.check(d, 0)

    def test_stop_in_the_middle(self):
        d = self.old()
        asked = self.held(d)
        d.kill(sig=signal.SIGTERM)
        lib.wait_until("it stops", lambda: get(d, "/ready", fail=False).status != 200)
        self.slack.release()
        self.assertEqual(d.wait(), 0)
        asked.join(60)
        d.start()
        self.assertEqual(self.kind(d), "rotates")
        self.check(d, 0)

    def test_the_old_secret(self):
        d = self.old()
        d.stop()
        new = self.secret("new client secret", self.slack.world.change_secret(keep=0))
        d.env.update(SLACK_CLIENT_SECRET_OLD=new)
        d.start()
        self.rotate(d)
        self.check(d, 0)


if __name__ == "__main__":
    unittest.main()
