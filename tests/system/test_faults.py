# SPDX-License-Identifier: ISC
"""slackmcpd-faults(7), the rows that are cheap to bring about: the log says it once,
however many requests meet it, /health has the reason while it lasts, and a counter
moves.  What is dear (a held lock, MariaDB, silent DNS, a full disk) is in the suites
of these things.  Every daemon here has one worker: each process tells for itself."""
import contextlib
import os
import resource
import signal
import socket
import threading
import unittest

import lib
from mcpclient import Browser, Client, Legacy, ask, get, install
from test_tls import certificate

CHANNELS, TEAM = "slack_list_channels", "T0ACME0001"


def told(d, text):
    return sum(text in row.get("msg", "") for row in d.log_rows())


def health(d):
    return get(d, "/health", port=d.admin_port, fail=False).json


def gone_from(d, reason):
    lib.wait_until(f"/health no longer says {reason}",
                   lambda: reason not in health(d)["reasons"], 30)


class Base(lib.Suite):
    @contextlib.contextmanager
    def fault(self, d, log, counter, reason=None, moves=1):
        """Brought about within it, and met at least `moves` times."""
        lines, had = told(d, log), d.counter(counter)
        yield
        lib.wait_until(f"the log says {log}", lambda: told(d, log) > lines)
        lib.wait_until(f"{counter} moves by {moves}",
                       lambda: d.counter(counter) >= had + moves)
        if reason:
            lib.wait_until(f"/health says {reason}",
                           lambda: reason in health(d)["reasons"])
            self.assertIn(health(d)["status"], ("degraded", "down"))
        self.assertEqual(told(d, log), lines + 1)

    def once(self, d, log):
        lib.wait_until(f"the log says {log}", lambda: told(d, log))
        self.assertEqual(told(d, log), 1)

    def with_slack(self, **env):
        slack = self.fake()
        d = self.daemon(slack, workers=1, env={"INSTALL_ALLOW": "*", **env}).start()
        install(d, TEAM)
        return slack, d


class Processes(Base):
    def test_worker(self):
        d = self.daemon(workers=1, env={
            "STALE_TIMEOUT": str(int(5 * lib.SLOW)), "RESTART_BACKOFF": "2"}).start()
        for log, counter in (("its loop stands still (STALE_TIMEOUT)", "workers_killed"),
                             ("worker died, another takes its place", "workers_died")):
            with self.fault(d, log, counter):
                if counter == "workers_died":
                    os.kill(d.workers()[0], signal.SIGKILL)
                    continue
                os.kill(d.workers()[0], signal.SIGSTOP)
                lib.wait_until("/health says so", lambda: "no worker answers"
                               in health(d)["reasons"], 30)
            lib.wait_until("it is well", lambda: health(d)["reasons"] == [], 30)
        self.crash_loop(d)
        d.stop()

    def crash_loop(self, d):
        log = "crash loop: workers end soon after their start"

        def loops():
            d.kill_children()
            return log in health(d)["reasons"]
        with self.fault(d, log, "crash_loops", log):
            lib.wait_until("/health says crash loop", loops, 30)
        gone_from(d, log)
        self.once(d, "the crash loop is over")

    def test_master(self):
        d = self.daemon(workers=1).start()
        sid = d.pid
        with Legacy(d).begin() as m:
            d.kill()
            d.wait()
            self.once(d, "the master is gone: draining")
            m.close()
            lib.wait_until("its worker ends", lambda: not lib.of_session(sid), 30)
            d.start()
            self.assertTrue(m.ping())
        d.stop()
        os.truncate(os.path.join(d.run_dir, "region"), 100)
        d.start()
        self.once(d, "a new one is made, with the sessions that a stop has saved")
        d.stop()


class Connections(Base):
    def descriptors(self, d):
        """The master's: a worker's limit is nobody else's to lower."""
        soft, hard = resource.prlimit(d.pid, resource.RLIMIT_NOFILE)
        reason = "no descriptor is free, accepting pauses"
        with self.fault(d, "accepting pauses:", "accept_paused", reason):
            resource.prlimit(d.pid, resource.RLIMIT_NOFILE,
                             (max(lib.descriptors(d.pid)) + 1, hard))
            held = [socket.create_connection(("127.0.0.1", d.admin_port))
                    for _ in range(4)]
            lib.wait_until("it pauses", lambda: reason in get(
                d, "/health").json["reasons"])
            resource.prlimit(d.pid, resource.RLIMIT_NOFILE, (soft, hard))
        for s in held:
            s.close()

    def test_most_connections(self):
        d = self.daemon(workers=1, env={"MAX_CONNECTIONS": "4"}).start()
        with self.fault(d, "there are as many as MAX_CONNECTIONS allows",
                        "connections_limit",
                        "MAX_CONNECTIONS is reached, accepting pauses"):
            held = [socket.create_connection(("127.0.0.1", d.port)) for _ in range(6)]
        for s in held:
            s.close()
        self.assertEqual(get(d, "/ready").status, 200)
        d.stop()

    def test_most_sessions(self):
        d = self.daemon(workers=1, env={"MAX_SESSIONS": "64"}).start()

        def begin():
            with Legacy(d) as m:
                return m.initialize().status
        with self.fault(d, "all places are taken, new sessions are refused",
                        "sessions_full", "MAX_SESSIONS is reached, none can begin",
                        moves=3):
            self.assertEqual([begin() for _ in range(67)], [200] * 64 + [503] * 3)
        self.descriptors(d)
        d.stop()

    def test_refused(self):
        """What any client can bring about: no reason in /health."""
        d = self.daemon(workers=1, env={
            "RATE_KEY": "1/3", "TRUSTED_PROXIES": "192.0.2.1",
            "PUBLIC_BASE_URL": "https://mcp.example.org"}).start()
        with self.fault(d, "X-Forwarded-For was ignored", "forwarded_ignored", moves=3):
            for _ in range(3):
                get(d, "/health", headers={"X-Forwarded-For": "192.0.2.9"})
        with self.fault(d, "an origin was refused", "origin_refused", moves=3):
            for _ in range(3):
                self.assertEqual(ask(d, "POST", "/mcp", b"{}", headers={
                    "Origin": "https://elsewhere.example"}).status, 403)
        with self.fault(d, "a rate is reached, requests are refused", "rate_refused",
                        moves=3), Client(d) as m:
            answers = [m.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}).status
                       for _ in range(6)]
            self.assertEqual(answers.count(429), 3, answers)
        self.assertEqual(health(d)["reasons"], [])
        d.stop()

    def test_tls(self):
        pair = certificate(self.dir, "old", days=30, ago=40)
        port = lib.free_port()
        d = self.daemon(workers=1, env={"TLS_PORT": str(port), "TLS_CERT": pair[0],
                                        "TLS_KEY": pair[1]}).start()
        self.once(d, "renew it, then reload")
        lib.wait_until("it is told", lambda: "TLS_CERT is not good today" in
                       health(d)["reasons"])
        self.assertLess(d.counter("certificate days left"), 0)
        hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"   # a handshake that is none
        with self.fault(d, "TLS handshakes fail", "tls_failed", moves=3):
            for _ in range(3):
                with socket.create_connection(("127.0.0.1", port), 20 * lib.SLOW) as s:
                    s.sendall(hello)
                    s.recv(100)
        new = certificate(self.dir, "new")
        for old, name in zip(pair, new):
            os.replace(name, old)
        d.ctl("reload")
        gone_from(d, "TLS_CERT is not good today")
        d.stop()


class Configuration(Base):
    def test_reload(self):
        d = self.daemon(workers=1)
        path = os.path.join(d.dir, "conf")
        reason = "a reload was refused, the old configuration stays"

        def write(text):
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
            os.chmod(path, 0o600)
        write("max_body = 2m\n")
        d.start("-c", path)
        with self.fault(d, "reload refused, the old configuration stays",
                        "reloads_refused", reason):
            write("max_body = 2x\n")
            d.ctl("reload", check=False)
        self.assertEqual(get(d, "/ready").status, 200)
        write("max_body = 3m\n")
        d.ctl("reload")
        gone_from(d, reason)
        self.assertEqual(d.counter("reloads"), 1)
        d.stop()

    def test_log(self):
        d = self.daemon(workers=1)
        there, here = os.pipe()
        said = []

        def read():
            while chunk := os.read(there, 65536):
                said.append(chunk)
        with open(here, "wb", buffering=0) as out:
            d.spawn_to(out, "-f")
        reader = threading.Thread(target=read, daemon=True)
        try:
            d.wait_ready()
            reason = "the log's reader is slow, lines are dropped"

            def full():
                for _ in range(50):
                    get(d, "/ready")
                return reason in health(d)["reasons"]
            lib.wait_until(f"/health says {reason}", full, 60)
            self.assertGreater(d.counter("log_dropped"), 0)
            reader.start()
            line = b"lines were dropped because the log's reader is slow"
            lib.wait_until("the log says so", lambda: get(d, "/ready") and
                           line in b"".join(said))
        finally:
            d.stop()
        reader.join(20 * lib.SLOW)
        os.close(there)


class Slack(Base):
    def test_away_and_back(self):
        slack, d = self.with_slack()
        rows = (
            ({"kind": "reset"}, "Slack cannot be reached, calls are tried again",
             "slack_silent", "Slack cannot be reached", "Slack is reached again"),
            ({"kind": "status", "status": 503}, "Slack answers with faults, calls are",
             "slack_faults", "Slack answers with faults",
             "Slack answers without faults again"),
        )
        with Legacy(d).begin() as m:
            for fault, log, counter, reason, over in rows:
                with self.subTest(fault), self.fault(d, log, counter, reason, moves=6):
                    slack.fault("conversations.list", times=-1, **fault)
                    for _ in range(2):
                        self.assertFalse(m.tool(CHANNELS).ok)
                slack.faults.clear()
                self.assertTrue(m.tool(CHANNELS).ok)
                self.once(d, over)
                gone_from(d, reason)
            with self.fault(d, "must wait", "slack_ratelimited"):
                slack.fault("conversations.list", "ratelimited", retry_after=60)
                for _ in range(3):
                    self.assertFalse(m.tool(CHANNELS).ok)
        self.assertEqual(health(d)["reasons"], [])
        d.stop()

    def test_calls(self):
        slack, d = self.with_slack(MAX_CALLS="2", MAX_CALLS_PER_KEY="1")
        keys = [d.key_add(f"k{i}", "--workspaces", TEAM) for i in range(3)]
        slack.fault("conversations.list", "hold", times=2)
        one = Legacy(d, keys[0]).begin()
        two = Legacy(d, keys[1]).begin()
        late = [threading.Thread(target=m.tool, args=(CHANNELS,)) for m in (one, two)]
        late[0].start()
        slack.wait_held("conversations.list", 1)
        with Legacy(d, keys[0]).begin() as m, self.fault(
                d, "there are as many as MAX_CALLS_PER_KEY allows", "calls_limit", moves=3):
            for _ in range(3):
                self.assertFalse(m.tool(CHANNELS).ok)
        self.assertEqual(health(d)["reasons"], [])
        late[1].start()
        slack.wait_held("conversations.list", 2)
        with Legacy(d, keys[2]).begin() as m, self.fault(
                d, "there are as many as MAX_CALLS allows", "calls_limit",
                "MAX_CALLS is reached, tool calls are refused", moves=3):
            for _ in range(3):
                self.assertFalse(m.tool(CHANNELS).ok)
        slack.release()
        for t in late:
            t.join(30 * lib.SLOW)
        for m in (one, two):
            m.close()
        d.stop()

    def test_installs(self):
        slack = self.fake()
        slack.world.teams[TEAM].rotates = True
        d = self.daemon(slack, workers=1, env={"INSTALL_ALLOW": "T0OTHER001"}).start()
        with self.fault(d, "install stored team=", "oauth_pending"):
            install(d, TEAM)
        self.assertEqual(told(d, "rotates=yes"), 1)
        self.assertEqual(d.counter("oauth_rotating"), 1)
        slack.fault("oauth.v2.access", "error", error="invalid_code")
        with self.fault(d, "Slack refused a code", "oauth_failed"):
            Browser(d).get(d.base + "/slack/install")
        slack.fault("oauth.v2.access", "reset", times=-1)
        with self.fault(d, "a code could not be exchanged", "oauth_failed",
                        "Slack cannot be reached"):
            Browser(d).get(d.base + "/slack/install")
        d.stop()


class Store(Base):
    def test_away(self):
        slack, d = self.with_slack()
        db = next(os.path.join(d.state_dir, f) for f in os.listdir(d.state_dir)
                  if f.endswith(".db"))
        aside = os.path.join(d.state_dir, "aside")
        os.mkdir(aside)
        with Legacy(d).begin() as m:
            with self.fault(d, "is away, and who needs it is refused:", "store_errors", "the store is away"):
                for end in ("", "-wal", "-shm"):
                    if os.path.exists(db + end):
                        os.rename(db + end, os.path.join(
                            aside, os.path.basename(db + end)))
            for _ in range(3):
                self.assertTrue(m.tool(CHANNELS).ok)
            self.assertEqual(told(d, "is away, and who needs it is refused:"), 1)
            for name in os.listdir(aside):
                os.rename(os.path.join(aside, name), os.path.join(d.state_dir, name))
            self.once(d, "is reached again")
            gone_from(d, "the store is away")
            self.assertTrue(m.tool(CHANNELS).ok)
        d.stop()


if __name__ == "__main__":
    unittest.main()
