# SPDX-License-Identifier: ISC
"""What the system tests stand on: temporary folders, the daemon as a process,
and a scan of everything it said for every secret used."""
import base64
import concurrent.futures
import contextlib
import ctypes
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "fake"), os.path.join(HERE, "..")]
from fakeslack import FakeSlack  # noqa: E402
from ports import free_port  # noqa: E402,F401
from spill import Secrets  # noqa: E402
from world import default_world  # noqa: E402,F401

SYS_PIDFD_GETFD = 438       # on every architecture
# How much longer everything may take: sanitizers, valgrind, a busy machine.
SLOW = float(os.environ.get("SLACKMCP_SLOW", "1"))
# runtests long: tests that take minutes run too, and the others at full size.
LONG = os.environ.get("SLACKMCP_LONG") == "1"
# The daemon runs under it: /proc shows valgrind's own.
VALGRIND = os.environ.get("SLACKMCP_VALGRIND") == "1"
only_long = unittest.skipUnless(LONG, "level long")
STRONG = "k-0123456789abcdefghijklmnopqrstuv-"
SCOPES = ("chat:write,channels:history,channels:read,groups:history,"
          "groups:read,im:history,im:read")


def wait_until(what, fn, seconds=15):
    """The first true value of fn(), or a failure that says what was awaited.  Asking
    takes no more than half of the time: what is waited for needs the processor, too."""
    end = time.monotonic() + seconds * SLOW
    while True:
        began = time.monotonic()
        value = fn()
        if value:
            return value
        now = time.monotonic()
        if now > end:
            raise AssertionError(f"not within {seconds * SLOW:.0f} s: {what}")
        time.sleep(max(0.02, now - began))


def at_once(*runs):
    """Each in a thread of its own, to its end; then the first failure."""
    with concurrent.futures.ThreadPoolExecutor(len(runs)) as pool:
        for one in [pool.submit(run) for run in runs]:
            one.result()


def program(name):
    """The installed program that is tested."""
    root = os.environ["SLACKMCP_ROOT"]
    found = glob.glob(f"{root}/**/*bin/{name}", recursive=True)
    found = [f for f in found if os.access(f, os.X_OK) and os.path.isfile(f)]
    assert found, f"no {name} under {root}"
    return found[0]


# -- processes, as /proc shows them -------------------------------------------

def proc_stat(pid):
    """state, parent, session; None when it has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            tail = f.read().rpartition(")")[2].split()
        return tail[0], int(tail[1]), int(tail[3])
    except OSError:
        return None


def proc_uid(pid):
    """The user that it runs as."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return int(next(x for x in f if x.startswith("Uid:")).split()[2])


def pids():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


def installed(path):
    """The installed file whose path ends like this."""
    root = os.environ["SLACKMCP_ROOT"]
    found = glob.glob(f"{root}/**/{path}", recursive=True)
    assert found, f"no {path} under {root}"
    return found[0]


def alive(pid):
    st = proc_stat(pid)
    return st is not None and st[0] not in "ZX"


def children(pid):
    return sorted(p for p in pids()
                  if (st := proc_stat(p)) and st[1] == pid and st[0] not in "ZX")


def offspring(pid):
    """The same by the kernel's own list: quick, the dead that are not reaped too."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


def of_session(sid):
    return sorted(p for p in pids()
                  if (st := proc_stat(p)) and st[2] == sid and st[0] not in "ZX")


def descriptors(pid):
    """fd -> what it is open on."""
    out = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            out[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            pass
    return out


def clients_of(pid):
    """The clients' ports of a process's connections: of one that stands still.  Its
    sockets are borrowed for a moment; where that is not allowed, the kernel's list of
    all connections is read, which may be long."""
    fds = {fd: what[8:-1] for fd, what in descriptors(pid).items()
           if what.startswith("socket:[")}
    libc, process = ctypes.CDLL(None), os.pidfd_open(pid)
    ports = set()
    try:
        for fd in fds:
            ours = libc.syscall(SYS_PIDFD_GETFD, process, fd, 0)
            if ours == -1:
                return clients_in_list(set(fds.values()))
            with socket.socket(fileno=ours) as s:
                try:
                    ports.add(s.getpeername()[1] if s.family == socket.AF_INET else 0)
                except OSError:     # it listens, or is at its end
                    pass
    finally:
        os.close(process)
    return ports - {0}


def clients_in_list(inodes):
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f if " 06 " not in line]   # TIME_WAIT
    return {int(r[2].rpartition(":")[2], 16) for r in rows[1:] if r[9] in inodes}


# -- the daemon ---------------------------------------------------------------

class Daemon:
    """One slackmcpd in folders of its own.  env and unset change the
    environment it starts with; log is what it wrote to stderr."""
    count = 0

    def __init__(self, suite, fake=None, workers=2, env=(), folder=None):
        Daemon.count += 1
        self.suite, self.fake = suite, fake
        self.dir = folder or os.path.join(suite.dir, f"d{Daemon.count}")
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        self.asan = os.path.join(self.dir, "san")
        os.makedirs(self.asan, exist_ok=True)
        os.chmod(self.asan, 0o777)
        self.port, self.admin_port = free_port(), free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.tls = self.tls_port = None     # an ssl.SSLContext of its clients
        self.run_dir = os.path.join(self.dir, "run")
        self.state_dir = os.path.join(self.dir, "state")
        self.socket = os.path.join(self.run_dir, "control.sock")
        self.log = os.path.join(self.dir, "stderr.log")
        self.key = suite.secret("env key", STRONG + os.urandom(8).hex())
        world = fake.world if fake else None
        self.env = {
            "SLACK_CLIENT_ID": world.client_id if world else "1.2",
            "SLACK_CLIENT_SECRET": world.client_secret if world
            else suite.secret("client secret", os.urandom(16).hex()),
            "SLACK_REDIRECT_URI": f"{self.base}/slack/oauth/callback",
            "SLACK_SCOPES": SCOPES,
            "AFFINITYBOTS_MCP_API_KEY": self.key,
            "PORT": str(self.port), "ADMIN_PORT": str(self.admin_port),
            "RUN_DIR": self.run_dir, "STATE_DIR": self.state_dir,
            "CONTROL_SOCKET": self.socket, "WORKERS": str(workers),
            "LOG_LEVEL": "trace", "LOG_FORMAT": "json",
            "RATE_ADDRESS": "0", "BUDGET_SCALE": "0", "DIRECTORY": "off", "DRAIN_TIMEOUT": "5",
            "READY_TIMEOUT": str(int(30 * SLOW)),
            "STALE_TIMEOUT": str(int(10 * SLOW)),
        }
        if fake:
            self.env["SLACK_API_URL"] = fake.url + "/api/"
            self.env["SLACK_AUTHORIZE_URL"] = fake.url + "/oauth/v2/authorize"
        self.env.update(env)
        self.env = {k: v for k, v in self.env.items() if v is not None}
        self.proc, self.preload = None, {}
        suite.daemons.append(self)

    def environ(self):
        log = os.path.join(self.asan, "report")
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                "HOME": self.dir, "TMPDIR": self.dir,
                "ASAN_OPTIONS": f"detect_leaks=1:exitcode=99:log_path={log}"
                f"{':verify_asan_link_order=0' if self.preload else ''}",
                "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={log}",
                **self.preload, **self.env}

    def command(self, *args):
        """What it finds, valgrind reports where sanitizers do."""
        tool = ["valgrind", "-q", "--trace-children=yes", "--leak-check=full",
                "--errors-for-leak-kinds=definite", "--num-callers=30", "--vgdb=no",
                f"--log-file={self.asan}/report.%p"] if VALGRIND else []
        return [*tool, program("slackmcpd"), *args]

    def spawn(self, *args):
        """Starts it, and does not wait."""
        with open(self.log, "ab") as err:
            return self.spawn_to(err, *args)

    def spawn_to(self, err, *args):
        self.proc = subprocess.Popen(
            self.command(*args), env=self.environ(), cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=err, stderr=err,
            start_new_session=True)
        return self

    def start(self, *args, ready=True):
        self.spawn("-f", *args)
        if ready:
            self.wait_ready()
            self.wait_all_workers()
        return self

    def run(self, *args, seconds=60):
        """Runs it to its end: the completed process, output as text."""
        done = subprocess.run(
            self.command(*args), env=self.environ(), cwd=self.dir,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds * SLOW, check=False)
        with open(os.path.join(self.dir, "runs.log"), "a",
                  encoding="utf-8") as f:
            f.write(done.stdout + done.stderr)
        return done

    def wait_ready(self, seconds=40):
        from mcpclient import get

        def ready():
            if self.proc and self.proc.poll() is not None:
                raise AssertionError(
                    f"ended with {self.proc.returncode}:\n{self.tail()}")
            if get(self, "/ready", timeout=5, fail=False).status != 200:
                return False
            # one worker is enough for that; tests count on all
            health = get(self, "/health", timeout=5, fail=False, port=self.admin_port)
            return health.status != 200 or (
                (w := health.json["workers"])["ready"] == w["configured"])
        try:
            wait_until("/ready answers 200", ready, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.tail()}") from None

    def wait_all_workers(self, seconds=20):
        """/ready wants one worker only; the others may come a little later."""
        from mcpclient import get

        def all_there():
            w = get(self, "/health", timeout=5).json["workers"]
            return w["ready"] == w["configured"]
        wait_until("all workers are ready", all_there, seconds)

    @property
    def pid(self):
        return self.proc.pid

    def workers(self):
        """Pids of the workers that serve, by their own word."""
        return [w["pid"] for w in self.ctl_json("show", "workers")
                if w["what"].startswith("worker") and w["state"] == "READY"]

    def logs(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def tail(self, lines=25):
        return "\n".join(self.logs().splitlines()[-lines:])

    def log_rows(self):
        rows = []
        for line in self.logs().splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                rows.append({"raw": line})
        return rows

    def ctl(self, *args, check=True, seconds=20):
        done = subprocess.run(
            [program("slackmcpctl"), "-s", self.socket, *args],
            capture_output=True, text=True, timeout=seconds * SLOW,
            stdin=subprocess.DEVNULL, check=False,
            env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=1"})
        if check and done.returncode != 0:
            raise AssertionError(f"slackmcpctl {' '.join(args)}: "
                                 f"{done.returncode}\n{done.stdout}{done.stderr}")
        if args[:2] != ("key", "add"):
            self.suite.said(done.stdout + done.stderr)
        return done

    def ctl_json(self, *args):
        return json.loads(self.ctl("--json", *args).stdout)

    def counter(self, name):
        return next(int(r["value"]) for r in self.ctl_json("show", "info")
                    if r["name"] == name)

    @property
    def db(self):
        """The file of the embedded store."""
        return os.path.join(self.state_dir, "slackmcpd.db")

    def sql(self, *statements):
        """One transaction with the embedded store: what the last one found."""
        with contextlib.closing(sqlite3.connect(self.db, timeout=20)) as db, db:
            for text in statements:
                found = db.execute(text).fetchall()
            return found

    @contextlib.contextmanager
    def others(self, *statements):
        """Somebody else who has begun this with the embedded store, and undoes it."""
        with contextlib.closing(sqlite3.connect(self.db, isolation_level=None)) as db:
            for text in statements:
                db.execute(text).fetchall()
            yield

    def locked(self):
        """The embedded store, for all who want to write."""
        return self.others("BEGIN IMMEDIATE")

    def key_add(self, name, *options):
        out = self.ctl("key", "add", name, *options).stdout
        found = re.search(r"sk_[A-Za-z0-9_-]{20,}", out)
        assert found, f"no key in {out!r}"
        return self.suite.secret(f"key {name}", found.group())

    def kill(self, pid=None, sig=signal.SIGKILL):
        os.kill(pid or self.proc.pid, sig)

    def kill_children(self):
        """kill -9 of each that it has now, but for what has just ended by itself."""
        for pid in children(self.pid):
            with contextlib.suppress(ProcessLookupError):
                self.kill(pid)

    def kill_workers(self):
        """kill -9 of those that serve; others are there in their places."""
        old = self.workers()
        for pid in old:
            self.kill(pid)
        wait_until("new workers serve", lambda: len(
            set(self.workers()) - set(old)) == len(old), 20)

    def wait(self, seconds=20):
        try:
            return self.proc.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end:\n{self.tail()}") from None

    def stop(self, status=0):
        """TERM, the end, its status, and nobody left."""
        if self.proc is None:
            return
        if self.proc.poll() is None:
            self.suite.look(self)
            self.proc.terminate()
        got = self.wait()
        sid, self.proc = self.proc.pid, None
        wait_until("its workers have gone", lambda: not of_session(sid), 20)
        if got != status:
            raise AssertionError(f"ended with {got}:\n{self.tail()}")

    def sessions(self):
        """Of the process that was started, and of a daemon that left it: who
        holds the lock of the PID file."""
        if self.proc is not None:
            yield self.proc.pid
        try:
            with open(os.path.join(self.run_dir, "slackmcpd.pid"), "rb") as f:
                lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind, *_, pid = struct.unpack("hhqqi", fcntl.fcntl(
                    f, fcntl.F_GETLK, lock))
            if kind != fcntl.F_UNLCK:
                yield proc_stat(pid)[2]
        except (OSError, TypeError):
            pass

    def give_up(self):
        """After a failure: nothing of ours may live on."""
        for sid in list(self.sessions()):
            for pid in of_session(sid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if self.proc is not None:
            self.proc.wait(10)
            self.proc = None

    # What LeakSanitizer says of a process that is killed while it looks through it.
    KILLED = re.compile(r"==\d+==Unable to get registers from thread \d+\.\n")

    def reports(self):
        """What sanitizers have said."""
        for path in glob.glob(self.asan + "/report*"):
            with open(path, encoding="utf-8", errors="replace") as f:
                said = self.KILLED.sub("", f.read())
            if said.strip():
                yield said


class Suite(unittest.TestCase):
    """A test class: one folder, its daemons, its secrets.  At the end of the
    class every daemon is stopped, no sanitizer has spoken and no secret was
    said.  A class that runs one daemon for all its tests overrides begin()."""
    maxDiff = 4000
    begun = []      # classes that are not cleared yet

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="smd-", dir="/tmp")
        os.chmod(cls.dir, 0o755)
        cls.daemons, cls.fakes, cls.secrets = [], [], Secrets()
        cls.unloggable, cls.spilled = Secrets(), set()
        cls.answers = os.path.join(cls.dir, "answers")
        Suite.begun.append(cls)
        try:
            cls.begin()
        except BaseException:
            cls.clear()
            raise

    @classmethod
    def begin(cls):
        """What all tests of the class share."""

    @classmethod
    def secret(cls, name, value):
        return cls.secrets.add(name, value)

    @classmethod
    def unlogged(cls, name, value):
        """What only its owner is told: a session's id, a cookie, a code."""
        if len(cls.unloggable.known) < 500:     # of ten thousand sessions, too
            cls.unloggable.add(name, value)

    @classmethod
    def learn(cls):
        """What Slack has given, and the keys that daemons made for themselves."""
        for f in cls.fakes:
            for value in f.world.secrets():
                cls.secrets.add("a secret of Slack", value)
        for d in cls.daemons:
            try:
                with open(os.path.join(d.state_dir, "token.keys"),
                          encoding="ascii") as f:
                    for word in f.read().strip().split(","):
                        key = word.partition(":")[2]
                        cls.secrets.add("a token key", key)
                        cls.secrets.add("a token key", base64.b64decode(key))
            except (OSError, ValueError):
                pass

    @classmethod
    def look(cls, daemon):
        """While it runs: what /proc shows of it, and what is gone after its end."""
        cls.learn()
        pids_ = [p for sid in daemon.sessions() for p in of_session(sid)]
        hits = cls.secrets.search_processes(pids_) if not VALGRIND else []
        for folder in (daemon.run_dir, daemon.state_dir):
            hits += cls.secrets.search(folder, skip=cls.may_hold_secrets)
        cls.spilled.update(hits)

    @classmethod
    def said(cls, text):
        """An answer of the daemon, kept for the scan."""
        data = text if isinstance(text, bytes) else text.encode()
        with open(cls.answers, "ab") as f:
            f.write(data + b"\n")

    @classmethod
    def fake(cls, world=None, **more):
        """Of this world, or of the default one made with more."""
        fake = FakeSlack(world or default_world(**more)).start()
        cls.fakes.append(fake)
        return fake

    @classmethod
    def daemon(cls, fake=None, **more):
        return Daemon(cls, fake, **more)

    @classmethod
    def clear_all(cls):
        """The run is broken off."""
        for c in list(Suite.begun):
            for step in (c.clear, c.doClassCleanups):
                try:
                    step()
                except Exception as e:  # noqa: BLE001  half begun: the next one
                    print(f"{c.__name__}: {e!r}")

    @classmethod
    def clear(cls):
        Suite.begun.remove(cls)
        for d in cls.daemons:
            d.give_up()
        for f in cls.fakes:
            f.stop()
        if os.environ.get("SLACKMCP_KEEP"):
            print(f"kept: {cls.dir}", file=sys.stderr)
        else:
            shutil.rmtree(cls.dir, ignore_errors=True)

    @classmethod
    def tearDownClass(cls):
        problems = []
        for d in cls.daemons:
            try:
                d.stop()
            except AssertionError as e:
                problems.append(str(e))
            problems += [f"sanitizer: {said[:6000]}" for said in d.reports()]
        cls.learn()
        cls.spilled.update(cls.secrets.search(cls.dir, skip=cls.may_hold_secrets))
        texts = cls.unloggable
        for text in cls.private:
            texts.add(f"text {text!r}", text)
        cls.spilled.update(hit for hit in texts.search(cls.dir)
                           if hit[0].endswith(".log"))
        problems += [f"{name} stands in {path}"
                     for path, name in sorted(cls.spilled)]
        cls.clear()
        if problems:
            raise AssertionError("\n".join(problems))

    # text of messages: answers have it, no log may
    private = ()
    # files of the suite's folder that hold a secret on purpose
    may_hold_secrets = ("token.keys", "token.keys.away", "secret.conf")


class Apart(Suite):
    """Each test has a Slack and daemons of its own."""

    def setUp(self):
        self.slack = self.fake()

    def tearDown(self):
        self.slack.release()
        for d in self.daemons:
            d.stop()
