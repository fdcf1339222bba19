# SPDX-License-Identifier: ISC
"""What a client may do wrong around a message: JSON, JSON-RPC, MCP's envelope of
both eras.  Each abuse gets the status and the code that the protocol names, in an
answer that is itself strict JSON with the right id, and the connection serves the
next request as if nothing had been."""
import base64
import json
import random
import unittest

import lib
import mcpclient
import strict
from envelope import (ANY, CHANNEL, DONE, FINE, GONE, HEADER, HUGE, INVALID, METHOD,
                      METHOD_M, NO_META, PARAMS, PARSE, TEAM, VERSION, Envelopes, New,
                      Old)
from mcpclient import META, MODERN

# -- JSON ---------------------------------------------------------------------

# A value as it is written, and whether that is JSON; it stands as a parameter that
# nobody knows, and within an array and an object there.
VALUES = (
    (b"0", 1), (b"-0", 1), (b"-1", 1), (b"1.5", 1), (b"1e2", 1), (b"-1.5E+07", 1),
    (b"9223372036854775807", 1), (b"-9223372036854775808", 1),
    (b"9007199254740993", 1), (b"1e308", 1), (b"2.2250738585072014e-308", 1),
    (b"9223372036854775808", 0), (b"-9223372036854775809", 0),
    (b"18446744073709551616", 0), (b"1" * 400, 0), (b"1e999", 0), (b"-1e999", 0),
    (b"1e-999", 0), (b"5e-324", 0), (b"0." + b"1" * 18, 0),
    (b"01", 0), (b"-01", 0), (b"00", 0), (b"+1", 0), (b".5", 0), (b"1.", 0),
    (b"1.e1", 0), (b"1e", 0), (b"1e+", 0), (b"-", 0), (b"--1", 0), (b"0x10", 0),
    (b"1_000", 0), (b"1,000", 0), (b"NaN", 0), (b"-NaN", 0), (b"Infinity", 0),
    (b"-Infinity", 0), (b"1e1e1", 0), (b"\xd9\xa1", 0),
    (b"true", 1), (b"false", 1), (b"null", 1), (b"True", 0), (b"TRUE", 0),
    (b"tru", 0), (b"nil", 0), (b"undefined", 0), (b"None", 0), (b"nullnull", 0),
    (b'""', 1), (b'"a"', 1), (b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"', 1),
    (b'"\\ud83d\\ude00"', 1), (b'"\xf0\x9f\x98\x80\xe2\x80\xae"', 1),
    (b'"\x7f"', 1), (b'"\xe2\x80\xa8\xe2\x80\xa9"', 1), (b'"\xef\xbb\xbf"', 1),
    (b'"\xf4\x8f\xbf\xbf"', 1), (b'"\xef\xbf\xbf"', 1),
    (b"'a'", 0), (b"`a`", 0), (b"a", 0), (b'"a', 0), (b'a"', 0), (b'"a\\"', 0),
    (b'"\\x41"', 0), (b'"\\\'"', 0), (b'"\\a"', 0), (b'"\\0"', 0), (b'"\\U0041"', 0),
    (b'"\\u12"', 0), (b'"\\u12g4"', 0), (b'"\\u 123"', 0), (b'"\\', 0),
    (b'"\\u0000"', 0), (b'"\\ud800"', 0), (b'"\\udc00"', 0),
    (b'"\\ud800\\u0041"', 0), (b'"\\udc00\\ud800"', 0), (b'"\\ud83d\\ud83d"', 0),
    (b'"\\ud83dx\\ude00"', 0),
    (b'"\t"', 0), (b'"\n"', 0), (b'"\r\n"', 0), (b'"\x1b[31m"', 0), (b'"\x00"', 0),
    (b'"\x1f"', 0), (b"\x00", 0), (b"\x0b1", 0), (b"\x0c1", 0), (b"\xc2\xa01", 0),
    (b"\xe2\x80\x891", 0),
    (b'"\xff"', 0), (b'"\xfe\xff"', 0), (b'"\x80"', 0), (b'"\xc3"', 0),
    (b'"\xc0\x80"', 0), (b'"\xc0\xaf"', 0), (b'"\xc1\xbf"', 0),
    (b'"\xe0\x80\xaf"', 0), (b'"\xe0\x9f\xbf"', 0), (b'"\xed\xa0\x80"', 0),
    (b'"\xed\xa0\xbd\xed\xb8\x80"', 0), (b'"\xf0\x80\x80\xaf"', 0),
    (b'"\xf0\x9f\x98"', 0), (b'"\xf4\x90\x80\x80"', 0),
    (b'"\xf8\x88\x80\x80\x80"', 0), (b'"\xe9"', 0),
    (b"{}", 1), (b"[]", 1), (b"[[],{},[{}]]", 1), (b"[1,]", 0), (b"[,1]", 0),
    (b"[1,,2]", 0), (b"[1 2]", 0), (b"[1", 0), (b"]", 0), (b"[1}", 0),
    (b'{"a":1,}', 0), (b'{,"a":1}', 0), (b'{"a"}', 0), (b'{"a" 1}', 0),
    (b'{"a":}', 0), (b'{"a":1', 0), (b'{"a":1]', 0), (b"{1:2}", 0), (b"{a:1}", 0),
    (b"{'a':1}", 0), (b"{null:1}", 0), (b'{"a"::1}', 0), (b'{"a":1;"b":2}', 0),
    (b'{"a":1 "b":2}', 0), (b'{"\\ud800":1}', 0), (b'{"\xff":1}', 0),
    (b'{"\t":1}', 0),
    (b'{"a":1,"a":1}', 0), (b'{"a":1,"\\u0061":2}', 0), (b'{"":1,"":2}', 0),
    (b'{"\xc3\xa9":1,"\\u00e9":2}', 0), (b'{"a":{"a":1},"A":1}', 1),
    (b'{"b":[{"a":1},{"a":1}]}', 1),
    (b"//x\n1", 0), (b"/**/1", 0), (b"#x\n1", 0), (b"1/*x*/", 0), (b"<!--1-->", 0),
    (b"\xef\xbb\xbf1", 0), (b" \t\r\n1 \t\r\n", 1), (b"", 0),
    (b'"' + b"x" * HUGE + b'"', 1), (b'"' + b"\\u0041" * (HUGE // 6) + b'"', 1),
    (b'"' + "é".encode() * (HUGE // 2) + b'"', 1), (b'"' + b"x" * HUGE, 0),
    (b"[" + b"0," * 8000 + b"0]", 1), (b"[" + b"0," * 8192 + b"0]", 0),
    (b"[" + b"{}," * (HUGE // 4) + b"0]", 0), (b"[" + b"[]," * 8192 + b"0]", 0),
    (b"[" + b'"",' * 8000 + b'""]', 1), (b" " * HUGE + b"1", 1),
    (b"[" * 20 + b"]" * 20, 1), (b"[" * 40 + b"]" * 40, 0),
    (b"[" * 200000, 0), (b'{"a":' * 100000, 0), (b"[" * 100000 + b"]" * 100000, 0),
    (b'[{"a":' * 50000, 0),
    (b"{" + b",".join(b'"k%d":0' % i for i in range(256)) + b"}", 1),
    (b"{" + b",".join(b'"k%d":0' % i for i in range(257)) + b"}", 0),
    (b"{" + b",".join(b'"k%d":0' % i for i in range(50000)) + b"}", 0),
)

# What is done to the bytes of a sound message.
WHOLE = (
    ("nothing", lambda b: b"", PARSE),
    ("blanks", lambda b: b" \r\n\t ", PARSE),
    ("a NUL", lambda b: b"\0", PARSE),
    ("a BOM before", lambda b: b"\xef\xbb\xbf" + b, PARSE),
    ("UTF-16", lambda b: b.decode().encode("utf-16"), PARSE),
    ("UTF-16BE", lambda b: b.decode().encode("utf-16-be"), PARSE),
    ("UTF-32", lambda b: b.decode().encode("utf-32-le"), PARSE),
    ("UTF-7", lambda b: b.replace(b"{", b"+AHs-"), PARSE),
    ("blanks around", lambda b: b"\n \t" + b + b"\r\n", FINE),
    ("twice", lambda b: b + b, PARSE),
    ("twice, by lines", lambda b: b + b"\n" + b, PARSE),
    ("twice, by a comma", lambda b: b + b"," + b, PARSE),
    ("a NUL behind", lambda b: b + b"\0", PARSE),
    ("a brace behind", lambda b: b + b"}", PARSE),
    ("a semicolon behind", lambda b: b + b";", PARSE),
    ("a comment behind", lambda b: b + b"// that is all", PARSE),
    ("a comment before", lambda b: b"/* JSON */" + b, PARSE),
    ("a guard before", lambda b: b")]}',\n" + b, PARSE),
    ("cut by one", lambda b: b[:-1], PARSE),
    ("cut in the middle", lambda b: b[:len(b) // 2], PARSE),
    ("one byte", lambda b: b[:1], PARSE),
    ("single quotes", lambda b: b.replace(b'"', b"'"), PARSE),
    ("no quotes", lambda b: b.replace(b'"', b""), PARSE),
    ("typographic quotes", lambda b: b.replace(b'"', "“".encode()), PARSE),
    ("a trailing comma", lambda b: b[:-1] + b",}", PARSE),
    ("an SSE event", lambda b: b"data: " + b + b"\n\n", PARSE),
    ("a form", lambda b: b"message=" + b, PARSE),
    ("percent-encoded", lambda b: b.replace(b"{", b"%7B"), PARSE),
    ("base64", base64.b64encode, PARSE),
    ("as a string", lambda b: json.dumps(b.decode()).encode(), INVALID),
    ("null", lambda b: b"null", INVALID), ("true", lambda b: b"true", INVALID),
    ("7", lambda b: b"7", INVALID), ('""', lambda b: b'""', INVALID),
    ("{}", lambda b: b"{}", INVALID), ("[]", lambda b: b"[]", INVALID),
    ("in an array", lambda b: b"[" + b + b"]", INVALID),
    ("in two arrays", lambda b: b"[[" + b + b"]]", INVALID),
    ("an array of null", lambda b: b"[null]", INVALID),
    ("too long", lambda b: b[:-1] + b" " * (2 * HUGE) + b"}", (413, None)),
)


class Json(Envelopes):
    def test_oracle(self):
        """The judge agrees with the table, so neither is wrong alone."""
        for text, good in VALUES:
            self.assertEqual(strict.is_strict(text), bool(good), text[:80])

    def test_values(self):
        for era, (text,), want in self.rows((t, FINE if g else PARSE)
                                            for t, g in VALUES):
            whole = era.text(more={"x": "@@"}, id=7)
            for put in (text, b'[1,{"a":' + text + b"}]"):
                body = whole.replace(b'"@@"', put)
                with self.row():
                    # what is whole may be too deep there
                    good = want == FINE and strict.is_strict(body)
                    self.abuse(era, body, FINE if good else PARSE,
                               "7" if good else None)

    def test_whole(self):
        for era, (_, change), want in self.rows(WHOLE):
            with self.row():
                self.abuse(era, change(era.text(id=7)), want,
                           "7" if want == FINE else None)

    def test_mutants(self):
        """Bytes changed at random: what the strict parser refuses is -32700,
        what it takes is not."""
        seed = random.randrange(1 << 32)
        dice = random.Random(seed)
        words = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\\u", b"\xc3",
                 b"\xed\xa0\x80", b"0", b"-", b"e9", b"null", b"\0", b" ", b".5"]
        for n in range(20000 if lib.LONG else 400):
            era = self.eras[n % 2]
            b = bytearray(era.text(more={
                "x": ["é\U0001f600\n", 1.5e-7, -12, True, None, {"a": "\u00e9"}]}))
            for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
                at = dice.randrange(len(b))
                b[at:at + dice.choice((0, 0, 1, 1, 2, 5))] = dice.choice(
                    (dice.choice(words), bytes([dice.randrange(256)]), b"",
                     bytes(b[dice.randrange(len(b)):][:dice.randrange(8)])))
            with self.subTest(seed=seed, n=n, body=bytes(b)):
                a = era.wire.send(bytes(b), era.heads("tools/list"))
                good = strict.is_strict(bytes(b))
                self.assertIn(a.status, (200, 202, 400, 404), a)
                m = strict.loads(a.body) if a.body else {}
                code = m.get("error", {}).get("code")
                self.assertEqual(code == -32700, not good, a)
                if not good:
                    self.judge(a, PARSE, None)
        for era in self.eras:
            self.judge(era.plain(), FINE)


# -- JSON-RPC -----------------------------------------------------------------

IDS = tuple((t, FINE, t) for t in (
    "0", "-0", "1", "-1", "2147483648", "9007199254740993", "-9007199254740993",
    "9223372036854775807", "-9223372036854775808", '""', '" "', '"x"', '"0"', '"null"',
    '"listen:0"', '"\\u00e9\\n\\"\\\\\\/"', '"é日本\U0001f600"', '"\\ud83d\\ude00"',
    '"</script>"', '"\\u001b[31m"', '"\\u202e"', '"%s%n%d"', '"' + "x" * 254 + '"',
)) + tuple((t, INVALID, None) for t in (
    "null", "true", "false", "1.0", "1.5", "0.0", "-0.0", "1e2", "1E2", "1e-2", "[]",
    "[1]", "{}", '{"id":1}', '"' + "x" * 255 + '"', '"' + "x" * HUGE + '"',
    '"' + "\\n" * 128 + '"',
)) + tuple((t, PARSE, None) for t in (
    "9223372036854775808", "-9223372036854775809", "1" * 400, "1e999", "01", "+1", "NaN",
    "Infinity", "'1'", "0x1", "", '"\\ud800"', '"\\u0000"', '"\t"', '"\n"', '1,"id":2',
    '1,"\\u0069d":1',
))

NOT_STRINGS = (None, True, False, 0, 7, 1.5, [], ["tools/list"], {}, {"a": 1})

ENVELOPE = tuple(
    # what is changed of a sound message, what is wanted, whether the id comes back
    ({"jsonrpc": v}, INVALID, True) for v in (
        "1.0", "2", "2.00", " 2.0", "2.0 ", "", "3.0", 2, 2.0, None, True, ["2.0"],
        {"2.0": 1}, ANY, "x" * HUGE)
) + tuple(({"method": v}, INVALID, True) for v in (*NOT_STRINGS, ANY)) + tuple(
    ({"params": v}, INVALID, True)
    for v in (True, False, 0, 7, 1.5, "", "x", [], [1], [{}], ["_meta"])
) + (
    ({"result": {}}, INVALID, True), ({"error": {}}, INVALID, True),
    ({"result": None}, INVALID, True),
    ({"method": ANY, "result": {}, "error": {}}, INVALID, True),
    ({"method": ANY, "id": ANY, "result": {}}, INVALID, False),
    ({"method": ANY, "id": None, "result": {}}, INVALID, False),
    ({"x": 1, "X-Extra": [None], "": {}}, FINE, True),
    ({"Method": "ping", "ID": 8, "JSONRPC": "1.0"}, FINE, True),
)

RESULTS = (
    # a response that nobody waits for
    ({"result": {}}, DONE), ({"result": {"x": [1]}}, DONE),
    ({"error": {"code": -1, "message": "no"}}, DONE),
    ({"error": {"code": -1, "message": "no"}, "id": ANY}, DONE),
    ({"result": None}, INVALID), ({"result": 7}, INVALID), ({"result": []}, INVALID),
    ({"error": None}, INVALID), ({"error": "no"}, INVALID), ({"error": []}, INVALID),
    ({"error": {}}, INVALID), ({"error": {"code": "x", "message": "no"}}, INVALID),
    ({"error": {"code": 1.5, "message": "no"}}, INVALID),
    ({"error": {"code": 1}}, INVALID), ({"error": {"code": 1, "message": 7}}, INVALID),
    ({"result": {}, "error": {"code": -1, "message": "no"}}, INVALID),
    ({"result": {}, "id": 1.5}, INVALID), ({"result": {}, "id": True}, INVALID),
    ({}, INVALID),
)

METHODS = (
    # names that are none, and how one may be written
    "", " ", "tools", "tools/", "tools/list ", " tools/list", "TOOLS/LIST",
    "tools\\list", "tools/list\n", "tools/list/", "../tools/list", "rpc.discover",
    "initialized", "tools/call/x", "notifications/initialized", "__proto__", "%s%n",
    "'; DROP TABLE installs; --", "tööls/list", "\U0001f600", "\u202etools/list", "\x1b[2J",
    "x" * 2000,
)


class JsonRpc(Envelopes):
    def test_ids(self):
        for era, (text, back), want in self.rows((t, b, w) for t, w, b in IDS):
            with self.row():
                body = era.text(id="@@").replace(b'"@@"', text.encode())
                self.abuse(era, body, want, back)

    def test_envelope(self):
        for era, (change, back), want in self.rows((c, b, w) for c, w, b in ENVELOPE):
            with self.row():
                rid = 8 if back else None
                self.abuse(era, era.text(**{"id": 8, **change}), want,
                           None if rid is None else "8")

    def test_params_null(self):
        """null is as good as none: sound in the old era, no claim in the new."""
        for era, _, want in self.rows([[(FINE, NO_META)]]):
            with self.row():
                self.abuse(era, era.text(id=8).replace(
                    json.dumps(era.params()).encode(), b"null"), want, "8")
                self.abuse(era, era.text(id=8, params=ANY), want, "8")

    def test_responses(self):
        for era, (change,), want in self.rows(
                (c, (w, INVALID)) for c, w in RESULTS):
            with self.row():
                body = {"jsonrpc": "2.0", "id": 5, **change}
                body = {k: v for k, v in body.items() if v is not ANY}
                # an id there is the server's own
                self.abuse(era, json.dumps(body).encode(), want,
                           ANY if want == INVALID else None)

    def test_methods(self):
        for era, (method,), want in self.rows((m, (METHOD, METHOD_M)) for m in METHODS):
            with self.row():
                heads = era.heads(method)
                if method != method.strip() or not method.isascii() or \
                        not method.isprintable():
                    want = want if era.name == "legacy" else HEADER
                    heads = era.heads("tools/list")
                self.abuse(era, era.text(method, id="m"), want, '"m"', heads)

    def test_methods_too_long_for_a_header(self):
        for era, _, want in self.rows([[(METHOD, HEADER)]]):
            with self.row():
                self.abuse(era, era.text("x" * HUGE, id="m"), want, '"m"',
                           era.heads("tools/list"))
                self.abuse(era, era.text("é" * (HUGE // 8), id="m"), want, '"m"',
                           era.heads("tools/list"))

    def test_methods_written_otherwise(self):
        for era, (text,), want in self.rows((t, FINE) for t in (
                b'"tools\\/list"', b'"\\u0074ools/list"', b'"tools\\u002Flist"',
                b'"' + b"".join(b"\\u%04x" % c for c in b"tools/list") + b'"')):
            with self.row():
                body = era.text(id=1).replace(b'"tools/list"', text)
                body = body.replace(b'"method"', b'"m\\u0065thod"')
                self.abuse(era, body, want, "1")

    def test_notifications(self):
        """Without an id nothing is answered, nor done."""
        for era, (method, more), want in self.rows((
                ("notifications/initialized", {}, DONE),
                ("notifications/cancelled", {"params": {"requestId": []}}, DONE),
                ("notifications/cancelled", {"params": {"requestId": 1e2}}, DONE),
                ("notifications/progress", {"params": {"progressToken": {}}}, DONE),
                ("notifications/nonsense", {"params": {"x": "y" * HUGE}}, DONE),
                ("notifications/x", {"params": ANY}, DONE),
                ("tools/list", {}, DONE), ("nonsense", {}, DONE), ("", {}, DONE),
                ("logging/setLevel", {"params": {"level": "loud"}}, DONE),
                ("notifications/x", {"params": []}, INVALID),
                ("notifications/x", {"params": "x"}, INVALID),
                ("notifications/x", {"jsonrpc": "1.0"}, INVALID),
                (7, {}, INVALID), (None, {}, INVALID))):
            with self.row():
                self.abuse(era, era.text(method, **{"id": ANY, **more}), want, None)
        since = self.slack.mark()
        for era in self.eras:
            call = {"name": "slack_post_message", "arguments": {
                "channel_id": CHANNEL, "text": "not to be posted"}}
            self.abuse(era, era.text("tools/call", call, id=ANY), DONE, None,
                       era.heads("tools/call", call))
        self.assertEqual(self.slack.calls(since=since), [])


BATCHES = (
    # elements, what is wanted of the whole, the answers' ids in short
    ([], INVALID, None), (["ping"] * 65, INVALID, None),
    ([{"method": "initialize"}, "ping"], INVALID, None),
    (["modern"], INVALID, None), (["ping", "modern"], INVALID, None),
    (["ping"], FINE, ["1"]), (["ping"] * 64, FINE, ["1"] * 64),
    (["note"], DONE, None), (["note", "note", "answer"], DONE, None),
    (["ping", "note", "answer"], FINE, ["1"]),
    ([1], FINE, [None]), ([None, True, "x", 1.5], FINE, [None] * 4),
    ([[]], FINE, [None]), ([[{"method": "ping"}]], FINE, [None]), ([{}], FINE, [None]),
    ([{"method": "ping", "id": None}], FINE, [None]),
    ([{"method": "ping", "id": 1.5}, "ping"], FINE, [None, "1"]),
    ([{"method": 7}, {"method": "ping", "jsonrpc": "1.0"}], FINE, ["1", "1"]),
    ([{"method": "nonsense", "id": "a"}, "ping"], FINE, ['"a"', "1"]),
    ([{"method": "tools/call", "id": 0}], FINE, ["0"]),
    ([{"method": "tools/list", "id": -5, "params": []}], FINE, ["-5"]),
)


class Batches(Envelopes):
    @classmethod
    def begin(cls):
        super().begin()
        cls.batch = Old(cls, "2025-03-26")
        cls.eras.append(cls.batch)

    def elements(self, what):
        short = {"ping": {"method": "ping", "id": 1}, "note": {"method": "notifications/x"},
                 "answer": {"id": 9, "result": {}},
                 "modern": {"method": "tools/list", "id": 1,
                            "params": {"_meta": New.meta()}}}
        what = [short.get(e, e) if isinstance(e, str) else e for e in what]
        return json.dumps([{"jsonrpc": "2.0", "id": 1, **e} if isinstance(e, dict) and
                           "method" in e and e not in short.values() else
                           {"jsonrpc": "2.0", **e} if isinstance(e, dict) and e else e
                           for e in what]).encode()

    def test_batches(self):
        for what, want, ids in BATCHES:
            with self.subTest(what=repr(what)[:100]):
                body = self.elements(what)
                a = self.batch.wire.send(body, self.batch.heads())
                type(self).abuses += 1
                if want != FINE:
                    self.judge(a, want, None)
                else:
                    self.judge_array(a, ids)
                self.judge(self.batch.plain(), FINE)
            for era in self.eras[:2]:
                with self.subTest(era=era.name, what=repr(what)[:100]):
                    self.abuse(era, body, INVALID, None)

    def judge_array(self, a, ids):
        self.assertEqual((a.status, a.header("Content-Type")),
                         (200, "application/json"), a)
        answers = strict.loads(a.body)
        self.assertIsInstance(answers, list, a)
        self.assertEqual([json.dumps(m["id"]) if "id" in m else None
                          for m in answers], ids, a)
        for m in answers:
            code = m.get("error", {}).get("code")
            self.judge_message(m, code)
            self.assertIn(code, (None, -32600, -32601, -32602), m)
            if "id" not in m:
                self.assertEqual(code, -32600, m)

    def test_without_a_session(self):
        body = self.elements(["ping"])
        for heads, want in (({}, INVALID), ({"Mcp-Session-Id": "n1.x"}, GONE),
                            ({"MCP-Protocol-Version": MODERN}, INVALID)):
            self.abuse(self.batch, body, want, None, heads)

    def test_broken(self):
        ping = self.elements(["ping"])[1:-1]
        for body in (b"[" + ping + b",]", b"[," + ping + b"]", b"[" + ping,
                     ping + b"]", b"[" + ping + b" " + ping + b"]",
                     b"[" + ping + b"]" + b"[" + ping + b"]", b"[" * 33 + b"]" * 33):
            self.abuse(self.batch, body, PARSE, None)


# -- MCP: headers, _meta, sessions ---------------------------------------------

WRONG_META = (None, True, 7, 1.5, "x", [], [1])


def b64(data):
    return "=?base64?" + base64.b64encode(data).decode() + "?="


class Meta(Envelopes):
    def test_meta_itself(self):
        for era, (meta,), want in self.rows(
                (m, (FINE, NO_META)) for m in (*WRONG_META, {}, {"x": 1})):
            with self.row():
                self.abuse(era, era.text(more={"_meta": meta}, id=3), want, "3")

    def test_members(self):
        old, new = self.eras
        rows = [({"protocolVersion": v}, NO_META)
                for v in (True, 7, 1.5, [], {}, [MODERN], None)]
        rows += [({"clientCapabilities": v}, NO_META)
                 for v in (True, 7, 1.5, "", "x", [], [{}], None, ANY)]
        rows += [({"protocolVersion": ANY}, NO_META)]
        # what need not be there drives nothing
        rows += [({k: v}, FINE) for k in ("clientInfo", "logLevel", "subscriptionId", "x")
                 for v in (*WRONG_META, {}, "y" * HUGE)]
        rows += [({"clientCapabilities": v}, FINE) for v in (
            {"elicitation": 7}, {"x": {"y": []}}, {"elicitation": {"url": None}})]
        for change, want in rows:
            with self.subTest(repr(change)[:80]):
                meta = {"_meta": new.meta(**change)}
                self.abuse(new, new.text(more=meta, id=3), want, "3")
        # in the old era they are nobody's
        for change in ({"clientInfo": 7}, {"logLevel": []}):
            self.abuse(old, old.text(more={"_meta": {
                META + k: v for k, v in change.items()}}, id=3), FINE, "3")

    def test_claim_without_the_header(self):
        """A claim in the body makes the message modern, session or not."""
        old, new = self.eras
        for heads, want in ((old.heads(), HEADER), ({}, HEADER),
                            ({"Mcp-Session-Id": "x"}, HEADER),
                            ({"MCP-Protocol-Version": MODERN}, HEADER),
                            ({"Mcp-Method": "tools/list"}, HEADER)):
            with self.subTest(heads):
                self.abuse(new, new.text(id=3), want, "3", heads)

    def test_tokens(self):
        """A progress token of any shape: nothing is reported that was not asked
        for, and what is no token is none."""
        for era, (token,), want in self.rows(
                (t, FINE) for t in (0, -1, "x", "", "y" * 100000, *WRONG_META, {})):
            with self.row():
                meta = {**era.params().get("_meta", {}), "progressToken": token}
                call = {"name": "slack_list_workspaces", "arguments": {}, "_meta": meta}
                self.abuse(era, era.text("tools/call", id=4, params=call), want, "4",
                           era.heads("tools/call", call))

    def test_keys_that_are_doubled(self):
        for era, _, want in self.rows([[PARSE]]):
            with self.row():
                for twice in (b'"_meta":{},', b'"\\u005fmeta":{},'):
                    body = era.text(more={"_meta": {}})
                    self.abuse(era, body.replace(b'"_meta"', twice + b'"_meta"', 1), PARSE,
                               None)

    def test_versions(self):
        new = self.eras[1]
        for version in ("2027-01-01", "", "x", "2026-07-28 ", "2026-7-28", "2025-11-25",
                        "2024-11-05", "latest", "\u0662026", "x" * 300, "x" * 5000):
            meta = {"_meta": new.meta(protocolVersion=version)}
            fits = version.isascii() and version == version.strip() and version
            want = VERSION if fits or version == "" else HEADER
            with self.subTest(version[:40]):
                m = self.abuse(new, new.text(more=meta, id=3), want, "3", new.heads(
                    "tools/list", **{"MCP-Protocol-Version": version
                                     if want == VERSION else MODERN}))
                if want == VERSION:
                    data = m["error"]["data"]
                    self.assertEqual(data["supported"], [MODERN])
                    if len(version) < 250:
                        self.assertEqual(data["requested"], version)


class Headers(Envelopes):
    call = {"name": "slack_list_channels", "arguments": {"team_id": TEAM, "limit": 1}}

    def mirrored(self, changes, want):
        new = self.eras[1]
        with self.subTest(repr(changes)[:100]):
            heads = {**new.heads("tools/call", self.call), **changes}
            self.abuse(new, new.text("tools/call", self.call, id=6), want, "6", heads)

    def test_modern(self):
        name, method = self.call["name"], "tools/call"
        for header, value in (("Mcp-Method", method), ("Mcp-Name", name),
                              ("MCP-Protocol-Version", MODERN),
                              ("Mcp-Param-Slack-Team", TEAM)):
            for wrong in (None, "", " ", "x", value.upper() + "x", value[:-1], value + "x",
                          f"{value},{value}", f"{value}, {value}", f'"{value}"',
                          f"{value[:3]} {value[3:]}", value.replace("_", "-") + ".",
                          "é" + value, b"\xff\xfe" + value.encode(), value + "\xa0",
                          "x" * 8000, [value, value], [value, "x"], ["x", value]):
                if header == "MCP-Protocol-Version" and isinstance(wrong, str) and \
                        wrong.strip() == value:
                    continue
                self.mirrored({header: wrong}, HEADER)
            for right in (f" {value}", f"{value}\t ", f"\t{value}"):
                self.mirrored({header: right}, FINE)
            coded = b64(value.encode())
            takes = header in ("Mcp-Name", "Mcp-Param-Slack-Team")
            self.mirrored({header: coded}, FINE if takes else HEADER)

    def test_base64(self):
        """Only the canonical spelling of the same text."""
        good = b64(self.call["name"].encode())
        inner = good[9:-2]
        for wrong in (good.replace("base64", "BASE64"), good.replace("base64", "Base64"),
                      good[:-1], good[1:], "=?base64?" + inner, inner + "?=", inner,
                      f"=?base64?{inner}==?=", f"=?base64?{inner[:-1]}?=",
                      f"=?base64? {inner}?=", f"=?base64?{inner[:4]} {inner[4:]}?=",
                      f"=?base64?{inner[:4]}!{inner[4:]}?=", "=?base64??=", "=?base64?=",
                      "=?base64?====?=", "=?base64?A?=", b64(b"\xff"), b64(b"\0"),
                      b64(self.call["name"].encode() + b"\0"), b64(good.encode()),
                      b64(b"\xef\xbb\xbf" + self.call["name"].encode()),
                      "=?base64?YWJj=?=", "=?base64?" + "A" * 8000 + "?=",
                      good.replace("?base64?", "?utf-8?B?")):
            self.mirrored({"Mcp-Name": wrong}, HEADER)
        # the same bytes to a decoder that is kind: padding left out, bits of it set
        team = b64(TEAM.encode())
        self.mirrored({"Mcp-Param-Slack-Team": team}, FINE)
        for end in ("MQ?=", "MQ=?=", "MR==?=", "MQ==\t?=", "M\tQ==?="):
            self.assertTrue(team.endswith("MQ==?="), team)
            self.mirrored({"Mcp-Param-Slack-Team": team[:-6] + end}, HEADER)

    def test_headers_that_nobody_mirrors(self):
        for more in ({"Mcp-Param-Unknown": "x"}, {"Mcp-Param-": "x"},
                     {"Mcp-Param-Channel-Id": "no"}, {"Mcp-Session-Id": "x" * 5000},
                     {"Mcp-Session-Id": ["a", "b"]}, {"Last-Event-ID": "7"}):
            self.mirrored(more, FINE)

    def test_legacy(self):
        """Nothing but the session and the version counts there."""
        old = self.eras[0]
        for more, want in (
                ({"Mcp-Method": "tools/call"}, FINE), ({"Mcp-Name": "x"}, FINE),
                ({"Mcp-Method": ["a", "b"]}, FINE), ({"Mcp-Param-Slack-Team": "x"}, FINE),
                ({"MCP-Protocol-Version": None}, FINE),
                ({"MCP-Protocol-Version": "2024-11-05"}, FINE),
                ({"MCP-Protocol-Version": "\t2025-06-18 "}, FINE),
                ({"MCP-Protocol-Version": ""}, INVALID),
                ({"MCP-Protocol-Version": "2025-11-2"}, INVALID),
                ({"MCP-Protocol-Version": "2025-11-25, 2025-11-25"}, INVALID),
                ({"MCP-Protocol-Version": ["2025-11-25"] * 2}, INVALID),
                ({"MCP-Protocol-Version": "x" * 8000}, INVALID),
                ({"MCP-Protocol-Version": b"\xff\xfe"}, INVALID),
                ({"MCP-Protocol-Version": MODERN}, NO_META),
                ({"MCP-Protocol-Version": [MODERN] * 2}, NO_META)):
            with self.subTest(repr(more)[:80]):
                self.abuse(old, old.text(id=6), want, "6", old.heads(**more))

    def test_content_type(self):
        for era, (kind,), want in self.rows((k, (415, None)) for k in (
                None, "", "text/plain", "application/json-rpc", "application/jsonx",
                "json", "application/x-www-form-urlencoded", "*/*", "application/*",
                ["application/json"] * 2, "multipart/form-data; boundary=x",
                "text/event-stream")):
            with self.row():
                heads = {**era.heads("tools/list"), "Content-Type": kind}
                type(self).abuses += 1
                a = era.wire.send(era.text(), heads)
                self.judge(a, want)
                self.judge(era.plain(), FINE)

    def test_errors_to_those_who_want_a_stream(self):
        """A result is the stream's one event; an error has a status of its own."""
        for era, (body, heads), want in self.rows((
                (None, "tools/list", FINE), (b"{", "tools/list", PARSE),
                (b"[]", "tools/list", INVALID))):
            with self.row():
                a = era.wire.send(era.text(id="é") if body is None else body,
                                  {**era.heads(heads), "Accept": "text/event-stream"})
                if want != FINE:
                    self.judge(a, want, None)
                    continue
                head, data = a.body.split(b"\ndata: ", 1)
                self.assertEqual((a.status, head), (200, b"event: message"), a)
                self.assertTrue(data.endswith(b"\n\n") and data.count(b"\n") == 2, a)
                m = strict.loads(data)
                self.assertEqual(m["id"], "é")


class Sessions(Envelopes):
    def test_ids(self):
        old = self.eras[0]
        sid = old.session
        other = Old(self)
        self.addCleanup(other.wire.close)
        node, _, rest = sid.partition(".")
        rows = [(None, INVALID), ([sid, sid], INVALID), ([sid, other.session], INVALID),
                (["", sid], INVALID)]
        rows += [(v, GONE) for v in (
            "x", node, node + ".", "." + rest, rest, sid[:-1], sid + "A", sid + ".",
            sid.swapcase(), "n2." + rest, node + ".." + rest, f"{node}.{'A' * 43}",
            f"{sid}, {sid}", f"{sid},", f'"{sid}"', f"<{sid}>", sid + "%00",
            sid.replace(".", "%2e"), "x" * 8000, "é" * 20, b"\xff" * 46,
            "../../etc/passwd", "' OR 1=1 --", "null", "0", f"{sid[:20]} {sid[20:]}")]
        for value, want in rows:
            with self.subTest(repr(value)[:80]):
                self.abuse(old, old.text(id=2), want, "2",
                           old.heads(**{"Mcp-Session-Id": value}))
                a = old.wire.send(b"", {**old.heads(**{"Mcp-Session-Id": value}),
                                        "Content-Type": None}, "DELETE")
                self.judge(a, want, None)
                self.judge(old.plain(), FINE)
        for right in (f" {sid}", f"{sid}\t"):
            self.abuse(old, old.text(id=2), FINE, "2",
                       old.heads(**{"Mcp-Session-Id": right}))
        for empty in ("", " \t"):
            self.abuse(old, old.text(id=2), GONE, "2",
                       old.heads(**{"Mcp-Session-Id": empty}))

    def test_anothers(self):
        old, key = self.eras[0], self.key
        stranger = self.d.key_add("stranger", "--workspaces", TEAM)
        a = old.wire.send(old.text(id=2), {
            **old.heads(), "Authorization": f"Bearer {stranger}"})
        self.judge(a, GONE, "2")
        a = old.wire.send(b"", {**old.heads(), "Authorization": f"Bearer {stranger}"},
                          "DELETE")
        self.judge(a, GONE, None)
        self.judge(old.plain(), FINE)
        self.assertEqual(key, self.key)

    def test_ended(self):
        old = Old(self)
        self.addCleanup(old.wire.close)
        a = old.wire.send(b"", old.heads(), "DELETE")
        self.assertEqual((a.status, a.body), (200, b""), a)
        for _ in range(2):
            a = old.wire.send(old.text(id=2), old.heads())
            self.judge(a, GONE, "2")
            a = old.wire.send(b"", old.heads(), "DELETE")
            self.judge(a, GONE, None)

    def test_initialize(self):
        """What it needs, and what it does not look at."""
        old = self.eras[0]
        sound = {"protocolVersion": "2025-11-25", "capabilities": {},
                 "clientInfo": {"name": "t", "version": "1"}}
        rows = [({"protocolVersion": v}, PARAMS) for v in (
            None, True, 7, 20251125, 1.5, [], ["2025-11-25"], {}, ANY)]
        rows += [({"protocolVersion": v}, FINE) for v in (
            "", "x", "2025-11-25 ", "9999-99-99", MODERN, "é" * 100, "x" * HUGE)]
        rows += [({k: v}, FINE) for k in ("capabilities", "clientInfo", "_meta", "x")
                 for v in (None, True, 7, "x", [], ANY)]
        rows += [({"capabilities": {"elicitation": v}}, FINE)
                 for v in (None, 7, [], {"url": 7}, {"form": {}, "url": {}})]
        rows += [({"clientInfo": {"name": "y" * HUGE, "version": "\u202e"}}, FINE)]
        for change, want in rows:
            with self.subTest(repr(change)[:80]):
                params = {k: v for k, v in {**sound, **change}.items() if v is not ANY}
                for heads in ({}, old.heads(), {"Mcp-Session-Id": "nonsense"},
                              {"MCP-Protocol-Version": "1999-01-01"}):
                    body = old.text("initialize", id=1, params=params)
                    if len(body) > HUGE and heads:
                        continue
                    a = old.wire.send(body, heads)
                    type(self).abuses += 1
                    m = self.judge(a, want, "1")
                    session = a.header("Mcp-Session-Id")
                    if want != FINE:
                        self.assertIsNone(session)
                        continue
                    self.assertRegex(session, r"^n1\.[A-Za-z0-9_-]{43}$")
                    self.assertEqual(m["result"]["protocolVersion"], "2025-11-25")
                    a = old.wire.send(b"", {"Mcp-Session-Id": session}, "DELETE")
                    self.assertEqual(a.status, 200, a)
                self.judge(old.plain(), FINE)

    def test_initialize_misplaced(self):
        old, new = self.eras
        sound = {"protocolVersion": "2025-11-25", "capabilities": {}}
        for text, heads, want, rid in (
                # params that are none
                (old.text("initialize", id=1, params=ANY), {}, PARAMS, "1"),
                (old.text("initialize", id=1, params=None), {}, PARAMS, "1"),
                (old.text("initialize", id=1, params={}), {}, PARAMS, "1"),
                (old.text("initialize", id=1, params=[]), {}, INVALID, "1"),
                # a notification needs a session
                (old.text("initialize", id=ANY, params=sound), {}, INVALID, None),
                (old.text("initialize", id=ANY, params=sound), old.heads(), DONE, None),
                (old.text("initialize", id=1, params=sound),
                 {"MCP-Protocol-Version": MODERN}, HEADER, "1"),
                # a whole claim makes it modern, half of one does not
                (old.text("initialize", id=1, params={**sound, "_meta": new.meta()}),
                 new.heads("initialize"), METHOD_M, "1"),
                (old.text("initialize", id=1, params={**sound, "_meta": new.meta(
                    clientCapabilities=ANY)}), {}, FINE, "1"),
                (old.text("initialize", id=1, params={**sound, "_meta": new.meta(
                    clientCapabilities=7)}), new.heads("initialize"), HEADER, "1")):
            with self.subTest(text[:200]):
                a = old.wire.send(text, heads)
                type(self).abuses += 1
                self.judge(a, want, rid)
                self.judge(old.plain(), FINE)

    def test_levels(self):
        old = self.eras[0]
        for level in (None, True, 7, 1.5, [], ["info"], {}, "", "INFO", "info ", "loud",
                      "i\u0307nfo", "x" * HUGE, ANY):
            params = {} if level is ANY else {"level": level}
            with self.subTest(repr(level)[:40]):
                self.abuse(old, old.text("logging/setLevel", params, id=1), PARAMS, "1")

    def test_cursors(self):
        for era, (cursor,), want in self.rows(
                (c, PARAMS) for c in (True, 7, 1.5, [], {}, "x", "\x00x".strip("\0"),
                                      "y" * HUGE, "null")):
            with self.row():
                self.abuse(era, era.text(more={"cursor": cursor}, id=1), want,
                           "1")
        for era, (cursor,), want in self.rows((("", FINE), (None, FINE))):
            with self.row():
                self.abuse(era, era.text(more={"cursor": cursor}, id=1), want,
                           "1")


class Operator(Envelopes):
    def test_seen_from_outside(self):
        """Each refused message is one more in a counter and has its code in the
        request's one line; the daemon is well."""
        def counted():
            return {r["name"]: int(r["value"]) for r in self.d.ctl_json("show", "info")
                    if r["name"] in ("rpc_errors", "http_errors")}

        def codes():
            return [r["msg"].split(" error=")[1].split()[0]
                    for r in self.d.log_rows() if " error=-32" in r.get("msg", "")]
        before, said = counted(), len(codes())
        for era in self.eras:
            for body, want in ((b"{", PARSE), (b"{}", INVALID), (
                    era.text("logging/setLevel", id=1),
                    PARAMS if era.name == "legacy" else METHOD_M)):
                heads = era.heads("logging/setLevel" if want[1] < -32600 and
                                  want != PARSE else "tools/list")
                self.abuse(era, body, want, heads=heads)
        after = counted()
        self.assertEqual(after["rpc_errors"], before["rpc_errors"] + 6)
        self.assertEqual(after["http_errors"], before["http_errors"])
        # a line is written behind its answer, by two workers
        lib.wait_until("all have their line", lambda: len(codes()) >= said + 6)
        self.assertEqual(sorted(codes()[said:]), [
            "-32600", "-32600", "-32601", "-32602", "-32700", "-32700"])
        self.assertEqual(mcpclient.get(self.d, "/health").json["status"], "ok")


if __name__ == "__main__":
    unittest.main()
