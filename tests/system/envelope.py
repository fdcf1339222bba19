# SPDX-License-Identifier: ISC
"""Messages of both eras of which one thing at a time is made wrong, and what the
protocol wants of the answer."""
import base64
import itertools
import json

import lib
import mcpclient
import strict
from mcpclient import META, MODERN, Answer

TEAM = "T0ACME0001"
CHANNEL = "CAGENERAL1"
HUGE = 1 << 20
ANY = object()          # of an id: whatever it is; of a member: left out

# What came back, in short: HTTP status and JSON-RPC code (None: a result).
FINE, DONE = (200, None), (202, None)
PARSE, INVALID = (400, -32700), (400, -32600)
PARAMS, METHOD, METHOD_M = (200, -32602), (200, -32601), (404, -32601)
NO_META, HEADER, VERSION = (400, -32602), (400, -32020), (400, -32022)
GONE = (404, -32001)


class Wire:
    """One connection that must not be lost; headers as pairs, so that one may
    stand there twice."""

    def __init__(self, suite):
        self.suite, self.conn, self.lost = suite, None, 0

    def close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def send(self, body, heads, method="POST"):
        """heads: name -> value, or a list of values, or None: not sent."""
        if self.conn is None:
            self.conn = mcpclient.connection(self.suite.d, timeout=60 * lib.SLOW)
        c = self.conn
        c.putrequest(method, "/mcp", skip_accept_encoding=True)
        for name, values in {
                "Authorization": f"Bearer {self.suite.key}",
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                "Content-Length": str(len(body)), **heads}.items():
            for value in values if isinstance(values, list) else [values]:
                if value is not None:
                    c.putheader(name, value)
        c.endheaders(body)
        r = c.getresponse()
        a = Answer(r.status, r.getheaders(), r.read())
        mcpclient.keep(self.suite.d, a)
        if (a.header("Connection") or "").lower() == "close":
            self.lost += 1
            self.close()
        return a


class Era:
    """How a sound message of that era looks, so that one thing at a time can be
    made wrong."""

    def __init__(self, suite):
        self.suite, self.wire = suite, Wire(suite)
        self.ids = itertools.count(1000)

    def text(self, method="tools/list", more=(), **changes):
        """The bytes of a sound message with more params, or other members."""
        m = {"jsonrpc": "2.0", "id": next(self.ids), "method": method,
             "params": self.params(more), **changes}
        return json.dumps({k: v for k, v in m.items() if v is not ANY}).encode()

    def plain(self):
        """A normal request, as it comes after each abuse."""
        return self.wire.send(self.text(), self.heads("tools/list"))


class Old(Era):
    name = "legacy"

    def __init__(self, suite, version="2025-11-25"):
        super().__init__(suite)
        self.version = version
        a = self.wire.send(json.dumps({
            "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
                "protocolVersion": version, "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"}}}).encode(), {})
        assert a.status == 200, a
        self.session = a.header("Mcp-Session-Id")

    def params(self, more=()):
        return dict(more)

    def heads(self, method="", params=(), **more):
        return {"Mcp-Session-Id": self.session,
                "MCP-Protocol-Version": self.version, **more}


class New(Era):
    name = "modern"

    @staticmethod
    def meta(**changes):
        m = {"protocolVersion": MODERN, "clientCapabilities": {}, **changes}
        return {META + k: v for k, v in m.items() if v is not ANY}

    def params(self, more=()):
        return {"_meta": self.meta(), **dict(more)}

    def heads(self, method="", params=(), **more):
        h = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        params = dict(params)
        if method == "tools/call" and isinstance(params.get("name"), str):
            h["Mcp-Name"] = self.coded(params["name"])
            args = params.get("arguments")
            team = args.get("team_id") if isinstance(args, dict) else None
            if isinstance(team, bool):
                h["Mcp-Param-Slack-Team"] = "true" if team else "false"
            elif isinstance(team, (int, str)):
                h["Mcp-Param-Slack-Team"] = self.coded(str(team))
        return {**h, **more}

    @staticmethod
    def coded(text):
        """As a header may say it; what is too long for one is left out."""
        if len(text) > 8000:
            return None
        if text.isascii() and text.isprintable() and text == text.strip():
            return text
        return "=?base64?" + base64.b64encode(text.encode()).decode() + "?="


class Envelopes(lib.Suite):
    abuses = 0

    ENV = {}

    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env={"MAX_BODY": "2m", **cls.ENV}).start()
        cls.key = cls.d.key
        mcpclient.install(cls.d, TEAM)
        cls.key = cls.d.key_add("abuser", "--workspaces", TEAM, "--role", "write")
        cls.eras = [Old(cls), New(cls)]

    @classmethod
    def tearDownClass(cls):
        for era in cls.eras:
            era.wire.close()
        if cls.abuses:
            print(f"note: {cls.__name__.lower()}: {cls.abuses} abuses")
        super().tearDownClass()

    def judge(self, a, want, rid=ANY):
        """a is what the protocol wants, in strict JSON; rid is the raw text of
        the id that comes back, None for none."""
        status, code = want
        self.assertEqual(a.status, status, a)
        if status == 202:
            self.assertEqual((a.body, a.header("Content-Length"),
                              a.header("Content-Type")), (b"", "0", None), a)
            return None
        self.assertEqual(a.header("Content-Type"), "application/json", a)
        self.assertEqual(int(a.header("Content-Length")), len(a.body), a)
        self.assertTrue(strict.is_strict(a.body), a)
        m = strict.loads(a.body)
        if status in (413, 415):
            self.assertEqual(set(m), {"error", "message", "request_id"}, a)
            return m
        self.judge_message(m, code)
        if rid is not ANY:
            self.judge_id(a, m, rid)
        return m

    def judge_message(self, m, code):
        self.assertEqual(m.get("jsonrpc"), "2.0", m)
        self.assertEqual(set(m) - {"id"}, {
            "jsonrpc", "result" if code is None else "error"}, m)
        if code is None:
            self.assertIsInstance(m["result"], dict, m)
            return
        e = m["error"]
        self.assertEqual(e["code"], code, m)
        self.assertTrue(isinstance(e["message"], str) and e["message"], m)
        self.assertTrue(e["data"]["request_id"], m)
        self.assertLess(len(e["message"]), 500, m)

    def judge_id(self, a, m, rid):
        if rid is None:
            self.assertNotIn("id", m, a)
            return
        self.assertIn(f'"id":{rid},'.encode(), a.body, a)
        value = strict.loads(rid.encode())
        self.assertEqual((m["id"], type(m["id"])), (value, type(value)))

    def abuse(self, era, body, want, rid=ANY, heads=None, method="POST"):
        """One abuse, judged, and then a normal request on that connection."""
        type(self).abuses += 1
        wire = era.wire
        lost = wire.lost
        if heads is None:
            heads = era.heads("tools/list")
        a = wire.send(body, heads, method)
        m = self.judge(a, want, rid)
        if a.status != 413:             # there the body was not read
            self.assertEqual(wire.lost, lost, f"the connection was closed: {a}")
        b = era.plain()
        self.judge(b, FINE)
        self.assertEqual(len(b.json["result"]["tools"]), 12)
        return m

    def rows(self, rows):
        """Each row in both eras; its last member is what is wanted: one for both,
        or a pair.  The body of the loop stands within self.row()."""
        for row in rows:
            for n, era in enumerate(self.eras[:2]):
                *what, want = row
                if isinstance(want[0], tuple):
                    want = want[n]
                self.at = {"era": era.name, "row": repr(what)[:120]}
                yield era, what, want

    def row(self):
        return self.subTest(**self.at)
