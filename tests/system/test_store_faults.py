# SPDX-License-Identifier: ISC
"""What the store can do to us.  A fault is a row: how it begins and ends, and
whether the store can still be read in it; the checks are the same for all rows
and stand in Faults."""
import collections
import concurrent.futures
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import threading
import time
import unittest
import urllib.parse

import lib
import mcpclient
from mcpclient import Browser, Legacy, Modern, get
from test_mariadb import ACME, BETA, GENERAL, Shared

GAMMA = "T0GAMMA001"
TIMEOUT = 2         # STORE_TIMEOUT
STRANGER = "sk_" + "A" * 43         # looks like a key of ours, and is none
NOBODY = 65534


class Fault:
    """begin_NAME and end_NAME are methods of the class whose rows these are."""

    def __init__(self, name, reads, says, health, writes=False, some=False,
                 installs=None):
        self.name = name
        self.some = some        # one or the other may still find room
        self.reads = reads      # the store can be read
        # the installs, too: else there is a worker that knows none
        self.installs = reads if installs is None else installs
        self.writes = writes    # and written to, if not at the first try
        self.says = says        # in the log of the workers, once each
        self.health = health    # its reason


class Disk:
    """A small file system of one's own, and what fills it."""

    def __init__(self, path, megabytes, uid=0):
        self.path = path
        os.makedirs(path, exist_ok=True)
        self.mounted = os.getuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755,uid={uid},"
             f"gid={uid}", "none", path], check=False, capture_output=True
        ).returncode == 0

    def fill(self):
        with open(os.path.join(self.path, "ballast"), "ab", buffering=0) as f:
            for size in (1 << 20, 4096):
                try:
                    while f.write(b"x" * size):
                        pass
                except OSError:
                    pass

    def empty(self):
        try:
            os.unlink(os.path.join(self.path, "ballast"))
        except FileNotFoundError:
            pass

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path], check=True)
            self.mounted = False


def served_by(d, sock):
    """The worker that has taken this connection."""
    ours = f":{sock.getsockname()[1]:04X}"

    def find():
        with open("/proc/net/tcp", encoding="ascii") as f:
            inodes = {f"socket:[{w[9]}]" for w in map(str.split, f)
                      if w[1].endswith(f":{d.port:04X}") and w[2].endswith(ours)}
        return next((p for p in lib.children(d.pid)
                     if inodes & set(lib.descriptors(p).values())), None)
    return lib.wait_until("a worker has it", find)


class Host:
    """A daemon, the workspace whose install is under way, and what is usual."""

    def __init__(self, suite, daemon, team):
        self.suite, self.d, self.team = suite, daemon, team
        self.slack = daemon.fake
        self.key = None

    def tool(self, name, key=None, **args):
        with Modern(self.d, key) as c:
            return c.tool(name, **args)

    def reads(self):
        return self.tool("slack_list_channels", team_id=ACME, limit=2)

    def posts(self, text, **more):
        return self.tool("slack_post_message", team_id=ACME, channel_id=GENERAL,
                         text=text, **more)

    def by_all(self, good):
        """Whichever worker takes the connection."""
        return all(good() for _ in range(6 * int(self.d.env["WORKERS"])))

    def status(self, key, method="POST"):
        """Of an initialize, or of a DELETE, with this key."""
        with Legacy(self.d, key) as c:
            if method == "DELETE":
                c.session = "n1.nosuchsession"
                return c.delete()
            return c.initialize()

    def measure(self, n=8):
        """Seconds of so many pings and of so many reading calls."""
        took = {"ping": [], "read": []}
        with Legacy(self.d).begin() as c:
            for _ in range(n):
                c.close()           # any worker
                began = time.monotonic()
                assert c.ping()
                took["ping"].append(time.monotonic() - began)
                began = time.monotonic()
                t = self.reads()
                took["read"].append(time.monotonic() - began)
                assert t.ok, t
        return took

    def to_callback(self):
        """A browser that stands before the callback: itself, and the URL."""
        browser = Browser(self.d)
        there = browser.get(f"/slack/install?team={self.team}", follow=False)
        assert there.status == 302, there
        self.slack.world.authorize_team = self.team
        return browser, browser.get(there.header("Location"),
                                    follow=False).header("Location")

    def rows(self, since):
        """The log's rows beyond so many."""
        return self.d.log_rows()[since:]

    def counter(self, name):
        return int({r["name"]: r["value"]
                    for r in self.d.ctl_json("show", "info")}[name])

    def late(self, since):
        """ms that a worker's loop came late at most, by its own word."""
        return max([int(m.group(1)) for r in self.rows(since) if (
            m := re.search(r"the loop was late ms=(\d+)", r.get("msg", "")))] or [0])


class Faults:
    """The checks; the class has hosts, slack, and updated(team)."""

    @classmethod
    def usual(cls):
        """The hosts are up: what all rows need, and how fast it is in peace."""
        for h in cls.hosts:
            mcpclient.install(h.d, ACME)
        for h in cls.hosts:
            mcpclient.known(h.d, ACME)
            h.key = h.d.key_add(f"agent{h.team}", "--workspaces", "*", "--role",
                                "write")
            lib.wait_until("all know the key", lambda h=h: h.by_all(
                lambda: h.status(h.key).status == 200))
        cls.peace = []
        for h in cls.hosts:
            since = len(h.d.log_rows())
            h.measure()
            cls.peace.append((h.measure(), h.late(since)))

    def check(self, name):
        fault = next(f for f in self.FAULTS if f.name == name)
        begin, end = (getattr(self, f"{w}_{name}") for w in ("begin", "end"))
        before = [(len(h.d.log_rows()), h.d.workers(), h.counter("store_errors"),
                   self.updated(h.team)) for h in self.hosts]
        mark = self.slack.mark()
        halves = [self.half(h) for h in self.hosts]
        waiting = [h.to_callback() for h in self.hosts]
        sessions = [[Legacy(h.d).begin() for _ in range(4)] for h in self.hosts]
        began = False
        try:
            begin()
            began = True
            self.under(fault, halves, waiting, sessions, before)
        finally:
            if not began:
                self.slack.release()
            end()
        self.after(fault, waiting, before, mark)

    # -- an install that Slack has half done -----------------------------------

    def half(self, h):
        """Returns when Slack has the code: the nonce is used up by then.  The page
        to come, and the worker that will send it."""
        browser, url = h.to_callback()
        u = urllib.parse.urlsplit(url)
        since = self.slack.mark()
        self.slack.fault("oauth.v2.access", "hold", seconds=60)
        c = mcpclient.connection(h.d, timeout=60)
        c.request("GET", f"{u.path}?{u.query}", headers={
            "Accept": "text/html",
            "Cookie": "; ".join(f"{k[2]}={v}" for k, v in browser.jar.items())})
        pid = served_by(h.d, c.sock)
        self.assertTrue(self.slack.wait_held("oauth.v2.access", since=since),
                        "the code is not exchanged")
        return self.pool.submit(self.page, h, c), pid

    @staticmethod
    def page(h, c):
        r = c.getresponse()
        a = mcpclient.Answer(r.status, r.getheaders(), r.read())
        c.close()
        mcpclient.keep(h.d, a)
        return a

    # -- while it lasts --------------------------------------------------------

    def under(self, fault, halves, waiting, sessions, before):
        mark = self.slack.mark()
        if not fault.installs:      # a worker that has never seen the store
            os.kill(next(p for p in before[0][1] if p != halves[0][1]), signal.SIGKILL)
        self.slack.release("oauth.v2.access")
        posts = [self.pool.submit(self.timed, h.posts, f"{fault.name} {i}")
                 for h in self.hosts for i in range(4)]
        pages = [self.pool.submit(b.get, url) for b, url in waiting
                 if not fault.writes]
        with self.subTest("others are not held up"):
            for h, (usual, late), (since, *_) in zip(self.hosts, self.peace, before):
                self.is_calm(h, usual, late, since)
        for (future, _), h in zip(halves, self.hosts):
            with self.subTest("an install that Slack has given", team=h.team):
                self.not_lost(fault, h, future.result())
        with self.subTest("posts"):
            self.posted(fault, mark, [p.result() for p in posts])
        with self.subTest("an install is not begun"):
            for page in (p.result() for p in pages):
                self.assertEqual(page.status, 503, page)
                self.assertIn("cannot store", page.text)
            self.assertEqual(self.slack.calls("oauth.v2.access", mark), [])
        with self.subTest("sessions"):
            for h, held in zip(self.hosts, sessions):
                for c in held:
                    c.close()
                    self.assertIn(c.delete().status, (200, 204))
                    c.close()
        with self.subTest("keys"):
            self.keys(fault)
        with self.subTest("/health, the log, the counters"):
            self.told(fault, before)

    @staticmethod
    def timed(fn, *args):
        began = time.monotonic()
        return fn(*args), time.monotonic() - began

    def is_calm(self, h, usual, late, since):
        """In peace it takes milliseconds; who waited for the store would need
        TIMEOUT."""
        now = h.measure()
        for what, took in now.items():
            for of in (statistics.median, max):
                self.assertLess(of(took), 3 * of(usual[what]) + 0.6 * lib.SLOW,
                                (what, took, usual[what]))
        self.assertLess(h.late(since), 3 * late + 600 * lib.SLOW)

    def posted(self, fault, mark, answers):
        """Sent, or refused with the reason, but never both."""
        for t, took in answers:
            self.assertLess(took, TIMEOUT + 3 * lib.SLOW)
            if not t.ok:
                self.assertRegex(t.text, "Nothing was posted: .*store")
        good = sum(t.ok for t, _ in answers)
        self.assertEqual(len(self.slack.calls("chat.postMessage", mark)), good)
        if fault.writes:
            self.assertEqual(good, len(answers))
        else:
            self.assertLess(good, len(answers) if fault.some else 1)

    def not_lost(self, fault, h, page):
        """The page tells what became of it."""
        spooled = h.d.state_dir + "/spool"
        names = [n for n in os.listdir(spooled) if n.startswith("install-")]
        if not fault.some:
            self.assertEqual(page.status, 200 if fault.writes else 202, page)
        if page.status == 200:
            self.assertIn("is connected", page.text)
            self.assertEqual(names, [])
            return
        self.assertIn("put aside", page.text)
        self.assertIn("spooled", page.text)
        self.assertEqual(len(names), 1)
        self.assertRegex(get(h.d, "/health").text, "spool")

    def keys(self, fault):
        for h in self.hosts:
            for _ in range(4):
                self.assertEqual(h.status(h.d.key).status, 200)
                a = h.status(STRANGER, "DELETE")
                self.assertEqual(a.status, 401 if fault.reads else 503, a)
                self.assertEqual(h.status("no key of ours").status, 401)
        if fault.installs:
            return
        h = self.hosts[0]
        lib.wait_until("the new worker serves", lambda: len(
            h.d.workers()) == int(h.d.env["WORKERS"]), 20)
        self.uncached(fault, h)

    def uncached(self, fault, h):
        """Who knows answers as ever, who does not says so, and when to come again."""
        seen = set()
        wanted = {"known", "not known", 200} | ({503} - {503 * fault.reads})
        for _ in range(60):
            t, took = self.timed(h.reads)
            self.assertLess(took, TIMEOUT + 3 * lib.SLOW)
            self.assertTrue(t.ok or "not known yet" in t.text, t)
            a = h.status(h.key)
            self.assertIn(a.status, wanted, a)
            if a.status == 503:
                self.assertTrue(a.header("Retry-After"))
            seen |= {"known" if t.ok else "not known", a.status}
            if seen == wanted:
                return
        self.assertEqual(seen, wanted)

    def told(self, fault, before):
        """From outside: /health, the log (not a line a request), counters."""
        for h, (since, _, errors, _) in zip(self.hosts, before):
            if fault.health:
                lib.wait_until(f"/health says {fault.health!r}", lambda h=h: re.search(
                    fault.health, get(h.d, "/health").text), 15)
                self.assertEqual(get(h.d, "/health").json["status"], "degraded")
                self.assertEqual(get(h.d, "/ready").status,
                                 200 if fault.reads else 503)
                self.assertGreater(h.counter("store_errors"), errors)
            rows = [r for r in h.rows(since)
                    if r.get("level") in ("warn", "error", "fatal")]
            lines = collections.Counter(
                (r["name"], r["pid"], re.sub(r"\d+", "N", r["msg"])) for r in rows)
            # one that finds room has worked in between
            often = {k: n for k, n in lines.items() if n > 1 + 2 * fault.some}
            self.assertEqual(often, {})
            if fault.says:
                self.assertTrue([r for r in rows if r["name"].startswith("worker")
                                 and re.search(fault.says, r["msg"])], rows)

    @staticmethod
    def is_well(h):
        """What has failed within the last minute has to work first, and that the
        spool has no room is known of the next install."""
        if {"the spool has no room, installs are refused"} >= set(
                get(h.d, "/health").json["reasons"]):
            return True
        time.sleep(0.3)
        return h.by_all(lambda: h.posts("fine").ok) and False

    # -- and after it ----------------------------------------------------------

    def after(self, fault, waiting, before, mark):
        for h, (since, workers, _, updated) in zip(self.hosts, before):
            h.d.wait_ready(40)
            lib.wait_until("it posts again", lambda h=h: h.by_all(
                lambda: h.posts("again").ok), 20)
            lib.wait_until("the spool is empty", lambda h=h: not [
                n for n in os.listdir(h.d.state_dir + "/spool")
                if n.startswith("install-")], 30)
            self.assertGreater(self.updated(h.team), updated)
            mcpclient.known(h.d, h.team)
            self.assertTrue(h.tool("slack_list_channels", team_id=h.team, limit=1).ok)
            lib.wait_until("/health is ok", lambda h=h: self.is_well(h), 30)
            # by themselves: with the same workers, but for the one we killed
            killed = int(not fault.installs and h == self.hosts[0])
            self.assertEqual(len(set(workers) - set(h.d.workers())), killed)
            self.assertEqual(len([r for r in h.rows(since) if re.search(
                r"worker (died|ended)|killing", r.get("msg", ""))]), killed)
        if fault.writes:
            return
        for browser, url in waiting:        # "Reload this page in a minute"
            page = browser.get(url)
            self.assertIn(page.status, (200, 409), page)
        self.assertEqual([t for t in ("never sent",) if t in str(
            self.slack.calls("chat.postMessage", mark))], [])


AWAY = "the store is away"
NO_WRITES = "does not take all writes"


class MariaDB(Faults, Shared):
    """One host over TLS, one by the server's socket; both suffer at once."""
    TLS = True
    FAULTS = [
        Fault("stopped", False, "took too long", AWAY),
        Fault("killed", False, "is away", AWAY),
        Fault("exhausted", False, "Too many connections", AWAY),
        Fault("rows_locked", True, "locked by others", NO_WRITES),
        Fault("tables_locked", True, "locked by others", NO_WRITES),
        Fault("read_only", True, "read-only", NO_WRITES),
        Fault("no_rights", True, "lacks the right", NO_WRITES),
        Fault("disk_full", True, "no room", NO_WRITES, some=True),
        Fault("deadlocks", True, None, None, writes=True),
        Fault("idle", True, None, None, writes=True),
    ]

    @classmethod
    def begin(cls):
        cls.pool = concurrent.futures.ThreadPoolExecutor(24)
        cls.disk = Disk(os.path.join(cls.dir, "db"), 260)
        super().begin()
        cls.slack = cls.fake()
        cls.slack.world.add(GAMMA, "Gamma", "gamma-fake").add("CGGENERAL1", "general")
        more = {"STORE_TIMEOUT": str(TIMEOUT)}
        a = cls.daemon(cls.slack, env=cls.options(NODE_NAME="n1", **more))
        b = cls.daemon(cls.slack, env=cls.options(
            NODE_NAME="n2", STORE=cls.db.store_by_socket, **more))
        cls.hosts = [Host(cls, a, BETA), Host(cls, b, GAMMA)]
        for h in cls.hosts:
            h.d.spawn("-f")
        for h in cls.hosts:
            h.d.wait_ready()
        cls.usual()

    @classmethod
    def clear(cls):
        cls.pool.shutdown(wait=False, cancel_futures=True)
        cls.db.stop()
        cls.disk.unmount()
        super().clear()

    def setUp(self):
        pass                # the tables stay

    def tearDown(self):
        pass                # and so do the daemons

    @classmethod
    def updated(cls, team):
        rows = cls.db.sql(f"SELECT updated FROM installs WHERE team_id = '{team}'")
        return int(rows[0][0]) if rows else 0

    def clients(self):
        return [r[0] for r in self.db.admin(
            "SELECT id FROM information_schema.processlist WHERE user = 'slackmcpd'")]

    def cut(self):
        """Ends our daemons' connections."""
        shell = self.db.shell()
        shell.ask("".join(f"KILL {n};" for n in self.clients()))
        shell.close()

    def holder(self, sql):
        """Another client, in the middle of something."""
        self.held = self.db.shell()
        self.held.ask(sql)

    def let_go(self):
        self.held.close()

    def begin_stopped(self):
        self.db.signal(signal.SIGSTOP)

    def end_stopped(self):
        self.db.signal(signal.SIGCONT)

    def begin_killed(self):
        self.db.kill()

    def end_killed(self):
        self.db.start()

    def begin_exhausted(self):
        """Others were there first: connections that say nothing."""
        self.silent, self.shell = [], self.db.shell()
        self.shell.ask("SET GLOBAL connect_timeout = 600; SET GLOBAL max_connections = 10")
        end = time.monotonic() + 60 * lib.SLOW

        def crowd():
            while len(self.silent) < 10 and time.monotonic() < end:
                s = socket.create_connection(("127.0.0.1", self.db.port), 10)
                try:
                    greeted = s.recv(5)[4:] == b"\n"        # else it is an error
                except OSError:
                    greeted = False
                if greeted:
                    self.silent.append(s)
                else:
                    s.close()
                    time.sleep(0.001)

        def exhausted():
            ours = self.shell.ask("SELECT id FROM information_schema.processlist WHERE "
                                  "user = 'slackmcpd'")
            self.shell.ask("".join(f"KILL {n};" for n in ours))
            return len(self.silent) == 10 and not ours
        crowd = self.pool.submit(crowd)
        lib.wait_until("it is exhausted", exhausted, 60)
        crowd.result()

    def end_exhausted(self):
        for s in self.silent:
            s.close()
        self.shell.ask("SET GLOBAL max_connections = 151; SET GLOBAL connect_timeout = 10")
        self.shell.close()

    def begin_rows_locked(self):
        self.holder("BEGIN; " + "; ".join(
            f"SELECT COUNT(*) FROM {t} FOR UPDATE"
            for t in ("posts", "nonces", "changes", "installs")))

    end_rows_locked = let_go

    def begin_tables_locked(self):
        """As a dump does."""
        self.holder("LOCK TABLES posts READ, nonces READ, installs READ, changes READ, "
                    "api_keys READ, leases READ")

    end_tables_locked = let_go

    def begin_read_only(self):
        self.db.admin("SET GLOBAL read_only = 1")

    def end_read_only(self):
        self.db.admin("SET GLOBAL read_only = 0")

    def rights(self, what):
        for host in ("127.0.0.1", "localhost"):
            who = f"slackmcp.* %s slackmcpd@'{host}'"
            self.db.admin(f"REVOKE ALL ON {who % 'FROM'}")
            self.db.admin(f"GRANT {what} ON {who % 'TO'}")
        self.cut()          # rights on a database are looked up at its USE

    def begin_no_rights(self):
        self.rights("SELECT")

    def end_no_rights(self):
        self.rights("ALL")

    def begin_disk_full(self):
        if not self.disk.mounted:
            self.skipTest("mount is not allowed here")
        for table, columns in self.FILLERS:
            self.db.admin(self.GORGE.format(table=table, columns=columns))
        self.disk.fill()
        for table, _ in self.FILLERS:
            self.db.admin(f"CALL slackmcp.gorge_{table}()")

    def end_disk_full(self):
        self.disk.empty()
        self.db.admin("DELETE FROM slackmcp.posts WHERE tool = 'filler';"
                      "DELETE FROM slackmcp.nonces WHERE nonce LIKE '%filler'")
        for table, _ in self.FILLERS:
            self.db.admin(f"DROP PROCEDURE slackmcp.gorge_{table}")

    # Rows like ours, so that they fill the pages that ours would go to: until one
    # after the other finds no room.
    FILLERS = (
        ("posts", "'env', CONCAT('r:', SUBSTR(TO_BASE64(UNHEX(SHA1(RAND()))), 1, 24)), '', "
         "'', '', 'filler', '', '', '', UNIX_TIMESTAMP(NOW(3)) * 1000"),
        ("nonces", "CONCAT(SUBSTR(TO_BASE64(UNHEX(MD5(RAND()))), 1, 16), 'filler'), "
         "UNIX_TIMESTAMP(NOW(3)) * 1000 + 600000"))
    GORGE = """DELIMITER //
        CREATE PROCEDURE slackmcp.gorge_{table}() BEGIN
            DECLARE bad, more INT DEFAULT 0;
            DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SET more = 1;
            WHILE bad < 500 DO
                SET more = 0;
                INSERT INTO slackmcp.{table} SELECT {columns};
                SET bad = IF(more, bad + 1, 0);
            END WHILE;
        END //"""

    def begin_deadlocks(self):
        """Every other write is the victim of one: 1213, as a Galera node says too."""
        self.db.admin("CREATE TABLE slackmcp.turns (n BIGINT) ENGINE=MyISAM;"
                     "INSERT INTO slackmcp.turns VALUES (0)")
        for table in ("posts", "nonces"):
            self.db.admin(
                f"DELIMITER //\nCREATE TRIGGER slackmcp.victim_{table} BEFORE INSERT ON "
                f"slackmcp.{table} FOR EACH ROW BEGIN UPDATE slackmcp.turns SET n = "
                "n + 1; IF (SELECT n % 2 FROM slackmcp.turns) = 1 THEN SIGNAL "
                "SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF; END //")
        self.busy = [h.counter("store_busy") for h in self.hosts]

    def end_deadlocks(self):
        for table in ("posts", "nonces"):
            self.db.admin(f"DROP TRIGGER slackmcp.victim_{table}")
        self.assertGreater(int(self.db.sql("SELECT n FROM turns")[0][0]), 8)
        self.db.admin("DROP TABLE slackmcp.turns")
        for h, busy in zip(self.hosts, self.busy):
            self.assertGreater(h.counter("store_busy"), busy)

    def begin_idle(self):
        """The server ends what says nothing for a second; and cuts what is there."""
        self.db.admin("SET GLOBAL wait_timeout = 1; SET GLOBAL interactive_timeout = 1")
        self.cut()
        lib.wait_until("they are back", lambda: len(self.clients()) >= 4)
        time.sleep(1.5)

    def end_idle(self):
        self.db.admin("SET GLOBAL wait_timeout = 28800;"
                     "SET GLOBAL interactive_timeout = 28800")


class OneFile(lib.Suite):
    """A daemon whose STATE_DIR is a small disk of its own."""
    MEGABYTES = 32

    @classmethod
    def host(cls, team=BETA, **more):
        d = cls.daemon(cls.slack, env={
            "STORE_TIMEOUT": str(TIMEOUT), "INSTALL_ALLOW": "*", **more})
        if "slackmcpd" in [u.pw_name for u in pwd.getpwall()] and not os.getuid():
            d.env["RUN_USER"] = "nobody"
        return Host(cls, d, team)

    @classmethod
    def file(cls, h):
        return os.path.join(h.d.state_dir, "slackmcpd.db")

    @classmethod
    def connect(cls, h):
        return sqlite3.connect(cls.file(h), isolation_level=None)


class SQLite(Faults, OneFile):
    FAULTS = [
        Fault("locked", True, "locked by others", NO_WRITES),
        Fault("full", True, "full", NO_WRITES, some=True),
        Fault("damaged", True, "malformed", "not all of the store can be read",
              installs=False),
        Fault("unreadable", False, "not a database", AWAY),
        Fault("gone", False, "unable to open", AWAY),
    ]

    @classmethod
    def begin(cls):
        cls.pool = concurrent.futures.ThreadPoolExecutor(16)
        cls.slack = cls.fake()
        h = cls.host()
        cls.hosts, cls.db = [h], None
        cls.disk = Disk(h.d.state_dir, cls.MEGABYTES, NOBODY)
        if cls.disk.mounted:
            os.chmod(h.d.state_dir, 0o700)
        h.d.start()
        cls.usual()

    @classmethod
    def clear(cls):
        cls.pool.shutdown(wait=False, cancel_futures=True)
        for d in cls.daemons:
            d.give_up()
        cls.disk.unmount()
        super().clear()

    @classmethod
    def updated(cls, team):
        db = cls.connect(cls.hosts[0])
        rows = db.execute("SELECT updated FROM installs WHERE team_id = ?",
                          (team,)).fetchall()
        db.close()
        return rows[0][0] if rows else 0

    def begin_locked(self):
        self.db = self.connect(self.hosts[0])
        self.db.execute("BEGIN IMMEDIATE")

    def end_locked(self):
        self.db.execute("ROLLBACK")
        self.db.close()

    def begin_full(self):
        """Not even a page for the log; a reader keeps it from beginning anew."""
        if not self.disk.mounted:
            self.skipTest("mount is not allowed here")
        self.db, other = self.connect(self.hosts[0]), self.connect(self.hosts[0])
        other.execute("PRAGMA busy_timeout = 20000")
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("UPDATE changes SET n = n + 1")
        self.db.execute("BEGIN")
        self.db.execute("SELECT COUNT(*) FROM changes").fetchall()
        self.disk.fill()
        with self.assertRaisesRegex(sqlite3.OperationalError, "full"):
            for _ in range(2000):
                other.execute("UPDATE changes SET n = n + 1")    # one page
        other.close()

    def end_full(self):
        self.disk.empty()
        self.db.close()

    def begin_damaged(self):
        """The tables of posts, nonces and installs, not that of changes."""
        path = self.file(self.hosts[0])
        db = self.connect(self.hosts[0])
        lib.wait_until("all is in the file", lambda: db.execute(
            "PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][:2] == (0, 0))
        shutil.copy(path, path + ".good")
        size, = db.execute("PRAGMA page_size").fetchone()
        pages = [r[0] for r in db.execute(
            "SELECT rootpage FROM sqlite_master WHERE tbl_name IN "
            "('posts', 'nonces', 'installs') AND rootpage > 1")]
        with open(path, "r+b") as f:
            for n in pages:
                f.seek((n - 1) * size)
                f.write(b"\xff" * size)
        db.execute("UPDATE changes SET n = n + 1")      # who has them by heart looks
        db.close()

    def end_damaged(self):
        """A backup is played back."""
        path = self.file(self.hosts[0])
        shutil.chown(path + ".good", os.stat(path).st_uid, os.stat(path).st_gid)
        os.chmod(path + ".good", 0o600)
        os.rename(path + ".good", path)
        for log in ("-wal", "-shm"):
            if os.path.exists(path + log):
                os.unlink(path + log)

    def begin_unreadable(self):
        path = self.file(self.hosts[0])
        db = self.connect(self.hosts[0])
        lib.wait_until("all is in the file", lambda: db.execute(
            "PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][:2] == (0, 0))
        db.execute("SELECT n FROM changes").fetchall()
        with open(path, "r+b") as f:
            self.head = f.read(100)
            f.seek(0)
            f.write(b"\xff" * 100)
        db.execute("UPDATE changes SET n = n + 1")
        db.close()

    def end_unreadable(self):
        with open(self.file(self.hosts[0]), "r+b") as f:
            f.write(self.head)

    def begin_gone(self):
        path = self.file(self.hosts[0])
        os.rename(path, path + ".aside")

    def end_gone(self):
        path = self.file(self.hosts[0])
        os.rename(path + ".aside", path)


def add_tests(cls):
    for fault in cls.FAULTS:
        def test(self, name=fault.name):
            self.check(name)
        test.__doc__ = None
        setattr(cls, f"test_{fault.name}", test)


add_tests(MariaDB)
add_tests(SQLite)

if __name__ == "__main__":
    unittest.main()
