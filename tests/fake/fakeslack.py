#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A scriptable fake of Slack: OAuth v2 and the Web API over HTTP.

As a program:
    fakeslack.py [--port N] [--port-file F] [--client-id I] [--client-secret S]

As a module: FakeSlack(world).start(), .url, .fault(...), .calls(...), .stop().

Control, JSON in and out:
    GET  /_fake/log[?method=M]     what was asked, in order
    GET  /_fake/messages?channel=C what stands in a channel
    GET  /_fake/world              workspaces and channels (no tokens)
    POST /_fake/script             queue a fault (or a list of them)
    POST /_fake/set                {"team": T, "attribute": value} of a workspace,
                                   or {"deny": true, "authorize_team": T}
    POST /_fake/reset              forget log and faults

A fault: {"method": "chat.postMessage" or "*" or "oauth/v2/authorize",
    "team": "T…" (default any), "times": 1 (-1: for ever), "kind": one of KINDS,
    "effect": true to carry the call out all the same, and as the kind wants:
    "status", "headers", "seconds", "error", "extra", "body", "retry_after"}
"""
import argparse
import base64
import http.server
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import READS_JSON, SlackError, as_json, default_world  # noqa: E402

FORM = "application/x-www-form-urlencoded"
KINDS = ("slow", "status", "ratelimited", "error", "cut", "garbage", "html",
         "empty", "array", "body", "reset", "redirect", "hang")


class Faults:
    def __init__(self):
        self.lock, self.rows = threading.Lock(), []

    def add(self, row):
        if row.get("kind") not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        with self.lock:
            self.rows.append({"method": "*", "times": 1, **row})

    def take(self, method, team):
        with self.lock:
            for row in self.rows:
                if row["method"] in ("*", method) and \
                        row.get("team") in (None, team):
                    row["times"] -= 1
                    if row["times"] == 0:
                        self.rows.remove(row)
                    return row
        return None

    def clear(self):
        with self.lock:
            self.rows.clear()


class FakeSlack:
    def __init__(self, world=None, port=0):
        self.world = world or default_world()
        self.faults, self.log = Faults(), []
        self.cond = threading.Condition()
        self.connections = 0
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.fake = self
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = None

    def start(self):
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05},
                                       daemon=True)
        self.thread.start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def fault(self, method, kind, **more):
        self.faults.add({"method": method, "kind": kind, **more})

    def calls(self, method=None, since=0):
        with self.cond:
            return [c for c in self.log[since:]
                    if method in (None, c["method"])]

    def mark(self):
        with self.cond:
            return len(self.log)

    def wait_calls(self, method, n, since=0, seconds=10):
        """At least n calls of the method came, within so many seconds."""
        end = time.monotonic() + seconds
        with self.cond:
            while True:
                found = [c for c in self.log[since:] if c["method"] == method]
                left = end - time.monotonic()
                if len(found) >= n or left <= 0:
                    return found
                self.cond.wait(left)

    def record(self, row):
        with self.cond:
            self.log.append(row)
            self.cond.notify_all()

    def reset(self):
        self.faults.clear()
        with self.cond:
            self.log.clear()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    fake = None

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "FakeSlack/1"
    timeout = 120
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self):
        super().setup()
        self.fake = self.server.fake
        with self.fake.cond:
            self.fake.connections += 1
            self.conn = self.fake.connections

    def log_message(self, format, *args):
        pass

    # -- answers ------------------------------------------------------------

    def answer(self, status, body, kind="application/json; charset=utf-8",
               headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in dict(headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def reset_connection(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def body(self):
        n = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(n)

    # -- doors ----------------------------------------------------------------

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if url.path.startswith("/_fake/"):
            return self.control(url.path[7:], q, None)
        if url.path == "/oauth/v2/authorize":
            return self.authorize(q)
        if url.path.startswith("/api/"):
            return self.api(url.path[5:], q, self.body())
        return self.answer(404, b"no such page", "text/plain")

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.body()
        if url.path.startswith("/_fake/"):
            return self.control(url.path[7:], {}, body)
        if url.path.startswith("/api/"):
            q = dict(urllib.parse.parse_qsl(url.query))
            return self.api(url.path[5:], q, body)
        return self.answer(404, b"no such page", "text/plain")

    def control(self, what, q, body):
        fake, world = self.fake, self.fake.world
        try:
            given = json.loads(body) if body else None
            if what == "log":
                out = fake.calls(q.get("method"))
            elif what == "messages":
                out = [m for w in world.teams.values()
                       for c in w.channels.values() if c.id == q.get("channel")
                       for m in c.messages]
            elif what == "world":
                out = [{"id": w.team_id, "name": w.name, "channels": {
                    c.id: c.name for c in w.channels.values()}}
                    for w in world.teams.values()]
            elif what == "script" and given:
                for row in given if isinstance(given, list) else [given]:
                    fake.faults.add(row)
                out = {"ok": True}
            elif what == "set" and given:
                target = world.teams[given.pop("team")] if "team" in given \
                    else world
                for name, value in given.items():
                    getattr(target, name)       # an unknown one is an error
                    setattr(target, name, value)
                out = {"ok": True}
            elif what == "reset":
                fake.reset()
                out = {"ok": True}
            else:
                return self.answer(404, b'{"ok":false}')
        except (ValueError, KeyError, AttributeError) as e:
            return self.answer(400, json.dumps({"error": str(e)}).encode())
        return self.answer(200, json.dumps(out).encode())

    def authorize(self, q):
        fault = self.fake.faults.take("oauth/v2/authorize", None)
        self.fake.record({"method": "oauth/v2/authorize", "form": q,
                          "token": None, "team": None, "time": time.time()})
        if fault and not self.before(fault):
            return None
        try:
            back = self.fake.world.authorize(q)
        except SlackError as e:
            page = f"<!doctype html><p>Slack says: {e.word}".encode()
            return self.answer(400, page, "text/html; charset=utf-8")
        to = q["redirect_uri"]
        to += ("&" if "?" in to else "?") + urllib.parse.urlencode(back)
        return self.answer(302, b"", "text/html", {"Location": to})

    # -- the Web API --------------------------------------------------------

    def token(self):
        kind, _, value = (self.headers.get("Authorization") or "").partition(" ")
        return value.strip() if kind == "Bearer" else None   # as Slack: this case

    def basic(self):
        kind, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if kind != "Basic":
            return None
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return None
        return urllib.parse.unquote(user), urllib.parse.unquote(password)

    def form(self, method, body):
        """The arguments, and the warning that Slack adds about the type."""
        kind = (self.headers.get("Content-Type") or "").lower()
        base = kind.split(";")[0].strip()
        if base == FORM:
            args = dict(urllib.parse.parse_qsl(
                body.decode("utf-8", "replace"), keep_blank_values=True))
            return args, "superfluous_charset" if "charset" in kind else None
        if base == "application/json" and method in READS_JSON:
            try:
                args = json.loads(body)
            except ValueError:
                raise SlackError("invalid_json") from None
            if not isinstance(args, dict):
                raise SlackError("json_not_object")
            return ({k: v if isinstance(v, str) else json.dumps(v)
                     for k, v in args.items() if v is not None},
                    None if "charset" in kind else "missing_charset")
        if base == "application/json" or not body:
            return {}, None
        raise SlackError("invalid_post_type")

    def api(self, method, query, body):
        token = self.token()
        row = {"method": method, "http": self.command, "token": token,
               "team": self.fake.world.team_of(token), "query": query,
               "type": self.headers.get("Content-Type"), "conn": self.conn,
               "agent": self.headers.get("User-Agent"), "form": {},
               "time": time.time()}
        problem, warning = None, None
        try:
            row["form"], warning = self.form(method, body)
            if self.command == "GET":
                row["form"] = {**query, **row["form"]}
        except SlackError as e:
            problem = e
        fault = self.fake.faults.take(method, row["team"])
        row["fault"] = fault and fault["kind"]
        self.fake.record(row)
        if fault and not self.before(fault):
            return None
        effect = fault is None or fault.get("effect") or fault["kind"] == "slow"
        answer = self.carry_out(method, row, problem, warning) if effect else {}
        row["answer"] = answer.get("error", "ok")
        if fault and fault["kind"] != "slow":
            return self.after(fault, answer)
        headers = {"X-Slack-Req-Id": os.urandom(8).hex()}
        team = self.fake.world.teams.get(row["team"])
        if team:
            headers["X-OAuth-Scopes"] = ",".join(sorted(team.scopes))
        return self.answer(200, as_json(answer), headers=headers)

    def carry_out(self, method, row, problem, warning):
        world = self.fake.world
        try:
            if problem:
                raise problem
            if "token" in row["query"]:     # refused in the query
                raise SlackError("not_authed")
            if method == "oauth.v2.access":
                return world.exchange(row["form"], self.basic())
            answer = world.call(method, row["form"], row["token"])
        except SlackError as e:
            return {"ok": False, "error": e.word, **e.extra}
        if warning:
            answer["warning"] = ",".join(
                x for x in (answer.get("warning"), warning) if x)
            answer.setdefault("response_metadata", {}).setdefault(
                "warnings", []).append(warning)
        return answer

    # -- faults -------------------------------------------------------------

    def before(self, fault):
        """False: the connection is gone already."""
        if fault.get("seconds") and fault["kind"] != "hang":
            time.sleep(fault["seconds"])
        if fault["kind"] == "reset" and not fault.get("effect"):
            self.reset_connection()
            return False
        return True

    def after(self, fault, answer):
        kind = fault["kind"]
        real = as_json(answer)
        if kind == "error":
            return self.answer(200, as_json({
                "ok": False, "error": fault["error"], **fault.get("extra", {})}))
        if kind == "ratelimited":
            wait = fault.get("retry_after", 1)
            return self.answer(429, b'{"ok":false,"error":"ratelimited"}',
                               headers={} if wait is None
                               else {"Retry-After": wait})
        if kind == "status":
            return self.answer(fault.get("status", 500),
                               fault.get("body", "upstream fault").encode(),
                               fault.get("type", "text/plain"),
                               fault.get("headers", {}))
        if kind == "reset":
            return self.reset_connection()
        if kind == "hang":
            time.sleep(fault.get("seconds", 60))
            return self.reset_connection()
        if kind == "cut":
            real = real if answer else as_json({"ok": True, "x": "y" * 200})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(real)))
            self.end_headers()
            self.wfile.write(real[:len(real) // 2])
            self.wfile.flush()
            self.close_connection = True
            return None
        if kind == "redirect":
            return self.answer(302, b"", headers={
                "Location": fault.get("to", self.fake.url + "/elsewhere")})
        bodies = {"garbage": b"\x00\xff{{{ not json", "empty": b"",
                  "html": b"<!doctype html><title>Sorry</title><p>Oops",
                  "array": b"[1,2,3]",
                  "body": fault["body"].encode()
                  if isinstance(fault.get("body"), str)
                  else as_json(fault.get("body"))}
        return self.answer(200, bodies[kind],
                           "text/html" if kind == "html" else "application/json")


def main():
    p = argparse.ArgumentParser(description="a scriptable fake of Slack")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--port-file", help="the port is written here when it serves")
    p.add_argument("--client-id", default="1234567890.1234567890")
    p.add_argument("--client-secret")
    a = p.parse_args()
    fake = FakeSlack(default_world(client_id=a.client_id,
                                   client_secret=a.client_secret), a.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"fake Slack at {fake.url}", flush=True)
    if a.port_file:
        with open(a.port_file + ".new", "w", encoding="ascii") as f:
            f.write(f"{fake.port}\n")
        os.rename(a.port_file + ".new", a.port_file)
    try:
        fake.server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
