# SPDX-License-Identifier: ISC
"""The control socket: every command, as text and as JSON, and who may."""
import grp
import json
import os
import signal
import socket
import stat
import subprocess
import unittest

import lib
import mcpclient
from mcpclient import Legacy, get

COMMANDS = ("help", "install approve", "install disable", "install enable",
            "install retry", "install revoke", "install rotate", "key add", "key list", "key revoke", "reload",
            "show config", "show info", "show installs", "show keys",
            "show sessions", "show workers", "stop", "team purge", "user purge")


class Control(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack).start()
        mcpclient.install(cls.d)

    def test_help_lists_all(self):
        said = self.d.ctl("help").stdout
        for words in COMMANDS:
            self.assertRegex(said, rf"(?m)^\s*{words}\b")
        rows = self.d.ctl_json("help")
        self.assertEqual(len(rows), len(COMMANDS))

    def test_every_show(self):
        for what in ("info", "workers", "sessions", "installs", "keys", "config"):
            with self.subTest(what):
                text = self.d.ctl("show", what).stdout
                self.assertTrue(text.strip())
                rows = self.d.ctl_json("show", what)
                self.assertIsInstance(rows, (list, dict))
        self.assertEqual(self.d.ctl("show", "keys").stdout,
                         self.d.ctl("key", "list").stdout)

    def test_info(self):
        said = self.d.ctl("show", "info").stdout
        self.assertRegex(said, r"version")
        self.assertRegex(said, rf"pid\s+{self.d.pid}\b")
        self.assertRegex(said, r"requests\s+\d+")

    def test_workers(self):
        pids = self.d.workers()
        self.assertEqual(len(pids), 2)
        lib.wait_until("there is nobody else, when no job runs",
                       lambda: lib.children(self.d.pid) == sorted(pids))

    def test_sessions(self):
        with Legacy(self.d).begin() as c:
            said = self.d.ctl("show", "sessions").stdout
            self.assertIn(c.session[:8], said)
            self.assertNotIn(c.session, said)   # the id is not shown whole

    def test_keys(self):
        key = self.d.key_add("round-trip", "--workspaces", "T0ACME0001", "--role",
                             "write", "--read", "CAGENERAL1", "--rate", "60/10",
                             "--expires", "7d")
        said = self.d.ctl("key", "list").stdout
        self.assertIn("round-trip", said)
        self.assertNotIn(key, said)
        with Legacy(self.d, key) as c:
            lib.wait_until("it is known", lambda: c.initialize().status == 200, 4)
        done = self.d.ctl("key", "add", "round-trip", check=False)
        self.assertNotEqual(done.returncode, 0)     # the name is taken
        self.d.ctl("key", "revoke", "round-trip")
        with Legacy(self.d, key) as c:
            lib.wait_until("it is refused", lambda: c.initialize().status == 401, 4)
        done = self.d.ctl("key", "revoke", "round-trip", check=False)
        self.assertNotEqual(done.returncode, 0)
        said = self.d.ctl("key", "add", "aimless")
        self.assertRegex(said.stdout + said.stderr, "(?i)no workspace|reaches no")
        row = json.loads(self.d.ctl("--json", "key", "add", "as-json").stdout)
        self.assertRegex(json.dumps(row), r"sk_[A-Za-z0-9_-]{20,}")

    def test_bad_options(self):
        for args in (("--role", "king"), ("--workspaces",), ("--rate", "fast"),
                     ("--expires", "never"), ("--workspaces", "nonsense!"),
                     ("--nonsense",), ("--toolsets", "none-such")):
            with self.subTest(args):
                done = self.d.ctl("key", "add", "bad", *args, check=False)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertTrue((done.stdout + done.stderr).strip())
        for name in ("", "two words", "x" * 65, "-", "a/b"):
            done = self.d.ctl("key", "add", name, check=False)
            self.assertNotEqual(done.returncode, 0, (name, done.stdout))

    def test_unknown(self):
        for args, near in ((("show", "worker"), "workers"), (("sohw", "info"), "show"),
                           (("key", "lst"), "list"), (("install",), "."),
                           (("install", "approve"), "team"),
                           (("install", "approve", "T0NOBODY"), "T0NOBODY"),
                           (("help", "me", "now"), ".")):
            with self.subTest(args):
                done = self.d.ctl(*args, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stdout + done.stderr, near)
                done = self.d.ctl("--json", *args, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("error", json.loads(done.stdout))

    def test_no_daemon(self):
        done = subprocess.run(
            [lib.program("slackmcpctl"), "-s", self.dir + "/none", "show", "info"],
            capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("slackmcpd", done.stderr)

    def talk(self, data, seconds=20):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(seconds)
            s.connect(self.d.socket)
            s.sendall(data)
            out = b""
            try:
                while chunk := s.recv(65536):
                    out += chunk
            except ConnectionResetError:
                pass
        return out

    def test_by_hand(self):
        """As socat speaks to it; and what is no command."""
        self.assertIn(b"version", self.talk(b"show info\n"))
        self.assertTrue(json.loads(self.talk(b"--json show info\n")))
        for junk in (b"\n", b"\0\0\0\n", b"x" * 5000 + b"\n", b"'unclosed\n",
                     b"\xff\xfe\n", b"show info" + b" x" * 100 + b"\n"):
            out = self.talk(junk)
            self.assertTrue(out == b"" or out.startswith(b"error"), out[:100])
        self.assertEqual(get(self.d, "/ready").status, 200)

    def test_silent_and_slow_askers_hold_nobody(self):
        held = []
        try:
            for _ in range(30):
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(5)
                try:
                    s.connect(self.d.socket)
                    s.setblocking(False)
                    s.send(b"show ")
                except OSError:
                    s.close()
                    break
                held.append(s)
            self.assertEqual(get(self.d, "/health", port=self.d.admin_port).status,
                             200)
        finally:
            for s in held:
                s.close()
        lib.wait_until("commands work", lambda: self.d.ctl(
            "show", "info", check=False).returncode == 0, 20)

    def test_mode(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.d.socket).st_mode), 0o600)

    def test_a_stopped_worker_is_named(self):
        pid = self.d.workers()[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            done = self.d.ctl("show", "workers")
            self.assertIn(str(pid), done.stdout)
            for _ in range(3):      # one of the others answers, or it is said
                done = self.d.ctl("key", "list", check=False)
                self.assertTrue(done.returncode == 0 or
                                str(pid) in done.stdout + done.stderr)
        finally:
            os.kill(pid, signal.SIGCONT)


class WorkerDies(lib.Suite):
    """The worker that a command was given to ends before it answers."""

    def setUp(self):
        slack = self.fake()
        self.d = self.daemon(slack, workers=2, env={"LOG_LEVEL": "debug"}).start()
        mcpclient.install(self.d)

    def asked(self, line):
        """What a command says when the newest worker dies with it: that one is
        asked first."""
        d, before = self.d, set(self.d.workers())
        d.kill(before.pop())
        lib.wait_until("a new one is there", lambda: (
            len(d.workers()) == 2 and set(d.workers()) - before))
        pid, = set(d.workers()) - before
        words = " ".join(line.split()[:2])
        seen = d.logs().count(words)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(d.socket)
            os.kill(pid, signal.SIGSTOP)
            s.sendall(line.encode() + b"\n")
            lib.wait_until("it is asked", lambda: d.logs().count(words) > seen)
            os.kill(pid, signal.SIGKILL)
            return b"".join(iter(lambda: s.recv(4096), b"")).decode()

    def test_what_reads_is_asked_again(self):
        said = self.asked("show installs")
        self.assertNotIn("error", said)
        self.assertIn("T0ACME0001", said)

    def test_what_changes_is_not(self):
        self.assertIn("error: the worker ended before it answered",
                      self.asked("key revoke nobody"))


@unittest.skipUnless(os.getuid() == 0, "needs root")
class Levels(lib.Suite):
    def as_user(self, d, uid, gid, *args, more=()):
        return subprocess.run(
            [lib.program("slackmcpctl"), "-s", d.socket, *args],
            capture_output=True, text=True, timeout=30, check=False, user=uid,
            group=gid, extra_groups=list(more), env={"PATH": "/usr/bin:/bin"})

    def test_group_only_shows(self):
        d = self.daemon(self.fake(), env={"CONTROL_GROUP": "daemon"}).start()
        gid = grp.getgrnam("daemon").gr_gid
        os.chmod(d.run_dir, os.stat(d.run_dir).st_mode | 0o011)
        st = os.stat(d.socket)
        self.assertEqual((stat.S_IMODE(st.st_mode), st.st_gid), (0o660, gid))
        done = self.as_user(d, 4321, gid, "show", "info")
        self.assertEqual(done.returncode, 0, done.stderr)
        # a member by a further group; nobody's NSS is asked
        done = self.as_user(d, 4321, 4321, "show", "info", more=(4322, gid))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.as_user(d, 4321, 4321, "stop", more=(gid,))
        self.assertEqual(done.returncode, 1, done.stderr)
        for args in (("stop",), ("reload",), ("key", "add", "x"),
                     ("install", "revoke", "T0ACME0001"), ("key", "revoke", "x")):
            done = self.as_user(d, 4321, gid, *args)
            self.assertEqual(done.returncode, 1, (args, done.stdout))
            self.assertRegex(done.stdout + done.stderr, "(?i)permitted|allowed|may")
        self.assertEqual(get(d, "/ready").status, 200)
        done = self.as_user(d, 4321, 4321, "show", "info")
        self.assertEqual(done.returncode, 1)
        self.assertIn("CONTROL_GROUP", done.stderr)
        d.stop()

    def test_stop(self):
        d = self.daemon(self.fake()).start()
        said = d.ctl("stop").stdout
        self.assertTrue(said.strip())
        self.assertEqual(d.wait(), 0)
        self.assertFalse(os.path.exists(d.socket))
        d.stop()


if __name__ == "__main__":
    unittest.main()
