# SPDX-License-Identifier: ISC
"""nginx and HAProxy in front of daemons: real programs, with what contrib/ has
for them or a few lines of a test, in the suite's folder, ended by pid."""
import csv
import os
import socket
import subprocess

import lib
import mcpclient

CONTRIB = os.path.join(lib.HERE, "..", "..", "contrib")


def sample(name, *changes):
    """A file of contrib with what must be one's own put in; each change is
    (there, here) and has to be found."""
    with open(os.path.join(CONTRIB, name), encoding="utf-8") as f:
        text = f.read()
    for there, here in changes:
        if there not in text:
            raise AssertionError(f"contrib/{name} has no {there!r}")
        text = text.replace(there, here)
    return text


def certificate(folder):
    """One for localhost: chain, key, both in one file."""
    cert, key, both = (os.path.join(folder, n)
                       for n in ("cert.pem", "cert.key", "both.pem"))
    if not os.path.exists(both):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", key, "-out", cert], check=True, capture_output=True)
        with open(both, "w", encoding="ascii") as out:
            for path in (cert, key):
                with open(path, encoding="ascii") as f:
                    out.write(f.read())
    return cert, key, both


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


class Front:
    """A proxy that runs.  To the clients of mcpclient it is the daemon: port,
    base, key; tls is set when its public side is https."""
    count = 0

    def __init__(self, suite, tls=False, prefix=""):
        Front.count += 1
        self.suite = suite
        self.dir = os.path.join(suite.dir, f"p{Front.count}")
        os.makedirs(self.dir)
        self.port, self.plain_port = lib.free_port(), lib.free_port()
        self.tls, self.tls_port, scheme = None, self.port, "http"
        if tls:
            self.tls, scheme = mcpclient.trusting(certificate(suite.dir)[0]), "https"
        self.origin = f"{scheme}://localhost:{self.port}"
        self.prefix, self.base = prefix, self.origin + prefix
        self.log = os.path.join(self.dir, "log")
        self.proc = None
        suite.addClassCleanup(self.stop)

    def urls(self):
        """For the daemon's environment."""
        return {"PUBLIC_BASE_URL": self.base,
                "SLACK_REDIRECT_URI": self.base + "/slack/oauth/callback"}

    def before(self, daemon):
        self.fake, self.key, self.env = daemon.fake, daemon.key, daemon.env
        return self

    def run(self, *command):
        with open(self.log, "ab") as out:
            self.proc = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=self.dir, start_new_session=True)
        lib.wait_until("the proxy listens", self.listens)
        return self

    def listens(self):
        if self.proc.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                raise AssertionError(f"the proxy has ended:\n{f.read()}")
        return listens(self.port)

    def haproxy(self, text):
        path = os.path.join(self.dir, "haproxy.cfg")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.run("haproxy", "-db", "-f", path)
        if "stats socket" in text:      # is there only after the ports
            lib.wait_until("its socket is there", lambda: os.path.exists(
                os.path.join(self.dir, "stats")))
        return self

    def servers(self):
        """HAProxy's own word: server -> (status, last check, be the next one under
        way or not)."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(os.path.join(self.dir, "stats"))
            s.sendall(b"show stat\n")
            data = b""
            while chunk := s.recv(65536):
                data += chunk
        rows = csv.DictReader(data.decode()[2:].splitlines())
        return {r["svname"]: (r["status"], r["check_status"].removeprefix("* "))
                for r in rows if r["svname"] not in ("FRONTEND", "BACKEND")}

    def nginx(self, text):
        """text: what stands in http {}."""
        path = os.path.join(self.dir, "nginx.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"daemon off;\nworker_processes 1;\npid {self.dir}/pid;\n"
                    f"error_log stderr;\nevents {{}}\nhttp {{\n"
                    f"access_log off;\n" + "".join(
                        f"{what}_temp_path {self.dir}/{what};\n" for what in (
                            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
                    + text + "}\n")
        return self.run("nginx", "-e", self.log, "-p", self.dir, "-c", path)

    def stop(self):
        if self.proc is None:
            return
        self.proc.terminate()
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait(10)
        self.proc = None

    def logs(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()
