# SPDX-License-Identifier: ISC
"""The directory of a workspace: names where ids are taken, filled in the
background, complete or partial and saying so, never replaced by less."""
import os
import re
import sqlite3
import time
import unittest

import lib
import mcpclient
import test_mariadb
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
        lib.wait_until("all workers know that both are complete", lambda: all(
            self.status(d).count(", complete") == 2 for _ in range(6)), seconds)


class Names(Base):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()

    def test_names_and_search(self):
        d = self.begin_one(self.slack)
        t = self.tool(d, "slack_get_channel_history", channel_id="#general", limit=1)
        self.assertTrue(t.ok, t)        # before anything is filled
        self.capitals(d)
        self.complete(d)
        self.capitals(d)
        self.assertIn("U0BOB", self.tool(d, "slack_search_users", query="BÖR").text)
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
        t = self.tool(d, "slack_get_channel_history", channel_id="#old-news")
        self.assertIn("an archived one has only its id.", t.text)
        t = self.tool(d, "slack_get_channel_history", channel_id="@alice")
        self.assertIn("a direct message's D… id", t.text)
        t = self.tool(d, "slack_get_user_profile", user_id="#general")
        self.assertIn("user_id must be a person's id", t.text)
        t = self.tool(d, "slack_search_users", query="a")
        self.assertTrue(t.ok, t)
        ids = re.findall(r"^(U\w+) \| @(\S+)", t.text, re.M)
        self.assertTrue(ids, t.text)
        t = self.tool(d, "slack_get_user_profile", user_id="@" + ids[0][1])
        self.assertTrue(t.ok, t)
        self.assertIn(ids[0][0], t.text)
        self.assertFalse(self.tool(d, "slack_get_user_profile", user_id="@nobody").ok)
        d.stop()

    def capitals(self, d):
        """Of any alphabet, whoever compares: Slack's list or the store."""
        t = self.tool(d, "slack_get_user_profile", user_id="@BOB bÖRSE")
        self.assertTrue(t.ok, t)
        self.assertIn("The profile of U0BOB", t.text)

    def test_wherever_an_id_is_taken(self):
        """All tools that name a channel or a person, by their own list."""
        d = self.begin_one(self.slack)
        self.complete(d)
        more = {"slack_get_channel_history": {}, "slack_get_channel_info": {},
                "slack_post_message": {"text": "x"}, "slack_get_user_profile": {}}
        ts = self.slack.world.say(TEAM, "CARANDOM01", "said")
        for name in ("slack_get_thread_replies", "slack_reply_to_thread"):
            more[name] = {"thread_ts": ts, "text": "x"}
        more["slack_add_reaction"] = {"timestamp": ts, "reaction": "eyes"}
        seen = 0
        with Modern(d) as c:
            for tool in c.result(c.request("tools/list"))["tools"]:
                takes = tool["inputSchema"]["properties"]
                for argument, names in (("channel_id", ("#random", "random", "#RANDOM")),
                                        ("user_id", ("@alice", "alice", "Bob Börse"))):
                    for name in names if argument in takes else ():
                        args = {k: v for k, v in more[tool["name"]].items()
                                if k in takes}
                        t = c.tool(tool["name"], **args, **{argument: name})
                        done = "already" in t.text      # the reaction
                        self.assertTrue(t.ok or done, (tool["name"], name, t))
                        seen += 1
        self.assertGreaterEqual(seen, 21)
        d.stop()

    def test_two_of_a_name(self):
        """Also while the directory is not there yet: nobody is taken for another."""
        slack = self.fake()
        team = slack.world.teams[TEAM]
        team.person("U0TWIN001", "twin.one", "Twin One", "twin")
        team.person("U0TWIN002", "twin.two", "Twin Two", "twin")
        slack.fault("users.list", "hold", where={"limit": "200"}, times=-1)
        d = self.begin_one(slack)
        t = self.tool(d, "slack_get_user_profile", user_id="@twin")
        self.assertFalse(t.ok, t)
        self.assertIn("U0TWIN001 | twin.one", t.text)
        self.assertIn("U0TWIN002 | twin.two", t.text)
        slack.release()
        d.stop()

    def test_old_names(self):
        """What is newer than the directory is not called absent without a word."""
        d = self.begin_one(self.slack)
        self.complete(d)
        t = self.tool(d, "slack_get_channel_info", channel_id="#born-today")
        self.assertNotIn("Names are those of", t.text)
        d.stop()
        db = sqlite3.connect(os.path.join(d.state_dir, "slackmcpd.db"))
        db.execute("UPDATE directory_fills SET ended = ended - 300000")
        db.execute("UPDATE installs SET updated = updated - 400000")
        db.commit()
        db.close()
        d.start()
        for tool, args in (("slack_get_channel_info", {"channel_id": "#born-today"}),
                           ("slack_get_user_profile", {"user_id": "@born.today"})):
            self.assertRegex(self.tool(d, tool, **args).text, "no (channel|person)"
                             " called [#@]born.today .*Names are those of 20..-..-..T")
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

    def pages(self, slack, since=0):
        return [r["page"] for r in slack.calls("users.list", since)]

    def test_goes_on_where_it_failed(self):
        """Page 7 of 25: what is there serves, it says so, and the next run goes on
        at that page."""
        slack = self.big(users=498, channels=100)       # and the two of every workspace
        slack.world.list_cap = 20
        for kind, more in (("ratelimited", {"retry_after": 22}),
                           ("error", {"error": "internal_error"}),
                           ("repeat_cursor", {})):
            with self.subTest(kind):
                slack.fault("users.list", kind, page=7, times=-1, **more)
                d = self.begin_one(slack)
                lib.wait_until("it says that it is partial", lambda d=d: re.search(
                    r"known people: 120, partial.*the last run ended early",
                    self.status(d)), 60)
                self.assertEqual(self.entries(d, "people"), 120)
                self.assertIn("U0BIG000000", self.tool(
                    d, "slack_search_users", query="ada").text)
                asked = self.pages(slack)
                self.assertEqual(asked[:6], [1, 2, 3, 4, 5, 6])
                self.assertEqual(set(asked[6:]), {7})
                mark = slack.mark()
                slack.faults.clear()
                lib.wait_until("the next run goes on", lambda d=d: re.search(
                    r"known people: 500, complete", self.status(d)), 90)
                self.assertEqual([p for p in self.pages(slack, mark) if p != 7],
                                 list(range(8, 26)))
                d.stop()
                slack.reset()

    def test_less_never_replaces_all(self):
        """A complete directory stays one while later runs fail; who has gone goes with
        the next complete one."""
        slack = self.big(users=198, channels=20)
        slack.world.list_cap = 40
        d = self.begin_one(slack, DIRECTORY_TTL="1s")
        self.complete(d)
        people = slack.world.teams["T0BIG00001"].users
        gone = people.pop(list(people)[-1])
        for kind, more in (("error", {"error": "internal_error"}), ("repeat_cursor", {}),
                           ("status", {}), ("body", {"body": {"ok": True}})):
            slack.fault("users.list", kind, page=3, times=-1, **more)
            lib.wait_until("a run has failed", lambda: "ended early" in self.status(d), 60)
            self.assertNotRegex(self.status(d), "ended early: [A-Z]")
            self.assertRegex(self.status(d), r"known people: 200, complete, (being read, )?"
                             "the last run ended early")        # since when is not told
            self.assertIn("Names may be old", self.tool(
                d, "slack_get_user_profile", user_id="@no-such-one").text)
            self.assertIn(gone.id, self.tool(
                d, "slack_search_users", query=gone.name).text)
            slack.faults.clear()
        lib.wait_until("a run was complete", lambda: gone.id not in self.tool(
            d, "slack_search_users", query=gone.name).text, 60)
        self.assertRegex(self.status(d), r"known people: 199, complete at ")
        d.stop()

    def test_aged(self):
        """After DIRECTORY_TTL it is read again; so are people from elsewhere."""
        slack = self.fake()
        d = self.begin_one(slack, DIRECTORY_TTL="2s")
        self.complete(d)
        team = slack.world.teams[TEAM]
        slack.world.say(TEAM, "CARANDOM01", "from elsewhere", user="U0STRANGE")

        def read(channel):
            return self.tool(d, "slack_get_channel_history", channel_id=channel)
        lib.wait_until("the stranger has a name", lambda: "U0STRANGE sten" in read(
            "CARANDOM01").text)
        team.channels["CARANDOM01"].name = "renamed"
        team.strangers["U0STRANGE"].display_name = "stella"
        lib.wait_until("the new name leads there", lambda: read("#renamed").ok, 30)
        self.assertFalse(read("#random").ok)
        lib.wait_until("the stranger's, too", lambda: "U0STRANGE stella" in read(
            "CARANDOM01").text, 30)
        d.stop()

    def test_more_strangers_than_are_looked_up_at_once(self):
        """The rest when they are met again; no message is left out for it."""
        slack = self.fake()
        d = self.begin_one(slack)
        self.complete(d)
        team, channel = slack.world.teams[TEAM], "CARANDOM01"
        for i in range(120):
            team.person(f"U0FAR{i:05}", f"far{i}", f"Far {i}", team="T0ELSEWH1")
            slack.world.say(TEAM, channel, f"from afar {i}", user=f"U0FAR{i:05}")

        def read():
            text = self.tool(d, "slack_get_channel_history", channel_id=channel,
                             limit=200).text
            self.assertEqual(text.count("from afar"), 120)
            return len(re.findall(r"^[A-Z]+ U0FAR\d+ far\d+$", text, re.M))

        def kept():
            return d.sql("SELECT COUNT(*) FROM directory WHERE id LIKE 'U0FAR%'")[0][0]

        # who reads while one is being looked up may ask, too: by another worker
        self.assertLess(read(), 120)
        lib.wait_until("a hundred are looked up", lambda: kept() == 100, 60)
        self.assertEqual(read(), 100)
        lib.wait_until("so are the others", lambda: kept() == 120, 60)
        self.assertEqual(read(), 120)
        self.assertEqual(sum(c["form"]["user"].startswith("U0FAR")
                             for c in slack.calls("users.info")), 120)
        d.stop()

    def test_more_than_are_kept(self):
        """It is no complete directory then, answers say so, and it rests until it is
        old."""
        slack = self.big(users=498, channels=20)
        d = self.begin_one(slack, DIRECTORY_MAX="200", DIRECTORY_TTL="3s")
        lib.wait_until("it is full", lambda: "known people: 200, partial, no more are"
                       " kept (DIRECTORY_MAX)" in self.status(d), 30)
        last = list(slack.world.teams["T0BIG00001"].users.values())[-1]
        lib.wait_until("it is said to who searches", lambda: "The directory of people has"
                       " 200 of them only" in self.tool(
                           d, "slack_search_users", query=last.name).text)
        lib.wait_until("and names", lambda: "Not all that there are have their name" in
                       self.tool(d, "slack_get_user_profile", user_id="@no.such").text)
        runs = lib.wait_until("another run", lambda: [
            r["at"] for r in slack.calls("users.list") if r["form"]["limit"] == "200"][1:])
        first = slack.calls("users.list")[0]["at"]
        self.assertGreater(runs[0] - first, 2.9)
        self.assertEqual(self.entries(d, "people"), 200)
        d.stop()

    def test_cursor_too_long(self):
        """A page whose cursor cannot be kept is not the last one."""
        slack = self.big(users=98, channels=20)
        slack.fault("users.list", "body", times=-1, body={
            "ok": True, "members": [], "response_metadata": {"next_cursor": "x" * 1500}})
        d = self.begin_one(slack)
        lib.wait_until("it is partial", lambda: re.search(
            "known people: 0, partial.*long_cursor", self.status(d)), 30)
        d.stop()

    def test_without_its_scope(self):
        """Slack is not asked over and over for what it has refused; a new install
        that has the scope is filled at once."""
        slack = self.fake()
        slack.fault("users.list", "error", error="missing_scope", times=-1)
        d = self.begin_one(slack, DIRECTORY_TTL="2s", SLACK_SCOPES="chat:write,"
                           "channels:history,channels:read,users:read")
        lib.wait_until("public channels are known", lambda: self.tool(
            d, "slack_get_channel_history", channel_id="#general").ok, 30)
        lib.wait_until("all of them", lambda: re.search(
            r"known channels: \d+, complete", self.status(d)), 30)
        lib.wait_until("channels were read some times", lambda: self.status(d) and len(
            slack.calls("conversations.list")) >= 4, 30)
        self.assertIn(len(slack.calls("users.list")), range(1, 4 + 2))
        self.assertIn("users:read", self.status(d))
        d.stop()
        slack.faults.clear()
        d.env.update(SLACK_SCOPES=self.scopes(), DIRECTORY_TTL="1h")
        d.start()
        self.assertFalse(self.tool(d, "slack_get_channel_info", channel_id="#secret").ok)
        install(d)
        self.complete(d, 20)
        lib.wait_until("private ones, too", lambda: self.tool(
            d, "slack_get_channel_info", channel_id="#secret").ok, 20)
        d.stop()

    def test_killed(self):
        """Whoever fills may die: another one goes on at the page that was stored."""
        slack = self.big(users=598, channels=20)
        slack.world.list_cap = 40
        d = self.begin_one(slack)
        slack.wait_calls("users.list", 4)
        for pid in d.workers():
            d.kill(pid)
        lib.wait_until("it is complete", lambda: re.search(
            r"known people: 600, complete", self.status(d)), 90)
        pages = self.pages(slack)
        self.assertEqual(sorted(set(pages)), list(range(1, 16)))
        self.assertLessEqual(len(pages), 15 + 2, pages)
        self.assertEqual(pages.count(1), 1)
        d.stop()

    def test_first_call_of_a_big_workspace(self):
        """Nobody waits for a fill, whatever comes first."""
        slack = self.big(users=20000, channels=5000)
        self.PAUSE = "3s"
        for tool, args in (
                ("slack_list_channels", {"limit": 100}),
                ("slack_get_channel_history", {"channel_id": "#general", "limit": 5}),
                ("slack_get_user_profile", {"user_id": "@ada"}),
                ("slack_get_channel_history", {"channel_id": "C0BIG000005"})):
            with self.subTest(f"{tool} {args}"):
                d = self.begin_one(slack)
                began = time.monotonic()
                t = self.tool(d, tool, **args)
                took = time.monotonic() - began
                self.assertTrue(t.ok, t)
                self.assertLess(took, 1 * lib.SLOW)
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


class Hosts(test_mariadb.Shared):
    """Two daemons and one MariaDB: one of all workers fills."""

    def test_one_fill(self):
        from bigworld import big_world
        slack = self.fake(world=big_world(users=398, channels=80))
        slack.world.list_cap = 40
        a, b = self.pair(slack, DIRECTORY="on", DIRECTORY_PAUSE="20ms",
                         SLACK_SCOPES=Base.scopes())
        install(a)
        mcpclient.known(b, "T0BIG00001")
        for d in (a, b):
            lib.wait_until("both are complete", lambda d=d: self.tool(
                d, "slack_connection_status").text.count(", complete at ") == 2, 60)
            self.assertIn("U0BIG000000", self.tool(
                d, "slack_search_users", query="ada").text)
        self.assertEqual([r["page"] for r in slack.calls("users.list")],
                         list(range(1, 11)))
        self.assertEqual([r["page"] for r in slack.calls("conversations.list")], [1, 2])


if __name__ == "__main__":
    unittest.main()
