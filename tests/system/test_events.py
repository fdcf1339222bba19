# SPDX-License-Identifier: ISC
"""/slack/events: what Slack tells of an install's end."""
import json
import os
import time
import unittest

import lib
from events import Events, sign
from mcpclient import Legacy, get, install, known, raw

TEAM, OTHER = "T0ACME0001", "T0BETA0001"


class Delivered(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        signing = cls.secret("signing secret", os.urandom(16).hex())
        cls.slack.world.signing_secret = signing
        cls.d = cls.daemon(cls.slack, env={"SLACK_SIGNING_SECRET": signing,
                                           "STORE_TIMEOUT": "1"}).start()
        cls.events = Events(cls.slack.world, cls.d.base + "/slack/events")

    def state(self, team):
        return next((r["state"] for r in self.d.ctl_json("show", "installs")
                     if r["team"] == team), None)

    def connected(self, team):
        install(self.d, team)
        known(self.d, team)

    def test_verification(self):
        body = self.events.verification()
        said = self.events.send(body)
        self.assertEqual((said.status, said.body), (200, body["challenge"].encode()))
        self.assertIn("text/plain", said.headers["Content-Type"])
        self.assertEqual(self.events.send(body, secret="0" * 32).status, 401)

    def test_signature(self):
        body = self.events.app_uninstalled(TEAM)
        self.connected(TEAM)
        stamp = "X-Slack-Request-Timestamp"
        for name, more in (
                ("another secret", {"secret": "0" * 32}),
                ("too old", {"age": 301}), ("too new", {"age": -301}),
                ("no signature", {"headers": {"X-Slack-Signature": None}}),
                ("no time", {"headers": {stamp: None}}),
                ("empty", {"headers": {"X-Slack-Signature": ""}}),
                ("no number", {"headers": {stamp: "12e8"}}),
                ("a sign", {"headers": {stamp: f"+{int(time.time())}"}}),
                ("another scheme", {"headers": {"X-Slack-Signature": "v1=" + "0" * 64}}),
                ("cut", {"headers": {"X-Slack-Signature": "v0="}})):
            with self.subTest(name):
                self.assertEqual(self.events.send(body, **more).status, 401)
        self.assertEqual(self.state(TEAM), "live")
        self.assertEqual(self.events.send(b"[]").status, 400)
        self.assertEqual(self.events.send(b"{").status, 400)
        self.assertEqual(self.events.send({"type": "event_callback"}).status, 400)
        self.assertEqual(get(self.d, "/slack/events").status, 405)

    def test_uninstall_in_any_order(self):
        for order in (1, -1):
            with self.subTest(order):
                self.connected(TEAM)
                for body in self.slack_uninstalls(TEAM)[::order]:
                    self.assertEqual(self.events.send(body).status, 200)
                    self.assertEqual(self.events.send(body).status, 200)    # twice
                self.assertEqual(self.state(TEAM), "revoked")
                lib.wait_until("no worker has it", lambda: all(
                    TEAM not in self.workspaces() for _ in range(6)))

    def slack_uninstalls(self, team):
        return self.events.uninstall(team)

    def workspaces(self):
        with Legacy(self.d).begin() as c:
            return c.tool("slack_list_workspaces").text

    def test_a_late_one_spares_the_new_install(self):
        self.connected(TEAM)
        late = self.slack_uninstalls(TEAM)
        for body in late:
            body["event_time"] -= 60
        self.connected(TEAM)
        for body in late:
            self.assertEqual(self.events.send(body).status, 200)
        self.assertEqual(self.state(TEAM), "live")
        for body in late:               # nobody is told of an end that is none
            self.assertRegex(self.d.logs(),
                             f"taken type={body['event']['type']}"
                             f" event={body['event_id']} changed=nothing")

    def test_times_that_are_none(self):
        """Long ago, and the install stays."""
        self.connected(TEAM)
        for when in (2 ** 63 - 1, 10 ** 30, -1, 1.5, "now", None):
            body = self.events.app_uninstalled(TEAM, event_time=when)
            self.assertEqual(self.events.send(body).status, 200, when)
        self.assertEqual(self.state(TEAM), "live")

    def test_tokens_revoked_alone(self):
        """bot is not empty: that is the app's own, the install is over."""
        self.connected(TEAM)
        home = self.slack.world.home(TEAM)
        self.assertEqual(self.events.send(self.events.tokens_revoked(
            TEAM, users=["U0ALICE"], bots=[home.bot_user])).status, 200)
        self.assertEqual(self.state(TEAM), "revoked")

    def test_whose_it_is(self):
        """authorizations[0] says it; team_id is where it happened."""
        self.connected(TEAM)
        self.connected(OTHER)
        body = self.events.app_uninstalled(TEAM)
        body["team_id"] = OTHER
        self.assertEqual(self.events.send(body).status, 200)
        self.assertEqual((self.state(TEAM), self.state(OTHER)), ("revoked", "live"))
        body = self.events.app_uninstalled(OTHER)       # as in older documents
        del body["authorizations"]
        self.assertEqual(self.events.send(body).status, 200)
        self.assertEqual(self.state(OTHER), "revoked")

    def test_moved_into_an_organisation(self):
        """The install was made before; the event knows the organisation."""
        self.connected(TEAM)
        body = self.events.app_uninstalled(TEAM)
        body["enterprise_id"] = body["authorizations"][0]["enterprise_id"] = "E0LATER001"
        self.assertEqual(self.events.send(body).status, 200)
        self.assertEqual(self.state(TEAM), "revoked")

    def test_the_events_that_are_known(self):
        """Each is a row, once, whoever takes it, in this life and in the next."""
        self.connected(TEAM)
        bodies = [self.events.callback(TEAM, {"type": "app_home_opened"})
                  for _ in range(3)]
        for body in bodies * 3:
            self.assertEqual(self.events.send(body).status, 200)
        self.d.stop()
        self.d.start()
        for body in bodies:
            self.assertEqual(self.events.send(body, retry=(1, "http_error")).status, 200)
        known = [r[0] for r in self.d.sql("SELECT event_id FROM events")]
        for body in bodies:
            self.assertEqual(known.count(body["event_id"]), 1)
        taken = [line for line in self.d.logs().splitlines()
                 if bodies[0]["event_id"] in line and "taken" in line]
        self.assertEqual(["changed=nothing" in line for line in taken],
                         [False] + [True] * 3)
        self.assertEqual(self.state(TEAM), "live")

    def test_headers_once(self):
        """Two of either header, and nobody knows which one is meant."""
        body = json.dumps(self.events.verification()).encode()
        stamp = int(time.time())
        signature = sign(self.slack.world.signing_secret, stamp, body)
        one = [f"X-Slack-Request-Timestamp: {stamp}", f"X-Slack-Signature: {signature}"]
        for heads, status in ((one, 200), (one + one[:1], 401), (one + one[1:], 401),
                              (one[:1], 401), (one[1:], 401)):
            text = "\r\n".join(["POST /slack/events HTTP/1.1", "Host: x",
                                "Content-Type: application/json",
                                f"Content-Length: {len(body)}", "Connection: close",
                                *heads, "", ""])
            said = raw(self.d, text.encode() + body)
            self.assertTrue(said.startswith(f"HTTP/1.1 {status} ".encode()), said[:200])

    def test_only_a_bot_ends_an_install(self):
        self.connected(TEAM)
        self.assertEqual(self.events.send(
            self.events.tokens_revoked(TEAM, users=["U0ALICE"])).status, 200)
        self.assertEqual(self.state(TEAM), "live")
        self.assertEqual(self.events.send(self.events.rate_limited(TEAM)).status, 200)

    def test_the_store_is_away(self):
        """Slack is told to send it again, and then it counts."""
        self.connected(OTHER)
        body = self.events.app_uninstalled(OTHER)
        with self.d.locked():
            self.assertEqual(self.events.send(body).status, 503)
        self.assertEqual(self.state(OTHER), "live")
        lib.wait_until("it is taken", lambda: self.events.send(body).status == 200)
        self.assertEqual(self.state(OTHER), "revoked")


if __name__ == "__main__":
    unittest.main()
