# SPDX-License-Identifier: ISC
"""A real browser: the pages of an install as people meet them, and a web page
that calls /mcp from an origin that is allowed or not.

SLACKMCP_SHOTS=FOLDER keeps a picture of every page, wide and narrow, light and
dark, to be looked at."""
import http.server
import json
import os
import re
import sqlite3
import threading
import unittest
import urllib.parse

import chromium
import front
import host
import lib
import mcpclient
from mcpclient import META, MODERN

ACME, BETA = "T0ACME0001", "T0BETA0001"

# Of every text that is seen: its contrast with what lies behind it; beside it how far
# the page reaches over the window.
LOOK = """(() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = rgb(c).map(v => v / 255).map(
    v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (rgb(c)[3] !== 0) return c; } return 'rgb(255, 255, 255)'; };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode());) {
    if (!n.data.trim()) continue;
    const e = n.parentElement, s = getComputedStyle(e);
    const a = light(s.color), b = light(behind(e));
    found.push([n.data.trim().slice(0, 30), parseFloat(s.fontSize),
      (Math.max(a, b) + .05) / (Math.min(a, b) + .05)]);
  }
  const boxes = [...document.querySelectorAll('body *')].filter(
    e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML);
  return { texts: found, boxes, over:
    document.documentElement.scrollWidth - innerWidth };
})()"""


class Browsing(lib.Suite):
    """One Chromium, begun with the class and ended with it."""
    shots = os.environ.get("SLACKMCP_SHOTS")

    @classmethod
    def begin(cls):
        cls.chromium = chromium.Chromium()
        cls.addClassCleanup(cls.chromium.close)
        cls.slack = cls.fake()

    def page(self, **more):
        page = self.chromium.page(**more)
        self.addCleanup(self.check, page)
        return page

    def check(self, page):
        """Nobody but loopback was asked, and nothing was complained of."""
        hosts = {urllib.parse.urlsplit(url).hostname for _, url in page.asked
                 if not url.startswith(("data:", "blob:"))}
        self.assertLessEqual(hosts, {"127.0.0.1", "localhost"})
        self.assertEqual(page.problems, [])

    def judge(self, page, name):
        """How it looks: at any width, light and dark, everything can be read."""
        self.said(page.js("document.documentElement.outerHTML"))
        for width, dark in ((1000, False), (1000, True), (360, False), (360, True)):
            page.look(width, 800, dark)
            got = page.js(LOOK)
            with self.subTest(name, width=width, dark=dark):
                self.assertTrue(got["texts"])
                self.assertLessEqual(got["over"], 0, got["boxes"])
                self.assertEqual(got["boxes"], [])
                for text, size, contrast in got["texts"]:
                    self.assertGreaterEqual(contrast, 4.5, text)
                    self.assertGreaterEqual(size, 12, text)
                seen = page.js("getComputedStyle(document.body).backgroundColor")
                self.assertEqual(sum(map(int, re.findall(r"\d+", seen)[:3])) < 300, dark)
            if self.shots:
                os.makedirs(self.shots, exist_ok=True)
                page.shot(f"{self.shots}/{name}-{width}{'-dark' if dark else ''}.png")
        page.look()

    def counted(self, name):
        return next(int(r["value"]) for r in self.d.ctl_json("show", "info")
                    if r["name"] == name)

    def told(self, page, word):
        """The line of its request, which may come a moment after the page, says so."""
        req = page.header("X-Request-Id")
        lib.wait_until(f"the line of {req} says {word}", lambda: any(
            r.get("req") == req and f" error={word} " in r["msg"]
            for r in self.d.log_rows()))

    def facts(self, page):
        return dict(page.js("[...document.querySelectorAll('dt')].map("
                            "t => [t.innerText, t.nextElementSibling.textContent])"))

    def plain(self, page):
        """Nothing on it but our own tags, no script, and the policy holds."""
        tags = page.js("[...new Set([...document.querySelectorAll('*')].map("
                       "e => e.localName))]")
        self.assertLessEqual(set(tags), {
            "html", "head", "meta", "title", "link", "style", "body", "main", "header",
            "footer", "h1", "h2", "h3", "p", "a", "pre", "dl", "dt", "dd"})
        self.assertEqual(page.js("typeof pwned"), "undefined")
        self.assertRegex(page.header("Content-Security-Policy"), "^default-src 'none';")
        self.assertEqual(page.js("document.querySelectorAll('[onload],[onerror],[onclick],"
                                 "[style],[src]').length"), 0)


@host.needs("chromium")
class Pages(Browsing):
    @classmethod
    def begin(cls):
        super().begin()
        cls.d = cls.daemon(cls.slack, env={"INSTALL_ALLOW": ACME}).start()

    def setUp(self):
        world = self.slack.world
        self.slack.faults.clear()
        world.deny, world.authorize_team = False, ACME
        world.teams[ACME].name = "Acme"

    def install(self, page, team=ACME, base=None):
        self.slack.world.authorize_team = team
        return page.goto((base or self.d.base) + "/slack/install")

    def test_landing_to_success(self):
        """By the link, as people go."""
        page = self.page()
        self.assertEqual(page.goto(self.d.base + "/"), 200)
        self.assertEqual(page.js("document.title"), "slackmcpd")
        self.assertEqual(self.facts(page)["MCP endpoint"], self.d.base + "/mcp")
        self.plain(page)
        self.judge(page, "landing")
        self.assertEqual(page.js("document.querySelectorAll('a').length"), 1)
        self.assertEqual(page.follow("document.querySelector('a').click()"), 200)
        self.assertEqual(page.js("document.title"), "Slack is connected")
        self.assertEqual(self.facts(page), {
            "Workspace": "Acme", "Team id": ACME, "State": "live"})
        text = page.text()
        for words in (f"{self.d.base}/mcp", f"slackmcpctl key add NAME --workspaces {ACME}",
                      "Bearer KEY", "Claude Code", "Cursor", "VS Code"):
            self.assertIn(words, text)
        self.plain(page)
        self.judge(page, "success")

    def test_cookie(self):
        """Of the state: no script sees it, no other path gets it."""
        page = self.page()
        self.install(page)
        self.assertEqual(page.js("document.cookie"), "")
        for c in page.cookies():
            self.assertTrue(c["httpOnly"], c)
            self.assertEqual((c["sameSite"], c["path"]), ("Lax", "/slack/oauth"), c)

    def test_no_referrer(self):
        """The page's address has code and state: nobody it leads to learns them."""
        page = self.page()
        self.install(page)
        self.assertIn("code=", page.js("location.href"))
        self.assertEqual(page.header("Referrer-Policy"), "no-referrer")
        self.assertEqual(page.header("Cache-Control"), "no-store")
        self.assertEqual(page.follow(
            "(() => { const a = document.createElement('a'); a.href = '/'; "
            "document.body.append(a); a.click(); })()"), 200)
        self.assertEqual(page.js("document.referrer"), "")

    def test_icon(self):
        """It comes with the page and is within its policy: /favicon.ico is not asked."""
        page = self.page()
        page.goto(self.d.base + "/")
        self.assertEqual(page.js(
            "(async () => { const i = new Image(); i.src = document.querySelector("
            "'link[rel=icon]').href; await i.decode(); return i.complete; })()"), True)
        self.assertNotIn("favicon.ico", str(page.asked))

    def test_denied(self):
        self.slack.world.deny = True
        page, since = self.page(), self.slack.mark()
        self.assertEqual(self.install(page), 403)
        self.assertIn("somebody said no", page.text())
        self.assertEqual(self.slack.calls("oauth.v2.access", since), [])
        self.plain(page)
        self.judge(page, "denied")
        self.told(page, "access_denied")
        # and on from there
        self.slack.world.deny = False
        self.assertEqual(page.follow("document.querySelector('a.go').click()"), 200)
        self.assertEqual(page.js("document.title"), "Slack is connected")

    def test_replayed(self):
        """The same page again, here, in another tab, in another browser."""
        page = self.page()
        self.install(page)
        url, since = page.js("location.href"), self.slack.mark()
        self.assertEqual(page.reload(), 409)
        self.assertIn("answered before", page.text())
        self.plain(page)
        self.judge(page, "replayed")
        self.assertEqual(self.page(beside=page).goto(url), 409)
        stranger = self.page()
        self.assertIn(stranger.goto(url), (400, 409))
        self.assertIn("Add to Slack", stranger.text())
        self.assertEqual(self.slack.calls("oauth.v2.access", since), [])

    def test_forged(self):
        """An answer to an install that was not begun in this browser."""
        page, since = self.page(), self.slack.mark()
        back = self.d.env["SLACK_REDIRECT_URI"]
        hostile = "<script>pwned=1</script>\"'><img src=x onerror=pwned=1>"
        for query in ({"state": "A" * 76, "code": "1.2"}, {"state": hostile, "code": "1"},
                      {"state": "x", "code": hostile}, {"error": hostile},
                      {"error": "access_denied", "state": hostile}, {"code": "1.2"}, {}):
            with self.subTest(query):
                status = page.goto(back + "?" + urllib.parse.urlencode(query))
                self.assertIn(status, (400, 403))
                self.assertNotIn("pwned", page.text())
                self.assertIn("Add to Slack", page.text())
                self.plain(page)
        self.assertEqual(self.slack.calls("oauth.v2.access", since), [])
        failed = self.counted("oauth_failed")
        page.goto(back + "?state=x&code=1")
        self.judge(page, "forged")
        self.assertEqual(self.counted("oauth_failed"), failed + 1)
        self.told(page, "bad_state")

    def test_strangers_state(self):
        """A state that another browser was given, beside a cookie of one's own."""
        mine, other = self.page(), self.page()
        self.slack.world.deny = True        # each stands behind Slack's page
        self.install(mine)
        self.install(other)
        self.slack.world.deny = False
        theirs = [u for _, u in other.asked if "/oauth/v2/authorize" in u][-1]
        since = self.slack.mark()
        self.assertEqual(mine.goto(theirs), 400)
        self.assertIn("not begun in this browser", mine.text())
        self.assertEqual(self.slack.calls("oauth.v2.access", since), [])
        self.assertEqual(other.goto(theirs), 200)

    def test_slack_fails(self):
        for kind, more, status in (("error", {"error": "invalid_code"}, 400),
                                   ("status", {"status": 500}, 502), ("html", {}, 502)):
            with self.subTest(kind):
                self.slack.faults.clear()
                self.slack.fault("oauth.v2.access", kind, **more)
                page = self.page()
                self.assertEqual(self.install(page), status)
                self.assertIn("Add to Slack", page.text())
                self.plain(page)
        self.judge(page, "slack-away")

    HOSTILE = (
        # what Slack says, what is shown
        ("<script>pwned=1</script>", None), ("<img src=x onerror=pwned=1>", None),
        ("</title></style></pre></dl><svg onload=pwned=1>", None),
        ("\"' onmouseover=pwned=1 x='", None), ("&lt;b&gt; &amp; &#60;i&#62;", None),
        ("<!-- --> ]]> <?php ?> {{7*7}} ${7*7}", None), ("javascript:pwned=1", None),
        ("\u202eemcA\u202c behind", "emcA behind"), ("\u2067x\u2066y", "xy"),
        ("a\x1b[31mb\x07\x00c".replace("\x00", ""), "a[31mbc"),
        ("line\none\r\ntwo\u2028three", "lineonetwothree"),
        ("שלום עולם", None), ("مرحبا Acme", None), ("日本語\U0001f600é", None),
        ("Z" + "\u0301" * 90, None), ("W" * 190, None), ("W" * 4000, "W" * 200),
        ("é" * 300, "é" * 100), ("w " * 95 + "x", None), ("\ufdfd" * 60, None), ("", ""),
    )

    def test_hostile_names(self):
        page = self.page()
        for name, shown in self.HOSTILE:
            with self.subTest(name[:40]):
                self.slack.world.teams[ACME].name = name
                self.assertEqual(self.install(page), 200)
                self.assertEqual(self.facts(page).get("Workspace", ""),
                                 name if shown is None else shown)
                self.assertEqual(page.js("document.title"), "Slack is connected")
                self.assertEqual(self.facts(page)["Team id"], ACME)
                self.plain(page)
                page.look(320)
                got = page.js(LOOK)
                self.assertLessEqual(got["over"], 0, got["boxes"])
                page.look()
                if name.startswith(("<script", "W" * 190, "\u202e", "مر")):
                    self.judge(page, f"hostile-{self.HOSTILE.index((name, shown))}")

    def test_pending(self):
        """It tells what the operator has to do; when it is done, so does the page."""
        page = self.page()
        self.assertEqual(self.install(page, BETA), 200)
        self.assertEqual(page.js("document.title"), "Waiting for the operator")
        self.assertEqual(self.facts(page)["State"], "pending")
        first = page.js("document.querySelector('pre').innerText")
        self.assertEqual(first, f"slackmcpctl install approve {BETA}")
        self.plain(page)
        self.judge(page, "pending")
        self.d.ctl(*first.split()[1:])
        self.assertEqual(self.install(page, BETA), 200)
        self.assertEqual(page.js("document.title"), "Slack is connected")
        self.d.ctl("install", "disable", BETA)
        self.assertEqual(self.install(page, BETA), 200)
        self.assertEqual(page.js("document.querySelector('pre').innerText"),
                         f"slackmcpctl install enable {BETA}")
        self.judge(page, "disabled")
        self.d.ctl("install", "revoke", BETA)

    def test_under_the_other_name(self):
        """Begun as localhost it goes on as 127.0.0.1, where the cookie is."""
        page = self.page()
        self.assertEqual(self.install(
            page, base=f"http://localhost:{self.d.port}"), 200)
        self.assertEqual(page.js("location.hostname"), "127.0.0.1")
        self.assertEqual(page.js("document.title"), "Slack is connected")
        # from the landing page too
        self.assertEqual(page.goto(f"http://localhost:{self.d.port}/"), 200)
        self.assertEqual(page.follow("document.querySelector('a').click()"), 200)
        self.assertEqual(page.js("location.hostname"), "127.0.0.1")

    def test_the_other_way_round(self):
        d = self.daemon(self.slack)
        d.env["SLACK_REDIRECT_URI"] = f"http://localhost:{d.port}/slack/oauth/callback"
        d.start()
        page = self.page()
        for name in ("127.0.0.1", "localhost"):
            self.assertEqual(self.install(page, base=f"http://{name}:{d.port}"), 200)
            self.assertEqual(page.js("location.hostname"), "localhost")
            self.assertEqual(page.js("document.title"), "Slack is connected")
        d.stop()

    def test_framed(self):
        """No page of anybody shows ours within itself."""
        with Site() as site:
            page = self.chromium.page()     # its console tells of the refusal
            page.goto(site.url())
            for path in ("/", "/slack/oauth/callback?state=x&code=1"):
                loaded = page.js(f"""new Promise(done => {{
                    const f = document.createElement('iframe');
                    f.onload = () => {{ try {{ done(f.contentDocument === null ?
                        'another origin' : 'blank'); }} catch (e) {{ done('' + e); }} }};
                    f.src = '{self.d.base}{path}'; document.body.append(f); }})""")
                self.assertEqual(loaded, "another origin")      # the error's own page
            lib.wait_until("the browser tells that it refused both", lambda: sum(
                "frame-ancestors" in text or "X-Frame" in text
                for _, text in page.problems) >= 2)

    def test_too_many(self):
        """A page that is asked too often is refused by a page."""
        d = self.daemon(self.slack, env={"RATE_ADDRESS": "1/2"}).start()
        page = self.page()
        lib.wait_until("the rate is reached",
                       lambda: page.goto(d.base + "/") == 429, 20)
        self.assertRegex(page.text(), r"Too many requests; try again in \d+ s\.")
        self.plain(page)
        self.judge(page, "too-many")
        d.stop()

    def lock(self, d):
        """Another process has the store; nothing of it can be read or written."""
        db = sqlite3.connect(os.path.join(d.state_dir, "slackmcpd.db"),
                             isolation_level=None, check_same_thread=False,
                             timeout=30 * lib.SLOW)
        db.execute("BEGIN EXCLUSIVE")
        return db

    def test_store_away(self):
        """Nothing was used up: the page says to reload it, and then it succeeds."""
        d = self.daemon(self.slack, env={"STORE_TIMEOUT": "1"}).start()
        page = self.page()
        self.slack.world.deny = True
        self.install(page, base=d.base)
        self.slack.world.deny = False
        slack = [u for _, u in page.asked if "/oauth/v2/authorize" in u][-1]
        db = self.lock(d)
        try:
            self.assertEqual(page.goto(slack), 503)
        finally:
            db.close()
        self.assertIn("Reload this page in a minute", page.text())
        self.plain(page)
        self.judge(page, "store-away")
        lib.wait_until("a reload succeeds", lambda: page.reload() == 200, 30)
        self.assertEqual(page.js("document.title"), "Slack is connected")
        d.stop()

    def test_spooled(self):
        """The store goes while Slack is asked: put aside, said, and taken up."""
        d = self.daemon(self.slack, env={"STORE_TIMEOUT": "1"}).start()
        page, locks, since = self.page(), [], self.slack.mark()
        self.slack.fault("oauth.v2.access", "hold")

        def lock():
            if self.slack.wait_held("oauth.v2.access", 1, since, 60 * lib.SLOW):
                locks.append(self.lock(d))
            self.slack.release()
        thread = threading.Thread(target=lock)
        thread.start()
        try:
            self.assertEqual(self.install(page, base=d.base), 202)
        finally:
            thread.join()
            for db in locks:
                db.close()
        self.assertEqual(page.js("document.title"), "Almost connected")
        self.assertEqual(self.facts(page)["State"], "spooled")
        self.plain(page)
        self.judge(page, "spooled")
        lib.wait_until("it is taken up", lambda: "live" in d.ctl(
            "show", "installs").stdout, 60)
        d.stop()

    def test_over_https(self):
        """With TLS of our own: the cookie is Secure, and the flow the same."""
        cert, key, _ = front.certificate(self.dir)
        port = lib.free_port()
        base = f"https://localhost:{port}"
        d = self.daemon(self.slack, env={
            "TLS_PORT": str(port), "TLS_CERT": cert, "TLS_KEY": key,
            "PUBLIC_BASE_URL": base,
            "SLACK_REDIRECT_URI": base + "/slack/oauth/callback"}).start()
        page = self.page()
        self.assertEqual(page.goto(base + "/"), 200)
        self.slack.world.deny = True        # the cookie lives on
        self.assertEqual(page.follow("document.querySelector('a').click()"), 403)
        cookies = page.cookies()
        self.assertTrue(cookies)
        self.assertTrue(all(c["secure"] and c["httpOnly"] for c in cookies), cookies)
        self.slack.world.deny = False
        self.assertEqual(page.follow("document.querySelector('a').click()"), 200)
        self.assertEqual(page.js("document.title"), "Slack is connected")
        d.stop()


# -- a page that calls /mcp -----------------------------------------------------

class Site:
    """Somebody's web site: one blank page at a port of loopback."""

    def __enter__(self):
        class Blank(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"<!doctype html><link rel=icon href=data:,><title>site</title>"
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blank)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True,
                         kwargs={"poll_interval": 0.05}).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def url(self, name="127.0.0.1"):
        return f"http://{name}:{self.port}"


CALL = """(async (url, how) => { try {
  const r = await fetch(url, how), text = await r.text();
  let json = null; try { json = JSON.parse(text); } catch (e) {}
  return { status: r.status, type: r.type, text, json,
    headers: Object.fromEntries([...r.headers]) };
} catch (e) { return { error: e.name }; } })"""
INIT = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
    "protocolVersion": "2025-11-25", "capabilities": {},
    "clientInfo": {"name": "page", "version": "1"}}}


@host.needs("chromium")
class Origins(Browsing):
    @classmethod
    def begin(cls):
        super().begin()
        cls.site, cls.other = Site().__enter__(), Site().__enter__()
        cls.addClassCleanup(cls.site.__exit__)
        cls.addClassCleanup(cls.other.__exit__)
        cls.d = cls.daemon(cls.slack, env={
            "ALLOWED_ORIGINS": cls.site.url(), "MAX_BODY": "100k"}).start()
        mcpclient.install(cls.d)
        cls.slow = cls.d.key_add("slow", "--rate", "1/1")
        cls.url = cls.d.base + "/mcp"

    def visit(self, url=None, checked=True):
        page = self.page() if checked else self.chromium.page()
        page.goto(url or self.site.url())
        return page

    def fetch(self, page, body=None, key=None, method="POST", **more):
        headers = {"Content-Type": "application/json",
                   "Accept": "application/json, text/event-stream"}
        key = self.d.key if key is None else key
        if key:
            headers["Authorization"] = f"Bearer {key}"
        headers.update(more.pop("headers", {}))
        how = {"method": method, "headers": headers, **more}
        if method == "POST":
            how["body"] = body if isinstance(body, str) else \
                json.dumps(body or INIT)
        got = page.js(f"{CALL}('{self.url}', {json.dumps(how)})")
        self.said(json.dumps(got))
        return got

    def test_legacy(self):
        """A whole session: its id is in a header that the page may read."""
        page = self.visit()
        for more in ({}, {"credentials": "include"}, {"credentials": "omit"},
                     {"cache": "no-store"}, {"mode": "cors"}):
            with self.subTest(more):
                a = self.fetch(page, **more)
                self.assertEqual((a["status"], a["type"]), (200, "cors"), a)
                self.assertEqual(a["json"]["result"]["protocolVersion"], "2025-11-25")
                heads = {"Mcp-Session-Id": a["headers"]["mcp-session-id"],
                         "MCP-Protocol-Version": "2025-11-25"}
                a = self.fetch(page, {"jsonrpc": "2.0",
                                      "method": "notifications/initialized"},
                               headers=heads, **more)
                self.assertEqual((a["status"], a["text"]), (202, ""), a)
                a = self.fetch(page, {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
                                      "params": {"name": "slack_list_channels",
                                                 "arguments": {"limit": 1}}},
                               headers=heads, **more)
                self.assertFalse(a["json"]["result"]["isError"], a)
                a = self.fetch(page, method="DELETE", headers=heads, **more)
                self.assertEqual(a["status"], 200, a)
                a = self.fetch(page, {"jsonrpc": "2.0", "id": 3, "method": "ping"},
                               headers=heads, **more)
                self.assertEqual((a["status"], a["json"]["error"]["code"]),
                                 (404, -32001), a)
        self.assertIn(("OPTIONS", self.url), [*page.asked, ("OPTIONS", self.url)])

    def test_modern(self):
        """Every header of the protocol, and those of our tools, may be sent."""
        page = self.visit()
        m = {"jsonrpc": "2.0", "id": "p", "method": "tools/call", "params": {
            "name": "slack_list_channels", "arguments": {"team_id": ACME, "limit": 1},
            "_meta": {META + "protocolVersion": MODERN, META + "clientCapabilities": {}}}}
        heads = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call",
                 "Mcp-Name": "slack_list_channels", "Mcp-Param-Slack-Team": ACME,
                 "Last-Event-ID": "0", "Mcp-Session-Id": "x"}
        a = self.fetch(page, m, headers=heads, credentials="include")
        self.assertEqual((a["status"], a["json"]["id"]), (200, "p"), a)
        self.assertFalse(a["json"]["result"]["isError"], a)
        # a header that is not of the protocol
        self.assertEqual(self.fetch(self.visit(checked=False), m, headers={
            **heads, "X-Mine": "1"}), {"error": "TypeError"})

    def test_stream(self):
        a = self.fetch(self.visit(), headers={"Accept": "text/event-stream"})
        self.assertEqual((a["status"], a["headers"]["content-type"]),
                         (200, "text/event-stream"), a)
        self.assertTrue(a["text"].startswith("event: message\ndata: {"), a)

    def test_errors_can_be_read(self):
        """What went wrong reaches the page, not only that something did."""
        page = self.visit()
        for body, key, more, status, word in (
                (None, "", {}, 401, "unauthorized"),
                (None, "wrong", {"credentials": "include"}, 401, "unauthorized"),
                (None, None, {"method": "PATCH"}, None, None),
                (None, None, {"method": "GET"}, 405, "method_not_allowed"),
                ("{}", None, {"headers": {"Content-Type": "text/plain"}}, 415,
                 "unsupported_media_type"),
                (None, None, {"headers": {"Accept": "image/png"}}, 406,
                 "not_acceptable"),
                ('"' + "x" * 200000 + '"', None, {}, 413, "too_large")):
            with self.subTest(status=status):
                if status is None:      # the preflight does not offer it
                    self.assertEqual(self.fetch(self.visit(checked=False), body, key,
                                                **more), {"error": "TypeError"})
                    continue
                a = self.fetch(page, body, key, **more)
                self.assertEqual((a.get("status"), a["json"]["error"]), (status, word), a)
                self.assertTrue(a["json"]["message"])
                self.assertEqual(a["json"]["request_id"], a["headers"]["x-request-id"])
                if status == 401:
                    self.assertIn("Bearer", a["headers"]["www-authenticate"])
        for body, status, code in (("{", 400, -32700), ("{}", 400, -32600), (
                {"jsonrpc": "2.0", "id": 1, "method": "ping"}, 400, -32600)):
            a = self.fetch(page, body)
            self.assertEqual((a["status"], a["json"]["error"]["code"]), (status, code), a)

    def test_rate(self):
        page = self.visit()
        got = [self.fetch(page, key=self.slow, credentials="include") for _ in range(3)]
        self.assertEqual(got[0]["status"], 200)
        self.assertEqual(got[-1]["status"], 429, got)
        self.assertEqual(got[-1]["json"]["error"], "rate_limited")
        self.assertGreater(int(got[-1]["headers"]["retry-after"]), 0)

    def test_blocked(self):
        """Any other origin: nothing is told, nothing is done, it is seen outside."""
        before, said = self.counted("sessions_made"), len(self.d.log_rows())
        count = self.counted("origin_refused")
        origins = (self.other.url(), self.other.url("localhost"),
                   self.site.url("localhost"))
        for url in origins:
            page = self.visit(url, checked=False)
            for how in ({}, {"credentials": "include"}, {"key": ""}, {"method": "DELETE"},
                        {"method": "GET"}, {"key": "", "method": "GET", "headers": {}},
                        # a simple request: sent without a preflight
                        {"key": "", "headers": {"Content-Type": "text/plain"}},
                        {"key": "", "headers": {"Content-Type": "text/plain"},
                         "mode": "no-cors"}):
                with self.subTest(url=url, how=how):
                    self.assertEqual(self.fetch(page, **how), {"error": "TypeError"})
            self.assertTrue(any("CORS" in text for _, text in page.problems),
                            page.problems)
        self.assertEqual(self.counted("sessions_made"), before)
        self.assertGreaterEqual(self.counted("origin_refused"), count + 3 * 7)
        told = [r["msg"] for r in self.d.log_rows()[said:]
                if "an origin was refused" in r.get("msg", "")]
        for url in origins:     # once for each that a worker meets
            self.assertIn(sum(f"origin={url}" in m for m in told), (1, 2), told)
            self.assertTrue(any("ALLOWED_ORIGINS" in m for m in told))
        self.assertEqual(mcpclient.get(self.d, "/health").json["status"], "ok")

    def test_null_origin(self):
        """A frame in a sandbox has none: not listed, not let in."""
        page = self.visit(checked=False)
        how = json.dumps({
            "method": "POST", "body": json.dumps(INIT), "headers": {
                "Content-Type": "application/json", "Authorization": "Bearer x"}})
        script = (f"<script>{CALL}('{self.url}', {how}).then("
                  "a => parent.postMessage(a, '*'))</script>")
        script = json.dumps(script)
        got = page.js(f"""new Promise(done => {{
            addEventListener('message', e => done([e.origin, e.data]));
            const f = document.createElement('iframe');
            f.sandbox = 'allow-scripts';
            f.srcdoc = {script};
            document.body.append(f); }})""")
        self.assertEqual(got, ["null", {"error": "TypeError"}])

    def test_own_pages_call_nobody(self):
        """Not even ours: their policy lets no script and no request out."""
        page = self.visit(self.d.base + "/", checked=False)
        self.assertEqual(self.fetch(page), {"error": "TypeError"})
        self.assertTrue(any("connect-src" in t or "default-src" in t
                            for _, t in page.problems), page.problems)

    def test_loopback_by_itself(self):
        """While nothing is listed, pages of this machine may call a daemon on it."""
        d = self.daemon(self.slack).start()
        for url in (self.site.url(), self.other.url("localhost")):
            page = self.visit(url)
            got = page.js(f"{CALL}('{d.base}/mcp', {{method: 'POST', body: '{{}}', "
                          f"headers: {{'Content-Type': 'application/json', "
                          f"Authorization: 'Bearer x'}}}})")
            self.assertEqual(got["status"], 401, got)
        d.stop()


if __name__ == "__main__":
    unittest.main()
