# SPDX-License-Identifier: ISC
"""Org-wide installs: one token for the workspaces that an organisation gave to the
app; and people from elsewhere in shared channels."""
import os
import re
import signal
import unittest

import lib
import mcpclient
from events import Events
from mariadb import MariaDB
from mcpclient import Modern, install, known
from world import default_world

ORG, ACME, BETA, GAMMA = "E0ACMECORP", "T0ACME0001", "T0BETA0001", "T0GAMMA001"
LATER = "T0DELTA001"        # of the organisation, not given to the app
OUTSIDE = "T0OUTSIDE1"
SCOPES = lib.SCOPES + ",users:read,users.profile:read,reactions:write"


def world_of(*granted):
    """An organisation of four workspaces, and one outside of it."""
    world = default_world()
    world.add(GAMMA, "Gamma", "gamma-fake").add("CGGENERAL1", "general")
    world.add(LATER, "Delta", "delta-fake").add("CDGENERAL1", "general")
    world.add(OUTSIDE, "Outside", "outside-fake").add("COGENERAL1", "general")
    world.add_org(ORG, "Acme | Corp", ACME, BETA, GAMMA, LATER)
    for t in (ACME, BETA, GAMMA, LATER):
        world.teams[t].granted = t in granted
    return world


class Base(lib.Suite):
    ENV = {}

    @classmethod
    def begin_org(cls, *granted, world=None, connect=True, **env):
        """A daemon whose organisation gave these workspaces."""
        slack = cls.fake(world=world or world_of(*granted))
        signing = cls.secret("signing secret", os.urandom(16).hex())
        slack.world.signing_secret = signing
        d = cls.daemon(slack, env={
            "SLACK_SCOPES": SCOPES, "SLACK_SIGNING_SECRET": signing,
            "DIRECTORY_PAUSE": "20ms", **cls.ENV, **env}).start()
        slack.events = Events(slack.world, d.base + "/slack/events")
        if connect:
            install(d, ORG)
            for t in granted:
                known(d, t)
        return slack, d

    def tool(self, d, name, key=None, **args):
        with Modern(d, key) as c:
            return c.tool(name, **args)

    def gone(self, d, team):
        """No worker knows it any more."""
        lib.wait_until(f"nobody knows {team}", lambda: all(
            team not in self.tool(d, "slack_list_workspaces").text
            for _ in range(6 * int(d.env["WORKERS"]))), 20)

    def row(self, d, team):
        return next((r for r in d.ctl_json("show", "installs")
                     if r["team"] == team), None)


class Reach(Base):
    """One organisation with two workspaces, and keys of every sort."""
    @classmethod
    def begin(cls):
        cls.slack, cls.d = cls.begin_org(ACME, BETA)

    def test_lists_them(self):
        t = self.tool(self.d, "slack_list_workspaces")
        self.assertTrue(t.ok, t)
        self.assertIn("2 workspaces", t.text)
        for team, name in ((ACME, "Acme"), (BETA, "Beta")):
            self.assertRegex(t.text, rf"(?m)^{team} \| {name}.* \| of organisation "
                             rf"{ORG} Acme")
        for other in (GAMMA, LATER, OUTSIDE):
            self.assertNotIn(other, t.text)
        row = self.row(self.d, ORG)
        self.assertEqual((row["state"], row["workspaces"], row["enterprise"]),
                         ("live", 2, ORG))
        self.assertIsNone(self.row(self.d, ACME))

    def test_calls_carry_the_workspace(self):
        for team, channel in ((ACME, "CAGENERAL1"), (BETA, "CBGENERAL1")):
            mark = self.slack.mark()
            t = self.tool(self.d, "slack_list_channels", team_id=team, limit=200)
            self.assertTrue(t.ok, t)
            self.assertIn(channel, t.text)
            self.assertNotIn("CB" if team == ACME else "CA", re.sub(
                r"CURSOR\S*|cursor=\S+", "", t.text))
            self.assertTrue(self.tool(self.d, "slack_get_users", team_id=team).ok)
            for method in ("conversations.list", "users.list"):
                rows = self.slack.calls(method, mark)
                self.assertEqual([r["form"].get("team_id") for r in rows], [team])
                self.assertEqual([r["team"] for r in rows], [ORG])  # its token
            t = self.tool(self.d, "slack_get_channel_history", team_id=team,
                          channel_id=channel, limit=2)
            self.assertTrue(t.ok, t)
            t = self.tool(self.d, "slack_post_message", team_id=team,
                          channel_id=channel, text=f"to {team}")
            self.assertTrue(t.ok, t)
            said = self.slack.world.teams[team].channels[channel].messages[-1]
            self.assertEqual(said["text"], f"to {team}")
            t = self.tool(self.d, "slack_add_reaction", team_id=team,
                          channel_id=channel, timestamp=said["ts"], reaction="eyes")
            self.assertTrue(t.ok, t)
            t = self.tool(self.d, "slack_get_user_profile", team_id=team,
                          user_id="U0ALICE")
            self.assertTrue(t.ok, t)

    def test_which_one(self):
        """Without team_id, by name, by the organisation's id."""
        for given in ({}, {"team_id": ORG}):
            t = self.tool(self.d, "slack_list_channels", **given)
            self.assertTrue(t.error, t)
            self.assertIn(ACME, t.text)
            self.assertIn(BETA, t.text)
        mark = self.slack.mark()
        self.assertTrue(self.tool(self.d, "slack_list_channels", workspace="acme").ok)
        key = self.d.key_add("one", "--workspaces", BETA)
        for given in ({}, {"team_id": ORG}, {"team_id": BETA}):
            self.assertTrue(self.tool(self.d, "slack_list_channels", key, **given).ok)
        self.assertEqual([r["form"]["team_id"] for r in self.slack.calls(
            "conversations.list", mark)], [ACME, BETA, BETA, BETA])

    def test_policy(self):
        """T… is that workspace, E… all that were granted, * all; what is not
        granted has the words of what is not there."""
        rows = ((ORG, {ACME, BETA}), ("*", {ACME, BETA}), (ACME, {ACME}),
                (GAMMA, set()), ("E0ANOTHER1", set()), (f"{GAMMA},{BETA}", {BETA}),
                (f"{ACME},{ORG}", {ACME, BETA}))
        for n, (given, reached) in enumerate(rows):
            key = self.d.key_add(f"policy{n}", "--workspaces", given, "--role", "write")
            text = self.tool(self.d, "slack_list_workspaces", key).text
            words = {}
            for team in (ACME, BETA, GAMMA, LATER, OUTSIDE, "T0NOWHERE1"):
                with self.subTest(f"{given} {team}"):
                    self.assertEqual(team in text, team in reached)
                    mark = self.slack.mark()
                    channel = f"C{team[2]}GENERAL1"
                    said = [self.tool(self.d, "slack_get_channel_history", key,
                                      team_id=team, channel_id=channel, limit=1),
                            self.tool(self.d, "slack_post_message", key, team_id=team,
                                      channel_id=channel, text=given)]
                    if team in reached:
                        self.assertEqual([t.ok for t in said], [True, True], said)
                    else:
                        self.assertEqual(self.slack.calls(since=mark), [])
                        words[team] = said[0].text.replace(team, "?")
            self.assertEqual(len({re.sub(r"\b[0-9a-f]{6,}\b", "", w)
                                  for w in words.values()}), 1, words)

    def test_channels_are_bound(self):
        """A key's channels are those of the workspace, as ever."""
        key = self.d.key_add("narrow", "--workspaces", ORG, "--role", "write",
                             "--read", "CAGENERAL1", "--write", "CBGENERAL1")
        for team, channel, read, write in (
                (ACME, "CAGENERAL1", True, False), (BETA, "CBGENERAL1", False, True),
                (ACME, "CARANDOM01", False, False)):
            args = {"team_id": team, "channel_id": channel}
            self.assertEqual(self.tool(self.d, "slack_get_channel_history", key,
                                       limit=1, **args).ok, read, channel)
            self.assertEqual(self.tool(self.d, "slack_post_message", key,
                                       text="x", **args).ok, write, channel)

    def test_a_cursor_stays_in_its_workspace(self):
        first = self.tool(self.d, "slack_list_channels", team_id=ACME, limit=5)
        cursor = re.search(r"cursor=(\S+)", first.text).group(1)
        t = self.tool(self.d, "slack_list_channels", team_id=ACME, limit=5,
                      cursor=cursor)
        self.assertTrue(t.ok, t)
        mark = self.slack.mark()
        t = self.tool(self.d, "slack_list_channels", team_id=BETA, limit=5,
                      cursor=cursor)
        self.assertTrue(t.error, t)
        self.assertEqual(self.slack.calls("conversations.list", mark), [])

    def test_the_operator_is_told_whose_it_is(self):
        said = self.d.ctl("install", "disable", ACME, check=False)
        self.assertNotEqual(said.returncode, 0)
        self.assertIn(ORG, said.stdout + said.stderr)


class Life(Base):
    """What is given, taken, and ends."""

    def test_paged(self):
        """Page by page, as many as there are."""
        world = default_world()
        names = [f"T0MANY{i:04d}" for i in range(450)]
        for t in names:
            world.add(t, "Many " + t[-4:], t.lower())
        world.add_org(ORG, "Many", *names)
        slack, d = self.begin_org(world=world)
        lib.wait_until("all are there", lambda: all(
            self.row(d, ORG)["workspaces"] == 450 for _ in range(6)), 30)
        pages = slack.calls("auth.teams.list")
        self.assertEqual([r["page"] for r in pages], [1, 2, 3])
        text = self.tool(d, "slack_list_workspaces").text
        self.assertEqual(len(re.findall(r"(?m)^T0MANY", text)), 250)
        self.assertIn("200 more", text)
        d.stop()

    def test_the_only_one(self):
        slack, d = self.begin_org(GAMMA)
        mark = slack.mark()
        t = self.tool(d, "slack_list_channels")
        self.assertTrue(t.ok, t)
        self.assertEqual(slack.calls("conversations.list", mark)[0]["form"]["team_id"],
                         GAMMA)
        d.stop()

    def test_none_is_given_yet(self):
        _, d = self.begin_org(connect=False)
        d.fake.world.authorize_team = ORG
        page = mcpclient.Browser(d).get(d.base + "/slack/install")
        self.assertEqual(page.status, 200)
        lib.wait_until("the organisation is known", lambda: "organisation" in self.tool(
            d, "slack_list_channels").text)
        narrow = d.key_add("narrow", "--workspaces", ACME)
        self.assertNotIn("organisation", self.tool(d, "slack_list_channels",
                                                   narrow).text)
        d.stop()

    def test_events_give_and_take(self):
        slack, d = self.begin_org(ACME, BETA)
        body = slack.events.team_access(ORG, True, GAMMA)
        for _ in range(2):
            self.assertEqual(slack.events.send(body).status, 200)
        known(d, GAMMA)
        self.assertTrue(self.tool(d, "slack_list_channels", team_id=GAMMA).ok)
        # taken: at once, though Slack does not answer the list any more
        slack.fault("auth.teams.list", "error", error="internal_error", times=-1)
        body = slack.events.team_access(ORG, False, ACME, GAMMA)
        self.assertEqual(slack.events.send(body).status, 200)
        self.gone(d, ACME)
        self.gone(d, GAMMA)
        mark = slack.mark()
        t = self.tool(d, "slack_list_channels", team_id=ACME)
        self.assertTrue(t.error, t)
        self.assertEqual(slack.calls("conversations.list", mark), [])
        self.assertTrue(self.tool(d, "slack_list_channels", team_id=BETA).ok)
        # an event with the workspaces of somebody else touches nothing
        self.assertEqual(slack.events.send(slack.events.callback(
            OUTSIDE, {"type": "team_access_revoked", "team_ids": [BETA]})).status, 200)
        self.assertTrue(self.tool(d, "slack_list_channels", team_id=BETA).ok)
        d.stop()

    def test_aged(self):
        """Without an event the list is read again when it is old."""
        slack, d = self.begin_org(ACME, DIRECTORY_TTL="1s")
        slack.world.teams[BETA].granted = True
        slack.world.teams[ACME].granted = False
        known(d, BETA)
        self.gone(d, ACME)
        # and is not emptied while Slack fails
        slack.fault("auth.teams.list", "error", error="internal_error", times=-1)
        mark = slack.mark()
        slack.wait_calls("auth.teams.list", 2, mark)
        self.assertIn(BETA, self.tool(d, "slack_list_workspaces").text)
        d.stop()

    def test_not_granted_is_told(self):
        """Taken a moment ago, and nobody said so yet."""
        slack, d = self.begin_org(ACME, BETA)
        slack.world.teams[BETA].granted = False
        slack.fault("auth.teams.list", "error", error="internal_error", times=-1)
        for tool, args in (("slack_list_channels", {}),
                           ("slack_get_channel_history", {"channel_id": "CBGENERAL1"}),
                           ("slack_post_message", {"channel_id": "CBGENERAL1",
                                                   "text": "x"})):
            t = self.tool(d, tool, team_id=BETA, **args)
            self.assertTrue(t.error, t)
            self.assertIn("was not given this workspace of the organisation", t.text)
        slack.faults.clear()
        self.gone(d, BETA)      # the list was read again
        self.assertTrue(self.tool(d, "slack_list_channels", team_id=ACME).ok)

    def test_connected_again(self):
        """Then its list is read anew, though it is not old: nobody told of a change."""
        slack, d = self.begin_org(ACME)
        slack.world.teams[BETA].granted = True
        install(d, ORG)
        known(d, BETA)
        d.stop()

    def test_uninstalled(self):
        """By the organisation: all of its workspaces, and nothing else."""
        slack, d = self.begin_org(ACME, BETA)
        install(d, OUTSIDE)
        late = slack.events.app_uninstalled(ORG)
        late["event_time"] -= 60
        self.assertEqual(slack.events.send(late).status, 200)
        self.assertEqual(self.row(d, ORG)["state"], "live")
        for body in slack.events.uninstall(ORG):
            self.assertEqual(slack.events.send(body).status, 200)
            self.assertEqual(slack.events.send(body).status, 200)
        self.assertEqual(self.row(d, ORG)["state"], "revoked")
        self.gone(d, ACME)
        self.assertEqual(self.row(d, ORG)["workspaces"], 0)     # a worker's own word
        self.assertIn(OUTSIDE, self.tool(d, "slack_list_workspaces").text)
        d.stop()

    def test_disabled(self):
        slack, d = self.begin_org(ACME, BETA)
        d.ctl("install", "disable", ORG)
        self.gone(d, ACME)
        mark = slack.mark()
        self.assertTrue(self.tool(d, "slack_list_channels", team_id=ACME).error)
        self.assertEqual(slack.calls("conversations.list", mark), [])
        d.ctl("install", "enable", ORG)
        known(d, ACME)
        d.stop()

    def test_beside_an_own_install(self):
        """The workspace's own comes first; the organisation's takes over when that
        has ended, not when the operator has switched it off."""
        slack, d = self.begin_org(ACME, BETA)
        install(d, ACME)
        lib.wait_until("both are there", lambda: self.row(d, ACME))

        def whose(team):
            mark = slack.mark()
            t = self.tool(d, "slack_list_channels", team_id=team)
            return [r["team"] for r in slack.calls("conversations.list", mark)] \
                if t.ok else t.text
        lib.wait_until("its own token is used", lambda: all(
            whose(ACME) == [ACME] for _ in range(6)))
        self.assertEqual(whose(BETA), [ORG])
        listed = self.tool(d, "slack_list_workspaces").text
        self.assertEqual(listed.count(ACME), 1)
        self.assertIn("2 workspaces", listed)
        d.ctl("install", "disable", ACME)
        self.gone(d, ACME)
        d.ctl("install", "enable", ACME)
        known(d, ACME)
        for body in slack.events.uninstall(ACME):
            self.assertEqual(slack.events.send(body).status, 200)
        lib.wait_until("the organisation's token is used", lambda: all(
            whose(ACME) == [ORG] for _ in range(6)))
        self.assertEqual(self.row(d, ORG)["state"], "live")
        d.stop()

    def test_a_dead_own_install(self):
        """Its end was never told: Slack does not take its token, and the organisation's
        serves."""
        slack, d = self.begin_org(ACME)
        install(d, ACME)
        lib.wait_until("both are there", lambda: self.row(d, ACME))
        slack.world.teams[ACME].revoked = "account_inactive"
        mark = slack.mark()
        lib.wait_until("the organisation's serves", lambda: all(
            self.tool(d, "slack_list_channels", team_id=ACME).ok for _ in range(4)))
        self.assertEqual(slack.calls("conversations.list", mark)[-1]["team"], ORG)
        slack.world.teams[ACME].revoked = None
        install(d, ACME)        # connected again: its own comes first
        def own():
            mark = slack.mark()
            self.assertTrue(self.tool(d, "slack_list_channels", team_id=ACME).ok)
            return slack.calls("conversations.list", mark)[-1]["team"] == ACME
        lib.wait_until("its own serves", lambda: all(own() for _ in range(4)))
        d.stop()

    def test_allow(self):
        """INSTALL_ALLOW with T… and E…: an org-wide install is let in by E… alone,
        a workspace of its own by either."""
        for allow, org, team in ((ACME, "pending", "live"), (ORG, "live", "live"),
                                 (BETA, "pending", "pending")):
            with self.subTest(allow):
                _, d = self.begin_org(ACME, connect=False, INSTALL_ALLOW=allow)
                for home, state in ((ORG, org), (ACME, team)):
                    install(d, home)
                    self.assertEqual(self.row(d, home)["state"], state)
                if org == "pending":
                    d.ctl("install", "approve", ORG)
                    lib.wait_until("the organisation serves", lambda: ACME in self.tool(
                        d, "slack_list_workspaces").text)
                d.stop()

    def test_token_expires(self):
        """One refresh for all of its workspaces, by the organisation's chain."""
        world = world_of(ACME, BETA)
        world.orgs[ORG].rotates = True
        slack, d = self.begin_org(ACME, BETA, world=world)
        mark = slack.mark()
        world.chain(ORG).expire()
        for team in (ACME, BETA, ACME):
            t = self.tool(d, "slack_list_channels", team_id=team)
            self.assertTrue(t.ok, t)
        self.assertEqual(len(slack.refreshes(since=mark)), 1)
        d.stop()

    def test_rates_are_the_organisations(self):
        """A 429 of one workspace's call binds the token's others."""
        slack, d = self.begin_org(ACME, BETA)
        slack.fault("conversations.list", "ratelimited", retry_after=50)
        t = self.tool(d, "slack_list_channels", team_id=ACME)
        self.assertTrue(t.error, t)
        mark = slack.mark()
        t = self.tool(d, "slack_list_channels", team_id=BETA)
        self.assertTrue(t.error, t)
        self.assertEqual(slack.calls("conversations.list", mark), [])
        d.stop()


class Directory(Base):
    ENV = {"DIRECTORY": "on"}

    def test_kept_apart(self):
        """Two #general of one organisation; rows are found by its id."""
        slack, d = self.begin_org(ACME, BETA)
        for team in (ACME, BETA):
            lib.wait_until("its directory is complete", lambda t=team: self.tool(
                d, "slack_connection_status", team_id=t).text.count(", complete at ") == 2,
                60)
        for team, channel in ((ACME, "CAGENERAL1"), (BETA, "CBGENERAL1")):
            mark = slack.mark()
            t = self.tool(d, "slack_get_channel_history", team_id=team,
                          channel_id="#general", limit=1)
            self.assertTrue(t.ok, t)
            self.assertEqual([r["form"]["channel"] for r in slack.calls(
                "conversations.history", mark)], [channel])
            t = self.tool(d, "slack_post_message", team_id=team, text="by name",
                          channel_id="#general", idempotency_key="k1" + team)
            self.assertTrue(t.ok, t)
        # whose a channel is says the directory; Slack is asked about others
        mark = slack.mark()
        self.assertTrue(self.tool(d, "slack_get_channel_history", team_id=ACME,
                                  channel_id="CAGENERAL1", limit=1).ok)
        self.assertEqual(slack.calls("conversations.info", mark), [])
        for _ in range(2):
            t = self.tool(d, "slack_get_channel_history", team_id=ACME,
                          channel_id="CBGENERAL1", limit=1)
            self.assertTrue(t.error, t)
            self.assertIn("No such channel", t.text)
        for _ in range(2):      # a direct one is in no listing: asked once
            self.assertTrue(self.tool(d, "slack_get_channel_history", team_id=ACME,
                                      channel_id="DAALICE001", limit=1).ok)
            lib.wait_until("that is kept", lambda: d.sql(
                "SELECT id FROM directory WHERE id = 'DAALICE001'"))
        self.assertEqual([r["form"]["channel"] for r in slack.calls(
            "conversations.info", mark)], ["CBGENERAL1", "CBGENERAL1", "DAALICE001"])
        self.assertEqual({r["form"]["channel"] for r in slack.calls(
            "conversations.history", mark)}, {"CAGENERAL1", "DAALICE001"})
        self.assertEqual(set(d.sql("SELECT team, kind FROM directory")), {(ORG, "teams")} | {
            (f"{ORG}/{t}", kind) for t in (ACME, BETA) for kind in ("channels", "users")})
        self.assertEqual(set(d.sql("SELECT team FROM posts")),
                         {(f"{ORG}/{ACME}",), (f"{ORG}/{BETA}",)})
        d.stop()


class Strangers(Base):
    """Slack Connect: people of other workspaces in a channel of one's own."""
    ENV = {"DIRECTORY": "on"}

    def test_asked_once(self):
        world = world_of()
        slack, d = self.begin_org(world=world, connect=False)
        install(d, ACME)
        lib.wait_until("the directory is complete", lambda: self.tool(
            d, "slack_connection_status").text.count(", complete at ") == 2, 60)
        world.say(ACME, "CARANDOM01", "from elsewhere", user="U0STRANGE")
        world.say(ACME, "CARANDOM01", "unseen", user="U0HIDDEN1")
        world.say(ACME, "CARANDOM01", "unknown <@U0NOBODY1>", user="U0NOBODY1")
        mark = slack.mark()

        def read():
            t = self.tool(d, "slack_get_channel_history", channel_id="CARANDOM01")
            self.assertTrue(t.ok, t)
            return t.text
        read()
        # who reads before they are kept may ask, too: by another worker
        lib.wait_until("all three are kept", lambda: len(d.sql(
            "SELECT id FROM directory WHERE id IN ('U0STRANGE', 'U0HIDDEN1', "
            "'U0NOBODY1')")) == 3)
        for _ in range(6):
            text = read()
            self.assertIn("U0STRANGE sten", text)
            self.assertIn("U0HIDDEN1", text)    # nobody knows them: the id is shown
            self.assertIn("U0NOBODY1", text)
        asked = [r["form"]["user"] for r in slack.calls("users.info", mark)]
        self.assertEqual(sorted(asked), ["U0HIDDEN1", "U0NOBODY1", "U0STRANGE"])
        d.stop()


class Shared(Base):
    """Two daemons and a MariaDB."""
    may_hold_secrets = lib.Suite.may_hold_secrets + ("init.sql",)

    @classmethod
    def begin(cls):
        cls.db = MariaDB(os.path.join(cls.dir, "db"), bare=True)
        cls.secret("password of the store", cls.db.password)
        cls.token_keys = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
        cls.secret("token key", cls.token_keys[3:])
        cls.db.start()

    @classmethod
    def tearDownClass(cls):
        cls.db.signal(signal.SIGCONT)
        cls.db.stop()
        super().tearDownClass()

    @classmethod
    def clear(cls):
        cls.db.stop()
        super().clear()

    def test_both_hosts(self):
        more = {"STORE": self.db.store, "STORE_PASSWORD": self.db.password,
                "TOKEN_KEYS": self.token_keys, "MIGRATE": "auto", "DIRECTORY": "on"}
        slack, a = self.begin_org(ACME, BETA, NODE_NAME="n1", **more)
        b = self.daemon(slack, env={
            **more, "NODE_NAME": "n2", "AFFINITYBOTS_MCP_API_KEY": a.key,
            "SLACK_SIGNING_SECRET": a.env["SLACK_SIGNING_SECRET"],
            "DIRECTORY_PAUSE": "20ms", "SLACK_SCOPES": SCOPES,
            "SLACK_REDIRECT_URI": a.env["SLACK_REDIRECT_URI"]})
        b.key = a.key
        b.start()
        known(b, BETA)
        self.assertEqual(len(slack.calls("auth.teams.list")), 1)
        for d, team in ((a, ACME), (b, BETA)):
            t = self.tool(d, "slack_list_channels", team_id=team)
            self.assertTrue(t.ok, t)
        self.assertEqual(slack.events.send(slack.events.team_access(
            ORG, False, BETA)).status, 200)
        self.gone(a, BETA)
        self.gone(b, BETA)
        self.assertEqual(slack.events.send(slack.events.team_access(
            ORG, True, GAMMA)).status, 200)
        known(a, GAMMA)
        known(b, GAMMA)
        a.stop()
        b.stop()


if __name__ == "__main__":
    unittest.main()
