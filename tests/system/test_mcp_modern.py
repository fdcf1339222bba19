# SPDX-License-Identifier: ISC
"""MCP 2026-07-28: stateless, headers that mirror the body, statuses."""
import base64
import json
import unittest

import lib
import mcpclient
from mcpclient import META, MODERN, Legacy, Modern


class Stateless(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack).start()
        mcpclient.install(cls.d)
        cls.key = cls.d.key_add("modern", "--workspaces", "T0ACME0001",
                                "--role", "write")

    def setUp(self):
        self.c = Modern(self.d, self.key)
        self.addCleanup(self.c.close)

    def error(self, answer, status, code):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.json["error"]["code"], code, answer)
        return answer.json["error"]

    def test_discover(self):
        a = self.c.request("server/discover")
        r = self.c.result(a)
        self.assertEqual(a.status, 200)
        self.assertEqual(r["resultType"], "complete")
        self.assertEqual(r["supportedVersions"], [MODERN])
        self.assertIn("tools", r["capabilities"])
        self.assertNotIn("logging", r["capabilities"])
        self.assertIsInstance(r["ttlMs"], int)
        self.assertEqual(r["cacheScope"], "public")
        self.assertEqual(r["_meta"][META + "serverInfo"]["name"], "slackmcpd")
        self.assertNotIn("serverInfo", r)
        self.assertIsNone(a.header("Mcp-Session-Id"))

    def test_tools_list(self):
        first = self.c.result(self.c.request("tools/list"))
        self.assertEqual(first["resultType"], "complete")
        self.assertIsInstance(first["ttlMs"], int)
        self.assertIn(first["cacheScope"], ("public", "private"))
        again = self.c.result(self.c.request("tools/list"))
        self.assertEqual(json.dumps(first["tools"]), json.dumps(again["tools"]))
        headers = {p.get("x-mcp-header") for t in first["tools"]
                   for p in t["inputSchema"]["properties"].values()}
        self.assertEqual(headers, {None, "Slack-Team"})

    def test_call(self):
        t = self.c.tool("slack_list_channels", team_id="T0ACME0001", limit=3)
        self.assertTrue(t.ok, t)
        r = t.answer.json["result"]
        self.assertEqual(r["resultType"], "complete")
        self.assertNotIn("ttlMs", r)

    def test_sessions_are_ignored(self):
        with Legacy(self.d, self.key).begin() as old:
            a = self.c.request("tools/list", headers={
                "Mcp-Session-Id": old.session, "Last-Event-ID": "7"})
            self.assertEqual(a.status, 200)
            self.assertIsNone(a.header("Mcp-Session-Id"))
            a = self.c.request("tools/list", headers={"Mcp-Session-Id": "x"})
            self.assertEqual(a.status, 200)

    def test_methods_that_are_gone(self):
        for method in ("initialize", "ping", "logging/setLevel",
                       "resources/subscribe", "resources/unsubscribe",
                       "subscriptions/listen", "resources/list",
                       "prompts/list", "nonsense"):
            with self.subTest(method):
                a = self.c.request(method, id="x7")
                self.error(a, 404, -32601)
                self.assertEqual(a.json["id"], "x7")

    def test_meta(self):
        for missing in ("protocolVersion", "clientCapabilities"):
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {
                "_meta": {META + "protocolVersion": MODERN,
                          META + "clientCapabilities": {}}}}
            del body["params"]["_meta"][META + missing]
            a = self.c.post(body, {"MCP-Protocol-Version": MODERN,
                                   "Mcp-Method": "tools/list"})
            with self.subTest(missing):
                self.assertIn(missing, self.error(a, 400, -32602)["message"])
        # no claim at all under the modern header: never silently legacy
        for params in ({}, {"_meta": {}}, None):
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            if params is not None:
                body["params"] = params
            a = self.c.post(body, {"MCP-Protocol-Version": MODERN,
                                   "Mcp-Method": "tools/list"})
            self.error(a, 400, -32602)
        for meta in ({META + "protocolVersion": 7},
                     {META + "clientCapabilities": []}):
            a = self.c.request("tools/list", meta=meta)
            self.error(a, 400, -32602)
        a = self.c.request("tools/list", meta={META + "clientInfo": {
            "name": "x", "version": "1"}, "traceparent": "00-x", "other": [1]})
        self.assertEqual(a.status, 200)

    def test_version(self):
        a = self.c.request("tools/list",
                           headers={"MCP-Protocol-Version": "2027-01-01"},
                           meta={META + "protocolVersion": "2027-01-01"})
        data = self.error(a, 400, -32022)["data"]
        self.assertTrue(data.pop("request_id"))
        self.assertEqual(data, {"supported": [MODERN], "requested": "2027-01-01"})
        for header in ("2025-11-25", None, ""):
            a = self.c.request("tools/list",
                               headers={"MCP-Protocol-Version": header})
            self.error(a, 400, -32020)
        a = self.c.request("tools/list", headers={
            "MCP-Protocol-Version": f"  {MODERN}\t"})
        self.assertEqual(a.status, 200)

    def test_mirrored_headers(self):
        call = {"name": "slack_list_workspaces", "arguments": {}}
        b64 = base64.b64encode(b"slack_list_workspaces").decode()
        rows = (
            ({"Mcp-Method": None}, False), ({"Mcp-Method": "TOOLS/CALL"}, False),
            ({"Mcp-Method": "tools/list"}, False),
            ({"Mcp-Method": " tools/call\t"}, True),
            ({"Mcp-Name": None}, False),
            ({"Mcp-Name": "slack_list_channels"}, False),
            ({"Mcp-Name": "SLACK_LIST_WORKSPACES"}, False),
            ({"Mcp-Name": "  slack_list_workspaces "}, True),
            ({"Mcp-Name": f"=?base64?{b64}?="}, True),
            ({"Mcp-Name": f"=?BASE64?{b64}?="}, False),
            ({"Mcp-Name": f"=?base64?{b64.rstrip('=')}x?="}, False),
            ({"Mcp-Name": "=?base64?SGVs!!!bG8=?="}, False),
            ({"Mcp-Param-Unknown": "x"}, True),
            ({"Mcp-Param-Slack-Team": "T0ACME0001"}, True),    # absent in the body
        )
        for headers, good in rows:
            with self.subTest(headers):
                a = self.c.request("tools/call", call, headers)
                if good:
                    self.assertEqual(a.status, 200, a)
                else:
                    self.error(a, 400, -32020)

    def test_team_header(self):
        rows = (("T0ACME0001", True), (None, False), ("T0BETA0001", False),
                ("t0acme0001", False),
                ("=?base64?" + base64.b64encode(b"T0ACME0001").decode() + "?=", True),
                ("=?base64?VDA?=", False))
        for value, good in rows:
            with self.subTest(value):
                a = self.c.request("tools/call", {
                    "name": "slack_list_channels",
                    "arguments": {"team_id": "T0ACME0001", "limit": 1}},
                    {"Mcp-Param-Slack-Team": value})
                if good:
                    self.assertEqual(a.status, 200, a)
                else:
                    self.error(a, 400, -32020)
        # an alias is not mirrored; null is absent
        for args in ({"team": "T0ACME0001"}, {"team_id": None}):
            a = self.c.request("tools/call", {
                "name": "slack_list_channels", "arguments": {**args, "limit": 1}},
                {"Mcp-Param-Slack-Team": None})
            self.assertEqual(a.status, 200, a)

    def test_twice_the_same_header(self):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list",
                           "params": {"_meta": {
                               META + "protocolVersion": MODERN,
                               META + "clientCapabilities": {}}}})
        out = mcpclient.raw(self.d, (
            f"POST /mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"MCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/list\r\n"
            f"Mcp-Method: tools/list\r\n\r\n{body}").encode())
        self.assertIn(b" 400 ", out.split(b"\r\n")[0])
        self.assertIn(b"-32020", out)

    def test_notifications(self):
        for headers in ({"MCP-Protocol-Version": MODERN}, {
                "MCP-Protocol-Version": MODERN,
                "Mcp-Method": "notifications/cancelled"}):
            a = self.c.post({"jsonrpc": "2.0", "method": "notifications/cancelled",
                             "params": {"requestId": 1}}, headers)
            self.assertEqual((a.status, a.body), (202, b""), a)
            self.assertEqual(a.header("Content-Length"), "0")

    def test_no_batches(self):
        one = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {
            "_meta": {META + "protocolVersion": MODERN,
                      META + "clientCapabilities": {}}}}
        a = self.c.post([one, one], {"MCP-Protocol-Version": MODERN,
                                     "Mcp-Method": "tools/list"})
        self.error(a, 400, -32600)

    def test_legacy_initialize_under_the_modern_header(self):
        a = Legacy(self.d, self.key).initialize(**{"MCP-Protocol-Version": MODERN})
        self.error(a, 400, -32020)

    def test_tool_errors_are_results(self):
        a = self.c.request("tools/call", {"name": "no_such_tool", "arguments": {}})
        self.assertEqual((a.status, a.json["error"]["code"]), (200, -32602))
        t = self.c.tool("slack_get_channel_history")
        self.assertTrue(t.error and not t.rpc, t)
        t = self.c.tool("slack_list_channels", team_id="Hello")
        self.assertTrue(t.error and not t.rpc, t)

    def test_both_eras_on_one_connection(self):
        with Legacy(self.d, self.key).begin() as old:
            self.c.conn, conn = old.conn, self.c.conn
            self.assertEqual(self.c.request("tools/list").status, 200)
            self.assertTrue(old.ping())
            self.c.conn = conn


if __name__ == "__main__":
    unittest.main()
