#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A scriptable fake of Slack: OAuth v2 and the Web API over HTTP.

As a program:
    fakeslack.py [--port N] [--port-file F] [--client-id I] [--client-secret S]
                 [--big USERS,CHANNELS]

As a module, for a test:

    fake = FakeSlack(world).start()     world: default_world() when left out
    fake.url  fake.port  fake.stop()

What was asked, in order; a row has method, form, token, team, page, chain, time,
at (monotonic), fault, answer (Slack's word, or "ok"; None: not carried out),
status, retry_after, done (monotonic, when the answer was out), limited:
    fake.calls(method=None, since=0)    rows; since: an earlier fake.mark()
    fake.mark()
    fake.wait_calls(method, n, since=0, seconds=10)
    fake.refreshes(home=None, since=0)  rows of token refreshes
    fake.reset()                        forget log and faults

What goes wrong (faults.py tells all kinds and how they are aimed):
    fake.fault("chat.postMessage", "reset", effect=True)
    fake.fault("users.list", "ratelimited", page=7, retry_after=2)
    fake.faults.clear()
  and in steps, "hold" stops a call before its effect or (effect=True) after it:
    fake.fault("oauth.v2.access", "hold", effect=True)
    fake.wait_held("oauth.v2.access")   …  fake.release()

Tokens (rotation.py):
    world.teams[T].rotates = True       later installs there rotate
    world.rotation.expires_in = 3, .grace = 30, .survivor = "first", …
    world.chain(T) or world.chain(T, user):
        .expire(seconds=0)  .alive()  .usable()  .refreshes  .current
    world.teams[T].uninstall()          an admin removes the app
    world.teams[T].revoked = "invalid_auth"     the answer to every call
    world.change_secret(keep=86400)     a second client secret is good as well

What Slack knows (state.py, people.py; whole worlds: world.py):
    world.add(T, name, domain)  .teams[T].add(C, name, kind=…, member=…)
    world.teams[T].person(U, name, …)   team=T2: a stranger of a shared channel
    world.add_org(E, name, T, …)        then authorize_team = E installs org-wide
    world.teams[T].granted = False      the org's app may not go there
    world.say(T, C, text, user=U, thread_ts=…, ts=…, …)
    world.pings                         posts that called a crowd
    world.rewrites = True               texts are kept as Slack keeps them
    world.cut_out = {ids}               dropped after a page is cut
    world.list_cap = 20                 no page of a list has more
    world.cursors += 1                  all cursors so far have ended
    world.teams[T].text_limit  .edit_window  .free_since  .limit_required  .hidden
    world.teams[T].channels[C].restricted = "restricted_action"

Limits (limits.py), off at first:
    fake.limits.on = True  .scale = 20  .mode = "minute"  .header = None or "soon"
    fake.limits.rates["users.list"] = 5     .depths["chat.postMessage"] = 1
    world.teams[T].limited = True       the cohort: 1 page a minute, of 15
    fake.limits.early(grace=0.5)        calls before their Retry-After was over
    fake.limits.share(fake.calls("users.list", since))  of the rate: 1.0 is all

Events (events.py), signed with world.signing_secret:
    fake.events.url = daemon.base + "/slack/events"
    fake.events.send(fake.events.verification())        Reply: status, body
    for body in fake.events.uninstall(T):       the tokens end, and two events
        fake.events.deliver(body, waits=(0, 1, 5))      with Slack's retries
    fake.events.team_access(E, False, T, …)     and so it is, in this world
    fake.events.tokens_revoked(T, users=[U], bots=[], event_time=…)
    fake.events.send(body, age=301, secret="…", headers={"X-Slack-Signature": None})

Messages of every kind, by name (talk.py), and a big workspace (bigworld.py):
    talk.say_all(world, T, C)           name -> ts
    big_world(users=20000, channels=5000)

Control over HTTP, JSON in and out:
    GET  /_fake/log[?method=M]     what was asked, in order
    GET  /_fake/messages?channel=C what stands in a channel
    GET  /_fake/world              workspaces and channels (no tokens)
    POST /_fake/script             queue a fault (or a list of them)
    POST /_fake/set                {"team": T, "attribute": value} of a workspace,
                                   {"rotation": true, "attribute": value},
                                   {"limits": true, "attribute": value},
                                   or {"deny": true, "authorize_team": T}
    POST /_fake/expire             {"team": T, "seconds": 0}: its bot's tokens
    POST /_fake/release            let go what a fault holds
    POST /_fake/reset              forget log and faults
"""
import argparse
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bigworld import big_world  # noqa: E402
from events import Events  # noqa: E402
from faults import Faults  # noqa: E402
from limits import Limits  # noqa: E402
from wire import Handler, Server  # noqa: E402
from world import default_world  # noqa: E402


class FakeSlack:
    def __init__(self, world=None, port=0):
        self.world = world or default_world()
        self.faults, self.limits = Faults(), Limits()
        self.log, self.pages = [], {}
        self.events = Events(self.world)
        self.cond = threading.Condition()
        self.connections, self.stopping = 0, threading.Event()
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
        self.stopping.set()
        self.release()
        self.server.shutdown()
        self.server.server_close()

    # -- what was asked -----------------------------------------------------

    def calls(self, method=None, since=0):
        with self.cond:
            return [c for c in self.log[since:]
                    if method in (None, c["method"])]

    def refreshes(self, home=None, since=0):
        return [c for c in self.calls("oauth.v2.access", since)
                if c["form"].get("grant_type") == "refresh_token"
                and home in (None, c["team"])]

    def mark(self):
        with self.cond:
            return len(self.log)

    def wait_calls(self, method, n, since=0, seconds=10):
        """At least n calls of the method came, within so many seconds."""
        return self.wait_rows(n, since, seconds,
                              lambda c: c["method"] == method)

    def wait_held(self, method, n=1, since=0, seconds=30):
        """So many calls of the method are held; a failure, if none comes."""
        found = self.wait_rows(n, since, seconds, lambda c: (
            c["method"] == method and c.get("held")))
        assert len(found) >= n, f"{method}: {len(found)} of {n} are held"
        return found

    def wait_rows(self, n, since, seconds, fits):
        end = time.monotonic() + seconds
        with self.cond:
            while True:
                found = [c for c in self.log[since:] if fits(c)]
                left = end - time.monotonic()
                if len(found) >= n or left <= 0:
                    return found
                self.cond.wait(left)

    def reset(self):
        self.faults.clear()
        with self.cond:
            self.log.clear()

    # -- what goes wrong ------------------------------------------------------

    def fault(self, method, kind, **more):
        self.faults.add({"method": method, "kind": kind, **more})

    def release(self, method=None):
        """Lets go what a hold has stopped."""
        with self.cond:
            for c in self.log:
                if c.get("held") and method in (None, c["method"]):
                    c["held"] = False
            self.cond.notify_all()

    # -- for wire.py and faults.py --------------------------------------------

    def place(self, row):
        """Which workspace, chain and page a call is about."""
        token = self.world.token(row["token"])
        chain = self.world.book.chain_of(row["form"]) or token and token.chain
        row["chain"] = chain and chain.name
        row["team"] = chain and chain.home.id
        cursor = row["form"].get("cursor")
        with self.cond:
            row["page"] = self.pages.get(
                (row["team"], row["method"], cursor)) if cursor else 1

    def next_page(self, row, answer):
        cursor = answer.get("response_metadata", {}).get("next_cursor")
        if cursor:
            with self.cond:
                self.pages[row["team"], row["method"], cursor] = \
                    (row["page"] or 1) + 1

    def record(self, row):
        with self.cond:
            self.log.append(row)
            self.cond.notify_all()
        return row

    def answered(self, row):
        with self.cond:
            row.setdefault("done", time.monotonic())
            self.cond.notify_all()

    def hold(self, row, seconds):
        with self.cond:
            row["held"] = True
            self.cond.notify_all()
            self.cond.wait_for(lambda: not row["held"] or self.stopping.is_set(),
                               seconds)
            row["held"] = False

    def sleep(self, seconds):
        self.stopping.wait(seconds)

    # -- the doors under /_fake/ ----------------------------------------------

    def control(self, what, q, given):
        """The answer, None: there is no such door."""
        door = getattr(self, "door_" + what, None)
        return door and door(q, given)

    def door_log(self, q, _):
        return self.calls(q.get("method"))

    def door_messages(self, q, _):
        return [m for w in self.world.teams.values()
                for c in w.channels.values() if c.id == q.get("channel")
                for m in c.messages]

    def door_world(self, *_):
        return [{"id": w.team_id, "name": w.name, "channels": {
            c.id: c.name for c in w.channels.values()}}
            for w in self.world.teams.values()]

    def door_script(self, _, given):
        for row in given if isinstance(given, list) else [given]:
            self.faults.add(row)
        return {"ok": True}

    def door_set(self, _, given):
        target = self.world
        if "team" in given:
            target = self.world.home(given.pop("team"))
        elif given.pop("rotation", None):
            target = self.world.rotation
        elif given.pop("limits", None):
            target = self.limits
        for name, value in given.items():
            getattr(target, name)           # an unknown one is an error
            setattr(target, name, value)
        return {"ok": True}

    def door_expire(self, _, given):
        self.world.chain(given["team"]).expire(given.get("seconds", 0))
        return {"ok": True}

    def door_release(self, *_):
        self.release()
        return {"ok": True}

    def door_reset(self, *_):
        self.reset()
        return {"ok": True}


def main():
    p = argparse.ArgumentParser(description="a scriptable fake of Slack")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--port-file", help="the port is written here when it serves")
    p.add_argument("--client-id", default="1234567890.1234567890")
    p.add_argument("--client-secret")
    p.add_argument("--big", metavar="USERS,CHANNELS",
                   help="one workspace of so many (20000,5000) instead of two")
    a = p.parse_args()
    app = {"client_id": a.client_id, "client_secret": a.client_secret}
    world = big_world(*map(int, a.big.split(",")), **app) if a.big \
        else default_world(**app)
    fake = FakeSlack(world, a.port)
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
