# SPDX-License-Identifier: ISC
"""Configuration, start, privileges, and what a start refuses."""
import base64
import glob
import json
import os
import re
import resource
import signal
import socket
import subprocess
import unittest

import lib
import mcpclient

FIVE = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_REDIRECT_URI",
        "SLACK_SCOPES", "AFFINITYBOTS_MCP_API_KEY")
NOBODY = 65534


class Problems(lib.Suite):
    """-t, -T, -V: nothing is started."""

    def check(self, status, *args, **env):
        d = self.daemon(env=env)
        done = d.run(*(args or ("-t",)))
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_good(self):
        self.check(0)

    def test_all_that_is_missing_at_once(self):
        said = self.check(78, **{name: None for name in FIVE})
        for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET",
                     "SLACK_REDIRECT_URI", "AFFINITYBOTS_MCP_API_KEY"):
            self.assertIn(name, said)
        self.assertIn("openssl rand", said)     # both ways to get a key
        self.assertIn("--add-key", said)

    def test_each_one_missing(self):
        for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET",
                     "SLACK_REDIRECT_URI"):
            with self.subTest(name):
                self.assertIn(name, self.check(78, **{name: None}))
        self.check(0, SLACK_SCOPES=None)    # defaults to what the tools need

    def test_redirect_from_public_base_url(self):
        said = self.check(0, "-T", SLACK_REDIRECT_URI=None,
                          PUBLIC_BASE_URL="https://mcp.example.org/")
        self.assertIn("https://mcp.example.org/slack/oauth/callback", said)

    def test_bad_values(self):
        rows = {
            "PORT": ("0", "70000", "eighty"), "WORKERS": ("-1", "many"),
            "SLACK_REDIRECT_URI": ("http://example.org/cb", "ftp://x/", "nonsense"),
            "PUBLIC_BASE_URL": ("nonsense", "ftp://x"),
            "SLACK_API_URL": ("http://slack.example.org/api/",),
            "SLACK_AUTHORIZE_URL": ("http://slack.example.org/authorize",),
            "ALLOWED_ORIGINS": ("*",), "LOG_LEVEL": ("loud",),
            "SESSION_TTL_MS": ("0", "soon"), "STORE": ("oracle:x",),
            "TOKEN_KEYS": ("k1:tooshort",), "RATE_ADDRESS": ("fast",),
            "MAX_BODY": ("-1",), "NODE_NAME": ("UPPER", "a" * 17),
            "BUDGET_SCALE": ("-1",),
        }
        for name, values in rows.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.assertIn(name, self.check(78, **{name: value}))

    def test_many_at_once(self):
        said = self.check(78, PORT="x", LOG_LEVEL="loud", SESSION_TTL_MS="0",
                          SLACK_CLIENT_ID=None, ALLOWED_ORIGINS="*")
        for name in ("PORT", "LOG_LEVEL", "SESSION_TTL_MS", "SLACK_CLIENT_ID",
                     "ALLOWED_ORIGINS"):
            self.assertIn(name, said)

    def test_weak_key(self):
        weak = {"AFFINITYBOTS_MCP_API_KEY": self.secret("weak", "test-key-123")}
        said = self.check(0, **weak)
        self.assertRegex(said.lower(), "less than 32")
        for more in ({"HOST": "0.0.0.0"}, {"PUBLIC_BASE_URL": "https://x.example"}):
            with self.subTest(more):
                self.assertIn("openssl rand -hex 32",
                              self.check(78, **weak, **more))

    def test_two_names_of_the_key(self):
        one = self.secret("one", "a" * 20 + os.urandom(12).hex())
        two = self.secret("two", "b" * 20 + os.urandom(12).hex())
        self.check(0, AFFINITYBOTS_MCP_API_KEY=None, SLACKMCP_API_KEY=one)
        self.check(0, AFFINITYBOTS_MCP_API_KEY=one, SLACKMCP_API_KEY=one)
        self.assertIn("SLACKMCP_API_KEY", self.check(
            78, AFFINITYBOTS_MCP_API_KEY=one, SLACKMCP_API_KEY=two))

    def test_secret_file(self):
        d = self.daemon(env={"SLACK_CLIENT_SECRET": None})
        path = os.path.join(d.dir, "secret.conf")
        value = self.secret("from a file", os.urandom(20).hex())
        with open(path, "w", encoding="ascii") as f:
            f.write(value + "\n")
        os.chmod(path, 0o600)
        d.env["SLACK_CLIENT_SECRET_FILE"] = path
        done = d.run("-t")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(d.run("-T").stdout,
                         r"(?im)^\s*slack_client_secret\b.*secret file")
        d.env["SLACK_CLIENT_SECRET_FILE"] = path + ".none"
        done = d.run("-t")
        self.assertEqual(done.returncode, 78)
        self.assertIn(path + ".none", done.stderr)

    def test_order_of_sources(self):
        d = self.daemon(env={"LOG_LEVEL": None, "WORKERS": "3"})
        path = os.path.join(d.dir, "slackmcpd.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write("# a Node .env\r\nLOG_LEVEL='warn'\r\nworkers = 5\n"
                    'Session_Ttl_Ms="60000"\nNODE_ENV=production\nPROT=1\n')
        done = d.run("-c", path, "-o", "session_ttl_ms=90000", "-T")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = {}
        for line in done.stdout.splitlines():
            words = line.replace("=", " ").split()
            if words:
                rows[words[0].lower()] = line
        self.assertRegex(rows["log_level"], r"warn.*file")
        self.assertRegex(rows["workers"], r"3.*environment")
        self.assertRegex(rows["session_ttl_ms"], r"90s.*command line")
        self.assertRegex(rows["max_body"], r"default")
        said = done.stdout + done.stderr
        self.assertRegex(said, "(?i)PROT.*PORT")    # the nearest name
        self.assertNotIn("NODE_ENV", said)

    def test_options_take_no_secret(self):
        said = self.check(78, "-o", "slack_client_secret=abcdefgh12345678", "-t")
        self.assertIn("slack_client_secret", said.lower())

    def test_effective_values_are_masked(self):
        d = self.daemon()
        said = d.run("-T").stdout
        self.assertNotIn(d.key, said)
        self.assertNotIn(d.env["SLACK_CLIENT_SECRET"], said)
        self.assertRegex(said, r"(?im)^\s*port\b.*" + str(d.port))

    def test_versions(self):
        done = self.daemon(env={n: None for n in FIVE}).run("-V")
        self.assertEqual(done.returncode, 0)
        for word in ("slackmcpd", "libevent", "OpenSSL", "curl", "SQLite",
                     "json-c"):
            self.assertIn(word.lower(), done.stdout.lower())

    def test_manifest(self):
        d = self.daemon(env={**{n: None for n in FIVE},
                             "PUBLIC_BASE_URL": "https://mcp.example.org"})
        done = d.run("--manifest")
        self.assertEqual(done.returncode, 0, done.stderr)
        manifest = json.loads(done.stdout)
        text = json.dumps(manifest)
        self.assertIn("https://mcp.example.org/slack/oauth/callback", text)
        scopes = manifest["oauth_config"]["scopes"]["bot"]
        for scope in ("chat:write", "channels:history", "channels:read"):
            self.assertIn(scope, scopes)
        self.assertEqual(manifest["settings"]["event_subscriptions"], {
            "request_url": "https://mcp.example.org/slack/events", "bot_events": [
                "app_uninstalled", "team_access_granted", "team_access_revoked",
                "tokens_revoked"]})
        self.assertIs(manifest["settings"]["org_deploy_enabled"], True)

    def test_govslack(self):
        """Both URLs of one world; the other way round is told."""
        api, page = "https://slack-gov.com/api", "https://slack-gov.com/oauth/v2/authorize"
        said = self.check(0, "-T", SLACK_API_URL=api, SLACK_AUTHORIZE_URL=page)
        self.assertIn("https://slack-gov.com/api/", said)
        self.assertIn(page, said)
        for more in ({"SLACK_API_URL": api}, {"SLACK_AUTHORIZE_URL": page},
                     {"SLACK_API_URL": api,
                      "SLACK_AUTHORIZE_URL": "https://slack.com/oauth/v2/authorize"}):
            said = self.check(78, **more)
            self.assertIn("it is not GovSlack's, and", said)

    def test_the_examples_placeholders_are_named(self):
        example = os.path.join(lib.HERE, "../../etc/slackmcpd.env.example")
        d = self.daemon(env={n: None for n in FIVE})
        done = d.run("-t", "-c", example)
        self.assertEqual(done.returncode, 78)
        for name in FIVE:
            if name != "SLACK_SCOPES":
                self.assertIn(name, done.stderr)

    def test_usage(self):
        d = self.daemon()
        done = d.run("--nonsense")
        self.assertEqual(done.returncode, 64, done.stderr)


class Start(lib.Suite):
    """What a running daemon is."""

    def drop_to_nobody(self, d, **more):
        """Runs it as an ordinary user, with the five variables alone."""
        os.makedirs(os.path.join(d.dir, "home"), exist_ok=True)
        os.makedirs(os.path.join(d.dir, "xdg"), exist_ok=True)
        for name in ("home", "xdg"):
            os.chown(os.path.join(d.dir, name), NOBODY, NOBODY)
            os.chmod(os.path.join(d.dir, name), 0o700)
        env = {k: d.environ()[k] for k in
               (*FIVE, "PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")}
        env["HOME"] = os.path.join(d.dir, "home")
        env["XDG_RUNTIME_DIR"] = os.path.join(d.dir, "xdg")
        with open(d.log, "ab") as err:
            return subprocess.Popen(
                [lib.program("slackmcpd"), "-f", "-o", f"port={d.port}",
                 "-o", f"admin_port={d.admin_port}"],
                env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=err,
                stderr=err, start_new_session=True, user=NOBODY, group=NOBODY,
                extra_groups=[], **more)

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_five_variables_as_an_ordinary_user(self):
        d = self.daemon()
        os.chmod(d.asan, 0o777)
        d.proc = self.drop_to_nobody(d)
        d.wait_ready()
        self.assertTrue(os.path.isdir(os.path.join(d.dir, "home/.local/state")))
        d.stop()

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_too_few_descriptors(self):
        d = self.daemon(env={"RUN_DIR": None, "STATE_DIR": None,
                             "CONTROL_SOCKET": None})
        limit = (200, 200)
        d.proc = self.drop_to_nobody(d, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_NOFILE, limit))
        self.assertEqual(d.wait(60), 78, d.tail())
        self.assertIn("MAX_CONNECTIONS", d.logs())
        d.stop(78)

    def test_host(self):
        six = os.path.exists("/proc/net/if_inet6") and \
            "00000000000000000000000000000001" in open(
                "/proc/net/if_inet6", encoding="ascii").read()
        for host, addresses in (
                ("localhost", ("127.0.0.1", "::1")), ("127.0.0.1", ("127.0.0.1",)),
                ("0.0.0.0", ("127.0.0.1",)), ("*", ("127.0.0.1", "::1")),
                ("::", ("::1",)), ("::1", ("::1",))):
            if not six and ":" in host:
                continue
            with self.subTest(host):
                d = self.daemon(env={"HOST": host})
                d.spawn("-f")
                for a in addresses:
                    if ":" in a and not six:
                        continue

                    def answers(a=a):
                        if d.proc.poll() is not None:
                            raise AssertionError(d.tail())
                        try:
                            with socket.create_connection((a, d.port), 5) as s:
                                s.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
                                return s.recv(12).endswith(b" 200")
                        except OSError:
                            return False
                    lib.wait_until(f"{a} answers", answers, 30)
                d.stop()

    def test_foreground_prints_where_it_is(self):
        d = self.daemon().start()
        lib.wait_until("it says where", lambda: "0.0.0.0" in d.logs(), 5)
        said = d.logs()
        for path in ("/health", "/slack/install", "/mcp"):
            self.assertIn(path, said)
        self.assertIn("0.0.0.0", said)
        d.stop()

    def test_daemon(self):
        d = self.daemon()
        with open(d.log, "ab") as err:
            d.env["LOG_TARGET"] = os.path.join(d.dir, "daemon.log")
            done = subprocess.run(
                [lib.program("slackmcpd")], env=d.environ(), cwd=d.dir,
                stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                timeout=60 * lib.SLOW, check=False)
        self.assertEqual(done.returncode, 0, d.tail())
        with open(os.path.join(d.run_dir, "slackmcpd.pid"),
                  encoding="ascii") as f:
            pid = int(f.read())
        try:    # ready the moment the command returns
            self.assertEqual(mcpclient.get(d, "/ready").status, 200)
            stat = lib.proc_stat(pid)
            self.assertNotEqual(stat[2], os.getsid(0))
            self.assertEqual(lib.descriptors(pid)[0], "/dev/null")
            workers = lib.children(pid)
            self.assertEqual(len(workers), 2)
            again = d.run(seconds=60)       # a second one
            self.assertEqual(again.returncode, 1, again.stderr)
            self.assertTrue(again.stderr.strip())
            self.assertEqual(mcpclient.get(d, "/ready").status, 200)
        finally:
            os.kill(pid, signal.SIGTERM)
            lib.wait_until("it ends", lambda: not lib.alive(pid), 20)
        for w in workers:
            lib.wait_until("its worker ends", lambda w=w: not lib.alive(w), 10)
        self.assertFalse(os.path.exists(os.path.join(d.run_dir, "slackmcpd.pid")))

    def test_daemon_that_cannot_start(self):
        d = self.daemon(env={"SLACK_CLIENT_ID": None})
        done = d.run()
        self.assertEqual(done.returncode, 78)
        self.assertIn("SLACK_CLIENT_ID", done.stderr)

    def test_port_taken(self):
        for name in ("PORT", "ADMIN_PORT"):
            with self.subTest(name), socket.socket() as s:
                d = self.daemon()
                s.bind(("127.0.0.1", int(d.env[name])))
                s.listen()
                done = d.run("-f")
                self.assertIn(done.returncode, (1, 78), done.stderr)
                self.assertIn(name, done.stderr)
                self.assertIn(d.env[name], done.stderr)

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_privileges(self):
        d = self.daemon().start()
        for pid in d.workers():
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                status = dict(re.findall(r"^(\w+):\s*(.*)$", f.read(), re.M))
            self.assertNotIn("0", status["Uid"].split())
            self.assertNotIn("0", status["Gid"].split())
            for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd"):
                self.assertEqual(int(status[caps], 16), 0, caps)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)
            with open(f"/proc/{pid}/limits", encoding="ascii") as f:
                self.assertRegex(f.read(), r"Max core file size\s+0\s+0")
        self.assertNotEqual(os.stat(d.state_dir).st_uid, 0)
        self.assertEqual(os.stat(d.run_dir).st_uid, 0)
        self.assertEqual(os.stat(d.state_dir).st_mode & 0o77, 0)
        with open(f"/proc/{d.pid}/status", encoding="ascii") as f:
            bound = int(re.search(r"CapBnd:\s*(\w+)", f.read()).group(1), 16)
        # SETUID SETGID KILL CHOWN DAC_READ_SEARCH NET_BIND_SERVICE
        allowed = sum(1 << n for n in (7, 6, 5, 0, 2, 10))
        self.assertEqual(bound & ~allowed, 0, hex(bound))
        d.stop()

    def test_no_secret_in_proc(self):
        d = self.daemon(self.fake()).start()
        for pid in (d.pid, *d.workers()):
            for name in ("environ", "cmdline"):
                with open(f"/proc/{pid}/{name}", "rb") as f:
                    text = f.read()
                for secret in (d.key, d.env["SLACK_CLIENT_SECRET"]):
                    self.assertNotIn(secret.encode(), text)
        d.stop()

    def test_keys_of_the_store_are_missing(self):
        """A start that cannot open every key id refuses, and names them."""
        slack = self.fake()
        d = self.daemon(slack).start()
        mcpclient.install(d)
        d.stop()
        path = os.path.join(d.state_dir, "token.keys")
        with open(path, encoding="ascii") as f:
            kept = f.read()
        key_id = kept.partition(":")[0].strip()
        os.rename(path, path + ".away")
        done = d.run("-f")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn(key_id, done.stderr)
        other = base64.b64encode(os.urandom(32)).decode()
        d.env["TOKEN_KEYS"] = f"other:{self.secret('token key', other)}"
        done = d.run("-f")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn(key_id, done.stderr)
        # the old one behind the new one: it opens, the new one seals
        d.env["TOKEN_KEYS"] += "," + self.secret("token keys", kept.strip())
        d.start()
        with mcpclient.Legacy(d).begin() as c:
            self.assertTrue(c.tool("slack_list_channels").ok)
        d.stop()

    def test_loose_token_keys(self):
        d = self.daemon().start()
        d.stop()
        path = os.path.join(d.state_dir, "token.keys")
        os.chmod(path, 0o644)
        done = d.run("-f")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("token.keys", done.stderr)

    def test_migrations_by_hand(self):
        d = self.daemon()
        self.assertEqual(d.run("--migrate").returncode, 0)
        d.start()
        self.assertNotEqual(d.run("--rollback").returncode, 0)  # it runs
        self.assertEqual(mcpclient.get(d, "/ready").status, 200)
        d.stop()
        done = d.run("--rollback")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = d.run("--migrate")
        self.assertEqual(done.returncode, 0, done.stderr)
        d.start()
        d.stop()

    def test_installed(self):
        for name in ("slackmcpd.8", "slackmcpctl.1", "slackmcpd.conf.5",
                     "slackmcpd-faults.7"):
            self.assertTrue(glob.glob(
                f"{os.environ['SLACKMCP_ROOT']}/**/{name}*", recursive=True), name)

    def test_first_key_without_the_environment(self):
        d = self.daemon(env={"AFFINITYBOTS_MCP_API_KEY": None})
        done = d.run("-f")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("--add-key", done.stderr)
        done = d.run("--add-key", "first", "--workspaces", "*", "--role", "write")
        self.assertEqual(done.returncode, 0, done.stderr)
        key = self.secret("first key", re.search(
            r"sk_[A-Za-z0-9_-]+", done.stdout).group())
        with open(os.path.join(d.dir, "runs.log"), "w", encoding="ascii"):
            pass        # it is printed once, on purpose
        d.start()
        with mcpclient.Legacy(d, key) as c:
            self.assertEqual(c.initialize().status, 200)
        d.stop()


if __name__ == "__main__":
    unittest.main()
