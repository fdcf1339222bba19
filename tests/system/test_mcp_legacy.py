# SPDX-License-Identifier: ISC
"""MCP 2024-11-05 to 2025-11-25: sessions, methods, statuses."""
import datetime
import glob
import json
import os
import signal
import time
import unittest

import lib
import mcpclient
from mcpclient import LEGACY, Legacy, ask


class Sessions(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack).start()
        mcpclient.install(cls.d)
        cls.key = cls.d.key_add("one", "--workspaces", "T0ACME0001",
                                "--role", "write")
        cls.other = cls.d.key_add("two", "--workspaces", "T0ACME0001")

    def test_versions(self):
        for version in LEGACY:
            with self.subTest(version), Legacy(self.d, self.key, version) as c:
                a = c.initialize()
                self.assertEqual(a.status, 200, a)
                r = a.json["result"]
                self.assertEqual(r["protocolVersion"], version)
                self.assertEqual(r["serverInfo"]["name"], "slackmcpd")
                self.assertIn("tools", r["capabilities"])
                self.assertIn("logging", r["capabilities"])
                self.assertNotIn("resultType", r)
                self.assertRegex(c.session, r"^n1\.[A-Za-z0-9_-]{43}$")
                self.assertEqual(c.notify("notifications/initialized").status, 202)
                self.assertTrue(c.ping())

    def test_unknown_version_gets_the_newest(self):
        for version in ("1999-01-01", "2026-07-28", "x"):
            with self.subTest(version), Legacy(self.d, self.key) as c:
                a = c.initialize(version)
                self.assertEqual(a.json["result"]["protocolVersion"], "2025-11-25")

    def test_the_users_curl(self):
        a = ask(self.d, "POST", "/mcp", json.dumps({
            "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2024-11-05", "capabilities": {},
                "clientInfo": {"name": "test", "version": "1.0.0"}}}),
            {"Authorization": f"Bearer {self.d.key}",
             "Content-Type": "application/json"})
        self.assertEqual(a.status, 200, a)
        self.assertEqual(a.header("Content-Type").split(";")[0], "application/json")
        self.assertEqual(a.json["result"]["protocolVersion"], "2024-11-05")

    def test_accepted_notification(self):
        with Legacy(self.d, self.key).begin() as c:
            for method, params in (
                    ("notifications/initialized", None),
                    ("notifications/cancelled", {"requestId": 99}),
                    ("notifications/roots/list_changed", {}),
                    ("notifications/unknown", {"x": 1})):
                a = c.notify(method, params)
                self.assertEqual(a.status, 202, a)
                self.assertEqual(a.header("Content-Length"), "0")
                self.assertIsNone(a.header("Content-Type"))
            a = c.post({"jsonrpc": "2.0", "id": 5, "result": {}}, c.heads())
            self.assertEqual((a.status, a.body), (202, b""))

    def test_session_ids(self):
        init = Legacy(self.d, self.key).begin()
        with init as c:
            self.assertEqual(c.request("ping", headers={
                "Mcp-Session-Id": "n1." + "A" * 43}).status, 404)
            self.assertEqual(c.request("ping", headers={
                "Mcp-Session-Id": "<x>"}).status, 404)
            session, c.session = c.session, None
            a = c.request("ping")
            self.assertEqual(a.status, 400, a)
            c.session = session
            self.assertTrue(c.ping())
            # another principal's does not exist, its own key's other client may
            with Legacy(self.d, self.other) as o:
                o.session = session
                self.assertEqual(o.request("ping").status, 404)
                self.assertEqual(o.delete().status, 404)
            self.assertTrue(c.ping())
            self.assertEqual(c.delete().status, 200)
            a = c.request("ping")
            self.assertEqual(a.status, 404, a)
            self.assertEqual(c.delete().status, 404)
            c.session = None
            self.assertEqual(c.delete().status, 400)

    def test_version_header(self):
        with Legacy(self.d, self.key).begin() as c:
            for version, status in (("2025-03-26", 200), ("2024-11-05", 200),
                                    ("1999-01-01", 400), ("nonsense", 400)):
                a = c.request("ping", headers={"MCP-Protocol-Version": version})
                self.assertEqual(a.status, status, (version, a))

    def test_methods(self):
        with Legacy(self.d, self.key).begin() as c:
            tools = c.result(c.request("tools/list"))["tools"]
            self.assertEqual([t["name"] for t in tools][0] in (
                "slack_list_channels", "slack_list_workspaces"), True)
            self.assertEqual({t["name"] for t in tools}, {
                "slack_list_channels", "slack_list_workspaces",
                "slack_get_channel_history", "slack_get_thread_replies",
                "slack_get_channel_info", "slack_get_users",
                "slack_search_users", "slack_get_user_profile",
                "slack_connection_status", "slack_post_message",
                "slack_reply_to_thread", "slack_add_reaction"})
            for level in ("debug", "info", "notice", "warning", "error",
                          "critical", "alert", "emergency"):
                self.assertEqual(c.result(c.request(
                    "logging/setLevel", {"level": level})), {})
            a = c.request("logging/setLevel", {"level": "loud"})
            self.assertEqual((a.status, a.json["error"]["code"]), (200, -32602))
            for method in ("resources/list", "prompts/list", "server/discover",
                           "subscriptions/listen", "nonsense"):
                a = c.request(method, {})
                self.assertEqual((a.status, a.json["error"]["code"]),
                                 (200, -32601), (method, a))
            for params in ({"name": "no_such_tool"}, {}, {"name": 7},
                           {"name": "slack_list_channels", "arguments": []}):
                a = c.request("tools/call", params)
                self.assertEqual((a.status, a.json["error"]["code"]),
                                 (200, -32602), (params, a))

    def test_schemas(self):
        """What the narrowest model API takes (every key, every level)."""
        refused = {"additionalProperties", "$ref", "anyOf", "oneOf", "allOf",
                   "const", "pattern", "$schema", "not"}

        def walk(schema, where):
            self.assertIsInstance(schema.get("type"), str, where)
            self.assertEqual(refused & set(schema), set(), where)
            if schema["type"] == "array":
                walk(schema["items"], where + "[]")
            if schema["type"] != "object":
                self.assertEqual({"properties", "required"} & set(schema), set())
            if "enum" in schema:
                self.assertTrue(all(isinstance(e, str) and e
                                    for e in schema["enum"]), where)
            for name, p in schema.get("properties", {}).items():
                walk(p, where + "." + name)
                self.assertTrue(p.get("description"), where + "." + name)
            for name in schema.get("required", []):
                self.assertIn(name, schema["properties"])

        with Legacy(self.d, self.key).begin() as c:
            tools = c.result(c.request("tools/list"))["tools"]
        for tool in tools:
            walk(tool["inputSchema"], tool["name"])
            self.assertTrue(tool["description"])
            self.assertRegex(tool["name"], r"^[a-z_]{1,64}$")
            self.assertNotIn("_meta", tool)
        post = next(t for t in tools if t["name"] == "slack_post_message")
        self.assertEqual(post["annotations"]["readOnlyHint"], False)
        self.assertEqual(post["annotations"]["title"], post["title"])
        self.assertEqual(post["annotations"]["destructiveHint"], False)
        self.assertLess(len(json.dumps(tools)), 12000)  # contrib/load/tokens counts

    def test_ids(self):
        with Legacy(self.d, self.key).begin() as c:
            for text in ("0", "1", "-7", "9007199254740993",
                         "9223372036854775807", '"x"', '"\\u00e9\\n"', '""'):
                body = '{"jsonrpc":"2.0","id":%s,"method":"ping"}' % text
                a = c.post(body, c.heads())
                self.assertEqual(a.status, 200, a)
                self.assertIn(f'"id":{text}', a.text)
            for text in ("null", "1.5", "true", "[]", "{}", "1e4"):
                body = '{"jsonrpc":"2.0","id":%s,"method":"ping"}' % text
                a = c.post(body, c.heads())
                self.assertEqual((a.status, a.json["error"]["code"]),
                                 (400, -32600), (text, a))
                self.assertNotIn("id", a.json)

    def test_broken_json(self):
        rows = (("", -32700), ("{", -32700), ("nonsense", -32700),
                ("{'a':1}", -32700), ('{"a":NaN}', -32700),
                ('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', None),
                ('{"jsonrpc":"2.0","id":1,"method":"ping"} x', -32700),
                (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', -32700),
                ('"text"', -32600), ("7", -32600), ("[]", -32600),
                ('{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
                ('{"id":1,"method":"ping"}', -32600),
                ('{"jsonrpc":"2.0","id":1,"method":7}', -32600),
                ('{"jsonrpc":"2.0","id":1}', -32600),
                ("[" * 5000 + "]" * 5000, -32700))
        with Legacy(self.d, self.key).begin() as c:
            for body, code in rows:
                with self.subTest(body[:40]):
                    a = c.post(body, c.heads())
                    self.assertEqual(a.status, 400, a)
                    if code:
                        self.assertEqual(a.json["error"]["code"], code, a)
            self.assertTrue(c.ping())

    def test_batches(self):
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        for version in LEGACY:
            with self.subTest(version), \
                    Legacy(self.d, self.key, version).begin() as c:
                a = c.post([ping, {**ping, "id": "b"}, note], c.heads())
                if version == "2025-03-26":
                    self.assertEqual(a.status, 200, a)
                    self.assertEqual({str(x["id"]) for x in a.json}, {"1", "b"})
                    self.assertEqual(c.post([note], c.heads()).status, 202)
                else:
                    self.assertEqual((a.status, a.json["error"]["code"]),
                                     (400, -32600))

    def test_get(self):
        with Legacy(self.d, self.key).begin() as c:
            h = c.heads({"Authorization": f"Bearer {self.key}",
                         "Accept": "text/event-stream"})
            a = ask(self.d, "GET", "/mcp", headers=h)
            self.assertEqual(a.status, 405)
            self.assertIn("POST", a.header("Allow"))
        for method in ("GET", "DELETE"):
            a = ask(self.d, method, "/mcp")
            self.assertEqual(a.status, 401)
            self.assertIn("Bearer", a.header("WWW-Authenticate"))

    def test_accept(self):
        with Legacy(self.d, self.key).begin() as c:
            for accept in (None, "*/*", "application/json", "application/*",
                           "application/json, text/event-stream"):
                a = c.request("ping", headers={"Accept": accept})
                self.assertEqual(a.status, 200)
                self.assertEqual(a.header("Content-Type").split(";")[0],
                                 "application/json")
            a = c.request("ping", headers={"Accept": "text/event-stream"})
            self.assertEqual(a.status, 200)
            self.assertEqual(a.header("Content-Type").split(";")[0],
                             "text/event-stream")
            data = [x[5:].strip() for x in a.text.splitlines()
                    if x.startswith("data:")]
            self.assertEqual(len(data), 1)
            self.assertEqual(json.loads(data[0])["result"], {})
            self.assertEqual(c.request(
                "ping", headers={"Accept": "image/png"}).status, 406)

    def test_wrong_type(self):
        with Legacy(self.d, self.key).begin() as c:
            for kind in ("application/x-www-form-urlencoded", "text/plain", None):
                a = c.request("ping", headers={"Content-Type": kind})
                self.assertEqual(a.status, 415, (kind, a))
                self.assertIn("application/json", a.text)
            a = c.request("ping", headers={
                "Content-Type": "Application/JSON; charset=UTF-8"})
            self.assertEqual(a.status, 200)


class Expiry(lib.Suite):
    def test_ttl(self):
        d = self.daemon(self.fake(), env={"SESSION_TTL_MS": "3000"}).start()
        with Legacy(d).begin() as idle, Legacy(d).begin() as busy:
            end = time.monotonic() + 4.5
            while time.monotonic() < end:
                self.assertTrue(busy.ping())
                time.sleep(0.3)
            self.assertEqual(idle.request("ping").status, 404)
            self.assertTrue(busy.ping())
        d.stop()

    def test_judged_without_the_pruner(self):
        """The master is stopped: past its time a session is gone all the same."""
        d = self.daemon(self.fake(), env={"SESSION_TTL_MS": "2000"}).start()
        with Legacy(d).begin() as c:
            ends = time.monotonic() + 2.5
            d.kill(sig=signal.SIGSTOP)
            try:
                lib.wait_until("its time is over",
                               lambda: time.monotonic() > ends, 10)
                self.assertEqual(c.request("ping").status, 404)
            finally:
                d.kill(sig=signal.SIGCONT)
        d.stop()

    def test_stop_and_start(self):
        """Ages go on over a stop: within the time it lives, beyond it not."""
        d = self.daemon(self.fake(), env={"SESSION_TTL_MS": str(
            int(8000 * lib.SLOW))}).start()
        with Legacy(d).begin() as busy, Legacy(d).begin() as idle:
            d.stop()
            began = time.monotonic()
            d.start()
            busy.close()
            self.assertTrue(busy.ping())
            lib.wait_until("the idle one is too old", lambda: busy.ping() and
                           time.monotonic() - began > 8.2 * lib.SLOW, 12)
            idle.close()
            self.assertEqual(idle.request("ping").status, 404)
            self.assertTrue(busy.ping())
        d.stop()

    def test_wall_clock_moves(self):
        """Only monotonic time counts.  (A year on, a year back.)"""
        faketime = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
        if not faketime:
            self.skipTest("faketime is not installed")
        d = self.daemon(self.fake(), env={"SESSION_TTL_MS": "20000"})
        when = os.path.join(d.dir, "when")

        def move(offset):
            with open(when + ".new", "w", encoding="ascii") as f:
                f.write(offset + "\n")
            os.chmod(when + ".new", 0o644)
            os.rename(when + ".new", when)
        move("+0")
        d.preload = {"LD_PRELOAD": faketime[0], "FAKETIME_NO_CACHE": "1",
                     "FAKETIME_TIMESTAMP_FILE": when,
                     "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        d.start()
        with Legacy(d).begin() as c:
            year = datetime.datetime.now(datetime.timezone.utc).year
            for offset, moved in (("+370d", 1), ("-370d", -1), ("+0", 0)):
                move(offset)
                self.assertTrue(c.ping())
                dates = mcpclient.get(d, "/health").header("Date") or ""
                if dates:       # the clock did move
                    self.assertIn(str(year + moved), dates)
                self.assertTrue(c.ping())
        d.stop()

    def test_maximum(self):
        d = self.daemon(self.fake(), env={"SESSION_TTL_MS": "2000",
                                          "SESSION_MAX_MS": "3000"}).start()
        with Legacy(d).begin() as c:
            lib.wait_until("it ends although it is used",
                           lambda: c.request("ping").status == 404, 10)
        d.stop()

    def test_cap_evicts_the_longest_idle_of_the_key(self):
        d = self.daemon(self.fake(), env={"MAX_SESSIONS_PER_KEY": "5"}).start()
        other = d.key_add("other")
        with Legacy(d, other).begin() as o:
            kept = []
            for _ in range(5):
                kept.append(Legacy(d).begin())
                time.sleep(0.02)        # idle times that differ
            self.assertTrue(kept[0].ping())     # now 1 is the longest idle
            sixth = Legacy(d).begin()
            self.assertEqual(kept[1].request("ping").status, 404)
            for c in (kept[0], *kept[2:], sixth, o):
                self.assertTrue(c.ping())
            for c in (*kept, sixth):
                c.close()
        d.stop()


if __name__ == "__main__":
    unittest.main()
