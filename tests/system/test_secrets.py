# SPDX-License-Identifier: ISC
"""No secret stands where it may not: at the most talkative level, in every place
and spelling.  The search itself is shown to find what is planted."""
import base64
import contextlib
import html
import http.client
import json
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import lib
import mcpclient
import spill
from mcpclient import Browser, Legacy, Modern, ask, get, raw

ODD = "/+=&?<\">%\\'#;"          # each spelling of it is another
CODED = {
    "plain": lambda b: b,
    "hex": lambda b: b.hex().encode(),
    "HEX": lambda b: b.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "percent": lambda b: urllib.parse.quote(b, safe="").encode(),
    "form": lambda b: urllib.parse.quote_plus(b).encode(),
    "JSON": lambda b: json.dumps(b.decode()).encode(),
    "JSON of others": lambda b: json.dumps(
        b.decode(), ensure_ascii=False).replace("/", "\\/").encode(),
    "HTML": lambda b: html.escape(b.decode()).encode(),
}


class Search(unittest.TestCase):
    """What is planted is found."""

    def setUp(self):
        self.secrets = spill.Secrets()
        self.value = self.secrets.add("planted", "plänted" + ODD)
        self.folder = tempfile.mkdtemp(prefix="smd-", dir="/tmp")
        self.addCleanup(lib.shutil.rmtree, self.folder)

    def found(self, data):
        with open(os.path.join(self.folder, "f"), "wb") as f:
            f.write(data)
        return [name for _, name in self.secrets.search(self.folder)]

    def test_spellings(self):
        for how, coded in CODED.items():
            for lead in range(4):
                with self.subTest(how, lead=lead):
                    text = coded(b"x" * lead + self.value.encode() + b"yz" * lead)
                    self.assertEqual(self.found(b"\0\1" + text + b"\n"),
                                     ["planted"], text)
        self.assertEqual(self.found(b"plaented" + ODD.encode()), [])

    def test_most_of_it(self):
        value = self.secrets.add("long", "sk_" + os.urandom(20).hex())
        for part in (value[:28], value[-28:]):
            self.assertEqual(self.found(b"key=" + part.encode() + b" "), ["long"])
        self.assertEqual(self.found(value[:12].encode()), [])

    def test_bytes(self):
        key = self.secrets.add("key", bytes(range(200, 232)))
        for how in ("plain", "hex", "base64", "base64url"):
            self.assertEqual(self.found(CODED[how](key)), ["key"], how)

    def test_large_files(self):
        raw_ = self.value.encode()
        for at in (0, 1, spill.CHUNK - len(raw_), spill.CHUNK - 3, spill.CHUNK,
                   3 * spill.CHUNK + 7):
            with self.subTest(at=at):
                self.assertEqual(self.found(bytes(at) + raw_ + bytes(
                    spill.CHUNK)), ["planted"])
                self.assertEqual(self.found(b"l" * at + raw_), ["planted"])
        self.assertEqual(self.found(bytes(spill.CHUNK * 2)), [])

    def test_many(self):
        """Others that begin alike hide none."""
        values = [self.secrets.add(f"n{i}", "sk_alike" + os.urandom(16).hex())
                  for i in range(500)]
        for i in (0, 250, 499):
            self.assertEqual(self.found(b"sk_alik" + values[i].encode()), [f"n{i}"])
        self.assertEqual(len(self.found("".join(values).encode())), 500)

    def test_processes(self):
        value = self.secrets.add("shown", "shown-secret-1")
        for where, args, env in (("cmdline", (value,), {}),
                                 ("environ", (), {"X": value})):
            p = subprocess.Popen([sys.executable, "-c", "import sys; "
                                  "print(flush=True); sys.stdin.read()", *args],
                                 env=env, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
            with p:
                p.stdout.readline()
                self.assertEqual(self.secrets.search_processes([p.pid]),
                                 [(f"/proc/{p.pid}/{where}", "shown")])

    @unittest.skipIf(lib.VALGRIND, "/proc is not looked at then")
    def test_places(self):
        """Each place of a suite is looked at: in a running daemon's folders what
        its end takes away, after it all that it said."""
        class Dummy(lib.Suite):
            pass
        Dummy.setUpClass()
        places = ("run/region", "state/slackmcpd.db", "state/slackmcpd.db-wal",
                  "state/spool/install-1", "state/sessions")
        try:
            d = Dummy.daemon()
            value = Dummy.secret("planted", self.value)
            key = base64.b64encode(os.urandom(32)).decode()
            for place in (*places, "state/token.keys"):
                path = os.path.join(d.dir, place)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as f:
                    f.write("k1:" + key if "token" in place else f"xx{value}\n")
            with open(os.path.join(d.run_dir, "other"), "wb") as f:
                f.write(base64.b64decode(key))
            d.proc = subprocess.Popen(["sleep", "600"], start_new_session=True,
                                      env={"PATH": os.environ["PATH"], "K": value})
            pid = d.proc.pid
            d.stop(-signal.SIGTERM)
            self.assertEqual(Dummy.spilled, {
                *((os.path.join(d.dir, p), "planted") for p in places),
                (os.path.join(d.run_dir, "other"), "a token key"),
                (f"/proc/{pid}/environ", "planted")})
            lib.shutil.rmtree(d.run_dir)
            Dummy.said("<p>" + html.escape(value))
            Dummy.unlogged("an id", "an id that its owner has")
            with open(d.log, "w", encoding="utf-8") as f:
                f.write(json.dumps({"msg": value + " an id that its owner has"}))
        except BaseException:
            Dummy.clear()
            raise
        with self.assertRaises(AssertionError) as failed:
            Dummy.tearDownClass()
        said = str(failed.exception)
        for place in (*places, "answers", "stderr.log"):
            self.assertRegex(said, f"planted stands in .*{place}\\b")
        self.assertRegex(said, r"an id stands in .*stderr\.log")


class Everything(lib.Suite):
    """A daemon's whole life with secrets that need every kind of quoting."""

    @classmethod
    def begin(cls):
        cls.slack = cls.fake(client_secret="s" + ODD + os.urandom(8).hex())
        cls.d = cls.daemon(cls.slack, env={
            "AFFINITYBOTS_MCP_API_KEY": cls.secret(
                "key", "k" + ODD + os.urandom(16).hex()),
            "SLACK_SIGNING_SECRET": cls.secret("signing", "g" + os.urandom(16).hex()),
            "STORE_PASSWORD": cls.secret("store", "p" + ODD + os.urandom(8).hex()),
            "STORE_TIMEOUT": "2", "INSTALL_ALLOW": "T0ACME0001"})
        cls.d.key = cls.d.env["AFFINITYBOTS_MCP_API_KEY"]
        cls.secret("client secret", cls.slack.world.client_secret)
        cls.d.start()
        cls.key = cls.d.key_add("all", "--workspaces", "*", "--role", "write")

    def clean(self):
        self.look(self.d)
        self.assertEqual(self.spilled, set())

    def database(self):
        return sqlite3.connect(os.path.join(self.d.state_dir, "slackmcpd.db"),
                               isolation_level=None)

    def test_installs(self):
        mcpclient.install(self.d, "T0ACME0001")
        self.slack.world.teams["T0BETA0001"].rotates = True
        mcpclient.install(self.d, "T0BETA0001")
        self.d.ctl("install", "approve", "T0BETA0001", check=False)
        self.slack.fault("oauth.v2.access", "error", error="bad_client_secret")
        mcpclient.install(self.d, "T0BETA0001")
        self.slack.fault("oauth.v2.access", "garbage")
        mcpclient.install(self.d, "T0BETA0001")
        with Legacy(self.d, self.key).begin() as c:
            for name, args in (
                    ("slack_list_channels", {}), ("slack_list_workspaces", {}),
                    ("slack_get_channel_history", {"channel_id": "CAGENERAL1"}),
                    ("slack_post_message", {"channel_id": "CAGENERAL1", "text": "x"}),
                    ("slack_post_message", {"channel_id": "CAGENERAL1"})):
                c.tool(name, team_id="T0ACME0001", **args)
            self.slack.fault("conversations.list", "error", error="invalid_auth")
            c.tool("slack_list_channels", team_id="T0ACME0001")
            self.slack.faults.clear()
        self.assertTrue(os.path.getsize(os.path.join(
            self.d.state_dir, "slackmcpd.db-wal")))
        self.clean()

    def test_spool(self):
        """Looked at while the sealed answer of Slack lies there."""
        self.slack.world.authorize_team = "T0ACME0001"
        b = Browser(self.d)
        a = b.get("/slack/install", follow=False)
        a = b.get(a.header("Location"), follow=False)
        u = urllib.parse.urlsplit(a.header("Location"))
        cookie = "; ".join(f"{k[2]}={v}" for k, v in b.jar.items())
        since = self.slack.mark()
        self.slack.fault("oauth.v2.access", "hold", effect=True)
        conn = http.client.HTTPConnection("127.0.0.1", self.d.port, timeout=60)
        conn.request("GET", u.path + "?" + u.query, headers={"Cookie": cookie})
        self.assertTrue(self.slack.wait_held("oauth.v2.access", 1, since, 20))
        spool = os.path.join(self.d.state_dir, "spool")
        with contextlib.closing(self.database()) as db:
            db.execute("BEGIN EXCLUSIVE")
            self.slack.release()
            mcpclient.keep(self.d, mcpclient.Answer(
                (r := conn.getresponse()).status, r.getheaders(), r.read()))
            self.assertEqual(len(os.listdir(spool)), 1)
            self.clean()
            db.execute("ROLLBACK")
        conn.close()
        lib.wait_until("the spool is empty", lambda: not os.listdir(spool), 60)

    def test_secrets_in_wrong_places(self):
        """A client puts its key, or another's secret, where it does not belong."""
        token = self.slack.world.teams["T0ACME0001"].token
        for value in (self.key, token):
            for path in (f"/mcp/{value}", f"/{value}/mcp", f"/mcp?key={value}",
                         f"/slack/install?team={value}",
                         f"/slack/oauth/callback?code={value}&state={value}",
                         f"/slack/oauth/callback?error={value}"):
                get(self.d, path)
            for name in ("Cookie", "Referer", "User-Agent", "X-Request-Id",
                         "X-Api-Key", "Mcp-Session-Id", "X-Forwarded-For"):
                get(self.d, "/mcp", headers={name: value})
            for auth in (f"Basic {value}", value, f"Bearer {value}x",
                         f"Bearer {value} {value}"):
                get(self.d, "/mcp", headers={"Authorization": auth})
            raw(self.d, f"{value} / HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
                half_close=True)
            raw(self.d, f"GET / HTTP/1.1\r\nHost: x\r\n{value}\r\n\r\n".encode(),
                half_close=True)
            raw(self.d, value.encode() + b"\r\n\r\n", half_close=True)
        self.clean()

    def test_answers(self):
        """What this daemon knows is in none: sessions and pages of all kinds."""
        with Modern(self.d, self.key) as c:
            for method in ("server/discover", "tools/list", "nonsense"):
                c.request(method)
        for path in ("/", "/health", "/ready", "/nowhere", "/slack/install"):
            get(self.d, path, headers={"Accept": "text/html"})
        for what in ("info", "workers", "sessions", "installs", "keys", "config"):
            self.d.ctl("show", what)
            self.d.ctl_json("show", what)
        ask(self.d, "POST", "/mcp", "{", {
            "Authorization": f"Bearer {self.d.key}",
            "Content-Type": "application/json"})
        self.d.ctl("key", "revoke", "all", check=False)
        self.key = type(self).key = self.d.key_add(
            "all", "--workspaces", "*", "--role", "write")
        self.clean()

    def test_configuration(self):
        """In its reports a secret is its length, wherever it was put."""
        token = self.secret("token", "xoxb-" + os.urandom(12).hex())
        for name, value in (
                ("TOKEN_KEYS", self.secret("no keys", "k1:" + os.urandom(20).hex())),
                ("SLACK_CLIENT_SECRET", self.secret("two lines", "ab\nc" + "d" * 9)),
                ("SLACKMCP_API_KEY", self.secret("other", "o" + os.urandom(20).hex())),
                ("PORT", token), ("SLACK_SCOPES", token), ("HOST", token),
                ("NODE_NAME", token), ("SLACK_CLIENT_ID", token),
                ("STORE", f"mariadb://user:{token}@db/x"),
                ("LOG_LEVEL", token), ("RATE_KEY", token)):
            before, self.d.env = self.d.env, {**self.d.env, name: value}
            for option in ("-t", "-T"):
                self.d.run(option)
            self.d.env = before
        path = os.path.join(self.dir, "secret.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"log_level = {token}\nslack_client_secret = '{token}\n"
                    f"no_such_option = {token}\n{token}\n")
        self.d.run("-t", "-c", path)
        self.clean()

    def test_zz_after_a_crash(self):
        """A worker's death, a reload, the log opened anew; then the end."""
        workers = self.d.workers()
        os.kill(workers[0], signal.SIGKILL)
        lib.wait_until("another one serves", lambda: len(w := self.d.workers()) == 2
                       and workers[0] not in w, 30)
        self.d.ctl("reload")
        lib.wait_until("new ones serve", lambda: len(w := self.d.workers()) == 2
                       and workers[1] not in w, 30)
        self.d.wait_all_workers()
        with Legacy(self.d, self.key).begin():
            pass
        self.clean()
        self.d.stop()
        self.assertTrue(os.path.exists(os.path.join(self.d.state_dir, "sessions")))


def may_dump():
    """So that whoever does not forbid it writes a core.  (A shell's job behind &
    ignores SIGQUIT.)"""
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


class Cores(lib.Suite):
    def begin_in(self, folder):
        """A daemon that was started with leave to write cores, in a folder where
        anybody may."""
        d = self.daemon(self.fake())
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o777)
        with open(d.log, "ab") as err:
            d.proc = subprocess.Popen(
                [lib.program("slackmcpd"), "-f"], env=d.environ(), cwd=folder,
                stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                start_new_session=True, preexec_fn=may_dump)
        d.wait_ready()
        return d

    def cores(self, *folders):
        return [os.path.join(f, n) for f in folders for n in os.listdir(f)
                if n.startswith("core") and stat.S_ISREG(os.lstat(
                    os.path.join(f, n)).st_mode)]

    def dumps(self, folder):
        """Does this system write cores at all?"""
        with subprocess.Popen([sys.executable, "-c", "import os; os.abort()"],
                              cwd=folder, preexec_fn=may_dump) as p:
            _, status = os.waitpid(p.pid, 0)
            p.returncode = -1
        return os.WCOREDUMP(status)

    def test_limits(self):
        d = self.begin_in(os.path.join(self.dir, "limits"))
        drops = os.getuid() == 0        # then the workers are another user's
        for pid in (d.pid, *d.workers()):
            with open(f"/proc/{pid}/limits", encoding="ascii") as f:
                line = next(x for x in f if x.startswith("Max core file size"))
            self.assertEqual(line.split()[4:6], ["0", "0"])
            if drops and pid != d.pid and not lib.VALGRIND:
                # /proc of a process that may not be dumped is root's
                self.assertNotEqual(lib.proc_uid(pid), 0)
                self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)
        d.stop()

    def test_no_core(self):
        here = os.path.join(self.dir, "here")
        d = self.begin_in(here)
        folders = (here, "/", d.dir, d.run_dir, d.state_dir)
        before = self.cores(*folders)
        # neither of a worker nor of the master, however they are ended
        for sig in (signal.SIGQUIT, signal.SIGABRT):
            victim = d.workers()[0]
            os.kill(victim, sig)
            lib.wait_until("another one serves", lambda gone=victim: len(
                w := d.workers()) == 2 and gone not in w, 40)
            self.assertRegex(d.logs(), f"signal={int(sig)}\\b")
        sid = d.pid
        os.kill(d.pid, signal.SIGQUIT)
        _, status = os.waitpid(d.pid, 0)
        d.proc.returncode = -signal.SIGQUIT
        lib.wait_until("its workers have gone", lambda: not lib.of_session(sid), 40)
        d.proc = None
        self.assertEqual(os.WTERMSIG(status), signal.SIGQUIT)
        self.assertFalse(os.WCOREDUMP(status))
        self.assertEqual(self.cores(*folders), before)
        if not self.dumps(here):
            print("note: this system writes no cores at all")


if __name__ == "__main__":
    unittest.main()
