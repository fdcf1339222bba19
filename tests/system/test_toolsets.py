# SPDX-License-Identifier: ISC
"""Toolsets: TOOLSETS says what is offered at all, --toolsets what a key has of it, and
a reload changes it; what an install asks for follows."""
import os
import sqlite3
import unittest
import urllib.parse

import lib
import mcpclient
from mcpclient import Legacy, Modern

TEAM = "T0ACME0001"
BOTH = {"slack_list_workspaces", "slack_connection_status"}
SETS = {
    "channels": BOTH | {"slack_list_channels", "slack_get_channel_history",
                        "slack_get_thread_replies", "slack_get_channel_info"},
    "people": BOTH | {"slack_get_users", "slack_search_users", "slack_get_user_profile"},
    "posting": BOTH | {"slack_post_message", "slack_reply_to_thread",
                       "slack_add_reaction"},
}
SETS["core"] = SETS["channels"] | SETS["people"] | SETS["posting"]
SCOPES = {
    "channels": "channels:read,groups:read,channels:history,groups:history",
    "people": "users:read,users.profile:read", "posting": "chat:write,reactions:write",
}


def names(c):
    return {t["name"] for t in c.result(c.request("tools/list"))["tools"]}


class Toolsets(lib.Suite):
    def write(self, **options):
        path = os.path.join(self.dir, "toolsets.conf")
        with open(path, "w", encoding="ascii") as f:
            f.writelines(f"{k} = {v}\n" for k, v in options.items())
        os.chmod(path, 0o600)
        return path

    def begin_one(self, *args, **env):
        self.slack = self.fake()
        d = self.daemon(self.slack, env=env).start(*args)
        mcpclient.install(d)
        return d

    def check(self, c, want):
        """Lists these; calls no other, and speaks of it as of none."""
        self.assertEqual(names(c), want)
        since = self.slack.mark()
        unknown = c.tool("slack_no_such_tool").rpc
        for tool in SETS["core"] - want:
            rpc = c.tool(tool, channel_id="CAGENERAL1").rpc
            self.assertEqual((rpc["code"], rpc["message"], set(rpc["data"])), (
                -32602, unknown["message"].replace("slack_no_such_tool", tool),
                set(unknown["data"])))
        self.assertEqual(self.slack.calls(since=since), [])
        for tool in want:
            self.assertIsNone(c.tool(tool).rpc)     # though an argument may lack

    def test_keys(self):
        d = self.begin_one()
        for name in (*SETS, "people,posting"):
            key = d.key_add(name.replace(",", "-"), "--workspaces", TEAM,
                            "--role", "admin", "--toolsets", name)
            want = set().union(*(SETS[n] for n in name.split(",")))
            for era in Legacy, Modern:
                with era(d, key).begin() as c:
                    self.check(c, want)
        reader = d.key_add("reader", "--workspaces", TEAM, "--toolsets", "posting")
        with Modern(d, reader) as c:
            self.assertEqual(names(c), BOTH)        # the role narrows, too
            t = c.tool("slack_post_message", channel_id="CARANDOM01", text="x")
            self.assertIsNone(t.rpc)
            self.assertIn("needs the role write", t.text)
        bad = d.ctl("key", "add", "bad", "--toolsets", "peopl", check=False)
        self.assertNotEqual(bad.returncode, 0)
        self.assertIn("perhaps people", bad.stdout + bad.stderr)
        d.stop()

    def test_a_key_of_another_release(self):
        """Its toolset is none of this program's: it has no tool."""
        d = self.begin_one()
        key = d.key_add("future", "--workspaces", TEAM, "--role", "admin")
        with Modern(d, key) as c:
            self.assertEqual(names(c), SETS["core"])
        d.stop()
        path = next(f for f in os.listdir(d.state_dir) if f.endswith(".db"))
        db = sqlite3.connect(os.path.join(d.state_dir, path))
        with db:
            db.execute("UPDATE api_keys SET toolsets='files' WHERE name='future'")
        db.close()
        d.start()
        with Modern(d, key) as c:
            self.check(c, set())
        d.stop()

    def test_configuration_narrows_and_a_reload_changes_it(self):
        conf = self.write(toolsets="channels,people")
        d = self.begin_one("-c", conf)
        key = d.key_add("people", "--workspaces", TEAM, "--toolsets", "people")
        poster = d.key_add("poster", "--workspaces", TEAM, "--role", "write",
                           "--toolsets", "posting")
        said = d.ctl("key", "add", "in-vain", "--toolsets", "posting").stdout
        self.assertIn("offers none of its toolsets: TOOLSETS is channels,people.", said)
        said = d.ctl("key", "add", "good", "--toolsets", "posting,people").stdout
        self.assertNotIn("TOOLSETS", said)
        with Legacy(d).begin() as c, Modern(d, key) as p, Modern(d, poster) as o:
            self.check(c, SETS["channels"] | SETS["people"])
            self.check(p, SETS["people"])
            self.check(o, BOTH)     # the two that every set has
            for now in "posting", "core":
                self.write(toolsets=now)
                old = d.workers()
                d.ctl("reload")
                lib.wait_until("new workers alone serve", lambda old=old: len(
                    w := d.workers()) == len(old) and not set(w) & set(old), 40)
                for client in c, p, o:
                    client.close()
                self.check(c, SETS[now])
                self.check(p, SETS["people"] & SETS[now])
                self.check(o, SETS["posting"] & SETS[now])
            self.write(toolsets="core,pepole")
            said = d.ctl("reload", check=False)
            self.assertIn("perhaps people", said.stdout + said.stderr)
            self.check(c, SETS["core"])
        d.stop()

    def test_scopes_follow(self):
        every = set(",".join(SCOPES.values()).split(","))
        for name, scopes in SCOPES.items():
            d = self.daemon(self.fake(), env={
                "TOOLSETS": name, "SLACK_SCOPES": None,
                "PUBLIC_BASE_URL": "https://mcp.example.org"})
            said = d.run("--manifest").stdout
            self.assertEqual({s for s in every if f'"{s}"' in said},
                             set(scopes.split(",")))
        d = self.begin_one(TOOLSETS="people", SLACK_SCOPES=None)
        page = mcpclient.Browser(d).get("/slack/install", follow=False)
        q = urllib.parse.parse_qs(urllib.parse.urlsplit(page.header("Location")).query)
        self.assertEqual(q["scope"], [SCOPES["people"]])
        d.stop()


if __name__ == "__main__":
    unittest.main()
