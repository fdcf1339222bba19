# SPDX-License-Identifier: ISC
"""Answers recorded from Slack, served by the fake to each tool: no crash, no
field of a type that is refused, and nothing that Slack said is lost.  Needs
SLACK_SAMPLES, a folder of METHOD.json files: {"examples": [{"name", "body"}]}."""
import glob
import html
import json
import os
import re
import unittest

import lib
import mcpclient
from mcpclient import Legacy

SAMPLES = os.environ.get("SLACK_SAMPLES")
ROOM = {"channel_id": "CAGENERAL1"}
THREAD = {**ROOM, "thread_ts": "1700000004.000100"}
CALLS = {
    "conversations.list": ("slack_list_channels", {}),
    "conversations.info": ("slack_get_channel_info", ROOM),
    "conversations.history": ("slack_get_channel_history", ROOM),
    "conversations.replies": ("slack_get_thread_replies", THREAD),
    "users.list": ("slack_get_users", {}),
    "users.profile.get": ("slack_get_user_profile", {"user_id": "U0ALICE"}),
    "chat.postMessage": ("slack_post_message", {**ROOM, "text": "x"}),
    "reactions.add": ("slack_add_reaction", {
        **ROOM, "timestamp": "1700000004.000100", "reaction": "eyes"}),
}
LISTS = {"conversations.list": "channels", "users.list": "members",
         "conversations.history": "messages", "conversations.replies": "messages"}


@unittest.skipUnless(SAMPLES, "SLACK_SAMPLES is not set")
class Samples(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env={"SLACK_SCOPES": lib.SCOPES +
                                           ",users:read,users.profile:read,"
                                           "reactions:write"}).start()
        mcpclient.install(cls.d)
        cls.key = cls.d.key_add("samples", "--workspaces", "T0ACME0001",
                                "--role", "write")

    def bodies(self):
        for path in sorted(glob.glob(os.path.join(SAMPLES, "*.json"))):
            with open(path, encoding="utf-8") as f:
                data = json.load(f)
            if isinstance(data, dict):
                for e in data.get("examples", []):
                    if isinstance(e.get("body"), dict):
                        yield (data.get("method", os.path.basename(path)),
                               e["name"], e["body"])

    def test_its_own_answers(self):
        count = 0
        with Legacy(self.d, self.key).begin() as c:
            for method, name, body in self.bodies():
                if method not in CALLS:
                    continue
                # the merged shapes say ok:false and hold every field
                for ok in {body.get("ok", True), True}:
                    if ok and "error" in body and len(body) == 2:
                        continue
                    with self.subTest(method=method, name=name, ok=ok):
                        tool, args = CALLS[method]
                        self.slack.faults.clear()
                        self.slack.fault(method, "body", body={
                            **body, "ok": ok}, times=3)
                        t = c.tool(tool, **args)
                        self.assertIsNone(t.rpc, t)
                        self.assertTrue(t.text.strip())
                        if ok and not body.get("error"):
                            self.assertFalse(t.error, t)
                        count += 1
        self.assertGreater(count, 40)

    def test_nothing_is_lost(self):
        """In both formats: each row, and each message's words."""
        count = 0
        with Legacy(self.d, self.key).begin() as c:
            for method, name, body in self.bodies():
                rows = body.get(LISTS.get(method, ""))
                if not rows:
                    continue
                tool, args = CALLS[method]
                for form in "compact", "json":
                    self.slack.faults.clear()
                    self.slack.fault(method, "body", body={**body, "ok": True})
                    t = c.tool(tool, format=form, **args)
                    with self.subTest(method=method, name=name, form=form):
                        self.assertTrue(t.ok, t)
                        self.whole(method, rows, t)
                    count += 1
        self.assertGreater(count, 20)

    def whole(self, method, rows, t):
        r = t.answer.json["result"].get("structuredContent")
        if r:
            got = r[LISTS[method]]
            self.assertEqual([x.get("ts", x.get("id")) for x in got],
                             [x.get("ts", x.get("id")) for x in rows])
            return
        said = re.match(r"(\d+) ", t.text)
        self.assertEqual(int(said.group(1)), len(rows), t.text)
        for x in rows:
            for key in "id", "name", "text":
                words = html.unescape(re.sub("<.*?>", "\n", x.get(key) or ""))
                for line in words.splitlines():
                    self.assertIn(line.strip(), t.text)

    def test_answers_of_other_methods(self):
        """Anything that Slack says anywhere: an answer of ours comes back."""
        self.slack.faults.clear()
        with Legacy(self.d, self.key).begin() as c:
            for method, name, body in self.bodies():
                tool, args = CALLS["conversations.history"]
                self.slack.faults.clear()
                self.slack.fault("conversations.history", "body",
                                 body={**body, "ok": True})
                t = c.tool(tool, **args)
                with self.subTest(method=method, name=name):
                    self.assertEqual(t.answer.status, 200)
                    self.assertIsNone(t.rpc, t)
                    self.assertTrue(t.text.strip())

    def test_oauth_answers(self):
        for method, name, body in self.bodies():
            if method != "oauth.v2.access":
                continue
            with self.subTest(name):
                self.slack.fault(method, "body", body=body)
                page = mcpclient.install(self.d)
                self.assertIn(page.status, range(200, 503))
                self.assertNotEqual(page.status, 500)
        self.slack.faults.clear()


if __name__ == "__main__":
    unittest.main()
