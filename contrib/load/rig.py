# SPDX-License-Identifier: ISC
"""What speed and soak stand on: the built daemon in a folder of its own (by the
harness of the system tests), CPU time as the kernel counts it, and the client."""
import contextlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(HERE, "..", "..", "tests")
sys.path[:0] = [os.path.join(TESTS, "system"), TESTS]
import lib  # noqa: E402
import mariadb  # noqa: E402
import run as harness  # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
SERVER, CLIENT = CORES[0], CORES[-1]


class Suite(lib.Suite):
    """What daemons, fakes and proxies of the harness belong to.  Nothing is kept of
    what was said, and no secret is searched for: others do that."""

    @classmethod
    def said(cls, text):
        pass

    @classmethod
    def look(cls, daemon):
        pass


class Rig:
    def __init__(self, build):
        self.build, self.db = os.path.abspath(build), None

    def __enter__(self):
        names = ["contrib/load/client", "contrib/load/bare_curl"]
        done = subprocess.run(["make", "-s", "-C", self.build, *names], text=True,
                              capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"{self.build}: {done.stdout}{done.stderr}")
        Suite.setUpClass()
        self.dir = Suite.dir
        root = self.path("root")
        try:
            harness.installed(self.build, root)
        except BaseException:
            self.__exit__()
            raise
        os.environ["SLACKMCP_ROOT"] = root
        return self

    def __exit__(self, *_):
        Suite.doClassCleanups()
        Suite.clear()

    def mariadb(self):
        """One for all who want one; None where there is none."""
        if self.db is None and shutil.which("mariadbd", path=mariadb.PATH):
            self.db = mariadb.MariaDB(self.path("db"))
            Suite.addClassCleanup(self.db.stop)
            self.db.start()
        return self.db

    def fake(self):
        return Suite.fake()

    def daemon(self, fake=None, workers=1, **env):
        """As it is installed, but for what the measuring needs."""
        return Suite.daemon(fake, workers=workers, env={
            "LOG_LEVEL": "info", "SESSION_TTL_MS": "3600000", **env})

    def path(self, name):
        return os.path.join(self.dir, name)

    def program(self, name):
        return os.path.join(self.build, "contrib", "load", name)

    def write(self, name, data):
        path = self.path(name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def client(self, port, *files, **options):
        """Starts it; say() has what it saw."""
        argv = [self.program("client")]
        for name, value in options.items():
            argv += [f"-{name}", str(value)]
        return subprocess.Popen([*argv, str(port), *files], text=True,
                                stdout=subprocess.PIPE)


def say(proc):
    """The one line of a program of ours, as numbers."""
    out = proc.communicate()[0]
    if proc.returncode:
        raise AssertionError(f"{proc.args[0]}: {proc.returncode} {out}")
    return {k: float(v) for k, v in (w.split("=") for w in out.split())}


@contextlib.contextmanager
def pinned(core):
    """What is started within stays on that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


# -- what the kernel counts -----------------------------------------------------

def cpu(pids):
    """Seconds that these processes, all their threads, have run."""
    total = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0])
        except OSError:
            pass
    return total / 1e9


def busy():
    """Seconds that all cores were not idle, whoever used them."""
    with open("/proc/stat", encoding="ascii") as f:
        n = [int(x) for x in f.readline().split()[1:9]]
    return (sum(n) - n[3] - n[4]) / os.sysconf("SC_CLK_TCK")


def memory(pid, name="Rss"):
    """KiB; Pss: what is shared counts in parts."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise AssertionError(f"no {name} of {pid}")


# -- requests as bytes ----------------------------------------------------------

def request(daemon, body, headers=(), method="POST"):
    """As an agent's client sends it: ten headers or so."""
    fields = {"Host": f"127.0.0.1:{daemon.port}", "User-Agent": "load/1",
              "Accept": "application/json, text/event-stream",
              "Accept-Encoding": "gzip, deflate, br", "Accept-Language": "*",
              "Authorization": f"Bearer {daemon.key}",
              "Content-Type": "application/json", **dict(headers)}
    if body:
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{k}: {v}\r\n" for k, v in fields.items())
    return f"{method} /mcp HTTP/1.1\r\n{head}\r\n".encode() + body
