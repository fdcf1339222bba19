# SPDX-License-Identifier: ISC
"""Guards, sizes, deadlines and headers of the HTTP surface."""
import concurrent.futures
import json
import socket
import time
import unittest

import lib
import mcpclient
from mcpclient import Legacy, ask, get, raw

INIT = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-11-25", "capabilities": {},
    "clientInfo": {"name": "t", "version": "1"}}})
# Helmet's defaults; HSTS and upgrade-insecure-requests only under https
HELMET = {
    "Content-Security-Policy": None, "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin", "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off", "X-Download-Options": "noopen",
    "X-Frame-Options": "SAMEORIGIN", "X-Permitted-Cross-Domain-Policies": "none",
    "X-XSS-Protection": "0"}
CSP = ("default-src 'self';base-uri 'self';font-src 'self' https: data:;"
       "form-action 'self';frame-ancestors 'self';img-src 'self' data:;"
       "object-src 'none';script-src 'self';script-src-attr 'none';"
       "style-src 'self' https: 'unsafe-inline'")


def status_of(out):
    return int(out.split(b" ", 2)[1]) if out.startswith(b"HTTP/1.") else 0


class Guards(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env={
            "MAX_BODY": "64k",
            "ALLOWED_ORIGINS": "https://app.example, app://desk"}).start()
        mcpclient.install(cls.d)

    def heads(self, **more):
        return {"Authorization": f"Bearer {self.d.key}",
                "Content-Type": "application/json", **more}

    def test_keys(self):
        wrong = "sk_" + "y" * 43
        for auth in (None, "", "Bearer", "Bearer ", f"Bearer {wrong}",
                     f"bearer {wrong}", f"Basic {self.d.key}", self.d.key,
                     f"Bearer {self.d.key}x", f"Bearer {self.d.key[:-1]}",
                     f"Bearer {self.d.key},x"):
            h = self.heads()
            if auth is None:
                del h["Authorization"]
            else:
                h["Authorization"] = auth
            with self.subTest((auth or "").replace(self.d.key, "KEY")):
                a = ask(self.d, "POST", "/mcp", INIT, h)
                self.assertEqual(a.status, 401, a)
                self.assertTrue(a.header("WWW-Authenticate").startswith("Bearer"))
                self.assertNotIn("resource_metadata", a.header("WWW-Authenticate"))
                self.assertIn("request_id", a.text)
        # never from the query
        h = self.heads()
        del h["Authorization"]
        self.assertEqual(ask(self.d, "POST", f"/mcp?key={wrong}", INIT, h).status,
                         401)
        # the scheme's name has no case
        for scheme in ("Bearer", "bearer", "BEARER"):
            self.assertEqual(ask(self.d, "POST", "/mcp", INIT, self.heads(
                Authorization=f"{scheme} {self.d.key}")).status, 200)

    def test_origins(self):
        good = (None, "https://app.example", "https://APP.example:443",
                "app://desk", f"http://127.0.0.1:{self.d.port}",
                f"http://localhost:{self.d.port}")
        bad = ("https://evil.example", "http://app.example", "null",
               "https://app.example.evil.example", "https://app.example:444",
               "app://other", "")
        for origin in good[:4]:
            h = self.heads(**({"Origin": origin} if origin else {}))
            a = ask(self.d, "POST", "/mcp", INIT, h)
            self.assertEqual(a.status, 200, (origin, a))
            if origin:
                self.assertEqual(a.header("Access-Control-Allow-Origin"), origin)
                self.assertIn("Origin", a.header("Vary"))
                self.assertIn("mcp-session-id", a.header(
                    "Access-Control-Expose-Headers").lower())
        for origin in bad:
            a = ask(self.d, "POST", "/mcp", INIT, self.heads(Origin=origin))
            if origin:
                self.assertEqual(a.status, 403, (origin, a))
            self.assertIsNone(a.header("Access-Control-Allow-Origin"))
        out = raw(self.d, (      # two are none of them
            f"POST /mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.d.key}\r\nOrigin: https://app.example\r\n"
            f"Origin: https://app.example\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(INIT)}\r\n\r\n{INIT}").encode())
        self.assertEqual(status_of(out), 403)
        # a 401 carries CORS too, or the page could not read it
        a = ask(self.d, "POST", "/mcp", INIT, {
            "Origin": "https://app.example", "Content-Type": "application/json"})
        self.assertEqual(a.status, 401)
        self.assertEqual(a.header("Access-Control-Allow-Origin"),
                         "https://app.example")

    def test_preflight(self):
        a = ask(self.d, "OPTIONS", "/mcp", headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type"})
        self.assertEqual(a.status, 204, a)
        allowed = a.header("Access-Control-Allow-Headers").lower()
        for name in ("authorization", "content-type", "accept", "mcp-session-id",
                     "last-event-id", "mcp-protocol-version", "mcp-method",
                     "mcp-name", "mcp-param-slack-team"):
            self.assertIn(name, allowed)
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            self.assertIn(method, a.header("Access-Control-Allow-Methods"))
        self.assertTrue(a.header("Access-Control-Max-Age"))
        self.assertEqual(a.header("Access-Control-Allow-Credentials"), "true")
        a = ask(self.d, "OPTIONS", "/mcp", headers={
            "Origin": "https://evil.example",
            "Access-Control-Request-Method": "POST"})
        self.assertIsNone(a.header("Access-Control-Allow-Origin"))

    def test_types_and_sizes(self):
        for kind in ("application/x-www-form-urlencoded", "text/plain",
                     "application/jsonx", "multipart/form-data"):
            a = ask(self.d, "POST", "/mcp", INIT, self.heads(**{
                "Content-Type": kind}))
            self.assertEqual(a.status, 415, a)
            self.assertIn("application/json", a.text)
        big = json.dumps({"x": "y" * (70 << 10)})
        self.assertEqual(ask(self.d, "POST", "/mcp", big, self.heads()).status, 413)
        head = (f"POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                f"{self.d.key}\r\nContent-Type: application/json\r\n").encode()
        # refused by the length alone, and in chunks
        out = raw(self.d, head + b"Content-Length: 10000000\r\n\r\n")
        self.assertEqual(status_of(out), 413)
        out = raw(self.d, head + b"Transfer-Encoding: chunked\r\n\r\n" +
                  (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 5)
        self.assertEqual(status_of(out), 413)
        out = raw(self.d, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40000)
        self.assertEqual(status_of(out), 431)
        out = raw(self.d, b"GET /" + b"y" * 40000)
        self.assertIn(status_of(out), (414, 431))

    def test_refusals(self):
        """What could be understood in two ways is not understood at all."""
        rows = (
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\nHost: a\n\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400),
            (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
             b"Content-Length: 1\r\n\r\nx", 400),
            (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
             b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (b"POST /mcp HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd", 400),
            (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 4 4\r\n\r\nabcd", 400),
            (b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nabcd", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n\r\n", 417),
            (b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"nonsense\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),     # TLS
        )
        for data, status in rows:
            with self.subTest(data[:60]):
                out = raw(self.d, data, half_close=True)
                self.assertEqual(status_of(out), status, out[:200])
                head, _, body = out.partition(b"\r\n\r\n")
                self.assertIn(b"X-Content-Type-Options", head)
                self.assertIn("request_id", json.loads(body))

    def test_helmet(self):
        for method, path, more in (
                ("GET", "/health", {}), ("GET", "/", {}), ("GET", "/nowhere", {}),
                ("GET", "/slack/oauth/callback", {}), ("POST", "/mcp", {}),
                ("GET", "/slack/install", {}), ("OPTIONS", "/mcp", {}),
                ("POST", "/mcp", self.heads())):
            a = ask(self.d, method, path, INIT if method == "POST" else None, more)
            with self.subTest(method=method, path=path):
                for name, value in HELMET.items():
                    self.assertIsNotNone(a.header(name), name)
                    if name == "X-Frame-Options":       # pages go further
                        self.assertIn(a.header(name), (value, "DENY"))
                    elif value:
                        self.assertEqual(a.header(name), value)
                if a.header("Content-Type") != "text/html; charset=utf-8":
                    self.assertEqual(a.header("Content-Security-Policy"), CSP)
                self.assertIsNone(a.header("Strict-Transport-Security"))
                self.assertNotIn("upgrade-insecure-requests",
                                 a.header("Content-Security-Policy"))
                self.assertTrue(a.header("X-Request-Id"))
                self.assertIsNone(a.header("X-Powered-By"))

    def test_paths_and_methods(self):
        for path in ("/.well-known/oauth-protected-resource",
                     "/.well-known/oauth-protected-resource/mcp",
                     "/.well-known/oauth-authorization-server",
                     "/.well-known/oauth-authorization-server/mcp",
                     "/.well-known/openid-configuration",
                     "/.well-known/openid-configuration/mcp",
                     "/register", "/authorize", "/token", "/mcp/x", "/nowhere"):
            for method in ("GET", "POST"):
                a = ask(self.d, method, path, headers={"Accept": "*/*"})
                self.assertEqual(a.status, 404, (path, a))
                self.assertEqual(set(a.json), {"error", "message", "request_id"})
        for method, path, status in (
                ("PUT", "/mcp", 405), ("PATCH", "/mcp", 405), ("POST", "/health", 405),
                ("DELETE", "/", 405), ("OPTIONS", "/", 204), ("HEAD", "/", 200),
                ("GET", "/health/", 200), ("POST", "/mcp/", 401)):
            h = self.heads() if path == "/mcp" else {}
            a = ask(self.d, method, path, headers=h)
            self.assertEqual(a.status, status, (method, path, a))
            if status in (405, 204):
                self.assertTrue(a.header("Allow"), (method, path))
        out = raw(self.d, b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(status_of(out), 204)

    def test_http10_and_pipelining(self):
        body = INIT.encode()
        head = (f"Authorization: Bearer {self.d.key}\r\nContent-Type: "
                f"application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        out = raw(self.d, b"POST /mcp HTTP/1.0\r\n" + head + body)
        self.assertEqual(status_of(out), 200)
        self.assertNotIn(b"chunked", out.lower())
        one = b"POST /mcp HTTP/1.1\r\nHost: x\r\n" + head + body
        out = raw(self.d, one + one + b"GET /health HTTP/1.1\r\nHost: x\r\n"
                  b"Connection: close\r\n\r\n")
        self.assertEqual(out.count(b"HTTP/1.1 200 "), 3)
        self.assertTrue(out.rstrip().endswith(b"}"))
        # Expect: 100-continue
        with socket.create_connection(("127.0.0.1", self.d.port), 20) as s:
            s.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" +
                      head)
            self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 100 "))
            s.sendall(body)
            self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200 "))


class Deadlines(lib.Suite):
    @classmethod
    def begin(cls):
        cls.d = cls.daemon(cls.fake(), env={
            "HEADER_TIMEOUT": "1", "BODY_TIMEOUT": "2", "REQUEST_TIMEOUT": "3",
            "IDLE_TIMEOUT": "1"}).start()

    def drip(self, first, piece, every=0.2, most=12):
        """Sends slowly; status of the answer, and after how long it came."""
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.d.port), 20) as s:
            s.sendall(first)
            s.settimeout(every)
            out = b""
            while time.monotonic() - began < most * lib.SLOW:
                try:
                    chunk = s.recv(4096)
                    out += chunk
                    if not chunk or out:
                        break
                except TimeoutError:
                    try:
                        if piece:
                            s.sendall(piece)
                    except OSError:
                        break
                except OSError:
                    break
        return status_of(out), time.monotonic() - began

    def test_slow_header(self):
        status, took = self.drip(b"GET / HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n")
        self.assertEqual(status, 408)
        self.assertLess(took, 5 * lib.SLOW)

    def test_slow_body(self):
        status, took = self.drip(
            b"POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
            self.d.key.encode() + b"\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n", b" ")
        self.assertEqual(status, 408)
        self.assertLess(took, 6 * lib.SLOW)

    def test_slow_ones_hold_nobody(self):
        """Slowloris: 200 that never end, and others are served."""
        slow = []
        try:
            for _ in range(200):
                s = socket.create_connection(("127.0.0.1", self.d.port), 20)
                s.sendall(b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Le")
                slow.append(s)
            for _ in range(20):
                self.assertEqual(get(self.d, "/health", timeout=5).status, 200)
            for s in slow:      # and all are told, and closed
                s.settimeout(10 * lib.SLOW)
                self.assertEqual(status_of(s.recv(100)), 408)
        finally:
            for s in slow:
                s.close()

    def test_idle(self):
        with socket.create_connection(("127.0.0.1", self.d.port), 20) as s:
            s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            began = time.monotonic()
            while s.recv(4096):
                pass
            self.assertLess(time.monotonic() - began, 5 * lib.SLOW)
        # nothing ever sent: closed too, without a word or with 408
        with socket.create_connection(("127.0.0.1", self.d.port), 20) as s:
            began = time.monotonic()
            while s.recv(4096):
                pass
            self.assertLess(time.monotonic() - began, 6 * lib.SLOW)

    def test_slow_slack(self):
        slack = self.d.fake
        mcpclient.install(self.d)
        slack.fault("conversations.list", "slow", seconds=8, times=-1)
        self.addCleanup(slack.faults.clear)
        with Legacy(self.d).begin() as c:
            began = time.monotonic()
            a = c.request("tools/call", {"name": "slack_list_channels",
                                         "arguments": {}})
            self.assertLess(time.monotonic() - began, 7 * lib.SLOW)
            self.assertIn(a.status, (200, 504))
            if a.status == 200:
                self.assertTrue(a.json["result"]["isError"])
            slack.faults.clear()
            self.assertTrue(c.ping())


class Rates(lib.Suite):
    def burst(self, d, n, headers, path="/mcp", method="POST"):
        def one(_):
            return ask(d, method, path, INIT if method == "POST" else None, headers)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return list(pool.map(one, range(n)))

    def test_address(self):
        """Without a good key; shared by all workers; /health is free."""
        d = self.daemon(self.fake(), workers=2, env={"RATE_ADDRESS": "6/10"}).start()
        got = self.burst(d, 30, {"Content-Type": "application/json"})
        statuses = [a.status for a in got]
        self.assertLessEqual(set(statuses), {401, 429})
        self.assertLessEqual(abs(statuses.count(401) - 10), 2, statuses)
        for a in got:
            if a.status == 429:
                self.assertGreaterEqual(int(a.header("Retry-After")), 1)
        self.assertEqual({get(d, "/health").status for _ in range(15)}, {200})
        self.assertEqual({a.status for a in self.burst(d, 15, {
            "Authorization": f"Bearer {d.key}",
            "Content-Type": "application/json"})}, {200})
        d.stop()

    def test_key(self):
        d = self.daemon(self.fake(), workers=2).start()
        key = d.key_add("slow", "--rate", "6/5")
        h = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        got = self.burst(d, 20, h)
        statuses = [a.status for a in got]
        self.assertLessEqual(abs(statuses.count(200) - 5), 1, statuses)
        self.assertEqual(set(statuses), {200, 429})
        a = next(a for a in got if a.status == 429)
        self.assertGreaterEqual(int(a.header("Retry-After")), 1)
        self.assertIn("request_id", a.text)
        h["Authorization"] = f"Bearer {d.key}"      # another key is free
        self.assertEqual(ask(d, "POST", "/mcp", INIT, h).status, 200)
        d.stop()

    def test_batch(self):
        """Each message of a batch counts; what is refused was not done."""
        d = self.daemon(self.fake()).start()
        key = d.key_add("batch", "--rate", "6/10")
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        with Legacy(d, key, "2025-03-26").begin() as c:     # two of ten
            a = c.post([ping] * 5, c.heads())
            self.assertEqual((a.status, len(a.json)), (200, 5), a)
            a = c.post([ping] * 5, c.heads())
            self.assertEqual(a.status, 429, a)
            self.assertGreaterEqual(int(a.header("Retry-After")), 1)
            self.assertIn("request_id", a.json["error"]["data"])
        d.stop()

    def test_team(self):
        """A workspace's rate, over all keys and workers; others are free."""
        slack = self.fake()
        d = self.daemon(slack, env={"RATE_TEAM": "6/4"}).start()
        for team in ("T0ACME0001", "T0BETA0001"):
            mcpclient.install(d, team)
        got = []
        for i in range(8):
            with Legacy(d, d.key_add(f"k{i}", "--workspaces", "*")).begin() as c:
                got.append(c.tool("slack_list_channels", team_id="T0ACME0001",
                                  limit=1))
                free = c.tool("slack_list_channels", team_id="T0BETA0001",
                              limit=1) if i < 3 else None
                self.assertTrue(free is None or free.ok, free)
        self.assertLessEqual(abs(sum(t.ok for t in got) - 4), 1, got)
        self.assertRegex(got[-1].text, r"(?i)again in \d+ s")
        d.stop()

    def test_sessions_full(self):
        d = self.daemon(self.fake(), env={"MAX_SESSIONS": "64",
                                          "MAX_SESSIONS_PER_KEY": "1000"}).start()
        statuses = [Legacy(d).initialize().status for _ in range(150)]
        self.assertIn(503, statuses)
        self.assertEqual(statuses[0], 200)
        self.assertLessEqual(set(statuses), {200, 503})
        d.stop()

    def test_connections(self):
        d = self.daemon(self.fake(), workers=1, env={"MAX_CONNECTIONS": "20"}).start()
        held = []
        try:
            for _ in range(40):
                s = socket.create_connection(("127.0.0.1", d.port), 20)
                held.append(s)
            for s in held[:10]:
                s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200"))
        finally:
            for s in held:
                s.close()
        lib.wait_until("it serves on", lambda: get(
            d, "/health", fail=False, timeout=5).status == 200)
        d.stop()


class Https(lib.Suite):
    def test_headers_under_https(self):
        d = self.daemon(self.fake(), env={
            "PUBLIC_BASE_URL": "https://mcp.example.org",
            "SLACK_REDIRECT_URI": "https://mcp.example.org/slack/oauth/callback"})
        d.start()
        a = get(d, "/health")
        self.assertTrue(a.header("Strict-Transport-Security"))
        self.assertIn("upgrade-insecure-requests",
                      a.header("Content-Security-Policy"))
        a = ask(d, "POST", "/mcp", INIT, {
            "Authorization": f"Bearer {d.key}", "Content-Type": "application/json",
            "Origin": "https://mcp.example.org"})
        self.assertEqual(a.status, 200)
        a = ask(d, "POST", "/mcp", INIT, {
            "Authorization": f"Bearer {d.key}", "Content-Type": "application/json",
            "Origin": "http://localhost:3000"})
        self.assertEqual(a.status, 403)
        a = get(d, "/slack/install")
        if a.status == 302 and "Set-Cookie" in dict(a.headers):
            self.assertIn("Secure", a.header("Set-Cookie"))
        d.stop()


if __name__ == "__main__":
    unittest.main()
