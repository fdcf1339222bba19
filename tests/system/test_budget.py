# SPDX-License-Identifier: ISC
"""Slack's rate limits: obeyed by all workers at once, used to the full, in order."""
import threading
import time

import lib
import mcpclient
import test_mariadb
from mcpclient import Modern

TEAM = "T0ACME0001"
GENERAL = "CAGENERAL1"
HISTORY, REPLIES, POST = ("conversations.history", "conversations.replies",
                          "chat.postMessage")
SCALE = 60      # a minute is a second


class Limited(lib.Apart):
    """The fake's limits are on, its time runs SCALE times as fast, and so do the
    daemon's rates."""
    WORKERS = 4
    ENV = {"BUDGET_SCALE": str(SCALE), "MAX_CALLS_PER_KEY": "200"}

    def setUp(self):
        super().setUp()
        self.team = self.slack.world.teams[TEAM]
        limits = self.slack.limits
        limits.on, limits.scale = True, SCALE

    def installed(self, **env):
        d = self.daemon(self.slack, workers=self.WORKERS,
                        env={**self.ENV, **env}).start()
        mcpclient.install(d)
        mcpclient.known(d, TEAM)
        return d

    def history(self, d, **args):
        with Modern(d) as c:
            return c.tool("slack_get_channel_history", team_id=TEAM,
                          **{"channel_id": GENERAL, "limit": 1, **args})

    def full_load(self, daemons, seconds, clients=16):
        """So many clients ask all the time; the log's rows, and what was no
        answer."""
        since, end = self.slack.mark(), time.monotonic() + seconds
        wrong = []

        def one(d):
            with Modern(d) as c:
                while time.monotonic() < end:
                    t = c.tool("slack_get_channel_history", team_id=TEAM,
                               channel_id=GENERAL, limit=1)
                    if not t.ok:
                        wrong.append(t.text)
        threads = [threading.Thread(target=one, args=(daemons[i % len(daemons)],))
                   for i in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(seconds + 60)
        return self.slack.calls(HISTORY, since), wrong

    def check_load(self, daemons, seconds=5):
        """No call before its Retry-After, none lost; and when the first burst has met
        its 429, which is over 2 s later, no further one and 90 % of what is allowed.
        When it meets that is the machine's: its first calls may take a second."""
        rows, wrong = self.full_load(daemons, seconds)
        self.assertEqual(wrong, [])
        self.assertEqual(self.slack.limits.early(), [])
        began = rows[0]["at"]
        told = [r["at"] - began for r in rows if r["limited"]]
        self.assertLess(max(told, default=0) - min(told, default=0), 1, told)
        first = max(told, default=0) + 2.1
        self.assertLess(first, seconds - 1, told)
        rows = [r for r in rows if first <= r["at"] - began <= seconds]
        share = self.slack.limits.share(rows, HISTORY)
        self.assertGreaterEqual(share, 0.9, [
            (round(r["at"] - began, 2), r["limited"]) for r in rows])


class FullLoad(Limited):
    def test_the_rate_that_is_planned(self):
        self.check_load([self.installed()])

    def test_less_is_allowed(self):
        """Slack gives less than planned: a 429 now and then corrects it, and what
        Slack saves up meanwhile is used."""
        limits, rate, depth = self.slack.limits, 6, 40
        limits.scale = 60 * rate / depth
        limits.rates[HISTORY] = depth           # a minute's worth at once
        d = self.installed(BUDGET_SCALE=str(limits.scale))
        rows, wrong = self.full_load([d], 8, clients=8)
        self.assertEqual(wrong, [])
        self.assertEqual(limits.early(), [])
        told = [r for r in rows if r["limited"]]
        self.assertTrue(told)
        # each told to all: alone each worker would hear it (17 and more)
        self.assertLessEqual(len(told), 12)
        taken = [r["at"] for r in rows if not r["limited"]]
        allowed = depth + rate * (taken[-1] - taken[0])
        # what Slack saves up while the last 429 is obeyed, 2 s at most, is not lost
        self.assertGreaterEqual((len(taken) + 2 * rate) / allowed, 0.9)


class Cohort(Limited):
    """Once a minute, 15 messages."""
    ENV = {"BUDGET_SCALE": "1"}

    def setUp(self):
        super().setUp()
        self.slack.limits.scale = 1

    def test_it_is_learnt_in_two_calls(self):
        """By all workers; other methods go on; and the waiting is explained."""
        self.team.limited = True
        d = self.installed()
        first = self.history(d, limit=100)
        self.assertTrue(first.ok, first)
        self.assertIn("cursor=", first.text)        # 15, and more
        second = self.history(d, limit=100)
        self.assertRegex(second.text, r"wait (5\d|6[01]) s")
        asked = self.slack.mark()
        for _ in range(12):
            t = self.history(d, limit=100)
            self.assertRegex(t.text, r"wait [456]\d s.*once a minute")
        with Modern(d) as c:
            t = c.tool("slack_get_channel_history", team_id=TEAM,
                       channel_id="CARANDOM01")
            self.assertIn("once a minute", t.text)
            self.assertTrue(c.tool("slack_list_channels", team_id=TEAM).ok)
        self.assertEqual(self.slack.calls(HISTORY, asked), [])
        self.assertEqual(self.slack.limits.early(), [])
        self.assertEqual(d.counter("slack_limited"), 1)

    def test_what_is_no_sign(self):
        """A channel of 15 messages, read twice; and one long 429."""
        d = self.installed()
        for i in range(15):
            self.slack.world.say(TEAM, "CABULK0000", f"one of 15: {i}")
        for _ in range(3):
            self.assertTrue(self.history(d, channel_id="CABULK0000", limit=100).ok)
        self.slack.fault(HISTORY, "ratelimited", retry_after=59)
        self.assertFalse(self.history(d, limit=100).ok)
        t = self.history(d, limit=100)
        self.assertRegex(t.text, r"wait [56]\d s")
        self.assertNotIn("once a minute", t.text)
        self.assertEqual(d.counter("slack_limited"), 0)


class OnTwoHosts(test_mariadb.Shared, Limited):
    WORKERS = 2
    setUp_db = test_mariadb.Shared.setUp

    def setUp(self):
        self.setUp_db()
        Limited.setUp(self)

    def test_share(self):
        a, b = self.pair(self.slack, BUDGET_SHARE="2", **self.ENV)
        mcpclient.install(a)
        mcpclient.known(b, TEAM)
        self.check_load([a, b])
