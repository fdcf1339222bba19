# SPDX-License-Identifier: ISC
"""The main job of the installed program, once, in one minute at most."""
import unittest

import lib
import mcpclient


class Smoke(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack).start()

    def test_main_job(self):
        page = mcpclient.install(self.d)
        self.assertEqual(page.status, 200, page)
        self.assertIn("T0ACME0001", page.text)
        key = self.d.key_add("smoke", "--workspaces", "T0ACME0001",
                             "--role", "write")
        for client in (mcpclient.Legacy, mcpclient.Modern):
            with self.subTest(client=client.__name__), \
                    client(self.d, key).begin() as c:
                channels = c.tool("slack_list_channels", limit=5)
                self.assertTrue(channels.ok, channels)
                self.assertIn("CAGENERAL1", channels.text)
                text = f"Grüße <&> {client.__name__}"
                posted = c.tool("slack_post_message", channel_id="CAGENERAL1",
                                text=text)
                self.assertTrue(posted.ok, posted)
                history = c.tool("slack_get_channel_history",
                                 channel_id="CAGENERAL1", limit=2)
                self.assertTrue(history.ok, history)
                self.assertIn(text, history.text)
                self.assertIn(posted.ts(), history.text)


if __name__ == "__main__":
    unittest.main()
