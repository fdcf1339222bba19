# SPDX-License-Identifier: ISC
"""contrib/quickstart --slack, answered on its standard input, against the fake;
and --mariadb."""
import os
import re
import signal
import socket
import subprocess

import lib
import mcpclient
from mcpclient import Legacy

SCRIPT = os.path.join(lib.HERE, "..", "..", "contrib", "quickstart")


class Slack(lib.Suite):
    def begin_script(self, fake, answers):
        """The running script and the folder of what it says."""
        self.port = lib.free_port()
        self.out = os.path.join(self.dir, "quickstart.out")
        env = {"PATH": os.environ["PATH"], "TMPDIR": self.dir, "HOME": self.dir,
               "ASAN_OPTIONS": "detect_leaks=0",
               "SLACKMCPD": lib.program("slackmcpd"),
               "SLACKMCPCTL": lib.program("slackmcpctl"),
               "QUICKSTART_PORT": str(self.port),
               "SLACK_API_URL": fake.url + "/api/",
               "SLACK_AUTHORIZE_URL": fake.url + "/oauth/v2/authorize"}
        with open(self.out, "wb") as out:
            proc = subprocess.Popen(["sh", SCRIPT, "--slack"], env=env,
                                    stdin=subprocess.PIPE, stdout=out, stderr=out,
                                    start_new_session=True)
        self.addCleanup(self.end, proc)
        proc.stdin.write("".join(a + "\n" for a in answers).encode())
        proc.stdin.close()
        return proc

    def end(self, proc):
        if proc.poll() is None:
            proc.terminate()
        proc.wait(30 * lib.SLOW)
        lib.wait_until("all of it has ended", lambda: not lib.of_session(proc.pid))

    def said_so_far(self):
        with open(self.out, encoding="utf-8") as f:
            return f.read()

    def test_nothing_answered(self):
        proc = self.begin_script(self.fake(), ["1.2"])
        self.assertEqual(proc.wait(60 * lib.SLOW), 1)
        self.assertIn("SLACK_CLIENT_SECRET: nothing was given", self.said_so_far())

    def test_answered(self):
        fake = self.fake()
        key = self.secret("agent's key", lib.STRONG + os.urandom(8).hex())
        proc = self.begin_script(fake, [
            fake.world.client_id, fake.world.client_secret, "", "", key])

        def serves():
            self.assertIsNone(proc.poll(), self.said_so_far())
            return "Serving; Ctrl-C" in self.said_so_far()
        lib.wait_until("it serves", serves, 60)
        said = self.said_so_far()
        base = f"https://localhost:{self.port}"
        # first the manifest, which names the address, then the questions
        self.assertLess(said.index(f'{base}/slack/oauth/callback"'),
                        said.index("SLACK_CLIENT_ID"))
        for word in ("SLACK_CLIENT_SECRET", "SLACK_REDIRECT_URI", "SLACK_SCOPES",
                     "AFFINITYBOTS_MCP_API_KEY", f"{base}/slack/install",
                     "key add NAME", f"claude mcp add --transport http slack {base}/mcp"):
            self.assertIn(word, said)
        self.assertNotIn(key, said)
        cert = re.search(r"NODE_EXTRA_CA_CERTS=(\S+)", said).group(1)
        d = self.daemon(fake)       # never started: how the script's is reached
        d.tls, d.tls_port, d.base, d.key = mcpclient.trusting(cert), self.port, base, key
        page = mcpclient.install(d)
        self.assertEqual(page.status, 200, page)
        with Legacy(d).begin() as c:
            listed = c.tool("slack_list_channels", limit=3)
            self.assertTrue(listed.ok, listed)
            channel = re.search(r"\bC[A-Z0-9]*GENERAL[A-Z0-9]*", listed.text).group()
            self.assertTrue(c.tool("slack_post_message", channel_id=channel, text="Grüße").ok)
            self.assertIn("Grüße", c.tool("slack_get_channel_history",
                                          channel_id=channel, limit=1).text)
        folder = os.path.dirname(cert)
        os.kill(proc.pid, signal.SIGTERM)
        self.assertEqual(proc.wait(30 * lib.SLOW), 143)
        lib.wait_until("its daemon has ended", lambda: not lib.of_session(proc.pid))
        self.assertFalse(os.path.exists(folder))


class Mariadb(lib.Suite):
    def run_script(self, *options):
        env = {"PATH": os.environ["PATH"], "TMPDIR": self.dir, "HOME": self.dir,
               "ASAN_OPTIONS": "detect_leaks=0",
               "SLACKMCPD": lib.program("slackmcpd"),
               "SLACKMCPCTL": lib.program("slackmcpctl")}
        return subprocess.Popen(
            ["sh", SCRIPT, *options], env=env, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def test_shown(self):
        proc = self.run_script("--mariadb")
        said = proc.communicate(timeout=120 * lib.SLOW)[0]
        self.assertEqual(proc.returncode, 0, said)
        for word in ("its store MariaDB", "The text that was posted came back.",
                     "| T0ACME0001 | Acme      | live  |", "| posted |"):
            self.assertIn(word, said)
        self.assertEqual(lib.of_session(proc.pid), [])
        db = re.search(r"mariadb://\w+@127\.0\.0\.1:(\d+)/", said).group(1)
        with socket.socket() as s:      # its server has ended as well
            self.assertNotEqual(s.connect_ex(("127.0.0.1", int(db))), 0)

    def test_options(self):
        for options in (["--postgres"], ["--mariadb", "--slack"]):
            with self.subTest(" ".join(options)):
                proc = self.run_script(*options)
                self.assertIn("quickstart", proc.communicate(timeout=60)[0])
                self.assertEqual(proc.returncode, 2)
