# SPDX-License-Identifier: ISC
"""Two daemons on one MariaDB, and what becomes of them when it is away."""
import os
import signal
import time
import unittest
import urllib.parse

import lib
import mcpclient
from mariadb import MariaDB
from mcpclient import Browser, Legacy, Modern, get, install

ACME, BETA = "T0ACME0001", "T0BETA0001"
GENERAL = "CAGENERAL1"


class Shared(lib.Suite):
    """One MariaDB for the class; each test begins on an empty one."""
    TLS = False

    @classmethod
    def begin(cls):
        cls.db = MariaDB(os.path.join(cls.dir, "db"), tls=cls.TLS, bare=True)
        cls.secret("password of the store", cls.db.password)
        cls.token_keys = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
        cls.secret("token key", cls.token_keys[3:])
        cls.db.start()

    may_hold_secrets = lib.Suite.may_hold_secrets + ("init.sql",)

    @classmethod
    def tearDownClass(cls):
        cls.db.signal(signal.SIGCONT)
        cls.db.stop()           # all is in its files now, and they are searched
        super().tearDownClass()

    @classmethod
    def clear(cls):
        cls.db.stop()
        super().clear()

    @classmethod
    def options(cls, **more):
        env = {"STORE": cls.db.store, "STORE_PASSWORD": cls.db.password,
               "TOKEN_KEYS": cls.token_keys, "MIGRATE": "auto",
               "INSTALL_ALLOW": "*", "STORE_TIMEOUT": "2", **more}
        if cls.db.ca:
            env["STORE_CA"] = cls.db.ca
        return env

    @classmethod
    def pair(cls, slack, **more):
        """Two daemons as two hosts behind one address: that of the first."""
        a = cls.daemon(slack, env=cls.options(NODE_NAME="n1", **more))
        b = cls.daemon(slack, env=cls.options(
            NODE_NAME="n2", AFFINITYBOTS_MCP_API_KEY=a.key,
            SLACK_REDIRECT_URI=a.env["SLACK_REDIRECT_URI"], **more))
        b.key = a.key
        a.spawn("-f")       # both at once: one migrates, the other waits
        b.spawn("-f")
        a.wait_ready()
        b.wait_ready()
        return a, b

    def setUp(self):
        for row in self.db.sql("SHOW TABLES"):
            self.db.sql(f"DROP TABLE `{row[0]}`")

    def tearDown(self):
        for d in self.daemons:
            d.stop()

    def tool(self, d, name, key=None, **args):
        with Modern(d, key) as c:
            return c.tool(name, **args)

    def within(self, what, seconds, fn):
        """As wait_until, but the machine's slowness is no excuse."""
        began = time.monotonic()
        lib.wait_until(what, fn, seconds)
        took = time.monotonic() - began
        self.assertLess(took, seconds * lib.SLOW, what)
        return took

    def by_all(self, d, good):
        """Whichever worker takes the connection."""
        return all(good() for _ in range(6 * int(d.env["WORKERS"])))


class Two(Shared):
    def test_what_one_does_the_other_knows(self):
        slack = self.fake()
        a, b = self.pair(slack)
        self.assertEqual(self.db.sql("SELECT COUNT(*) FROM changes"), [["1"]])
        install(a, ACME)
        mcpclient.known(b, ACME)
        key = a.key_add("agent", "--workspaces", ACME, "--role", "write")

        def serves(d):
            return self.by_all(d, lambda: self.tool(
                d, "slack_list_channels", key, limit=2).ok)
        for d in (a, b):
            self.within("the key opens both", 5, lambda d=d: serves(d))
        with self.subTest("a workspace disabled at one is dead at the other"):
            a.ctl("install", "disable", ACME)
            self.within("it is dead there", 3, lambda: self.by_all(
                b, lambda: not self.tool(b, "slack_list_channels", key, limit=2).ok))
            b.ctl("install", "enable", ACME)
            self.within("it lives again", 5, lambda: serves(a))
        with self.subTest("a post repeated at the other"):
            since = slack.mark()
            post = {"channel_id": GENERAL, "text": "once", "idempotency_key": "i"}
            first = self.tool(a, "slack_post_message", key, **post)
            self.assertTrue(first.ok, first)
            lib.wait_until("its outcome is stored", lambda: self.db.sql(
                "SELECT state FROM posts") == [["posted"]])
            second = self.tool(b, "slack_post_message", key, **post)
            self.assertTrue(second.ok, second)
            self.assertEqual(first.ts(), second.ts())
            self.assertEqual(len(slack.calls("chat.postMessage", since)), 1)
        with self.subTest("a key revoked at one is dead at the other"):
            a.ctl("key", "revoke", "agent")
            self.within("it is dead there", 3, lambda: self.by_all(
                b, lambda: get(b, "/mcp", headers={
                    "Authorization": f"Bearer {key}"}).status == 401))
        with self.subTest("a reload"):
            old = b.workers()
            b.ctl("reload")
            lib.wait_until("new workers serve", lambda: len(
                [p for p in b.workers() if p not in old]) == len(old), 30)
            self.assertTrue(self.tool(b, "slack_list_channels", limit=2).ok)
        with self.subTest("a session belongs to its host"):
            with Legacy(a).begin() as c:
                self.assertTrue(c.session.startswith("n1."))

    def test_install_begun_at_one_finished_at_the_other(self):
        slack = self.fake()
        a, b = self.pair(slack)
        browser = Browser(a)
        to_slack = browser.get("/slack/install?team=" + BETA, follow=False)
        self.assertEqual(to_slack.status, 302, to_slack)
        slack.world.authorize_team = BETA
        back = browser.get(to_slack.header("Location"), follow=False).header("Location")
        u = urllib.parse.urlsplit(back)
        there = u._replace(netloc=f"127.0.0.1:{b.port}").geturl()
        page = browser.get(there)
        self.assertEqual(page.status, 200, page)
        self.assertIn(BETA, page.text)
        for d in (a, b):
            mcpclient.known(d, BETA)
        # and the link works once, wherever
        since = slack.mark()
        again = browser.get(back)
        self.assertEqual(slack.calls("oauth.v2.access", since), [], again)


class Away(Shared):
    """The database stops, dies, comes back."""

    def begun(self):
        self.slack = self.fake()
        a, b = self.pair(self.slack)
        install(a, ACME)
        mcpclient.known(b, ACME)
        for d in (a, b):
            self.assertTrue(self.reads(d))
        return a, b

    def reads(self, d):
        return self.tool(d, "slack_list_channels", team_id=ACME, limit=2).ok

    def writes(self, d, text):
        return self.tool(d, "slack_post_message", team_id=ACME,
                         channel_id=GENERAL, text=text)

    def told(self, d):
        """/health says it, with 200; /ready with 503."""
        health = get(d, "/health")
        return health.status == 200 and health.json["status"] == "degraded" and \
            get(d, "/ready").status == 503

    def serve_without(self, daemons):
        for d in daemons:
            self.within("it says that the store is away", 20, lambda d=d: self.told(d))
            for _ in range(4):
                self.assertTrue(self.reads(d))
            since = self.slack.mark()
            t = self.writes(d, "never sent")
            self.assertFalse(t.ok, t)
            self.assertRegex(t.text, "(?i)store")
            self.assertEqual(self.slack.calls("chat.postMessage", since), [])

    def recovered(self, daemons):
        for d in daemons:
            d.wait_ready(40)
            self.within("it posts again", 10, lambda d=d: self.by_all(
                d, lambda: self.writes(d, "again").ok))
            self.assertEqual(get(d, "/health").json["status"], "ok")

    def test_stopped_and_killed(self):
        both = self.begun()
        pids = [d.workers() for d in both]
        with self.subTest("it stands still"):
            self.db.signal(signal.SIGSTOP)
            try:
                self.serve_without(both)
            finally:
                self.db.signal(signal.SIGCONT)
            self.recovered(both)
        with self.subTest("it is killed"):
            self.db.kill()
            self.serve_without(both)
            self.db.start()
            self.recovered(both)
        with self.subTest("it is stopped in order"):
            self.db.stop()
            self.serve_without(both)
            self.db.start()
            self.recovered(both)
        with self.subTest("its connections are cut"):
            for _ in range(3):
                for row in self.db.sql("SELECT id FROM information_schema.processlist "
                                       "WHERE id <> CONNECTION_ID()"):
                    self.db.client("-e", f"KILL {row[0]}")
            self.recovered(both)
        # by themselves: with the same workers
        self.assertEqual([d.workers() for d in both], pids)

    def test_install_while_away(self):
        """The nonce cannot be used up: the code is not exchanged."""
        a, b = self.begun()
        browser = Browser(a)
        to_slack = browser.get("/slack/install", follow=False)
        self.slack.world.authorize_team = BETA
        back = browser.get(to_slack.header("Location"), follow=False).header("Location")
        self.db.kill()
        try:
            self.within("it says so", 20, lambda: self.told(a))
            since = self.slack.mark()
            page = browser.get(back)
            self.assertEqual(page.status, 503, page)
            self.assertEqual(self.slack.calls("oauth.v2.access", since), [])
        finally:
            self.db.start()
        self.recovered((a, b))
        install(a, BETA)
        mcpclient.known(b, BETA)

    def test_absent_at_start(self):
        self.db.stop()
        d = self.daemon(self.fake(), env=self.options())
        try:
            d.start(ready=False)
            lib.wait_until("it serves, degraded", lambda: d.proc.poll() is None and get(
                d, "/health", fail=False).status == 200, 40)
            self.assertEqual(get(d, "/ready").status, 503)
            self.assertIn("store", get(d, "/health").text)
        finally:
            self.db.start()
        d.wait_ready(60)
        page = install(d, ACME)
        self.assertEqual(page.status, 200, page)
        t = self.tool(d, "slack_list_channels", limit=2)
        self.assertTrue(t.ok, t)


class Start(Shared):
    TLS = True

    def refused(self, env, *words):
        d = self.daemon(self.fake(), env=env)
        done = d.run("-f")
        self.assertEqual(done.returncode, 78, done)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)
        return d

    def test_refusals(self):
        by_hand = self.options(MIGRATE=None)
        with self.subTest("an older schema"):
            d = self.refused(by_hand, "migration 0", "slackmcpd --migrate")
            self.assertEqual(d.run("--migrate").returncode, 0)
            d.start().stop()
        with self.subTest("one step back"):
            self.assertEqual(d.run("--rollback").returncode, 0)
            self.refused(by_hand, "slackmcpd --migrate")
            self.assertEqual(d.run("--migrate").returncode, 0)
        with self.subTest("no token keys"):
            self.refused(self.options(TOKEN_KEYS=None), "TOKEN_KEYS",
                         "openssl rand -base64 32")
        with self.subTest("a password in the address"):
            self.refused({**by_hand, "STORE": "mariadb://u:geheimgeheim@h/db"},
                         "STORE_PASSWORD")
        with self.subTest("no such form"):
            self.refused({**by_hand, "STORE": "mariadb://u@h"}, "STORE")

    def test_over_tls(self):
        d = self.daemon(self.fake(), env=self.options()).start()
        install(d, ACME)
        ciphers = self.db.sql("SELECT variable_value FROM information_schema."
                              "global_status WHERE variable_name = 'Ssl_accepts'")
        self.assertGreater(int(ciphers[0][0]), 0)
        d.stop()
        with self.subTest("by the server's socket, where TLS has no use"):
            local = self.daemon(self.fake(), env=self.options(
                STORE=self.db.store_by_socket))
            del local.env["STORE_CA"]
            local.start()
            self.assertIn(ACME, local.ctl("show", "installs").stdout)
            local.stop()
        with self.subTest("by a user who may not make tables"):
            self.db.admin("REVOKE ALL ON slackmcp.* FROM slackmcpd@'127.0.0.1'")
            self.db.admin("GRANT SELECT, INSERT, UPDATE, DELETE ON slackmcp.* "
                          "TO slackmcpd@'127.0.0.1'")
            d.start()
            d.stop()
            self.db.admin("GRANT ALL ON slackmcp.* TO slackmcpd@'127.0.0.1'")
        with self.subTest("a certificate of another CA"):
            wrong = self.daemon(self.fake(), env=self.options())
            wrong.env["STORE_CA"] = self.db.path("other-ca.pem")
            wrong.start(ready=False)
            lib.wait_until("it says so", lambda: "certificate" in wrong.logs(), 40)
            lib.wait_until("and is not ready", lambda: get(
                wrong, "/ready", fail=False).status == 503, 40)
            wrong.stop()


if __name__ == "__main__":
    unittest.main()
