# SPDX-License-Identifier: ISC
"""Many clients of one daemon at the same time: sessions that begin, list, call, ping
and end, clients that come for one request, that wait long between two on the same
connection, that read and post.  All of it runs in one thread of its own; what fails
is kept with which request it was, on which connection, and why."""
import asyncio
import itertools
import json
import random
import select
import threading
import time

VERSION = "2025-11-25"
HEAD_MAX = 65536
UNKNOWN = "may have been posted"


class Failure:
    """One request that was not answered as it should be."""

    def __init__(self, what, why, conn, began):
        self.what, self.why = what, why
        self.port = conn.port if conn else 0    # 0: no connection was had
        self.idle = conn.idle if conn else 0    # s it had waited before
        self.began, self.ended = began, time.monotonic()

    def __repr__(self):
        return (f"<{self.what} port={self.port} idle={self.idle:.2f} "
                f"took={self.ended - self.began:.2f}: {self.why}>")


class Broken(Exception):
    """The connection ended, or never was."""


class Connection:
    """HTTP/1.1 to one place, kept as long as both sides want."""

    def __init__(self, place):
        self.place = place
        self.reader = self.writer = None
        self.port, self.used, self.idle = 0, 0, 0

    def is_open(self):
        """Whether the other side has ended it is looked at, not tried: an idle
        one that can be read is at its end."""
        if self.writer is None or self.writer.is_closing():
            return False
        poll = select.poll()
        poll.register(self.writer.get_extra_info("socket").fileno(),
                      select.POLLIN | select.POLLRDHUP)
        return not self.reader.at_eof() and not poll.poll(0)

    async def open(self):
        try:
            self.reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", self.place, limit=HEAD_MAX)
        except OSError as e:
            raise Broken(f"connect: {e!r}") from None
        self.port = self.writer.get_extra_info("sockname")[1]
        self.used = time.monotonic()

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def ask(self, method, path, headers, body=b"", keep=True):
        """status, headers (lower case), body."""
        self.idle = time.monotonic() - self.used
        head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1",
                f"Content-Length: {len(body)}",
                *(f"{k}: {v}" for k, v in headers.items())]
        if not keep:
            head.append("Connection: close")
        try:
            self.writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
            await self.writer.drain()
            answer = await self.read()
        except (OSError, EOFError, asyncio.LimitOverrunError) as e:
            self.close()
            raise Broken(f"{type(e).__name__}: {e}") from None
        except BaseException:
            self.close()
            raise
        self.used = time.monotonic()
        if not keep or answer[1].get("connection", "").lower() == "close":
            self.close()
        return answer

    async def read(self):
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode(
            "latin-1").split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        headers = {}
        for line in lines[1:-2]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length") or 0)
        return status, headers, await self.reader.readexactly(length)


class Wrong(Exception):
    """An answer, but not the right one."""


def result(answer):
    status, _, body = answer
    if status != 200:
        raise Wrong(f"{status} {body[:300]!r}")
    said = json.loads(body)
    if "result" not in said:
        raise Wrong(f"no result: {body[:300]!r}")
    return said["result"]


class Client:
    """One legacy session after another, or a single one for ever."""

    def __init__(self, crowd, key, stays):
        self.crowd, self.key, self.stays = crowd, key, stays
        self.conn = Connection(crowd.port)
        self.id = None          # of its session
        self.doubtful = False   # an end was asked for and not answered
        self.ids = itertools.count(1)

    async def post(self, what, method, params=None, keep=True):
        h = {"Authorization": f"Bearer {self.key}",
             "Content-Type": "application/json",
             "Accept": "application/json, text/event-stream"}
        if self.id:
            h["Mcp-Session-Id"], h["MCP-Protocol-Version"] = self.id, VERSION
        m = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            m["params"] = params
        if not method.startswith("notifications/"):
            m["id"] = next(self.ids)
        return await self.ask(what, "POST", h, json.dumps(m).encode(), keep)

    async def ask(self, what, method, headers, body=b"", keep=True):
        """None: it failed, which is written down."""
        began = time.monotonic()
        conn = None
        try:
            async with asyncio.timeout(self.crowd.patience):
                if not self.conn.is_open():
                    self.conn.close()
                    await self.conn.open()
                conn = self.conn
                answer = await conn.ask(method, "/mcp", headers, body, keep)
            return answer
        except (Broken, TimeoutError) as e:
            self.conn.close()
            self.crowd.failed(Failure(what, f"{e!r}", conn, began))
            return None

    async def judged(self, what, asked, judge):
        """True: answered, and as it should be."""
        began = time.monotonic()
        answer = await asked
        if answer is None:
            return False
        try:
            judge(answer)
        except (Wrong, ValueError, KeyError, TypeError) as e:
            self.crowd.failed(Failure(what, f"{e!r}", self.conn, began))
            return False
        self.crowd.good(what)
        return True

    def begun(self, answer):
        result(answer)
        self.id = answer[1]["mcp-session-id"]

    async def begin(self):
        self.id = None
        await self.judged("initialize", self.post("initialize", "initialize", {
            "protocolVersion": VERSION, "capabilities": {},
            "clientInfo": {"name": "crowd", "version": "1"}}), self.begun)

    async def ping(self):
        def judge(answer):
            if result(answer) != {}:
                raise Wrong(answer[2])
        return await self.judged("ping", self.post("ping", "ping"), judge)

    async def list(self):
        def judge(answer):
            if len(result(answer)["tools"]) < 3:
                raise Wrong(answer[2])
        return await self.judged("list", self.post("list", "tools/list"), judge)

    async def tool(self, what, name, *words, **args):
        """Any of the words has to be in the answer; an error of which it is one is
        what was to be expected."""
        def judge(answer):
            r = result(answer)
            text = r["content"][0]["text"]
            if not any(w in text for w in words) or (
                    r.get("isError") and UNKNOWN not in text):
                raise Wrong(answer[2])
        return await self.judged(what, self.post(what, "tools/call", {
            "name": name, "arguments": {"team_id": self.crowd.team, **args}}), judge)

    async def call(self):
        return await self.tool("call", "slack_list_channels", "CAGENERAL1", limit=5)

    async def end(self):
        def judge(answer):
            if answer[0] not in (200, 204):
                raise Wrong(f"{answer[0]} {answer[2][:300]!r}")
        self.doubtful = True
        good = await self.judged("end", self.ask("end", "DELETE", {
            "Authorization": f"Bearer {self.key}", "Mcp-Session-Id": self.id,
            "MCP-Protocol-Version": VERSION}), judge)
        self.id = None
        self.doubtful = not good

    async def live(self):
        steps = (self.ping, self.ping, self.ping, self.list, self.call)
        turns = 0
        while not self.crowd.stopping.is_set():
            await self.crowd.pause()
            if self.crowd.stopping.is_set():
                break
            if self.id is None:
                await self.begin()
            elif not self.stays and turns % 8 == 7:
                await self.end()
            else:
                await random.choice(steps)()
            turns += 1
            if turns % 5 == 0:
                self.conn.close()       # the next one on another
        self.conn.close()

    async def wait_long(self):
        """Every request on the same connection, as long as that lives."""
        while not self.crowd.stopping.is_set():
            if self.id is None:
                await self.begin()
            await self.crowd.pause(1, 6)
            if not self.crowd.stopping.is_set():
                await self.ping()
        self.conn.close()

    async def read(self):
        while not self.crowd.stopping.is_set():
            if self.id is None:
                await self.begin()
            await self.tool("read", "slack_get_channel_history", "line 5",
                            channel_id="CAGENERAL1", limit=10)
            await self.crowd.pause()
        self.conn.close()

    async def write(self):
        while not self.crowd.stopping.is_set():
            if self.id is None:
                await self.begin()
            text = f"posted-{self.id[-8:]}-{next(self.ids)}"
            self.crowd.posts[text] = False
            args = {"text": text, "channel_id": "CARANDOM01", "idempotency_key": text}
            if await self.tool("post", "slack_post_message", "CARANDOM01", **args):
                self.crowd.posts[text] = True
            else:                       # an equal one, which must not post again
                await self.tool("post again", "slack_post_message", "CARANDOM01",
                                UNKNOWN, **args)
            await self.crowd.pause()
        self.conn.close()

    async def once(self):
        """One request a connection: a ping of the newest era."""
        meta = "io.modelcontextprotocol/"
        h = {"Authorization": f"Bearer {self.key}",
             "Content-Type": "application/json",
             "Accept": "application/json, text/event-stream",
             "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list",
                           "params": {"_meta": {
                               meta + "protocolVersion": "2026-07-28",
                               meta + "clientCapabilities": {}}}}).encode()
        while not self.crowd.stopping.is_set():
            await self.crowd.pause()
            await self.judged("once", self.ask("once", "POST", h, body,
                                               keep=False), result)


class Crowd:
    """keys: theirs, by turns.  pause: seconds that each waits at most between two
    requests; patience: for one.  roles: how many of each, by the method of Client;
    live: with a session, every second of them for ever."""

    def __init__(self, port, keys, pause=1.0, patience=60, team="T0ACME0001",
                 **roles):
        self.port, self.team, self.patience = port, team, patience
        self.rest, self.lock = pause, threading.Lock()
        self.failures, self.answered = [], {}
        self.posts = {}         # text -> whether that was said to be posted
        self.stopping = None
        self.clients, self.lives = [], []
        for role, n in roles.items():
            for i in range(n):
                c = Client(self, keys[i % len(keys)], role != "live" or i % 2 == 0)
                self.clients.append(c)
                self.lives.append(getattr(c, role))
        self.staying = [c for c, live in zip(self.clients, self.lives)
                      if c.stays and live != c.once]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)

    async def pause(self, least=0, most=None):
        try:
            await asyncio.wait_for(self.stopping.wait(), random.uniform(
                least, 2 * self.rest if most is None else most))
        except TimeoutError:
            pass

    def failed(self, failure):
        with self.lock:
            self.failures.append(failure)

    def good(self, what):
        with self.lock:
            self.answered[what] = self.answered.get(what, 0) + 1

    def total(self):
        with self.lock:
            return sum(self.answered.values())

    def all_begun(self):
        return all(c.id for c in self.staying)

    def sessions(self):
        """[(id, key)] of those that must live."""
        return [(c.id, c.key) for c in self.clients if c.id and not c.doubtful]

    def run(self):
        async def everybody():
            self.stopping = asyncio.Event()
            await asyncio.gather(*(live() for live in self.lives))
        self.loop.run_until_complete(everybody())
        self.loop.close()

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        """Each ends after its request; the connections are closed."""
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(
                lambda: self.stopping and self.stopping.set())
            self.thread.join(self.patience + 10)
            assert not self.thread.is_alive(), "the crowd does not end"

    def pings(self, port, sessions):
        """Each on a connection of its own; those that do not answer."""
        async def one(c):
            await c.ping()
            c.conn.close()

        async def everybody(clients):
            for i in range(0, len(clients), 50):
                await asyncio.gather(*(one(c) for c in clients[i:i + 50]))
        clients = []
        for sid, key in sessions:
            c = Client(self, key, True)
            c.id, c.conn = sid, Connection(port)
            clients.append(c)
        before = len(self.failures)
        asyncio.run(everybody(clients))
        return self.failures[before:]
