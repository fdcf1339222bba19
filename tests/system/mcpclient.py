# SPDX-License-Identifier: ISC
"""Clients of the daemon: plain HTTP, MCP of both eras, the browser's part of
an install.  What comes back is kept for the suite's scan for secrets."""
import http.client
import http.cookies
import itertools
import json
import re
import socket
import ssl
import urllib.parse

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"


class Answer:
    def __init__(self, status, headers=(), body=b""):
        self.status, self.body = status, body
        self.headers = list(headers)

    def header(self, name, default=None):
        for k, v in self.headers:
            if k.lower() == name.lower():
                return v
        return default

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:600]!r}>"


def keep(daemon, answer, hide=()):
    head = "".join(f"{k}: {v}\n" for k, v in answer.headers if k not in hide)
    daemon.suite.said(head.encode() + answer.body)


def trusting(*certs, version=None):
    """A client's context that knows these."""
    ctx = ssl.create_default_context()
    for cert in certs:
        ctx.load_verify_locations(cert)
    if version:
        ctx.set_ciphers("DEFAULT@SECLEVEL=0")
        ctx.minimum_version = ctx.maximum_version = version
    return ctx


def connection(daemon, port=None, timeout=40):
    """Over https when the daemon is reached so (daemon.tls)."""
    if daemon.tls and port is None:
        return http.client.HTTPSConnection(
            "127.0.0.1", daemon.tls_port, timeout=timeout, context=daemon.tls)
    return http.client.HTTPConnection("127.0.0.1", port or daemon.port,
                                      timeout=timeout)


def ask(daemon, method, path, body=None, headers=(), timeout=40, port=None,
        fail=True, conn=None):
    """One request; on a connection of its own unless conn is given."""
    c = conn or connection(daemon, port, timeout)
    try:
        c.request(method, path, body, dict(headers))
        r = c.getresponse()
        a = Answer(r.status, r.getheaders(), r.read())
    except (OSError, http.client.HTTPException):
        if fail:
            raise
        return Answer(0)
    finally:
        if conn is None:
            c.close()
    keep(daemon, a)
    return a


def get(daemon, path, **more):
    return ask(daemon, "GET", path, **more)


def raw(daemon, data, seconds=20, port=None, half_close=False):
    """These bytes as they are; everything that comes back until the end."""
    out = b""
    with socket.create_connection(("127.0.0.1", port or daemon.port),
                                  seconds) as s:
        s.sendall(data)
        if half_close:
            s.shutdown(socket.SHUT_WR)
        try:
            while chunk := s.recv(65536):
                out += chunk
        except ConnectionResetError:
            pass
    daemon.suite.said(out)
    return out


class Client:
    """What both eras share: the key, ids, JSON in and out."""

    def __init__(self, daemon, key=None):
        self.daemon = daemon
        self.key = daemon.key if key is None else key
        self.path = getattr(daemon, "prefix", "") + "/mcp"
        self.ids = itertools.count(1)
        self.conn = None
        self.strict = False     # True: a kept connection must not die

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.conn:
            self.conn.close()
            self.conn = None

    def post(self, body, headers=(), timeout=60):
        h = {"Content-Type": "application/json",
             "Accept": "application/json, text/event-stream"}
        if self.key:
            h["Authorization"] = f"Bearer {self.key}"
        h.update(headers)
        h = {k: v for k, v in h.items() if v is not None}
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        again = self.conn is not None
        while True:
            if self.conn is None:
                self.conn = connection(self.daemon, timeout=timeout)
            try:
                a = ask(self.daemon, "POST", self.path, body, h, conn=self.conn)
                break
            except (OSError, http.client.HTTPException):
                self.close()
                if not again or self.strict:    # else it may have been closed
                    raise
                again = False
        if (a.header("Connection") or "").lower() == "close":
            self.close()
        return a

    @staticmethod
    def result(answer):
        body = answer.json
        assert "result" in body, f"no result: {answer}"
        return body["result"]


class Legacy(Client):
    def __init__(self, daemon, key=None, version="2025-11-25"):
        super().__init__(daemon, key)
        self.version, self.session = version, None

    def initialize(self, version=None, **headers):
        a = self.post({
            "jsonrpc": "2.0", "id": next(self.ids), "method": "initialize",
            "params": {"protocolVersion": version or self.version,
                       "capabilities": {},
                       "clientInfo": {"name": "test", "version": "1"}}},
            headers)
        if a.status == 200 and "result" in a.json:
            self.session = a.header("Mcp-Session-Id")
            self.daemon.suite.unlogged("a session's id", self.session)
            self.version = a.json["result"]["protocolVersion"]
        return a

    def begin(self):
        a = self.initialize()
        assert a.status == 200 and self.session, a
        a = self.notify("notifications/initialized")
        assert a.status == 202, a
        return self

    def heads(self, more=()):
        h = dict(more)
        if self.session:
            h.setdefault("Mcp-Session-Id", self.session)
            h.setdefault("MCP-Protocol-Version", self.version)
        return h

    def request(self, method, params=None, headers=(), id=None):
        m = {"jsonrpc": "2.0", "id": next(self.ids) if id is None else id,
             "method": method}
        if params is not None:
            m["params"] = params
        return self.post(m, self.heads(headers))

    def notify(self, method, params=None, headers=()):
        m = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            m["params"] = params
        return self.post(m, self.heads(headers))

    def ping(self):
        a = self.request("ping")
        return a.status == 200 and a.json.get("result") == {}

    def delete(self):
        return ask(self.daemon, "DELETE", self.path, headers=self.heads(
            {"Authorization": f"Bearer {self.key}"}))

    def tool(self, name, id=None, headers=(), **args):
        return Tool(self.request("tools/call", {"name": name,
                                                "arguments": args},
                                 headers, id))


class Modern(Client):
    def request(self, method, params=None, headers=(), meta=(), id=None):
        p = dict(params or {})
        p["_meta"] = {META + "protocolVersion": MODERN,
                      META + "clientCapabilities": {}, **dict(meta)}
        h = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        if method == "tools/call":
            h["Mcp-Name"] = p.get("name", "")
            args = p.get("arguments") or {}
            if isinstance(args.get("team_id"), str):
                h["Mcp-Param-Slack-Team"] = args["team_id"]
        h.update(headers)
        return self.post({"jsonrpc": "2.0",
                          "id": next(self.ids) if id is None else id,
                          "method": method, "params": p}, h)

    def begin(self):
        return self

    def tool(self, name, id=None, headers=(), **args):
        return Tool(self.request("tools/call", {"name": name,
                                                "arguments": args},
                                 headers, id=id))


class Tool:
    """A tool's answer: text, whether it is an error; or a JSON-RPC error."""

    def __init__(self, answer):
        self.answer = answer
        body = answer.json if answer.body else {}
        self.rpc = body.get("error")
        result = body.get("result") or {}
        self.error = bool(self.rpc) or result.get("isError", False)
        self.text = "".join(c.get("text", "") for c in result.get("content", []))
        if self.rpc:
            self.text = self.rpc["message"]

    @property
    def ok(self):
        return self.answer.status == 200 and not self.error

    def ts(self):
        found = re.search(r"\b\d{10}\.\d{6}\b", self.text)
        return found and found.group()

    def __repr__(self):
        return f"<tool {self.answer.status} error={self.error} {self.text[:800]!r}>"


class Browser:
    """Follows redirects and keeps cookies, one jar for each host and port."""

    def __init__(self, daemon):
        self.daemon, self.jar, self.seen = daemon, {}, []

    def get(self, url, follow=True, headers=()):
        for _ in range(10):
            u = urllib.parse.urlsplit(urllib.parse.urljoin(self.daemon.base, url))
            h = {"Accept": "text/html", **dict(headers)}
            cookies = [f"{n}={v}" for (host, path, n), v in self.jar.items()
                       if host == u.hostname and u.path.startswith(path)]
            if cookies:
                h["Cookie"] = "; ".join(cookies)
            if u.scheme == "https":
                c = http.client.HTTPSConnection(u.hostname, u.port, timeout=60,
                                                context=self.daemon.tls)
            else:
                c = http.client.HTTPConnection(u.hostname, u.port, timeout=60)
            c.request("GET", u.path + ("?" + u.query if u.query else ""),
                      headers=h)
            r = c.getresponse()
            a = Answer(r.status, r.getheaders(), r.read())
            c.close()
            a.url = u.geturl()
            self.seen.append(a)
            if u.port in (self.daemon.port, self.daemon.tls_port):
                keep(self.daemon, a)
                for name, value in urllib.parse.parse_qsl(u.query):
                    if name in ("state", "code"):
                        self.daemon.suite.unlogged(f"a {name}", value)
                self.take(u, a)
            if not (follow and a.status in (301, 302, 303, 307, 308)):
                return a
            url = urllib.parse.urljoin(u.geturl(), a.header("Location"))
        raise AssertionError("redirects without end")

    def take(self, u, answer):
        for line in answer.all("Set-Cookie"):
            for name, m in http.cookies.SimpleCookie(line).items():
                where = u.hostname, m["path"] or "/", name
                self.daemon.suite.unlogged("a cookie", m.value)
                if m["max-age"] == "0" or not m.value:
                    self.jar.pop(where, None)
                else:
                    self.jar[where] = m.value


def install(daemon, team=None):
    """The whole OAuth install, as a browser does it; its last page.  A live one
    is known to every worker within a second or so: that is waited for."""
    world = daemon.fake.world
    if team:
        world.authorize_team = team
    page = Browser(daemon).get(daemon.base + "/slack/install")
    if page.status == 200 and "install approve" not in page.text:
        known(daemon, world.authorize_team)
    return page


def known(daemon, team, key=None):
    """Waits until each worker, whoever takes the connection, knows it."""
    from lib import wait_until

    def by_all():
        for _ in range(6 * int(daemon.env["WORKERS"])):
            with Modern(daemon, key) as c:
                if team not in c.tool("slack_list_workspaces",
                                        format="compact").text:
                    return False
        return True
    wait_until(f"all workers know {team}", by_all, 10)
