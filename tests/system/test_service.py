# SPDX-License-Identifier: ISC
"""A daemon among daemons: what is installed, the init script, systemd's unit
and its protocol, sysusers, tmpfiles, logrotate."""
import glob
import gzip
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import cage
import lib
import mcpclient
from mcpclient import Legacy, get

NOBODY = 65534
root_only = unittest.skipUnless(os.getuid() == 0, "needs root")


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return unittest.skipIf(missing, f"needs {' '.join(missing)}")


def run(*argv, seconds=60, **more):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=seconds * lib.SLOW, check=False, **more)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


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

    @needs("systemd-analyze")
    def test_unit(self):
        unit = write(os.path.join(self.dir, "slackmcpd.service"), self.unit().replace(
            f"{self.sbin()}/slackmcpd", lib.program("slackmcpd")))
        said = self.good("systemd-analyze", "verify", "--man=no", unit)
        self.assertNotIn(self.dir, said)        # no warning about a line of it
        said = self.good("systemd-analyze", "security", "--no-pager",
                         "--offline=true", "--threshold=30", unit)
        exposure = re.search(r"Overall exposure level.*: ([0-9.]+)", said)
        print(f"systemd-analyze security: exposure {exposure.group(1)} of 10")

    def test_unit_gives_time(self):
        """Nothing is killed that is still within a deadline of ours."""
        unit = cage.settings(lib.installed("system/slackmcpd.service"))
        d = self.daemon(env={"READY_TIMEOUT": None, "DRAIN_TIMEOUT": None})
        rows = dict(re.findall(r"(?m)^(\w+) = (\d+)s? ", d.run("-T").stdout))
        self.assertGreater(int(unit["TimeoutStopSec"][0]),
                           int(rows["drain_timeout"]) + int(rows["upstream_timeout"]))
        self.assertGreater(int(unit["TimeoutStartSec"][0]), int(rows["ready_timeout"]))
        self.assertEqual(unit["KillMode"], ["mixed"])
        self.assertEqual(unit["RuntimeDirectoryPreserve"], ["yes"])

    @root_only
    @needs("systemd-sysusers", "systemd-tmpfiles")
    def test_user_and_folders(self):
        base = os.path.join(self.dir, "fresh")
        os.makedirs(f"{base}/etc")
        write(f"{base}/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        write(f"{base}/etc/group", "root:x:0:\nadm:x:4:\n")
        self.good("systemd-sysusers", f"--root={base}", lib.installed(
            "sysusers.d/slackmcpd.conf"))
        row = re.search(r"(?m)^slackmcpd:x:(\d+):(\d+):.*$", read(f"{base}/etc/passwd"))
        self.assertTrue(row, read(f"{base}/etc/passwd"))
        self.assertTrue(row.group().endswith("/usr/sbin/nologin"), row.group())
        self.good("systemd-tmpfiles", "--create", f"--root={base}", lib.installed(
            "tmpfiles.d/slackmcpd.conf"))
        state, log = (glob.glob(f"{base}/**/{n}/slackmcpd", recursive=True)[0]
                      for n in ("lib", "log"))
        for path, mode, uid, gid in ((state, 0o700, int(row.group(1)), int(row.group(2))),
                                     (log, 0o750, 0, 4)):
            st = os.stat(path)
            self.assertEqual((st.st_mode & 0o777, st.st_uid, st.st_gid),
                             (mode, uid, gid), path)


class Manager:
    """The service manager's end of sd_notify: who told what, and when."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.setblocking(False)
        self.told = []

    def read(self):
        """All of it so far: [(time, pid, {name: value})]."""
        while True:
            try:
                data, extra, _, _ = self.socket.recvmsg(4096, 256)
            except BlockingIOError:
                return self.told
            pid = struct.unpack("3i", extra[0][2])[0]
            self.told.append((time.monotonic(), pid, dict(
                line.split("=", 1) for line in data.decode().split("\n"))))

    def of(self, name):
        return [row[name] for _, _, row in self.read() if name in row]

    def wait(self, name, count=1, seconds=30):
        return lib.wait_until(f"{count} × {name}=, so far {self.told[-5:]}", lambda: (
            all_of := self.of(name)) and len(all_of) >= count and all_of, seconds)

    def close(self):
        self.socket.close()


class Notify(lib.Suite):
    """sd_notify(3), with a socket in systemd's place."""

    def managed(self, **env):
        d = self.daemon(env={"LOG_LEVEL": "debug", **env})
        manager = Manager(d.dir)
        self.addCleanup(manager.close)
        d.env["NOTIFY_SOCKET"] = manager.path
        return d, manager

    def test_life(self):
        d, manager = self.managed()
        d.env.pop("WORKERS")
        conf = write(os.path.join(d.dir, "slackmcpd.conf"), "workers = 2\n")
        d.spawn("-f", "-c", conf)
        manager.wait("READY")
        self.assertEqual(get(d, "/ready").status, 200)
        self.assertEqual(manager.read()[0][2]["READY"], "1")
        self.assertIn(f":{d.port}", manager.of("STATUS")[0])
        for pid in (d.pid, *d.workers()):       # nobody else could speak
            with open(f"/proc/{pid}/environ", "rb") as f:
                text = f.read()
            self.assertNotIn(manager.path.encode(), text)
        self.assertEqual(manager.of("WATCHDOG"), [])    # it was not asked for

        old = set(d.workers())
        began = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        d.kill(sig=signal.SIGHUP)
        manager.wait("READY", 2)
        self.assertEqual(manager.of("RELOADING"), ["1"])
        ended = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self.assertTrue(began <= int(manager.of("MONOTONIC_USEC")[0]) <= ended)
        self.assertGreaterEqual(len(set(d.workers()) - old), 2)

        write(conf, "workers = many\n")
        d.kill(sig=signal.SIGHUP)
        manager.wait("READY", 3)
        self.assertEqual(len(manager.of("RELOADING")), 2)
        self.assertIn("refused", manager.of("STATUS")[-1])
        write(conf, "workers = 2\n")
        d.ctl("reload")
        manager.wait("READY", 4)
        self.assertNotIn("refused", manager.of("STATUS")[-1])
        self.assertEqual(len(manager.of("RELOADING")), 3)

        self.assertEqual(manager.of("STOPPING"), [])
        d.stop()
        self.assertEqual(manager.of("STOPPING"), ["1"])
        order = [next(iter(row)) for _, _, row in manager.read()]
        self.assertEqual(order, ["READY", *["RELOADING", "READY"] * 3, "STOPPING"])
        self.assertEqual(len({pid for _, pid, _ in manager.told}), 1)

    def test_a_replaced_worker_is_no_reload(self):
        d, manager = self.managed()
        d.start()
        first = d.workers()
        d.kill(first[0])
        lib.wait_until("it is replaced", lambda: len(d.workers()) == 2 and
                       first[0] not in d.workers(), 20)
        d.stop()
        self.assertEqual(manager.of("READY"), ["1"])

    def test_reloads_in_a_row(self):
        """A reload that waits ends as one that succeeded."""
        d, manager = self.managed()
        d.start()
        for _ in range(4):
            d.ctl("reload")
        lib.wait_until("the last one is done", lambda: next(
            (n for _, _, r in reversed(manager.read()) for n in r), "") == "READY" and
            len(manager.of("RELOADING")) >= 4, 60)
        d.stop()

    def test_cannot_start(self):
        with socket.socket() as s:
            d, manager = self.managed()
            s.bind(("127.0.0.1", d.port))
            s.listen()
            d.spawn("-f")
            self.assertNotEqual(d.wait(), 0)
            d.proc = None
        self.assertEqual(manager.of("READY"), [])
        self.assertIn("PORT", manager.of("STATUS")[-1])

    def test_watchdog(self):
        """Half its time, from the master's own loop; a stopped worker is the
        master's business."""
        d, manager = self.managed(WATCHDOG_USEC="1000000")
        d.start()
        manager.wait("WATCHDOG", 4)
        times = [t for t, _, row in manager.read() if "WATCHDOG" in row]
        self.assertEqual({pid for _, pid, _ in manager.told}, {d.pid})
        worker = d.workers()[0]
        d.kill(worker, signal.SIGSTOP)
        manager.wait("WATCHDOG", len(times) + 3)
        d.kill(worker, signal.SIGCONT)

        d.kill(sig=signal.SIGSTOP)
        lib.wait_until("it stands", lambda: lib.proc_stat(d.pid)[0] == "T", 5)
        count, until = len(manager.of("WATCHDOG")), time.monotonic() + 1.5
        lib.wait_until("three periods", lambda: time.monotonic() > until, 5)
        self.assertEqual(len(manager.of("WATCHDOG")), count)
        d.kill(sig=signal.SIGCONT)
        manager.wait("WATCHDOG", count + 2)
        d.stop()

    def test_watchdog_of_somebody_else(self):
        d, manager = self.managed(WATCHDOG_USEC="200000", WATCHDOG_PID="1")
        d.start()
        d.stop()
        self.assertEqual(manager.of("WATCHDOG"), [])

    def test_nobody_reads(self):
        """A service manager that stands still stops nobody."""
        d, _ = self.managed(WATCHDOG_USEC="2000")
        d.start()
        lib.wait_until("its queue is full", lambda: "was not told" in d.logs(), 120)
        self.assertEqual(get(d, "/health", port=d.admin_port).status, 200)
        d.ctl("reload")
        self.assertEqual(get(d, "/ready").status, 200)
        d.stop()
        self.assertEqual(d.logs().count("was not told"), 1)


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
class Caged(lib.Suite):
    """The daemon under what the unit allows, which only systemd could show in
    full: read-only folders, capabilities, the filter of system calls."""

    def setUp(self):
        if run("unshare", "-m", "mount", "--bind", "/tmp", "/tmp").returncode != 0:
            self.skipTest("nothing can be mounted here, as in a chroot")

    @needs("systemd-analyze", "unshare", "setpriv")
    def test_the_cage_holds(self):
        unit = lib.installed("system/slackmcpd.service")
        inside, outside = (os.path.join(self.dir, n) for n in ("in", "out"))
        os.makedirs(inside)
        os.makedirs(outside)
        calls = ",".join(sorted(cage.allowed(unit)))
        rows = (("touch", f"{inside}/x", 0), ("touch", f"{outside}/x", 1),
                ("unshare", "-m", 1), ("chroot", "/", 1))
        for name, word, failed in rows:
            with self.subTest(name=name, word=word):
                done = run(*cage.command(unit, calls, self.dir, (inside,),
                                         (shutil.which(name), word)))
                self.assertEqual(done.returncode != 0, bool(failed), done.stderr)
                if failed:
                    self.assertRegex(done.stderr, "Read-only|not permitted")

    @needs("systemd-analyze", "unshare", "setpriv")
    def test_unit_allows_what_it_does(self):
        unit = lib.installed("system/slackmcpd.service")
        slack = self.fake()
        d = self.daemon(slack)
        log = os.path.join(d.dir, "log")
        for path in (log, d.run_dir, d.state_dir):
            os.makedirs(path)
        d.env["LOG_TARGET"] = os.path.join(log, "slackmcpd.log")
        d.env["RUN_USER"] = "nobody"
        os.chown(d.state_dir, NOBODY, NOBODY)
        os.chmod(d.state_dir, 0o700)
        calls = cage.allowed(unit)
        self.assertIn("execve", calls)
        self.assertNotIn("mount", calls)
        self.assertNotIn("ptrace", calls)
        env = {**d.environ(), "PYTHONDONTWRITEBYTECODE": "1"}
        # the sanitizer's leak check would want ptrace
        env["ASAN_OPTIONS"] += ":detect_leaks=0"
        with open(d.log, "ab") as err:
            d.proc = subprocess.Popen(
                cage.command(unit, ",".join(sorted(calls)), d.dir,
                             (log, d.run_dir, d.state_dir, d.asan),
                             (lib.program("slackmcpd"), "-f")),
                env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                start_new_session=True, umask=0o027)
        d.wait_ready()
        status = read(f"/proc/{d.pid}/status")
        self.assertRegex(status, r"Seccomp:\s*2")
        self.assertRegex(status, r"NoNewPrivs:\s*1")
        page = mcpclient.install(d)
        self.assertEqual(page.status, 200)
        with Legacy(d).begin() as c:
            self.assertTrue(c.tool("slack_list_channels").ok)
            self.assertTrue(c.tool("slack_post_message", channel_id="CAGENERAL1",
                                   text="caged").ok)
        old = set(d.workers())
        d.kill(sig=signal.SIGHUP)
        lib.wait_until("a new generation serves",
                       lambda: len(set(d.workers()) - old) >= 2, 30)
        os.rename(d.env["LOG_TARGET"], d.env["LOG_TARGET"] + ".1")
        d.kill(sig=signal.SIGUSR1)
        lib.wait_until("a new log", lambda: os.path.exists(d.env["LOG_TARGET"]), 10)
        with Legacy(d).begin() as c:
            self.assertTrue(c.tool("slack_list_channels").ok)
        d.kill(d.workers()[0])
        lib.wait_until("it is replaced", lambda: len(d.workers()) >= 2, 20)
        d.stop()
        self.assertTrue(os.path.exists(os.path.join(d.state_dir, "sessions")))
        said = read(d.env["LOG_TARGET"]) + read(d.env["LOG_TARGET"] + ".1") + d.logs()
        self.assertNotIn("Operation not permitted", said)
        self.assertNotIn("Read-only file system", said)


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
