# SPDX-License-Identifier: ISC
"""A daemon among daemons: what is installed, the init script, logrotate."""
import base64
import glob
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import lib
import mcpclient
from host import NOBODY, needs, read, root_only, run, write
from mcpclient import Legacy, get


class Installed(lib.Suite):
    """The files of make install, without a daemon."""
    may_hold_secrets = (*lib.Suite.may_hold_secrets, "api.key")

    def good(self, *argv):
        done = run(*argv)
        self.assertEqual(done.returncode, 0, f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_where(self):
        rows = {"etc/init.d/slackmcpd": 0o755, "etc/default/slackmcpd": 0o644,
                "etc/logrotate.d/slackmcpd": 0o644,
                "etc/slackmcpd/slackmcpd.conf": 0o640,
                "etc/slackmcpd/slackmcpd.env.example": 0o640,
                "lib/systemd/system/slackmcpd.service": 0o644,
                "lib/sysusers.d/slackmcpd.conf": 0o644,
                "lib/tmpfiles.d/slackmcpd.conf": 0o644}
        for path, mode in rows.items():
            found = lib.installed(path)
            self.assertEqual(os.stat(found).st_mode & 0o777, mode, path)
            text = read(found)
            self.assertNotRegex(text, r"@[a-z_]+@|\$\{prefix\}", path)
        self.assertIn(f"ExecStart={self.sbin()}/slackmcpd -f\n", self.unit())
        self.assertIn(f"DAEMON={self.sbin()}/slackmcpd\n",
                      read(lib.installed("etc/init.d/slackmcpd")))

    @staticmethod
    def sbin():
        root = os.environ["SLACKMCP_ROOT"]
        return os.path.dirname(lib.program("slackmcpd"))[len(root):]

    @staticmethod
    def unit():
        return read(lib.installed("system/slackmcpd.service"))

    def install(self, what, *more):
        return self.good("make", "-s", "-C", os.environ["SLACKMCP_BUILD"], what,
                         f"DESTDIR={self.dir}/root", *more)

    @unittest.skipUnless(os.environ.get("SLACKMCP_BUILD"), "needs run.py --build")
    def test_configuration_is_kept(self):
        self.install("install")
        base = f"{self.dir}/root"
        files = [f for f in glob.glob(f"{base}/**", recursive=True)
                 if os.path.isfile(f)]
        mine = [f for f in files if re.search(
            r"/etc/(default|logrotate\.d)/slackmcpd$|/slackmcpd\.conf$", f) and
            "/etc/" in f]
        self.assertEqual(len(mine), 3, files)
        for path in mine:
            write(path, "# mine\n", 0o600)
        initd = [f for f in files if f.endswith("/init.d/slackmcpd")][0]
        write(initd, "old\n")
        said = self.install("install-data")
        for path in mine:
            self.assertEqual(read(path), "# mine\n")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            self.assertIn(path, said)
        self.assertIn("BEGIN INIT INFO", read(initd))
        self.install("uninstall")
        left = [f for f in glob.glob(f"{base}/**", recursive=True)
                if os.path.isfile(f)]
        self.assertEqual(sorted(left), sorted(mine))

    @unittest.skipUnless(os.environ.get("SLACKMCP_BUILD"), "needs run.py --build")
    def test_configure_options(self):
        """The unit under another name; nothing for systemd; odd prefixes."""
        makefile = read(os.path.join(os.environ["SLACKMCP_BUILD"], "Makefile"))
        top = os.path.join(os.environ["SLACKMCP_BUILD"], re.search(
            r"(?m)^top_srcdir = (.*)$", makefile).group(1))

        def built(name, *options):
            there = os.path.join(self.dir, name)
            os.makedirs(there)
            done = run(os.path.abspath(f"{top}/configure"), "-q", *options, cwd=there,
                       seconds=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.good("make", "-s", "-C", there, "install-data-local",
                      f"DESTDIR={there}/root")
            return sorted(f[len(f"{there}/root"):] for f in
                          glob.glob(f"{there}/root/**", recursive=True)
                          if os.path.isfile(f))
        other = built("other", "--prefix=/usr", "--sysconfdir=/etc",
                      "--with-unit-name=slack-mcp-server",
                      "--with-tmpfilesdir=/odd/tmpfiles")
        self.assertIn("/usr/lib/systemd/system/slack-mcp-server.service", other)
        self.assertIn("/etc/init.d/slack-mcp-server", other)
        self.assertIn("/odd/tmpfiles/slackmcpd.conf", other)
        self.assertIn("/etc/slackmcpd/slackmcpd.conf", other)
        self.assertRegex(read(f"{self.dir}/other/root/etc/init.d/slack-mcp-server"),
                         r"# Provides: +slack-mcp-server\n")
        self.assertIn("ExecStart=/usr/sbin/slackmcpd -f\n", read(
            f"{self.dir}/other/root/usr/lib/systemd/system/slack-mcp-server.service"))
        self.assertEqual(built("none", "--prefix=/opt/x", "--without-systemd",
                               "--without-initd"),
                         ["/opt/x/etc/logrotate.d/slackmcpd",
                          "/opt/x/etc/slackmcpd/slackmcpd.conf",
                          "/opt/x/etc/slackmcpd/slackmcpd.env.example"])

    def test_samples(self):
        """The configurations as installed, and with their examples taken."""
        text = read(lib.installed("etc/slackmcpd/slackmcpd.conf"))
        d = self.daemon()
        same = write(os.path.join(d.dir, "sample.conf"), text)
        done = d.run("-c", same, "-t")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        block = re.findall(r"(?m)^# (\w+ = .*)$", text[text.index("## Production"):])
        self.assertGreater(len(block), 8)
        for name in [n for n in d.env if not n.endswith("_DIR")]:
            d.env.pop(name)
        block = "\n".join(block).replace("/etc/slackmcpd/", d.dir + "/").replace(
            "run_user = slackmcpd", "")
        write(os.path.join(d.dir, "client.secret"), "s" * 32 + "\n", 0o600)
        write(os.path.join(d.dir, "api.key"), self.secret(
            "api key", os.urandom(32).hex()) + "\n", 0o600)
        write(os.path.join(d.dir, "store.password"), "p" * 16 + "\n", 0o600)
        write(os.path.join(d.dir, "token.keys"), "k1:" + self.secret(
            "token key", base64.b64encode(os.urandom(32)).decode()) + "\n", 0o600)
        conf = write(os.path.join(d.dir, "production.conf"), block, 0o600)
        done = d.run("-c", conf, "-t")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        env = write(os.path.join(d.dir, "x.env"), re.sub(
            r"(?m)^#(?=[A-Z])", "", read(lib.installed("slackmcpd.env.example"))), 0o600)
        done = d.run("-c", env, "-t")
        self.assertNotIn("no option", done.stdout + done.stderr)
        script = read(lib.installed("init.d/slackmcpd"))
        for row in re.findall(r"(?m)^#?([A-Z_]+=.*)$", read(
                lib.installed("default/slackmcpd"))):
            self.assertIn(f"\n{row}\n", script)    # these are its defaults

    def test_headers_of_the_init_script(self):
        text = read(lib.installed("init.d/slackmcpd"))
        head = text[text.index("### BEGIN INIT INFO"):text.index("### END INIT INFO")]
        for name in ("Provides", "Required-Start", "Required-Stop", "Default-Start",
                     "Default-Stop", "Short-Description", "Description"):
            self.assertRegex(head, rf"(?m)^# {name}: +\S")

@root_only
class Init(lib.Suite):
    """The init script, as root, with folders of its own."""
    may_hold_secrets = (*lib.Suite.may_hold_secrets, "init.conf")

    def service(self, fake=None, **defaults):
        """A daemon that only the script starts."""
        d = self.daemon(fake)
        d.env["LOG_TARGET"] = d.log
        d.conf = os.path.join(d.dir, "init.conf")
        d.good = "".join(f"{k}={v}\n" for k, v in d.env.items()
                         if k not in ("RUN_DIR", "CONTROL_SOCKET"))
        write(d.conf, d.good, 0o600)
        rows = {"DAEMON": lib.program("slackmcpd"), "CONFIG": d.conf,
                "RUN_DIR": d.run_dir, **defaults}
        d.defaults = write(os.path.join(d.dir, "default"), read(
            lib.installed("default/slackmcpd")) +
            "".join(f"{k}='{v}'\n" for k, v in rows.items()))
        d.pid_file = os.path.join(d.run_dir, "slackmcpd.pid")
        self.addCleanup(self.clear_up, d)
        return d

    def clear_up(self, d):
        if os.path.exists(d.pid_file):
            pid = int(read(d.pid_file) or 0)
            if pid > 1 and lib.alive(pid) and pid != os.getpid():
                for p in of_master(pid):
                    os.kill(p, signal.SIGKILL)

    def sh(self, d, status, *words, **more):
        """Its pipes end with the script, not with the daemon."""
        env = {k: v for k, v in d.environ().items() if k not in d.env}
        done = run(lib.installed("init.d/slackmcpd"), *words, env={
            **env, "SLACKMCPD_DEFAULTS": d.defaults, "SYSTEMCTL_SKIP_REDIRECT": "1"},
            cwd="/", seconds=90, **more)
        self.assertEqual(done.returncode, status,
                         f"{words}: {done.stdout}{done.stderr}")
        self.said(done.stdout + done.stderr)
        return done.stdout + done.stderr

    @staticmethod
    def master(d):
        return int(read(d.pid_file))

    def test_life(self):
        d = self.service()
        self.sh(d, 3, "status")
        self.sh(d, 0, "stop")
        self.sh(d, 7, "reload")
        self.sh(d, 7, "force-reload")
        self.sh(d, 0, "try-restart")
        self.sh(d, 3, "status")

        self.sh(d, 0, "start")
        self.assertEqual(get(d, "/ready").status, 200)      # it waited
        pid, workers = self.master(d), d.workers()
        self.assertIn(str(pid), self.sh(d, 0, "status"))
        self.assertIn(str(pid), self.sh(d, 0, "start"))     # once more
        self.assertEqual((self.master(d), d.workers()), (pid, workers))
        for fd in (0, 1, 2):
            self.assertEqual(lib.descriptors(pid)[fd], "/dev/null")
            self.assertEqual(lib.descriptors(workers[0])[fd], "/dev/null")

        for word in ("reload", "force-reload"):
            workers = set(d.workers())
            self.sh(d, 0, word)
            lib.wait_until("a new generation serves", lambda w=workers: len(
                set(d.workers()) - w) >= 2, 30)
            self.assertEqual(self.master(d), pid)

        with Legacy(d).begin() as c:
            self.sh(d, 0, "restart")
            self.assertFalse(lib.alive(pid))
            self.assertNotEqual(self.master(d), pid)
            self.assertTrue(c.ping())   # the region outlived it
        pid = self.master(d)
        self.sh(d, 0, "try-restart")
        self.assertNotEqual(self.master(d), pid)

        pid, workers = self.master(d), d.workers()
        self.sh(d, 0, "stop")                       # it waits as well
        self.assertEqual([p for p in (pid, *workers) if lib.alive(p)], [])
        self.assertFalse(os.path.exists(d.pid_file))
        self.sh(d, 3, "status")
        self.sh(d, 0, "stop")
        self.sh(d, 0, "restart")                    # starts what is stopped
        self.sh(d, 0, "stop")

    def test_after_a_kill(self):
        d = self.service()
        self.sh(d, 0, "start")
        for action, then in (("start", 0), ("restart", 0), ("stop", 3)):
            pid = self.master(d)
            os.kill(pid, signal.SIGKILL)
            lib.wait_until("it is dead", lambda p=pid: not lib.alive(p), 10)
            self.sh(d, 1, "status")
            self.sh(d, 7, "reload")
            self.sh(d, 0, action)
            self.sh(d, then, "status")
        self.assertFalse(os.path.exists(d.pid_file))

    def test_pid_file_that_names_somebody_else(self):
        d = self.service()
        os.makedirs(d.run_dir)
        for text in (f"{os.getpid()}\n", "1\n", "-1\n", "0\n", "nonsense; reboot\n", ""):
            with self.subTest(text):
                write(d.pid_file, text)
                self.sh(d, 1, "status")
                self.sh(d, 7, "reload")
                self.sh(d, 0, "stop")
        self.sh(d, 0, "start")
        self.sh(d, 0, "stop")

    def test_broken_configuration(self):
        d = self.service()
        write(d.conf, d.good + "SESSION_TTL_MS=soon\n", 0o600)
        self.assertIn("SESSION_TTL_MS", self.sh(d, 6, "start"))
        self.sh(d, 3, "status")
        write(d.conf, d.good, 0o600)
        self.sh(d, 0, "start")
        pid, workers = self.master(d), d.workers()
        write(d.conf, d.good + "SESSION_TTL_MS=soon\n", 0o600)
        for word in ("reload", "force-reload", "restart", "try-restart"):
            with self.subTest(word):
                said = self.sh(d, 6, word)
                self.assertEqual(said.count("SESSION_TTL_MS"), 1, said)
        self.assertEqual((self.master(d), d.workers()), (pid, workers))
        self.assertEqual(get(d, "/ready").status, 200)
        self.sh(d, 0, "start")                      # it runs
        self.sh(d, 0, "stop")                       # and can be stopped
        os.unlink(d.conf)
        self.sh(d, 6, "start")

    def test_cannot_start(self):
        d = self.service()
        with socket.socket() as s:
            s.bind(("127.0.0.1", d.port))
            s.listen()
            said = self.sh(d, 6, "start")
            self.assertIn("PORT", said)
            self.assertIn(str(d.port), said)
        self.sh(d, 3, "status")

    def test_words(self):
        d = self.service()
        for words in ((), ("nonsense",), ("start", "now"), ("",), ("status", "x")):
            with self.subTest(words):
                self.assertIn("usage", self.sh(d, 2, *words))

    def test_not_allowed_or_not_there(self):
        d = self.service()
        nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        if os.access(lib.installed("init.d/slackmcpd"), os.X_OK):
            for word in ("start", "stop", "restart", "reload"):
                self.sh(d, 4, word, **nobody)
            self.sh(d, 3, "status", **nobody)
        self.sh(d, 0, "start")
        self.sh(d, 0, "status", **nobody)
        self.sh(d, 0, "stop")
        off = self.service(ENABLED="no")
        self.sh(off, 6, "start")
        self.sh(off, 6, "restart")
        self.sh(off, 0, "stop")
        gone = self.service(DAEMON="/nonexistent/slackmcpd")
        self.sh(gone, 5, "start")
        self.sh(gone, 3, "status")

    def test_options(self):
        d = self.service(OPTIONS="-o workers=3 -o log_level=info")
        self.sh(d, 0, "start")
        self.assertEqual(len(d.workers()), 3)
        self.sh(d, 0, "stop")

    def test_log_without_a_terminal(self):
        """stderr is nobody's: then syslog, if there is one."""
        d = self.service()
        write(d.conf, d.good.replace(f"LOG_TARGET={d.log}", "LOG_TARGET=stderr"), 0o600)
        if os.path.exists("/dev/log"):
            self.sh(d, 0, "start")
            self.sh(d, 0, "stop")
        else:
            self.assertIn("LOG_TARGET", self.sh(d, 6, "start"))

    def slow_call(self, d, slack, seconds):
        """A tool call that Slack keeps waiting: (thread, its answer)."""
        answer = []
        slack.fault("conversations.list", "slow", seconds=seconds)
        since = slack.mark()

        def call():
            try:
                with Legacy(d).begin() as c:
                    answer.append(c.tool("slack_list_channels").answer.status)
            except OSError as e:
                answer.append(e)
        t = threading.Thread(target=call)
        t.start()
        slack.wait_calls("conversations.list", 1, since=since, seconds=20 * lib.SLOW)
        return t, answer

    def test_stop_waits(self):
        slack = self.fake()
        d = self.service(slack)
        self.sh(d, 0, "start")
        mcpclient.install(d)
        t, answer = self.slow_call(d, slack, 2)
        self.sh(d, 0, "stop")
        t.join(20)
        self.assertEqual(answer, [200])
        self.sh(d, 3, "status")

    def test_stop_ends_what_does_not_end(self):
        slack = self.fake()
        d = self.service(slack, STOP_TIMEOUT="1")
        self.sh(d, 0, "start")
        mcpclient.install(d)
        t, answer = self.slow_call(d, slack, 20)
        began, pid = time.monotonic(), self.master(d)
        self.sh(d, 0, "stop")
        self.assertLess(time.monotonic() - began, 15 * lib.SLOW)
        self.assertFalse(lib.alive(pid))
        t.join(30)
        self.assertNotEqual(answer, [200])
        self.sh(d, 3, "status")


def of_master(pid):
    return [pid, *lib.children(pid)]


@root_only
class Rotate(lib.Suite):
    @needs("logrotate")
    def test_no_line_is_lost(self):
        """The installed file, the real program, requests all the while."""
        d = self.daemon(env={"LOG_LEVEL": "info"})
        folder = os.path.join(d.dir, "log")
        os.makedirs(folder, mode=0o755)
        path = os.path.join(folder, "slackmcpd.log")
        d.env["LOG_TARGET"] = path
        text = read(lib.installed("logrotate.d/slackmcpd"))
        for was, now in ((r"\S*/log/slackmcpd/", folder + "/"),
                         (r"\S*/run/slackmcpd/", d.run_dir + "/")):
            self.assertRegex(text, was)
            text = re.sub(r"(?<=[\s<])" + was.replace(r"\S*", "[^\\s<]*"), now, text)
        conf = write(os.path.join(d.dir, "logrotate.conf"), text)
        d.start()
        ids, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                ids.append(get(d, "/nowhere").header("X-Request-Id"))
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for t in threads:
            t.start()
        try:
            for _ in range(3):
                done = run("logrotate", "-f", "-s", os.path.join(d.dir, "lr.state"), conf)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stderr, "")
                lib.wait_until("all write into the new file", lambda: all(
                    path in lib.descriptors(p).values() for p in
                    (d.pid, *d.workers())), 20)
                some = len(ids)
                lib.wait_until("more requests", lambda s=some: len(ids) > s + 40, 20)
        finally:
            stop.set()
            for t in threads:
                t.join(30)
        d.stop()
        self.assertEqual(sorted(os.listdir(folder)),
                         ["slackmcpd.log", "slackmcpd.log.1", "slackmcpd.log.2.gz",
                          "slackmcpd.log.3.gz"])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        lines = []
        for name in os.listdir(folder):
            opened = gzip.open if name.endswith(".gz") else open
            with opened(os.path.join(folder, name), "rt", encoding="utf-8") as f:
                lines += [json.loads(line) for line in f]       # whole lines
        text = json.dumps(lines)
        self.assertGreater(len(ids), 120)
        self.assertEqual([i for i in ids if text.count(f'"{i}"') != 1], [])

    @needs("logrotate")
    def test_a_pid_file_that_was_left_behind(self):
        """USR1 would end a program that does not know it."""
        folder = os.path.join(self.dir, "stale")
        os.makedirs(folder, mode=0o755)
        text = read(lib.installed("logrotate.d/slackmcpd"))
        text = re.sub(r"/\S*/log/slackmcpd/", folder + "/", text)
        text = re.sub(r"/[^\s<]*/?run/slackmcpd/", folder + "/", text)
        conf = write(os.path.join(self.dir, "stale.conf"), text)
        other = subprocess.Popen(["sleep", "60"])
        try:
            for pid in ("", f"{other.pid}\n", "999999999\n"):
                write(os.path.join(folder, "slackmcpd.log"), "line\n")
                write(os.path.join(folder, "slackmcpd.pid"), pid)
                done = run("logrotate", "-f", "-s", os.path.join(self.dir, "st"), conf)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIsNone(other.poll())
        finally:
            other.kill()
            other.wait()


if __name__ == "__main__":
    unittest.main()
