# SPDX-License-Identifier: ISC
"""What a start refuses, and how the master behaves when things go wrong at the
wrong moment: signals during the start, a store that is held."""
import os
import pwd
import resource
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import time
import unittest

import lib
import mcpclient
from mcpclient import Legacy, get

ROOT = os.getuid() == 0
NOBODY = 65534
K1 = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
K2 = "k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


def database(d):
    return os.path.join(d.state_dir, "slackmcpd.db")


class Held:
    """The store, so that nobody else can open it."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.db.execute("BEGIN EXCLUSIVE")

    def close(self):
        self.db.close()


class Base(lib.Suite):
    def used(self, **more):
        """A daemon that has run once."""
        d = self.daemon(**more).start()
        d.stop()
        return d

    def pid_file(self, d):
        try:
            with open(os.path.join(d.run_dir, "slackmcpd.pid"),
                      encoding="ascii") as f:
                return int(f.read() or "0")
        except OSError:
            return 0

    def background(self, d):
        """The command without -f; it returns by itself."""
        env = d.environ()
        env["LOG_TARGET"] = os.path.join(d.dir, "daemon.log")
        return subprocess.Popen([lib.program("slackmcpd")], env=env, cwd=d.dir,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)


class Refused(Base):
    """Each with 78 and its reason on stderr, in both modes."""

    def refused(self, d, *words):
        for args in (("-f",), ()):
            with self.subTest(args=args):
                done = d.run(*args)
                self.assertEqual(done.returncode, 78, done.stderr)
                for word in words:
                    self.assertIn(word, done.stderr)
                self.assertEqual(self.pid_file(d), 0)

    def test_folders(self):
        d = self.daemon()
        os.makedirs(d.run_dir)
        os.chmod(d.run_dir, 0o777)
        self.refused(d, "RUN_DIR", "chmod")
        os.chmod(d.run_dir, 0o755)
        if ROOT:
            os.chown(d.run_dir, NOBODY, NOBODY)
            self.refused(d, "RUN_DIR", "belongs")
            os.chown(d.run_dir, 0, 0)
            os.makedirs(d.state_dir)        # of root, and workers are not
            self.refused(d, "STATE_DIR", "belongs")
            os.rmdir(d.state_dir)
        os.symlink("/tmp", d.state_dir)
        self.refused(d, "STATE_DIR")
        os.unlink(d.state_dir)
        d.start().stop()

    def test_token_keys_file(self):
        d = self.used()
        path = os.path.join(d.state_dir, "token.keys")
        st = os.stat(path)
        self.assertEqual(stat.S_IMODE(st.st_mode), 0o600)
        os.chmod(path, 0o640)
        self.refused(d, "token.keys", "0600")
        os.chmod(path, 0o600)
        if ROOT:
            os.chown(path, 12345, 12345)
            self.refused(d, "token.keys")
            os.chown(path, st.st_uid, st.st_gid)
        os.rename(path, path + ".other")
        os.symlink(path + ".other", path)
        self.refused(d, "token.keys")
        os.unlink(path)
        os.mkfifo(path, 0o600)              # nobody waits for its writer
        os.chown(path, st.st_uid, st.st_gid)
        self.refused(d, "token.keys")
        os.unlink(path)
        with open(path, "w", encoding="ascii"):
            pass
        os.chmod(path, 0o600)
        os.chown(path, st.st_uid, st.st_gid)
        self.refused(d, "token.keys", "empty")
        os.rename(path + ".other", path)
        d.start().stop()

    def test_sealed_with_other_keys(self):
        d = self.daemon(self.fake(), env={"TOKEN_KEYS": K1}).start()
        mcpclient.install(d)
        d.stop()
        d.env["TOKEN_KEYS"] = K2
        self.refused(d, "k1", "TOKEN_KEYS")
        del d.env["TOKEN_KEYS"]
        self.refused(d, "k1", "token.keys")
        d.env["TOKEN_KEYS"] = f"{K2},{K1}"
        d.start().stop()

    def test_store(self):
        d = self.used()
        db = database(d)
        shutil.copy2(db, db + ".good")
        con = sqlite3.connect(db)
        con.execute("INSERT INTO `schema` (migration, way, step, steps, readable_by, made)"
                    " VALUES (900, 'up', 1, 1, 900, 0)")
        con.commit()
        con.close()
        self.refused(d, "900", "newer")
        with open(db, "r+b") as f:
            f.write(b"not a database at all" * 400)
        self.refused(d, "damaged", "backup")
        os.unlink(db)
        os.mkdir(db)
        done = d.run("-f")
        self.assertNotEqual(done.returncode, 0)
        os.rmdir(db)
        os.rename(db + ".good", db)
        if ROOT:
            os.chown(db, 0, 0)
            self.refused(d, "STORE", "cannot be written")
            os.chown(db, os.stat(d.state_dir).st_uid, -1)
        d.start().stop()

    def test_store_folder(self):
        d = self.daemon()
        d.env["STORE"] = f"sqlite:{d.dir}/nowhere/store.db"
        self.refused(d, "STORE", "nowhere")

    @unittest.skipUnless(ROOT, "needs root")
    def test_no_room_for_the_region(self):
        d = self.daemon()
        os.makedirs(d.run_dir)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "none",
                           d.run_dir], check=False, capture_output=True).returncode:
            self.skipTest("mount is not allowed here")
        try:
            for args in (("-f",), ()):
                done = d.run(*args)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("no room", done.stderr)
        finally:
            subprocess.run(["umount", d.run_dir], check=True)
        d.start().stop()

    def test_log_target(self):
        d = self.daemon(env={"LOG_TARGET": f"{self.dir}/nowhere/log"})
        self.refused(d, "LOG_TARGET")
        if not os.path.exists("/dev/log"):
            d.env["LOG_TARGET"] = "syslog"
            self.refused(d, "LOG_TARGET", "syslog")


class Start(Base):
    def test_a_second_one_leaves_the_first_alone(self):
        d = self.daemon()
        os.makedirs(d.run_dir)
        with open(os.path.join(d.run_dir, "slackmcpd.pid"), "w",
                  encoding="ascii") as f:
            f.write("1\n")                  # left by a process that died
        left = socket.socket(socket.AF_UNIX)
        left.bind(d.socket)                 # and so is its socket
        left.close()
        d.start()
        for args in (("-f",), (), ("--add-key", "x"), ("--migrate",)):
            with self.subTest(args=args):
                done = d.run(*args)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("another slackmcpd", done.stderr)
                self.assertEqual(self.pid_file(d), d.pid)
        self.assertEqual(get(d, "/ready").status, 200)
        d.stop()

    def test_the_store_is_held(self):
        """Serves degraded, takes a HUP, and comes up by itself."""
        d = self.used(env={"STORE_TIMEOUT": "1"})
        held = Held(database(d))
        try:
            d.start(ready=False)
            lib.wait_until("the PID file", lambda: self.pid_file(d) == d.pid)
            d.kill(sig=signal.SIGHUP)       # during the start
            d.kill(sig=signal.SIGHUP)
            lib.wait_until("it serves degraded", lambda: get(
                d, "/health", fail=False).status == 200, 30)
            health = get(d, "/health").json
            self.assertEqual(health["status"], "degraded")
            self.assertIn("the store is away", health["reasons"])
            self.assertEqual(get(d, "/ready", fail=False).status, 503)
        finally:
            held.close()
        lib.wait_until("/ready is 200", lambda: get(
            d, "/ready", fail=False).status == 200, 60)
        d.stop()

    @unittest.skipUnless(ROOT, "needs root")
    def test_the_disk_is_full(self):
        """Serves degraded, and comes up by itself when there is room."""
        d = self.daemon()
        os.makedirs(d.state_dir)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=2m,mode=700,uid={NOBODY},"
                           f"gid={NOBODY}", "none", d.state_dir], check=False,
                          capture_output=True).returncode:
            self.skipTest("mount is not allowed here")
        if pwd.getpwnam("nobody").pw_uid != NOBODY or "slackmcpd" in [
                u.pw_name for u in pwd.getpwall()]:
            d.env["RUN_USER"] = "nobody"
        ballast = os.path.join(d.state_dir, "ballast")
        try:
            with open(ballast, "wb", buffering=0) as f:
                try:
                    while f.write(b"x" * 4096):
                        pass
                except OSError:
                    pass
            d.start(ready=False)
            lib.wait_until("it serves degraded", lambda: (a := get(
                d, "/health", fail=False)).status == 200 and
                a.json["status"] == "degraded", 30)
            self.assertEqual(get(d, "/ready", fail=False).status, 503)
            os.unlink(ballast)
            lib.wait_until("/ready is 200", lambda: get(
                d, "/ready", fail=False).status == 200, 60)
            d.stop()
        finally:
            d.give_up()
            subprocess.run(["umount", d.state_dir], check=True)

    def test_rollback_and_migrate(self):
        d = self.used()
        done = d.run("--rollback")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("migration 1", done.stdout)      # one at a time
        done = d.run("--rollback")
        self.assertIn("migration 0", done.stdout)
        copies = [f for f in os.listdir(d.state_dir) if ".before-" in f]
        self.assertGreaterEqual(len(copies), 1)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(
            d.state_dir, copies[0])).st_mode), 0o600)
        done = d.run("--rollback")
        self.assertNotEqual(done.returncode, 0)
        done = d.run("--migrate")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, "migration [1-9]")
        d.start().stop()

    def test_term_during_the_start(self):
        d = self.used(env={"STORE_TIMEOUT": "30"})
        held = Held(database(d))
        try:
            p = self.background(d)
            pid = lib.wait_until("the PID file", lambda: self.pid_file(d))
            os.kill(pid, signal.SIGTERM)
            _, said = p.communicate(timeout=20 * lib.SLOW)
            self.assertEqual(p.returncode, 1, said)
            self.assertIn("stopped", said)
            lib.wait_until("it ends", lambda: not lib.alive(pid), 20)
        finally:
            held.close()
        self.assertEqual(self.pid_file(d), 0)

    def test_daemon_lets_go_of_its_caller(self):
        """x=$(slackmcpd) ends: no process keeps the caller's pipes."""
        d = self.daemon(env={"LOG_TARGET": os.path.join(self.dir, "gone.log")})
        done = d.run()
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        pid = self.pid_file(d)
        try:
            for p in (pid, *lib.children(pid)):
                self.assertEqual([lib.descriptors(p)[fd] for fd in (0, 1, 2)],
                                 ["/dev/null"] * 3)
        finally:
            os.kill(pid, signal.SIGTERM)
            lib.wait_until("it ends", lambda: not lib.alive(pid), 20)

    def test_no_descriptor_is_free(self):
        """Accepting pauses at the control socket and the master's listener."""
        d = self.daemon(self.fake(), workers=1, env={"LOG_TARGET": os.path.join(
            self.dir, "emfile.log")}).start()
        soft, hard = resource.prlimit(d.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(d.pid, resource.RLIMIT_NOFILE,
                         (max(lib.descriptors(d.pid)) + 1, hard))
        held = []
        for family, address in ((socket.AF_UNIX, d.socket),
                                (socket.AF_INET, ("127.0.0.1", d.admin_port))) * 8:
            held.append(socket.socket(family))
            held[-1].connect(address)
        spent = self.ticks(d.pid)
        time.sleep(1)
        self.assertLess(self.ticks(d.pid) - spent, 40, "it spins")
        for s in held:
            s.close()
        resource.prlimit(d.pid, resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(get(d, "/ready", port=d.admin_port).status, 200)
        self.assertEqual(d.ctl("show", "info").returncode, 0)
        with open(d.env["LOG_TARGET"], encoding="utf-8") as f:
            self.assertLessEqual(f.read().count("accepting pauses"), 2)
        d.stop()

    def ticks(self, pid):
        """Hundredths of a second that it worked."""
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            tail = f.read().rpartition(")")[2].split()
        return int(tail[11]) + int(tail[12])

    def test_workers_that_are_never_ready(self):
        """The command that starts it does not wait for ever."""
        d = self.used(env={"STORE_TIMEOUT": "1", "READY_TIMEOUT": "1"})
        held = Held(database(d))
        try:
            p = self.background(d)
            _, said = p.communicate(timeout=30 * lib.SLOW)
            self.assertEqual(p.returncode, 1, said)
            self.assertIn("ready", said)
        finally:
            held.close()
        lib.wait_until("it has gone", lambda: self.pid_file(d) == 0, 60)

    def test_a_stopped_worker_outlives_its_master(self):
        d = self.daemon(self.fake()).start()
        with Legacy(d).begin() as c:
            stopped = d.workers()[0]
            os.kill(stopped, signal.SIGSTOP)
            d.kill()
            d.proc.wait(10)
            d.start()
            self.assertFalse(lib.alive(stopped))
            c.close()
            self.assertTrue(c.ping())
        d.stop()


class Supervision(Base):
    def test_crash_loop_is_told(self):
        d = self.daemon(workers=1).start()

        def loops():
            d.kill_children()
            health = get(d, "/health", port=d.admin_port, fail=False)
            return any("crash loop" in r for r in health.json["reasons"])

        lib.wait_until("/health says crash loop", loops, 30)
        lib.wait_until("all is well", lambda: get(
            d, "/health", port=d.admin_port, fail=False).json["status"] == "ok", 40)
        d.stop()

    def test_a_spooled_file_of_nobody(self):
        """Put aside and told once, not every two seconds."""
        d = self.used()
        spool = os.path.join(d.state_dir, "spool")
        os.mkdir(spool)
        with open(os.path.join(spool, "install-1"), "w", encoding="ascii") as f:
            f.write("garbage")
        owner = os.stat(d.state_dir)
        os.chown(spool, owner.st_uid, owner.st_gid)
        d.start()
        self.assertEqual(os.listdir(spool), ["bad-install-1"])
        self.assertEqual(d.logs().count("bad-install-1"), 1)
        d.stop()


if __name__ == "__main__":
    unittest.main()
