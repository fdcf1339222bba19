# SPDX-License-Identifier: ISC
"""Every cap of the daemon reached: whoever is beyond it is told so in words, its
counter moves, nobody else is touched, and what was given back can be used again.

CAPS is the table of them.  What stands in the sources and not here fails."""
import contextlib
import glob
import hashlib
import json
import os
import re
import select
import socket
import sqlite3
import unittest

import lib
import mcpclient
from mcpclient import Legacy, ask, get, raw

TOP = os.path.join(lib.HERE, "..", "..")
# cap: an option, or a name of the sources.  Who is beyond it is answered like this,
# this counter moves ("": the asker is the operator), and this test shows it, here, in
# another suite or in tests/unit.
CAPS = (
    # of connections and bytes
    ("MAX_CONNECTIONS", "waits until one ends", "connections_limit",
     "test_connections"),
    ("ADMIN_CONNECTIONS", "waits until one ends", "connections_limit",
     "test_connections"),
    ("FDS_SPARE", "no start, 78", "", "test_too_few_descriptors"),
    ("MAX_HEADER", "431", "http_errors", "test_sizes"),
    ("HTTP_FIELDS_MAX", "431", "http_errors", "test_sizes"),
    ("HTTP1_LINE_MAX", "414", "http_errors", "test_sizes"),
    ("MAX_BODY", "413", "http_errors", "test_sizes"),
    ("HTTP1_EXTENSIONS_MAX", "400", "http_errors", "test_sizes"),
    ("HTTP1_TRAILERS_MAX", "431", "http_errors", "test_sizes"),
    ("HTTP1_SKIP_MAX", "the connection ends", "", "whole_and_split"),
    ("MAX_BODY_PER_KEY", "429", "body_limit", "test_bodies_of_a_key"),
    ("PROXY_LONGEST", "400", "proxy_refused", "test_refused"),
    ("V1_LONGEST", "400", "proxy_refused", "test_refused"),
    ("HOPS_MAX", "the rest is not believed", "", "many_hops"),
    # of keys, sessions, rates
    ("WAITS_MAX", "503", "key_waits_limit", "too_many_wait"),
    ("KEYS_MAX", "the command says so", "", "test_most"),
    ("OWNERS", "more than KEYS_MAX", "", "test_most"),
    ("MAX_SESSIONS", "503", "sessions_full", "test_table_full"),
    ("MAX_SESSIONS_PER_KEY", "its longest idle one goes", "sessions_evicted",
     "test_of_a_key"),
    ("BUCKETS", "two share a rate", "buckets_shared", "test_buckets_full"),
    # of messages and calls
    ("BATCH_MAX", "400 -32600", "rpc_errors", "test_messages"),
    ("RPC_ID_MAX", "400 -32600", "rpc_errors", "test_messages"),
    ("SCAN_DEPTH", "400 -32700", "rpc_errors", "test_messages"),
    ("SCAN_MEMBERS", "400 -32700", "rpc_errors", "test_messages"),
    ("NUMBER_LONGEST", "400 -32700", "rpc_errors", "test_messages"),
    ("MAX_CALLS", "isError", "calls_limit", "test_calls"),
    ("MAX_CALLS_PER_KEY", "isError", "calls_limit", "test_calls"),
    ("ROW_KEYS", "as MAX_CALLS_PER_KEY", "calls_limit",
     "test_board_keys_collide"),
    ("CALL_BYTES", "a cursor to go on", "", "test_pages"),
    ("VARIANTS", "rendered anew", "", "lists_are_kept"),
    ("REPLY_MAX", "isError", "slack_errors", "too_large"),
    ("JS_DEPTH", "isError", "slack_errors", "depth"),
    ("JS_VALUES", "isError", "slack_errors", "too_many"),
    ("UNITS_MAX", "the store's words: 503, isError", "store_full", "there_is_a_cap"),
    # of installs
    ("STATE_MAX", "the page says so", "oauth_failed", "test_lengths"),
    ("COOKIE_MAX", "the page says so", "oauth_failed", "test_lengths"),
    ("CODE_MAX", "the page says so", "oauth_failed", "test_lengths"),
    ("FILE_SIZE_MAX", "put aside", "spool_aside", "test_spool"),
    # of the directory and of posts
    ("DIRECTORY_MAX", "partial, and says so", "", "test_more_than_are_kept"),
    ("PAGE_MAX", "the run ends early, and says so", "directory_failed",
     "test_cursor_too_long"),
    ("FIND_MAX", "more than one: ids to choose from", "", "test_two_of_a_name"),
    ("IDS_MAX", "no name yet, until it is met again", "",
     "test_more_strangers_than_are_looked_up_at_once"),
    ("PAGES_MAX", "unknown", "", "test_more_was_said_since_than_is_read"),
    ("FOUND_MAX", "unknown", "", "test_more_equal_ones_than_are_open"),
    ("MARKDOWN_MAX", "more messages, in one thread", "", "test_markdown"),
    # of the operator's side
    ("LOG_FILES_MAX", "is told with the last one", "", "more_than_are_opened"),
    ("CLIENTS_MAX", "error: …", "control_refused", "test_askers"),
    ("COMMAND_LINE", "error: …", "control_refused", "test_lines"),
    ("COMMAND_ARGS", "error: …", "", "test_lines"),
    ("ANSWER_MAX", "error: …", "channel_dropped", "test_long_answer"),
    ("CHANNEL_BACKLOG", "error: …", "channel_dropped", "test_long_answer"),
    ("LINE_BOUND", "cut, and marked", "", "bounded"),
    ("GENERATIONS_MAX", "waits, and says so", "",
     "test_a_hup_while_three_generations_live"),
    ("OPTIONS_MAX", "no start, 64", "", "test_configuration"),
    ("FILE_LONGEST", "no start, 78", "", "test_configuration"),
    ("CONF_SECRET_MAX", "no start, 78", "", "test_configuration"),
    ("KEYRING_MAX", "no start, 78", "", "test_configuration"),
    ("NODE_NAME_MAX", "no start, 78", "", "test_configuration"),
    ("WORKERS_MAX", "no start, 78", "", "test_configuration"),
    ("SLOTS_MAX", "no start, 78", "", "test_configuration"),
    ("PORT_MAX", "no start, 78", "", "test_configuration"),
)
# Lengths of values, texts cut for display, sizes of our own tables, statements, pages
# and caches, pauses: not something that somebody could use up.
NO_CAPS = """
    ABOUT_MAX ATTACHMENT_MAX CHOICES_MAX COLUMNS_MAX CONTROL_MAX
    DIRECTORY_GET_MAX DIRECTORY_PUT_MAX ENDED_MAX ENTITY_MAX EXPIRES_MAX
    FIND_LIMIT HANDLE_MAX ID_MAX INDENT_MAX KEY_FILE_MAX KEY_MAX LIMIT
    LIST_MAX LIST_MAX_LEN MIGRATIONS_MAX NAME_MAX_LEN NOISE_MAX OUTPUT_MAX
    PARAMS_MAX PARTS_MAX PAUSE_MAX PLACES_MAX PREPARE_MAX_MS REDIAL_MAX ROUNDS_MAX
    ROWS_MAX ROW_MAX SCOPES_MAX SECONDS_MAX SHORT_MAX SLACKS_MAX STAMP_MAX
    STEPS_MAX TABLES_MAX TEAM_MAX TEXT_MAX TOKEN_MAX TRIES_MAX URL_MAX_LEN WAIT_MAX_S
    WORDS_MAX""".split()
WORDS = ("MAX|LIMIT|BACKLOG|VARIANTS|BOUND|MEMBERS|SPARE|BUCKETS|OWNERS|"
         "CALL_BYTES|COMMAND_ARGS|COMMAND_LINE|CONNECTIONS")


def source(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


@contextlib.contextmanager
def moves(daemon, name, by=1):
    """The counter moves by at least so much meanwhile."""
    before = daemon.counter(name)
    yield
    lib.wait_until(f"{name} has moved by {by}",
                   lambda: daemon.counter(name) >= before + by)


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


class Table(unittest.TestCase):
    def test_all_caps_are_here(self):
        names = set()
        for path in glob.glob(TOP + "/src/**/*.[ch]", recursive=True):
            names.update(re.findall(
                rf"#define\s+(\w*(?:{WORDS})\w*)\s+\(?[0-9]", source(path)))
        names.update(re.findall(r'{ "(MAX_\w+|\w+_MAX)"',
                                source(TOP + "/src/base/conf.c")))
        self.assertGreater(len(names), 50)
        for name in sorted(names - {c[0] for c in CAPS} - set(NO_CAPS)):
            with self.subTest(name):
                self.fail("is a new cap: reach it in a test, and say so in CAPS")
        gone = set(NO_CAPS) - names
        self.assertEqual(gone, set(), "the sources do not have them")

    def test_all_tests_are_there(self):
        counters = set(re.findall(r'COUNTER\(\w+,\s+"(\w+)"',
                                  source(TOP + "/src/base/counters.def")))
        tests = set()
        for pattern, word in (("system/test_*.py", r"def (test_\w+)\("),
                              ("unit/test_*.c", r"START_TEST\((\w+)\)")):
            for path in glob.glob(f"{TOP}/tests/{pattern}"):
                tests.update(re.findall(word, source(path)))
        for cap, answer, counter, test in CAPS:
            with self.subTest(cap):
                self.assertTrue(answer)
                self.assertIn(counter, counters | {""})
                self.assertIn(test, tests)


class Http(lib.Suite):
    @classmethod
    def begin(cls):
        cls.d = cls.daemon(cls.fake(), workers=1, env={
            "MAX_CONNECTIONS": "20", "MAX_BODY": "64k", "MAX_BODY_PER_KEY": "128k",
            "HEADER_TIMEOUT": "120", "IDLE_TIMEOUT": "120", "BODY_TIMEOUT": "120",
            "REQUEST_TIMEOUT": "180"}).start()
        cls.other = cls.d.key_add("other")

    def post(self, key, *more):
        return (f"POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
                "Content-Type: application/json\r\n" +
                "".join(line + "\r\n" for line in more) + "\r\n").encode()

    def test_sizes(self):
        head = b"GET / HTTP/1.1\r\nHost: x\r\n"
        chunked = self.post(self.d.key, "Transfer-Encoding: chunked")
        rows = (
            (head + b"X: " + b"y" * 40000, 431),
            (head + b"X: y\r\n" * 100 + b"\r\n", 431),
            (b"GET /" + b"y" * 9000, 414),
            (self.post(self.d.key, "Content-Length: 65537"), 413),
            (chunked + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 5, 413),
            (chunked + b"1;" + b"x" * 5000, 400),
            (chunked + b"1\r\nx\r\n0\r\n" + b"X: " + b"y" * 9000, 431),
        )
        for data, status in rows:
            with self.subTest(data[:40] + b"..." + data[-20:]), \
                    moves(self.d, "http_errors"):
                out = raw(self.d, data)
                self.assertEqual(status_of(out), status, out[:200])
                body = json.loads(out.partition(b"\r\n\r\n")[2])
                self.assertEqual(set(body), {"error", "message", "request_id"})
        # just within: nothing of it is an error of HTTP
        for data in (head + b"X: y\r\n" * 98 + b"Connection: close\r\n\r\n",
                     head + b"X: " + b"y" * 30000 + b"\r\nConnection: close\r\n\r\n",
                     b"GET /" + b"y" * 8000 + b" HTTP/1.1\r\nHost: x\r\n"
                     b"Connection: close\r\n\r\n"):
            self.assertIn(status_of(raw(self.d, data)), (200, 404))

    def test_bodies_of_a_key(self):
        """Two halves of 64k are on their way: for this key that is all."""
        held = []
        try:
            for _ in range(2):
                s = socket.create_connection(("127.0.0.1", self.d.port), 20)
                held.append(s)
                s.sendall(self.post(self.d.key, "Content-Length: 65536") + b"{")
            lib.wait_until("both are in work", lambda: self.d.counter("requests in work") >= 2)
            with moves(self.d, "body_limit"):
                a = Legacy(self.d).initialize()
            self.assertEqual(a.status, 429, a)
            self.assertEqual(a.header("Retry-After"), "1")
            self.assertIn("bytes of this key", a.json["message"])
            self.assertIn("MAX_BODY_PER_KEY", self.d.logs())
            self.assertEqual(Legacy(self.d, self.other).initialize().status, 200)
            # what has no body is free
            self.assertEqual(ask(self.d, "DELETE", "/mcp", headers={
                "Authorization": f"Bearer {self.d.key}",
                "Mcp-Session-Id": "none"}).status, 404)
        finally:
            for s in held:
                s.close()
        lib.wait_until("it may again", lambda: Legacy(
            self.d).initialize().status == 200)

    def full(self, port, cap, option):
        """cap connections are held; the next one waits until one ends."""
        held = []
        try:
            with moves(self.d, "connections_limit"):
                for _ in range(cap + 1):
                    held.append(socket.create_connection(("127.0.0.1", port), 20))
                late = held[-1]
                late.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(select.select([late], [], [], 0)[0], [])
            self.assertIn(f"as many as {option} allows", self.d.logs())
            held.pop(0).close()
            late.settimeout(20 * lib.SLOW)
            self.assertEqual(status_of(late.recv(100)), 200)
        finally:
            for s in held:
                s.close()
        lib.wait_until("it serves on", lambda: get(
            self.d, "/health", port=port, fail=False, timeout=5).status == 200)

    def test_connections(self):
        self.full(self.d.port, 20, "MAX_CONNECTIONS")
        self.full(self.d.admin_port, 64, "ADMIN_PORT")


class Sessions(lib.Suite):
    @classmethod
    def begin(cls):
        cls.d = cls.daemon(cls.fake(), env={
            "MAX_SESSIONS": "64", "MAX_SESSIONS_PER_KEY": "40"}).start()
        cls.a, cls.b = (cls.d.key_add(name) for name in "ab")

    def fill(self, key, n):
        with Legacy(self.d, key) as c:
            out = []
            for _ in range(n):
                a = c.initialize()
                self.assertEqual(a.status, 200, a)
                out.append(c.session)
        return out

    def alive(self, key, session):
        with Legacy(self.d, key) as c:
            c.session = session
            return c.request("ping").status

    def end_all(self, key, sessions):
        with Legacy(self.d, key) as c:
            for c.session in sessions:
                c.delete()

    def test_of_a_key(self):
        """Its own longest idle one goes, nobody else's."""
        theirs = self.fill(self.b, 1)
        mine = self.fill(self.a, 40)
        try:
            with moves(self.d, "sessions_evicted"):
                mine += self.fill(self.a, 1)
            self.assertEqual([self.alive(self.a, s) for s in mine],
                             [404] + [200] * 40)
            self.assertEqual(self.alive(self.b, theirs[0]), 200)
        finally:
            self.end_all(self.a, mine)
            self.end_all(self.b, theirs)

    def test_table_full(self):
        mine, theirs = self.fill(self.a, 40), self.fill(self.b, 24)
        try:
            with moves(self.d, "sessions_full"):
                a = Legacy(self.d, self.b).initialize()
            self.assertEqual(a.status, 503, a)
            self.assertEqual(a.header("Retry-After"), "1")
            self.assertIn("no room", a.json["error"]["message"])
            self.assertIn("raise MAX_SESSIONS", self.d.logs())
            self.assertEqual({self.alive(self.a, s) for s in mine}, {200})
            self.end_all(self.a, mine[:1])
            theirs += self.fill(self.b, 1)
        finally:
            self.end_all(self.a, mine)
            self.end_all(self.b, theirs)
        self.assertEqual(self.d.counter("sessions"), 0)

    def test_messages(self):
        """What one message may be."""
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        text = json.dumps(ping)
        rows = (
            (json.dumps([ping] * 64), 200, None),
            (json.dumps([ping] * 65), 400, -32600),
            (json.dumps({**ping, "id": "x" * 254}), 200, None),
            (json.dumps({**ping, "id": "x" * 255}), 400, -32600),
            (text[:-1] + ', "params": ' + "[" * 40 + "]" * 40 + "}", 400, -32700),
            (json.dumps({**ping, **{f"m{i}": 1 for i in range(256)}}), 400, -32700),
            (text[:-1] + f', "x": {"1" * 65}' + "}", 400, -32700),
        )
        with Legacy(self.d, self.a, "2025-03-26").begin() as c:
            for body, status, code in rows:
                with self.subTest(body[:60] + "..." + body[-20:]), \
                        moves(self.d, "rpc_errors", 0 if code is None else 1):
                    a = c.post(body, c.heads())
                    self.assertEqual(a.status, status, a)
                    if code is not None:
                        self.assertEqual(a.json["error"]["code"], code)
                        self.assertTrue(a.json["error"]["message"])
            c.delete()


class Calls(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env={
            "MAX_CALLS": "3", "MAX_CALLS_PER_KEY": "2",
            "UPSTREAM_TIMEOUT": "120", "REQUEST_TIMEOUT": "180"}).start()
        mcpclient.install(cls.d)
        cls.a, cls.b = (cls.d.key_add(name, "--workspaces", "*") for name in "ab")
        for key in (cls.a, cls.b):
            mcpclient.known(cls.d, "T0ACME0001", key)

    def hold(self, key):
        """A call that Slack does not answer; its connection."""
        mark = self.slack.mark()
        body = json.dumps({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "slack_list_channels", "arguments": {}, "_meta": {
                    mcpclient.META + "protocolVersion": mcpclient.MODERN,
                    mcpclient.META + "clientCapabilities": {}}}}).encode()
        s = socket.create_connection(("127.0.0.1", self.d.port), 20)
        self.addCleanup(s.close)
        s.sendall((f"POST /mcp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
                   "Content-Type: application/json\r\nMcp-Method: tools/call\r\n"
                   "Mcp-Name: slack_list_channels\r\n"
                   f"MCP-Protocol-Version: {mcpclient.MODERN}\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        self.assertTrue(self.slack.wait_calls("conversations.list", 1, mark, 20))
        return s

    def refused(self, key, words):
        with moves(self.d, "calls_limit"), Legacy(self.d, key).begin() as c:
            t = c.tool("slack_list_channels")
            self.assertEqual(t.answer.status, 200, t)
            self.assertTrue(t.error)
            self.assertIn(words, t.text)
            self.assertTrue(c.ping())       # nothing else is refused

    def test_calls(self):
        self.slack.fault("conversations.list", "hang", seconds=150, times=-1)
        self.addCleanup(self.slack.faults.clear)
        held = [self.hold(self.a), self.hold(self.a)]
        self.refused(self.a, "This key has 2 calls under way")
        self.assertIn("as many as MAX_CALLS_PER_KEY allows", self.d.logs())
        held.append(self.hold(self.b))      # not b's business
        self.refused(self.b, "as many calls as it can")
        self.slack.faults.clear()
        for s in held:                      # whoever leaves gives its place back
            s.close()
        lib.wait_until("no call is under way", lambda: self.d.counter("tool calls") == 0)
        for key in (self.a, self.b):
            with Legacy(self.d, key).begin() as c:
                t = c.tool("slack_list_channels")
                self.assertTrue(t.ok, t)


class Install(lib.Suite):
    def test_lengths(self):
        """A state, a cookie, a code that cannot be ours: told as forged ones are,
        and Slack is not asked."""
        slack = self.fake()
        d = self.daemon(slack).start()
        good = mcpclient.Browser(d)
        a = good.get(d.base + "/slack/install", follow=False)
        state = re.search(r"[?&]state=([^&]+)", a.header("Location")).group(1)
        name, = (n for _, _, n in good.jar)
        cookie = next(iter(good.jar.values()))
        for query, value in ((f"state={'x' * 600}&code=1", cookie),
                             (f"state={state}&code=1", "x" * 300),
                             (f"state={state}&code={'x' * 600}", cookie)):
            with self.subTest(query[:80]), moves(d, "oauth_failed"):
                a = get(d, f"/slack/oauth/callback?{query}", headers={
                    "Cookie": f"{name}={value}", "Accept": "text/html"})
                self.assertEqual(a.status, 400, a)
                self.assertIn("/slack/install", a.text)
        self.assertEqual(slack.calls("oauth.v2.access"), [])
        d.stop()


class Control(lib.Suite):
    @classmethod
    def begin(cls):
        cls.d = cls.daemon(cls.fake(), workers=1).start()

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20 * lib.SLOW)
        s.connect(self.d.socket)
        return s

    def read(self, s):
        out = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := s.recv(65536):
                out += chunk
        return out.decode()

    def test_askers(self):
        before = self.d.counter("control_refused")
        held, done = [], None
        try:
            # who says nothing is let go after ten seconds: a slow machine goes on
            while done is None or "too many" not in done.stderr:
                self.assertLess(len(held), 200)
                held.append(self.connect())
                if len(held) >= 32:
                    done = self.d.ctl("show", "info", check=False)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, "error: too many ask at one time; "
                             "try again\n")
            self.assertIn("an asker was refused: too many", self.d.logs())
            with self.connect() as s:       # as socat sees it
                self.assertTrue(self.read(s).startswith("error: too many"))
        finally:
            for s in held:
                s.close()
        lib.wait_until("others may ask", lambda: self.d.ctl(
            "show", "info", check=False).returncode == 0)
        self.assertGreaterEqual(self.d.counter("control_refused"), before + 2)

    def test_lines(self):
        def say(data, step):
            with self.connect() as s:
                with contextlib.suppress(BrokenPipeError):
                    for at in range(0, len(data), step):
                        s.sendall(data[at:at + step])
                return self.read(s)
        whole = b"show info" + b" " * 4086 + b"\n"
        self.assertEqual(len(whole), 4096)
        for step in (4096, 1000, 7):
            self.assertIn("version", say(whole, step), step)
            with moves(self.d, "control_refused"):
                self.assertEqual(say(b" " + whole, step),
                                 "error: the line is longer than 4096 bytes\n")
        self.assertRegex(say(b"key add" + b" x" * 40 + b"\n", 4096),
                         r"^error: more than \d+ words\n")


@unittest.skipIf(lib.VALGRIND, "ten thousand rows take it too long")
class Keys(lib.Suite):
    """As many keys as there may be, made in the store."""
    MOST = 10000

    @classmethod
    def begin(cls):
        cls.d = cls.daemon(cls.fake(), workers=1, env={"STORE_TIMEOUT": "60"})
        cls.path = os.path.join(cls.d.state_dir, "slackmcpd.db")
        cls.d.start()
        cls.d.stop()
        cls.sample = cls.secret("key", "sk_" + "s" * 43)
        cls.write(cls.rows())
        cls.d.start()

    @staticmethod
    def name(i):
        return f"name{i}" + "-of-one-of-ten-thousand-agents"

    @classmethod
    def rows(cls):
        for i in range(cls.MOST):
            text = cls.sample if i == 0 else f"no key {i}"
            yield (f"k_{i:016d}", cls.name(i), cls.name(i),
                   hashlib.sha256(text.encode()).digest(),
                   "T0ACME0001,T0BETA0001", "read", "core", "CAGENERAL1", "",
                   "120/60", "", 1700000000000, 0, "live", 0, i + 2)

    @classmethod
    def write(cls, rows):
        with contextlib.closing(sqlite3.connect(cls.path, 30 * lib.SLOW)) as db:
            with db:
                db.executemany(
                    "INSERT INTO api_keys (id, name, live_name, hash, workspaces, "
                    "role, toolsets, channels_read, channels_write, rate, "
                    "slack_user, made, expires, state, ended, changed) VALUES "
                    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
                db.execute("UPDATE changes SET n = ?", (cls.MOST + 2,))

    def test_most(self):
        done = self.d.ctl("key", "add", "one-more", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.MOST} keys are live", done.stderr)
        # all of them are listed and serve
        names = {row["name"] for row in self.d.ctl_json("key", "list")}
        self.assertEqual(len(names - {"env"}), self.MOST)
        with Legacy(self.d, self.sample) as c:
            lib.wait_until("the first of them is known",
                           lambda: c.initialize().status == 200, 30)
        self.d.ctl("key", "revoke", self.name(self.MOST - 1))
        self.d.key_add("one-more")

    def test_long_answer(self):
        """More than eight megabytes are not sent; that is said, not a silence."""
        with contextlib.closing(sqlite3.connect(self.path, 30 * lib.SLOW)) as db:
            with db:
                db.execute("UPDATE api_keys SET channels_read = ? WHERE name GLOB "
                           "'name[12]*'", (",".join(f"C{i:023d}" for i in range(160)),))
            try:
                with moves(self.d, "channel_dropped"):
                    done = self.d.ctl("key", "list", check=False, seconds=60)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r"error: an answer of \d{7,} bytes is "
                                 "too long")
            finally:
                with db:
                    db.execute("UPDATE api_keys SET channels_read = '' WHERE "
                               "name GLOB 'name[12]*' AND name != ?",
                               (self.name(11),))
        # one long list is no reason, and makes no other row longer
        lines = self.d.ctl("key", "list").stdout.splitlines()
        self.assertEqual([len(line) > 1000 for line in lines].count(True), 1)


class Start(lib.Suite):
    def test_configuration(self):
        d = self.daemon(self.fake())
        key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
        long_file, long_secret = (os.path.join(self.dir, n) for n in ("c", "s"))
        for path, size in ((long_file, (1 << 20) + 1), (long_secret, 65537)):
            with open(path, "w", encoding="ascii") as f:
                f.write("#" * size)
            os.chmod(path, 0o600)
        rows = (
            (["-o", "port=1"] * 65, {}, 64, "more than 64 times -o"),
            (["-c", long_file], {}, 78, "longer than 1048576 bytes"),
            ([], {"SLACK_SIGNING_SECRET_FILE": long_secret}, 78, "longer than 65536"),
            ([], {"TOKEN_KEYS": ",".join(f"k{i}:{key}" for i in range(9))}, 78,
             "more than 8 keys"),
            ([], {"NODE_NAME": "n" * 17}, 78, "1 to 16"),
            ([], {"WORKERS": "65"}, 78, "to 64"),
            ([], {"PORT": "65536"}, 78, "65535"),
            ([], {"MAX_CALLS": "1000001"}, 78, "1000000"),
        )
        env = dict(d.env)
        for args, more, status, words in rows:
            d.env = {**env, **more}
            with self.subTest(args[:2] or more.keys()):
                done = d.run("-t", *args)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(words, done.stderr)
        d.env = {**env, "TOKEN_KEYS": ",".join(f"k{i}:{key}" for i in range(8))}
        self.assertEqual(d.run("-t", *["-o", "host=::1"] * 64).returncode, 0)

    def test_spool(self):
        """A file that is longer than an install can be is put aside and told."""
        d = self.daemon(self.fake(), workers=1).start()
        d.stop()
        spool = os.path.join(d.state_dir, "spool")
        os.makedirs(spool, 0o700, exist_ok=True)
        st = os.stat(d.state_dir)
        path = os.path.join(spool, "install-00000000000001-x")
        with open(path, "w", encoding="ascii") as f:
            f.write("slackmcpd install 1\n" + "x" * 70000)
        for p in (spool, path):
            os.chown(p, st.st_uid, st.st_gid)
        d.start()
        self.assertTrue(os.path.exists(os.path.join(
            spool, "bad-install-00000000000001-x")))
        self.assertEqual(d.counter("spool_aside"), 1)
        self.assertIn("no whole answer", d.logs())
        d.stop()


if __name__ == "__main__":
    unittest.main()
