# SPDX-License-Identifier: ISC
"""Answers recorded from Slack, served by the fake to each tool: no crash, and
no field of a type that is refused.  Needs SLACK_SAMPLES, a folder of
METHOD.json files: {"examples": [{"name", "body"}]}."""
import glob
import json
import os
import unittest

import lib
import mcpclient
from mcpclient import Legacy

SAMPLES = os.environ.get("SLACK_SAMPLES")
CALLS = {
    "conversations.list": ("slack_list_channels", {}),
    "conversations.history": ("slack_get_channel_history",
                              {"channel_id": "CAGENERAL1"}),
    "chat.postMessage": ("slack_post_message",
                         {"channel_id": "CAGENERAL1", "text": "x"}),
}


@unittest.skipUnless(SAMPLES, "SLACK_SAMPLES is not set")
class Samples(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack).start()
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
        self.assertGreater(count, 10)

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
