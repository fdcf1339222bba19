# SPDX-License-Identifier: ISC
"""What the store can do to us.  A fault is a row: how it begins and ends, and
whether the store can still be read in it; the checks are the same for all rows
and stand in Faults."""
import collections
import concurrent.futures
import json
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
                 installs=None, long=False):
        self.name, self.long = name, long
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

    def late(self, since):
        """ms that a worker's loop came late at most, by its own word."""
        return max([int(m.group(1)) for r in self.rows(since) if (
            m := re.search(r"the loop was late ms=(\d+)", r.get("msg", "")))] or [0])


class Faults:
    """The checks; the class has hosts, slack, and updated(team)."""
    noted = collections.defaultdict(list)

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

    @classmethod
    def tearDownClass(cls):
        for what, n in cls.noted.items():
            print(f"note: {cls.__name__}: {what}: {max(a for a, _ in n)}, "
                  f"{max(b for _, b in n)}")
        cls.noted.clear()
        super().tearDownClass()

    def check(self, name):
        fault = next(f for f in self.FAULTS if f.name == name)
        begin, end = (getattr(self, f"{w}_{name}") for w in ("begin", "end"))
        before = [(len(h.d.log_rows()), h.d.workers(), h.d.counter("store_errors"),
                   self.updated(h.team)) for h in self.hosts]
        mark = self.slack.mark()
        halves = [self.half(h) for h in self.hosts]
        waiting = [h.to_callback() for h in self.hosts]
        sessions = [[Legacy(h.d).begin() for _ in range(4)] for h in self.hosts]
        began = False
        try:
            begin()
            began, self.began = True, time.monotonic()
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
        """It takes what it takes in peace, which is milliseconds; who waited for the
        store would need TIMEOUT, and a loop that stood still would say so."""
        for what, took in h.measure().items():
            self.assertLess(statistics.median(took), 3 * statistics.median(usual[what])
                            + 0.5 * lib.SLOW, (what, took, usual[what]))
            self.assertLessEqual(len([t for t in took if t > 1.5 * lib.SLOW]), 1,
                                 (what, took, usual[what]))
        worst = h.late(since)
        self.noted["loop late by ms at most, in peace and in faults"].append((late, worst))
        self.assertLess(worst, 3 * late + 1500 * lib.SLOW)

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
        """From outside: /health, the log (not a line a request, nor one for each
        time that it is looked whether the store is back), counters."""
        if not fault.installs:
            time.sleep(max(0, self.began + 2.6 - time.monotonic()))
        for h, (since, _, errors, _) in zip(self.hosts, before):
            if fault.health:
                lib.wait_until(f"/health says {fault.health!r}", lambda h=h: re.search(
                    fault.health, get(h.d, "/health").text), 15)
                self.assertEqual(get(h.d, "/health").json["status"], "degraded")
                self.assertEqual(get(h.d, "/ready").status,
                                 200 if fault.reads else 503)
                self.assertGreater(h.d.counter("store_errors"), errors)
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
        Fault("tables_locked", True, "locked by others", NO_WRITES, long=True),
        Fault("read_only", True, "read-only", NO_WRITES),
        Fault("no_rights", True, "lacks the right", NO_WRITES, long=True),
        Fault("disk_full", True, "no room", NO_WRITES, some=True),
        Fault("deadlocks", True, None, None, writes=True),
        Fault("idle", True, None, None, writes=True, long=True),
    ]

    @classmethod
    def begin(cls):
        cls.pool = concurrent.futures.ThreadPoolExecutor(24)
        cls.disk = Disk(os.path.join(cls.dir, "db"), 100)
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
        """One thread after the other."""
        self.db.signal(signal.SIGSTOP)
        tasks = f"/proc/{self.db.proc.pid}/task"

        def stand_still():
            for task in os.listdir(tasks):
                with open(f"{tasks}/{task}/stat", encoding="ascii") as f:
                    if f.read().rpartition(")")[2].split()[0] != "T":
                        return False
            return True
        lib.wait_until("all of it stands still", stand_still)

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
        """Every other write of a connection, so that each host meets it, is the victim
        of one: 1213, as a Galera node says too."""
        self.db.admin("CREATE TABLE slackmcp.turns (n BIGINT) ENGINE=MyISAM;"
                     "INSERT INTO slackmcp.turns VALUES (0)")
        for table in ("posts", "nonces"):
            self.db.admin(
                f"DELIMITER //\nCREATE TRIGGER slackmcp.victim_{table} BEFORE INSERT ON "
                f"slackmcp.{table} FOR EACH ROW BEGIN UPDATE slackmcp.turns SET n = "
                "n + 1; SET @turn = 1 - COALESCE(@turn, 0); IF @turn THEN SIGNAL "
                "SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF; END //")
        self.busy = [h.d.counter("store_busy") for h in self.hosts]

    def end_deadlocks(self):
        for table in ("posts", "nonces"):
            self.db.admin(f"DROP TRIGGER slackmcp.victim_{table}")
        self.assertGreater(int(self.db.sql("SELECT n FROM turns")[0][0]), 8)
        self.db.admin("DROP TABLE slackmcp.turns")
        for h, busy in zip(self.hosts, self.busy):
            self.assertGreater(h.d.counter("store_busy"), busy)

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
        Fault("gone", False, "unable to open", AWAY, long=True),
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


class Moments(OneFile):
    """What must hold at one moment, on a store of one file."""

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()

    def ready(self, **more):
        h = self.host(**more)
        h.d.start()
        mcpclient.install(h.d, ACME)
        return h

    def tearDown(self):
        self.slack.reset()
        for d in self.daemons:
            d.stop()

    def lock(self, h):
        db = self.connect(h)
        db.execute("BEGIN IMMEDIATE")
        self.addCleanup(db.close)
        return db

    def posts(self, h):
        """key -> state of the rows of the ledger."""
        db = self.connect(h)
        rows = dict(db.execute("SELECT call_key, state FROM posts"))
        db.close()
        return rows

    def leave(self, h, key):
        """Sends a post of this key and text; hangs up by calling what comes back."""
        c = mcpclient.connection(h.d, timeout=60)
        c.request("POST", "/mcp", json.dumps({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "slack_post_message", "arguments": {
                    "channel_id": GENERAL, "text": key, "idempotency_key": key},
                "_meta": {mcpclient.META + "protocolVersion": mcpclient.MODERN,
                          mcpclient.META + "clientCapabilities": {}}}}), {
            "Authorization": f"Bearer {h.d.key}", "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream", "Mcp-Method": "tools/call",
            "MCP-Protocol-Version": mcpclient.MODERN, "Mcp-Name": "slack_post_message"})
        return c.close

    def test_key_grace_ends(self):
        """Known keys serve for KEY_GRACE; then nobody can say what they are."""
        h = self.ready(KEY_GRACE="3s")
        key = h.d.key_add("agent", "--workspaces", ACME)
        lib.wait_until("it is known", lambda: h.by_all(
            lambda: h.status(key).status == 200))
        c = Legacy(h.d, key).begin()
        path = self.file(h)
        os.rename(path, path + ".aside")
        try:
            lib.wait_until("the store is away", lambda: get(h.d, "/ready").status == 503)
            seen = []
            lib.wait_until("the grace is over", lambda: seen.append(
                h.status(key).status) or seen[-4:] == [503] * 4, 40)
            self.assertEqual(set(seen), {200, 503})
            self.assertEqual(h.status(h.d.key).status, 200)
            c.close()
            self.assertEqual(c.request("ping").status, 503)
            self.assertEqual(c.delete().status, 503)
        finally:
            os.rename(path + ".aside", path)
        lib.wait_until("it serves again", lambda: h.by_all(
            lambda: h.status(key).status == 200), 20)
        c.close()
        self.assertTrue(c.ping())
        c.close()

    def test_client_leaves_while_the_row_is_written(self):
        """Nothing is sent, and the same key may be used again."""
        h = self.ready(STORE_TIMEOUT="20")
        db = self.lock(h)
        calls = lambda: h.d.counter("tool calls")         # noqa: E731: the gauge
        hang_up = self.leave(h, "early")
        lib.wait_until("it waits for the store", lambda: calls() == 1 and
                       h.d.counter("units of the store") > 0)
        hang_up()
        time.sleep(0.3)                 # no proof, but a chance to do it wrong
        self.assertEqual(self.slack.calls("chat.postMessage"), [])
        db.execute("ROLLBACK")
        lib.wait_until("its row is ended", lambda: self.posts(h) == {
            "k:early": "unsent"})
        lib.wait_until("it is over", lambda: calls() == 0)
        self.assertEqual(self.slack.calls("chat.postMessage"), [])
        for _ in range(2):
            t = h.posts("early", idempotency_key="early")
            self.assertTrue(t.ok, t)
        self.assertEqual(len(self.slack.calls("chat.postMessage")), 1)

    # What Slack says when nobody listens any more -> what the row says of it.
    LEFT = (("reset", {"effect": True}, "unknown"), ("status", {}, "unknown"),
            ("garbage", {}, "unknown"), ("ratelimited", {}, "unsent"),
            ("error", {"error": "not_in_channel"}, "refused"), ("slow", {}, "posted"))

    def test_a_write_that_nobody_waits_for_is_not_sent_again(self):
        h = self.ready()
        for kind, more, _ in self.LEFT:
            self.slack.fault("chat.postMessage", kind, held=True, where={"text": kind},
                             **more)
        hang_up = [self.leave(h, kind) for kind, *_ in self.LEFT]
        self.slack.wait_held("chat.postMessage", len(self.LEFT))
        for each in hang_up:
            each()
        lib.wait_until("nobody listens", lambda: h.d.counter(
            "writes that finish without a listener") == len(self.LEFT))
        self.slack.release()
        lib.wait_until("they are over", lambda: h.d.counter("tool calls") == 0)
        wanted = {f"k:{kind}": state for kind, _, state in self.LEFT}
        lib.wait_until(f"their rows are {wanted}", lambda: self.posts(h) == wanted)
        sent = collections.Counter(
            c["form"]["text"] for c in self.slack.calls("chat.postMessage"))
        self.assertEqual(sent, {kind: 1 for kind, *_ in self.LEFT})

    def test_the_first_key_and_a_store_that_comes_late(self):
        """The key that seals is made, and kept, as soon as the store is there."""
        h = self.host()
        os.makedirs(h.d.state_dir)
        held = self.connect(h)
        held.execute("PRAGMA locking_mode = EXCLUSIVE")
        held.execute("BEGIN EXCLUSIVE")
        if os.getuid() == 0:
            for path in (h.d.state_dir, self.file(h)):
                shutil.chown(path, NOBODY, NOBODY)
        os.chmod(h.d.state_dir, 0o700)
        keys = os.path.join(h.d.state_dir, "token.keys")
        try:
            h.d.start(ready=False)
            lib.wait_until("it serves without", lambda: get(
                h.d, "/health", fail=False).status == 200, 40)
            self.assertIn("not prepared", get(h.d, "/health").text)
            self.assertEqual(get(h.d, "/ready").status, 503)
            browser, url = h.to_callback()
            self.assertEqual(browser.get(url).status, 503)
            self.assertEqual(self.slack.calls("oauth.v2.access"), [])
            if lib.LONG:                # until the pauses between tries are long
                time.sleep(60)
            self.assertFalse(os.path.exists(keys))
        finally:
            held.execute("ROLLBACK")
            held.close()
        lib.wait_until("the key is kept", lambda: os.path.exists(keys), 12)
        h.d.wait_ready()
        self.assertEqual(len(re.findall("the store is not prepared", h.d.logs())), 1)
        mcpclient.install(h.d, ACME)
        h.d.stop()
        h.d.start()
        self.assertTrue(h.reads().ok)

    def test_a_spool_job_that_is_killed(self):
        """As the worker was whose install it is to store: another one is started."""
        h = self.ready(UPSTREAM_TIMEOUT="6", STORE_TIMEOUT="4")
        browser, url = h.to_callback()
        self.slack.fault("oauth.v2.access", "hold", seconds=30)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(browser.get, url)       # nobody will answer it
            self.assertTrue(self.slack.wait_held("oauth.v2.access"))
            db = self.lock(h)
            self.slack.release()
            lib.wait_until("it is spooled", lambda: [
                n for n in os.listdir(h.d.state_dir + "/spool")
                if n.startswith("install-")])
            lib.wait_until("both have died", lambda: h.d.kill_children()
                           or "spool died" in h.d.logs())
        db.execute("ROLLBACK")
        h.d.wait_all_workers()
        mcpclient.known(h.d, BETA)
        self.assertTrue(h.tool("slack_list_channels", team_id=BETA, limit=1).ok)

    def test_a_stop_in_the_middle_of_an_install(self):
        """Slack, auth.test and the store are all slow: within UPSTREAM_TIMEOUT it is
        in the spool all the same, and the next start stores it."""
        h = self.ready(UPSTREAM_TIMEOUT="6", DRAIN_TIMEOUT="500ms", STORE_TIMEOUT="4")
        browser, url = h.to_callback()
        self.slack.fault("oauth.v2.access", "hold", seconds=30)
        self.slack.fault("auth.test", "hang", seconds=30)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(browser.get, url)       # nobody will answer it
            self.assertTrue(self.slack.wait_held("oauth.v2.access"))
            db = self.lock(h)
            h.d.proc.terminate()
            lib.wait_until("the page is given up", lambda: h.d.counter(
                "writes that finish without a listener") == 1)
            self.slack.release()
            h.d.wait(30)
        h.d.stop()
        self.slack.faults.clear()
        self.assertNotIn("killing a worker", h.d.logs())
        spooled = [n for n in os.listdir(h.d.state_dir + "/spool")
                   if n.startswith("install-")]
        self.assertEqual(len(spooled), 1)
        db.execute("ROLLBACK")
        h.d.start()
        mcpclient.known(h.d, BETA)
        self.assertTrue(h.tool("slack_list_channels", team_id=BETA, limit=1).ok)
        self.assertEqual(os.listdir(h.d.state_dir + "/spool"), [])


class Server(Shared):
    """What only a server of its own shows; each test begins on an empty one."""

    def setUp(self):
        self.slack = self.fake()
        super().setUp()

    def host(self, **more):
        d = self.daemon(self.slack, env=self.options(**more))
        return Host(self, d, BETA)

    def connections(self):
        return int(self.db.admin("SELECT COUNT(*) FROM information_schema.processlist "
                                 "WHERE user = 'slackmcpd'")[0][0])

    def test_absent_at_start(self):
        """What needs no store works, the rest says why not and when to come again."""
        h = self.host()
        h.d.start()
        mcpclient.install(h.d, ACME)
        key = h.d.key_add("agent", "--workspaces", ACME, "--role", "write")
        h.d.stop()
        self.db.stop()
        since = len(h.d.log_rows())
        try:
            h.d.start(ready=False)
            lib.wait_until("both workers serve", lambda: get(
                h.d, "/health", fail=False).status == 200 and
                len(h.d.workers()) == 2, 40)
            health = get(h.d, "/health").json
            self.assertEqual(health["status"], "degraded")
            for word in ("the store is away", "the store is not prepared yet"):
                self.assertIn(word, health["reasons"])
            self.assertEqual(get(h.d, "/ready").status, 503)
            for _ in range(6):
                with Legacy(h.d).begin() as c:
                    self.assertTrue(c.ping())
                    t = c.tool("slack_list_channels", limit=1)
                    self.assertIn("not known yet", t.text)
                    t = c.tool("slack_post_message", channel_id=GENERAL, text="no")
                    self.assertTrue(t.error, t)
                    self.assertIn(c.delete().status, (200, 204))
                a = h.status(key)
                self.assertEqual(a.status, 503, a)
                self.assertTrue(a.header("Retry-After"))
            mark = self.slack.mark()
            browser, url = h.to_callback()
            self.assertEqual(browser.get(url).status, 503)
            self.assertEqual(self.slack.calls("oauth.v2.access", mark), [])
            self.assertEqual(self.slack.calls("chat.postMessage"), [])
            time.sleep(2)               # so that it is tried a few times
            told = collections.Counter(
                (r["pid"], re.sub(r"\d+", "N", r["msg"])) for r in h.rows(since)
                if r.get("level") in ("warn", "error"))
            self.assertEqual({k: n for k, n in told.items() if n > 1}, {})
        finally:
            self.db.start()
        h.d.wait_ready(30)
        self.assertEqual(browser.get(url).status, 200)      # the same page, reloaded
        lib.wait_until("all know the key", lambda: h.by_all(
            lambda: h.status(key).status == 200))
        self.assertTrue(h.tool("slack_list_channels", key, limit=1).ok)
        lib.wait_until("it says so", lambda: "the store is prepared" in h.d.logs())

    def test_a_migrator_that_is_killed(self):
        """Nobody waits out the lease of one that this host knows to be dead."""
        with open(os.path.join(lib.HERE, "..", "..", "sql", "0001-first.up.sql"),
                  encoding="utf-8") as f:
            table = re.search(r"CREATE TABLE IF NOT EXISTS installs .*?;", f.read(), re.S)
        self.db.admin(f"USE slackmcp; {table.group()}")
        other = self.db.shell()         # no index is made while it reads
        other.ask("SET autocommit = 0; BEGIN; SELECT * FROM installs")
        h = self.host()
        try:
            h.d.spawn("-f")
            lib.wait_until("it migrates", lambda: self.db.admin(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = "
                "'slackmcp' AND table_name = 'leases'") and self.db.admin(
                "SELECT owner FROM slackmcp.leases WHERE name = 'migrate'"))
            h.d.kill_children()
            self.assertEqual(h.d.wait(), 1)
        finally:
            other.close()
        owner, = self.db.admin("SELECT owner FROM slackmcp.leases")[0]
        self.assertTrue(owner.startswith("n1."), owner)
        began = time.monotonic()
        h.d.start()
        self.assertLess(time.monotonic() - began, 25)       # the lease has 30 s

    def test_pool(self):
        """Two connections a worker, whatever the load; who waits for a lock keeps
        nobody from reading."""
        h = self.host(STORE_TIMEOUT="4")
        h.d.start()
        mcpclient.install(h.d, ACME)
        most = 2 * int(h.d.env["WORKERS"])
        seen, done = [0], threading.Event()

        def watch():
            while not done.wait(0.05):
                seen.append(self.connections())
        with concurrent.futures.ThreadPoolExecutor(101) as pool:
            watcher = pool.submit(watch)
            with self.subTest("free"):
                before = h.d.counter("store_units")
                answers = list(pool.map(h.posts, [f"n{i}" for i in range(200)]))
                self.assertEqual([t for t in answers if not t.ok], [])
                self.assertEqual(len(self.slack.calls("chat.postMessage")), 200)
                self.assertGreaterEqual(h.d.counter("store_units") - before, 400)
            with self.subTest("locked"):
                mark, busy = self.slack.mark(), h.d.counter("store_busy")
                other = self.db.shell()
                other.ask("LOCK TABLES posts READ")
                try:
                    late = [pool.submit(Faults.timed, h.posts, f"x{i}")
                            for i in range(100)]
                    lib.wait_until("they wait", lambda: h.d.counter(
                        "units of the store") >= 60, 5)
                    a = h.status(STRANGER)
                    self.assertEqual(a.status, 401, a)      # it was looked up
                    for t, took in (f.result() for f in late):
                        self.assertIn("Nothing was posted", t.text)
                        self.assertLess(took, 4 + 4 * lib.SLOW)
                finally:
                    other.close()
                self.assertEqual(self.slack.calls("chat.postMessage", mark), [])
                self.assertGreater(h.d.counter("store_busy"), busy)
            lib.wait_until("it posts again", lambda: h.by_all(
                lambda: h.posts("again").ok), 20)
            lib.wait_until("nothing waits", lambda: h.d.counter(
                "units of the store") <= 2, 20)
            self.assertEqual(h.d.counter("store_full"), 0)
            done.set()
            watcher.result()
        self.assertLessEqual(max(seen), most + 2)       # a job has two for a moment
        self.assertGreaterEqual(max(seen), most)


def add_tests(cls):
    for fault in cls.FAULTS:
        def test(self, name=fault.name):
            self.check(name)
        setattr(cls, f"test_{fault.name}", lib.only_long(test) if fault.long else test)


add_tests(MariaDB)
add_tests(SQLite)

if __name__ == "__main__":
    unittest.main()
