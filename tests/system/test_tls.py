# SPDX-License-Identifier: ISC
"""https of its own: TLS_PORT, TLS_CERT, TLS_KEY (issue section 3)."""
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import lib
import mcpclient
from mcpclient import Legacy, Modern, get, raw, trusting


def certificate(folder, name, days=90, ago=0):
    """A self-signed one for localhost, made that many days ago; the two paths."""
    cert, key = (os.path.join(folder, f"{name}.{kind}") for kind in ("pem", "key"))
    lead = ["faketime", f"{ago} days ago"] if ago else []
    subprocess.run(
        [*lead, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", str(days),
         "-keyout", key, "-out", cert],
        check=True, capture_output=True, timeout=60)
    os.chmod(key, 0o600)
    return cert, key


class Case(lib.Suite):
    @classmethod
    def tls_daemon(cls, pair, fake=None, **env):
        port = lib.free_port()
        d = cls.daemon(fake, workers=int(env.pop("WORKERS", 2)), env={
            "TLS_PORT": str(port), "TLS_CERT": pair[0], "TLS_KEY": pair[1], **env})
        d.tls_port = port
        return d

    def pair(self, name, **more):
        return certificate(self.dir, name, **more)

    def served(self, d, ctx):
        """The certificate that a new connection gets."""
        with self.secure(d, ctx) as s:
            return s.getpeercert(binary_form=True)

    def secure(self, d, ctx, session=None):
        s = socket.create_connection(("127.0.0.1", d.tls_port), 20 * lib.SLOW)
        return ctx.wrap_socket(s, server_hostname="localhost", session=session)

    @staticmethod
    def talk(s, text):
        """A request on that socket; its status and request id."""
        s.sendall(text.encode())
        r = http.client.HTTPResponse(s)
        r.begin()
        r.read()
        return r.status, r.getheader("X-Request-Id")

    def worker_of(self, req):
        return lib.wait_until(f"the log's line of {req}", lambda: next(
            (r["name"] for r in self.d.log_rows() if r.get("req") == req), None))


class Refused(Case):
    """What a start and -t say of files that are not good."""

    def check(self, words, **env):
        d = self.daemon(env=env)
        for args in (("-t",), ("-f",)):
            done = d.run(*args)
            self.assertEqual(done.returncode, 78, done.stderr)
            for word in words:
                self.assertRegex(done.stderr, word)
        self.assertFalse(os.path.exists(os.path.join(d.run_dir, "slackmcpd.pid")))

    def test_files(self):
        good, other = self.pair("good"), self.pair("other")
        wide = self.pair("wide")
        os.chmod(wide[1], 0o644)
        port = str(lib.free_port())
        for words, cert, key in (
                (("TLS_CERT .*absent.*No such file",), "/absent.pem", good[1]),
                (("TLS_KEY .*absent.*No such file",), good[0], "/absent.key"),
                (("TLS_KEY .*wide.key", "0644", "chmod"), *wide),
                (("is not the key of TLS_CERT",), good[0], other[1]),
                (("TLS_CERT", "PEM"), good[1], good[1])):
            with self.subTest(words=words):
                self.check(words, TLS_PORT=port, TLS_CERT=cert, TLS_KEY=key)

    def test_options(self):
        cert, key = self.pair("opt")
        self.check(("TLS_PORT: .*TLS_CERT and TLS_KEY",), TLS_PORT="8443")
        self.check(("TLS_PORT: .*TLS_KEY is not set",), TLS_PORT="8443", TLS_CERT=cert)
        self.check(("TLS_PORT: .*TLS_CERT is not set",), TLS_PORT="8443", TLS_KEY=key)
        d = self.daemon(env={"TLS_CERT": cert})
        done = d.run("-t")
        self.assertEqual(done.returncode, 0)
        self.assertIn("TLS_CERT: it is not used", done.stderr)

    def test_port_taken(self):
        pair = self.pair("taken")
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = str(s.getsockname()[1])
            d = self.daemon(env={"TLS_PORT": port, "TLS_CERT": pair[0],
                                 "TLS_KEY": pair[1]})
            done = d.run("-f")
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("change TLS_PORT", done.stderr)

    def test_dates(self):
        for name, days, ago, left, word in (
                ("old", 30, 40, range(-12, -9), "expired 1[01] days ago"),
                ("soon", 5, 0, range(4, 6), "expires in [45] days"),
                ("long", 90, 0, range(89, 91), None)):
            with self.subTest(name=name):
                d = self.tls_daemon(self.pair(name, days=days, ago=ago)).start()
                rows = {r["name"]: r["value"] for r in d.ctl_json("show", "info")}
                self.assertIn(int(rows["certificate days left"]), left)
                warned = [r for r in d.log_rows() if r["level"] == "warn"
                          and "TLS_CERT" in r["msg"]]
                self.assertEqual(len(warned), 1 if word else 0, warned)
                if word:
                    self.assertRegex(warned[0]["msg"], word)
                d.stop()
        d = self.daemon().start()
        self.assertNotIn("certificate", d.ctl("show", "info").stdout)


class Tickets(Case):
    TURN = 4 * lib.SLOW

    def resume(self, session):
        """When it was tried, whether it went, by which request, and a session."""
        began = time.monotonic()
        with self.secure(self.d, self.ctx, session) as s:
            _, req = self.talk(s, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return began, time.monotonic(), s.session_reused, req, s.session

    def until_it_ends(self, session):
        """All tries, the last of which was refused."""
        tries = []

        def refused():
            tries.append(self.resume(session))
            return not tries[-1][2]
        lib.wait_until("its key is forgotten", refused, 60)
        return tries

    def test_key_turns_with_an_overlap(self):
        """Nothing tells when the keys turn but the end of a ticket: of a second one,
        which is given just then, it is known when its key is the old one."""
        pair = self.pair("turns")
        self.ctx = trusting(pair[0], version=ssl.TLSVersion.TLSv1_3)
        self.d = self.tls_daemon(pair, TLS_TICKET_TURN=f"{int(self.TURN * 1000)}ms").start()
        tries = self.until_it_ends(self.resume(None)[4])
        # they turned between these two, and will every TURN seconds
        turned, known = tries[-2][0], tries[-1][1]
        self.assertLess(known - turned, self.TURN / 2)
        tries = self.until_it_ends(tries[-1][4])
        self.assertGreater(tries[-1][1], turned + 2 * self.TURN)
        self.assertLess(tries[-2][0], known + 2 * self.TURN)
        # in the overlap any worker takes it
        overlap = {self.worker_of(req) for began, _, resumed, req, _ in tries
                   if resumed and began > known + self.TURN}
        self.assertEqual(overlap, {"worker 1", "worker 2"})


class Serves(Case):
    @classmethod
    def begin(cls):
        cls.cert = certificate(cls.dir, "first")
        cls.ctx = trusting(cls.cert[0])
        cls.d = cls.tls_daemon(cls.cert, cls.fake(), WORKERS="3")
        d = cls.d
        d.env["PUBLIC_BASE_URL"] = f"https://localhost:{d.tls_port}"
        d.env["SLACK_REDIRECT_URI"] = d.env["PUBLIC_BASE_URL"] + "/slack/oauth/callback"
        d.tls, d.base = cls.ctx, d.env["PUBLIC_BASE_URL"]
        d.start()

    def test_versions(self):
        V = ssl.TLSVersion
        for version, good in ((V.TLSv1_3, True), (V.TLSv1_2, True), (V.TLSv1_1, False)):
            with self.subTest(version=version):
                ctx = trusting(self.cert[0], version=version)
                ctx.set_alpn_protocols(["h2", "http/1.1"])
                if not good:
                    with self.assertRaises((ssl.SSLError, OSError)):
                        self.secure(self.d, ctx)
                    continue
                with self.secure(self.d, ctx) as s:
                    self.assertEqual(s.version(), version.name.replace("_", "."))
                    self.assertEqual(s.selected_alpn_protocol(), "http/1.1")
                    status, _ = self.talk(s, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    self.assertEqual(status, 200)

    def test_no_renegotiation(self):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.d.tls_port}",
             "-tls1_2", "-CAfile", self.cert[0]], input=b"R\n",
            capture_output=True, timeout=20 * lib.SLOW, check=False)
        said = done.stdout + done.stderr
        self.assertIn(b"Verify return code: 0", said)
        self.assertIn(b"RENEGOTIATING", said)
        self.assertIn(b"no renegotiation", said)

    def test_many_at_once(self):
        """More handshakes than a worker does in a turn, and as many requests."""
        failed = []

        def work():
            try:
                with Legacy(self.d).begin() as c:
                    c.strict = True
                    failed.extend(i for i in range(10) if not c.ping())
            except (OSError, AssertionError) as e:
                failed.append(repr(e))
        threads = [threading.Thread(target=work) for _ in range(40)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failed, [])

    def test_tickets_work_over_all_workers(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            ctx = trusting(self.cert[0], version=version)
            ask = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            with self.subTest(version=version), self.secure(self.d, ctx) as s:
                self.assertFalse(s.session_reused)
                first = self.worker_of(self.talk(s, ask)[1])
                session, met = s.session, set()
                for _ in range(200):
                    with self.secure(self.d, ctx, session) as again:
                        status, req = self.talk(again, ask)
                        self.assertEqual(status, 200)
                        self.assertTrue(again.session_reused)
                    met.add(self.worker_of(req))
                    if len(met) == 3:
                        break
                self.assertEqual(met, {"worker 1", "worker 2", "worker 3"}, first)

    def test_plain_http_on_the_tls_port(self):
        for data in (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"G",
                     b"POST /mcp HTTP/1.1\r\n" + b"X: y\r\n" * 2000):
            began = time.monotonic()
            said = raw(self.d, data, port=self.d.tls_port)
            self.assertLess(time.monotonic() - began, 5 * lib.SLOW)
            head, _, body = said.partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 400 "), said)
            said = json.loads(body)
            self.assertEqual(said["error"], "https_required")
            self.assertIn("https://", said["message"])

    def test_tls_on_the_plain_port(self):
        hello = ssl.MemoryBIO()
        o = trusting(self.cert[0]).wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            o.do_handshake()
        said = raw(self.d, hello.read())
        self.assertTrue(said.startswith(b"HTTP/1.1 400 "), said)
        self.assertIn(b"tls_not_spoken", said)

    def test_half_close_and_goodbye(self):
        with self.secure(self.d, self.ctx) as s:
            status, _ = self.talk(s, "GET /health HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n")
            self.assertEqual(status, 200)
            self.assertEqual(s.recv(10), b"")       # a close_notify, no cut
        with self.secure(self.d, self.ctx) as s:
            s.unwrap()                              # ours is answered

    def test_big_bodies(self):
        with Legacy(self.d, version="2025-03-26").begin() as c:
            a = c.request("ping", {"_meta": {"pad": "x" * 3_900_000}})
            self.assertEqual((a.status, a.json["result"]), (200, {}))
            many = [{"jsonrpc": "2.0", "id": i, "method": "tools/list"} for i in range(50)]
            a = c.post(many, c.heads())
            self.assertEqual(a.status, 200)
            self.assertEqual([r["id"] for r in a.json], list(range(50)))
            self.assertGreater(len(a.body), 100_000)
            a = c.request("ping", {"_meta": {"pad": "x" * 5_000_000}})
            self.assertEqual(a.status, 413)

    def test_a_slow_reader_gets_all(self):
        many = json.dumps([{"jsonrpc": "2.0", "id": i, "method": "tools/list"}
                           for i in range(50)])
        c = Legacy(self.d, version="2025-03-26").begin()
        heads = "".join(f"{k}: {v}\r\n" for k, v in c.heads().items())
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(20 * lib.SLOW)
        s.connect(("127.0.0.1", self.d.tls_port))
        with self.ctx.wrap_socket(s, server_hostname="localhost") as s:
            text = (f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    f"Accept: application/json\r\nAuthorization: Bearer {self.d.key}\r\n"
                    f"{heads}Connection: close\r\nContent-Length: {len(many)}\r\n\r\n{many}")
            s.sendall(text.encode())
            out = b""
            while chunk := s.recv(1500):
                out += chunk
        self.assertEqual(len(json.loads(out.partition(b"\r\n\r\n")[2])), 50)
        c.close()

    def test_install_and_sessions(self):
        page = mcpclient.install(self.d)
        self.assertEqual(page.status, 200, page)
        self.assertTrue(page.url.startswith(self.d.base), page.url)
        key = self.d.key_add("agent", "--workspaces", "T0ACME0001", "--role", "write")
        for era in (Legacy, Modern):
            with self.subTest(era=era), era(self.d, key).begin() as c:
                c.strict = True
                channels = c.tool("slack_list_channels", limit=3)
                self.assertTrue(channels.ok, channels)
                text = f"over https, {era.__name__}"
                channel = re.search(r"\bC[A-Z0-9]*GENERAL[A-Z0-9]*", channels.text).group()
                posted = c.tool("slack_post_message", channel_id=channel, text=text)
                self.assertTrue(posted.ok, posted)
                self.assertIn(text, c.tool("slack_get_channel_history",
                                           channel_id=channel, limit=3).text)
        # the plain port still serves; loopback gets no HSTS
        a = get(self.d, "/health", port=self.d.port)
        self.assertEqual(a.status, 200)
        self.assertIsNone(a.header("Strict-Transport-Security"))

    def test_kill_of_a_worker(self):
        with Legacy(self.d).begin() as c:
            for _ in range(2):
                self.d.kill(self.d.workers()[0])
                c.close()
                for _ in range(10):
                    self.assertTrue(c.ping())
                    c.close()
            lib.wait_until("all serve", lambda: len(self.d.workers()) == 3)

    def test_stop_is_no_failed_request(self):
        d = self.tls_daemon(self.cert, HEADER_TIMEOUT="5")
        d.tls = self.ctx
        d.start()
        with Legacy(d).begin() as c:
            c.strict = True
            self.assertTrue(c.ping())
        d.stop()


class Reload(Case):
    def hammer(self, d, failed, done):
        """New and kept connections until done; what failed."""
        kept = None
        while not done.is_set():
            fresh = mcpclient.connection(d)
            try:
                a = mcpclient.ask(d, "GET", "/health", conn=fresh)
                kept = kept or mcpclient.connection(d)
                b = mcpclient.ask(d, "GET", "/health", conn=kept)
                if (a.status, b.status) != (200, 200):
                    failed.append((a, b))
                if b.header("Connection") == "close":
                    kept.close()
                    kept = None
            except (OSError, http.client.HTTPException) as e:
                failed.append(repr(e))
                kept = None
            finally:
                fresh.close()
        if kept:
            kept.close()

    def use(self, d, pair):
        for at, path in zip((d.env["TLS_CERT"], d.env["TLS_KEY"]), pair):
            with open(path, "rb") as f, open(at + ".new", "wb") as out:
                out.write(f.read())
            os.chmod(at + ".new", 0o600)
            os.rename(at + ".new", at)

    def test_certificate_changes_without_a_failed_request(self):
        one, two = self.pair("one"), self.pair("two")
        d = self.tls_daemon(self.pair("used"))
        self.use(d, one)
        d.tls = trusting(one[0], two[0])
        d.start()
        before = self.served(d, d.tls)
        failed, done = [], threading.Event()
        threads = [threading.Thread(target=self.hammer, args=(d, failed, done))
                   for _ in range(2)]
        for t in threads:
            t.start()
        try:
            with self.secure(d, d.tls) as old:
                ask = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
                self.assertEqual(self.talk(old, ask)[0], 200)
                self.use(d, two)
                d.kill(sig=signal.SIGHUP)
                lib.wait_until("the new certificate is served by all", lambda: all(
                    self.served(d, d.tls) != before for _ in range(8)))
                # the old connection lives on, in the old generation
                self.assertEqual(self.talk(old, ask)[0], 200)
                self.assertEqual(old.getpeercert(binary_form=True), before)
            now = self.served(d, d.tls)
            with self.subTest("bad files keep the old ones"):
                os.chmod(d.env["TLS_KEY"], 0o644)
                a = d.ctl("reload", check=False)
                self.assertNotEqual(a.returncode, 0)
                self.assertIn("0644", a.stdout + a.stderr)
                os.chmod(d.env["TLS_KEY"], 0o600)
                self.use(d, (one[0], two[1]))
                a = d.ctl("reload", check=False)
                self.assertNotEqual(a.returncode, 0)
                self.assertIn("is not the key of", a.stdout + a.stderr)
                d.kill(sig=signal.SIGHUP)
                lib.wait_until("the log says why", lambda: [
                    r for r in d.log_rows() if r["level"] == "error"
                    and "is not the key of" in r["msg"]])
        finally:
            done.set()
            for t in threads:
                t.join()
        self.assertEqual(failed, [])
        dead = d.workers()[0]
        d.kill(dead)                # its replacement has what the others have
        lib.wait_until("both serve", lambda: len(set(d.workers()) - {dead}) == 2)
        for _ in range(8):
            self.assertEqual(self.served(d, d.tls), now)

    def test_port_needs_a_restart(self):
        pair = self.pair("port")
        conf = os.path.join(self.dir, "tls.conf")
        d = self.tls_daemon(pair, TLS_PORT=None)
        for port in (d.tls_port, lib.free_port()):
            with open(conf, "w", encoding="ascii") as f:
                f.write(f"tls_port = {port}\n")
            if d.proc is None:
                d.start("-c", conf)
        a = d.ctl("reload", check=False)
        self.assertNotEqual(a.returncode, 0)
        self.assertIn("TLS_PORT: cannot change by a reload", a.stdout + a.stderr)

    def test_slow_handshake_is_cut(self):
        pair = self.pair("slow")
        d = self.tls_daemon(pair, HEADER_TIMEOUT="1").start()
        hello = ssl.MemoryBIO()
        o = trusting(pair[0]).wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            o.do_handshake()
        hello = hello.read()
        for data in (b"", hello[:3], hello[:-1]):
            began = time.monotonic()
            said = raw(d, data, port=d.tls_port)
            took = time.monotonic() - began
            self.assertEqual(said, b"")
            self.assertGreater(took, 0.8)
            self.assertLess(took, 5 * lib.SLOW)

    def test_hsts(self):
        pair = self.pair("hsts")
        d = self.tls_daemon(pair, PUBLIC_BASE_URL="https://mcp.example.org",
                            SLACK_REDIRECT_URI="https://mcp.example.org/slack/oauth/callback",
                            INSTALL_ALLOW="T0ACME0001")
        d.tls = trusting(pair[0])
        d.start()
        self.assertIn("max-age=", get(d, "/health").header("Strict-Transport-Security"))
