# SPDX-License-Identifier: ISC
"""systemd: its unit, what that allows, its protocol, sysusers and tmpfiles."""
import glob
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import unittest

import cage
import lib
import mcpclient
from host import NOBODY, needs, read, root_only, run, write
from mcpclient import Legacy, get


def unit_file():
    return lib.installed("system/slackmcpd.service")


class Unit(lib.Suite):
    def good(self, *argv):
        done = run(*argv)
        self.assertEqual(done.returncode, 0, f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    @needs("systemd-analyze")
    def test_unit(self):
        unit = write(os.path.join(self.dir, "slackmcpd.service"), re.sub(
            r"(?<=^ExecStart=)\S+", lib.program("slackmcpd"), read(unit_file()),
            flags=re.M))
        said = self.good("systemd-analyze", "verify", "--man=no", unit)
        self.assertNotIn(self.dir, said)        # no warning about a line of it
        said = self.good("systemd-analyze", "security", "--no-pager",
                         "--offline=true", "--threshold=30", unit)
        exposure = re.search(r"Overall exposure level.*: ([0-9.]+)", said)
        print(f"\nnote: systemd-analyze security: exposure {exposure.group(1)} of 10")

    def test_unit_gives_time(self):
        """Nothing is killed that is still within a deadline of ours."""
        unit = cage.settings(unit_file())
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
        lib.wait_until("it serves", lambda: get(d, "/ready", fail=False).status == 200)
        d.stop()
        self.assertEqual(d.logs().count("was not told"), 1)


@root_only
class Caged(lib.Suite):
    """The daemon under what the unit allows, which only systemd could show in
    full: read-only folders, capabilities, the filter of system calls."""

    def setUp(self):
        if run("unshare", "-m", "mount", "--bind", "/tmp", "/tmp").returncode != 0:
            self.skipTest("nothing can be mounted here, as in a chroot")

    @needs("systemd-analyze", "unshare", "setpriv")
    def test_the_cage_holds(self):
        unit = unit_file()
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
        unit = unit_file()
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
        for pid in d.workers():
            self.assertRegex(read(f"/proc/{pid}/status"), r"CapBnd:\s*0+\n")
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


if __name__ == "__main__":
    unittest.main()
