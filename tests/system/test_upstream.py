# SPDX-License-Identifier: ISC
"""Slack as it should not be: what the model is told, what is tried again, what the
operator sees, in which time; and that nobody else waits for it."""
import collections
import concurrent.futures
import contextlib
import json
import os
import queue
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import zlib

import host
import lib
import mcpclient
import test_tls
from mcpclient import Legacy, get, install

CONNECT, ANSWER = 0.3, 1.2      # seconds: CONNECT_TIMEOUT, UPSTREAM_TIMEOUT
TRIES = 3                       # of what reads, and of what was never sent
LARGEST = 4 << 20               # of an answer
MOST_MEMORY = 450 << 20         # that all the faults together may leave
HISTORY = "conversations.history"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def counts(d):
    return collections.Counter({r["name"]: int(r["value"]) for r in d.ctl_json(
        "show", "info") if re.fullmatch(r"\d+", str(r["value"]))})


# -- what stands between the daemon and the fake --------------------------------

class Between:
    """Hands everything on to the fake, or plays a fault on each connection."""

    def __init__(self, fake, ctx=None):
        self.fake, self.ctx = fake, ctx
        self.play, self.open, self.fillers = None, set(), []
        self.rests = threading.Event()      # nobody accepts
        self.lock = threading.Lock()
        self.port = lib.free_port()
        self.listener = self.listen(64)
        self.ends = False
        threading.Thread(target=self.accept, daemon=True).start()

    def listen(self, backlog):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", self.port))
        s.listen(backlog)
        s.settimeout(0.02)
        return s

    def accept(self):
        while not self.ends:
            listener = self.listener
            if listener is None or self.play is full:
                self.rests.set()
                time.sleep(0.02)
                continue
            try:
                conn, _ = listener.accept()
            except OSError:
                continue
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        play = self.play
        with self.lock:
            self.open.add(conn)
        with contextlib.suppress(OSError, ValueError):
            conn.settimeout(20)
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if play in BEFORE_TLS:
                play(self, conn)
            else:
                if self.ctx:
                    inner = self.ctx.wrap_socket(conn, server_side=True)
                    with self.lock:
                        self.open.discard(conn)
                        self.open.add(inner)
                    conn = inner
                (play or hand_on)(self, conn)
        with contextlib.suppress(OSError):
            conn.close()
        with self.lock:
            self.open.discard(conn)

    def set(self, play):
        """From now on, on new connections; what was there ends."""
        if self.play is closed and play is not closed:
            self.listener = self.listen(64)
        if self.play is full:
            self.unfill()
        self.rests.clear()
        self.play = play
        with self.lock:
            for conn in self.open:
                with contextlib.suppress(OSError):
                    conn.shutdown(socket.SHUT_RDWR)
        if play is closed:
            self.listener.shutdown(socket.SHUT_RDWR)    # at once, whoever polls it
            self.listener.close()
            self.listener = None
        if play is full:
            self.fill()

    def fill(self):
        """A line of none, and somebody in it: who comes now hears nothing."""
        self.rests.wait(10)
        self.listener.listen(0)
        for _ in range(8):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(s)
            if not select.select([], [s], [], 0.2)[1]:
                return
        raise AssertionError("the line does not fill")

    def unfill(self):
        for s in self.fillers:
            s.close()
        self.fillers.clear()
        self.listener.listen(64)

    def stop(self):
        self.ends = True
        self.set(None)
        self.listener.close()


def hand_on(b, conn):
    with socket.create_connection(("127.0.0.1", b.fake.port), 20) as up:
        other = {conn: up, up: conn}
        while True:
            some = [conn] if isinstance(conn, ssl.SSLSocket) and conn.pending() else \
                select.select([conn, up], [], [], 20)[0]
            if not some:
                return
            for s in some:
                data = s.recv(65536)
                if not data:
                    return
                other[s].sendall(data)


def request(conn):
    """Reads one, whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = conn.recv(65536)
        if not got:
            raise OSError("gone")
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    need = re.search(rb"(?i)content-length: (\d+)", head)
    while need and len(body) < int(need.group(1)):
        body += conn.recv(65536)


def wait_end(conn):
    """Until the daemon has had enough."""
    while conn.recv(65536):
        pass


# -- the faults ------------------------------------------------------------------

def closed(b, conn):
    """nobody listens"""


def full(b, conn):
    """the line of those who would connect is full"""


def hangs_up(b, conn):
    """a connection that ends at once"""


def no_handshake(b, conn):
    wait_end(conn)


def no_tls(b, conn):
    conn.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    wait_end(conn)


BEFORE_TLS = {closed, full, hangs_up, no_handshake, no_tls}


def silent(b, conn):
    request(conn)
    wait_end(conn)


def gone(b, conn):
    request(conn)


def reset(b, conn):
    request(conn)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says(*pieces, then=wait_end):
    def play(b, conn):
        request(conn)
        for piece in pieces:
            conn.sendall(piece)
        if then:
            then(conn)
    return play


def again_and_again(first, piece, pause=0.0):
    def play(b, conn):
        request(conn)
        conn.sendall(first)
        while True:
            conn.sendall(piece)
            if pause:
                time.sleep(pause)
    return play


def length(n):
    return OK + b"Content-Length: %d\r\n\r\n" % n


def answers(data):
    def play(b, conn):
        while True:
            request(conn)
            conn.sendall(data)
    return play


def status(n, *heads, body=b"upstream fault"):
    return answers(b"HTTP/1.1 %d X\r\n" % n + b"".join(h + b"\r\n" for h in heads) +
                   b"Content-Length: %d\r\n\r\n" % len(body) + body)


def bomb():
    z = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(z.compress(b" " * (1 << 20)) for _ in range(64)) + z.flush()
    return answers(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) +
                   body)


# by that deadline, not by the other
AFTER_CONNECT = r"after ([3-9]\d\d|1[01]\d\d) m"
AWAY, FAULTS = "Slack cannot be reached", "Slack answers with faults"
UNSENT = "could not be reached.*Nothing was sent"
UNCLEAR = "could not be reached, or its answer was not whole"
FAULT = "Slack itself has a fault"
LARGE = "larger than this server takes.*smaller limit"

# fault, what is played | a read is told, in how many tries | a post: "" may be
# repeated, else it is unknown | /health | the log's line | seconds for the read
ROWS = (
    ("connect refused", closed, UNSENT, TRIES, "", AWAY, "Failed to connect|refused", 0),
    ("connect hangs", full, UNSENT, TRIES, "", AWAY, AFTER_CONNECT,
     CONNECT),
    ("ends at once", hangs_up, UNCLEAR, TRIES, "?", AWAY, "(?i)empty|reset", 0),
    ("no answer", silent, UNCLEAR, TRIES, "?", AWAY, "(?i)time", ANSWER),
    ("ends after the request", gone, UNCLEAR, TRIES, "?", AWAY, "(?i)empty|reset", 0),
    ("reset after the request", reset, UNCLEAR, TRIES, "?", AWAY, "(?i)reset|empty", 0),
    ("head by the byte", again_and_again(b"HTTP/1.1 200 OK\r\nX: ", b"a", 0.05), UNCLEAR,
     TRIES, "?", AWAY, "(?i)time", ANSWER),
    ("body by the byte", again_and_again(length(1 << 20), b" ", 0.05), UNCLEAR, TRIES, "?",
     AWAY, "(?i)time", ANSWER),
    ("cut in the head", says(b"HTTP/1.1 200 OK\r\nContent-Le", then=None), UNCLEAR, TRIES,
     "?", FAULTS, "status=200", 0),
    ("cut in the body", says(length(400) + b'{"ok":true,', then=None), UNCLEAR, TRIES, "?",
     AWAY, "(?i)bytes remaining|end of response|partial", 0),
    ("cut in a chunk", says(OK + b'Transfer-Encoding: chunked\r\n\r\nff\r\n{"ok":true,',
                            then=None), UNCLEAR, TRIES, "?", AWAY, ".", 0),
    ("stops in the body", says(length(400) + b'{"ok":true,'), UNCLEAR, TRIES, "?", AWAY,
     "(?i)time", ANSWER),
    ("announces too much", says(length(LARGEST + 1) + b"{"), LARGE, 1, "?", "", "", 0),
    ("announces what it may", says(length(LARGEST) + b"{"), UNCLEAR, TRIES, "?", AWAY, "(?i)time",
     ANSWER),
    ("body without end", again_and_again(OK + b"\r\n", b" " * 65536), LARGE, 1, "?", "", "",
     0),
    ("chunks without end", again_and_again(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
     LARGE, 1, "?", "", "", 0),
    ("a bomb", bomb(), LARGE, 1, "?", "", "", 0),
    ("head without end", again_and_again(OK, b"X: " + b"a" * 8000 + b"\r\n"), UNCLEAR, TRIES,
     "?", AWAY, ".", 0),
    ("field without end", again_and_again(OK + b"X: ", b"a" * 65536), UNCLEAR, TRIES, "?",
     AWAY, ".", 0),
    ("100 Continue without end", again_and_again(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.002),
     UNCLEAR, TRIES, "?", AWAY, ".", ANSWER),
    ("no HTTP", says(b"\x00\x01SSH-2.0-x\r\n" * 9, then=None), UNCLEAR, TRIES, "?", AWAY,
     "(?i)http|weird", 0),
    ("HTTP/0.9", says(b'{"ok":true}', then=None), UNCLEAR, TRIES, "?", AWAY, "(?i)http", 0),
    ("a status of no number", says(b"HTTP/1.1 OK\r\n\r\n", then=None), UNCLEAR, TRIES, "?",
     AWAY, ".", 0),
    ("no JSON", status(200, body=b"<html>Sorry"), UNCLEAR, TRIES, "?", FAULTS, "status=200",
     0),
    ("JSON of too many values", status(200, body=b"[" + b"7," * 700000 + b"7]"), UNCLEAR,
     TRIES, "?", FAULTS, "status=200", 0),
    ("JSON too deep", status(200, body=b'{"ok":' + b"[" * 100000 + b"]" * 100000 + b"}"),
     UNCLEAR, TRIES, "?", FAULTS, "status=200", 0),
    ("204", answers(b"HTTP/1.1 204 X\r\n\r\n"), UNCLEAR, TRIES, "?", FAULTS, "status=204", 0),
    ("elsewhere", status(302, b"Location: http://127.0.0.1:1/"), UNCLEAR, TRIES, "?", FAULTS,
     "status=302", 0),
    ("404", status(404), UNCLEAR, TRIES, "?", FAULTS, "status=404", 0),
    ("500", status(500), FAULT, TRIES, "?", FAULTS, "status=500", 0),
    ("503, with a word when", status(503, b"Retry-After: 1"), FAULT, TRIES, "?", FAULTS,
     "status=503", 0),
)


class Bench:
    """A daemon of one worker and what stands before its Slack."""

    def __init__(self, suite, fake, ctx=None, **env):
        self.between = Between(fake, ctx)
        suite.addClassCleanup(self.between.stop)
        # what a slow disk holds up is another matter
        shm = tempfile.mkdtemp(prefix="smd-", dir="/dev/shm"
                               if os.path.isdir("/dev/shm") else suite.dir)
        os.chmod(shm, 0o755)
        suite.addClassCleanup(shutil.rmtree, shm, ignore_errors=True)
        self.d = suite.daemon(fake, workers=1, env={
            "CONNECT_TIMEOUT": f"{CONNECT * 1000:.0f}ms",
            "UPSTREAM_TIMEOUT": f"{ANSWER * 1000:.0f}ms", "LOG_LEVEL": "info",
            "STATE_DIR": os.path.join(shm, "state"), **env})
        self.d.env["SLACK_API_URL"] = (f"https://localhost:{self.between.port}/api/" if ctx
                                       else f"http://127.0.0.1:{self.between.port}/api/")

    def start(self):
        """An install has its time, also for auth.test: else that is asked later on,
        between the calls that are counted."""
        short = self.d.env.pop("UPSTREAM_TIMEOUT")
        self.d.start()
        lib.wait_until("the install works", lambda: install(self.d).status == 200)
        self.d.stop()
        self.d.env["UPSTREAM_TIMEOUT"] = short
        self.d.start()
        self.pid = self.d.workers()[0]
        return self

    def again(self):
        """All is as it was."""
        self.between.set(None)
        with Legacy(self.d).begin() as c:
            lib.wait_until("Slack answers again", lambda: c.tool(
                "slack_list_channels", limit=1).ok)

    def told(self, since, words):
        return [r["msg"] for r in self.d.log_rows()[since:]
                if r["level"] in ("warn", "error") and re.search(words, r.get("msg", ""))]


class Late:
    """How late the loop was, but for what others had of the processor."""

    def __init__(self, bench):
        self.bench, self.before = bench, self.now(bench)

    @staticmethod
    def now(bench):
        with open(f"/proc/{bench.pid}/schedstat", encoding="ascii") as f:
            waited = int(f.read().split()[1]) / 1e6
        rows = bench.d.ctl_json("show", "workers")
        return next(r["late_max_ms"] for r in rows if r["pid"] == bench.pid), waited

    def check(self, case):
        most, waited = self.now(self.bench)
        if most > self.before[0]:
            case.assertLess(most, case.late + waited - self.before[1], "the loop was held")


def context(pair):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(*pair)
    return ctx


def named(folder, name):
    """A certificate for that name and no other."""
    cert, key = (os.path.join(folder, f"{name}.{kind}") for kind in ("pem", "key"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-days", "9", "-keyout", key, "-out", cert],
        check=True, capture_output=True, timeout=60)
    return cert, key


def memory(pid):
    """Of a process, in bytes; what the sanitizer keeps aside counts, too."""
    return int(re.search(r"VmRSS:\s+(\d+)", host.read(f"/proc/{pid}/status")).group(1)) << 10


def sanitized():
    with open(lib.program("slackmcpd"), "rb") as f:
        return b"__asan_init" in f.read()


class Table:
    """Runs rows on several daemons at once: most of it is waiting."""

    @classmethod
    def start(cls, *benches):
        cls.benches = benches
        with concurrent.futures.ThreadPoolExecutor(len(benches)) as pool:
            list(pool.map(Bench.start, benches))
        cls.late = 250 if sanitized() else 50

    def read(self, d, tool="slack_list_channels", **args):
        began = time.monotonic()
        with Legacy(d).begin() as c:
            said = c.tool(tool, limit=5, **args)
        return said, time.monotonic() - began

    def post(self, d, name):
        args = {"channel_id": "CARANDOM01", "text": name,
                "idempotency_key": re.sub(r"\W", "-", name)}
        with Legacy(d).begin() as c:
            return (c.tool("slack_post_message", **args),
                    c.tool("slack_post_message", **args))

    def run_row(self, bench, row):
        name, play, read, tries, post, health, told, seconds = row
        d, since, late = bench.d, len(bench.d.log_rows()), Late(bench)
        bench.between.set(play)
        before = counts(d)
        said, took = self.read(d)
        moved = counts(d) - before
        self.assertTrue(said.error, said)
        self.assertIsNone(said.rpc, said)
        self.assertRegex(said.text, read)
        if tries:
            self.assertEqual(moved["slack_calls"], tries)
            self.assertEqual(moved["slack_retries"], tries - 1)
        # each try has its own time, and a pause before the next
        self.assertGreaterEqual(took, 0.9 * seconds)
        self.assertLess(took, (TRIES * max(seconds, 0.5) + 2) * max(2, 2 * lib.SLOW))
        self.check_seen(bench, since, health, told, moved)
        self.check_post(bench, name, post)
        self.assertEqual(d.counter("requests at Slack"), 0)
        late.check(self)

    def check_seen(self, bench, since, health, told, moved):
        reasons = get(bench.d, "/health", port=bench.d.admin_port).json["reasons"]
        seen = bench.told(since, "cannot be reached|with faults")
        if not health:      # an answer that is too large is the asker's own affair
            self.assertEqual((reasons, seen), ([], []))
            return
        self.assertRegex(";".join(reasons), health)
        self.assertEqual(len(seen), 1, seen)
        self.assertRegex(seen[0], health)
        self.assertRegex(seen[0], told)
        self.assertEqual(moved["slack_silent"] + moved["slack_faults"], TRIES)
        self.assertGreater(moved["slack_faults" if "status=" in told else "slack_silent"], 0)

    def check_post(self, bench, name, post):
        d, before = bench.d, counts(bench.d)
        first, second = self.post(d, name)
        moved = counts(d) - before
        self.assertTrue(first.error and second.error, (first, second))
        self.assertIn("sent" if post == "" else "unknown", first.text)
        if post == "":
            self.assertRegex(second.text, UNSENT)
            self.assertEqual(moved["slack_calls"], 2 * TRIES)
        else:
            self.assertRegex(second.text, "may have been posted|unknown")
            # sent once, and looked for by both calls (test_posts counts the posts)
            self.assertIn(moved["slack_calls"], range(1, 2 + 2 * TRIES))
        self.assertEqual(moved["posts_unknown"], 0 if post == "" else 1)

    def work(self, bench, todo, out):
        with contextlib.suppress(queue.Empty):
            while True:
                row = todo.get_nowait()
                try:
                    self.run_row(bench, row)
                    bench.again()
                    if row[5]:
                        lib.wait_until("/health forgets it", lambda: not get(
                            bench.d, "/health", port=bench.d.admin_port).json["reasons"])
                    out[row[0]] = None
                except BaseException as e:  # noqa: BLE001  told by the row's subTest
                    out[row[0]] = e
                    bench.again()

    def run_rows(self, rows):
        todo, out = queue.Queue(), {}
        for row in sorted(rows, key=lambda r: -r[7]):
            todo.put(row)
        threads = [threading.Thread(target=self.work, args=(b, todo, out))
                   for b in self.benches]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for row in rows:
            with self.subTest(row[0]):
                self.assertIn(row[0], out)
                if out[row[0]] is not None:
                    raise out[row[0]]
        worst = max(Late.now(b)[0] for b in self.benches)
        print(f"\nnote: {type(self).__name__}: the loop was late by {worst} ms at most",
              flush=True)
        for b in self.benches:
            self.assertEqual(b.d.workers(), [b.pid])


class Plain(Table, lib.Suite):
    @classmethod
    def begin(cls):
        cls.start(*(Bench(cls, cls.fake()) for _ in range(4)))

    def test_table(self):
        before = [memory(b.pid) for b in self.benches]
        self.run_rows(ROWS)
        for b, was in zip(self.benches, before):
            self.assertLess(memory(b.pid) - was, MOST_MEMORY)

    def test_another_answer_behind(self):
        """What comes behind an answer is nobody's, least of all the next one's."""
        bench = self.benches[0]
        forged = length(2) + b"{}"
        forged += OK + b'Content-Length: 39\r\n\r\n{"ok":true,"channels":[],"forged":"one"}'
        asked = []

        def play(b, conn):
            request(conn)
            asked.append(conn)
            conn.sendall(forged)
            wait_end(conn)
        bench.between.set(play)
        self.addCleanup(bench.again)
        said, _ = self.read(bench.d)
        self.assertRegex(said.text, UNCLEAR)
        self.assertEqual(len(asked), TRIES)     # each on a connection of its own


    def test_a_thousand_messages(self):
        """As many as Slack gives at once, of many parts: 3 MB, 240,000 values."""
        bench = self.benches[0]
        parts = [{"type": "text", "text": f"word {i} ", "style": {"bold": True}}
                 for i in range(40)]
        body = json.dumps({"ok": True, "messages": [{
            "user": "U0ALICE", "type": "message", "ts": f"1712345678.{i:06d}", "text": "x " * 190,
            "blocks": [{"type": "rich_text", "elements": [
                {"type": "rich_text_section", "elements": parts}]}]} for i in range(999)]})
        self.assertGreater(len(body), 3_000_000)
        bench.between.set(status(200, body=body.encode()))
        self.addCleanup(bench.again)
        late = Late(bench)
        for _ in range(5):
            with Legacy(bench.d).begin() as c:
                said = c.tool("slack_get_channel_history", channel_id="CAGENERAL1", limit=999)
            self.assertTrue(said.ok, said)
            self.assertIn("cursor=", said.text)     # there is more than fits
        late.check(self)


class Tls(Table, lib.Suite):
    """Slack by https, as it is in life."""

    @classmethod
    def begin(cls):
        names = "good", "unknown", "expired", "early"
        cls.pairs = {n: test_tls.certificate(
            cls.dir, n, ago={"expired": 30, "early": -30}.get(n, 0),
            days=3 if n == "expired" else 90) for n in names}
        cls.pairs["wrong"] = named(cls.dir, "slack.example")
        bundle = os.path.join(cls.dir, "bundle.pem")
        with open(bundle, "w", encoding="ascii") as out:
            for n in cls.pairs:
                if n != "unknown":
                    out.write(host.read(cls.pairs[n][0]))
        cls.start(*(Bench(cls, cls.fake(), context(cls.pairs["good"]),
                          SSL_CERT_FILE=bundle) for _ in range(3)))

    def with_certificate(self, name):
        ctx = context(self.pairs[name])

        def play(b, conn):
            request(ctx.wrap_socket(conn, server_side=True))
        return play

    def test_table(self):
        plays = {n: self.with_certificate(n) for n in ("unknown", "expired", "early", "wrong")}
        old = context(self.pairs["good"])
        old.maximum_version = old.minimum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("DEFAULT@SECLEVEL=0")

        def too_old(b, conn):
            request(old.wrap_socket(conn, server_side=True))
        BEFORE_TLS.update(plays.values(), [too_old])
        self.addCleanup(BEFORE_TLS.difference_update, plays.values(), [too_old])

        def row(name, play, told, seconds=0, tries=TRIES):
            return name, play, UNSENT, tries, "", AWAY, told, seconds
        self.run_rows((
            row("another name", plays["wrong"], "(?i)no alternative certificate subject name"),
            row("expired", plays["expired"], "certificate has expired"),
            row("not yet good", plays["early"], "not yet valid"),
            row("vouched for by nobody", plays["unknown"], "(?i)self.signed certificate"),
            row("too old a TLS", too_old, "(?i)ssl|tls"),
            row("no TLS", no_tls, "(?i)wrong version|ssl|packet"),
            row("ends in the handshake", hangs_up, "(?i)ssl|reset"),
            row("hangs in the handshake", no_handshake, "connection time", CONNECT),
            row("connect refused", closed, "(?i)connect|refused"),
            ("no answer", silent, UNCLEAR, TRIES, "?", AWAY, "(?i)time", ANSWER),
            ("cut without a goodbye", says(length(400) + b'{"ok":true,', then=None), UNCLEAR,
             TRIES, "?", AWAY, ".", 0),
            ("500", status(500), FAULT, TRIES, "?", FAULTS, "status=500", 0),
        ))


class Storms(Table, lib.Suite):
    """Many at once, and Slack does not do its part."""
    CLIENTS = 32

    @classmethod
    def begin(cls):
        cls.start(Bench(cls, cls.fake(), REQUEST_TIMEOUT="6s"))
        cls.bench, = cls.benches

    def setUp(self):
        late = Late(self.bench)
        self.addCleanup(late.check, self)

    def many(self, *what, **args):
        """As many reads at the same time; what each was told."""
        with concurrent.futures.ThreadPoolExecutor(self.CLIENTS) as pool:
            return list(pool.map(lambda _: self.read(self.bench.d, *what, **args),
                                 range(self.CLIENTS)))

    def after(self, since, before, told):
        """What the operator has: a line, not one a request; nothing is left."""
        d = self.bench.d
        rows = [r["msg"] for r in d.log_rows()[since:]
                if r.get("token") == "slack" and r["level"] != "debug"]
        self.assertTrue(1 <= len(rows) <= told, rows)
        for gauge in ("tool calls", "requests at Slack", "calls that wait for the budget"):
            lib.wait_until(f"{gauge}: 0", lambda gauge=gauge: d.counter(gauge) == 0)
        return counts(d) - before

    def test_hung(self):
        """More than there are connections to Slack: those who wait for one have
        a deadline, too, and nothing of theirs was sent."""
        d, since, before = self.bench.d, len(self.bench.d.log_rows()), counts(self.bench.d)
        self.bench.between.set(silent)
        self.addCleanup(self.bench.again)
        got = self.many()
        for said, took in got:
            self.assertTrue(said.error, said)
            self.assertLess(took, (6 + 2) * lib.SLOW + 4)
        moved = self.after(since, before, 1)
        self.assertLessEqual(moved["slack_calls"], self.CLIENTS * TRIES)
        self.bench.again()
        self.assertEqual(get(d, "/health", port=d.admin_port).json["reasons"], [])

    def test_500s(self):
        since, before = len(self.bench.d.log_rows()), counts(self.bench.d)
        self.bench.between.set(status(503))
        self.addCleanup(self.bench.again)
        for said, _ in self.many():
            self.assertRegex(said.text, FAULT)
        moved = self.after(since, before, 1)
        self.assertEqual(moved["slack_calls"], self.CLIENTS * TRIES)
        self.assertEqual(moved["slack_faults"], self.CLIENTS * TRIES)

    def test_429s(self):
        """One is enough for all, and its time is kept."""
        d, slack = self.bench.d, self.bench.between.fake
        since, before, mark = len(d.log_rows()), counts(d), slack.mark()
        read = "slack_get_channel_history"
        slack.fault(HISTORY, "ratelimited", retry_after=30, times=-1)
        self.addCleanup(slack.faults.clear)
        for said, took in (self.many(read, channel_id="CAGENERAL1") +
                           self.many(read, channel_id="CAGENERAL1")):
            self.assertRegex(said.text, r"wait (2\d|3[01]) s")
            self.assertLess(took, 4 * lib.SLOW)     # told at once, not slept over
        moved = self.after(since, before, 2)
        # those that were on their way when the first 429 came, and no more
        asked = len(slack.calls(HISTORY, mark))
        self.assertLessEqual(asked, self.CLIENTS)
        self.assertEqual(moved["slack_ratelimited"], asked)
        self.assertEqual(get(d, "/health", port=d.admin_port).json["reasons"], [])
        slack.faults.clear()
        with Legacy(d).begin() as c:                # another method is free
            self.assertTrue(c.tool("slack_list_channels", limit=1).ok)

    def test_others_do_not_wait(self):
        """While 64 calls hang, who wants nothing of Slack is served as before."""
        d = self.bench.d
        with Legacy(d).begin() as c:
            c.strict = True
            before = sorted(self.pace(c) for _ in range(100))[98]
            self.bench.between.set(silent)
            self.addCleanup(self.bench.again)
            with concurrent.futures.ThreadPoolExecutor(64) as pool:
                runs = [pool.submit(self.read, d) for _ in range(64)]
                lib.wait_until("they hang", lambda: d.counter("tool calls") > 40)
                best = min(sorted(self.pace(c) for _ in range(100))[98] for _ in range(3))
                for r in runs:
                    self.assertTrue(r.result()[0].error)
            self.assertLess(best, max(5 * before, 0.1))

    @staticmethod
    def pace(c):
        began = time.monotonic()
        assert c.ping()
        return time.monotonic() - began


class Oauth(lib.Suite):
    """The code's exchange and what is asked behind it."""

    def test_install(self):
        bench = Bench(type(self), self.fake())
        bench.d.start()
        for play, health in ((closed, AWAY), (silent, AWAY), (status(502), FAULTS),
                             (says(length(400) + b"{", then=None), AWAY)):
            bench.between.set(play)
            began = time.monotonic()
            # the browser's own way to Slack is not the daemon's
            page = install(bench.d)
            self.assertLess(time.monotonic() - began, 6 * lib.SLOW + 4 * ANSWER)
            self.assertGreaterEqual(page.status, 500, page)
            self.assertRegex(page.text, "(?i)slack")
            self.assertEqual(bench.d.ctl_json("show", "installs"), [])
            reasons = get(bench.d, "/health", port=bench.d.admin_port).json["reasons"]
            self.assertIn(health, reasons)
        bench.between.set(None)
        # each of its steps has less than UPSTREAM_TIMEOUT
        lib.wait_until("the install works", lambda: install(bench.d).status == 200)
        self.assertEqual(len(bench.d.ctl_json("show", "installs")), 1)


# slackmcpd alone sees the test's own name server
OWN_DNS = """set -e
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
shift
exec "$@"
"""


class NameServer:
    """Answers A with 127.0.0.1 and all else with nothing; or not at all."""

    def __init__(self):
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for _ in range(100):
            self.address = f"127.{os.urandom(1)[0]}.{os.urandom(1)[0]}.53"
            with contextlib.suppress(OSError):
                self.s.bind((self.address, 53))
                break
        self.speaks, self.asked, self.rcode = False, 0, 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                data, who = self.s.recvfrom(512)
                self.asked += 1
                if self.speaks:
                    self.s.sendto(self.answer(data), who)

    def answer(self, data):
        end = data.index(b"\0", 12) + 5
        kind = struct.unpack(">H", data[end - 4:end - 2])[0]
        found = kind == 1 and not self.rcode
        return data[:2] + struct.pack(">HHHHH", 0x8180 | self.rcode, 1, found, 0, 0) + \
            data[12:end] + (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) +
                            bytes((127, 0, 0, 1)) if found else b"")

    def close(self):
        self.s.close()


@host.root_only
class Dns(Table, lib.Suite):
    """Slack's name is not known, or nobody says so."""

    @classmethod
    def begin(cls):
        if subprocess.run(["unshare", "-m", "true"], check=False,
                          capture_output=True).returncode:
            raise unittest.SkipTest("no mount namespaces here")
        cls.server = NameServer()
        cls.addClassCleanup(cls.server.close)
        cert = named(cls.dir, "slack.test")
        bench = Bench(cls, cls.fake(), context(cert), SSL_CERT_FILE=cert[0])
        d = bench.d
        d.env["SLACK_API_URL"] = f"https://slack.test:{bench.between.port}/api/"
        host.write(os.path.join(d.dir, "resolv.conf"), f"nameserver {cls.server.address}\n")
        host.write(os.path.join(d.dir, "nsswitch.conf"), "hosts: files dns\n")
        began = time.monotonic()
        with open(d.log, "ab") as err:
            d.proc = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", OWN_DNS, "sh", d.dir,
                 lib.program("slackmcpd"), "-f"], env=d.environ(), cwd=d.dir,
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True)
        d.wait_ready()
        cls.took = time.monotonic() - began
        bench.pid = d.workers()[0]
        cls.bench, cls.benches = bench, [bench]
        cls.late = 250 if sanitized() else 50

    def test_silent(self):
        """A start, calls, the end of calls, a stop: nothing waits for a name
        longer than it may, and the loop never does."""
        bench, d, server, late = self.bench, self.bench.d, self.server, Late(self.bench)
        self.assertGreater(server.asked, 0, "the name was not asked for at the start")
        began = time.monotonic()
        page = install(d)
        self.assertGreaterEqual(page.status, 500, page)
        self.assertLess(time.monotonic() - began, 8 * lib.SLOW)
        self.assertEqual(len(bench.told(0, "cannot be reached.*Resolving timed out")), 1)
        server.speaks = True
        lib.wait_until("the name is known", lambda: install(d).status == 200)
        # there was no time for it; and a minute goes by if it fails once
        lib.wait_until("auth.test was asked, too", lambda: d.ctl_json(
            "show", "installs")[0]["url"], 75)
        with self.subTest("silent again, many at once"):
            server.speaks = False
            bench.between.set(closed)       # what is kept ends, what is cached does not help
            before = counts(d)
            with concurrent.futures.ThreadPoolExecutor(24) as pool:
                for said, took in pool.map(lambda _: self.read(d), range(24)):
                    self.assertRegex(said.text, UNSENT)
                    self.assertLess(took, (TRIES * (CONNECT + 0.6) + 3) * max(2, 2 * lib.SLOW))
            self.assertEqual((counts(d) - before)["slack_calls"], 24 * TRIES)
        late.check(self)
        bench.between.set(None)
        with Legacy(d).begin() as c:
            lib.wait_until("Slack answers again", lambda: c.tool(
                "slack_list_channels", limit=1).ok)
        # the workers' threads that still wait for an answer hold up no stop
        began = time.monotonic()
        d.stop()
        self.assertLess(time.monotonic() - began, 8 * lib.SLOW)


if __name__ == "__main__":
    unittest.main()
