# SPDX-License-Identifier: ISC
"""What is logged: formats, fields, levels, re-opening."""
import datetime
import json
import os
import signal
import socket
import subprocess
import unittest

import lib
import mcpclient
from mcpclient import Legacy, get


class Log(lib.Suite):
    def test_json_lines(self):
        d = self.daemon(self.fake()).start()
        mcpclient.install(d)
        key = d.key_add("log-agent", "--workspaces", "T0ACME0001")
        with Legacy(d, key).begin() as c:
            a = c.tool("slack_list_channels", limit=2).answer
            request_id = a.header("X-Request-Id")
            session = c.session
        d.stop()
        rows = d.log_rows()
        self.assertEqual([r for r in rows if "raw" in r], [])
        for r in rows:
            self.assertLessEqual({"time", "level", "pid", "hostname", "msg"}, set(r))
            self.assertIn(r["level"], ("trace", "debug", "info", "warn", "error",
                                       "fatal"))
            datetime.datetime.fromisoformat(str(r["time"]).replace("Z", "+00:00"))
            self.assertEqual(r["hostname"], socket.gethostname())
        mine = [r for r in rows if request_id in json.dumps(r)]
        self.assertTrue(mine, "the request id is in no line")
        line = next(r for r in mine if "/mcp" in json.dumps(r))
        text = json.dumps(line)
        for word in ("POST", "200", "ms=", "log-agent", "tools/call"):
            self.assertIn(word, text)
        self.assertIn(session[:8], text)
        self.assertNotIn(session, d.logs())
        self.assertEqual(d.logs().count(f'{request_id}'), len(mine))

    def test_one_line_a_request(self):
        d = self.daemon(self.fake(), env={"LOG_LEVEL": "info"}).start()
        ids = [get(d, "/nowhere").header("X-Request-Id") for _ in range(10)]
        lib.wait_until("all are logged", lambda: all(i in d.logs() for i in ids), 5)
        for i in ids:
            self.assertEqual(d.logs().count(i), 1)
        d.stop()

    def test_formats(self):
        for fmt, shape in (("logfmt", r"(?m)^\S*time=\S+ .*level=info"),
                           ("text", r"(?m)^\S+.* info")):
            with self.subTest(fmt):
                d = self.daemon(env={"LOG_FORMAT": fmt, "LOG_LEVEL": "info"}).start()
                self.assertRegex(d.logs(), shape)
                d.stop()

    def test_levels(self):
        d = self.daemon(self.fake(), env={"LOG_LEVEL": "Error"}).start()
        get(d, "/nowhere")
        self.assertEqual([r for r in d.log_rows()
                          if r.get("level") in ("trace", "debug", "info")], [])
        d.stop()

    def test_hostile_values(self):
        """Nothing that a client sends makes a line of its own."""
        d = self.daemon(self.fake()).start()
        get(d, "/x%0a%22%7d?a=%0d%0a", headers={
            "User-Agent": 'x" } {"level":"fatal"', "Origin": 'https://"\\'})
        mcpclient.raw(d, b"GET /\x1b[31m\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
                      half_close=True)
        d.stop()
        rows = d.log_rows()
        self.assertEqual([r for r in rows if "raw" in r], [])
        self.assertEqual([r for r in rows if r["level"] == "fatal"], [])
        self.assertNotIn("\x1b", d.logs())

    def test_reopen(self):
        """USR1 after a rename: both files whole, nothing lost or doubled."""
        path = os.path.join(self.dir, "re.log")
        d = self.daemon(self.fake(), env={"LOG_TARGET": path,
                                          "LOG_LEVEL": "info"}).start()
        before = get(d, "/nowhere").header("X-Request-Id")

        def holds(name, text):
            if not os.path.exists(name):
                return False
            with open(name, encoding="utf-8") as f:
                return text in f.read()
        lib.wait_until("it is logged", lambda: holds(path, before), 5)
        os.rename(path, path + ".1")
        between = get(d, "/nowhere").header("X-Request-Id")
        lib.wait_until("into the old file", lambda: holds(path + ".1", between), 5)
        d.kill(sig=signal.SIGUSR1)
        lib.wait_until("there is a new file", lambda: os.path.exists(path), 5)

        def all_moved():    # the master and every worker
            after = [get(d, "/nowhere").header("X-Request-Id") for _ in range(8)]
            return all(holds(path, i) for i in after)
        lib.wait_until("all write to the new one", all_moved, 10)
        for pid in (d.pid, *d.workers()):
            self.assertNotIn(path + ".1", lib.descriptors(pid).values())
        d.stop()

    def test_a_log_that_blocks(self):
        """A reader that does not read stops nobody."""
        r, w = os.pipe()
        d = self.daemon(self.fake())
        d.spawn_to(w, "-f")
        os.close(w)
        d.wait_ready()
        for _ in range(400):
            self.assertEqual(get(d, "/nowhere?" + "x" * 500, timeout=10).status, 404)
        self.assertEqual(get(d, "/health", port=d.admin_port).status, 200)
        d.stop()
        os.close(r)


# slackmcpd sees a /dev with the test's own socket as its log
OWN_DEV = """set -e
mkdir "$1/dev"
mount -t tmpfs none "$1/dev"
for node in null zero full random urandom; do cp -a /dev/$node "$1/dev/"; done
: > "$1/dev/log"
mount --bind "$1/log.sock" "$1/dev/log"
mount --move "$1/dev" /dev
shift
exec "$@"
"""


@unittest.skipUnless(os.getuid() == 0, "needs root")
class Syslog(lib.Suite):
    def listen(self, path):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(path)
        os.chmod(path, 0o666)
        s.settimeout(0.1)
        return s

    def lines(self, s):
        got = []
        try:
            while True:
                got.append(s.recv(65536).decode())
        except TimeoutError:
            return got

    def test_lines(self):
        """With priority and tag, from the master and from workers."""
        d = self.daemon(self.fake(), env={"LOG_TARGET": "syslog",
                                          "LOG_LEVEL": "info"})
        s = self.listen(os.path.join(d.dir, "log.sock"))
        if subprocess.run(["unshare", "-m", "sh", "-c", OWN_DEV, "sh", d.dir, "true"],
                          check=False, capture_output=True).returncode:
            self.skipTest("no mount namespaces here")
        os.rmdir(os.path.join(d.dir, "dev"))
        with open(d.log, "ab") as err:
            d.proc = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", OWN_DEV, "sh", d.dir,
                 lib.program("slackmcpd"), "-f"], env=d.environ(), cwd=d.dir,
                stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                start_new_session=True)
        d.wait_ready()
        asked = get(d, "/nowhere").header("X-Request-Id")
        got = []

        def heard(text):
            got.extend(self.lines(s))
            return any(text in line for line in got)
        lib.wait_until("the master's words", lambda: heard("serves on"), 10)
        lib.wait_until("a worker's words", lambda: heard(asked), 10)
        for line in got:
            self.assertRegex(line, r"^<(2[4-9]|3[01])>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
                             r"slackmcpd\[\d+\]: \S")
            self.assertFalse(line.endswith("\n"))
        self.assertEqual(d.logs(), "")
        s.close()                       # syslogd is gone: nobody is stopped
        self.assertEqual(get(d, "/health").status, 200)
        d.stop()


if __name__ == "__main__":
    unittest.main()
