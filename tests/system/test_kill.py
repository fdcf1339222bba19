# SPDX-License-Identifier: ISC
"""What a stop and a start leave, and what a process holds and waits for."""
import glob
import json
import os
import shutil
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

    def test_sessions_and_install_survive_a_stop(self):
        d = self.daemon(self.fake()).start()
        mcpclient.install(d)
        key = d.key_add("agent", "--workspaces", "T0ACME0001")
        sessions = []
        for i in range(self.SESSIONS):
            c = Legacy(d, (key, d.key)[i % 2],
                       mcpclient.LEGACY[i % len(mcpclient.LEGACY)])
            sessions.append(c.begin())
            c.close()
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

    # What a worker may hold (DESIGN.md 2 and 7): how many at least and at most.
    MAY_HOLD = {
        "/dev/null": (1, 1), "log": (1, 1), "stderr": (2, 2), "region": (1, 1),
        "epoll": (1, 1), "pipe": (2, 2),            # curl's wake-up
        "database": (1, 2), "wal": (1, 2), "shm": (1, 1),
        "listening": (2, 2), "channel and signals": (3, 3),
        "to Slack": (0, 2), "to a client": (0, 0), "else": (0, 0)}

    def test_workers_hold_only_what_they_may(self):
        """/proc/PID/fd of each worker is the list of DESIGN.md 2."""
        d = self.daemon(self.fake(), workers=2, env={
            "LOG_TARGET": os.path.join(self.dir, "fd.log")}).start()
        mcpclient.install(d)

        def closed():   # what the harness asked is over
            return all("to a client" not in [self.kind(d, *x) for x in
                       lib.descriptors(pid).items()] for pid in d.workers())
        lib.wait_until("the clients' connections are closed", closed, 5)
        for generation in range(2):
            for pid in d.workers():
                held = {fd: self.kind(d, fd, what)
                        for fd, what in lib.descriptors(pid).items()}
                for kind, (least, most) in self.MAY_HOLD.items():
                    count = list(held.values()).count(kind)
                    self.assertTrue(least <= count <= most, (
                        f"{count} of {kind}", held, lib.descriptors(pid)))
            if generation == 0:     # and none comes down from an old generation
                old = d.workers()
                d.ctl("reload")
                lib.wait_until("new workers", lambda: len(
                    set(d.workers()) - set(old)) == 2, 30)
                mcpclient.known(d, "T0ACME0001")
                lib.wait_until("old ones gone", lambda: len(
                    lib.children(d.pid)) == 2, 30)
                lib.wait_until("closed", closed, 5)
        d.stop()

    @staticmethod
    def kind(d, fd, what):
        """Which row of MAY_HOLD this descriptor is."""
        names = {"/dev/null": "/dev/null", d.env["LOG_TARGET"]: "log",
                 d.log: "stderr", os.path.join(d.run_dir, "region"): "region",
                 "anon_inode:[eventpoll]": "epoll"}
        if what in names:
            return names[what]
        if what.startswith(d.state_dir + "/"):
            return {"-wal": "wal", "-shm": "shm"}.get(what[-4:], "database")
        if what.startswith("pipe:"):
            return "pipe"
        inode = what.removeprefix("socket:[").removesuffix("]")
        with open(f"/proc/{d.pid}/net/unix", encoding="ascii") as f:
            for line in f:
                words = line.split()
                if words[6] == inode:   # one with a name is the control socket
                    return "channel and signals" if len(words) == 7 else "else"
        with open(f"/proc/{d.pid}/net/tcp", encoding="ascii") as f:
            for line in f:
                words = line.split()
                if words[9] != inode:
                    continue
                local, remote = (int(words[i].rpartition(":")[2], 16)
                                 for i in (1, 2))
                if words[3] == "0A":
                    return "listening" if local == d.port else "else"
                if remote == d.fake.port:
                    return "to Slack"
                return "to a client" if local == d.port else "else"
        return "else"

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

    def test_term_lets_a_post_finish(self):
        """Beyond DRAIN_TIMEOUT, up to UPSTREAM_TIMEOUT: its row is told."""
        slack = self.fake()
        d = self.daemon(slack, env={"DRAIN_TIMEOUT": "1"}).start()
        mcpclient.install(d)
        slack.fault("chat.postMessage", "slow", seconds=4)
        self.post_and_leave(d, slack, "drained")
        d.stop()
        self.assertEqual(self.posted(slack, "drained"), 1)
        d.start()
        with Legacy(d).begin() as c:
            t = c.tool("slack_post_message", channel_id="CARANDOM01",
                       text="drained", idempotency_key="drained")
            self.assertTrue(t.ok, t)
            self.assertRegex(t.text, "(?i)earlier")
        self.assertEqual(self.posted(slack, "drained"), 1)
        d.stop()

    def test_kill_during_a_post(self):
        """Nobody knows, so it is said, and never sent again."""
        slack = self.fake()
        d = self.daemon(slack).start()
        mcpclient.install(d)
        slack.fault("chat.postMessage", "hold")
        self.post_and_leave(d, slack, "killed")
        d.kill_workers()
        with Legacy(d).begin() as c:
            t = c.tool("slack_post_message", channel_id="CARANDOM01",
                       text="killed", idempotency_key="killed")
            self.assertTrue(t.error, t)
            self.assertRegex(t.text, "(?i)may have been posted")
        slack.release()
        lib.wait_until("Slack did it", lambda: self.posted(slack, "killed") == 1, 5)
        self.assertEqual(len(slack.calls("chat.postMessage")), 1)
        d.stop()

    @staticmethod
    def posted(slack, text):
        c = slack.world.teams["T0ACME0001"].channels["CARANDOM01"]
        return sum(m["text"] == text for m in c.messages)

    def post_and_leave(self, d, slack, text):
        """Returns once Slack has the request; the client is gone by then."""
        with Legacy(d).begin() as c:
            body = json.dumps({
                "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                    "name": "slack_post_message", "arguments": {
                        "channel_id": "CARANDOM01", "text": text,
                        "idempotency_key": text}}})
            c.conn.request("POST", "/mcp", body, c.heads({
                "Authorization": f"Bearer {d.key}",
                "Content-Type": "application/json"}))
            self.assertTrue(slack.wait_calls("chat.postMessage", 1))

    def test_term_waits_for_what_must_finish(self):
        """A post and an OAuth code that Slack has got outlive DRAIN_TIMEOUT: the
        client hears nothing any more, the store knows."""
        slack = self.fake()
        d = self.daemon(slack, env={"DRAIN_TIMEOUT": "500ms"}).start()
        mcpclient.install(d)
        for method in ("chat.postMessage", "oauth.v2.access"):
            slack.fault(method, "slow", seconds=4)
        since = slack.mark()

        def post():
            with Legacy(d).begin() as c:
                c.tool("slack_post_message", channel_id="CAGENERAL1", text="last")

        def install():
            mcpclient.install(d, "T0BETA0001")

        threading.excepthook = lambda *_: None
        threads = [threading.Thread(target=t) for t in (post, install)]
        for t in threads:
            t.start()
        self.assertTrue(slack.wait_calls("chat.postMessage", 1, since))
        self.assertTrue(slack.wait_calls("oauth.v2.access", 1, since))
        d.stop()
        for t in threads:
            t.join()
        self.assertEqual(d.sql("SELECT state FROM posts"), [("posted",)])
        self.assertEqual(d.sql("SELECT COUNT(*) FROM installs"), [(2,)])

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
