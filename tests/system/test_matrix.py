# SPDX-License-Identifier: ISC
"""Who may do what: key x tool x workspace x channel through every door.  What
is not granted is refused, and no call with the other's token leaves."""
import itertools
import re
import unittest

import lib
import mcpclient
from mcpclient import Legacy, Modern

ACME, BETA, ORG = "T0ACME0001", "T0BETA0001", "E0ACMECORP"
KEYS = (    # name, options, workspaces, may write, channels to read, to write
    ("acme-read", ("--workspaces", ACME, "--role", "read"), {ACME}, False, None,
     None),
    ("acme-write", ("--workspaces", ACME, "--role", "write"), {ACME}, True, None,
     None),
    ("beta-write", ("--workspaces", BETA, "--role", "write"), {BETA}, True, None,
     None),
    ("both", ("--workspaces", f"{ACME},{BETA}", "--role", "write"), {ACME, BETA},
     True, None, None),
    ("star", ("--workspaces", "*", "--role", "admin"), {ACME, BETA}, True, None,
     None),
    ("none", ("--role", "admin"), set(), True, None, None),
    ("narrow", ("--workspaces", ACME, "--role", "write", "--read", "CAGENERAL1",
                "--write", "CARANDOM01"), {ACME}, True, {"CAGENERAL1"},
     {"CARANDOM01"}),
)
CHANNELS = ("CAGENERAL1", "CARANDOM01", "GASECRET01", "CBGENERAL1", "GBSECRET01",
            "DAALICE001")
RESOLVED = ("#general", "general", "U0ALICE", "W0ALICE", "@alice",
            "https://acme-fake.slack.com/archives/CAGENERAL1", "cageneral1",
            "CAGENERAL1 ", "CAGENERAL1,CARANDOM01", "CAGENERAL1\n", "", "T0ACME0001")


def team_of(channel):
    return BETA if channel[1] == "B" else ACME


class Matrix(lib.Suite):
    rows, bot, ENV = KEYS, ACME, {}

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env=cls.ENV).start()
        cls.connect()
        cls.keys = {k[0]: cls.d.key_add(k[0], *k[1]) for k in cls.rows}
        cls.legacy = {n: Legacy(cls.d, k).begin() for n, k in cls.keys.items()}
        cls.modern = {n: Modern(cls.d, k) for n, k in cls.keys.items()}

    @classmethod
    def connect(cls):
        for team in (ACME, BETA):
            mcpclient.install(cls.d, team)

    def left(self, since):
        """The calls that left, and the workspace of each."""
        return [(c, c["team"]) for c in self.slack.calls(since=since)]

    @classmethod
    def tearDownClass(cls):
        for c in (*cls.legacy.values(), *cls.modern.values()):
            c.close()
        super().tearDownClass()

    def judge(self, row, tool, args, t, since, team, channel=None):
        """What came of it, against what the row of KEYS grants."""
        name, _, teams, writes, reads_in, writes_in = row
        post = tool == "slack_post_message"
        allowed = team in teams and (writes or not post)
        if channel is not None:
            limit = writes_in if post else reads_in
            allowed = allowed and (limit is None or channel in limit)
            allowed = allowed and team_of(channel) == team
        where = f"{name} {tool} {args}: {t}"
        left = self.left(since)
        for _, place in left:
            self.assertIn(place, teams, where)
            self.assertEqual(place, team, where)
        if allowed:
            self.assertTrue(t.ok, where)
        else:
            self.assertTrue(t.error, where)
            if channel is None or team_of(channel) == team or team not in teams:
                self.assertEqual(left, [], where)
            for other in {ACME, BETA} - teams:
                self.assertNotIn(other, t.text.replace(str(args), ""), where)

    def test_lists(self):
        for row, team, alias, era in itertools.product(
                self.rows, (ACME, BETA), ("team_id", "teamId", "team", "workspace"),
                ("legacy", "modern")):
            c = getattr(self, era)[row[0]]
            since = self.slack.mark()
            args = {alias: team, "limit": 3}
            t = c.tool("slack_list_channels", **args)
            self.judge(row, "slack_list_channels", args, t, since, team)

    def test_lists_show_what_is_granted(self):
        """Page for page, of every kind, nothing but the key's channels."""
        for c in (self.legacy["narrow"], self.modern["narrow"]):
            seen, cursor = set(), None
            while True:
                t = c.tool("slack_list_channels", limit=20, exclude_archived=False,
                           types="public_channel,private_channel,im",
                           **({"cursor": cursor} if cursor else {}))
                self.assertTrue(t.ok, t)
                seen |= set(re.findall(r"\b[CGD]A[A-Z0-9]{8}\b", t.text))
                self.assertNotIn("random", t.text)
                found = re.search(r"cursor=(\S+)", t.text)
                if not found:
                    break
                cursor = found.group(1)
            self.assertEqual(seen, {"CAGENERAL1"})

    def test_channels(self):
        for row, channel, tool, era in itertools.product(
                self.rows, CHANNELS, ("slack_get_channel_history",
                                 "slack_post_message"), ("legacy", "modern")):
            c = getattr(self, era)[row[0]]
            for team in {team_of(channel), ACME, BETA}:
                since = self.slack.mark()
                args = {"channel_id": channel, "team_id": team}
                if tool == "slack_post_message":
                    args["text"] = f"from {row[0]}"
                t = c.tool(tool, **args)
                self.judge(row, tool, args, t, since, team, channel)

    def test_the_same_words_for_hidden_and_missing(self):
        c = self.legacy["narrow"]
        hidden = c.tool("slack_get_channel_history", channel_id="GASECRET01")
        missing = c.tool("slack_get_channel_history", channel_id="GANOWHERE1")
        self.assertEqual(hidden.text.replace("GASECRET01", "X"),
                         missing.text.replace("GANOWHERE1", "X"))
        c = self.legacy["acme-read"]
        other = c.tool("slack_list_channels", team_id=BETA)
        nobody = c.tool("slack_list_channels", team_id="T0NOBODY01")
        mark = r"\b[0-9a-f]{16}\b"     # of the fence
        self.assertEqual(re.sub(mark, "", other.text.replace(BETA, "X")),
                         re.sub(mark, "", nobody.text.replace("T0NOBODY01", "X")))

    def test_team_by_name(self):
        """Names and domains of a workspace out of reach lead nowhere."""
        for name in ("Beta & <b>Söhne</b>", "beta-fake", "BETA-FAKE"):
            for alias in ("workspace", "team", "team_id"):
                since = self.slack.mark()
                args = {alias: name, "limit": 1}
                t = self.legacy["acme-write"].tool("slack_list_channels", **args)
                self.assertTrue(t.error, t)
                self.assertEqual(self.slack.calls(since=since), [])

    def test_a_workspace_named_as_another_ones_id(self):
        """An id leads to its own workspace alone, whatever others call themselves."""
        beta = self.slack.world.teams[BETA]
        beta.name, old = ACME, beta.name
        try:
            mcpclient.install(self.d, BETA)
            lib.wait_until("the name is known", lambda: f"{BETA} | {ACME}" in
                           self.legacy["beta-write"].tool(
                               "slack_list_workspaces").text, 5)
            since = self.slack.mark()
            for alias in ("team_id", "workspace"):
                t = self.legacy["beta-write"].tool("slack_list_channels",
                                                   **{alias: ACME})
                self.assertTrue(t.error, t)
            self.assertEqual(self.slack.calls(since=since), [])
            self.assertTrue(self.legacy["both"].tool(
                "slack_list_channels", team_id=ACME, limit=1).ok)
            self.assertEqual([c["team"] for c in self.slack.calls(since=since)],
                             [ACME])
        finally:
            beta.name = old
            mcpclient.install(self.d, BETA)

    def test_what_slack_would_resolve(self):
        for channel, tool, key in itertools.product(
                RESOLVED, ("slack_get_channel_history", "slack_post_message"),
                ("acme-write", "narrow", "star")):
            since = self.slack.mark()
            args = {"channel_id": channel, "team_id": ACME}
            if tool == "slack_post_message":
                args["text"] = "resolved"
            t = self.legacy[key].tool(tool, **args)
            self.assertTrue(t.error, (channel, tool, key, t))
            self.assertEqual(self.slack.calls(since=since), [], (channel, key))

    def test_team_is_needed_where_two_are_reached(self):
        since = self.slack.mark()
        for c in (self.legacy["both"], self.modern["both"]):
            t = c.tool("slack_list_channels")
            self.assertTrue(t.error)
            self.assertIn(ACME, t.text)
            self.assertIn(BETA, t.text)
        self.assertEqual(self.slack.calls(since=since), [])
        self.assertTrue(self.legacy["acme-read"].tool(
            "slack_list_channels", limit=1).ok)

    def test_workspaces(self):
        for name, _, teams, *_ in self.rows:
            text = self.legacy[name].tool("slack_list_workspaces").text
            self.assertEqual({t for t in (ACME, BETA) if t in text}, teams, name)

    def test_session_of_another(self):
        for mine, theirs in (("acme-read", "beta-write"), ("none", "star")):
            with Legacy(self.d, self.keys[mine]) as c:
                c.session = self.legacy[theirs].session
                since = self.slack.mark()
                a = c.request("tools/call", {"name": "slack_list_channels",
                                             "arguments": {"team_id": BETA}})
                self.assertEqual(a.status, 404)
                self.assertEqual(self.slack.calls(since=since), [])

    def test_modern_headers_grant_nothing(self):
        c, since = self.modern["acme-read"], self.slack.mark()
        for headers, args in (
                ({"Mcp-Param-Slack-Team": BETA}, {}),
                ({"Mcp-Param-Slack-Team": BETA}, {"team_id": BETA}),
                ({"Mcp-Param-Slack-Team": ACME}, {"team_id": BETA}),
                ({"Mcp-Name": "slack_post_message"}, {})):
            c.request("tools/call", {"name": "slack_list_channels",
                                     "arguments": args}, headers)
        self.assertEqual([x for x, place in self.left(since) if place != ACME], [])

    def test_cursor_of_another(self):

        text = self.legacy["beta-write"].tool("slack_list_channels", limit=2).text
        cursor = re.search(r'cursor[=:" ]+([A-Za-z0-9_.=-]{16,})', text).group(1)
        since = self.slack.mark()
        for name in ("acme-write", "both", "star"):
            for team in (ACME, BETA):
                t = self.legacy[name].tool("slack_list_channels", limit=2,
                                           team_id=team, cursor=cursor)
                self.assertTrue(t.error, (name, team, t))
        self.assertEqual(self.slack.calls(since=since), [])

    def test_tools_list_follows_the_role(self):
        for name, _, _, writes, *_ in self.rows:
            c = self.legacy[name]
            tools = {t["name"] for t in c.result(c.request("tools/list"))["tools"]}
            self.assertEqual("slack_post_message" in tools, writes, name)

    def test_tokens_of_slack_open_nothing(self):
        token = self.slack.world.home(self.bot).token
        with Legacy(self.d, token) as c:
            self.assertEqual(c.initialize().status, 401)

    def test_revoked_and_expired(self):
        key = self.d.key_add("short", "--workspaces", ACME, "--expires", "2s")
        with Legacy(self.d, key).begin() as c:
            lib.wait_until("it expires", lambda: c.request("ping").status == 401, 10)
        key = self.d.key_add("gone", "--workspaces", ACME)
        with Legacy(self.d, key).begin() as c:
            self.assertTrue(c.ping())
            self.d.ctl("key", "revoke", "gone")
            lib.wait_until("it is refused everywhere", lambda: all(
                c.request("ping").status == 401 for _ in range(8)
                if c.close() is None), 4)


class OrgWide(Matrix):
    """The same where one token of an organisation opens both workspaces, and one
    more, which the app was not given."""
    rows, bot = (*KEYS, (
        "org", ("--workspaces", ORG, "--role", "write"), {ACME, BETA}, True, None, None),
        ("org-narrow", ("--workspaces", ORG, "--role", "write", "--read", "CAGENERAL1",
                        "--write", "CBGENERAL1,GBSECRET01"), {ACME, BETA}, True,
         {"CAGENERAL1"}, {"CBGENERAL1", "GBSECRET01"}),
        ("another-org", ("--workspaces", "E0ANOTHER1", "--role", "write"), set(), True,
         None, None)), ORG
    ENV = {"SLACK_SCOPES": lib.SCOPES + ",users:read,users.profile:read"}
    test_a_workspace_named_as_another_ones_id = None

    @classmethod
    def connect(cls):
        world = cls.slack.world
        world.add("T0GAMMA001", "Gamma", "gamma-fake").granted = False
        world.add_org(ORG, "Acme Corp", ACME, BETA, "T0GAMMA001")
        mcpclient.install(cls.d, ORG)

    def left(self, since):
        """Without the question whose a channel is."""
        rows = [c for c in self.slack.calls(since=since)
                if c["method"] != "conversations.info"]
        return [(c, c["form"].get("team_id") or team_of(c["form"]["channel"]))
                for c in rows]

    def test_users_are_bound(self):
        """Who is of another workspace alone is not there."""
        teams = self.slack.world.teams
        teams[BETA].person("U0BETA0NLY", "betty", "Betty Beta")
        c = self.legacy["acme-read"]
        self.assertTrue(c.tool("slack_get_user_profile", user_id="U0ALICE").ok)
        other = c.tool("slack_get_user_profile", user_id="U0BETA0NLY")
        nobody = c.tool("slack_get_user_profile", user_id="U0NOBODY1")
        self.assertTrue(other.error and nobody.error)
        self.assertEqual(other.text, nobody.text)
        self.assertTrue(self.legacy["org"].tool(
            "slack_get_user_profile", team_id=BETA, user_id="U0BETA0NLY").ok)


if __name__ == "__main__":
    unittest.main()
