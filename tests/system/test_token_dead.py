# SPDX-License-Identifier: ISC
"""Tokens that Slack does not take any more: who is told, and how they come back."""
import threading
import unittest

import lib
import mcpclient
from mcpclient import Modern, get, install
from test_token import ACCESS, GENERAL, TEAM


class Dead(lib.Apart):
    """A token that Slack does not take any more (SLACK.md 4, "revoked")."""
    OTHER = "T0BETA0001"
    HISTORY = "conversations.history"

    def setUp(self):
        super().setUp()
        self.team = self.slack.world.teams[TEAM]

    def installed(self, workers=2, **env):
        d = self.daemon(self.slack, workers=workers, env=env).start()
        install(d, self.OTHER)
        install(d, TEAM)
        return d

    def read(self, d, team=TEAM, tool="slack_get_channel_history", **more):
        channel = GENERAL if team == TEAM else "CBGENERAL1"
        with Modern(d) as c:
            return c.tool(tool, team_id=team, channel_id=channel, **more)

    def token(self, d, team=TEAM):
        return next(r["token"] for r in d.ctl_json("show", "installs")
                    if r["team"] == team)

    def errors(self, d):
        return [r for r in d.log_rows() if r.get("level") == "error"
                and "does not take the token" in r.get("msg", "")]

    def dead(self, d, word):
        """By the first call: marked, told once, and Slack is left in peace."""
        t = self.read(d)
        self.assertFalse(t.ok, t)
        self.assertIn("must be connected again: " + d.base + "/slack/install", t.text)
        self.assertIn(f"dead: connect again ({word})", self.token(d))
        lib.wait_until("all workers know it", lambda: all(
            "does not take" in self.listed(d) for _ in range(12)))
        since = self.slack.mark()
        for _ in range(8):
            t = self.read(d)
            self.assertIn("must be connected again: " + d.base + "/slack/install",
                          t.text)
        t = self.read(d, tool="slack_post_message", text="x")
        self.assertIn("must be connected again", t.text)
        self.assertEqual(self.slack.calls(since=since), [])
        self.assertEqual(len(self.errors(d)), 1)
        self.assertIn(TEAM, self.errors(d)[0]["msg"])
        self.assertEqual(d.counter("tokens_dead"), 1)
        with Modern(d) as c:
            t = c.tool("slack_connection_status", team_id=TEAM)
        self.assertTrue(t.ok, t)
        self.assertRegex(t.text, "token: not taken by Slack any more.*/slack/install")
        a = get(d, "/health")
        self.assertEqual((a.status, a.json["status"]), (200, "ok"), a)
        self.assertTrue(self.read(d, self.OTHER).ok)

    def listed(self, d):
        with Modern(d) as c:
            return c.tool("slack_list_workspaces").text

    def healed(self, d):
        self.assertNotIn("dead", self.token(d))
        lib.wait_until("it serves again", lambda: self.read(d).ok)
        lib.wait_until("all workers know it", lambda: all(
            "does not take" not in self.listed(d) for _ in range(12)))

    def test_each_word(self):
        for word in ("token_revoked", "account_inactive", "not_authed"):
            with self.subTest(word):
                d = self.installed()
                self.team.revoked = word
                self.dead(d, word)
                self.assertEqual(self.slack.calls("auth.test", since=0)[2:], [],
                                 "only the two of the installs")
                self.team.revoked = None
                install(d, TEAM)
                self.healed(d)
                d.stop()
                self.slack.reset()

    def test_invalid_auth_confirmed(self):
        d = self.installed()
        self.team.revoked = "invalid_auth"
        self.dead(d, "invalid_auth")
        self.assertEqual(len(self.slack.calls("auth.test")), 3)
        bad = d.ctl("install", "retry", TEAM, check=False)
        self.assertEqual(bad.returncode, 1)
        self.assertIn("invalid_auth", bad.stderr)
        self.assertIn("/slack/install", bad.stderr)
        self.assertIn("dead", self.token(d))
        self.team.revoked = None
        self.assertIn(TEAM, d.ctl("install", "retry", TEAM).stdout)
        self.healed(d)
        self.assertEqual(len(d.ctl_json("show", "installs")), 2)

    def test_invalid_auth_alone(self):
        """Nothing is concluded from one."""
        d = self.installed()
        self.slack.fault(self.HISTORY, "error", error="invalid_auth")
        t = self.read(d)
        self.assertFalse(t.ok, t)
        self.assertNotIn("/slack/install", t.text)
        self.assertEqual(self.token(d), "ok")
        self.assertTrue(self.read(d).ok)
        self.assertEqual(self.errors(d), [])

    def test_auth_test_does_not_answer(self):
        d = self.installed()
        for kind in ("reset", "status"):
            with self.subTest(kind):
                self.slack.fault(self.HISTORY, "error", error="invalid_auth")
                self.slack.fault("auth.test", kind)
                self.assertFalse(self.read(d).ok)
                self.assertEqual(self.token(d), "ok")
                self.assertTrue(self.read(d).ok)

    def test_many_calls_at_once(self):
        """One judgement of a worker, one mark of all."""
        d = self.installed(workers=4)
        self.team.revoked = "invalid_auth"
        threads = [threading.Thread(target=self.read, args=(d,)) for _ in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        self.assertEqual(len(self.errors(d)), 1)
        self.assertEqual(d.counter("tokens_dead"), 1)
        self.assertLessEqual(len(self.slack.calls("auth.test")), 2 + 4)

    def test_newer_token(self):
        """Somebody installed again while the call was under way: its token is used."""
        d = self.installed()
        self.slack.fault(self.HISTORY, "hold", effect=False)
        found = []
        asked = threading.Thread(target=lambda: found.append(self.read(d)))
        asked.start()
        self.assertTrue(self.slack.wait_held(self.HISTORY))
        self.team.uninstall()
        install(d, TEAM)
        self.slack.release()
        asked.join(60)
        self.assertTrue(found[0].ok, found)
        self.assertEqual([c["answer"] for c in self.slack.calls(self.HISTORY)],
                         ["account_inactive", "ok"])
        self.assertEqual(self.errors(d), [])
        self.assertEqual(self.token(d), "ok")

    def test_lost_is_taken_up_again(self):
        """Slack refused to renew; later it does."""
        self.team.rotates = True
        d = self.installed()
        chain = self.slack.world.chain(TEAM)
        self.slack.fault(ACCESS, "error", error="invalid_refresh_token",
                         where={"grant_type": "refresh_token"})
        chain.expire()
        self.assertIn("must be connected again", self.read(d).text)
        self.assertIn("lost", self.token(d))
        out = d.ctl("install", "retry", TEAM).stdout
        self.assertIn("renewed", out)
        lib.wait_until("it is renewed", lambda: self.read(d).ok, 30)
        self.assertEqual(chain.refreshes, 1)
        self.assertEqual(self.token(d), "rotates")

    def test_a_rotating_one(self):
        self.team.rotates = True
        d = self.installed()
        self.team.revoked = "token_revoked"
        self.dead(d, "token_revoked")
        self.team.revoked = None
        d.ctl("install", "retry", TEAM)
        self.healed(d)
        self.slack.world.chain(TEAM).expire()
        self.assertTrue(self.read(d).ok)
        self.assertEqual(self.slack.world.chain(TEAM).refreshes, 1)

    def test_an_organisation(self):
        """Its workspaces have its token, and end with it."""
        org = self.slack.world.add_org("E0ORG00001", "Org", TEAM, self.OTHER)
        d = self.daemon(self.slack, workers=2, env={"DIRECTORY": "on"}).start()
        install(d, "E0ORG00001")
        for team in (TEAM, self.OTHER):
            mcpclient.known(d, team)
            self.assertTrue(self.read(d, team).ok)
        org.revoked = "token_revoked"
        self.assertFalse(self.read(d).ok)
        self.assertIn("dead", self.token(d, "E0ORG00001"))
        lib.wait_until("all workers know it", lambda: all(
            self.listed(d).count("does not take") == 2 for _ in range(12)))
        since = self.slack.mark()
        for team in (TEAM, self.OTHER):
            self.assertIn("must be connected again", self.read(d, team).text)
        self.assertEqual(self.slack.calls("conversations.history", since), [])
        self.assertEqual(len(self.errors(d)), 1)
        org.revoked = None
        d.ctl("install", "retry", "E0ORG00001")
        for team in (TEAM, self.OTHER):
            lib.wait_until("it serves again", lambda team=team: self.read(d, team).ok)

    def test_restart(self):
        """It is the store's: another start does not ask Slack either."""
        d = self.installed()
        self.team.revoked = "token_revoked"
        self.assertFalse(self.read(d).ok)
        d.stop()
        since = self.slack.mark()
        d.start()
        self.assertIn("must be connected again", self.read(d).text)
        self.assertEqual(self.slack.calls(since=since), [])

    def test_the_store_is_away(self):
        """Then nothing is marked; the call ends."""
        d = self.installed(STORE_TIMEOUT="1")
        self.slack.fault(self.HISTORY, "error", error="token_revoked")
        with d.locked():
            self.assertFalse(self.read(d).ok)
        self.assertTrue(self.read(d).ok)
        self.assertEqual(self.token(d), "ok")

    def test_the_allow_list(self):
        """Many at once: one alarm that says where to look."""
        more = [f"T0MORE000{i}" for i in range(4)]
        for team in more:
            self.slack.world.add(team, team.lower(), team.lower())
            self.slack.world.teams[team].add("CXGENERAL1", "general")
        d = self.daemon(self.slack, workers=2).start()
        for team in more:
            install(d, team)
        for team in more:
            self.slack.world.teams[team].revoked = "invalid_auth"
        for team in more:
            with Modern(d) as c:
                self.assertFalse(c.tool("slack_get_channel_history", team_id=team,
                                        channel_id="CXGENERAL1").ok)
        lib.wait_until("it is told", lambda: self.alarms(d))
        self.assertEqual(len(self.alarms(d)), 1)
        self.assertEqual(d.counter("tokens_refused"), 1)
        self.assertIn("Slack refuses the tokens of many workspaces",
                      get(d, "/health").text)

    def alarms(self, d):
        return [r for r in d.log_rows() if r.get("level") == "error"
                and "IP allow list" in r.get("msg", "")]

    def test_two_are_no_alarm(self):
        d = self.installed()
        for team in (TEAM, self.OTHER):
            self.slack.world.teams[team].revoked = "invalid_auth"
            self.assertFalse(self.read(d, team).ok)
            self.assertIn("dead", self.token(d, team))
        self.assertEqual(len(self.errors(d)), 2)
        self.assertEqual(self.alarms(d), [])


if __name__ == "__main__":
    unittest.main()
