# SPDX-License-Identifier: ISC
"""What is logged: formats, fields, levels, re-opening."""
import datetime
import json
import os
import signal
import socket
import unittest

import lib
import mcpclient
from mcpclient import Legacy, get


class Log(lib.Suite):
    def test_json_lines(self):
        d = self.daemon(self.fake()).start()
        mcpclient.install(d)
        with Legacy(d).begin() as c:
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
        for word in ("POST", "200"):
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

    def test_no_secret(self):
        """The scan at the end of the class finds what it should: it would find
        a secret that is logged."""
        self.secrets.add("planted", "planted/secret+value")
        hit = {}
        for i, spelling in enumerate(self.secrets.spellings("planted/secret+value")):
            folder = os.path.join(self.dir, "planted", str(i))
            os.makedirs(folder)
            with open(os.path.join(folder, "f"), "wb") as f:
                f.write(b"xx" + spelling + b"yy")
            hit[i] = self.secrets.search(folder)
            os.unlink(os.path.join(folder, "f"))
        self.assertTrue(all(hit.values()), hit)


if __name__ == "__main__":
    unittest.main()
