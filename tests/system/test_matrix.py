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
SCOPES = lib.SCOPES + ",im:read,users:read,users.profile:read,reactions:write"
# What an argument can name, so that a policy has to look at it.
TEAM, READ, WRITE, PERSON, MESSAGE, CURSOR, NOTHING = (
    "team", "read", "write", "person", "message", "cursor", "nothing")
SAME = {"team_id": TEAM, "format": NOTHING}
PAGED = {"limit": NOTHING, "cursor": CURSOR}
BETWEEN = {"oldest": NOTHING, "latest": NOTHING}
POST = {"channel_id": WRITE, "text": NOTHING, "markdown": NOTHING,
        "mass_mentions": NOTHING, "unfurl": NOTHING, "idempotency_key": NOTHING,
        "thread_ts": MESSAGE}
# Each tool with each of its arguments: a new one has to say here what it names.
MATRIX = {
    "slack_list_workspaces": {"format": NOTHING},
    "slack_list_channels": {**SAME, **PAGED, "types": NOTHING,
                            "exclude_archived": NOTHING},
    "slack_get_channel_history": {**SAME, **PAGED, **BETWEEN, "channel_id": READ},
    "slack_get_thread_replies": {**SAME, **PAGED, **BETWEEN, "channel_id": READ,
                                 "thread_ts": MESSAGE},
    "slack_get_channel_info": {**SAME, "channel_id": READ},
    "slack_get_users": {**SAME, **PAGED},
    "slack_search_users": {**SAME, **PAGED, "query": NOTHING},
    "slack_get_user_profile": {**SAME, "user_id": PERSON},
    "slack_connection_status": SAME,
    "slack_post_message": {**SAME, **POST},
    "slack_reply_to_thread": {**SAME, **POST, "reply_broadcast": NOTHING},
    "slack_add_reaction": {**SAME, "channel_id": WRITE, "timestamp": MESSAGE,
                           "reaction": NOTHING},
}
WRITES = {t for t, args in MATRIX.items() if WRITE in args.values()}
SOUND = {"text": "x", "query": "a", "reaction": "tada", "user_id": "U0ALICE"}


def naming(kind):
    """The tools with an argument that names such a thing, and that argument."""
    return [(t, a) for t, args in MATRIX.items() for a, k in args.items() if k == kind]


RESOLVED = ("#general", "general", "U0ALICE", "W0ALICE", "@alice",
            "https://acme-fake.slack.com/archives/CAGENERAL1", "cageneral1",
            "CAGENERAL1 ", "CAGENERAL1,CARANDOM01", "CAGENERAL1\n", "", "T0ACME0001")


def team_of(channel):
    return BETA if channel[1] == "B" else ACME


class Base(lib.Suite):
    rows, bot, ENV = KEYS, ACME, {}

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env={"SLACK_SCOPES": SCOPES, **cls.ENV}).start()
        cls.connect()
        cls.ts = {c: cls.slack.world.say(team_of(c), c, "to be answered")
                  for c in CHANNELS}
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
        post = tool in WRITES
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

    def sound(self, tool, required, channel="CAGENERAL1"):
        """Arguments that work there: those that are required."""
        at = {READ: channel, WRITE: channel, MESSAGE: self.ts[channel]}
        return {a: at.get(MATRIX[tool][a], SOUND.get(a)) for a in required}

    def tools(self, c):
        return {t["name"]: t for t in c.result(c.request("tools/list"))["tools"]}

    def required(self):
        return {n: t["inputSchema"].get("required", ()) for n, t in self.tools(
            self.modern["star"]).items()}

    def cursor_of(self, tool, required, key="beta-write"):
        args = {"limit": 1, "team_id": BETA, **self.sound(tool, required, "CBGENERAL1")}
        text = self.legacy[key].tool(tool, **args).text
        return args, re.search(r"cursor=(\S+)", text).group(1)


class Matrix(Base):
    def test_matrix_is_whole(self):
        for c in self.legacy["star"], self.modern["star"]:
            tools = self.tools(c)
            self.assertEqual({n: set(t["inputSchema"]["properties"])
                              for n, t in tools.items()},
                             {n: set(args) for n, args in MATRIX.items()})
            for name, t in tools.items():       # a tool that writes has WRITE
                self.assertEqual(t["annotations"]["readOnlyHint"], name not in WRITES)
                self.assertTrue({READ, WRITE} - set(MATRIX[name].values()))

    def test_teams(self):
        """Every tool into both workspaces, by every name of the argument."""
        required = self.required()
        for (tool, _), row, team, alias, era in itertools.product(
                naming(TEAM), self.rows, (ACME, BETA),
                ("team_id", "teamId", "team", "workspace"), ("legacy", "modern")):
            if tool == "slack_search_users":    # that is Directory's
                continue
            channel = f"C{team[2]}GENERAL1" if tool not in WRITES else \
                f"C{team[2]}RANDOM01"
            if channel not in self.ts:
                channel = f"C{team[2]}GENERAL1"
            c = getattr(self, era)[row[0]]
            since = self.slack.mark()
            args = {alias: team, **self.sound(tool, required[tool], channel)}
            t = c.tool(tool, **args)
            self.judge(row, tool, args, t, since, team, channel if channel in
                       args.values() else None)

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
        """Every channel by every tool that takes one, for reading or for writing."""
        required = self.required()
        for row, channel, (tool, arg), era in itertools.product(
                self.rows, CHANNELS, naming(READ) + naming(WRITE), ("legacy", "modern")):
            c = getattr(self, era)[row[0]]
            for team in (ACME, BETA):
                since = self.slack.mark()
                args = {**self.sound(tool, required[tool], channel), arg: channel,
                        "team_id": team}
                t = c.tool(tool, **args)
                self.judge(row, tool, args, t, since, team, channel)

    def test_people(self):
        """A person is looked for in the workspace that is meant, nowhere else."""
        for row, (tool, arg), team, person in itertools.product(
                self.rows, naming(PERSON), (ACME, BETA), ("U0ALICE", "U0HIDDEN1")):
            since = self.slack.mark()
            t = self.modern[row[0]].tool(tool, **{arg: person, "team_id": team})
            if person == "U0ALICE":
                self.judge(row, tool, {arg: person}, t, since, team)
            self.assertTrue({place for _, place in self.left(since)} <=
                            ({team} & row[2]), (row[0], team))

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
        """Names, links and ids of other things, wherever a channel, a person or a
        message is named."""
        required = self.required()
        people = ("@alice", "alice", "C0ALICE", "acme/U0ALICE", "U0ALICE ", "u0alice",
                  "U0ALICE,U0BOB", "https://acme-fake.slack.com/team/U0ALICE", "B0OTHER")
        messages = ("now", "p1700000001000100", "1700000001.000100,1700000002.000100",
                    "https://acme-fake.slack.com/archives/CAGENERAL1/p1700000001000100")
        for kinds, values in (((READ, WRITE), RESOLVED), ((PERSON,), people),
                              ((MESSAGE,), messages)):
            for (tool, arg), value, key in itertools.product(
                    [x for k in kinds for x in naming(k)], values,
                    ("acme-write", "narrow", "star")):
                since = self.slack.mark()
                args = {**self.sound(tool, required[tool]), arg: value, "team_id": ACME}
                t = self.legacy[key].tool(tool, **args)
                self.assertTrue(t.error, (value, tool, key, t))
                self.assertEqual(self.slack.calls(since=since), [], (value, key))

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
        """Of each tool that pages: it opens for nobody else, nowhere else."""
        required = self.required()
        self.slack.world.say(BETA, "CBGENERAL1", "a reply",
                             thread_ts=self.ts["CBGENERAL1"])
        for tool, arg in naming(CURSOR):
            if tool == "slack_search_users":    # that is Directory's
                continue
            args, cursor = self.cursor_of(tool, required[tool])
            since = self.slack.mark()
            for name, team in itertools.product(("acme-write", "both", "star"),
                                                (ACME, BETA)):
                t = self.legacy[name].tool(tool, **{**args, "team_id": team,
                                                    arg: cursor})
                self.assertTrue(t.error, (tool, name, team, t))
            for other, _ in naming(CURSOR):     # and with no other tool
                if other in (tool, "slack_search_users"):
                    continue
                t = self.legacy["beta-write"].tool(other, **{
                    "team_id": BETA, arg: cursor,
                    **self.sound(other, required[other], "CBGENERAL1")})
                self.assertTrue(t.error, (tool, other, t))
            if "channel_id" in args:
                t = self.legacy["beta-write"].tool(tool, **{
                    **args, arg: cursor, "channel_id": "GBSECRET01"})
                self.assertTrue(t.error, (tool, t))
            self.assertEqual(self.left(since), [])
            self.assertTrue(self.legacy["beta-write"].tool(tool, **{
                **args, arg: cursor}).ok, tool)

    def test_tools_list_follows_the_role(self):
        for name, _, _, writes, *_ in self.rows:
            self.assertEqual(set(self.tools(self.legacy[name])),
                             set(MATRIX) - (set() if writes else WRITES), name)

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
    test_a_workspace_named_as_another_ones_id = None

    @classmethod
    def connect(cls):
        world = cls.slack.world
        world.add("T0GAMMA001", "Gamma", "gamma-fake").granted = False
        world.add_org(ORG, "Acme Corp", ACME, BETA, "T0GAMMA001")
        mcpclient.install(cls.d, ORG)

    def left(self, since):
        """Without the question whose a channel is, and what names no workspace."""
        return [(c, c["form"].get("team_id") or team_of(c["form"]["channel"]))
                for c in self.slack.calls(since=since)
                if c["method"] != "conversations.info" and
                c["form"].keys() & {"team_id", "channel"}]

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


class Directory(Base):
    """With names: they lead no further than the ids do."""
    ENV = {"DIRECTORY": "on", "DIRECTORY_PAUSE": "20ms"}

    @classmethod
    def begin(cls):
        super().begin()
        cls.slack.world.teams[BETA].person("U0BETTINA", "bettina", "Bettina Beta")
        for team in (ACME, BETA):
            lib.wait_until(f"the directory of {team} is complete", lambda team=team:
                           cls.modern["both"].tool(
                               "slack_connection_status", team_id=team).text.count(
                                   ", complete at ") == 2, 60)

    def test_search(self):
        for row, team, era in itertools.product(self.rows, (ACME, BETA),
                                                ("legacy", "modern")):
            since = self.slack.mark()
            args = {"query": "alice", "team_id": team}
            t = getattr(self, era)[row[0]].tool("slack_search_users", **args)
            self.judge(row, "slack_search_users", args, t, since, team)
        t = self.modern["acme-read"].tool("slack_search_users", query="bettina")
        self.assertNotIn("U0BETTINA", t.text)
        self.assertIn("U0BETTINA", self.modern["beta-write"].tool(
            "slack_search_users", query="bettina").text)

    def test_search_cursor_of_another(self):
        args, cursor = self.cursor_of("slack_search_users", ["query"])
        for name, team in itertools.product(("acme-write", "both", "star"),
                                            (ACME, BETA)):
            t = self.legacy[name].tool("slack_search_users", **{
                **args, "team_id": team, "cursor": cursor})
            self.assertTrue(t.error, (name, team, t))
        self.assertTrue(self.legacy["beta-write"].tool(
            "slack_search_users", **args, cursor=cursor).ok)

    def test_names_of_channels(self):
        """For a narrow key a name out of its reach is as one that is not there."""
        required, row = self.required(), next(k for k in self.rows if k[0] == "narrow")
        for (tool, arg), name in itertools.product(
                naming(READ) + naming(WRITE), ("general", "random", "secret")):
            channel = {"general": "CAGENERAL1", "random": "CARANDOM01",
                       "secret": "GASECRET01"}[name]
            may = channel in (row[5] if tool in WRITES else row[4])
            since = self.slack.mark()
            args = {**self.sound(tool, required[tool], channel), arg: "#" + name}
            t = self.modern["narrow"].tool(tool, **args)
            self.assertEqual(t.ok, may, (tool, name, t))
            if not may:
                self.assertEqual(self.slack.calls(since=since), [])
            if channel not in row[4]:
                # what it may not read it cannot find, be it to write there
                absent = self.modern["narrow"].tool(tool, **{**args, arg: "#absent"})
                if not may:
                    self.assertEqual(t.text.replace(name, "absent"), absent.text)
        t = self.modern["acme-write"].tool("slack_post_message", text="x",
                                           channel_id="#board")     # not a member
        self.assertTrue(t.error, t)

    def test_how_many_there_are(self):
        for name, told in ("acme-read", r"channels: \d+, complete"), (
                "narrow", "channels: complete"):
            t = self.modern[name].tool("slack_connection_status")
            self.assertRegex(t.text, told)
            t = self.modern[name].tool("slack_connection_status", format="json")
            kinds = t.answer.json["result"]["structuredContent"]["directory"]
            self.assertEqual("entries" in kinds["channels"], name != "narrow")
            self.assertIn("entries", kinds["people"])

    def test_names_of_people(self):
        for (tool, arg), name in itertools.product(naming(PERSON), (
                "@bettina", "bettina", "@BETTINA")):
            since = self.slack.mark()
            t = self.modern["both"].tool(tool, **{arg: name, "team_id": ACME})
            self.assertTrue(t.error, t)
            self.assertEqual(self.slack.calls(since=since), [])
            t = self.modern["both"].tool(tool, **{arg: name, "team_id": BETA})
            self.assertTrue(t.ok, t)


if __name__ == "__main__":
    unittest.main()
