# SPDX-License-Identifier: ISC
"""Installs that nobody approves: they go, from Slack too (INSTALL_PENDING_TTL)."""
import threading
import unittest
from functools import partial

import lib
import mcpclient
from mcpclient import Modern, install

LIVE = "T0ACME0001"
TEAM = "T0BETA0001"
ORG = "E0ORG00001"
UNINSTALL = "apps.uninstall"
DONE = "and the app taken off the workspace"
LEFT = "but the app is still in the workspace"


class Pending(lib.Apart):
    def setUp(self):
        super().setUp()
        self.team = self.slack.world.teams[TEAM]

    def started(self, workers=2, ttl="2s", allow=LIVE, fake=None, **env):
        return self.daemon(fake or self.slack, workers=workers, env={
            "INSTALL_ALLOW": allow, "INSTALL_PENDING_TTL": ttl, **env}).start()

    def rows(self, d):
        return {r["team"]: r["state"] for r in d.ctl_json("show", "installs")}

    def gone(self, d, team=TEAM, seconds=40):
        lib.wait_until("the row is gone", lambda: team not in self.rows(d), seconds)

    def told(self, d, words):
        return sum(words in r.get("msg", "") for r in d.log_rows())

    def replies(self):
        return [c["answer"] for c in self.slack.calls(UNINSTALL)]

    def test_removed(self):
        d = self.started(workers=4)
        install(d, LIVE)
        self.slack.fault(UNINSTALL, "hold")
        page = install(d, TEAM)
        self.assertIn("install approve", page.text)
        self.assertTrue(self.team.bot.alive())
        self.slack.wait_held(UNINSTALL)
        self.slack.release()
        self.gone(d)
        call, = self.slack.calls(UNINSTALL)
        self.assertEqual((call["team"], call["answer"]), (TEAM, "ok"))
        self.assertEqual(set(call["form"]), {"client_id", "client_secret"})
        self.assertEqual(self.team.bot.alive(), [])
        self.assertEqual(self.told(d, DONE), 1)
        self.assertEqual(self.rows(d), {LIVE: "live"})
        with Modern(d) as c:
            self.assertTrue(c.tool("slack_list_channels", limit=1).ok)
        self.slack.fault(UNINSTALL, "hold")
        install(d, TEAM)            # it may come again
        self.assertEqual(self.rows(d)[TEAM], "pending")

    def test_approved_in_time(self):
        d = self.started(ttl="6s")
        install(d, TEAM)
        d.ctl("install", "approve", TEAM)
        install(d, LIVE)
        self.slack.world.add("T0MORE0001", "More", "more-fake")
        install(d, "T0MORE0001")    # what goes shows that the time is over
        self.gone(d, "T0MORE0001")
        self.assertEqual(self.rows(d)[TEAM], "live")
        self.assertEqual([c["team"] for c in self.slack.calls(UNINSTALL)],
                         ["T0MORE0001"])

    def test_its_token_ran_out(self):
        """A rotating one is renewed for it."""
        self.team.rotates = True
        self.slack.world.rotation.expires_in = 1
        d = self.started()
        install(d, TEAM)
        self.slack.world.rotation.expires_in = 43200
        self.gone(d)
        self.assertEqual(self.team.bot.refreshes, 1)
        self.assertEqual(self.replies(), ["ok"])
        self.assertEqual(self.told(d, DONE), 1)

    def test_slack_is_away(self):
        """Before it was done, and after."""
        def away(d):
            install(d, TEAM)
            self.gone(d)
            self.assertEqual(len(d.fake.calls(UNINSTALL)), 2)
            self.assertEqual(self.told(d, DONE), 1)
            self.assertEqual(d.fake.world.teams[TEAM].bot.alive(), [])
        daemons = []
        for effect in (False, True):
            daemons.append(self.started(ttl="3s", fake=self.fake()))
            daemons[-1].fake.fault(UNINSTALL, "reset", effect=effect)
        lib.at_once(*(partial(away, d) for d in daemons))

    def test_slack_does_not(self):
        """Not for ever: as long once more, then it goes with a warning."""
        d = self.started(ttl="4s")
        self.slack.fault(UNINSTALL, "error", error="fatal_error", times=-1)
        install(d, TEAM)
        lib.wait_until("it was tried", lambda: self.slack.calls(UNINSTALL))
        self.assertEqual(self.rows(d)[TEAM], "pending")
        self.gone(d)
        self.assertGreater(len(self.slack.calls(UNINSTALL)), 1)
        self.assertEqual(self.told(d, LEFT), 1)
        self.assertEqual(self.told(d, DONE), 0)

    def test_the_organisation_waits(self):
        """A workspace of it is live by a row of its own."""
        self.slack.world.add_org(ORG, "Org", TEAM)
        d = self.started(ttl="4s", allow=f"{LIVE},{TEAM}")
        install(d, TEAM)
        install(d, ORG)
        self.assertEqual(self.rows(d), {TEAM: "live", ORG: "pending"})
        self.gone(d, ORG)
        self.left_alone(d)

    def left_alone(self, d):
        self.assertEqual(d.fake.calls(UNINSTALL), [])
        self.assertEqual(self.told(d, "is connected by another one"), 1)

    @staticmethod
    def age(d, team):
        d.sql("UPDATE installs SET state = 'pending', updated = 1000, changed ="
              f" (SELECT n + 1 FROM changes) WHERE team_id = '{team}'",
              "UPDATE changes SET n = n + 1")

    def test_the_organisation_is_live(self):
        def live(d, before):
            d.fake.world.add_org(ORG, "Org", TEAM)
            install(d, ORG)
            mcpclient.known(d, TEAM)
            install(d, TEAM)
            if before:      # it came to the organisation
                d.sql(f"UPDATE installs SET enterprise_id = '' WHERE team_id = '{TEAM}'")
            self.age(d, TEAM)
            d.stop()
            d.start()
            lib.wait_until("the row is gone", lambda: self.count(d, TEAM) == 0, 40)
            self.left_alone(d)
        lib.at_once(*(partial(live, self.started(
            allow=ORG, ttl="1h", fake=self.fake(), DIRECTORY="on"), before)
            for before in (False, True)))

    def count(self, d, team):
        return len(d.sql(f"SELECT 1 FROM installs WHERE team_id = '{team}'"))

    def test_killed(self):
        """kill -9 of who asks Slack, after Slack did it: another one finishes."""
        d = self.started(workers=1)
        self.slack.fault(UNINSTALL, "hold", effect=True)
        install(d, TEAM)
        self.assertTrue(self.slack.wait_held(UNINSTALL))
        d.kill(d.workers()[0])
        self.slack.release()
        lib.wait_until("the row is gone", lambda: self.count(d, TEAM) == 0, 40)
        self.assertEqual(self.replies()[1:], ["account_inactive"])

    def test_stop_in_the_middle(self):
        d = self.started()
        self.slack.fault(UNINSTALL, "hold", effect=True)
        install(d, TEAM)
        self.assertTrue(self.slack.wait_held(UNINSTALL))
        d.proc.terminate()
        threading.Timer(0.5, self.slack.release).start()
        self.assertEqual(d.wait(), 0)
        d.start()
        self.assertNotEqual(self.rows(d).get(TEAM), "pending")
        self.assertEqual(len(self.slack.calls(UNINSTALL)), 1)


if __name__ == "__main__":
    unittest.main()
