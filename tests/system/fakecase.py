# SPDX-License-Identifier: ISC
"""What the tests of the fake Slack stand on: one of it, and a plain client."""
import base64
import http.client
import json
import unittest
import urllib.parse

from lib import FakeSlack, default_world

ACME, BETA = "T0ACME0001", "T0BETA0001"
SCOPES = "chat:write,channels:read,channels:history"


class Said:
    """An answer of the fake."""

    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.raw = response.read()

    @property
    def body(self):
        return json.loads(self.raw)

    def __getitem__(self, name):
        return self.body[name]

    def __str__(self):
        return f"{self.status} {self.raw[:500]!r}"


class FakeCase(unittest.TestCase):
    URI = "https://app.example/callback"

    def setUp(self):
        self.world = self.make_world()
        self.fake = FakeSlack(self.world).start()
        self.addCleanup(self.fake.stop)

    def make_world(self):
        return default_world()

    def http(self, method, path, body=None, headers=()):
        c = http.client.HTTPConnection("127.0.0.1", self.fake.port, timeout=20)
        try:
            c.request(method, path, body, dict(headers))
            return Said(c.getresponse())
        finally:
            c.close()

    def ask(self, method, bearer=None, /, headers=(), **form):
        """A call as the daemon makes it: a form, the token as Bearer."""
        more = {"Content-Type": "application/x-www-form-urlencoded"}
        if bearer:
            more["Authorization"] = "Bearer " + bearer
        return self.http("POST", "/api/" + method, urllib.parse.urlencode(form),
                         {**more, **dict(headers)})

    def app(self, method, secret=None, **form):
        """A call in the name of the app: HTTP Basic."""
        pair = f"{self.world.client_id}:{secret or self.world.client_secret}"
        coded = base64.b64encode(pair.encode()).decode()
        return self.ask(method, headers={"Authorization": "Basic " + coded}, **form)

    def code(self, team=ACME, scope=SCOPES, **more):
        """A user agrees."""
        q = {"client_id": self.world.client_id, "redirect_uri": self.URI,
             "scope": scope, "state": "s", "team": team, **more}
        page = self.http("GET", "/oauth/v2/authorize?" + urllib.parse.urlencode(q))
        self.assertEqual(page.status, 302, page)
        back = urllib.parse.urlsplit(page.headers["Location"]).query
        return urllib.parse.parse_qs(back)["code"][0]

    def install(self, team=ACME, scope=SCOPES, **more):
        """What the app gets of an install."""
        return self.app("oauth.v2.access", code=self.code(team, scope, **more),
                        redirect_uri=self.URI)

    def good(self, said):
        self.assertEqual(said.status, 200, said)
        self.assertTrue(said["ok"], said)
        return said.body

    def bad(self, word, said):
        self.assertEqual(said.status, 200, said)
        self.assertEqual((said["ok"], said["error"]), (False, word))
        return said.body
