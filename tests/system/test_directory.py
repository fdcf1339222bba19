# SPDX-License-Identifier: ISC
"""The directory of a workspace: names where ids are taken, filled in the
background, complete or partial and saying so, never replaced by less."""
import re
import time
import unittest

import lib
import mcpclient
from mcpclient import Modern, install

TEAM = "T0ACME0001"


class Base(lib.Suite):
    PAUSE = "20ms"
    WORLD = {}

    @classmethod
    def scopes(cls):
        return lib.SCOPES + ",users:read,users.profile:read,reactions:write"

    def begin_one(self, slack, workers=2, **env):
        d = self.daemon(slack, workers=workers, env={
            "DIRECTORY": "on", "DIRECTORY_PAUSE": self.PAUSE, "SLACK_SCOPES": self.scopes(), **env}).start()
        install(d)
        return d

    def tool(self, d, name, **args):
        with Modern(d) as c:
            return c.tool(name, **args)

    def status(self, d):
        return self.tool(d, "slack_connection_status").text

    def complete(self, d, seconds=60):
        lib.wait_until("both are complete", lambda: self.status(d).count(
            ", complete at ") == 2, seconds)


class Names(Base):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()

    def test_names_and_search(self):
        d = self.begin_one(self.slack)
        t = self.tool(d, "slack_get_channel_history", channel_id="#general", limit=1)
        self.assertTrue(t.ok, t)        # before anything is filled
        self.complete(d)
        for name in "#general", "general", "#GENERAL":
            with self.subTest(name):
                t = self.tool(d, "slack_get_channel_history", channel_id=name, limit=1)
                self.assertTrue(t.ok, t)
                self.assertEqual(self.slack.calls("conversations.history")[-1]["form"][
                    "channel"], "CAGENERAL1")
        t = self.tool(d, "slack_post_message", channel_id="#general", text="by name")
        self.assertTrue(t.ok, t)
        t = self.tool(d, "slack_get_channel_history", channel_id="#no-such-one")
        self.assertFalse(t.ok)
        self.assertIn("no channel called", t.text)
        t = self.tool(d, "slack_search_users", query="a")
        self.assertTrue(t.ok, t)
        ids = re.findall(r"^(U\w+) \| @(\S+)", t.text, re.M)
        self.assertTrue(ids, t.text)
        t = self.tool(d, "slack_get_user_profile", user_id="@" + ids[0][1])
        self.assertTrue(t.ok, t)
        self.assertIn(ids[0][0], t.text)
        self.assertFalse(self.tool(d, "slack_get_user_profile", user_id="@nobody").ok)
        d.stop()

    def test_policy_holds_for_names(self):
        """A name gets a key no further than the id does."""
        d = self.begin_one(self.slack)
        self.complete(d)
        secret = next(c for c in self.slack.world.teams[TEAM].channels.values()
                      if c.id != "CAGENERAL1" and c.kind == "public_channel")
        key = d.key_add("bound", "--workspaces", TEAM, "--role", "write",
                        "--read", "CAGENERAL1", "--write", "CAGENERAL1")
        mark = self.slack.mark()
        with Modern(d, key) as c:
            absent = c.tool("slack_get_channel_history", channel_id="#no-such")
            bound = c.tool("slack_get_channel_history", channel_id="#" + secret.name)
            self.assertFalse(bound.ok)
            self.assertEqual(bound.text.replace(secret.name, "no-such"), absent.text)
            self.assertTrue(c.tool("slack_get_channel_history",
                                   channel_id="#general", limit=1).ok)
        self.assertEqual([r["form"]["channel"] for r in self.slack.calls(
            "conversations.history", mark)], ["CAGENERAL1"])
        d.stop()


class Fills(Base):
    """A page that fails ends the run; the next one goes on there."""

    def big(self, **more):
        from bigworld import big_world
        return self.fake(world=big_world(**more))

    def entries(self, d, what):
        found = re.search(rf"known {what}: (\d+)", self.status(d))
        return int(found.group(1)) if found else 0

    def test_goes_on_where_it_failed(self):
        slack = self.big(users=1500, channels=300)
        for kind, more in (("ratelimited", {"retry_after": 1}),
                           ("error", {"error": "internal_error"}),
                           ("repeat_cursor", {})):
            slack.fault("users.list", kind, page=4, times=-1, **more)
            d = self.begin_one(slack)
            try:
                lib.wait_until("channels are complete", lambda d=d: re.search(
                    r"known channels: \d+, complete", self.status(d)), 60)
                if kind != "ratelimited":
                    lib.wait_until("it says that it is partial", lambda d=d:
                                   "ended early" in self.status(d), 60)
                self.assertNotRegex(self.status(d), r"known people: \d+, complete")
                slack.faults.clear()
                lib.wait_until("the next run goes on", lambda d=d: re.search(
                    r"known people: \d+, complete", self.status(d)), 60)
                self.assertGreaterEqual(self.entries(d, "people"), 1500)
            finally:
                d.stop()
                slack.reset()

    def test_first_call_of_a_big_workspace(self):
        slack = self.big(users=20000, channels=5000)
        self.PAUSE = "3s"
        d = self.begin_one(slack)
        began = time.monotonic()
        t = self.tool(d, "slack_list_channels", limit=100)
        took = time.monotonic() - began
        self.assertTrue(t.ok, t)
        self.assertLess(took, 1 * lib.SLOW + 1)
        d.stop()

    def test_shared_by_workers_and_lives_on(self):
        slack = self.fake()
        d = self.begin_one(slack, workers=3)
        self.complete(d)
        pages = len(slack.calls("users.list"))
        for _ in range(12):
            self.assertIn(", complete at ", self.status(d))
        d.stop()
        d.start()
        mcpclient.known(d, TEAM)
        self.assertEqual(self.status(d).count(", complete at "), 2)
        self.assertEqual(len(slack.calls("users.list")), pages)
        d.stop()


if __name__ == "__main__":
    unittest.main()
