# SPDX-License-Identifier: ISC
"""Behind nginx and HAProxy: what contrib/ has for them, bare ones, the PROXY
protocol, whose word on addresses counts."""
import http.client
import os
import signal
import socket
import threading
import unittest

import front
import lib
import mcpclient
import test_clients
import test_conformance
from mcpclient import Answer, Browser, Legacy, Modern, ask, get, install

CLIENTS = 200


def haproxy(f, daemons, *changes):
    """contrib/haproxy/slackmcpd.cfg for these daemons."""
    log = [("\tlog /dev/log local0\n", "\tlog stdout format raw local0\n"
            f"\tstats socket {f.dir}/stats\n"),
           ("\tuser haproxy\n\tgroup haproxy\n", ""),
           ("bind :80\n", f"bind 127.0.0.1:{f.plain_port}\n"),
           ("bind :443 ssl crt /etc/haproxy/slackmcpd.pem",
            f"bind 127.0.0.1:{f.port} ssl crt {front.certificate(f.suite.dir)[2]}")]
    if len(daemons) > 1:
        log.append(("#server n2 192.0.2.2:8080", f"server n2 127.0.0.1:{daemons[1].port}"))
    log.append(("server n1 127.0.0.1:8080\n", f"server n1 127.0.0.1:{daemons[0].port}\n"))
    return f.before(daemons[0]).haproxy(
        front.sample("haproxy/slackmcpd.cfg", *log, *changes))


def nginx(f, daemons, *more):
    """contrib/nginx/slackmcpd.conf for these daemons."""
    cert, key, _ = front.certificate(f.suite.dir)
    changes = [*more, ("listen 80;", f"listen 127.0.0.1:{f.plain_port};"),
               ("listen 443 ssl http2;", f"listen 127.0.0.1:{f.port} ssl http2;"),
               ("/var/log/nginx/slackmcpd.log", f.log),
               ("/etc/nginx/slackmcpd.pem", cert), ("/etc/nginx/slackmcpd.key", key),
               ("slackmcp.example.org", "localhost"),
               ("127.0.0.1:8080", f"127.0.0.1:{daemons[0].port}")]
    if len(daemons) > 1:
        changes += [("#server", "server"), ("#~^n", "~^n"), ("#upstream", "upstream"),
                    ("#\tserver", "\tserver"), ("#}", "}"),
                    ("192.0.2.2:8080", f"127.0.0.1:{daemons[1].port}")]
    return f.before(daemons[0]).nginx(front.sample("nginx/slackmcpd.conf", *changes))


def from_address(f, address, method="GET", path="/", headers=(), port=None, body=None):
    """One request whose TCP connection comes from that loopback address."""
    if f.tls and port is None:
        c = http.client.HTTPSConnection("127.0.0.1", f.port, timeout=40, context=f.tls,
                                        source_address=(address, 0))
    else:
        c = http.client.HTTPConnection("127.0.0.1", port or f.port, timeout=40,
                                       source_address=(address, 0))
    c.request(method, path, body, dict(headers))
    r = c.getresponse()
    a = Answer(r.status, r.getheaders(), r.read())
    c.close()
    return a


def clients():
    return [f"127.1.{i // 100}.{i % 100 + 1}" for i in range(CLIENTS)]


def peers(d):
    return [r["msg"].rpartition("peer=")[2] for r in d.log_rows()
            if "peer=" in r.get("msg", "") and " ms=" in r["msg"]]


class Works:
    """What every proxy has to hand on; self.front and self.d are the class's."""

    def test_install(self):
        page = install(self.front, "T0ACME0001")
        self.assertEqual(page.status, 200, page)
        self.assertIn("T0ACME0001", page.text)
        self.assertIn(self.front.base + "/mcp", page.text)
        b = Browser(self.front)
        a = b.get(self.front.base + "/slack/install", follow=False)
        if a.header("Set-Cookie") is None:      # the proxy hides the host: once round
            self.assertIn("moved=1", a.header("Location"))
            a = b.get(a.header("Location"), follow=False)
        self.assertIn(f"Path={self.front.prefix}/slack/oauth;", a.header("Set-Cookie"))
        self.assertEqual("; Secure" in a.header("Set-Cookie"), bool(self.front.tls))

    def test_both_eras(self):
        install(self.front, "T0ACME0001")
        for era in Legacy, Modern:
            with era(self.front).begin() as m:
                posted = m.tool("slack_post_message", channel_id="CAGENERAL1",
                                text="through a proxy", team_id="T0ACME0001")
                self.assertTrue(posted.ok, posted)
                read = m.tool("slack_get_channel_history", channel_id="CAGENERAL1",
                              team_id="T0ACME0001")
                self.assertIn("through a proxy", read.text)
        with Legacy(self.front).begin() as m:
            self.assertEqual(m.delete().status, 200)
            self.assertFalse(m.ping())

    def test_cors(self):
        mine = {"Origin": self.front.origin}
        a = ask(self.front, "OPTIONS", self.front.prefix + "/mcp", headers={
            **mine, "Access-Control-Request-Method": "POST"})
        self.assertEqual(a.status, 204, a)
        self.assertEqual(a.header("Access-Control-Allow-Origin"), self.front.origin)
        with Legacy(self.front) as m:
            a = m.initialize(Origin=self.front.origin)
            self.assertEqual(a.status, 200)
            self.assertEqual(a.header("Access-Control-Allow-Origin"), self.front.origin)
            a = m.initialize(Origin="https://evil.example")
            self.assertEqual(a.status, 403)
            self.assertIsNone(a.header("Access-Control-Allow-Origin"))


class Sample(Works):
    """The files of contrib, with TLS and a trusted proxy."""

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.front = front.Front(cls, tls=True)
        cls.d = cls.daemon(cls.slack, env={
            **cls.front.urls(), "TRUSTED_PROXIES": "127.0.0.1",
            "RATE_ADDRESS": "1/30"}).start()
        cls.run_front(cls.front, [cls.d])

    def test_redirect_to_https(self):
        a = get(self.front, "/slack/install?team=T1", port=self.front.plain_port)
        self.assertIn(a.status, (301, 308))
        self.assertTrue(a.header("Location").startswith("https://"), a)
        self.assertTrue(a.header("Location").endswith("/slack/install?team=T1"), a)

    def test_key_in_clear(self):
        before = self.d.counter("plain_refused")
        a = ask(self.front, "POST", "/mcp", "{}", {"Authorization": f"Bearer {self.d.key}"},
                port=self.front.plain_port)
        self.assertEqual((a.status, a.json["error"]), (403, "https_required"))
        self.assertEqual(self.d.counter("plain_refused"), before + 1)
        self.assertTrue(any("plain http under an https" in r.get("msg", "")
                            for r in self.d.log_rows()))

    def test_address(self):
        """That of the client, whatever it says itself."""
        for said in {}, {"X-Forwarded-For": "198.51.100.9"}, \
                {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http"}:
            a = from_address(self.front, "127.9.9.9", headers=said)
            self.assertEqual(a.status, 200)
        lib.wait_until("all are logged", lambda: peers(self.d).count("127.9.9.9") == 3)
        self.assertNotIn("198.51.100.9", peers(self.d))

    def test_no_log_of_queries(self):
        get(self.front, "/?code=queer.code")
        lib.wait_until("the proxy logs it", lambda: " /" in self.front.logs())
        self.assertNotIn("queer", self.front.logs())


class Haproxy(Sample, lib.Suite):
    run_front = staticmethod(haproxy)

    def test_in_the_pool(self):
        lib.wait_until("/ready lets it in", lambda: self.front.servers()["n1"] == (
            "UP", "L7OK"))


class Nginx(Sample, lib.Suite):
    run_front = staticmethod(nginx)


class Bare(Works, lib.Suite):
    """proxy_pass alone: HTTP/1.0, its own Host, no word about the client."""

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.front = front.Front(cls)
        cls.d = cls.daemon(cls.slack, env=cls.front.urls()).start()
        cls.front.before(cls.d).nginx(
            f"server {{ listen 127.0.0.1:{cls.front.port}; location / {{"
            f" proxy_pass http://127.0.0.1:{cls.d.port}; }} }}\n")


class Prefix(Works, lib.Suite):
    """A path in front, which the proxy takes away, and a rewritten Host."""
    pass_to = "/"

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.front = front.Front(cls, prefix="/slackmcp")
        cls.d = cls.daemon(cls.slack, env=cls.front.urls()).start()
        cls.front.before(cls.d).nginx(
            f"server {{ listen 127.0.0.1:{cls.front.port}; location /slackmcp/ {{"
            f" proxy_set_header Host inner.example; proxy_set_header X-Real-IP 1.2.3.4;"
            f" proxy_pass http://127.0.0.1:{cls.d.port}{cls.pass_to}; }}"
            f" }}\n")

    def test_install_from_the_root(self):
        """Only what is below the prefix is the daemon's."""
        self.assertEqual(get(self.front, "/slack/install").status, 404)
        self.assertEqual(get(self.front, "/slackmcp/health").status, 200)
        self.assertEqual(Browser(self.front).get(
            self.front.base + "/slack/install").status, 200)


class PrefixKept(Prefix):
    """The same, with the path left as it is."""
    pass_to = ""


class Checks(lib.Suite):
    """HAProxy's own health checks as they come."""

    def test_checks(self):
        d = self.daemon().start()
        for option, said in (("option httpchk", "OPTIONS / 204"),
                             ("option httpchk GET /health", "GET /health 200")):
            with self.subTest(option):
                f = front.Front(type(self)).before(d)
                f.haproxy("global\n\tlog stdout format raw local0\n"
                          f"\tstats socket {f.dir}/stats\n"
                          "defaults\n\tmode http\n\ttimeout connect 5s\n"
                          "\ttimeout client 60s\n\ttimeout server 60s\n"
                          "\ttimeout check 10s\n"     # else it is the interval
                          f"frontend a\n\tbind 127.0.0.1:{f.port}\n\tdefault_backend b\n"
                          f"backend b\n\t{option}\n\tserver one 127.0.0.1:{d.port} "
                          "check inter 100ms fall 1 rise 1\n")
                lib.wait_until("the daemon was checked", lambda: sum(
                    said in r.get("msg", "") for r in d.log_rows()) >= 5)
                self.assertEqual(f.servers()["one"], ("UP", "L7OK"))
                self.assertEqual(get(f, "/health").status, 200)


class Agent(lib.Suite):
    """HAProxy's agent-check: the daemon's own word, beside any check of it."""

    def line(self, port):
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            return s.makefile("rb").read()

    def test_agent(self):
        port = lib.free_port()
        d = self.daemon(env={"AGENT_PORT": str(port), "WORKERS": "2",
                             "STALE_TIMEOUT": "30"}).start()
        self.assertEqual(self.line(port), b"ready up 100%\n")
        f = front.Front(type(self)).before(d)
        f.haproxy(f"global\n\tstats socket {f.dir}/stats\n"
                  "defaults\n\tmode http\n\ttimeout connect 5s\n"
                  "\ttimeout client 60s\n\ttimeout server 60s\n"
                  f"frontend a\n\tbind 127.0.0.1:{f.port}\n\tdefault_backend b\n"
                  f"backend b\n\tserver one 127.0.0.1:{d.port} check agent-check "
                  f"agent-port {port} agent-inter 100ms\n")
        self.assertEqual(get(f, "/health").status, 200)
        workers = d.workers()
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            lib.wait_until("HAProxy hears that no worker answers", lambda:
                           f.servers()["one"][0].startswith("DOWN"), 20)
            self.assertEqual(self.line(port), b"down\n")
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
        lib.wait_until("HAProxy hears that they do", lambda:
                       f.servers()["one"][0].startswith("UP"), 20)
        self.assertEqual(get(f, "/health").status, 200)


class Addresses(lib.Suite):
    """Many clients through one proxy: whose bucket is it?"""

    def through(self, trusted, burst, **more):
        f = front.Front(type(self), tls=True)
        d = self.daemon(env={**f.urls(), "TRUSTED_PROXIES": trusted,
                             "RATE_ADDRESS": f"1/{burst}"}).start()
        haproxy(f, [d])
        return f, d

    def test_trusted(self):
        f, d = self.through("127.0.0.1", 2)
        for address in clients():
            got = [from_address(f, address).status for _ in range(3)]
            self.assertEqual(got, [200, 200, 429], address)
        lib.wait_until("all are logged", lambda: set(clients()) <= set(peers(d)))

    def test_not_trusted(self):
        f, d = self.through("192.0.2.1", 20)
        got = [from_address(f, address).status for address in clients()]
        self.assertEqual(got[:20], [200] * 20)
        self.assertLess(got.count(200), 30)
        self.assertEqual(set(peers(d)), {"127.0.0.1"})
        told = [r for r in d.log_rows() if "X-Forwarded-For was ignored" in r.get("msg", "")]
        self.assertTrue(1 <= len(told) <= int(d.env["WORKERS"]) * 2, told)
        self.assertGreaterEqual(d.counter("forwarded_ignored"), CLIENTS)


class ProxyProtocol(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.fronts = {v: front.Front(cls, tls=True) for v in ("send-proxy", "send-proxy-v2")}
        cls.d = cls.daemon(cls.slack, env={
            **cls.fronts["send-proxy"].urls(), "PROXY_PROTOCOL": "on",
            "TRUSTED_PROXIES": "127.0.0.1", "RATE_ADDRESS": "1/2"}).start(ready=False)
        for version, f in cls.fronts.items():
            haproxy(f, [cls.d], ("\toption forwardfor\n", ""),
                    (f"server n1 127.0.0.1:{cls.d.port}\n",
                     f"server n1 127.0.0.1:{cls.d.port} {version}\n"))
            lib.wait_until("it is in the pool", lambda f=f: f.servers()["n1"] == (
                "UP", "L7OK"), 40)

    def test_clients(self):
        for version, f in self.fronts.items():
            for i in range(1, 51):
                address = f"127.2.{len(version)}.{i}"
                got = [from_address(f, address).status for _ in range(3)]
                self.assertEqual(got, [200, 200, 429], (version, address))
                lib.wait_until("all are logged", lambda a=address: peers(
                    self.d).count(a) == 3)

    def test_mcp(self):
        for f in self.fronts.values():
            for era in Legacy, Modern:
                with era(f).begin() as m:
                    self.assertTrue(m.tool("slack_list_workspaces").ok)

    def test_forwarded_is_the_clients_own_word(self):
        f = self.fronts["send-proxy-v2"]
        from_address(f, "127.8.8.8", headers={"X-Forwarded-For": "198.51.100.7"})
        lib.wait_until("it is logged", lambda: "127.8.8.8" in peers(self.d))
        self.assertNotIn("198.51.100.7", peers(self.d))

    def raw(self, data, address="127.0.0.1"):
        with socket.create_connection(("127.0.0.1", self.d.port), 20,
                                      (address, 0)) as s:
            s.sendall(data)
            out = b""
            try:
                while chunk := s.recv(65536):
                    out += chunk
            except ConnectionResetError:
                pass
        return out

    def test_refused(self):
        get_it = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        line = b"PROXY TCP4 198.51.100.1 198.51.100.2 1 2\r\n"
        before = self.d.counter("proxy_refused")
        for data, address in ((get_it, "127.0.0.1"), (line + get_it, "127.0.0.7"),
                              (line.replace(b"TCP4", b"TCP9") + get_it, "127.0.0.1")):
            out = self.raw(data, address)
            self.assertTrue(out.startswith(b"HTTP/1.1 400 "), out)
            self.assertIn(b'"proxy_protocol"', out)
        self.assertEqual(self.d.counter("proxy_refused"), before + 3)
        self.assertTrue(self.raw(line + get_it).startswith(b"HTTP/1.1 200 "))
        told = [r for r in self.d.log_rows() if "PROXY_PROTOCOL" in r.get("msg", "")]
        self.assertTrue(1 <= len(told) <= int(self.d.env["WORKERS"]) * 2, told)


class TlsBehindIt(lib.Suite):
    """The daemon's own TLS, the PROXY protocol in front of it."""

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.cert, key, both = front.certificate(cls.dir)
        cls.fronts = {how: front.Front(cls, tls=True) for how in ("passed", "anew")}
        tls_port = lib.free_port()
        cls.d = cls.daemon(cls.slack, env={
            **cls.fronts["passed"].urls(), "PROXY_PROTOCOL": "on",
            "TRUSTED_PROXIES": "127.0.0.1", "RATE_ADDRESS": "1/2",
            "TLS_PORT": str(tls_port), "TLS_CERT": cls.cert, "TLS_KEY": key})
        cls.d.start(ready=False)
        cls.d.tls_port = tls_port
        for how, (mode, bind, server) in {
                "passed": ("tcp", "", "send-proxy"),
                "anew": ("http", f"ssl crt {both}", "send-proxy-v2 ssl verify required "
                         f"verifyhost localhost ca-file {cls.cert}")}.items():
            f = cls.fronts[how].before(cls.d)
            f.haproxy("global\n\tlog stdout format raw local0\n"
                      f"defaults\n\tmode {mode}\n\ttimeout connect 5s\n"
                      "\ttimeout client 60s\n\ttimeout server 60s\n"
                      f"listen a\n\tbind 127.0.0.1:{f.port} {bind}\n"
                      f"\tserver n1 127.0.0.1:{tls_port} {server}\n")
            lib.wait_until("it serves", lambda f=f: get(
                f, "/ready", fail=False).status == 200, 40)

    def test_clients(self):
        for n, f in enumerate(self.fronts.values()):
            for i in range(1, 11):
                address = f"127.3.{n}.{i}"
                got = [from_address(f, address).status for _ in range(3)]
                self.assertEqual(got, [200, 200, 429], address)
                lib.wait_until("all are logged", lambda a=address: peers(
                    self.d).count(a) == 3)

    def test_mcp(self):
        for f in self.fronts.values():
            for era in Legacy, Modern:
                with era(f).begin() as m:
                    self.assertTrue(m.tool("slack_list_workspaces").ok)

    def test_without_it(self):
        """TLS at once is ended at once."""
        before = self.d.counter("proxy_refused")
        with socket.create_connection(("127.0.0.1", self.d.tls_port), 20) as s:
            with self.assertRaises(OSError):
                mcpclient.trusting(self.cert).wrap_socket(s, server_hostname="localhost")
        self.assertEqual(self.d.counter("proxy_refused"), before + 1)


class Load:
    """Requests without a pause from several threads; what went wrong."""

    def __init__(self, f, threads=4):
        self.front, self.wrong, self.done, self.ends = f, [], 0, False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.one, daemon=True)
                        for _ in range(threads)]

    def one(self):
        while not self.ends:
            try:
                with Modern(self.front) as m:
                    m.strict = True
                    for _ in range(5):
                        a = m.request("tools/list")
                        with self.lock:
                            self.done += 1
                            if a.status != 200:
                                self.wrong.append(a)
            except (OSError, http.client.HTTPException, AssertionError) as e:
                self.wrong.append(e)

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        for t in self.threads:
            t.join(60)


class Pair:
    """Two hosts, n1 and n2, behind one proxy."""

    @classmethod
    def begin(cls):
        cls.front = front.Front(cls, tls=True)
        cls.n1 = cls.daemon(env={"NODE_NAME": "n1", **cls.front.urls()})
        cls.n2 = cls.daemon(env={"NODE_NAME": "n2", **cls.front.urls(),
                                 "AFFINITYBOTS_MCP_API_KEY": cls.n1.key})
        for d in cls.n1, cls.n2:
            d.start()
        cls.run_front(cls.front, [cls.n1, cls.n2])
        cls.wait_both()

    @classmethod
    def wait_both(cls):
        """Both have answered through the proxy."""
        def both():
            nodes = set()
            for _ in range(8):
                with Legacy(cls.front) as m:
                    nodes.add(m.initialize().header("Mcp-Session-Id").partition(".")[0])
            return nodes == {"n1", "n2"}
        lib.wait_until("both answer", both, 20)

    def test_sessions_stay(self):
        sessions = [Legacy(self.front).begin() for _ in range(20)]
        nodes = {m.session.partition(".")[0] for m in sessions}
        self.assertEqual(nodes, {"n1", "n2"})
        for _ in range(3):
            for m in sessions:
                m.close()           # a connection of its own each time
                self.assertTrue(m.ping())
        for m in sessions:
            self.assertEqual(m.delete().status, 200)
            m.close()
        with Legacy(self.front).begin() as m:
            m.session = "n7." + m.session.partition(".")[2]
            self.assertEqual(m.request("ping").status, 404)

    def test_stop_and_start_under_load(self):
        """One host is stopped and started; nobody notices."""
        with Legacy(self.front) as m:
            while not (m.session or "").startswith("n2."):
                m.initialize()
            with Load(self.front) as load:
                for _ in range(3):
                    self.more(load)
                    self.n1.stop()
                    self.more(load)
                    self.assertTrue(m.ping())
                    self.n1.start()
                    self.wait_both()
            self.assertTrue(m.ping())
        self.assertEqual(load.wrong, [], f"of {load.done}")

    def test_reload_under_load(self):
        with Load(self.front) as load:
            for d in self.n1, self.n2:
                self.more(load)
                before = set(d.workers())
                d.ctl("reload")
                lib.wait_until("new workers serve", lambda d=d, before=before: len(
                    set(d.workers()) - before) == 2, 40)
                self.more(load)
        self.assertEqual(load.wrong, [], f"of {load.done}")

    def more(self, load):
        at = load.done
        lib.wait_until("requests go on", lambda: load.done > at + 50 or load.wrong, 30)


class HaproxyPair(Pair, lib.Suite):
    run_front = staticmethod(haproxy)

    def test_a_draining_one_leaves_the_pool(self):
        lib.wait_until("both are up", lambda: set(self.front.servers().values()) == {
            ("UP", "L7OK")})
        self.n1.stop()
        lib.wait_until("n1 is out", lambda: self.front.servers()["n1"][0] == "DOWN")
        for _ in range(10):
            self.assertEqual(get(self.front, "/ready").status, 200)
        self.n1.start()
        lib.wait_until("n1 is in", lambda: self.front.servers()["n1"][0] == "UP")


class NginxPair(Pair, lib.Suite):
    run_front = staticmethod(nginx)


class ClientsThroughHaproxy(test_clients.Clients):
    """Both official clients, over TLS and HAProxy."""

    @classmethod
    def begin(cls):
        f = front.Front(cls, tls=True)
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env=f.urls()).start()
        haproxy(f, [cls.d])
        install(f)
        cls.agent(f.base, NODE_EXTRA_CA_CERTS=front.certificate(cls.dir)[0])


class ConformanceThroughHaproxy(test_conformance.Conformance):
    """The official suite's runs, over TLS and HAProxy."""

    @classmethod
    def begin(cls):
        f = front.Front(cls, tls=True)
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env=f.urls()).start()
        haproxy(f, [cls.d])
        install(f)
        key = cls.d.key_add("suite", "--workspaces", "*", "--role", "read")
        cls.proxy = test_conformance.proxy.Proxy(f.port, key, f.tls)


if __name__ == "__main__":
    unittest.main()
