# SPDX-License-Identifier: ISC
"""The proof of issue section 4: what kill -9, restart and reload leave."""
import glob
import os
import re
import shutil
import signal
import threading
import time
import unittest

import lib
import mcpclient
from mcpclient import Legacy, get


class Kill(lib.Suite):
    SESSIONS = 100

    def all_answer(self, sessions, d):
        """Each on a connection of its own, so all workers are asked."""
        dead = []
        for c in sessions:
            c.close()
            c.daemon = d
            if not c.ping():
                dead.append(c.session)
            c.close()
        self.assertEqual(dead, [], f"{len(dead)} of {len(sessions)} sessions died")

    def works(self, d, key):
        with Legacy(d, key).begin() as c:
            t = c.tool("slack_list_channels", limit=2)
            self.assertTrue(t.ok, t)

    def test_sessions_and_install_survive(self):
        d = self.daemon(self.fake(), workers=3).start()
        mcpclient.install(d)
        key = d.key_add("agent", "--workspaces", "T0ACME0001")
        sessions = []
        for i in range(self.SESSIONS):
            c = Legacy(d, (key, d.key)[i % 2],
                       mcpclient.LEGACY[i % len(mcpclient.LEGACY)])
            sessions.append(c.begin())
            c.close()
        with self.subTest("kill -9 of a worker"):
            old = d.workers()
            for pid in old[:2]:
                d.kill(pid)
                self.all_answer(sessions, d)
            lib.wait_until("three workers serve", lambda: len(
                [p for p in d.workers() if p not in old[:2]]) == 3, 20)
            self.works(d, key)
        with self.subTest("kill -9 of the master"):
            sid, workers = d.pid, d.workers()
            d.kill()
            d.wait()
            lib.wait_until("its workers leave by themselves",
                           lambda: not lib.of_session(sid), 20)
            self.assertEqual([p for p in workers if lib.alive(p)], [])
            d.start()
            self.all_answer(sessions, d)
            self.works(d, key)
        with self.subTest("kill -9 of the master, restarted at once"):
            d.kill()
            d.proc.wait(10)
            d.start()
            self.all_answer(sessions, d)
            self.works(d, key)
        with self.subTest("stop, RUN_DIR emptied, start"):
            d.stop()
            for path in glob.glob(d.run_dir + "/*"):
                os.unlink(path) if not os.path.isdir(path) else shutil.rmtree(path)
            d.start()
            self.all_answer(sessions, d)
            self.works(d, key)
        with self.subTest("stop and start again"):
            d.stop()
            d.start()
            self.all_answer(sessions, d)
        d.stop()

    def test_short_lives(self):
        """Back-off only after three lives under a second; it never gives up."""
        d = self.daemon(self.fake(), workers=1).start()
        for _ in range(6):
            pid = lib.wait_until("a worker", d.workers, 40)[0]
            d.kill(pid)
            lib.wait_until("it is replaced", lambda p=pid: [
                w for w in d.workers() if w != p], 40)
        lib.wait_until("it serves", lambda: get(
            d, "/health", fail=False).status == 200, 20)
        d.stop()

    def test_workers_hold_only_what_they_may(self):
        """/proc/PID/fd of each worker is the list of DESIGN.md 2."""
        d = self.daemon(self.fake(), workers=2, env={
            "LOG_TARGET": os.path.join(self.dir, "fd.log")}).start()
        mcpclient.install(d)
        lib.wait_until("idle", lambda: True)
        for pid in d.workers():
            left = {}
            for fd, what in lib.descriptors(pid).items():
                left[fd] = what
            kinds = {
                "null": lambda w: w == "/dev/null",
                "log": lambda w: w.endswith("/fd.log"),
                "stderr": lambda w: w == d.log,
                "region": lambda w: os.path.dirname(w) == d.run_dir
                and "region" in w,
                "store": lambda w: w.startswith(d.state_dir + "/"),
                "epoll": lambda w: w == "anon_inode:[eventpoll]",
                "event": lambda w: w in ("anon_inode:[eventfd]",
                                         "anon_inode:[signalfd]",
                                         "anon_inode:[timerfd]"),
                "socket": lambda w: w.startswith("socket:"),
                "pipe": lambda w: w.startswith("pipe:"),
            }
            count = dict.fromkeys(kinds, 0)
            for fd, what in left.items():
                kind = next((k for k, is_it in kinds.items() if is_it(what)), None)
                self.assertIsNotNone(kind, f"worker holds {fd} -> {what}")
                count[kind] += 1
            self.assertEqual(count["region"], 1, left)
            self.assertEqual(count["log"], 1, left)
            # two listening sockets, its channel, a signal pair, one Slack
            # connection kept alive
            self.assertLessEqual(count["socket"], 2 + 1 + 2 + 2, left)
            self.assertLessEqual(count["store"], 8, left)
            self.assertLessEqual(count["pipe"], 2, left)
        self.check_sockets(d)
        d.stop()

    def check_sockets(self, d):
        """Listening sockets of the public port alone; no control socket."""
        listening, unix = {}, {}
        for name in ("tcp", "tcp6"):
            with open(f"/proc/{d.pid}/net/{name}", encoding="ascii") as f:
                for line in list(f)[1:]:
                    w = line.split()
                    if w[3] == "0A":
                        listening[w[9]] = int(w[1].rpartition(":")[2], 16)
        with open(f"/proc/{d.pid}/net/unix", encoding="ascii") as f:
            for line in list(f)[1:]:
                w = line.split()
                if len(w) > 7:
                    unix[w[6]] = w[7]
        for pid in d.workers():
            for what in lib.descriptors(pid).values():
                inode = (re.findall(r"socket:\[(\d+)\]", what) or [None])[0]
                if inode in listening:
                    self.assertEqual(listening[inode], d.port)
                self.assertNotIn(inode, unix)

    def test_reload_under_load(self):
        """HUP: no failed request, and the new configuration holds."""
        conf = os.path.join(self.dir, "reload.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("log_level = info\n")
        d = self.daemon(self.fake(), workers=2, env={"LOG_LEVEL": None})
        d.start("-c", conf)
        mcpclient.install(d)
        bad, done, stop = [], [0], threading.Event()

        def load(i):
            with Legacy(d).begin() as c:
                while not stop.is_set():
                    try:
                        if i % 2:
                            c.close()   # a connection each, else kept alive
                        a = c.request("ping") if done[0] % 5 else c.request(
                            "tools/call", {"name": "slack_list_channels",
                                           "arguments": {"limit": 2}})
                        if a.status != 200 or "result" not in a.json:
                            bad.append(a)
                        done[0] += 1
                    except (OSError, AssertionError) as e:
                        bad.append(repr(e))
                    time.sleep(0.01)

        threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        try:
            for round in range(3):
                old = d.workers()
                before = done[0]
                with open(conf, "w", encoding="ascii") as f:
                    f.write(f"log_level = {('debug', 'info', 'trace')[round]}\n")
                if round == 1:
                    d.ctl("reload")
                else:
                    d.kill(sig=signal.SIGHUP)
                lib.wait_until("new workers serve", lambda: len(
                    set(d.workers()) - set(old)) >= 2, 30)
                lib.wait_until("requests were answered",
                               lambda: done[0] > before + 50, 30)
        finally:
            stop.set()
            for t in threads:
                t.join()
        self.assertEqual(bad, [])
        self.assertRegex(d.ctl("show", "config").stdout, r"log_level\s+trace")
        lib.wait_until("the old ones have left", lambda: len(
            lib.children(d.pid)) == 2, 60)
        d.stop()

    def test_reload_of_a_bad_file(self):
        conf = os.path.join(self.dir, "bad.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write("session_ttl_ms = 60000\n")
        d = self.daemon(self.fake()).start("-c", conf)
        old = sorted(d.workers())
        with open(conf, "w", encoding="ascii") as f:
            f.write("session_ttl_ms = soon\n")
        done = d.ctl("reload", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("SESSION_TTL_MS", (done.stdout + done.stderr).upper())
        d.kill(sig=signal.SIGHUP)
        lib.wait_until("the log says why", lambda: "SESSION_TTL_MS" in
                       d.logs().upper(), 10)
        self.assertEqual(sorted(d.workers()), old)
        self.assertEqual(get(d, "/ready").status, 200)
        d.stop()

    def test_term_lets_requests_finish(self):
        slack = self.fake()
        d = self.daemon(slack).start()
        mcpclient.install(d)
        with Legacy(d).begin() as c:
            slack.fault("conversations.list", "slow", seconds=1.5)
            got = []
            t = threading.Thread(target=lambda: got.append(
                c.tool("slack_list_channels", limit=2)))
            t.start()
            self.assertTrue(slack.wait_calls("conversations.list", 1))
            d.proc.terminate()
            t.join()
        self.assertTrue(got and got[0].ok, got)
        d.stop()

    def test_second_term_ends_now(self):
        slack = self.fake()
        d = self.daemon(slack, env={"DRAIN_TIMEOUT": "60"}).start()
        mcpclient.install(d)
        with Legacy(d).begin() as c:
            slack.fault("conversations.list", "slow", seconds=20)
            t = threading.Thread(target=lambda: c.post(
                {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                    "name": "slack_list_channels", "arguments": {}}}, c.heads()))
            threading.excepthook = lambda *_: None
            t.start()
            self.assertTrue(slack.wait_calls("conversations.list", 1))
            d.proc.terminate()
            lib.wait_until("it drains", lambda: get(
                d, "/ready", fail=False, port=d.admin_port).status != 200)
            d.proc.terminate()
            began = time.monotonic()
            d.wait(15)
            self.assertLess(time.monotonic() - began, 10 * lib.SLOW)
            t.join()
        d.stop()


if __name__ == "__main__":
    unittest.main()
