# SPDX-License-Identifier: ISC
"""team purge, user purge: afterwards no row, no file and no log holds the id."""
import base64
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
import unittest

import lib
import mcpclient
import test_mariadb
from events import Events
from host import root_only
from mcpclient import Legacy, Modern, install, known
from test_store_faults import NOBODY, Disk

ACME, BETA = "T0ACME0001", "T0BETA0001"
GENERAL = "CAGENERAL1"
PERSON, DM = "U0PURGE001", "DAPURGE001"
CHANGING = ("api_keys", "leases")       # of which others' rows change, too
READER = ("BEGIN", "SELECT COUNT(*) FROM installs")     # of the store, who stays


class SQLite:
    """Its rows and, at the end, its bytes."""
    def __init__(self, d):
        self.path = d.db

    def run(self, text):
        with contextlib.closing(sqlite3.connect(self.path, timeout=20)) as db:
            db.text_factory = lambda b: b.decode("utf-8", "replace")
            rows = db.execute(text).fetchall()
            db.commit()
        return [tuple(x.decode("latin-1") if isinstance(x, bytes) else x for x in r)
                for r in rows]

    def tables(self):
        return [r[0] for r in self.run("SELECT name FROM sqlite_master WHERE type = 'table'")]

    def all(self, table):
        return self.run(f"SELECT * FROM `{table}`")


class Server:
    """By one client that stays: there is much to ask."""
    def __init__(self, db):
        self.shell = db.shell()

    def run(self, text):
        said = self.shell.ask(text)
        assert not [x for x in said if x.startswith("ERROR ")], said
        return [tuple(x.split("\t")) for x in said]

    def tables(self):
        return [r[0] for r in self.run("SHOW TABLES")]

    def all(self, table):
        """All as bytes, which pass through any client."""
        columns = ", ".join(
            f"HEX(CAST(`{name}` AS BINARY))" for name, in self.run(
                "SELECT column_name FROM information_schema.columns WHERE "
                f"table_schema = DATABASE() AND table_name = '{table}'"))
        return [tuple(bytes.fromhex(x).decode("latin-1") for x in row)
                for row in self.run(f"SELECT {columns} FROM `{table}`")]


class Base(lib.Apart):
    LOG = True

    def setUp(self):
        super().setUp()
        acme = self.slack.world.teams[ACME]
        acme.rotates = True
        acme.person(PERSON, "pat", "Pat Purge", title="of the cleaning")
        acme.add(DM, "", kind="im", user=PERSON)
        acme.add("CATOPIC001", "topical", topic=f"ask <@{PERSON}> or <@U0PURGE0012>")
        self.slack.world.say(ACME, GENERAL, "from the person", user=PERSON)
        self.signing = self.secret("signing secret", os.urandom(16).hex())
        self.slack.world.signing_secret = self.signing

    def env(self, **more):
        return {"DIRECTORY": "on", "DIRECTORY_PAUSE": "20ms", "SLACK_SIGNING_SECRET": self.signing,
                "SLACK_SCOPES": lib.SCOPES + ",users:read,users.profile:read,reactions:write",
                **more}

    def begun(self, **more):
        d = self.daemon(self.slack, env=self.env(**more))
        if self.LOG:
            d.log_file = d.env["LOG_TARGET"] = os.path.join(d.dir, "d.log")
        self.before_start(d)
        d.start()
        self.store = self.store_of(d)
        return d

    def before_start(self, d):
        """What a test has to put in place."""

    def store_of(self, d):
        return SQLite(d)

    def connect(self, d):
        for team, who in (ACME, PERSON), (BETA, "U0ALICE"):
            self.slack.world.authorize_user = who
            install(d, team)
            known(d, team)
        for text in self.slack.world.chain(ACME).alive():
            self.secret("token", text)

    def tool(self, d, name, key=None, **args):
        with Modern(d, key) as c:
            return c.tool(name, **args)

    def good(self, d, name, key=None, **args):
        t = self.tool(d, name, key, **args)
        self.assertTrue(t.ok, t)
        return t

    def traffic(self, d):
        """All that leaves something behind."""
        self.connect(d)
        self.key = d.key_add("both", "--workspaces", f"{ACME},{BETA}", "--role", "write",
                             "--read", GENERAL, "--write", GENERAL)
        self.bound = d.key_add("bound", "--workspaces", ACME, "--role", "write")
        self.bind()
        for team, letter in (ACME, "A"), (BETA, "B"):
            lib.wait_until("the directory is filled", lambda team=team: self.good(
                d, "slack_connection_status", team_id=team).text.count(", complete at ") == 2, 60)
            self.good(d, "slack_post_message", team_id=team, channel_id="#general", text="hello")
            self.good(d, "slack_get_channel_history", team_id=team,
                      channel_id=f"C{letter}GENERAL1")
        self.good(d, "slack_post_message", team_id=ACME, channel_id=DM, text="to the person")
        self.good(d, "slack_post_message", team_id=ACME, channel_id=GENERAL,
                  text="to the person", idempotency_key=f"for-{PERSON}-1")
        self.tool(d, "slack_post_message", self.bound, team_id=ACME, channel_id=GENERAL, text="own")
        self.good(d, "slack_get_user_profile", team_id=ACME, user_id="@pat")
        with Legacy(d).begin() as c:
            self.assertTrue(c.tool("slack_search_users", team_id=ACME, query="pat").ok)
        self.slack.world.chain(ACME).expire()
        self.good(d, "slack_get_channel_history", team_id=ACME, channel_id=GENERAL, limit=1)
        events = Events(self.slack.world, d.base + "/slack/events")
        self.assertEqual(events.send(events.tokens_revoked(ACME, users=[PERSON])).status, 200)

    def bind(self):
        self.store.run("UPDATE changes SET n = n + 1")
        self.store.run(f"UPDATE api_keys SET slack_user = '{PERSON}', changed = "
                       "(SELECT n FROM changes) WHERE name = 'bound'")

    def rows(self, team=None, but=()):
        """Every row that tells of the team: table to rows."""
        out = {}
        for table in self.store.tables():
            if table in but:
                continue
            rows = sorted(map(repr, self.store.all(table)))
            out[table] = [r for r in rows if team is None or whole(team).search(r)]
        return out

    def places(self, d, word):
        """Where it stands: rows, files, the log."""
        hits = [t for t, rows in self.rows(word).items() if rows]
        for base, _, names in os.walk(d.dir):
            for name in names:
                path = os.path.join(base, name)
                if name == "stderr.log" and self.LOG or os.path.islink(path) \
                        or not os.path.isfile(path):
                    continue
                with open(path, "rb") as f:
                    if holds(f.read(), word):
                        hits.append(path)
        return sorted(hits)

    def gone(self, d, team):
        """No worker serves it any more: only then does a purge delete its row."""
        lib.wait_until(f"nobody serves {team}", lambda: all(
            team not in self.good(d, "slack_list_workspaces").text
            for _ in range(6 * int(d.env["WORKERS"]))), 20)

    @contextlib.contextmanager
    def delayed(self, d):
        """A call is under way, and a purge waits for it."""
        self.slack.fault("conversations.history", "hold", team=BETA)
        reader = threading.Thread(target=self.tool, args=(d, "slack_get_channel_history"),
                                  kwargs={"team_id": BETA, "channel_id": "CBGENERAL1"})
        reader.start()
        self.slack.wait_held("conversations.history")
        try:
            yield
        finally:
            self.slack.release()
            reader.join(60)

    def purge(self, d, *args):
        said = d.ctl(*args, seconds=90)
        self.assertIn(f"{args[-1]} is forgotten", said.stdout)
        return said.stdout


def whole(word):
    more = "[a-z0-9]" if word.islower() else "[A-Z0-9]"
    return re.compile(f"(?<!{more}){word}(?!{more})")


def holds(data, word):
    """The pattern is slow, and the region large."""
    return base64.b64encode(word.encode()) in data or any(
        w.encode() in data and whole(w).search(data.decode("latin-1"))
        for w in (word, word.lower()))


def in_memory(pid, word, but):
    """How often it stands in what a process may write to, not behind that; shadows of
    sanitizers are too large to hold anything."""
    n = 0
    with open(f"/proc/{pid}/maps", encoding="ascii") as f, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in f:
            place, rights = line.split()[:2]
            begin, end = (int(x, 16) for x in place.split("-"))
            if rights.startswith("rw") and end - begin < 1 << 30:
                mem.seek(begin)
                data = mem.read(end - begin)
                n += data.count(word) - data.count(but + word)
    return n


class Team(Base):
    def test_nothing_is_left(self):
        d = self.begun()
        self.traffic(d)
        found = self.places(d, ACME)
        for where in ("api_keys", "directory", "directory_fills", "posts", "chains", "leases",
                      "installs", d.log_file):
            self.assertIn(where, found)     # else the test is none
        before = self.rows(BETA, but=CHANGING)
        said = self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])
        self.assertEqual(self.rows(BETA, but=CHANGING), before)
        self.assertEqual(self.store.run("SELECT workspaces, channels_read FROM api_keys "
                                        "WHERE name = 'both'"), [(BETA, GENERAL)])
        for word in ("installs: 1 rows deleted", "backups", "Slack: the token"):
            self.assertIn(word, said)
        self.good(d, "slack_get_channel_history", team_id=BETA, channel_id="CBGENERAL1")
        again = d.ctl("team", "purge", ACME, check=False, seconds=90)
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"there is no workspace {ACME}", again.stderr)

    @root_only       # a worker's memory is
    def test_no_worker_keeps_the_token(self):
        """As the header wants it; what libcurl leaves behind has the header's name."""
        d = self.begun()
        self.connect(d)
        token, = self.slack.world.chain(BETA).alive()
        held = b"Bearer " + token.encode() + b"\0", b"Authorization: "

        def used(pid):
            self.good(d, "slack_list_channels", team_id=BETA, limit=1)
            return in_memory(pid, *held) > 0
        for pid in d.workers():
            lib.wait_until("it serves a call", lambda pid=pid: used(pid), 20)
        self.purge(d, "team", "purge", BETA)
        for pid in d.workers():
            lib.wait_until("it is wiped", lambda pid=pid: in_memory(pid, *held) == 0, 20)

    def test_unknown(self):
        d = self.begun()
        self.traffic(d)
        before = self.rows(but=("leases",))
        with open(d.log_file, encoding="utf-8") as f:
            log = f.read()
        for args, word in (
                (("team", "purge", "T0NONE0001"), "there is no workspace T0NONE0001"),
                (("team", "purge", "general"), "no id of a workspace"),
                (("user", "purge", ACME, "U0NONE0001"), "nothing is kept of U0NONE0001"),
                (("user", "purge", "T0NONE0001", "U0NONE0001"), "there is no workspace"),
                (("user", "purge", ACME, "pat"), "no id of a person"),
                (("team", "purge"), "usage: team purge <team>")):
            with self.subTest(args):
                said = d.ctl(*args, check=False, seconds=90)
                self.assertEqual(said.returncode, 1)
                self.assertIn(word, said.stderr)
        self.assertEqual(self.rows(but=("leases",)), before)
        said = d.ctl("--json", "team", "purge", "T0NONE0001", check=False)
        self.assertEqual((said.returncode, json.loads(said.stdout).keys()), (1, {"error"}))
        with open(d.log_file, encoding="utf-8") as f:
            self.assertTrue(f.read().startswith(log))
        self.assertFalse(self.marked(d))

    def job(self, d):
        """The purge, while the master has no other job."""
        jobs = [w["pid"] for w in d.ctl_json("show", "workers") if w["what"] == "job"]
        return jobs[0] if len(jobs) == 1 else None

    def kill_job(self, d):
        os.kill(lib.wait_until("it is the only job", lambda: Team.job(self, d)), signal.SIGKILL)

    def marked(self, d):
        """One has begun and not ended."""
        return any(n.startswith("purge-") for n in os.listdir(d.state_dir))

    def asker(self, d, *args):
        """The command, which is not waited for."""
        return subprocess.Popen([lib.program("slackmcpctl"), "-s", d.socket, *args],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def test_killed_and_again(self):
        """The job dies in its middle: said so, and the next one comes to the end."""
        d = self.begun()
        self.traffic(d)
        with self.delayed(d), self.asker(d, "team", "purge", ACME) as p:
            lib.wait_until("the install has ended", lambda: self.store.run(
                f"SELECT state FROM installs WHERE team_id = '{ACME}'") == [("revoked",)])
            second = d.ctl("team", "purge", BETA, check=False)
            self.assertIn("one is running already", second.stderr)
            self.assertTrue(d.ctl_json("show", "info"))     # the master is free
            self.kill_job(d)
            self.assertIn("team-purge died signal=9", p.communicate(timeout=30)[1])
            self.assertEqual(p.returncode, 1)
        self.assertIn("directory", self.places(d, ACME))
        self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])
        self.assertTrue(self.rows(BETA)["installs"])

    def test_rows_without_an_install(self):
        d = self.begun()
        self.traffic(d)
        d.ctl("install", "revoke", ACME)
        self.gone(d, ACME)
        self.store.run(f"DELETE FROM installs WHERE team_id = '{ACME}'")
        self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])

    def test_who_asked_has_gone(self):
        d = self.begun()
        self.traffic(d)
        with self.asker(d, "team", "purge", ACME) as p:
            lib.wait_until("it runs", lambda: self.marked(d))
            p.kill()
        lib.wait_until("it came to its end", lambda: not self.marked(d) and not self.job(d), 60)
        self.assertEqual(self.places(d, ACME), [])

    def test_while_the_directory_is_filled(self):
        """A run that is under way, and a refresh, bring no row back."""
        d = self.begun()
        self.slack.fault("users.list", "hold", times=-1, effect=True)
        self.connect(d)
        with Modern(d) as c:
            c.tool("slack_connection_status", team_id=ACME)
            c.tool("slack_get_channel_history", team_id=ACME, channel_id=GENERAL)
        self.slack.wait_held("users.list")
        with self.asker(d, "--json", "team", "purge", ACME) as p:
            lib.wait_until("the install has ended", lambda: self.store.run(
                f"SELECT state FROM installs WHERE team_id = '{ACME}'") == [("revoked",)])
            self.slack.faults.clear()
            self.slack.release()
            said = p.communicate(timeout=90)
            self.assertEqual(p.returncode, 0, said)
        self.assertIn('"forgotten":"T0ACME0001"', said[0])
        self.assertEqual(self.places(d, ACME), [])

    def test_a_worker_that_saw_nothing(self):
        """Its rows vanished while it did not look: what it still begins leaves none."""
        d = self.begun()
        self.slack.fault("users.list", "error", error="internal_error", times=-1)
        self.connect(d)
        self.good(d, "slack_get_channel_history", team_id=ACME, channel_id=GENERAL)
        lib.wait_until("a run has failed", lambda: self.store.run(
            f"SELECT * FROM directory_fills WHERE team = '{ACME}' AND problem <> ''"))
        for table, column in (("installs", "team_id"), ("chains", "team_id"), ("posts", "team"),
                              ("directory", "team"), ("directory_fills", "team")):
            self.store.run(f"DELETE FROM {table} WHERE {column} = '{ACME}'")
        self.store.run(f"DELETE FROM leases WHERE name LIKE '%{ACME}'")
        mark = self.slack.mark()
        with Modern(d) as c:            # it thinks that all is well
            lib.wait_until("a run is begun", lambda: c.tool(
                "slack_get_channel_history", team_id=ACME, channel_id=GENERAL).ok and
                self.runs(d) > 0, 40)
        self.assertEqual(self.slack.calls("users.list", mark), [])
        d.stop()
        for table, rows in self.rows(ACME, but=("posts",)).items():
            self.assertEqual(rows, [], table)

    @staticmethod
    def runs(d):
        """That the store did not take."""
        with open(d.log_file, encoding="utf-8") as f:
            return f.read().count("not connected any more")

    def test_while_a_token_is_renewed(self):
        """The pair comes when nobody wants it any more."""
        d = self.begun()
        self.connect(d)
        self.slack.world.chain(ACME).expire()
        self.slack.fault("oauth.v2.access", "hold", effect=True,
                         where={"grant_type": "refresh_token"})
        said = []
        reader = threading.Thread(target=lambda: said.append(self.tool(
            d, "slack_get_channel_history", team_id=ACME, channel_id=GENERAL)))
        reader.start()
        self.slack.wait_held("oauth.v2.access")
        with self.asker(d, "team", "purge", ACME) as p:
            lib.wait_until("the install has ended", lambda: self.store.run(
                f"SELECT state FROM installs WHERE team_id = '{ACME}'") == [("revoked",)])
            self.slack.release()
            out = p.communicate(timeout=90)
            self.assertEqual(p.returncode, 0, out)
        reader.join(60)
        self.assertFalse(said[0].ok)
        self.assertEqual(self.places(d, ACME), [])
        self.assertEqual(os.listdir(os.path.join(d.state_dir, "spool")), [])

    def test_the_store_is_away(self):
        d = self.begun(STORE_TIMEOUT="1")
        self.traffic(d)
        with d.locked():
            said = d.ctl("team", "purge", ACME, check=False, seconds=90)
            self.assertEqual(said.returncode, 1)
            self.assertIn("locked by others", said.stderr)
        self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])

    def test_a_reader_holds_the_log_of_the_store(self):
        """Then it is not cut, and the answer says so."""
        d = self.begun()
        self.traffic(d)
        with d.others(*READER):
            said = d.ctl("team", "purge", ACME, check=False, seconds=90)
            self.assertEqual(said.returncode, 1)
            self.assertIn("is not quite forgotten", said.stderr)
            self.assertIn("cannot write anew", said.stderr)
        self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])

    def test_killed_before_the_file_is_written_anew(self):
        """No row is left, and the next one comes to the end all the same."""
        d = self.begun()
        self.traffic(d)
        with d.others(*READER), self.asker(d, "team", "purge", ACME) as p:
            lib.wait_until("its rows have gone", lambda: not self.store.run(
                f"SELECT state FROM installs WHERE team_id = '{ACME}'"), 60)
            self.kill_job(d)
            self.assertIn("died signal=9", p.communicate(timeout=30)[1])
        self.assertIn(self.store.path, " ".join(self.places(d, ACME)))
        self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])

    def test_files_beside_the_store(self):
        """Copies from before a migration, rotated logs, what the spool holds."""
        d = self.begun()
        self.traffic(d)
        copy = self.store.path + ".before-0002"
        with open(copy, "w", encoding="ascii") as f:
            f.write(ACME)
        with open(d.log_file + ".1", "w", encoding="ascii") as f:
            f.write(("x" * 70000 + f" team={ACME}\n") * 3 + f"{ACME}2 kept\n")
        with open(d.log_file + ".2.gz", "w", encoding="ascii") as f:
            f.write("packed")
        spool = os.path.join(d.state_dir, "spool")
        os.makedirs(spool, exist_ok=True)
        for name, team in ("bad-install-1", "VDBBQ01FMDAwMQ=="), ("bad-install-2", "VDE="):
            with open(os.path.join(spool, name), "w", encoding="ascii") as f:
                f.write(f"slackmcpd install 1\nenterprise_id \nteam_id {team}\n")
        said = self.purge(d, "team", "purge", ACME)
        self.assertIn(copy, said)
        self.assertFalse(os.path.exists(copy))
        self.assertIn(f"{d.log_file}.2.gz: compressed", said)
        self.assertIn("spool: 1 files deleted", said)
        self.assertEqual(os.listdir(spool), ["bad-install-2"])
        with open(d.log_file + ".1", encoding="ascii") as f:
            text = f.read()
        self.assertEqual((text.count("*" * 10 + "\n"), len(text)),
                         (3, 3 * (70000 + len(f" team={ACME}\n")) + len(f"{ACME}2 kept\n")))
        self.assertIn(f"{ACME}2 kept", text)


class Full(Base):
    """STATE_DIR is a disk of its own, and that is full."""
    def before_start(self, d):
        self.disk = Disk(d.state_dir, 16, NOBODY)
        self.addCleanup(self.disk.unmount)
        self.addCleanup(d.stop)

    def test_no_room(self):
        d = self.begun()
        if not self.disk.mounted:
            self.skipTest("mount is not allowed here")
        self.traffic(d)
        self.disk.fill()
        said = d.ctl("team", "purge", ACME, check=False, seconds=90)
        self.assertEqual(said.returncode, 1)
        self.assertRegex(said.stderr, "(?i)full|no space")
        self.disk.empty()
        self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])


class Person(Base):
    def test_nothing_is_left(self):
        d = self.begun()
        self.traffic(d)
        found = self.places(d, PERSON)
        for where in ("api_keys", "directory", "posts", "installs"):
            self.assertIn(where, found)
        self.assertNotIn(d.log_file, found)     # no log names a person
        d.stop()                    # no run over the directory that finds her again
        d.env["DIRECTORY"] = "off"
        d.start()
        before = self.rows(BETA, but=CHANGING)
        said = self.purge(d, "user", "purge", ACME, PERSON)
        self.assertEqual(self.places(d, PERSON), [])
        self.assertEqual(self.rows(BETA, but=CHANGING), before)
        self.assertIn("the next run over the directory", said)
        self.assertEqual(self.store.run("SELECT state, slack_user FROM api_keys WHERE name = "
                                        "'bound'"), [("revoked", "(forgotten)")])
        self.assertEqual(self.store.run(f"SELECT installer, state FROM installs WHERE team_id = "
                                        f"'{ACME}'"), [("(forgotten)", "live")])
        self.assertIn("U0PURGE0012", repr(self.store.run("SELECT about FROM directory "
                                                         "WHERE id = 'CATOPIC001'")))
        self.good(d, "slack_post_message", team_id=ACME, channel_id=GENERAL, text="goes on")
        self.good(d, "slack_get_channel_history", self.key, team_id=ACME, channel_id=GENERAL)
        self.good(d, "slack_list_channels", team_id=ACME)
        lib.wait_until("the key is dead", lambda: mcpclient.ask(
            d, "POST", "/mcp", "{}", {"Authorization": f"Bearer {self.bound}"}).status == 401)

    def test_the_bot_is_no_person(self):
        d = self.begun()
        self.connect(d)
        bot = self.store.run(f"SELECT bot_user_id FROM installs WHERE team_id = '{ACME}'")[0][0]
        said = d.ctl("user", "purge", ACME, bot, check=False)
        self.assertIn("the app's own bot", said.stderr)


class Org(Base):
    """An org-wide install and the workspaces that it was granted."""
    def setUp(self):
        super().setUp()
        world = self.slack.world
        world.teams[ACME].rotates = False
        world.add("T0GAMMA001", "Gamma", "gamma-fake").add("CGGENERAL1", "general")
        world.add_org("E0ACMECORP", "Acme Corp", ACME, "T0GAMMA001")
        for t in ACME, "T0GAMMA001":
            world.teams[t].granted = True

    def connect(self, d):
        self.slack.world.authorize_user = PERSON
        install(d, "E0ACMECORP")
        known(d, ACME)
        self.slack.world.authorize_user = "U0ALICE"
        install(d, BETA)
        known(d, BETA)

    def served(self, d):
        self.connect(d)
        d.key_add("org", "--workspaces", f"E0ACMECORP,{BETA}")
        d.key_add("one", "--workspaces", f"{ACME},{BETA}")
        for team, channel in (ACME, GENERAL), (BETA, "CBGENERAL1"):
            lib.wait_until("the directory is filled", lambda team=team: self.good(
                d, "slack_connection_status", team_id=team).text.count(", complete at ") == 2, 60)
            self.good(d, "slack_post_message", team_id=team, channel_id=channel, text="hello")

    def test_all_of_it(self):
        d = self.begun()
        self.served(d)
        said = d.ctl("team", "purge", ACME, check=False, seconds=90)
        self.assertIn("team purge E0ACMECORP forgets all of them", said.stderr)
        self.good(d, "slack_get_channel_history", team_id=ACME, channel_id=GENERAL)
        before = self.rows(BETA, but=CHANGING)
        self.purge(d, "team", "purge", "E0ACMECORP")
        for word in "E0ACMECORP", ACME, "T0GAMMA001":
            self.assertEqual(self.places(d, word), [], word)
        self.assertEqual(self.rows(BETA, but=CHANGING), before)
        self.assertEqual(self.store.run("SELECT name, workspaces FROM api_keys WHERE name IN "
                                        "('org', 'one') ORDER BY name"),
                         [("one", BETA), ("org", BETA)])
        self.good(d, "slack_get_channel_history", team_id=BETA, channel_id="CBGENERAL1")

    def test_killed_and_again(self):
        d = self.begun()
        self.served(d)
        with self.delayed(d), Team.asker(self, d, "team", "purge", "E0ACMECORP") as p:
            lib.wait_until("it has ended", lambda: self.store.run(
                "SELECT state FROM installs WHERE team_id = ''") == [("revoked",)])
            Team.kill_job(self, d)
            p.communicate(timeout=30)
        self.gone(d, ACME)
        # as if it had come so far
        self.store.run("DELETE FROM directory WHERE team LIKE 'E0ACMECORP%'")
        self.store.run("DELETE FROM posts WHERE team LIKE 'E0ACMECORP%'")
        self.store.run("DELETE FROM installs WHERE team_id = ''")
        self.purge(d, "team", "purge", "E0ACMECORP")
        for word in "E0ACMECORP", ACME:
            self.assertEqual(self.places(d, word), [], word)

    def test_a_person_of_it(self):
        d = self.begun()
        self.served(d)
        self.assertIn("directory", self.places(d, PERSON))
        d.stop()
        d.env["DIRECTORY"] = "off"
        d.start()
        self.purge(d, "user", "purge", ACME, PERSON)
        self.assertEqual(self.places(d, PERSON), ["installs"])
        self.purge(d, "user", "purge", "E0ACMECORP", PERSON)    # who installed it
        self.assertEqual(self.places(d, PERSON), [])
        self.good(d, "slack_get_channel_history", team_id=ACME, channel_id=GENERAL)


class Shared(Base, test_mariadb.Shared):
    """The same with MariaDB."""
    def setUp(self):
        test_mariadb.Shared.setUp(self)
        Base.setUp(self)

    def env(self, **more):
        return {**self.options(), **super().env(UPSTREAM_TIMEOUT="5", **more)}

    def store_of(self, d):
        store = Server(self.db)
        self.addCleanup(store.shell.close)
        return store

    def bind(self):
        self.store.run("UPDATE changes SET n = n + 1; UPDATE api_keys SET slack_user = "
                       f"'{PERSON}', changed = (SELECT n FROM changes) WHERE name = 'bound'")

    def test_team(self):
        d = self.begun()
        self.traffic(d)
        before = self.rows(BETA, but=CHANGING)
        self.assertIn("directory", self.places(d, ACME))
        said = self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])
        self.assertEqual(self.rows(BETA, but=CHANGING), before)
        for word in "binary logs", "other hosts":
            self.assertIn(word, said)

    def test_killed_and_again(self):
        d = self.begun()
        self.traffic(d)
        with Team.asker(self, d, "team", "purge", ACME) as p:
            lib.wait_until("it has ended", lambda: self.store.run(
                f"SELECT state FROM installs WHERE team_id = '{ACME}'") == [("revoked",)])
            Team.kill_job(self, d)
            self.assertIn("died signal=9", p.communicate(timeout=30)[1])
        self.purge(d, "team", "purge", ACME)
        self.assertEqual(self.places(d, ACME), [])

    def test_person(self):
        d = self.begun()
        self.traffic(d)
        d.stop()
        d.env["DIRECTORY"] = "off"
        d.start()
        self.purge(d, "user", "purge", ACME, PERSON)
        self.assertEqual(self.places(d, PERSON), [])
        self.good(d, "slack_post_message", team_id=ACME, channel_id=GENERAL, text="goes on")


if __name__ == "__main__":
    unittest.main()
