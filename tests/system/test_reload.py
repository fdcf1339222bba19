# SPDX-License-Identifier: ISC
"""Reloads: under every kind of load nobody notices them; what they change, what they
may not change, and what a bad configuration leaves as it was."""
import os
import re
import signal
import subprocess
import threading
import time
import unittest

import crowd
import front
import lib
import mcpclient
from host import needs, root_only
from mcpclient import Legacy, get

TEAM = "T0ACME0001"
K1 = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
K2 = "k2:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


class Base(lib.Suite):
    def generation(self, d):
        return next(int(r["value"]) for r in d.ctl_json("show", "info")
                    if r["name"] == "generation")

    def hup(self, d, seconds=60):
        """And its generation serves alone for new connections; it may have to wait
        until an older one has ended."""
        want = self.generation(d) + 1
        d.kill(sig=signal.SIGHUP)
        lib.wait_until(f"generation {want} serves", lambda: [
            w["generation"] for w in d.ctl_json("show", "workers")
            if w["what"].startswith("worker") and w["state"] == "READY"
        ] == [want] * int(d.env["WORKERS"]), seconds)

    def reloaded(self, d, n):
        old = d.workers()
        said = d.ctl("reload").stdout
        lib.wait_until("new workers alone serve", lambda: len(w := d.workers()) == n
                       and not set(w) & set(old), 40)
        return said

    def write(self, path, **options):
        with open(path, "w", encoding="ascii") as f:
            for name, value in options.items():
                f.write(f"{name} = {value}\n")
        os.chmod(path, 0o600)

    def last_alone(self, d):
        lib.wait_until("the old generations have ended", lambda: len(
            lib.children(d.pid)) == int(d.env["WORKERS"]), 60)


class Wrk:
    """wrk on tools/list, over a few connections that it keeps."""
    LUA = """wrk.method = "POST"
wrk.body = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{' ..
  '"io.modelcontextprotocol/protocolVersion":"2026-07-28",' ..
  '"io.modelcontextprotocol/clientCapabilities":{}}}}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "2026-07-28"
wrk.headers["Mcp-Method"] = "tools/list"
function delay() return 40 end
"""

    def __init__(self, suite, port, key):
        path = os.path.join(suite.dir, "wrk.lua")
        with open(path, "w", encoding="ascii") as f:
            f.write(self.LUA)
        self.proc = subprocess.Popen(
            ["wrk", "-t1", "-c6", "-d3600s", "--timeout", f"{int(60 * lib.SLOW)}s",
             "-s", path, "-H", f"Authorization: Bearer {key}",
             f"http://127.0.0.1:{port}/mcp"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def stop(self):
        """Requests that were answered, and what it complains of."""
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGINT)
        said = self.proc.communicate(timeout=60 * lib.SLOW)[0]
        found = re.search(r"(\d+) requests in", said)
        assert found, said
        return int(found.group(1)), re.findall(
            r"^ *(?:Socket errors|Non-2xx).*", said, re.MULTILINE)


@needs("wrk", "haproxy")
class Load(Base):
    """20 reloads with calls of 20 s in level long, a few with shorter ones else."""
    HUPS, SECONDS = (20, 20) if lib.LONG else (5, 3)
    CLOSES_S = 5        # when a replaced generation closes an idle connection

    def through_haproxy(self, d, f):
        return f.before(d).haproxy(front.sample(
            "haproxy/slackmcpd.cfg",
            ("\tlog /dev/log local0\n", "\tlog stdout format raw local0\n"),
            ("\tuser haproxy\n\tgroup haproxy\n", ""),
            ("bind :80\n", f"bind 127.0.0.1:{f.port}\n"),
            ("bind :443 ssl crt /etc/haproxy/slackmcpd.pem alpn h2,http/1.1\n",
             f"bind 127.0.0.1:{f.plain_port}\n"),
            ("server n1 127.0.0.1:8080\n", f"server n1 127.0.0.1:{d.port}\n")))

    def begin_load(self, d, ports):
        keys = [d.key_add(f"agent{i}", "--workspaces", TEAM, "--role", "write")
                for i in range(3)]
        mcpclient.known(d, TEAM, keys[-1])
        d.fake.fault("conversations.history", "slow", seconds=self.SECONDS, times=-1)
        crowds = []
        for port in ports:
            c = crowd.Crowd(port, keys, pause=0.5, patience=120 * lib.SLOW,
                            live=10, once=4, wait_long=12, read=3, write=2).start()
            self.addCleanup(c.stop)
            crowds.append(c)
        for c in crowds:
            lib.wait_until("all sessions began", c.all_begun, 60)
        return crowds

    def test_nobody_notices(self):
        f = front.Front(self)
        d = self.daemon(self.fake(), env={
            "LOG_LEVEL": "info"}).start()
        self.through_haproxy(d, f)
        mcpclient.install(d, TEAM)
        direct, proxied = self.begin_load(d, (d.port, f.port))
        wrks = [Wrk(self, port, d.key) for port in (d.port, f.port)]
        try:
            for _ in range(self.HUPS):
                self.hup(d, 60 + 2 * self.SECONDS)
                before = direct.total(), proxied.total()
                lib.wait_until("requests are answered", lambda b=before: all(
                    c.total() > n + 20 for c, n in zip((direct, proxied), b)), 60)
            self.last_alone(d)
        finally:
            said = [w.stop() for w in wrks]
        for c in direct, proxied:
            c.stop()
        self.judge(d, direct, proxied, said)
        d.stop()

    def judge(self, d, direct, proxied, said):
        print(f"\nnote: {self.HUPS} reloads: {direct.total()} requests answered, "
              f"{proxied.total()} through HAProxy, by wrk {said[0][0]} and {said[1][0]}")
        for answered, complaints in said:
            self.assertGreater(answered, 100)
            self.assertEqual(complaints, [])
        # who comes just as an idle connection is closed finds it closed: HTTP
        met = [x for x in direct.failures if x.idle > self.CLOSES_S - 0.2
               and "Broken" in x.why]
        self.assertEqual([x for x in direct.failures if x not in met], [])
        self.assertLessEqual(len(met), 2)
        self.assertEqual(proxied.failures, [])
        for c in direct, proxied:
            self.assertEqual(c.pings(d.port, c.sessions()), [])
            for role in ("once", "ping", "call", "read", "post"):
                self.assertGreater(c.answered.get(role, 0), 0, role)
        texts = [m["text"] for m in
                 d.fake.world.teams[TEAM].channels["CARANDOM01"].messages]
        wanted = [*direct.posts, *proxied.posts]
        self.assertEqual(sorted(t for t in texts if t in set(wanted)), sorted(wanted))
        for what in ("workers_died", "workers_killed", "channel_dropped"):
            self.assertEqual([r["value"] for r in d.ctl_json("show", "info")
                              if r["name"] == what], ["0"], what)


@root_only
class Deaths(Base):
    """Processes that die or stand still in the middle of a reload."""

    def begin_load(self, **options):
        d = self.daemon(self.fake(), workers=1, env={
            "LOG_LEVEL": "info", **options}).start()
        mcpclient.install(d, TEAM)
        c = crowd.Crowd(d.port, [d.key], pause=0.2, patience=60 * lib.SLOW,
                        live=10, once=6).start()
        self.addCleanup(c.stop)
        lib.wait_until("all sessions began", c.all_begun, 60)
        return d, c, lib.children(d.pid)[0]

    def hup(self, d, old):
        """Its new worker stands still before it is ready; some are quicker."""
        for _ in range(50):
            d.kill(sig=signal.SIGHUP)
            end = time.monotonic() + 20 * lib.SLOW
            new = []
            while not new and time.monotonic() < end:
                new = [p for p in lib.offspring(d.pid) if p != old and lib.alive(p)]
            os.kill(new[0], signal.SIGSTOP)
            lib.wait_until("it stands", lambda: lib.proc_stat(new[0])[0] == "T")
            if ("worker 1", "STARTING", new[0]) in [
                    (w["what"], w["state"], w["pid"])
                    for w in d.ctl_json("show", "workers")]:
                return old, new[0]
            os.kill(new[0], signal.SIGCONT)
            old = new[0]
            lib.wait_until("it is alone", lambda: lib.children(d.pid) == [old], 60)
        raise AssertionError("each was ready at once")

    def settled(self, d, c, allowed):
        c.stop()
        self.assertEqual(c.pings(d.port, c.sessions()), [])
        self.assertEqual([f for f in c.failures if not allowed(f)], [])
        d.stop()

    def test_the_new_one_is_never_ready(self):
        """It is killed and replaced; until then the old one serves."""
        d, c, first = self.begin_load(READY_TIMEOUT="2")
        old, new = self.hup(d, first)
        before = c.total()
        lib.wait_until("it is killed", lambda: not lib.alive(new), 30)
        self.assertGreater(c.total(), before)
        lib.wait_until("the old one has left", lambda: not lib.alive(old), 60)
        self.assertIn("READY_TIMEOUT", d.logs())
        self.settled(d, c, lambda f: False)

    def test_the_old_one_dies(self):
        """Who comes then waits for the new one: nobody is refused."""
        d, c, first = self.begin_load()
        old, new = self.hup(d, first)
        os.kill(old, signal.SIGSTOP)
        lib.wait_until("it stands", lambda: lib.proc_stat(old)[0] == "T")
        ports = lib.clients_of(old)
        os.kill(old, signal.SIGKILL)
        lib.wait_until("it has gone", lambda: not lib.alive(old))
        os.kill(new, signal.SIGCONT)
        before = c.total()
        lib.wait_until("the new one serves", lambda: c.total() > before + 20, 60)
        self.settled(d, c, lambda f: f.port in ports)


class Changes(Base):
    def test_workers(self):
        conf = os.path.join(self.dir, "workers.conf")
        self.write(conf, workers=3)
        d = self.daemon(env={"WORKERS": None}).start("-c", conf)
        self.write(conf, workers=1)
        self.reloaded(d, 1)
        for _ in range(30):                 # also on the sockets of the others
            self.assertEqual(get(d, "/health").status, 200)
        health = get(d, "/health").json
        self.assertEqual(health["workers"], {"ready": 1, "configured": 1})
        self.write(conf, workers=5)
        self.assertIn("restart", self.reloaded(d, 3))
        self.assertEqual(get(d, "/health").json["workers"]["configured"], 3)
        d.stop()

    def test_log_level(self):
        conf = os.path.join(self.dir, "level.conf")
        self.write(conf, log_level="warn")
        d = self.daemon(env={"LOG_LEVEL": None}).start("-c", conf)
        get(d, "/slack/install")
        self.assertNotIn('"info"', d.logs())
        self.write(conf, log_level="debug")
        self.reloaded(d, 2)
        get(d, "/slack/install")
        lib.wait_until("requests are logged", lambda: '"info"' in d.logs(), 10)
        d.stop()

    def test_token_keys(self):
        conf = os.path.join(self.dir, "secret.conf")
        self.write(conf, token_keys=K1)
        d = self.daemon(self.fake()).start("-c", conf)
        mcpclient.install(d)
        self.write(conf, token_keys=K2)
        done = d.ctl("reload", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("k1", done.stdout + done.stderr)
        self.write(conf, token_keys=f"{K2},{K1}")
        self.reloaded(d, 2)
        with Legacy(d).begin() as c:
            self.assertTrue(c.tool("slack_list_channels", limit=2).ok)
        d.stop()

    def test_the_key_file_is_gone(self):
        d = self.daemon().start()
        path = os.path.join(d.state_dir, "token.keys")
        os.rename(path, path + ".away")
        done = d.ctl("reload", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("token.keys", done.stdout + done.stderr)
        os.rename(path + ".away", path)
        self.reloaded(d, 2)
        d.stop()

    def test_what_needs_a_restart(self):
        conf = os.path.join(self.dir, "restart.conf")
        self.write(conf)
        d = self.daemon(env={"PORT": None}).start("-c", conf, "-o",
                                                  "port=%d" % lib.free_port(), ready=False)
        lib.wait_until("ready", lambda: get(
            d, "/ready", port=d.admin_port, fail=False).status == 200, 40)
        for name, value in (("node_name", "n9"), ("log_target", "stdout"),
                            ("admin_port", "1")):
            self.write(conf, **{name: value})
            if name == "admin_port":
                continue                    # the environment has the last word
            done = d.ctl("reload", check=False)
            self.assertNotEqual(done.returncode, 0, name)
            self.assertIn(name.upper(), done.stdout + done.stderr)
        d.stop()

    def test_a_hup_while_three_generations_live(self):
        slack = self.fake()
        d = self.daemon(slack, workers=1).start()
        mcpclient.install(d)
        threads = []

        def slow():
            def one():
                with Legacy(d).begin() as c:
                    oks.append(c.tool("slack_list_channels", limit=2).ok)
            mark = slack.mark()
            slack.fault("conversations.list", "slow", seconds=12 * lib.SLOW)
            threads.append(threading.Thread(target=one))
            threads[-1].start()
            self.assertTrue(slack.wait_calls("conversations.list", 1, mark))

        oks = []
        for _ in range(2):
            slow()
            self.reloaded(d, 1)
        said = d.ctl("reload").stdout
        self.assertIn("waits", said)
        old = d.workers()
        for t in threads:
            t.join()
        self.assertEqual(oks, [True, True])
        lib.wait_until("it comes when there is room",
                       lambda: d.workers() and d.workers() != old, 40)
        d.stop()

    def test_bad_ones(self):
        """Each is told in one line, by the command and in the log, and nothing has
        changed."""
        path = os.path.join(self.dir, "bad.conf")
        self.write(path, max_calls=60)
        d = self.daemon(self.fake()).start("-c", path)
        old, generation = sorted(d.workers()), self.generation(d)
        rows = (("session_ttl_ms = soon\n", "SESSION_TTL_MS"),
                ("session_ttl_ms\n", "bad.conf:1:"),
                ("tls_port = 8443\n", "TLS_"),
                ("max_body = 1k\nmax_body = soon\n", "MAX_BODY"))
        for i, (text, word) in enumerate(rows):
            with self.subTest(text):
                with open(path, "w", encoding="ascii") as f:
                    f.write(text)
                done = d.ctl("reload", check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word.upper(), (done.stdout + done.stderr).upper())
                told = [r["msg"] for r in d.log_rows() if "reload refused" in str(r)]
                self.assertEqual(len(told), i + 1, told)
                self.assertIn(word.upper(), told[-1].upper())
        os.unlink(path)
        d.kill(sig=signal.SIGHUP)
        lib.wait_until("the log says why", lambda: d.logs().count(
            "reload refused") == len(rows) + 1)
        self.assertIn("bad.conf", d.tail(3))
        self.assertEqual((sorted(d.workers()), self.generation(d)), (old, generation))
        self.assertEqual(get(d, "/ready").status, 200)
        self.assertRegex(d.ctl("show", "config").stdout, r"max_calls\s+60\b")
        self.write(path, max_calls=70)
        self.reloaded(d, 2)
        self.assertRegex(d.ctl("show", "config").stdout, r"max_calls\s+70\b")
        d.stop()


if __name__ == "__main__":
    unittest.main()
