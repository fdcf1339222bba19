# SPDX-License-Identifier: ISC
"""The fake Slack's HTTP: the Web API, the page that asks the user, the doors of
the tests.  What Slack reads of a request and what it does not."""
import base64
import http.server
import json
import os
import socket
import struct
import sys
import time
import urllib.parse

import faults
from args import SlackError, as_json
from methods import METHODS

FORM = "application/x-www-form-urlencoded"


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    fake = None

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "FakeSlack/1"
    timeout = 120
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self):
        super().setup()
        self.fake, self.row = self.server.fake, {}
        with self.fake.cond:
            self.fake.connections += 1
            self.conn = self.fake.connections

    def log_message(self, format, *args):
        pass

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
        try:
            out = self.fake.control(what, q, json.loads(body) if body else None)
        except (ValueError, KeyError, AttributeError, TypeError) as e:
            return self.answer(400, json.dumps({"error": str(e)}).encode())
        return self.answer(404 if out is None else 200, json.dumps(out).encode())

    def authorize(self, q):
        row = self.row = self.fake.record({
            "method": "oauth/v2/authorize", "form": q, "token": None,
            "team": None, "time": time.time(), "at": time.monotonic()})
        fault = self.fake.faults.take(row)
        if fault:
            return faults.play(self, fault, lambda: {})
        try:
            back = self.fake.world.authorize(q)
        except SlackError as e:
            page = f"<!doctype html><p>Slack says: {e.word}".encode()
            return self.answer(400, page, "text/html; charset=utf-8")
        to = q["redirect_uri"]
        to += ("&" if "?" in to else "?") + urllib.parse.urlencode(back)
        return self.answer(302, b"", "text/html", {"Location": to})

    # -- the Web API --------------------------------------------------------

    def api(self, method, query, body):
        row = self.row = self.asked(method, query)
        problem = warning = None
        try:
            row["form"], warning = self.form(method, body)
            if self.command == "GET":
                row["form"] = {**query, **row["form"]}
        except SlackError as e:
            problem = e
        self.fake.place(row)
        wait = self.fake.limits.refuse(self.fake.world, row)
        row["limited"] = wait is not None
        fault = None if row["limited"] else self.fake.faults.take(row)
        row["fault"] = fault and fault["kind"]
        self.fake.record(row)
        if row["limited"]:
            self.limited(self.fake.limits.text(wait))
            return self.fake.answered(row)
        made = []

        def do():
            if not made:
                made.append(self.carry_out(row, problem, warning))
            return made[0]
        if fault:
            faults.play(self, fault, do)
        else:
            self.good(do())
        return self.fake.answered(row)

    def asked(self, method, query):
        """The call's row of the log."""
        kind, _, value = (self.headers.get("Authorization") or "").partition(" ")
        token = value.strip() if kind == "Bearer" else None   # as Slack: this case
        return {"method": method, "http": self.command, "token": token,
                "basic": basic(value) if kind == "Basic" else None,
                "query": query, "type": self.headers.get("Content-Type"),
                "agent": self.headers.get("User-Agent"), "conn": self.conn,
                "form": {}, "time": time.time(), "at": time.monotonic(),
                "answer": None, "status": None}

    def form(self, method, body):
        """The arguments, and the warning that Slack adds about the type."""
        kind = (self.headers.get("Content-Type") or "").lower()
        base = kind.split(";")[0].strip()
        if base == FORM:
            args = dict(urllib.parse.parse_qsl(
                body.decode("utf-8", "replace"), keep_blank_values=True))
            return args, "superfluous_charset" if "charset" in kind else None
        if base == "application/json" and method in METHODS \
                and METHODS[method].json:
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

    def carry_out(self, row, problem, warning):
        try:
            if problem:
                raise problem
            if "token" in row["query"]:     # refused in the query
                raise SlackError("not_authed")
            answer = self.fake.world.call(row["method"], row["form"],
                                          row["token"], row["basic"])
        except SlackError as e:
            row["answer"] = e.word
            return {"ok": False, "error": e.word, **e.extra}
        if warning:
            answer["warning"] = ",".join(
                x for x in (answer.get("warning"), warning) if x)
            answer.setdefault("response_metadata", {}).setdefault(
                "warnings", []).append(warning)
        row["answer"] = "ok"
        self.fake.next_page(row, answer)
        return answer

    # -- answers ------------------------------------------------------------

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def begin(self, status, kind, length, headers=()):
        self.row["status"] = status
        self.row["done"] = time.monotonic()     # before anybody reads it
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in dict(headers).items():
            self.send_header(name, str(value))
        self.end_headers()

    def answer(self, status, body, kind="application/json; charset=utf-8",
               headers=()):
        self.begin(status, kind, len(body), headers)
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def good(self, answer):
        headers = {"X-Slack-Req-Id": os.urandom(8).hex()}
        token = self.fake.world.token(self.row.get("token"))
        if token:
            headers["X-OAuth-Scopes"] = ",".join(sorted(token.scopes))
        self.answer(200, as_json(answer), headers=headers)

    def limited(self, retry_after):
        self.row["retry_after"] = retry_after
        self.answer(429, b'{"ok":false,"error":"ratelimited"}', headers={}
                    if retry_after is None else {"Retry-After": retry_after})

    def reset_connection(self):
        self.row["done"] = time.monotonic()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


def basic(value):
    """Id and password of HTTP Basic, or None."""
    try:
        user, _, password = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return None
    return urllib.parse.unquote(user), urllib.parse.unquote(password)
