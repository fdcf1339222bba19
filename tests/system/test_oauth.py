# SPDX-License-Identifier: ISC
"""The OAuth install: its flow, its state, what it refuses, what it stores."""
import concurrent.futures
import http.client
import os
import re
import sqlite3
import unittest
import urllib.parse

import lib
import mcpclient
from mcpclient import Browser, get, install


def parts(url):
    u = urllib.parse.urlsplit(url)
    return u, dict(urllib.parse.parse_qsl(u.query))


class Flow(lib.Suite):
    @classmethod
    def begin(cls):
        cls.slack = cls.fake()
        cls.d = cls.daemon(cls.slack, env={"INSTALL_ALLOW": "*"}).start()
        cls.callback = cls.d.env["SLACK_REDIRECT_URI"]

    def setUp(self):
        self.slack.faults.clear()
        self.slack.world.deny = False
        self.slack.world.authorize_team = "T0ACME0001"

    def begin_flow(self):
        """A browser that stands before Slack's page, and the state."""
        b = Browser(self.d)
        a = b.get("/slack/install", follow=False)
        self.assertEqual(a.status, 302, a)
        return b, parts(a.header("Location"))[1]["state"]

    def come_back(self, b, state):
        """Slack's page agrees; the callback's URL."""
        a = b.get(self.slack.url + "/oauth/v2/authorize?" + urllib.parse.urlencode({
            "client_id": self.slack.world.client_id, "scope": lib.SCOPES,
            "redirect_uri": self.callback, "state": state}), follow=False)
        return a.header("Location")

    def assert_not_exchanged(self, since):
        self.assertEqual(self.slack.calls("oauth.v2.access", since), [])

    def test_redirect(self):
        b = Browser(self.d)
        a = b.get("/slack/install?team=T0BETA0001", follow=False)
        self.assertEqual(a.status, 302)
        u, q = parts(a.header("Location"))
        self.assertEqual(f"{u.scheme}://{u.netloc}{u.path}",
                         self.d.env["SLACK_AUTHORIZE_URL"])
        self.assertEqual(q["client_id"], self.slack.world.client_id)
        self.assertEqual(q["redirect_uri"], self.callback)
        self.assertEqual(set(q["scope"].split(",")), set(lib.SCOPES.split(",")))
        self.assertEqual(q["team"], "T0BETA0001")
        self.assertGreaterEqual(len(q["state"]), 22)
        cookie = a.header("Set-Cookie")
        self.assertRegex(cookie, "(?i)HttpOnly")
        self.assertRegex(cookie, "(?i)SameSite=Lax")
        self.assertRegex(cookie, "(?i)Path=/slack/oauth")
        self.assertNotRegex(cookie, "(?i)Secure")   # http
        self.assertEqual(a.header("Cache-Control"), "no-store")

    def test_hostile_team_hint(self):
        for hint in ("T1%26client_id%3Dx", "%3Cscript%3E", "T0%0d%0aX:1"):
            with self.subTest(hint):
                a = Browser(self.d).get("/slack/install?team=" + hint, follow=False)
                if a.status == 302:
                    q = parts(a.header("Location"))[1]
                    self.assertEqual(q["client_id"], self.slack.world.client_id)

    def test_flow(self):
        since = self.slack.mark()
        page = install(self.d, "T0ACME0001")
        self.assertEqual(page.status, 200, page)
        self.assertTrue(page.header("Content-Type").startswith("text/html"))
        for word in ("Acme", "T0ACME0001", "/mcp"):
            self.assertIn(word, page.text)
        for name, value in (("Cache-Control", "no-store"),
                            ("Referrer-Policy", "no-referrer")):
            self.assertEqual(page.header(name), value)
        self.assertNotIn("code=", page.text)
        call, = self.slack.calls("oauth.v2.access", since)
        self.assertEqual(call["http"], "POST")
        self.assertEqual(call["answer"], "ok")
        self.assertEqual(set(call["form"]), {"code", "redirect_uri"})
        self.assertEqual(call["type"], "application/x-www-form-urlencoded")
        rows = self.d.ctl("show", "installs").stdout
        self.assertIn("T0ACME0001", rows)
        self.assertIn("live", rows)

    def test_hostile_name(self):
        page = install(self.d, "T0BETA0001")
        self.assertEqual(page.status, 200)
        self.assertIn("Beta &amp; &lt;b&gt;Söhne&lt;/b&gt;", page.text)
        self.assertNotIn("<b>Söhne", page.text)

    def test_reinstall_keeps_one_row(self):
        install(self.d, "T0ACME0001")
        install(self.d, "T0ACME0001")
        rows = self.d.ctl_json("show", "installs")
        self.assertEqual(sum("T0ACME0001" in str(r) for r in rows), 1)

    def test_replayed(self):
        b, state = self.begin_flow()
        url = self.come_back(b, state)
        jar = dict(b.jar)
        self.assertEqual(b.get(url).status, 200)
        since = self.slack.mark()
        for again in (dict(jar), b.jar):
            b.jar = again
            a = b.get(url)
            self.assertIn(a.status, (400, 403, 409, 410), a)
            self.assertIn("/slack/install", a.text)
        self.assert_not_exchanged(since)

    def test_loaded_again(self):
        """The same page once more says that it was answered."""
        b, state = self.begin_flow()
        url = self.come_back(b, state)
        self.assertEqual(b.get(url).status, 200)
        a = b.get(url)
        self.assertEqual(a.status, 409, a)
        self.assertIn("already_used", a.text)

    def test_strangers_link(self):
        """What somebody else makes a browser load does not end its install."""
        b, state = self.begin_flow()
        url = self.come_back(b, state)
        for q in ("error=access_denied", "error=x&state=y", "state=x&code=1",
                  f"state={state[:-4]}&code=1", "code=1"):
            a = b.get(self.callback + "?" + q)
            self.assertIn(a.status, (400, 403), a)
        self.assertEqual(b.get(url).status, 200)

    def test_another_browser(self):
        b, state = self.begin_flow()
        url = self.come_back(b, state)
        since = self.slack.mark()
        other, _ = self.begin_flow()        # has a cookie, of its own state
        for browser in (other, Browser(self.d)):
            a = browser.get(url)
            self.assertIn(a.status, (400, 403), a)
            self.assertIn("/slack/install", a.text)
        self.assert_not_exchanged(since)
        self.assertEqual(b.get(url).status, 200)    # its own still works

    def test_forged(self):
        b, state = self.begin_flow()
        url = self.come_back(b, state)
        code = parts(url)[1]["code"]
        since = self.slack.mark()
        flipped = state[:-1] + ("A" if state[-1] != "A" else "B")
        middle = len(state) // 2
        flipped2 = state[:middle] + ("A" if state[middle] != "A" else "B") + \
            state[middle + 1:]
        for bad in ("", "x", flipped2, state[:-4], state + "x", "A" * len(state),
                    "<script>alert(1)</script>", flipped):
            with self.subTest(bad):
                q = urllib.parse.urlencode({"code": code, "state": bad})
                a = b.get(self.callback + "?" + q)
                self.assertIn(a.status, (400, 403), a)
                self.assertNotIn("<script>", a.text)
        # twice the same parameter
        for q in (f"code={code}&state={state}&state={state}",
                  f"code={code}&code={code}&state={state}"):
            self.assertIn(b.get(self.callback + "?" + q).status, (400, 403))
        self.assert_not_exchanged(since)

    def test_no_state(self):
        """Slack's own install button: the page with the link."""
        since = self.slack.mark()
        a = Browser(self.d).get(self.callback + "?code=123.456.abc")
        self.assertLess(a.status, 500)
        self.assertIn("/slack/install", a.text)
        a = Browser(self.d).get(self.callback)
        self.assertLess(a.status, 500)
        self.assert_not_exchanged(since)

    def test_denied(self):
        since = self.slack.mark()
        self.slack.world.deny = True
        a = Browser(self.d).get("/slack/install")
        self.assertLess(a.status, 500)
        self.assertTrue(a.header("Content-Type").startswith("text/html"))
        self.assertIn("/slack/install", a.text)
        self.assert_not_exchanged(since)

    def test_slack_refuses(self):
        for kind, more in (("error", {"error": "invalid_code"}),
                           ("error", {"error": "bad_client_secret"}),
                           ("status", {"status": 500}), ("html", {}),
                           ("empty", {}), ("garbage", {}), ("reset", {}),
                           ("body", {"body": {"ok": True}}),
                           ("body", {"body": {"ok": True, "access_token": 7,
                                              "team": []}})):
            with self.subTest(kind=kind, **more):
                self.slack.faults.clear()
                self.slack.fault("oauth.v2.access", kind, **more)
                a = Browser(self.d).get("/slack/install")
                self.assertGreaterEqual(a.status, 400, a)
                self.assertTrue(a.header("Content-Type").startswith("text/html"))
                self.assertIn("/slack/install", a.text)
        self.slack.faults.clear()
        self.assertEqual(install(self.d).status, 200)

    def test_without_auth_test(self):
        """What only auth.test says may be missing: the install is kept."""
        for kind, more in (("error", {"error": "invalid_auth"}),
                           ("status", {"status": 500, "times": 3})):
            with self.subTest(kind):
                self.d.ctl("install", "revoke", "T0ACME0001", check=False)
                self.slack.faults.clear()
                self.slack.fault("auth.test", kind, **more)
                self.assertEqual(install(self.d, "T0ACME0001").status, 200)
                with mcpclient.Legacy(self.d).begin() as m:
                    self.assertTrue(m.tool("slack_list_channels",
                                           team_id="T0ACME0001").ok)

    def test_both_names_of_loopback(self):
        """Asked as localhost it goes to 127.0.0.1 first: the cookie is there."""
        page = Browser(self.d).get(f"http://localhost:{self.d.port}/slack/install")
        self.assertEqual(page.status, 200, page)
        self.assertIn("Acme", page.text)

    def test_landing_page(self):
        a = get(self.d, "/")
        self.assertEqual(a.status, 200)
        self.assertIn("/slack/install", a.text)
        self.assertIn("Add to Slack", a.text)

    def test_stored_sealed(self):
        install(self.d, "T0ACME0001")
        token = self.slack.world.teams["T0ACME0001"].token
        for base, _, files in os.walk(self.d.state_dir):
            for name in files:
                with open(os.path.join(base, name), "rb") as f:
                    self.assertNotIn(token.encode(), f.read(), name)
        db = self.database()
        columns = [r[1] for r in db.execute("PRAGMA table_info(installs)")]
        row = dict(zip(columns, db.execute(
            "SELECT * FROM installs WHERE team_id = 'T0ACME0001'").fetchone()))
        db.close()
        sealed = [v for k, v in row.items() if "token" in k and v]
        self.assertTrue(sealed)
        self.assertTrue(row["key_id"])
        self.assertEqual(set(row["scopes"].replace(",", " ").split()),
                         set(lib.SCOPES.split(",")))

    def database(self):
        name = next(f for f in os.listdir(self.d.state_dir)
                    if f.endswith((".db", ".sqlite")))
        return sqlite3.connect(os.path.join(self.d.state_dir, name))

    def test_store_locked_after_the_exchange(self):
        """The sealed answer goes to the spool and is stored later."""
        self.d.ctl("install", "revoke", "T0BETA0001", check=False)
        b, state = self.begin_flow()
        self.slack.world.authorize_team = "T0BETA0001"
        url = self.come_back(b, state)
        since = self.slack.mark()
        self.slack.fault("oauth.v2.access", "hold")
        u = urllib.parse.urlsplit(url)
        cookie = "; ".join(f"{k[2]}={v}" for k, v in b.jar.items())
        c = http.client.HTTPConnection("127.0.0.1", self.d.port, timeout=60)
        c.request("GET", u.path + "?" + u.query,
                  headers={"Cookie": cookie, "Accept": "text/html"})
        self.assertTrue(self.slack.wait_held("oauth.v2.access", since=since))
        db = self.database()
        db.isolation_level = None
        db.execute("BEGIN EXCLUSIVE")
        try:
            self.slack.release()
            r = c.getresponse()
            page = mcpclient.Answer(r.status, r.getheaders(), r.read())
            c.close()
            mcpclient.keep(self.d, page)
            self.assertLess(page.status, 500, page)
            self.assertIn("T0BETA0001", page.text)
            spool = os.path.join(self.d.state_dir, "spool")
            files = os.listdir(spool)
            self.assertEqual(len(files), 1)
            with open(os.path.join(spool, files[0]), "rb") as f:
                data = f.read()
            token = self.slack.world.teams["T0BETA0001"].token
            self.assertNotIn(token.encode(), data)
        finally:
            db.execute("ROLLBACK")
            db.close()
        lib.wait_until("the spool is empty", lambda: not os.listdir(spool), 60)
        lib.wait_until("the install is live", lambda: re.search(
            r"T0BETA0001.*live", self.d.ctl("show", "installs").stdout), 15)
        mcpclient.known(self.d, "T0BETA0001")
        with mcpclient.Legacy(self.d).begin() as m:
            self.assertTrue(m.tool("slack_list_channels",
                                   team_id="T0BETA0001").ok)


class Pending(lib.Suite):
    """INSTALL_ALLOW: what it does not name waits for the operator."""

    def test_pending_and_approve(self):
        slack = self.fake()
        d = self.daemon(slack, env={"INSTALL_ALLOW": "T0ACME0001"}).start()
        self.assertEqual(install(d, "T0ACME0001").status, 200)
        page = install(d, "T0BETA0001")
        self.assertEqual(page.status, 200, page)
        self.assertIn("slackmcpctl install approve T0BETA0001", page.text)
        lib.wait_until("it is listed", lambda: re.search(
            r"T0BETA0001.*pending", d.ctl("show", "installs").stdout), 5)
        star = d.key_add("star", "--workspaces", "*", "--role", "admin")
        self.assertFalse(any(self.reaches(d, key) for key in (d.key, star)
                             for _ in range(6)))
        since = slack.mark()
        with mcpclient.Legacy(d).begin() as m:
            names = m.tool("slack_list_workspaces")
            self.assertNotIn("T0BETA0001", names.text)
            self.assertTrue(m.tool("slack_list_channels",
                                   team_id="T0BETA0001").error)
            self.assertEqual([c for c in slack.calls(since=since)
                              if c["team"] == "T0BETA0001"], [])
            for command, reached in (("approve", True), ("disable", False),
                                     ("enable", True)):
                d.ctl("install", command, "T0BETA0001")
                lib.wait_until(f"{command} holds in every worker", lambda: all(
                    self.reaches(d, key) is reached
                    for key in (d.key, star) for _ in range(6)), 3)
            # a re-install of a live one stays live
            install(d, "T0BETA0001")
            self.assertRegex(d.ctl("show", "installs").stdout, r"T0BETA0001.*live")
            d.ctl("install", "revoke", "T0BETA0001")
            lib.wait_until("it is gone", lambda: m.tool(
                "slack_list_channels", team_id="T0BETA0001").error, 5)
        d.stop()

    def test_organisations(self):
        """An org's own install, and a workspace of an org that is let in."""
        slack = self.fake()
        d = self.daemon(slack, env={"INSTALL_ALLOW": "E0ORG00001"}).start()
        acme = slack.world.teams["T0ACME0001"]
        answer = {"ok": True, "app_id": "A0FAKEAPP", "token_type": "bot",
                  "scope": lib.SCOPES, "bot_user_id": "U0ACME0001BOT",
                  "access_token": acme.token, "authed_user": {"id": "U0ALICE"},
                  "enterprise": {"id": "E0ORG00001", "name": "Org & <i>Co</i>"}}
        acme.scopes |= set(lib.SCOPES.split(","))
        slack.fault("oauth.v2.access", "body", body={
            **answer, "team": None, "is_enterprise_install": True})
        page = mcpclient.Browser(d).get("/slack/install")
        self.assertEqual(page.status, 200, page)
        for word in ("E0ORG00001", "Org &amp; &lt;i&gt;Co&lt;/i&gt;", "live"):
            self.assertIn(word, page.text)
        mcpclient.known(d, "E0ORG00001")
        key = d.key_add("org", "--workspaces", "E0ORG00001")
        other = d.key_add("other", "--workspaces", "T0BETA0001")
        with mcpclient.Legacy(d, key).begin() as m:
            self.assertIn("of organisation E0ORG00001", m.tool(
                "slack_list_workspaces").text)
            self.assertTrue(m.tool("slack_list_channels", limit=1).ok)
        with mcpclient.Legacy(d, other).begin() as m:
            self.assertTrue(m.tool("slack_list_channels", team_id="E0ORG00001").error)
        slack.fault("oauth.v2.access", "body", body={
            **answer, "team": {"id": "T0ACME0001", "name": "Acme"},
            "is_enterprise_install": False})
        self.assertIn("live", mcpclient.Browser(d).get("/slack/install").text)
        # one of another org waits
        slack.fault("oauth.v2.access", "body", body={
            **answer, "team": {"id": "T0BETA0001", "name": "Beta"},
            "enterprise": {"id": "E0OTHER001", "name": "Other"}})
        self.assertIn("slackmcpctl install approve T0BETA0001",
                      mcpclient.Browser(d).get("/slack/install").text)
        d.stop()

    def test_disable_ends_what_waits(self):
        """A call that waits for its turn is not sent any more."""
        slack = self.fake()
        d = self.daemon(slack, env={"BUDGET_SCALE": "0.2"}).start()
        install(d, "T0BETA0001")
        self.assertTrue(self.reaches(d, d.key))     # the next one 15 s later
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waits = pool.submit(self.reaches, d, d.key)
            lib.wait_until("it waits", lambda: re.search(
                r"wait for the budget\s+1\b", d.ctl("show", "info").stdout), 3)
            d.ctl("install", "disable", "T0BETA0001")
            self.assertFalse(waits.result())
        self.assertEqual(len(slack.calls("conversations.list")), 1)
        d.stop()

    @staticmethod
    def reaches(d, key):
        """By a connection of its own: any worker may take it."""
        with mcpclient.Modern(d, key) as m:
            return m.tool("slack_list_channels", team_id="T0BETA0001",
                          limit=1).ok

    def test_public_base_allows_nobody(self):
        slack = self.fake()
        d = self.daemon(slack, env={
            "PUBLIC_BASE_URL": "https://mcp.example.org"})
        # the browser still comes by the loopback redirect URI
        d.start()
        page = install(d, "T0ACME0001")
        self.assertIn("slackmcpctl install approve T0ACME0001", page.text)
        d.stop()
        # and the next start tells of it
        d.start()
        row, = [r for r in d.log_rows() if "wait for approval" in r.get("msg", "")]
        self.assertRegex(str(row), r"count\W+1\b")
        d.stop()

    def test_rotating_install_is_stored_and_used(self):
        slack = self.fake()
        slack.world.teams["T0ACME0001"].rotates = True
        d = self.daemon(slack).start()
        self.assertEqual(install(d, "T0ACME0001").status, 200)
        with mcpclient.Legacy(d).begin() as m:
            self.assertTrue(m.tool("slack_list_channels").ok)
        d.stop()


if __name__ == "__main__":
    unittest.main()
