# SPDX-License-Identifier: ISC
"""Slack's rate limits: calls a minute per app, workspace and method, and posts per
channel.  What refuses a call is a 429; who comes again before its Retry-After is
written down."""
import math
import threading
import time

from methods import METHODS

OAUTH = {"oauth.v2.access": 600, "oauth.v2.exchange": 50}
COHORT = ("conversations.history", "conversations.replies")
POST = "chat.postMessage"
POSTS_A_MINUTE = 300        # of a workspace; the row of methods.py is a channel's


class Limits:
    """Settings, and what was counted.  A test sets them at any time."""

    def __init__(self):
        self.on = False         # a cohort's and a scripted 429 count without
        self.scale = 1          # time runs so much faster: 20: a minute is 3 s
        self.mode = "bucket"    # fills evenly; "minute": n from its first call on
        self.rates = {}         # method -> calls a minute instead of Slack's
        self.depths = {POST: 5}     # method -> calls at once (a minute's worth)
        self.header = "exact"   # Retry-After; None: missing; else this text
        self.clock = time.monotonic
        self.state = {}         # key -> Bucket or Minute
        self.blocks = {}        # key -> (monotonic of the 429, its end)
        self.early_rows = []    # calls that came between these two
        self.lock = threading.Lock()

    def lanes(self, world, row):
        """[(key, calls a minute, calls at once)] of what counts this call."""
        method, home = row["method"], world.home(row["team"])
        if method in OAUTH:
            rate, owner = OAUTH[method], "app"
        elif method in METHODS and home is not None:
            rate, owner = METHODS[method].per_minute, home.id
        else:
            return []
        if home is not None and home.limited and method in COHORT:
            return [(f"{owner}:{method}", 1, 1)]
        if not self.on:
            return []
        rate = self.rates.get(method, rate)
        depth = self.depths.get(method, rate)
        if method != POST:
            return [(f"{owner}:{method}", rate, depth)]
        return [(f"{owner}:{method}:{row['form'].get('channel')}", rate, depth),
                (f"{owner}:{method}", POSTS_A_MINUTE, POSTS_A_MINUTE)]

    def refuse(self, world, row):
        """The seconds that a 429 says, or None: the call may go on."""
        with self.lock:
            return self.judge(row, self.lanes(world, row))

    def judge(self, row, lanes):
        now = self.clock()
        when, until = max((self.blocks.get(k, (0, 0)) for k in keys_of(row)),
                          key=lambda b: b[1])
        if now < until:
            row["early"], row["after_429"] = until - now, now - when
            self.early_rows.append(row)
            if lanes:
                return math.ceil(until - now)
        counts = [(self.count(*lane), lane[0]) for lane in lanes]
        wait, key = max(((c.wait(now), k) for c, k in counts), default=(0, None))
        if wait > 0:
            return self.block(key, max(math.ceil(wait), 1))
        for c, _ in counts:
            c.take(now)
        return None

    def count(self, *lane):
        """What counts there; other settings begin anew."""
        how = (self.mode, self.scale, *lane)
        if how not in self.state:
            _, rate, depth = lane
            self.state[how] = MODES[self.mode](rate * self.scale / 60, rate, depth)
        return self.state[how]

    def block(self, key, seconds):
        now = self.clock()
        self.blocks[key] = (now, now + seconds)
        return seconds

    def said(self, row, retry_after):
        """A 429 of a fault: it binds as well."""
        try:
            with self.lock:
                self.block(keys_of(row)[-1], int(retry_after))
        except (TypeError, ValueError):
            pass

    def text(self, seconds):
        """The header of a 429."""
        return str(seconds) if self.header == "exact" else self.header

    # -- what tests ask -------------------------------------------------------

    def early(self, grace=0.5):
        """The calls that came before their Retry-After; those that were on the
        way when the 429 was said, so many seconds, are forgiven."""
        return [r for r in self.early_rows if r["after_429"] > grace]

    def share(self, rows, method=None):
        """How much of the allowed rate these rows of the log used: 1.0 is all of
        it.  They are of one method and one workspace (or channel); what filled
        the bucket before counts too, so leave the first burst out."""
        rows = [r for r in rows if r["method"] == (method or r["method"])]
        taken = sorted(r["at"] for r in rows if not r["limited"])
        if len(taken) < 2:
            return 0.0
        name = rows[0]["method"]
        rate = self.rates.get(name, METHODS[name].per_minute) * self.scale / 60
        return (len(taken) - 1) / ((taken[-1] - taken[0]) * rate)


def keys_of(row):
    """What a 429 of this call may bind, the widest last."""
    method = row["method"]
    key = f"{'app' if method in OAUTH else row['team']}:{method}"
    if method == POST:
        return [f"{key}:{row['form'].get('channel')}", key]
    return [key]


class Bucket:
    """depth calls at once, and then evenly."""

    def __init__(self, per_second, _, depth):
        self.step, self.depth = 1 / per_second, depth
        self.full_at = 0.0          # when all of it has been given back

    def wait(self, now):
        return self.full_at - now - (self.depth - 1) * self.step

    def take(self, now):
        self.full_at = max(self.full_at, now) + self.step


class Minute:
    """Its calls, whenever they come within a minute of the first."""

    def __init__(self, per_second, calls, _):
        self.left, self.calls, self.ends = calls, calls, 0.0
        self.length = calls / per_second

    def wait(self, now):
        return 0 if now >= self.ends or self.left > 0 else self.ends - now

    def take(self, now):
        if now >= self.ends:
            self.ends, self.left = now + self.length, self.calls
        self.left -= 1


MODES = {"bucket": Bucket, "minute": Minute}
