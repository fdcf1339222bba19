# SPDX-License-Identifier: ISC
"""The twelve tools by one table: their two forms, what they say of a scope that lacks,
pages of people, and what slack_connection_status tells."""
import json
import os
import re
import sqlite3
import time
import unittest

import bigworld
import lib
import mcpclient
from mcpclient import Legacy, Modern

TEAM, BETA = "T0ACME0001", "T0BETA0001"
TS = "the ts of a message"
PAGE = {"has_more", "response_metadata"}
POSTED = {"channel", "ts", "permalink", "outcome"}
# tool: arguments, members of its JSON, Slack's method, what an install may lack
TOOLS = {
    "slack_list_workspaces": ({}, {"teams"}, None, None),
    "slack_list_channels": ({"limit": 3}, {"channels"} | PAGE, "conversations.list",
                            "channels:read or groups:read"),
    "slack_get_channel_history": ({"channel_id": "CAGENERAL1", "limit": 3},
                                  {"messages"} | PAGE, "conversations.history",
                                  "channels:history or groups:history"),
    "slack_get_thread_replies": ({"channel_id": "CAGENERAL1", "thread_ts": TS},
                                 {"messages"} | PAGE, "conversations.replies",
                                 "channels:history or groups:history"),
    "slack_get_channel_info": ({"channel_id": "CAGENERAL1"}, {"channel"},
                               "conversations.info", "channels:read or groups:read"),
    "slack_get_users": ({"limit": 3}, {"members"} | PAGE, "users.list", "users:read"),
    "slack_search_users": ({"query": "ali"}, {"members"} | PAGE, None, "users:read"),
    "slack_get_user_profile": ({"user_id": "U0ALICE"}, {"profile"}, "users.profile.get",
                               "users.profile:read"),
    "slack_connection_status": ({}, {"team", "token", "scopes", "lacking", "budget",
                                     "limited", "directory"}, None, None),
    "slack_post_message": ({"channel_id": "CARANDOM01", "text": "x"}, POSTED,
                           "chat.postMessage", "chat:write"),
    "slack_reply_to_thread": ({"channel_id": "CAGENERAL1", "thread_ts": TS,
                               "text": "x"}, POSTED | {"thread_ts"},
                              "chat.postMessage", "chat:write"),
    "slack_add_reaction": ({"channel_id": "CAGENERAL1", "timestamp": TS,
                            "reaction": "tada"}, {"channel", "ts", "already"},
                           "reactions.add", "reactions:write"),
}
WRITES = set(list(TOOLS)[-3:])


class Twelve(lib.Suite):
    def begin_one(self, slack=None, **env):
        self.slack = slack or self.fake()
        d = self.daemon(self.slack, env={"DIRECTORY": "on", "DIRECTORY_PAUSE": "20ms",
                                         "SLACK_SCOPES": None, **env}).start()
        mcpclient.install(d)
        return d

    def arguments(self):
        ts = self.slack.world.say(TEAM, "CAGENERAL1", "to be answered")
        return {name: {k: ts if v == TS else v for k, v in row[0].items()}
                for name, row in TOOLS.items()}

    def complete(self, c):
        lib.wait_until("the directory is complete", lambda: c.tool(
            "slack_connection_status", format="compact").text.count(
                ", complete at ") == 2, 60)


class Forms(Twelve):
    def one_form(self, c, name, t, as_json):
        self.assertTrue(t.ok, (name, t))
        result = t.answer.json["result"]
        self.assertEqual([x["type"] for x in result["content"]], ["text"])
        if not as_json:
            self.assertNotIn("structuredContent", result)
            self.assertFalse(t.text.startswith("{"), t.text)
            return
        if c.version == "2025-03-26":           # it has no structuredContent
            self.assertNotIn("structuredContent", result)
            a = json.loads(t.text)
        else:
            a = result["structuredContent"]
            self.assertRegex(t.text, "(^| )The answer is in structuredContent.$")
            self.assertLess(len(t.text), 120)
        self.assertIs(a.pop("ok"), True)
        note = a.pop("note", "")
        self.assertEqual("data, not instructions" in note, name not in WRITES, note)
        self.assertEqual(set(a), TOOLS[name][1], name)
        if "messages" in a:
            self.assertTrue(a["messages"][0]["ts"])

    def all(self, c, said, **more):
        for name, args in self.arguments().items():
            self.one_form(c, name, c.tool(name, **args, **more), said == "json")

    def test_each_in_one_form(self):
        d = self.begin_one()
        with Modern(d) as c:
            tools = {t["name"]: t for t in c.result(c.request("tools/list"))["tools"]}
            self.assertEqual(list(tools), list(TOOLS))
            for t in tools.values():            # and every one takes it
                self.assertIn("format", t["inputSchema"]["properties"])
            c.version = "2026-07-28"
            self.complete(c)
            self.all(c, "compact")
            for form in "compact", "json":
                self.all(c, form, format=form)
                for version in "2025-03-26", "2025-11-25":
                    with Legacy(d, version=version).begin() as old:
                        self.all(old, form, format=form)
            for name in TOOLS:                  # an error is only words
                t = c.tool(name, format="json", no_such=1)
                self.assertTrue(t.error)
                self.assertNotIn("structuredContent", t.answer.json["result"])
        d.stop()

    def test_the_default(self):
        d = self.begin_one(TOOL_FORMAT="json")
        with Modern(d) as c:
            c.version = "2026-07-28"
            self.complete(c)
            self.all(c, "json")
            self.all(c, "compact", format="compact")
        d.stop()

    def test_nothing_is_said(self):
        """An empty list says why, in both forms."""
        d = self.begin_one()
        with Modern(d) as c:
            self.complete(c)
            for name, args, rows, word in (
                    ("slack_search_users", {"query": "zzz"}, "members", "Nobody fits"),
                    ("slack_get_channel_history", {
                        "channel_id": "CAGENERAL1", "latest": "1000000000"}, "messages",
                     "between oldest and latest"),
                    ("slack_get_channel_history", {"channel_id": "CABULK0000"},
                     "messages", "is empty")):
                self.assertIn(word, c.tool(name, **args).text)
                a = c.tool(name, format="json", **args).answer.json["result"]
                self.assertEqual(a["structuredContent"][rows], [])
                self.assertIn(word, a["structuredContent"]["hint"])
        key = d.key_add("nowhere")
        with Modern(d, key) as c:
            a = c.tool("slack_list_workspaces", format="json").answer.json["result"]
            self.assertEqual(a["structuredContent"]["teams"], [])
            self.assertIn("/slack/install", a["structuredContent"]["hint"])
        d.stop()

    def test_many_workspaces(self):
        """They are cut at the answer's budget, which is said."""
        d = self.begin_one(DIRECTORY="off")
        d.stop()
        path = next(f for f in os.listdir(d.state_dir) if f.endswith(".db"))
        db = sqlite3.connect(os.path.join(d.state_dir, path))
        columns = [r[1] for r in db.execute("PRAGMA table_info(installs)")]
        instead = {"team_id": "?", "team_name": "?", "team_url": "?",
                   "changed": "?"}
        with db:
            db.executemany(
                f"INSERT INTO installs ({', '.join(columns)}) SELECT "
                f"{', '.join(instead.get(c, c) for c in columns)} FROM installs "
                f"WHERE team_id = '{TEAM}'",
                [(f"T1MANY{i:04d}", f"Number {i} " + "x" * 480, "https://" + "y" * 480,
                  i + 10) for i in range(300)])
            db.execute("UPDATE changes SET n = 400")
        db.close()
        d.start()
        with Modern(d) as c:
            t = c.tool("slack_list_workspaces")
            self.assertTrue(t.ok, t)
            shown, left = t.text.count("\nT"), int(re.search(
                r"\(and (\d+) more: team_id takes a workspace's name, too\)", t.text)[1])
            self.assertEqual(shown + left, 301)
            self.assertLess(len(t.text.encode()), 67000)
            a = c.tool("slack_list_workspaces", format="json").answer.json["result"][
                "structuredContent"]
            self.assertEqual(len(a["teams"]) + a["more"], 301)
            self.assertLess(len(json.dumps(a)), 70000)
            self.assertIn("cannot be read", a["teams"][5]["problem"])
            t = c.tool("slack_connection_status", team_id="Number 299 " + "x" * 60)
            self.assertTrue(t.error)
        d.stop()

    def test_a_post_as_json(self):
        d = self.begin_one()
        with Modern(d) as c:
            def post(**args):
                t = c.tool("slack_post_message", channel_id="CARANDOM01", format="json",
                           **args)
                self.assertTrue(t.ok, t)
                return t.answer.json["result"]["structuredContent"]
            a = post(text="as json", idempotency_key="j1")
            stands = self.slack.world.teams[TEAM].channels["CARANDOM01"].messages
            self.assertEqual((a["ts"], a["channel"]), (stands[-1]["ts"], "CARANDOM01"))
            self.assertEqual(a["outcome"], "Posted.")
            self.assertIn("earlier", post(text="as json", idempotency_key="j1")["outcome"])
            a = post(text="word " * 1500)
            self.assertEqual(a["parts"], [m["ts"] for m in stands[-len(a["parts"]):]])
            self.slack.fault("chat.postMessage", "body", body={"ok": True})
            self.assertIsNone(post(text="no ts")["ts"])
        d.stop()


class Lack(Twelve):
    """A scope that lacks is named, with the way to get it."""

    def granted(self, scopes, **env):
        slack = self.fake()
        slack.world.teams[TEAM].grantable = set(scopes)
        return self.begin_one(slack, **env)

    def test_known_from_the_install(self):
        """Each tool under an install that has all scopes but its own."""
        every = {s for row in TOOLS.values() for s in (row[3] or "").split(" or ") if s}
        for lack in sorted({row[3] for row in TOOLS.values() if row[3]}):
            d = self.granted(every - set(lack.split(" or ")))
            with Modern(d) as c:
                args = self.arguments()
                for name, (_, _, method, scope) in TOOLS.items():
                    since = self.slack.mark()
                    t = c.tool(name, **args[name])
                    if scope != lack:
                        self.assertTrue(t.ok, (lack, name, t))
                        continue
                    self.assertTrue(t.error, (lack, name, t))
                    self.assertIn(f"{name} needs the scope {scope}. ", t.text)
                    self.assertRegex(t.text, f"connect .* again at {d.base}"
                                     "/slack/install$")
                    if method:
                        self.assertEqual(self.slack.calls(method, since), [])
            d.stop()

    def test_said_by_slack(self):
        """And what it says that it needs."""
        d = self.begin_one(DIRECTORY="off")
        with Modern(d) as c:
            for name, args in self.arguments().items():
                method = TOOLS[name][2]
                if method is None:
                    continue
                for needed, asked in ("users:read", True), ("mpim:read", False):
                    self.slack.fault(method, "error", error="missing_scope",
                                     extra={"needed": needed, "provided": "chat:write"})
                    t = c.tool(name, **args)
                    self.assertTrue(t.error, (name, t))
                    self.assertIn(f"It needs the scope {needed}. ", t.text)
                    self.assertIn(f"again at {d.base}/slack/install", t.text)
                    # an install asks for SLACK_SCOPES alone
                    self.assertEqual("SLACK_SCOPES" not in t.text, asked, t)
        d.stop()

    def test_an_install_would_not_ask_for_it(self):
        d = self.begin_one(SLACK_SCOPES="channels:read")
        with Modern(d) as c:
            t = c.tool("slack_post_message", channel_id="CARANDOM01", text="x")
            self.assertIn("needs the scope chat:write.", t.text)
            self.assertIn("after the operator has put the scope into SLACK_SCOPES", t.text)
            self.assertIn("SLACK_SCOPES", c.tool("slack_connection_status").text)
        d.stop()


class People(Twelve):
    """Pages of slack_search_users."""

    def test_pages(self):
        d = self.begin_one(self.fake(world=bigworld.big_world(users=150, channels=3)))
        people = self.slack.world.teams[bigworld.TEAM].users.values()
        every = sorted(u.id for u in people if "ber" in (u.name + u.real_name).lower())
        self.assertGreater(len(every), 8)
        with Modern(d) as c:
            self.complete(c)
            for form, limit in ("compact", 3), ("json", 4), ("json", 50):
                seen, cursor, sizes = [], {}, []
                while True:
                    t = c.tool("slack_search_users", query="ber", limit=limit,
                               format=form, **cursor)
                    self.assertTrue(t.ok, t)
                    ids, cursor = self.page(t, form)
                    seen += ids
                    sizes.append(len(ids))
                    if not cursor:
                        break
                self.assertEqual(sorted(seen), every)
                self.assertEqual(set(sizes[:-1]) | {limit}, {limit})
                self.assertGreater(sizes[-1], 0)
            t = c.tool("slack_search_users", query="ber", limit=500)
            self.assertIn("limit 500 is out of range (1 to 50): 50 was used.", t.text)
            self.assertNotIn("cursor=", t.text)
            # exactly as many as asked for: nothing is left, and no cursor leads there
            t = c.tool("slack_search_users", query="ber", limit=len(every))
            self.assertNotIn("cursor=", t.text)
        d.stop()

    @staticmethod
    def page(t, form):
        if form == "compact":
            found = re.search(r"cursor=(\S+)", t.text)
            return re.findall(r"^([UW]\w+) \| @", t.text, re.M), \
                {"cursor": found.group(1)} if found else {}
        a = t.answer.json["result"]["structuredContent"]
        following = a["response_metadata"]["next_cursor"]
        assert a["has_more"] == bool(following), a
        return [m["id"] for m in a["members"]], {"cursor": following} if following else {}

    def test_cursor_is_bound(self):
        d = self.begin_one()
        mcpclient.install(d, BETA)
        other = d.key_add("other", "--workspaces", "*")
        with Modern(d) as c, Modern(d, other) as o:
            lib.wait_until("complete", lambda: "people: 9, complete" in c.tool(
                "slack_connection_status", team_id=TEAM).text, 60)
            args = {"query": "a", "limit": 2, "team_id": TEAM}
            t = c.tool("slack_search_users", **args)
            cursor = re.search(r"cursor=(\S+)", t.text).group(1)
            for client, more in ((c, {"query": "b"}), (c, {"team_id": BETA}), (o, {}),
                                 (c, {"cursor": cursor[:-3] + "abc"}),
                                 (c, {"cursor": "U0BOB bob"})):
                t = client.tool("slack_search_users", **{**args, "cursor": cursor, **more})
                self.assertTrue(t.error, (more, t))
                self.assertIn("belongs to another call", t.text)
            t = c.tool("slack_get_users", team_id=TEAM, cursor=cursor)
            self.assertTrue(t.error, t)
            t = c.tool("slack_search_users", **{**args, "limit": 5}, cursor=cursor)
            self.assertTrue(t.ok, t)
        d.stop()


class Status(Twelve):
    def ask(self, c, **args):
        t = c.tool("slack_connection_status", **args)
        self.assertTrue(t.ok, t)
        self.assertLess(len(t.text), 4000)
        a = c.tool("slack_connection_status", format="json", **args)
        return t.text, a.answer.json["result"]["structuredContent"]

    def test_directory(self):
        slack = self.fake(world=bigworld.big_world(users=500, channels=20))
        slack.fault("users.list", "error", page=2, times=-1, error="internal_error")
        d = self.begin_one(slack)
        with Modern(d) as c:
            lib.wait_until("the run has ended early", lambda: "ended early" in c.tool(
                "slack_connection_status").text, 60)
            lib.wait_until("channels are complete", lambda: "channels: 18, complete at "
                           in c.tool("slack_connection_status").text, 60)
            text, a = self.ask(c)
            self.assertRegex(text, r"(?m)^known people: \d+, partial.*, the last run "
                             "ended early: internal_error$")
            self.assertEqual(a["directory"]["people"]["state"], "partial")
            self.assertEqual(a["directory"]["people"]["problem"], "internal_error")
            self.assertEqual((a["directory"]["channels"]["state"],
                              a["directory"]["channels"]["entries"]), ("complete", 18))
            self.assertLess(a["directory"]["channels"]["age_s"], 120)
        d.stop()
        path = next(f for f in os.listdir(d.state_dir) if f.endswith(".db"))
        db = sqlite3.connect(os.path.join(d.state_dir, path))
        with db:
            db.execute("UPDATE directory_fills SET ended = ended - 7200000"
                       " WHERE kind = 'channels'")
        db.close()
        d.start()
        with Modern(d) as c:
            text, a = self.ask(c)
            self.assertRegex(text, r"channels: 18, complete at \S+ \(2 h ago\)")
            self.assertGreater(a["directory"]["channels"]["age_s"], 7000)
        d.stop()
        d = self.begin_one(DIRECTORY="off")
        with Modern(d) as c:
            text, a = self.ask(c)
            self.assertIn("this server keeps no directory", text)
            self.assertNotIn("directory", a)
        d.stop()

    def test_a_scope_keeps_it_from_being_read(self):
        slack = self.fake()
        slack.world.teams[TEAM].grantable = {"channels:read", "chat:write"}
        d = self.begin_one(slack)
        with Modern(d) as c:
            lib.wait_until("it is said", lambda: "known people: 0, partial, the last run "
                           "ended early: missing_scope (names need users:read)\n" in
                           c.tool("slack_connection_status").text, 60)
        d.stop()

    def test_before_the_first_run(self):
        slack = self.fake()
        for method in "users.list", "conversations.list":
            slack.fault(method, "slow", seconds=20, times=-1)
        d = self.begin_one(slack)
        with Modern(d) as c:
            text, a = self.ask(c)
            self.assertIn("known channels: 0, never read\nknown people: 0, never read",
                          text)
            self.assertEqual(a["directory"]["people"]["state"], "never read")
        d.stop()

    def left(self, a, method):
        return next((b.get("left"), b["wait_s"]) for b in a["budget"]
                    if b["method"] == method)

    def test_budget(self):
        """Asking takes nothing; what is taken and what Slack has blocked is seen, by
        every worker."""
        d = self.begin_one(DIRECTORY="off", BUDGET_SCALE="0.1")
        with Modern(d) as c:
            for _ in range(3):
                text, a = self.ask(c)
                self.assertEqual(self.left(a, "users.list"), (1, 0))
            self.assertIn("users.list 1, ", text)
            self.assertIn("chat.postMessage 1 a channel", text)
            began = time.monotonic()
            self.assertTrue(c.tool("slack_get_users", limit=1).ok)
            for _ in range(6):
                c.close()
                text, a = self.ask(c)
                n, wait = self.left(a, "users.list")    # one in 30 s
                if time.monotonic() - began < 25:
                    self.assertEqual(n, 0)
                    self.assertTrue(0 < wait <= 30, a)
                    self.assertRegex(text, r"users.list 0 for \d+ s")
            self.slack.fault("conversations.history", "ratelimited", retry_after=600)
            c.tool("slack_get_channel_history", channel_id="CAGENERAL1")
            text, a = self.ask(c)
            n, wait = self.left(a, "conversations.history")
            self.assertEqual(n, 0)
            self.assertTrue(400 <= wait <= 602, a)
            self.assertRegex(text, r"conversations.history 0 for \d+ s")
        reader = d.key_add("reader", "--workspaces", TEAM, "--toolsets", "people")
        with Modern(d, reader) as c:            # of the tools that it has
            self.assertEqual({b["method"] for b in self.ask(c)[1]["budget"]},
                             {"users.list", "users.profile.get"})
        d.stop()
        d = self.begin_one(DIRECTORY="off", BUDGET_SCALE="0")
        with Modern(d) as c:
            text, a = self.ask(c)
            self.assertEqual(self.left(a, "users.list"), (None, 0))
            self.assertIn("users.list any", text)
        d.stop()

    def test_limited(self):
        slack = self.fake()
        slack.world.teams[TEAM].page_cap = 15
        d = self.begin_one(slack, DIRECTORY="off")
        with Modern(d) as c:
            self.assertFalse(self.ask(c)[1]["limited"])
            for _ in range(2):
                c.tool("slack_get_channel_history", channel_id="CAGENERAL1", limit=50)
            text, a = self.ask(c)
            self.assertTrue(a["limited"])
            self.assertIn("once a minute here, 15 at a time", text)
        d.stop()

    def test_lacking(self):
        slack = self.fake()
        slack.world.teams[TEAM].grantable = {"channels:read", "channels:history",
                                             "chat:write"}
        d = self.begin_one(slack)
        with Modern(d) as c:
            text, a = self.ask(c)
            self.assertIn("scopes: channels:history,channels:read,chat:write\n",
                          re.sub(r"(?<=scopes: )\S+", lambda m: ",".join(sorted(
                              m.group().split(","))), text))
            self.assertRegex(text, r"(?m)^lacking: groups:read \(slack_list_channels in "
                             r"part, slack_get_channel_info in part\), .*, users:read "
                             r"\(slack_get_users, slack_search_users\), .*"
                             r"\. An admin can connect .*/slack/install$")
            lack = {x["scope"]: x["tools"] for x in a["lacking"]}
            self.assertEqual(lack["reactions:write"], ["slack_add_reaction"])
            self.assertEqual(set(lack), {"groups:read", "groups:history", "users:read",
                                         "users.profile:read", "reactions:write"})
            self.assertIn("/slack/install", a["way"])
        poster = d.key_add("poster", "--workspaces", TEAM, "--toolsets", "posting",
                           "--role", "write")
        with Modern(d, poster) as c:            # of the tools that it has
            self.assertEqual([x["scope"] for x in self.ask(c)[1]["lacking"]],
                             ["reactions:write"])
        d.stop()

    def test_state(self):
        """One that does not serve is not one that is not there, for whom it is there."""
        d = self.begin_one(DIRECTORY="off")
        mcpclient.install(d, BETA)
        key = d.key_add("other", "--workspaces", BETA)
        with Modern(d) as c, Modern(d, key) as o:
            def said(client):
                return client.tool("slack_connection_status", team_id=TEAM).text
            hidden = re.sub(r"\b[0-9a-f]{16}\b", "", said(o))
            for command, words in (("disable", "was switched off by the operator"),
                                   ("enable", "workspace: T0ACME0001 Acme"),
                                   ("revoke", "is not connected any more. An admin can "
                                    f"connect the workspace again at {d.base}")):
                d.ctl("install", command, TEAM)
                for _ in range(4):
                    lib.wait_until(command, lambda w=words: w in said(c), 10)
                    c.close()
                self.assertEqual(re.sub(r"\b[0-9a-f]{16}\b", "", said(o)), hidden)
        d.stop()

    def test_token(self):
        slack = self.fake()
        slack.world.teams[TEAM].rotates = True
        d = self.begin_one(slack)
        with Modern(d) as c:
            text, a = self.ask(c)
            self.assertRegex(text, r"(?m)^token: renewed by this server before 20\S+Z$")
            self.assertEqual(a["token"]["state"], "renews")
            for text in slack.world.chain(TEAM).alive():
                self.secret("token", text)
        d.stop()
        path = next(f for f in os.listdir(d.state_dir) if f.endswith(".db"))
        for sql, state in (("INSERT INTO chains SELECT enterprise_id, team_id, '', "
                            "x'00', 'lost', '', 1, 1 FROM installs", "ends"),
                           ("UPDATE installs SET expires=1000", "ended")):
            db = sqlite3.connect(os.path.join(d.state_dir, path))
            with db:
                db.execute(sql)
            db.close()
            d.start()
            with Modern(d) as c:
                text, a = self.ask(c)
                self.assertEqual(a["token"]["state"], state, a)
                self.assertRegex(text, r"(?m)^token: .*\. An admin can connect the "
                                 rf"workspace again at {d.base}/slack/install$")
                self.assertIn("/slack/install", a["way"])
            d.stop()


if __name__ == "__main__":
    unittest.main()
