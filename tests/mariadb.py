#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A MariaDB of one's own: a temporary folder, its own socket, a free port of
127.0.0.1, ended by its pid.

    mariadb.py [--tls | --bare] COMMAND …

runs the command with TEST_STORE, TEST_STORE_PASSWORD, TEST_STORE_PID and, with
--tls, TEST_STORE_CA and TEST_STORE_OTHER_CA; without --bare the server reads this
system's configuration files first.  --bare: none of them, and settings that suit
nobody."""
import argparse
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from ports import free_port

USER, DATABASE = "slackmcpd", "slackmcp"
# where Debian has mariadbd for those who are not root
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
SMALL = "--innodb-log-file-size=8M"
# What a server may be told, and no client of it should notice.
ODD = ["--character-set-server=latin1", "--collation-server=latin1_swedish_ci",
       "--sql-mode=", "--autocommit=0", "--transaction-isolation=SERIALIZABLE"]


def find(name):
    path = shutil.which(name, path=PATH)
    if path is None:
        sys.exit(f"mariadb.py: there is no {name}: sh contrib/packages mariadb")
    return path


class Shell:
    """A client that stays: root, who keeps what he has locked."""

    def __init__(self, args):
        self.proc = subprocess.Popen(
            args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.ask("SELECT 1")

    def ask(self, text):
        """What it says to this, by lines; one that fails is a line, too."""
        self.proc.stdin.write(f"{text};\nSELECT 'that was it';\n")
        self.proc.stdin.flush()
        said = []
        for line in self.proc.stdout:
            if line == "that was it\n":
                return said
            said.append(line.rstrip("\n"))
        raise AssertionError(f"{text}: {said}")

    def close(self):
        self.proc.stdin.close()
        self.proc.wait(60)
        self.proc.stdout.close()


class MariaDB:
    def __init__(self, folder=None, tls=False, bare=False, names="DNS:localhost,IP:127.0.0.1"):
        self.made = folder is None
        self.dir = folder or tempfile.mkdtemp(prefix="smd-maria-", dir="/tmp")
        self.tls, self.bare, self.names = tls, bare, names
        self.socket = os.path.join(self.dir, "socket")
        self.ca = os.path.join(self.dir, "ca.pem") if tls else None
        self.password = os.urandom(12).hex()
        self.port = free_port()
        self.proc = None

    @property
    def store(self):
        return f"mariadb://{USER}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def store_by_socket(self):
        return f"mariadb://{USER}@/{DATABASE}?socket={self.socket}"

    def defaults(self):
        return ["--no-defaults"] if self.bare else []

    def path(self, name):
        return os.path.join(self.dir, name)

    def temporary(self):
        """A folder of its own: where servers share one, each that begins deletes the
        temporary tables of all."""
        os.makedirs(self.path("tmp"), exist_ok=True)
        return f"--tmpdir={self.path('tmp')}"

    def said(self):
        with open(self.path("log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]

    def run(self, *args):
        with open(self.path("log"), "ab") as log:
            done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{args[0]} ended with {done.returncode}:\n{self.said()}")

    def install(self):
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.run(find("mariadb-install-db"), *self.defaults(), f"--user={user}",
                 f"--datadir={self.path('data')}", self.temporary(), "--skip-test-db", SMALL,
                 "--auth-root-authentication-method=normal")
        with open(self.path("init.sql"), "w", encoding="utf-8") as f:
            print(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET latin1;",
                  file=f)
            for host in ("127.0.0.1", "localhost"):
                print(f"CREATE USER IF NOT EXISTS {USER}@'{host}' "
                      f"IDENTIFIED BY '{self.password}';", file=f)
                if self.tls and host != "localhost":
                    print(f"ALTER USER {USER}@'{host}' REQUIRE SSL;", file=f)
                print(f"GRANT ALL ON {DATABASE}.* TO {USER}@'{host}';", file=f)
        os.chmod(self.path("init.sql"), 0o600)
        if self.tls:
            self.certify()

    def certify(self):
        """A CA, and a certificate of it for these names."""
        openssl = find("openssl")
        for name in ("other-ca", "ca"):
            self.run(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                     "-days", "2", "-subj", "/CN=test CA", "-keyout",
                     self.path("ca.key"), "-out", self.path(f"{name}.pem"))
        with open(self.path("ext"), "w", encoding="utf-8") as f:
            f.write(f"subjectAltName={self.names}\n")
        self.run(openssl, "req", "-newkey", "rsa:2048", "-nodes", "-subj",
                 "/CN=db", "-keyout", self.path("key.pem"), "-out",
                 self.path("csr.pem"))
        self.run(openssl, "x509", "-req", "-days", "2", "-in",
                 self.path("csr.pem"), "-CA", self.ca, "-CAkey",
                 self.path("ca.key"), "-CAcreateserial", "-extfile",
                 self.path("ext"), "-out", self.path("cert.pem"))

    def start(self, *options):
        if not os.path.exists(self.path("data")):
            self.install()
        user = pwd.getpwuid(os.geteuid()).pw_name
        args = [find("mariadbd"), *self.defaults(), f"--user={user}",
                f"--datadir={self.path('data')}", self.temporary(), f"--socket={self.socket}",
                f"--pid-file={self.path('pid')}", "--bind-address=127.0.0.1,127.0.0.2",
                f"--port={self.port}", f"--init-file={self.path('init.sql')}",
                "--skip-name-resolve", "--innodb-buffer-pool-size=32M",
                "--performance-schema=OFF", "--skip-log-bin", SMALL]
        if self.tls:
            args += [f"--ssl-ca={self.ca}", f"--ssl-cert={self.path('cert.pem')}",
                     f"--ssl-key={self.path('key.pem')}"]
        args += ODD if self.bare else []
        with open(self.path("log"), "ab") as log:
            self.proc = subprocess.Popen(
                [*args, *options], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)
        end = time.monotonic() + 60
        while not self.answers():
            if self.proc.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"mariadbd does not start:\n{self.said()}")
            time.sleep(0.05)
        return self

    def client(self, *args, **more):
        return subprocess.run(
            [find("mariadb"), "--no-defaults", f"--socket={self.socket}",
             f"-u{USER}", DATABASE, *args], stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
            env={"PATH": PATH, "MYSQL_PWD": self.password}, **more)

    def answers(self):
        """Not while it takes a connection and says nothing, either."""
        try:
            return self.client("-e", "SELECT 1", timeout=20).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def sql(self, text):
        """Rows of columns, as text."""
        done = self.client("-N", "-B", "-e", text, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"{text}: {done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def as_root(self, *args):
        return [find("mariadb"), "--no-defaults", f"--socket={self.socket}", "-uroot",
                "-N", "-B", "--init-command=SET autocommit = 1", *args]

    def admin(self, text):
        """As the server's root: rows of columns, as text."""
        done = subprocess.run(self.as_root("-e", text), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{text}: {done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def shell(self):
        return Shell(self.as_root("--unbuffered", "--force", DATABASE))

    def signal(self, sig):
        os.kill(self.proc.pid, sig)

    def kill(self):
        """As a power cut does."""
        self.signal(signal.SIGKILL)
        self.proc.wait(20)
        self.proc = None

    def stop(self):
        if self.proc is not None and self.proc.poll() is None:
            self.signal(signal.SIGCONT)
            self.proc.terminate()
            try:
                self.proc.wait(30)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait(10)
        self.proc = None

    def remove(self):
        self.stop()
        if self.made:
            shutil.rmtree(self.dir, ignore_errors=True)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--tls", action="store_true")
    p.add_argument("--bare", action="store_true")
    p.add_argument("command", nargs=argparse.REMAINDER)
    a = p.parse_args()
    for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(sig, lambda number, frame: sys.exit(128 + number))
    db = MariaDB(tls=a.tls, bare=a.bare)
    try:
        db.start()
        env = {**os.environ, "TEST_STORE": db.store,
               "TEST_STORE_PASSWORD": db.password,
               "TEST_STORE_PID": str(db.proc.pid)}
        if a.tls:
            env["TEST_STORE_CA"] = db.ca
            env["TEST_STORE_OTHER_CA"] = db.path("other-ca.pem")
        with subprocess.Popen(a.command, env=env) as child:
            try:
                return child.wait()
            except BaseException:
                child.terminate()
                raise
    finally:
        db.remove()


if __name__ == "__main__":
    sys.exit(main())
