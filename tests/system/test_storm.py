# SPDX-License-Identifier: ISC
"""Processes killed and stopped under load: what every session, install, gauge and
cap is worth afterwards."""
import http.client
import itertools
import json
import mmap
import os
import random
import resource
import signal
import socket
import sqlite3
import struct
import threading
import time
import unittest
import urllib.parse

import crowd
import lib
import mcpclient
from host import root_only
from mcpclient import Legacy, Modern, ask, get

TEAMS = ("T0ACME0001", "T0BETA0001")


class Region:
    """The shared file, as src/shm/layout.h has it."""
    HEAD = "8sIIQ40s20sII6Q"
    LOCK = 40                   # bytes of one; it begins with its holder

    def __init__(self, d):
        with open(os.path.join(d.run_dir, "region"), "rb") as f:
            self.map = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        head = struct.unpack_from(self.HEAD, self.map)
        assert head[0] == b"slackmcp", head
        self.locks = head[8]

    def held_by(self, pid):
        """Stripes whose lock that process holds."""
        return [i for i in range(256) if struct.unpack_from(
            "I", self.map, self.locks + i * self.LOCK)[0] & 0x3fffffff == pid]

    def close(self):
        self.map.close()

    @staticmethod
    def stripe(sid):
        mask = (1 << 64) - 1
        h = 14695981039346656037
        for c in sid.encode():
            h = (h ^ c) * 1099511628211 & mask
        h ^= h >> 32
        h = h * 0x9E3779B97F4A7C15 & mask
        h ^= h >> 29
        return h % 256


class Base(lib.Suite):
    OPTIONS = {"LOG_LEVEL": "info", "MAX_CONNECTIONS": "1200",
               "RESTART_BACKOFF": "100ms", "DRAIN_TIMEOUT": "8"}

    def storm(self, workers=3, live=300, **options):
        """A daemon with two installs and a crowd on it; all its sessions began."""
        d = self.daemon(self.fake(), workers=workers,
                        env={**self.OPTIONS, **options}).start()
        for team in TEAMS:
            mcpclient.install(d, team)
        keys = [d.key_add(f"crowd{i}", "--workspaces", TEAMS[0],
                          "--role", "write") for i in range(4)]
        c = crowd.Crowd(d.port, keys, pause=1.2 * lib.SLOW, patience=60 * lib.SLOW,
                        live=live, once=8, write=4).start()
        self.addCleanup(c.stop)
        lib.wait_until("all sessions began", c.all_begun, 60)
        return d, c

    def stopped(self, pid):
        """False: it has gone."""
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return False
        end = time.monotonic() + 10 * lib.SLOW
        while (st := lib.proc_stat(pid)) and st[0] not in "TZX":
            self.assertLess(time.monotonic(), end, "it does not stop")
            time.sleep(0.001)
        return lib.alive(pid)

    def kill(self, pid, victims):
        """kill -9, after its connections are written down; False: it had gone."""
        if not self.stopped(pid):
            return False
        victims |= lib.clients_of(pid)
        os.kill(pid, signal.SIGKILL)
        return True

    def goes_on(self, c, n=100):
        """The crowd is served."""
        before = c.total()
        lib.wait_until("requests are answered",
                       lambda: c.total() >= before + n, 60)

    def all_ready(self, d, but=()):
        lib.wait_until("all workers serve", lambda: len(
            [p for p in d.workers() if p not in but]) == int(d.env["WORKERS"]), 60)

    def info(self, d):
        return {r["name"]: r["value"] for r in d.ctl_json("show", "info")}

    def settled(self, d, c, victims):
        """After the load: what failed was on a connection that a killed worker held;
        and sessions, installs, gauges."""
        c.stop()
        print(f"\nnote: {c.total()} requests answered, {len(c.failures)} failed")
        if victims is not None:
            self.assertEqual([f for f in c.failures if f.port not in victims], [])
        texts = [m["text"] for m in
                 d.fake.world.teams[TEAMS[0]].channels["CARANDOM01"].messages]
        self.assertEqual([t for t, was in c.posts.items()
                          if texts.count(t) not in ((1,) if was else (0, 1))], [])
        sessions = c.sessions()
        self.assertGreaterEqual(len(sessions), len(c.staying))
        self.assertEqual(c.pings(d.port, sessions), [])
        for key in (d.key, c.clients[0].key):
            with Legacy(d, key).begin() as one:
                t = one.tool("slack_list_workspaces")
                self.assertIn(TEAMS[0], t.text)
                self.assertEqual(TEAMS[1] in t.text, key == d.key)

        def zero():
            info = self.info(d)
            return all(int(info[g]) == 0 for g in self.GAUGES)
        lib.wait_until("all gauges are 0", zero, 30)

    GAUGES = ("connections open", "requests in work", "tool calls",
              "requests at Slack", "calls that wait for the budget",
              "units of the store", "writes that finish without a listener")


@root_only
class Storm(Base):
    def test_each_worker(self):
        d, c = self.storm()
        victims = set()
        for turn in range(3):
            for pid in d.workers():
                self.kill(pid, victims)
                self.goes_on(c, 30)
            if turn == 0:
                continue
            self.all_ready(d)
            for pid in d.workers():     # all at the same time
                self.kill(pid, victims)
            self.goes_on(c)
            self.all_ready(d)
        self.settled(d, c, victims)
        d.stop()

    KILLS, SECONDS = (500, 60) if lib.LONG else (40, 8)

    def test_many_kills(self):
        """And every cap is reached afterwards, no sooner and no later."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        d, c = self.storm(
            MAX_CONNECTIONS="600", MAX_CALLS="24", MAX_CALLS_PER_KEY="16",
            MAX_SESSIONS="900", MAX_SESSIONS_PER_KEY="150")
        victims, kills = set(), 0
        began = time.monotonic()
        while kills < self.KILLS:
            pids = [p for p in lib.offspring(d.pid) if self.is_worker(p)]
            if pids:
                kills += self.kill(random.choice(pids), victims)
            ahead = began + kills * self.SECONDS / self.KILLS - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)       # the rate is what is tested
        took = time.monotonic() - began
        self.goes_on(c, 30)
        self.all_ready(d)
        print(f"\nnote: {kills} workers killed in {took:.0f} s")
        self.settled(d, c, victims)
        self.assertEqual(int(self.info(d)["workers_died"]), kills)
        with self.subTest("MAX_CALLS"):
            self.calls_are_capped(d, 24, 16)
        with self.subTest("MAX_SESSIONS"):
            self.sessions_are_capped(d, 900, 150)
        with self.subTest("MAX_CONNECTIONS"):
            self.connections_are_capped(d, 600)
        d.stop()

    @staticmethod
    def is_worker(pid):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                return f.read().startswith("slackmcpd:w")
        except OSError:
            return False

    def calls_are_capped(self, d, most, of_key):
        """The first key's share, then the rest for a second one."""
        keys = [d.key_add(f"cap{i}", "--workspaces", TEAMS[0]) for i in range(3)]
        mcpclient.known(d, TEAMS[0], keys[-1])
        d.fake.fault("conversations.list", "slow", seconds=4 * lib.SLOW, times=-1)
        answers = []

        def call(key):
            with Modern(d, key) as c:
                answers.append(c.tool("slack_list_channels", limit=1))

        def begin(key, n, total):
            threads = [threading.Thread(target=call, args=(key,)) for _ in range(n)]
            for t in threads:
                t.start()
            lib.wait_until(f"{total} calls run", lambda: int(
                self.info(d)["tool calls"]) == total)
            return threads

        def refused(key):
            with Modern(d, key) as c:
                t = c.tool("slack_list_channels", limit=1)
            self.assertTrue(t.error, t)
        running = begin(keys[0], of_key, of_key)
        refused(keys[0])
        running += begin(keys[1], most - of_key, most)
        refused(keys[2])
        for t in running:
            t.join()
        d.fake.faults.clear()
        self.assertEqual([t for t in answers if not t.ok], [])

    def sessions_are_capped(self, d, most, of_key):
        """A key at its own cap goes on and stays there; the table fills up to the
        last place."""
        before = int(self.info(d)["sessions"])
        self.assertLess(before, most - of_key)
        key = d.key_add("many", "--workspaces", TEAMS[0])
        clients = [Legacy(d, key).begin() for _ in range(of_key + 10)]
        self.assertEqual(int(self.info(d)["sessions"]), before + of_key)
        for c in clients:
            c.close()
        made, status = 0, 200
        while status == 200:
            if made % of_key == 0:
                c = Legacy(d, d.key_add(f"fills{made}", "--workspaces", TEAMS[0]))
            status = c.initialize().status
            made += status == 200
        self.assertEqual(status, 503)
        self.assertEqual(int(self.info(d)["sessions"]), most)

    def connections_are_capped(self, d, most):
        """More than are allowed come: so many are had, and the others wait."""
        held = []
        try:
            for _ in range(most * 3 // 2):
                held.append(socket.create_connection(("127.0.0.1", d.port), 60))
            lib.wait_until("as many as are allowed are open", lambda: int(
                self.info(d)["connections open"]) == most)
        finally:
            for s in held:
                s.close()
        lib.wait_until("they have gone", lambda: int(
            self.info(d)["connections open"]) == 0)
        self.assertEqual(get(d, "/health").status, 200)

    def test_stopped_worker(self):
        """Its sockets are taken over, it is killed, its place is filled."""
        d, c = self.storm(live=150, STALE_TIMEOUT=f"{int(8 * lib.SLOW)}")
        pid = d.workers()[0]
        self.assertTrue(self.stopped(pid))
        victims = lib.clients_of(pid)
        for _ in range(60):     # its share of them waits for a second, no more
            self.assertEqual(get(d, "/ready").status, 200)
        self.assertTrue(lib.alive(pid), "they are not taken over, or far too slowly")
        lib.wait_until("/health tells", lambda: "some workers do not answer" in get(
            d, "/health", port=d.admin_port).json["reasons"])
        self.goes_on(c)
        lib.wait_until("it is killed", lambda: not lib.alive(pid), 30)
        self.all_ready(d, (pid,))
        told = [r for r in d.log_rows() if "loop stands still" in str(r)]
        self.assertEqual(len(told), 1, told)
        self.assertEqual(int(self.info(d)["workers_killed"]), 1)
        self.settled(d, c, victims)
        d.stop()

    def test_all_are_paused(self):
        """As with a machine that is: nobody is killed for it."""
        d, c = self.storm(live=60, STALE_TIMEOUT="2")
        workers, all_of = d.workers(), lib.of_session(d.pid)
        for pid in all_of:
            self.stopped(pid)
        time.sleep(3)               # what they are stopped for, not waited for
        os.kill(d.pid, signal.SIGCONT)
        lib.wait_until("the master has noticed", lambda: "stood still" in d.logs())
        for pid in all_of:
            os.kill(pid, signal.SIGCONT)
        self.goes_on(c)
        self.assertEqual(sorted(d.workers()), sorted(workers))
        self.settled(d, c, set())
        self.assertEqual(int(self.info(d)["workers_killed"]), 0)
        d.stop()

    def test_stopped_with_a_lock(self):
        """The sessions of its stripe are refused quickly, all others answer, and
        when it has been killed those do again."""
        d = self.daemon(self.fake(), workers=3, env={
            **self.OPTIONS, "MAX_SESSIONS_PER_KEY": "250",
            "STALE_TIMEOUT": f"{int(8 * lib.SLOW)}"}).start()
        mcpclient.install(d)
        region = Region(d)
        self.addCleanup(region.close)
        sessions = {}       # stripe -> (id, key)
        for i in range(3):
            key = d.key_add(f"rest{i}", "--workspaces", TEAMS[0])
            c = Legacy(d, key)
            for _ in range(250):
                c.session = None
                c.begin()
                sessions.setdefault(Region.stripe(c.session), (c.session, key))
            c.close()
        pid, stripe = self.catch(d, region, sessions)
        self.assertTrue(lib.alive(pid))
        lib.wait_until("the others serve its sockets", lambda: all(
            get(d, "/health", timeout=5, fail=False).status == 200
            for _ in range(20)))
        held = sessions.pop(stripe)
        rest = random.sample(sorted(sessions.values()), 100)
        with self.on_a_live_one(d) as c:
            usual = max(self.times(c, s)[1] for s in rest[:20])
            for _ in range(10):
                status, took = self.times(c, held)
                self.assertEqual(status, 503)
                self.assertLess(took, 0.05 + 2 * usual + 0.2 * lib.SLOW)
            for s in rest:
                self.assertEqual(self.times(c, s)[0], 200)
            for _ in range(20):
                c.session = None
                self.assertEqual(c.initialize().status, 200)
        self.assertTrue(lib.alive(pid), "too slow a machine to see anything")
        self.assertGreater(int(self.info(d)["lock_timeouts"]), 0)
        lib.wait_until("it is killed", lambda: not lib.alive(pid), 30)
        with Legacy(d, held[1]) as c:
            c.session = held[0]
            self.assertTrue(c.ping())
        self.assertEqual(int(self.info(d)["stripes_recovered"]), 1)
        told = [r for r in d.log_rows() if "lock is held" in str(r)]
        self.assertIn(len(told), (1, 2), told)      # of each other worker, once
        d.stop()

    def catch(self, d, region, sessions):
        """A worker that stands still with a lock, and which: a key that is at its cap
        begins sessions, for which all are looked through."""
        key, enough = d.key_add("hammer", "--workspaces", TEAMS[0]), threading.Event()

        def hammer():
            while not enough.is_set():
                try:
                    with Legacy(d, key) as c:
                        for _ in range(50):
                            c.session = None
                            if enough.is_set() or c.initialize().status != 200:
                                break
                except (OSError, http.client.HTTPException):
                    pass
        threads = [threading.Thread(target=hammer, daemon=True) for _ in range(6)]
        for t in threads:
            t.start()
        end = time.monotonic() + 60 * lib.SLOW
        try:
            while time.monotonic() < end:
                for pid in d.workers():
                    for _ in range(50):
                        if not self.stopped(pid):
                            break
                        found = region.held_by(pid)
                        if found and found[0] in sessions:
                            return pid, found[0]
                        os.kill(pid, signal.SIGCONT)
                        time.sleep(0.001)
        finally:
            enough.set()
        raise AssertionError("no worker was found with a lock")

    @staticmethod
    def on_a_live_one(d):
        """A client whose connection a worker that runs has taken."""
        c = Legacy(d)
        while True:
            try:
                c.conn = mcpclient.connection(d, timeout=2)
                if ask(d, "GET", "/health", conn=c.conn).status == 200:
                    c.conn.timeout = 60
                    c.conn.sock.settimeout(60)
                    return c
            except OSError:
                c.close()

    @staticmethod
    def times(c, session):
        """Status and seconds of a ping in that session."""
        c.session, c.key = session
        began = time.monotonic()
        status = c.request("ping").status
        return status, time.monotonic() - began

    def test_master(self):
        """Killed and started again: while there is none, clients are refused, and
        that is all."""
        d, c = self.storm()
        for at_once in (False, True):
            sid = d.pid
            d.kill()
            d.wait()
            if not at_once:
                lib.wait_until("its workers leave by themselves",
                               lambda sid=sid: not lib.of_session(sid), 20)
            d.start()
            self.goes_on(c)
            self.all_ready(d)
        self.settled(d, c, None)
        self.assertEqual([f for f in c.failures if "Broken" not in f.why], [])
        d.stop()

    def test_region_is_cut(self):
        """No crash: a line, the end, and a new one at the next start."""
        d = self.daemon(self.fake()).start()
        mcpclient.install(d)
        for size in (0, 4096, 1 << 20):
            sid = d.pid
            os.truncate(os.path.join(d.run_dir, "region"), size)
            self.assertEqual(d.wait(), 1, d.tail())
            self.assertIn("was cut short while it was in use", d.logs())
            lib.wait_until("its workers have gone", lambda sid=sid: not
                           lib.of_session(sid), 20)
            d.start()
            self.assertIn("is cut short: a new one is made" if size else "serves on",
                          d.logs())
            with Legacy(d).begin() as c:
                self.assertTrue(c.tool("slack_list_channels", limit=1).ok)
        self.assertNotIn("signal=", d.logs())
        d.stop()


class Leaving(lib.Suite):
    """The client hangs up at each step of an install and of a post."""
    @classmethod
    def begin(cls):
        cls.slack, cls.peers = cls.fake(), itertools.count(1)
        cls.d = cls.daemon(cls.slack, env={"INSTALL_ALLOW": "*"}).start()
        mcpclient.install(cls.d)
        cls.key = cls.d.key_add("agent", "--workspaces", TEAMS[0], "--role", "write")
        mcpclient.known(cls.d, TEAMS[0], cls.key)

    def setUp(self):
        self.slack.faults.clear()
        self.since = self.slack.mark()

    WAYS = (("FIN", False), ("RST", True))

    def leave(self, s, reset):
        if reset:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))
        s.close()

    def over(self):
        """It came to its end, left or answered."""
        lib.wait_until("it was noticed", lambda: f'peer={self.peer}"' in self.d.logs(), 30)

    def send(self, head, body=b""):
        """From an address of its own: the lines of others may come late."""
        self.peer = f"192.0.2.{next(self.peers)}"
        s = socket.create_connection(("127.0.0.1", self.d.port), 60)
        lines = [*head, "Host: 127.0.0.1", f"X-Forwarded-For: {self.peer}",
                 f"Content-Length: {len(body)}"]
        s.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return s

    def idle(self):
        """It has ended, and nothing is under way any more."""
        self.over()

        def zero():
            info = {r["name"]: r["value"] for r in self.d.ctl_json("show", "info")}
            return all(int(info[g]) == 0 for g in Base.GAUGES)
        lib.wait_until("all gauges are 0", zero, 40)

    def gauge(self, name):
        return next(int(r["value"]) for r in self.d.ctl_json("show", "info")
                    if r["name"] == name)

    def locked(self):
        db = sqlite3.connect(os.path.join(self.d.state_dir, "slackmcpd.db"),
                             isolation_level=None, timeout=20)
        db.execute("BEGIN IMMEDIATE")
        return db

    def rows(self, sql, *values):
        db = sqlite3.connect(os.path.join(self.d.state_dir, "slackmcpd.db"))
        try:
            return db.execute(sql, values).fetchall()
        finally:
            db.close()

    def held(self, method):
        """Slack has it, and does nothing until it is released: returns what waits
        for that."""
        self.slack.fault(method, "hold")
        since = self.slack.mark()
        return lambda: self.assertTrue(self.slack.wait_held(
            method, 1, since, seconds=30 * lib.SLOW))

    # -- an install ----------------------------------------------------------

    def to_callback(self, team):
        """The request with which the browser comes back."""
        self.slack.world.add(team, team, team.lower())
        self.slack.world.authorize_team = team
        b = mcpclient.Browser(self.d)
        a = b.get("/slack/install", follow=False)
        a = b.get(a.header("Location"), follow=False)
        url = urllib.parse.urlsplit(a.header("Location"))
        cookie = "; ".join(f"{k[2]}={v}" for k, v in b.jar.items())
        return [f"GET {url.path}?{url.query} HTTP/1.1", f"Cookie: {cookie}"]

    def stored(self, team, needed):
        """Once Slack took the code the install is there, and works."""
        self.idle()
        asked = len(self.slack.calls("oauth.v2.access", self.since))
        self.assertLessEqual(asked, 1)
        if needed:
            self.assertEqual(asked, 1)
        n = lib.wait_until("it is stored", lambda: self.rows(
            "SELECT COUNT(*) FROM installs WHERE team_id = ?", team)[0][0] == asked
            and [asked], 40)
        if n[0]:
            mcpclient.known(self.d, team)

    def test_install(self):
        for i, (way, reset) in enumerate(self.WAYS):
            for step in ("sent", "exchange", "identify", "storing", "answer"):
                with self.subTest(step, way=way):
                    self.setUp()
                    team = f"T0{step.upper()[:6]}{i}"
                    head, db = self.to_callback(team), None
                    wait = {"exchange": "oauth.v2.access", "identify": "auth.test",
                            "storing": "auth.test"}.get(step)
                    wait = self.held(wait) if wait else None
                    s = self.send(head)
                    if wait:
                        wait()
                    if step == "storing":
                        db = self.locked()
                        self.slack.release()
                        lib.wait_until("it is being stored", lambda: self.gauge(
                            "units of the store") > 0, 20)
                    if step == "answer":
                        self.assertEqual(s.recv(1), b"H")
                    self.leave(s, reset)
                    self.slack.release()
                    if db:
                        db.execute("ROLLBACK")
                        db.close()
                    self.stored(team, step != "sent")

    # -- a post ---------------------------------------------------------------

    def to_post(self, name):
        body = json.dumps({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "slack_post_message", "arguments": {
                    "channel_id": "CARANDOM01", "text": name,
                    "idempotency_key": name},
                "_meta": {mcpclient.META + "protocolVersion": mcpclient.MODERN,
                          mcpclient.META + "clientCapabilities": {}}}}).encode()
        return ["POST /mcp HTTP/1.1", f"Authorization: Bearer {self.key}",
                "Content-Type: application/json", "Mcp-Method: tools/call",
                "Accept: application/json, text/event-stream",
                "Mcp-Name: slack_post_message",
                f"MCP-Protocol-Version: {mcpclient.MODERN}"], body

    def posted(self, name, needed):
        """What Slack got stands in the ledger; an equal call does not send it once
        more, and sends it when nothing was sent."""
        self.idle()
        world = self.slack.world.teams[TEAMS[0]].channels["CARANDOM01"]

        def count():
            return sum(m["text"] == name for m in world.messages)
        before = count()
        self.assertLessEqual(before, 1)
        if needed:
            self.assertEqual(before, 1)
        rows = self.rows("SELECT state FROM posts WHERE call_key LIKE ?",
                         f"%{name}%")
        self.assertIn(rows, [[("posted",)]] if before else [[], [("unsent",)]])
        with Modern(self.d, self.key) as c:
            t = c.tool("slack_post_message", channel_id="CARANDOM01", text=name,
                       idempotency_key=name)
        self.assertTrue(t.ok, t)
        self.assertEqual("earlier" in t.text, bool(before), t)
        self.assertEqual(count(), 1)

    def test_post(self):
        for way, reset in self.WAYS:
            for step in ("sent", "row", "slack", "told", "answer"):
                with self.subTest(step, way=way):
                    self.setUp()
                    name, db = f"{step}-{way}", None
                    head, body = self.to_post(name)
                    wait = self.held("chat.postMessage") if step in (
                        "slack", "told") else None
                    if step == "row":       # its row waits for the store
                        db = self.locked()
                    s = self.send(head, body)
                    if step == "row":
                        lib.wait_until("it waits", lambda: self.gauge(
                            "tool calls") == 1, 20)
                    if wait:
                        wait()
                    if step == "told":      # Slack's answer waits for the store
                        db = self.locked()
                        self.slack.release()
                        lib.wait_until("it is there", lambda n=name: any(
                            m["text"] == n for m in self.slack.world.teams[
                                TEAMS[0]].channels["CARANDOM01"].messages), 20)
                    if step == "answer":
                        self.assertEqual(s.recv(1), b"H")
                    self.leave(s, reset)
                    self.slack.release()
                    if db:
                        if step == "row":
                            self.over()
                        db.execute("ROLLBACK")
                        db.close()
                    self.posted(name, step in ("slack", "told", "answer"))


if __name__ == "__main__":
    unittest.main()
