# SPDX-License-Identifier: ISC
"""Slack's rate limits: obeyed by all workers at once, used to the full, in order."""
import re
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


class Limited(lib.Suite):
    """The fake's limits are on, its time runs SCALE times as fast, and so do the
    daemon's rates."""
    WORKERS = 4
    ENV = {"BUDGET_SCALE": str(SCALE), "MAX_CALLS_PER_KEY": "200"}

    def setUp(self):
        self.slack = self.fake()
        self.team = self.slack.world.teams[TEAM]
        limits = self.slack.limits
        limits.on, limits.scale = True, SCALE

    def tearDown(self):
        for d in self.daemons:
            d.stop()

    def installed(self, **env):
        d = self.daemon(self.slack, workers=self.WORKERS,
                        env={**self.ENV, **env}).start()
        mcpclient.install(d)
        mcpclient.known(d, TEAM)
        return d

    def history(self, d, **args):
        with Modern(d) as c:
            return c.tool("slack_get_channel_history", team_id=TEAM,
                          channel_id=GENERAL, **{"limit": 1, **args})

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

    def check_load(self, daemons, seconds=6):
        """No call before its Retry-After, 90 % of what is allowed, none lost."""
        rows, wrong = self.full_load(daemons, seconds)
        self.assertEqual(wrong, [])
        self.assertEqual(self.slack.limits.early(), [])
        began = rows[0]["at"]
        rows = [r for r in rows if 2 <= r["at"] - began <= seconds]
        share = self.slack.limits.share(rows, HISTORY)
        self.assertGreaterEqual(share, 0.9, [
            (round(r["at"] - began, 2), r["limited"]) for r in rows])
        return rows


class FullLoad(Limited):
    def test_the_rate_that_is_planned(self):
        self.check_load([self.installed()])

    def test_less_is_allowed(self):
        """Slack gives less than planned: a 429 now and then corrects it."""
        self.slack.limits.rates[HISTORY] = 30
        self.check_load([self.installed()], 8)
        self.assertTrue([r for r in self.slack.calls(HISTORY) if r["limited"]])


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
        rows = self.check_load([a, b])
        self.assertEqual([r for r in rows if r["limited"]], [])
